/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_car.c - a CAR reads the same from memory and from a stream that gives
 * it in pieces; what is read and written again reads the same, too. */
#include "ipld/car.h"

#include "base/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct input {
    Bytes bytes;
    size_t at;
};

static Status give(void *context, void *into, size_t len, size_t *got,
                   struct error *err)
{
    struct input *input = context;
    (void)err;
    *got = input->bytes.len - input->at;
    // Sizes that change: 1, 2, … 64 bytes.
    if (*got > 1 + input->at % 64)
        *got = 1 + input->at % 64;
    if (*got > len)
        *got = len;
    if (*got > 0)
        memcpy(into, input->bytes.data + input->at, *got);
    input->at += *got;
    return STATUS_OK;
}

static Status append(void *context, Bytes bytes, struct error *err)
{
    (void)err;
    buffer_add_bytes(context, bytes);
    return STATUS_OK;
}

/* Reads to the end or the first trouble; writes what it reads to `out`. */
static Status read_all(struct car_reader *reader, struct buffer *out,
                       struct error *err)
{
    struct car_header header;
    struct car_block block;
    Status status = car_read_header(reader, &header, err);
    if (status == STATUS_OK)
        status = car_write_header(append, out, header.roots, header.root_count,
                                  err);
    while (status == STATUS_OK) {
        status = car_read_block(reader, &block, err);
        if (status == STATUS_OK)
            status =
                car_write_block(append, out, &block.cid, block.bytes, err);
    }
    car_reader_free(reader);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input input = {{data, len}, 0};
    struct error err = {0}, again_err = {0};
    struct buffer out, again;
    buffer_init(&out, len + 64);
    buffer_init(&again, len + 64);
    Status status = read_all(car_reader_over(bytes_of(data, len)), &out, &err);
    ASSERT(read_all(car_reader_new(give, &input), &again, &again_err) ==
           status);
    ASSERT(bytes_equal(buffer_bytes(&out), buffer_bytes(&again)));
    if (status == STATUS_NOT_FOUND) {
        buffer_clear(&again);
        ASSERT(read_all(car_reader_over(buffer_bytes(&out)), &again, &err) ==
               status);
        ASSERT(bytes_equal(buffer_bytes(&out), buffer_bytes(&again)));
    } else {
        ASSERT(err.message[0] != '\0' && err.offset <= len);
        ASSERT(again_err.offset == err.offset);
    }
    buffer_deinit(&out);
    buffer_deinit(&again);
    return 0;
}
