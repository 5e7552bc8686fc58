/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_content_ask.c - lines of a request for content: Accept, format,
 * dag-scope, entity-bytes, car-version, car-order, car-dups. Whatever they
 * say, no byte outside of a file is ever asked for. */
#include "http/content_ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static Text next_line(Bytes *rest)
{
    const uint8_t *end =
        rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    const size_t len = end ? (size_t)(end - rest->data) : rest->len;
    const Text line = bytes_text(bytes_of(rest->data, len));
    *rest = bytes_from(*rest, end ? len + 1 : len);
    return line;
}

static void check_entity(const struct entity_bytes *entity, uint64_t size)
{
    struct byte_range range;
    if (entity_bytes_resolve(entity, size, &range))
        ASSERT(range.from <= size && range.len <= size - range.from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint64_t sizes[] = {0, 1, 1000, INT64_MAX, UINT64_MAX};
    Bytes rest = bytes_of(data, len);
    struct content_words words;
    struct content_ask ask;
    struct error err = {0};
    words.accept = next_line(&rest);
    words.format = next_line(&rest);
    words.dag_scope = next_line(&rest);
    words.entity_bytes = next_line(&rest);
    words.car_version = next_line(&rest);
    words.car_order = next_line(&rest);
    words.car_dups = next_line(&rest);
    if (content_ask_read(&words, &ask, &err) != STATUS_OK)
        ASSERT(err.message[0] != '\0');
    else
        ASSERT(!ask.has_bytes || ask.scope == SCOPE_ENTITY);
    for (size_t index = 0; index < sizeof sizes / sizeof *sizes; index++) {
        if (ask.has_bytes)
            check_entity(&ask.bytes, sizes[index]);
    }
    return 0;
}
