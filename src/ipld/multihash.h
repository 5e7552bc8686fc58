/* SPDX-License-Identifier: Apache-2.0 */
/* multihash.h - a digest that says which function made it (multiformats).
 *
 *     code varint | length varint | digest
 *
 * Thread: any. */
#ifndef IPVM_IPLD_MULTIHASH_H
#define IPVM_IPLD_MULTIHASH_H

#include "base/bytes.h"
#include "base/status.h"

struct multihash {
    uint64_t code;
    Bytes digest; /* borrowed; may be shorter than the function's output */
};

/* Reads a multihash that fills `bytes`. Any code and length: well-formedness
 * only. STATUS_INVALID with the offset of the trouble. */
Status multihash_read(Bytes bytes, struct multihash *out, struct error *err);

/* STATUS_OK if `bytes` have this digest; STATUS_CORRUPT if not;
 * STATUS_UNSUPPORTED for a function we do not have, and for a digest that is
 * cut short: fewer bits are no longer a name that nobody else can make. */
Status multihash_verify(const struct multihash *hash, Bytes bytes,
                        struct error *err);

#endif
