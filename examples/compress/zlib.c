/* SPDX-License-Identifier: Apache-2.0 */
/* zlib.c - a real library as pure functions: zlib, with the IPVM ABI.
 *
 *     deflate(bytes, level)  → bytes, in zlib format (RFC 1950)
 *     inflate(bytes)         → bytes, or an error
 *     crc32(bytes)           → number
 */
#include "ipvm_guest.h"

#include <zlib.h>

enum { INFLATED_MAX = 256 << 20 };

/* Text may be compressed as well as bytes. */
static IpvmBytes read_input(IpvmReader *in)
{
    return ipvm_peek(in) == IPVM_TEXT ? ipvm_read_text(in)
                                      : ipvm_read_bytes(in);
}

IPVM_EXPORT(deflate)
{
    IpvmReader in = ipvm_arguments(data, len);
    IpvmBytes input = read_input(&in);
    int64_t level = in.left > 0 ? ipvm_read_int(&in) : 6;
    if (in.failed || in.left != 0 || level < 0 || level > 9)
        return ipvm_error("deflate takes bytes and a level from 0 to 9");
    uLongf room = compressBound(input.len);
    uint8_t *packed = ipvm_alloc((uint32_t)room);
    if (compress2(packed, &room, input.data, input.len, (int)level) != Z_OK)
        return ipvm_error("zlib could not compress it");
    IpvmWriter out = ipvm_begin_ok();
    ipvm_write_bytes(&out, packed, room);
    return ipvm_end(&out);
}

IPVM_EXPORT(inflate)
{
    IpvmReader in = ipvm_arguments(data, len);
    IpvmBytes input = ipvm_read_bytes(&in);
    if (in.failed || in.left != 0)
        return ipvm_error("inflate takes bytes");
    for (uLongf room = input.len * 4 + 1024;; room *= 4) {
        uLongf got = room;
        uint8_t *plain = ipvm_alloc((uint32_t)room);
        int status = uncompress(plain, &got, input.data, input.len);
        if (status == Z_OK) {
            IpvmWriter out = ipvm_begin_ok();
            ipvm_write_bytes(&out, plain, got);
            return ipvm_end(&out);
        }
        free(plain);
        if (status != Z_BUF_ERROR || room > INFLATED_MAX)
            return ipvm_error(status == Z_BUF_ERROR
                                  ? "it is larger than 256 MiB, or cut off"
                                  : "it is not in zlib's format");
    }
}

IPVM_EXPORT(crc32)
{
    IpvmReader in = ipvm_arguments(data, len);
    IpvmBytes input = read_input(&in);
    if (in.failed || in.left != 0)
        return ipvm_error("crc32 takes bytes");
    IpvmWriter out = ipvm_begin_ok();
    ipvm_write_int(&out, (int64_t)crc32(0, input.data, (uInt)input.len));
    return ipvm_end(&out);
}
