/* SPDX-License-Identifier: Apache-2.0 */
/* rows.h - rows of a table as they are now, copied: whoever goes through them
 * may use the store, which a transaction of ours would forbid. Inside
 * src/store only. Thread: any. */
#ifndef IPVM_STORE_ROWS_H
#define IPVM_STORE_ROWS_H

#include "store/store_private.h"

struct row {
    Bytes key, value; /* without its checksum */
    struct row *next;
};

struct rows {
    struct arena arena; /* owned; to be given back with arena_deinit() */
    struct row *first, **last;
};

/* Waits for everything under way, so that the list is whole. Rows whose
 * checksum is wrong are not there. */
Status rows_read(struct store *store, enum table table, Bytes prefix,
                 struct rows *out, struct error *err);
/* The same without waiting: what is durable. */
Status rows_read_durable(struct store *store, enum table table, Bytes prefix,
                         struct rows *out, struct error *err);

#endif
