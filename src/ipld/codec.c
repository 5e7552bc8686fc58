/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/codec.h"

#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "ipld/dag_pb.h"

/* What the multicodec table tags as ipld or serialization, by code. */
static const struct {
    uint64_t code;
    const char *name;
} names[] = {
    {0x50, "protobuf"},
    {0x51, "cbor"},
    {CODEC_RAW, "raw"},
    {0x60, "rlp"},
    {0x63, "bencode"},
    {CODEC_DAG_PB, "dag-pb"},
    {CODEC_DAG_CBOR, "dag-cbor"},
    {CODEC_LIBP2P_KEY, "libp2p-key"},
    {0x78, "git-raw"},
    {0x7b, "torrent-info"},
    {0x7c, "torrent-file"},
    {0x80, "blake3-hashseq"},
    {0x81, "leofcoin-block"},
    {0x82, "leofcoin-tx"},
    {0x83, "leofcoin-pr"},
    {0x85, "dag-jose"},
    {0x86, "dag-cose"},
    {0x90, "eth-block"},
    {0x91, "eth-block-list"},
    {0x92, "eth-tx-trie"},
    {0x93, "eth-tx"},
    {0x94, "eth-tx-receipt-trie"},
    {0x95, "eth-tx-receipt"},
    {0x96, "eth-state-trie"},
    {0x97, "eth-account-snapshot"},
    {0x98, "eth-storage-trie"},
    {0x99, "eth-receipt-log-trie"},
    {0x9a, "eth-receipt-log"},
    {0xb0, "bitcoin-block"},
    {0xb1, "bitcoin-tx"},
    {0xb2, "bitcoin-witness-commitment"},
    {0xc0, "zcash-block"},
    {0xc1, "zcash-tx"},
    {0xd0, "stellar-block"},
    {0xd1, "stellar-tx"},
    {0xe0, "decred-block"},
    {0xe1, "decred-tx"},
    {0xf0, "dash-block"},
    {0xf1, "dash-tx"},
    {0xfa, "swarm-manifest"},
    {0xfb, "swarm-feed"},
    {0xfc, "beeson"},
    {CODEC_DAG_JSON, "dag-json"},
    {0x1f0, "swhid-1-snp"},
    {0x200, "json"},
    {0x201, "messagepack"},
    {0x202, "car"},
    {0x210, "x509-certificate"},
    {0x300, "ipns-record"},
    {0x400, "car-index-sorted"},
    {0x401, "car-multihash-index-sorted"},
    {0x1208, "provenance-log"},
    {0x1209, "provenance-log-entry"},
    {0x120a, "provenance-log-script"},
    {0xb403, "rdfc-1"},
    {0xb501, "ssz"},
    {0xb601, "json-jcs"},
    {0xf101, "fil-commitment-unsealed"},
    {0xf102, "fil-commitment-sealed"},
};

const char *codec_name(uint64_t codec)
{
    for (size_t index = 0; index < sizeof names / sizeof *names; index++)
        if (names[index].code == codec)
            return names[index].name;
    return NULL;
}

bool codec_from_name(Text name, uint64_t *out)
{
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
        if (text_equal(text_of(names[index].name), name)) {
            *out = names[index].code;
            return true;
        }
    }
    return false;
}

bool codec_is_known(uint64_t codec)
{
    return codec == CODEC_RAW || codec == CODEC_DAG_PB ||
           codec == CODEC_DAG_CBOR || codec == CODEC_DAG_JSON;
}

static Status fail_unknown(uint64_t codec, struct error *err)
{
    const char *name = codec_name(codec);
    return fail(err, STATUS_UNSUPPORTED,
                "codec 0x%llx%s%s%s is not one of raw, dag-pb, dag-cbor, "
                "dag-json",
                (unsigned long long)codec, name ? " (" : "", name ? name : "",
                name ? ")" : "");
}

Status codec_decode(uint64_t codec, Bytes block, struct arena *arena,
                    Value *out, struct error *err)
{
    struct dag_pb_node node;
    switch (codec) {
    case CODEC_RAW:
        *out = value_bytes(block);
        return STATUS_OK;
    case CODEC_DAG_CBOR:
        return dag_cbor_decode(block, arena, out, err);
    case CODEC_DAG_JSON:
        return dag_json_decode(block, arena, out, err);
    case CODEC_DAG_PB:
        TRY(dag_pb_decode(block, arena, &node, err));
        *out = dag_pb_to_value(&node, arena);
        return STATUS_OK;
    default:
        return fail_unknown(codec, err);
    }
}

static Status encode_dag_pb(const Value *value, struct buffer *out,
                            struct error *err)
{
    struct arena arena = {0};
    struct dag_pb_node node;
    Status status = dag_pb_from_value(value, &arena, &node, err);
    if (status == STATUS_OK)
        dag_pb_encode(&node, out);
    arena_deinit(&arena);
    return status;
}

Status codec_encode(uint64_t codec, const Value *value, struct buffer *out,
                    struct error *err)
{
    Status status = STATUS_OK;
    switch (codec) {
    case CODEC_RAW:
        if (value->kind != VALUE_BYTES)
            return fail(err, STATUS_INVALID, "raw holds bytes, this is a %s",
                        value_kind_name(value->kind));
        buffer_add_bytes(out, value->bytes);
        break;
    case CODEC_DAG_CBOR:
        dag_cbor_encode(value, out);
        break;
    case CODEC_DAG_JSON:
        status = dag_json_encode(value, out, err);
        break;
    case CODEC_DAG_PB:
        status = encode_dag_pb(value, out, err);
        break;
    default:
        return fail_unknown(codec, err);
    }
    TRY(status);
    return buffer_status(out, "the block", err);
}

/* --- Links ---------------------------------------------------------------- */

/* Recursion is bounded by CODEC_DEPTH_MAX, which the decoders keep. */
static Status each_link(const Value *value, CodecLink *each, void *context,
                        struct error *err)
{
    if (value->kind == VALUE_LINK)
        return each(context, value->link, err);
    if (value->kind == VALUE_LIST) {
        for (size_t index = 0; index < value->list.count; index++)
            TRY(each_link(&value->list.items[index], each, context, err));
    } else if (value->kind == VALUE_MAP) {
        for (size_t index = 0; index < value->map.count; index++)
            TRY(each_link(&value->map.entries[index].value, each, context,
                          err));
    }
    return STATUS_OK;
}

Status codec_links(uint64_t codec, Bytes block, CodecLink *each, void *context,
                   struct error *err)
{
    struct arena arena = {0};
    struct dag_pb_node node;
    Value value;
    Status status = STATUS_OK;
    if (codec == CODEC_RAW || !codec_is_known(codec))
        return STATUS_OK;
    if (codec == CODEC_DAG_CBOR)
        return dag_cbor_links(block, each, context, err);
    if (codec == CODEC_DAG_PB) {
        status = dag_pb_decode(block, &arena, &node, err);
        for (size_t index = 0; status == STATUS_OK && index < node.count;
             index++)
            status = each(context, node.links[index].cid, err);
    } else {
        status = codec_decode(codec, block, &arena, &value, err);
        if (status == STATUS_OK)
            status = each_link(&value, each, context, err);
    }
    arena_deinit(&arena);
    return status;
}
