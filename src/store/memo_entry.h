/* SPDX-License-Identifier: Apache-2.0 */
/* memo_entry.h - a memo entry as bytes (docs/formats/store.md). Inside
 * src/store only. Thread: any. */
#ifndef IPVM_STORE_MEMO_ENTRY_H
#define IPVM_STORE_MEMO_ENTRY_H

#include "store/store.h"

enum { MEMO_ENTRY_BYTES_MAX = 4 + CID_BYTES_MAX + 8 * 8 + 1 + 63 };

/* Returns the length. */
size_t memo_entry_write(const struct memo_entry *entry,
                        uint8_t out[MEMO_ENTRY_BYTES_MAX]);

/* False: not an entry, or one of a newer version. */
bool memo_entry_read(Bytes bytes, struct memo_entry *out);

#endif
