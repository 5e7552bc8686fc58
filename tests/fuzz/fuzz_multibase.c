/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_multibase.c - what decodes encodes to the same text, but for its case,
 * and bytes survive every base. */
#include "ipld/multibase.h"

#include <stdlib.h>

#include "base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool equal_but_case(char a, char b)
{
    bool is_letter = (a | 0x20) >= 'a' && (a | 0x20) <= 'z';
    return a == b || (is_letter && (a ^ b) == 0x20);
}

static void check_text(Text text)
{
    uint8_t *bytes = heap_alloc(text.len);
    size_t len;
    if (multibase_decode(text, bytes, &len, NULL) == STATUS_OK) {
        char *again = heap_alloc(multibase_length_max(text.data[0], len));
        size_t again_len =
            multibase_encode(text.data[0], bytes_of(bytes, len), again);
        ASSERT(again_len == text.len);
        for (size_t index = 0; index < again_len; index++)
            ASSERT(equal_but_case(again[index], text.data[index]));
        free(again);
    }
    free(bytes);
}

static void check_bytes(Bytes bytes)
{
    for (const char *base = "bBzkfFmMuU"; *base; base++) {
        size_t max = multibase_length_max(*base, bytes.len);
        char *text = heap_alloc(max);
        size_t len = multibase_encode(*base, bytes, text), back_len;
        ASSERT(len <= max);
        uint8_t *back = heap_alloc(len);
        ASSERT(multibase_decode((Text){text, len}, back, &back_len, NULL) ==
               STATUS_OK);
        ASSERT(bytes_equal(bytes_of(back, back_len), bytes));
        free(back);
        free(text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    check_text((Text){(const char *)data, len});
    if (len < 1000)
        check_bytes(bytes_of(data, len));
    return 0;
}
