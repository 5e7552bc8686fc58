/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_container.c - what is read is in order and within its bounds; written
 * again in the same form, without gzip to the same bytes. */
#include "ucan/container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void write_again(Bytes bytes, const Bytes *tokens, size_t count)
{
    const ContainerForm form = (ContainerForm)bytes.data[0];
    struct arena arena = {0};
    struct buffer out;
    Bytes *again;
    size_t count_again;
    buffer_init(&out, 8 << 20);
    ASSERT(container_write(form, tokens, count, &out, NULL) == STATUS_OK);
    if (form == CONTAINER_RAW || form == CONTAINER_BASE64 ||
        form == CONTAINER_BASE64URL)
        ASSERT(bytes_equal(buffer_bytes(&out), bytes));
    ASSERT(container_read(buffer_bytes(&out), &arena, &again, &count_again,
                          NULL) == STATUS_OK);
    ASSERT(count_again == count);
    for (size_t index = 0; index < count; index++)
        ASSERT(bytes_equal(again[index], tokens[index]));
    buffer_deinit(&out);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = {0};
    struct error err = {0};
    Bytes *tokens;
    size_t count;
    if (container_read(bytes_of(data, len), &arena, &tokens, &count, &err) ==
        STATUS_OK) {
        size_t total = 0;
        ASSERT(count <= CONTAINER_TOKENS_MAX);
        for (size_t index = 0; index < count; index++) {
            ASSERT(index == 0 ||
                   bytes_compare(tokens[index - 1], tokens[index]) < 0);
            total += tokens[index].len;
        }
        ASSERT(total <= CONTAINER_BYTES_MAX);
        write_again(bytes_of(data, len), tokens, count);
    } else {
        ASSERT(err.message[0] != '\0');
    }
    arena_deinit(&arena);
    return 0;
}
