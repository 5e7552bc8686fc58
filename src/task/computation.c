/* SPDX-License-Identifier: Apache-2.0 */
/* computation.c - the block of a computation, the arguments of /wasm/run, and
 * the determinism profile. */
#include "task/computation.h"

#include "task/reserved.h"

static const char profile_text[] = "\xa7"
                                   "\x63nan\x69"
                                   "canonical"
                                   "\x64wasm\x63"
                                   "2.0"
                                   "\x64with\x82"
                                   "\x6e"
                                   "extended-const"
                                   "\x69"
                                   "tail-call"
                                   "\x65pages\x1a\x00\x01\x00\x00"
                                   "\x65rules\x01"
                                   "\x65table\x1a\x00\x98\x96\x80"
                                   "\x68ipvm/det\x01";

Bytes profile_block(void)
{
    return bytes_of(profile_text, sizeof profile_text - 1);
}

const Cid *profile_cid(void)
{
    /* bafyreifcqqic4u5xrkqdibsgtylpdlyq5zuz7swjfmf4ksvkrfv3drd6g4 */
    static const Cid cid = {
        CID_OURS_LEN, {0x01, 0x71, 0x12, 0x20, 0xa2, 0x84, 0x10, 0x2e, 0x53,
                       0xb7, 0x8a, 0xa0, 0x34, 0x06, 0x46, 0x9e, 0x16, 0xf1,
                       0xaf, 0x10, 0xee, 0x69, 0x9f, 0xca, 0xc9, 0x2b, 0x0b,
                       0xc5, 0x4a, 0xaa, 0x89, 0x6b, 0xb1, 0xc4, 0x7e, 0x37}};
    return &cid;
}

Bytes computation_encode(Text cmd, const Value *args, Bytes nonce,
                         struct arena *arena, Hash *hash)
{
    const struct value_entry entries[] = {
        {TEXT("cmd"), value_text(cmd)},
        {TEXT("args"), *args},
        {TEXT("nonce"), value_bytes(nonce)},
    };
    const Value map = {.kind = VALUE_MAP, .map = {entries, 3}};
    Cid cid;

    Bytes block = dag_cbor_block(&map, arena, &cid);
    ASSERT(cid_sha256(&cid, CODEC_DAG_CBOR, hash));
    return block;
}

void computation_hash(Text cmd, Bytes args, Bytes nonce,
                      struct buffer *scratch, Hash *hash)
{
    buffer_clear(scratch);
    cbor_add_map(scratch, 3);
    cbor_add_text(scratch, TEXT("cmd"));
    cbor_add_text(scratch, cmd);
    cbor_add_text(scratch, TEXT("args"));
    buffer_add_bytes(scratch, args);
    cbor_add_text(scratch, TEXT("nonce"));
    cbor_add_bytes(scratch, nonce);
    ASSERT(scratch->status == STATUS_OK);
    hash_sha256(buffer_bytes(scratch), hash);
}

Status computation_decode(Bytes block, struct arena *arena,
                          struct computation *out, struct error *err)
{
    Value value;

    TRY(dag_cbor_decode(block, arena, &value, err));
    const Value *cmd = value_get(&value, TEXT("cmd"));
    const Value *args = value_get(&value, TEXT("args"));
    const Value *nonce = value_get(&value, TEXT("nonce"));
    if (!cmd || cmd->kind != VALUE_TEXT || !args || args->kind != VALUE_MAP ||
        !nonce || nonce->kind != VALUE_BYTES || value.map.count != 3)
        return fail(err, STATUS_INVALID,
                    "not a computation: expected a map of the text 'cmd', "
                    "the map 'args' and the bytes 'nonce'");
    *out = (struct computation){cmd->text, *args, nonce->bytes};
    return STATUS_OK;
}

static Status read_link(const Value *args, Text key, Cid *out,
                        struct error *err)
{
    const Value *link = value_get(args, key);

    if (!link || link->kind != VALUE_LINK)
        return fail(err, STATUS_INVALID,
                    "the argument '%.*s' of /wasm/run must be a link, got %s",
                    TEXT_ARG(key),
                    link ? value_kind_name(link->kind) : "nothing");
    return cid_from_bytes(link->link, out, err);
}

static Status read_map(const Value *args, bool *homestar, struct error *err)
{
    const Value *map = value_get(args, TEXT("map"));

    *homestar = map != NULL;
    if (args->map.count != 4 + (size_t)*homestar)
        return fail(err, STATUS_INVALID,
                    "/wasm/run takes 'det', 'fun', 'mod', 'args' and "
                    "perhaps 'map', nothing else");
    if (map && (map->kind != VALUE_TEXT ||
                !text_equal(map->text, TEXT("homestar/0.2"))))
        return fail(err, STATUS_INVALID,
                    "'map' of /wasm/run must be \"homestar/0.2\"");
    return STATUS_OK;
}

static Status read_function(const Value *args, struct wasm_call *out,
                            struct error *err)
{
    const Value *function = value_get(args, TEXT("fun"));
    const Value *list = value_get(args, TEXT("args"));

    if (!function || function->kind != VALUE_TEXT || function->text.len == 0)
        return fail(err, STATUS_INVALID,
                    "the argument 'fun' of /wasm/run must be the function's "
                    "name");
    if (!list || list->kind != VALUE_LIST)
        return fail(err, STATUS_INVALID,
                    "the argument 'args' of /wasm/run must be a list");
    out->function = function->text;
    out->args = list;
    return STATUS_OK;
}

Status wasm_call_read(const Value *args, struct wasm_call *out,
                      struct error *err)
{
    TRY(read_link(args, TEXT("det"), &out->det, err));
    TRY(read_link(args, TEXT("mod"), &out->module, err));
    TRY(read_function(args, out, err));
    TRY(read_map(args, &out->homestar, err));
    if (!cid_equal(&out->det, profile_cid())) {
        char text[CID_TEXT_MAX];
        cid_to_text(&out->det, text);
        return fail(err, STATUS_UNSUPPORTED,
                    "the determinism profile %.100s is not known here", text);
    }
    return STATUS_OK;
}

Status wasm_call_check_symbolic(const Value *args, struct error *err)
{
    const Value *module = value_get(args, TEXT("mod"));
    struct wasm_call call;

    TRY(read_link(args, TEXT("det"), &call.det, err));
    if (!module || value_reserved(module) != RESERVED_PROMISE)
        TRY(read_link(args, TEXT("mod"), &call.module, err));
    TRY(read_function(args, &call, err));
    return read_map(args, &call.homestar, err);
}

Value wasm_call_args(struct arena *arena, const Value *module, Text function,
                     const Value *args, bool homestar)
{
    const struct value_entry entries[] = {
        {TEXT("det"), value_link(profile_cid())},
        {TEXT("fun"), value_text(function)},
        {TEXT("mod"), *module},
        {TEXT("args"), *args},
        {TEXT("map"), value_text(TEXT("homestar/0.2"))},
    };

    return value_map(arena, entries, homestar ? 5 : 4);
}
