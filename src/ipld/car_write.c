/* SPDX-License-Identifier: Apache-2.0 */
/* car_write.c - writing a CARv1. */
#include "ipld/car.h"
#include "ipld/dag_cbor.h"
#include "ipld/varint.h"

Status car_write_header(CarWrite *write, void *context, const Cid *roots,
                        size_t count, struct error *err)
{
    struct buffer header;
    uint8_t len[VARINT_MAX];
    buffer_init(&header, CAR_HEADER_MAX);
    cbor_add_map(&header, 2);
    cbor_add_text(&header, TEXT("roots"));
    cbor_add_list(&header, count);
    for (size_t index = 0; index < count; index++)
        cbor_add_link(&header, cid_bytes(&roots[index]));
    cbor_add_text(&header, TEXT("version"));
    cbor_add_uint(&header, 1);
    Status status = buffer_status(&header, "the header of a CAR", err);
    if (status == STATUS_OK)
        status =
            write(context, bytes_of(len, varint_write(header.len, len)), err);
    if (status == STATUS_OK)
        status = write(context, buffer_bytes(&header), err);
    buffer_deinit(&header);
    return status;
}

Status car_write_block(CarWrite *write, void *context, const Cid *cid,
                       Bytes bytes, struct error *err)
{
    uint8_t front[VARINT_MAX + CID_BYTES_MAX];
    if (bytes.len > CAR_BLOCK_MAX)
        return fail(err, STATUS_LIMIT,
                    "a block of %zu bytes is more than the %d of a CAR",
                    bytes.len, CAR_BLOCK_MAX);
    size_t len = varint_write(cid->len + bytes.len, front);
    memcpy(front + len, cid->bytes, cid->len);
    TRY(write(context, bytes_of(front, len + cid->len), err));
    return write(context, bytes, err);
}
