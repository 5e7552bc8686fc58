/* SPDX-License-Identifier: Apache-2.0 */
/* dag.h - blocks that link others, for tests of what is kept. Thread: one. */
#ifndef IPVM_TESTS_STORE_DAG_H
#define IPVM_TESTS_STORE_DAG_H

#include "fixture.h"

enum { DAG_LINKS_MAX = 20, DAG_BYTES_MAX = 8 + DAG_LINKS_MAX * 41 };

struct dag_block {
    Cid cid;
    uint8_t bytes[DAG_BYTES_MAX];
    size_t len;
};

/* dag-cbor: [number, link, …]; of CIDs of our length. */
void dag_make(uint32_t number, const Cid *links, size_t count,
              struct dag_block *out);
/* Adds it to a batch. */
void dag_add(struct store_batch *batch, const struct dag_block *block);
/* Makes it and commits it. */
Cid dag_put(struct store *store, uint32_t number, const Cid *links,
            size_t count);

void pin(struct store *store, const Cid *cid);
void unpin(struct store *store, const Cid *cid);

#endif
