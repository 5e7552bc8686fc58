/* SPDX-License-Identifier: Apache-2.0 */
/* dag_cbor.h - the strict DAG-CBOR codec (FORMATS section 1; ipld.io DAG-CBOR
 * specification). What decodes re-encodes to the same bytes. Thread: any. */
#ifndef IPVM_IPLD_DAG_CBOR_H
#define IPVM_IPLD_DAG_CBOR_H

#include "base/buffer.h"
#include "ipld/value.h"

/* Decodes one value that fills `bytes`. The tree is in `arena`, its bytes,
 * texts and links borrow from `bytes`. STATUS_INVALID with the offset of the
 * byte that breaks the rule; STATUS_LIMIT for depth (CODEC_DEPTH_MAX). */
Status dag_cbor_decode(Bytes bytes, struct arena *arena, Value *out,
                       struct error *err);

/* The same for a value of which it is known that it has few members, in all its
 * lists and maps together: STATUS_LIMIT before there is room for more. */
Status dag_cbor_decode_few(Bytes bytes, size_t items_max, struct arena *arena,
                           Value *out, struct error *err);

/* Told each link, in the order they are written; a status other than OK ends
 * it. `cid` is a well-formed binary CID of any length, borrowed. */
typedef Status CborLink(void *context, Bytes cid, struct error *err);
/* Refuses what dag_cbor_decode() refuses, builds nothing. What is malformed
 * may have told links before that is found out. */
Status dag_cbor_links(Bytes bytes, CborLink *each, void *context,
                      struct error *err);

/* Appends the one encoding of `value`. Check buffer_status() after a row. */
void dag_cbor_encode(const Value *value, struct buffer *out);

/* Length of the encoding, in bytes. */
size_t dag_cbor_length(const Value *value);

/* Encodes and names: cid is dag-cbor, sha2-256. The bytes are in `arena`. */
Bytes dag_cbor_block(const Value *value, struct arena *arena, Cid *cid);

/* --- Writing piece by piece, for encoders that have no tree. ------------ */
void cbor_add_null(struct buffer *out);
void cbor_add_bool(struct buffer *out, bool boolean);
void cbor_add_uint(struct buffer *out, uint64_t number);
void cbor_add_int(struct buffer *out, int64_t number);
void cbor_add_float(struct buffer *out, double number);
void cbor_add_text(struct buffer *out, Text text);
void cbor_add_bytes(struct buffer *out, Bytes bytes);
void cbor_add_link(struct buffer *out, Bytes cid);
void cbor_add_list(struct buffer *out, size_t count);
/* The caller adds keys as texts, in canonical order. */
void cbor_add_map(struct buffer *out, size_t count);

#endif
