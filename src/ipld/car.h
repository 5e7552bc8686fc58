/* SPDX-License-Identifier: Apache-2.0 */
/* car.h - CAR files: blocks one behind the other, with the roots in front
 * (ipld.io CARv1 and CARv2). The format only: no files, nothing is hashed.
 *
 *     v1   length | header {"roots": [Link, …], "version": 1}
 *          length | CID | bytes of the block       a section, any number
 *     v2   pragma (11) | where the v1 lies (40) | … | a whole v1 | … | index
 *
 * Lengths are minimal varints. Of a v2 its v1 is read and nothing else: not
 * what is around it, and not its index. Constant memory: a window that holds
 * one section. Thread: one at a time.
 */
#ifndef IPVM_IPLD_CAR_H
#define IPVM_IPLD_CAR_H

#include "ipld/cid.h"

enum {
    CAR_HEADER_MAX = 1 << 20, /* bytes; some 26,000 roots */
    CAR_BLOCK_MAX = 2 << 20,  /* bytes of a block; what a store takes */
};

/* What is not known before the input ends. */
#define CAR_NO_END UINT64_MAX

struct car_header {
    unsigned version; /* of the file: 1 or 2 */
    const Cid *roots; /* may be none; they need not be in the file */
    size_t root_count;
    uint64_t start; /* of the v1 in the file: 0 in a v1 */
    uint64_t end;   /* behind its last byte; CAR_NO_END in a v1 */
};

struct car_block {
    Cid cid;
    Bytes bytes;      /* not hashed; borrowed until the next call */
    uint64_t offset;  /* of `bytes` in the file */
    uint64_t section; /* of the section's length in the file */
};

/* --- Reading ------------------------------------------------------------- */

/* Fills up to `len` bytes; `*got` 0 is the end of the input. */
typedef Status CarRead(void *context, void *into, size_t len, size_t *got,
                       struct error *err);

struct car_reader;
struct car_reader *car_reader_new(CarRead *read, void *context);
/* The same over memory, which is borrowed as long as the reader lives; nothing
 * is copied, and of a block's bytes nothing is touched: fit for mapped files.
 */
struct car_reader *car_reader_over(Bytes bytes);
/* NULL is allowed. */
void car_reader_free(struct car_reader *reader);

/* First, once. The roots are the reader's. STATUS_INVALID: not a CAR file, or
 * cut off. STATUS_UNSUPPORTED: another version. STATUS_LIMIT: the header, or a
 * root in it, is too long. `err->offset` is a position in the file. */
Status car_read_header(struct car_reader *reader, struct car_header *out,
                       struct error *err);
/* Then until STATUS_NOT_FOUND, which is the end. STATUS_INVALID, STATUS_LIMIT:
 * a section that is cut off, lies, or is too long; the message names it by its
 * CID where it has one, and `err->offset` is where it begins. No calls after a
 * failure. */
Status car_read_block(struct car_reader *reader, struct car_block *out,
                      struct error *err);
/* How far it has read: a position in the file. */
uint64_t car_reader_offset(const struct car_reader *reader);

/* --- Writing: v1 --------------------------------------------------------- */

typedef Status CarWrite(void *context, Bytes bytes, struct error *err);

/* First, once. STATUS_LIMIT: more roots than a reader would take. */
Status car_write_header(CarWrite *write, void *context, const Cid *roots,
                        size_t count, struct error *err);
/* Then each block. STATUS_LIMIT: it is longer than CAR_BLOCK_MAX. */
Status car_write_block(CarWrite *write, void *context, const Cid *cid,
                       Bytes bytes, struct error *err);

#endif
