/* SPDX-License-Identifier: Apache-2.0 */
/* car_slab.h - puts many small blocks of a CAR into the order of their names.
 *
 * The tables are sorted: a transaction writes each page again that it adds to,
 * and blocks in the order of a CAR add to all pages. So where blocks lie is
 * noted for a slab of them, sorted, and then they are read. Thread: one at a
 * time. */
#ifndef IPVM_CONTENT_CAR_SLAB_H
#define IPVM_CONTENT_CAR_SLAB_H

#include "content/verifier.h"
#include "ipld/car.h"

struct car_slab;
/* Some 40 MiB, as far as they are used. */
struct car_slab *car_slab_new(void);
/* NULL is allowed. */
void car_slab_free(struct car_slab *slab);

bool car_slab_is_full(const struct car_slab *slab);
void car_slab_add(struct car_slab *slab, const struct car_block *block);
/* Reads the blocks from `file`, where the CAR begins at `start`, gives them to
 * `verifier` in order, and empties the slab. STATUS_INVALID: what is there now
 * is not what was noted. Else fails as verifier_add(), or STATUS_IO. */
Status car_slab_give(struct car_slab *slab, int file, uint64_t start,
                     struct verifier *verifier, struct error *err);

#endif
