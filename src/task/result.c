/* SPDX-License-Identifier: Apache-2.0 */
/* result.c - what a computation came out as (FORMATS section 3). */
#include "task/normalise.h"

static bool is_result(const Value *value)
{
    return value->kind == VALUE_MAP && value->map.count == 1 &&
           (text_equal(value->map.entries[0].key, TEXT("ok")) ||
            text_equal(value->map.entries[0].key, TEXT("error")));
}

static Status make_result(const Value *value, struct arena *arena,
                          struct result *out, struct error *err)
{
    out->value = *value;
    out->is_ok = text_equal(value->map.entries[0].key, TEXT("ok"));
    out->block = dag_cbor_block(value, arena, &out->cid);
    if (out->block.len > BLOCK_MADE_MAX)
        return fail(err, STATUS_LIMIT,
                    "the result takes %zu bytes, a block holds at most %d",
                    out->block.len, BLOCK_MADE_MAX);
    return STATUS_OK;
}

void result_error(Text name, struct arena *arena, struct result *out)
{
    Value error = value_map1(arena, TEXT("ipvm/error"), value_text(name));
    Value value = value_map1(arena, TEXT("error"), error);

    Status status = make_result(&value, arena, out, NULL);
    ASSERT(status == STATUS_OK);
}

/* The two errors that a performer states in a guest's stead. */
static bool is_stated(const Value *error)
{
    if (value_reserved(error) != RESERVED_ERROR)
        return false;
    Text name = error->map.entries[0].value.text;
    return text_equal(name, TEXT("trap")) ||
           text_equal(name, TEXT("unrepresentable"));
}

static bool has_normal_form(bool is_ok, const Value *inner)
{
    if (!is_ok && is_stated(inner))
        return true;
    if (!is_ok && value_get(inner, TEXT("ipvm/error")))
        return false;
    return value_check(inner, FROM_GUEST, VALUE_DEPTH_MAX, NULL) == STATUS_OK;
}

Status result_normalise(Bytes output, const struct block_sink *sink,
                        struct arena *arena, struct result *out,
                        struct error *err)
{
    Value value, normal;

    // A list nested beyond the codec's depth has no normal form either.
    Status status = dag_cbor_decode(output, arena, &value, err);
    if (status == STATUS_LIMIT) {
        result_error(TEXT("unrepresentable"), arena, out);
        return STATUS_OK;
    }
    if (status != STATUS_OK)
        return STATUS_INVALID;
    if (!is_result(&value))
        return fail(err, STATUS_INVALID,
                    "not a result: expected a map with 'ok' or 'error' alone");
    const struct value_entry *entry = &value.map.entries[0];
    bool is_ok = text_equal(entry->key, TEXT("ok"));
    if (!has_normal_form(is_ok, &entry->value)) {
        result_error(TEXT("unrepresentable"), arena, out);
        return STATUS_OK;
    }
    TRY(members_normalise(&value, sink, arena, &normal, err));
    return make_result(&normal, arena, out, err);
}

Status result_decode(Bytes block, struct arena *arena, struct result *out,
                     struct error *err)
{
    Value value;

    TRY(dag_cbor_decode(block, arena, &value, err));
    if (!is_result(&value))
        return fail(err, STATUS_INVALID,
                    "not a result: expected a map with 'ok' or 'error' alone");
    TRY(value_check(&value.map.entries[0].value, FROM_BLOCK, VALUE_DEPTH_MAX,
                    err));
    return make_result(&value, arena, out, err);
}
