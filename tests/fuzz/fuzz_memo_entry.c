/* SPDX-License-Identifier: Apache-2.0 */
/* A memo entry read from any bytes is written back as the same bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "store/memo_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct memo_entry entry;
    uint8_t again[MEMO_ENTRY_BYTES_MAX];
    if (memo_entry_read(bytes_of(data, len), &entry))
        ASSERT(bytes_equal(bytes_of(again, memo_entry_write(&entry, again)),
                           bytes_of(data, len)));
    return 0;
}
