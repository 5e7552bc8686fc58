/* SPDX-License-Identifier: Apache-2.0 */
#include "homestar/rpc.h"

#include "ipld/dag_json.h"

/* --- Reading ------------------------------------------------------------- */

Status rpc_read(Bytes bytes, struct arena *arena, struct rpc_message *out,
                int *code, struct error *err)
{
    Value *value = ARENA_NEW(arena, Value);
    *code = RPC_PARSE_ERROR;
    TRY(dag_json_decode(bytes, arena, value, err));
    *code = RPC_INVALID_REQUEST;
    *out = (struct rpc_message){.items = value, .count = 1};
    if (value->kind != VALUE_LIST)
        return STATUS_OK;
    *out = (struct rpc_message){.items = value->list.items,
                                .count = value->list.count,
                                .is_batch = true};
    if (out->count == 0)
        return fail(err, STATUS_INVALID, "an empty batch");
    if (out->count > RPC_BATCH_MAX)
        return fail(err, STATUS_LIMIT, "a batch of more than %d requests",
                    RPC_BATCH_MAX);
    return STATUS_OK;
}

static bool is_id(const Value *value)
{
    return value->kind == VALUE_NULL || value->kind == VALUE_INT ||
           value->kind == VALUE_FLOAT || value->kind == VALUE_TEXT;
}

Status rpc_request_of(const Value *item, struct rpc_request *out,
                      struct error *err)
{
    const Value *version = value_get(item, TEXT("jsonrpc"));
    const Value *method = value_get(item, TEXT("method"));
    const Value *id = value_get(item, TEXT("id"));
    *out = (struct rpc_request){.id = value_null(),
                                .params = value_get(item, TEXT("params")),
                                .wants_answer = id != NULL};
    if (id && is_id(id))
        out->id = *id;
    if (!version || version->kind != VALUE_TEXT ||
        !text_equal(version->text, TEXT("2.0")))
        return fail(err, STATUS_INVALID, "'jsonrpc' must be \"2.0\"");
    if (id && !is_id(id))
        return fail(err, STATUS_INVALID, "'id' must be a number or a text");
    if (!method || method->kind != VALUE_TEXT)
        return fail(err, STATUS_INVALID, "'method' must be a text");
    out->method = method->text;
    if (out->params && out->params->kind == VALUE_NULL)
        out->params = NULL;
    if (out->params && out->params->kind != VALUE_LIST &&
        out->params->kind != VALUE_MAP)
        return fail(err, STATUS_INVALID, "'params' must be a list or a map");
    return STATUS_OK;
}

const Value *rpc_one(const struct rpc_request *request, Text key)
{
    const Value *params = request->params;
    if (!params)
        return NULL;
    if (params->kind == VALUE_LIST)
        return params->list.count > 0 ? &params->list.items[0] : NULL;
    const Value *found = value_get(params, key);
    return found ? found : params;
}

/* --- Writing ------------------------------------------------------------- */

static void begin(struct buffer *out)
{
    buffer_add_text(out, TEXT("{\"jsonrpc\":\"2.0\","));
}

static void add_value(struct buffer *out, const Value *value)
{
    if (dag_json_encode(value, out, NULL) != STATUS_OK)
        ASSERT(out->status != STATUS_OK); // It is full.
}

static void end(struct buffer *out, const Value *id)
{
    buffer_add_text(out, TEXT(",\"id\":"));
    add_value(out, id);
    buffer_add_byte(out, '}');
}

void rpc_write_result(struct buffer *out, const Value *id, const Value *result)
{
    begin(out);
    buffer_add_text(out, TEXT("\"result\":"));
    add_value(out, result);
    end(out, id);
}

void rpc_write_error(struct buffer *out, const Value *id, int code,
                     Text message)
{
    const Value text = value_text(message);
    begin(out);
    buffer_format(out, "\"error\":{\"code\":%d,\"message\":", code);
    add_value(out, &text);
    buffer_add_byte(out, '}');
    end(out, id);
}

static void add_numbers(struct buffer *out, Bytes bytes)
{
    enum { PIECE = 16384, LONGEST = sizeof "255," - 1 };
    while (bytes.len > 0) {
        const size_t len = bytes.len < PIECE ? bytes.len : PIECE;
        uint8_t *start = buffer_reserve(out, len * LONGEST), *at = start;
        if (!start)
            return;
        for (size_t index = 0; index < len; index++) {
            const unsigned byte = bytes.data[index];
            if (byte >= 100)
                *at++ = (uint8_t)('0' + byte / 100);
            if (byte >= 10)
                *at++ = (uint8_t)('0' + byte / 10 % 10);
            *at++ = (uint8_t)('0' + byte % 10);
            if (index + 1 < bytes.len)
                *at++ = ',';
        }
        buffer_advance(out, (size_t)(at - start));
        bytes = bytes_from(bytes, len);
    }
}

void rpc_write_bytes(struct buffer *out, Text method, Text subscription,
                     Bytes bytes)
{
    const Value method_value = value_text(method);
    const Value id = value_text(subscription);
    begin(out);
    buffer_add_text(out, TEXT("\"method\":"));
    add_value(out, &method_value);
    buffer_add_text(out, TEXT(",\"params\":{\"subscription\":"));
    add_value(out, &id);
    buffer_add_text(out, TEXT(",\"result\":["));
    add_numbers(out, bytes);
    buffer_add_text(out, TEXT("]}}"));
}
