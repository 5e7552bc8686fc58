/* SPDX-License-Identifier: Apache-2.0 */
/* name.h - what a row of names holds: a name's versions, newest first. Inside
 * src/store only. Thread: any; name_apply() the one that writes. */
#ifndef IPVM_STORE_NAME_H
#define IPVM_STORE_NAME_H

#include "store/store.h"
#include "store/tables.h"

/* One version: when it was set, and to what. */
struct name_version {
    int64_t set_s;
    Cid cid;
};

/* Takes the newest one off `*row`. False at the end, or where it cannot be
 * read: `row->len` is 0 in the first case. */
bool name_version_read(Bytes *row, struct name_version *out);

/* Puts a version before the others, unless it is what the name is already. */
Status name_apply(struct transaction *transaction, Bytes name, Bytes version,
                  struct error *err);

#endif
