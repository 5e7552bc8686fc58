/* SPDX-License-Identifier: Apache-2.0 */
/* codec.h - what a block means by the codec in its CID.
 *
 *     raw        a value that is bytes; no links
 *     dag-cbor   a value
 *     dag-json   a value
 *     dag-pb     {"Data"?: bytes, "Links": [ … ]}
 *
 * Always strict: what a codec forbids is refused. What decodes as dag-cbor is
 * encoded to the same bytes; dag-json may have blanks and keys in any order,
 * dag-pb data in front of its links. Blocks of other codecs are bytes that
 * nobody here looks into. Thread: any. */
#ifndef IPVM_IPLD_CODEC_H
#define IPVM_IPLD_CODEC_H

#include "base/buffer.h"
#include "ipld/value.h"

/* The name in the multicodec table, or NULL where we know none. */
const char *codec_name(uint64_t codec);
/* False: no such name. Known are also names of codecs we cannot decode. */
bool codec_from_name(Text name, uint64_t *out);
/* True for the four above. */
bool codec_is_known(uint64_t codec);

/* STATUS_UNSUPPORTED: not one of the four, says which. The tree is in `arena`
 * and borrows from `block`. */
Status codec_decode(uint64_t codec, Bytes block, struct arena *arena,
                    Value *out, struct error *err);
/* Appends the one encoding. STATUS_INVALID: the codec cannot say this value.
 */
Status codec_encode(uint64_t codec, const Value *value, struct buffer *out,
                    struct error *err);

/* Called with each link of a block, in the order they are written, as often as
 * they stand there; a status other than OK ends it. `cid` is a well-formed
 * binary CID of any length, borrowed from the block. */
typedef Status CodecLink(void *context, Bytes cid, struct error *err);
/* Unknown codecs have no links. Refuses what codec_decode() refuses; some links
 * may have been told before that is found out. Builds no tree for dag-cbor. */
Status codec_links(uint64_t codec, Bytes block, CodecLink *each, void *context,
                   struct error *err);

#endif
