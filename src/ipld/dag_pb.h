/* SPDX-License-Identifier: Apache-2.0 */
/* dag_pb.h - the strict DAG-PB codec (ipld.io DAG-PB specification): links
 * with names and sizes, and some bytes.
 *
 *     node   { links (field 2) …, data (field 1) }
 *     link   { cid (1), name (2), tsize (3) }    in this order
 *
 * Thread: any. */
#ifndef IPVM_IPLD_DAG_PB_H
#define IPVM_IPLD_DAG_PB_H

#include "base/buffer.h"
#include "ipld/value.h"

struct dag_pb_link {
    Bytes cid; /* well-formed */
    bool has_name;
    bool has_tsize;
    Text name;      /* valid UTF-8 */
    uint64_t tsize; /* bytes of all blocks below, as somebody claims */
};

struct dag_pb_node {
    const struct dag_pb_link *links;
    size_t count;
    bool has_data;
    Bytes data;
};

/* Decodes a node that fills `bytes`; the links are in `arena` and borrow from
 * `bytes`. Data may stand before or behind the links, never between.
 * STATUS_INVALID with the offset: fields out of order, twice, unknown or with
 * another wire type, a link without a CID, varints not in shortest form. */
Status dag_pb_decode(Bytes bytes, struct arena *arena, struct dag_pb_node *out,
                     struct error *err);

/* Appends the canonical form: the links in the order given (sorted by name is
 * the caller's part), then data. */
void dag_pb_encode(const struct dag_pb_node *node, struct buffer *out);

/* A node in the data model: {"Data"?: bytes, "Links": [{"Hash": link,
 * "Name"?: text, "Tsize"?: int}]}. */
Value dag_pb_to_value(const struct dag_pb_node *node, struct arena *arena);

/* The reverse. STATUS_INVALID: not that form exactly, or links not sorted by
 * name, which the encoded form would not keep. */
Status dag_pb_from_value(const Value *value, struct arena *arena,
                         struct dag_pb_node *out, struct error *err);

#endif
