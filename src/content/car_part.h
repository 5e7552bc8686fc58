/* SPDX-License-Identifier: Apache-2.0 */
/* car_part.h - a part of a DAG as a CARv1, piece by piece as somebody takes
 * it: the blocks of a way, then what lies below its end, depth first.
 *
 *     header | way, from its root on | end | what is below, as far as wanted
 *
 * A block that was met before is not given again, unless that is asked for.
 * Identity CIDs are never given: they answer for themselves. Memory: one block,
 * the links of those on the way down, and 16 to 43 bytes a block met.
 * Thread: one at a time; the store's. */
#ifndef IPVM_CONTENT_CAR_PART_H
#define IPVM_CONTENT_CAR_PART_H

#include "ipld/car.h"
#include "store/store.h"

typedef enum {
    PART_ALL,    /* every block below */
    PART_ENTITY, /* of a file all of it, of a directory what lists it */
    PART_BLOCK   /* only the end of the way */
} CarPartScope;

struct car_part_options {
    const Cid *way; /* copied */
    size_t way_count;
    Cid root; /* the end of the way, and the root of the header */
    CarPartScope scope;
    /* Of a file, with PART_ENTITY: the blocks that `len` bytes from `from`
     * stand in. len UINT64_MAX: to its end. */
    uint64_t from, len;
    bool repeat; /* a block as often as it is met */
};

struct car_part;
struct car_part *car_part_new(struct store *store,
                              const struct car_part_options *options);
/* NULL is allowed. */
void car_part_free(struct car_part *part);

/* The next piece, borrowed until the next call; empty: that was all.
 * STATUS_NOT_FOUND, STATUS_CORRUPT, STATUS_INVALID: a block, named.
 * STATUS_LIMIT: too many links wait to be followed. No calls after a
 * failure but car_part_free(). */
Status car_part_next(struct car_part *part, Bytes *out, struct error *err);

/* For those who may have to wait long until they can go on: gives back the
 * blocks in hand. Then the piece that was given last is gone, and to be had
 * again, the same, with car_part_again(); fails as car_part_next(). */
void car_part_rest(struct car_part *part);
Status car_part_again(struct car_part *part, Bytes *out, struct error *err);
/* True: that piece is a block, which may be read from the store in parts. */
bool car_part_is_block(const struct car_part *part, Cid *out);

#endif
