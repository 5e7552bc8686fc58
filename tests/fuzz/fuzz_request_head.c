/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_request_head.c - what was read is inside of the bytes, and is not read
 * from fewer of them. */
#include "homestar/frame.h"
#include "homestar/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_inside(Text text, const uint8_t *data, size_t len)
{
    const uint8_t *at = (const uint8_t *)text.data;
    ASSERT(text.len == 0 || (at >= data && at + text.len <= data + len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct head head, less;
    char accept[FRAME_ACCEPT_LEN];
    size_t head_len, other;
    if (head_read(bytes_of(data, len), &head, &head_len, NULL) != STATUS_OK)
        return 0;
    ASSERT(head_len <= len && head_len >= 4);
    check_inside(head.method, data, head_len);
    check_inside(head.target, data, head_len);
    check_inside(head.host, data, head_len);
    check_inside(head.key, data, head_len);
    ASSERT(head_read(bytes_of(data, head_len - 1), &less, &other, NULL) ==
           STATUS_NOT_FOUND);
    if (head_origin_is_loopback(head.origin))
        ASSERT(head.origin.len > 0);
    IGNORE(frame_accept(head.key, accept, NULL));
    return 0;
}
