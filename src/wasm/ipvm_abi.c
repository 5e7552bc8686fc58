/* SPDX-License-Identifier: Apache-2.0 */
/* ipvm_abi.c - guests of kind 3: DAG-CBOR in, DAG-CBOR out.
 *
 *     ipvm_alloc(len) -> ptr, the arguments are copied there
 *     function(ptr, len) -> ptr << 32 | len of {"ok": v} or {"error": e}
 */
#include "wasm/guest.h"

#include <stdio.h>

#include "ipld/dag_cbor.h"
#include "task/reserved.h"
#include "wasm/cbor_scan.h"

/* --- Arguments ----------------------------------------------------------- */

static Status prepare(struct links *links, const Value *value, unsigned depth,
                      Value *out, struct error *err);

static Status prepare_link(struct links *links, const Value *value, Value *out,
                           struct error *err)
{
    LinkKind kind = link_kind(value->link);
    Bytes bytes;
    bool is_file = false;
    *out = *value;
    // A module that can open links gets them as they are.
    if (links->content || (kind != LINK_BYTES && kind != LINK_FILES))
        return STATUS_OK;
    TRY(links_bytes(links, value->link, &bytes, &is_file, err));
    if (is_file)
        *out = value_bytes(bytes);
    return STATUS_OK;
}

static Status prepare_list(struct links *links, const Value *value,
                           unsigned depth, Value *out, struct error *err)
{
    size_t count = value->list.count;
    TRY(links_charge(links, count * sizeof(Value), err));
    Value *items = arena_array(links->arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++)
        TRY(prepare(links, &value->list.items[index], depth + 1, &items[index],
                    err));
    *out = value_list(items, count);
    return STATUS_OK;
}

static Status prepare_map(struct links *links, const Value *value,
                          unsigned depth, Value *out, struct error *err)
{
    size_t count = value->map.count;
    TRY(links_charge(links, count * sizeof(struct value_entry), err));
    struct value_entry *entries =
        arena_array(links->arena, count, sizeof *entries);
    for (size_t index = 0; index < count; index++) {
        entries[index].key = value->map.entries[index].key;
        TRY(prepare(links, &value->map.entries[index].value, depth + 1,
                    &entries[index].value, err));
    }
    // The keys are the old ones, in their old order.
    *out = *value;
    out->map.entries = entries;
    return STATUS_OK;
}

static Status prepare(struct links *links, const Value *value, unsigned depth,
                      Value *out, struct error *err)
{
    Value expanded = *value;
    for (int turn = 0; expanded.kind == VALUE_MAP &&
                       reserved_is_stand_in(value_reserved(&expanded));
         turn++) {
        Value next;
        if (turn == LINKS_DEPTH_MAX)
            return fail(err, STATUS_INVALID,
                        "more than %d links lead to links", LINKS_DEPTH_MAX);
        TRY(links_expand(links, &expanded, &next, err));
        expanded = next;
    }
    if (expanded.kind == VALUE_LINK)
        return prepare_link(links, &expanded, out, err);
    *out = expanded;
    if (expanded.kind != VALUE_LIST && expanded.kind != VALUE_MAP)
        return STATUS_OK;
    if (depth >= VALUE_DEPTH_MAX)
        return fail(err, STATUS_INVALID, "value nests deeper than %d",
                    VALUE_DEPTH_MAX);
    if (expanded.kind == VALUE_LIST)
        return prepare_list(links, &expanded, depth, out, err);
    TRY(links_expand(links, &expanded, out, err)); // Refuses reserved maps.
    return prepare_map(links, &expanded, depth, out, err);
}

Status ipvm_abi_arguments(struct links *links, const Value *list, Bytes *out,
                          int *bad, struct error *err)
{
    size_t count = list->list.count;
    Value *items = arena_array(links->arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++) {
        *bad = (int)index;
        TRY(prepare(links, &list->list.items[index], 0, &items[index], err));
    }
    *bad = RUN_NO_INDEX;
    Value prepared = value_list(items, count);
    size_t len = dag_cbor_length(&prepared);
    if (len > INT32_MAX)
        return fail(err, STATUS_INVALID,
                    "arguments of %zu bytes are more than a guest can be "
                    "given",
                    len);
    TRY(links_charge(links, len, err));
    struct buffer encoded;
    buffer_init(&encoded, len);
    dag_cbor_encode(&prepared, &encoded);
    *out = arena_copy_bytes(links->arena, buffer_bytes(&encoded));
    buffer_deinit(&encoded);
    return STATUS_OK;
}

/* --- The result ---------------------------------------------------------- */

static GuestOutcome unrepresentable(struct guest *guest, const char *why)
{
    snprintf(guest->message, sizeof guest->message, "%s", why);
    return GUEST_UNREPRESENTABLE;
}

/* {"ok": value} or {"error": value}, value with a normal form. */
static GuestOutcome judge(struct guest *guest, const Value *result)
{
    struct error err = {.message = ""};
    if (result->kind != VALUE_MAP || result->map.count != 1)
        return guest_trap(guest, "the result is not a map of one key, ok or "
                                 "error");
    const struct value_entry *entry = &result->map.entries[0];
    bool is_error = text_equal(entry->key, TEXT("error"));
    if (!is_error && !text_equal(entry->key, TEXT("ok")))
        return guest_trap(guest, "the result's key is neither ok nor error");
    if (value_check(&entry->value, FROM_GUEST, VALUE_DEPTH_MAX, &err) !=
        STATUS_OK)
        return unrepresentable(guest, err.message);
    if (is_error && value_get(&entry->value, TEXT("ipvm/error")))
        return unrepresentable(guest, "the error has the key ipvm/error");
    return GUEST_RETURNED;
}

static GuestOutcome decode(struct guest *guest, Bytes bytes)
{
    struct cbor_scan scan;
    struct error err = {.message = ""};
    Value result;
    // A copy: numbers that are not finite are zeroed in it, so that the
    // strict decoder can judge the rest.
    buffer_add_bytes(guest->output, bytes);
    if (guest->output->status != STATUS_OK)
        return guest_end(guest, END_LIMIT_RESULT,
                         "the result is longer than %zu bytes",
                         guest->output->max);
    cbor_scan(guest->output->data, guest->output->len, &scan);
    if (scan.values > RESULT_VALUES_MAX)
        return guest_end(guest, END_LIMIT_RESULT,
                         "the result has more than %d values",
                         RESULT_VALUES_MAX);
    Status status = dag_cbor_decode(buffer_bytes(guest->output), guest->arena,
                                    &result, &err);
    if (status == STATUS_LIMIT)
        return unrepresentable(guest, err.message);
    if (status != STATUS_OK)
        return guest_trap(guest, "the result is not DAG-CBOR: %s (byte %zu)",
                          err.message, err.offset);
    GuestOutcome outcome = judge(guest, &result);
    if (outcome == GUEST_RETURNED && scan.not_finite > 0)
        return unrepresentable(guest, "the result holds a NaN or an infinity");
    return outcome;
}

/* --- The call ------------------------------------------------------------ */

static GuestOutcome place_arguments(struct guest *guest, Bytes arguments,
                                    EngineNumber params[2])
{
    struct engine_function *alloc = guest_find(guest, TEXT("ipvm_alloc"));
    EngineNumber address = 0;
    if (!alloc)
        return GUEST_ENDED;
    params[1] = arguments.len;
    GuestOutcome outcome =
        guest_call(guest, alloc, &params[1], 1, &address, 1);
    if (outcome != GUEST_RETURNED)
        return outcome;
    params[0] = (uint32_t)address;
    struct engine_memory memory = engine_memory_of(guest->instance);
    if (params[0] > memory.len || arguments.len > memory.len - params[0])
        return guest_trap(guest, "ipvm_alloc returned memory out of bounds");
    memcpy(memory.data + params[0], arguments.data, arguments.len);
    return GUEST_RETURNED;
}

GuestOutcome ipvm_abi_call(struct guest *guest, Bytes arguments)
{
    EngineNumber params[2], packed = 0;
    GuestOutcome outcome = guest_start(guest);
    if (outcome != GUEST_RETURNED)
        return outcome;
    outcome = place_arguments(guest, arguments, params);
    if (outcome != GUEST_RETURNED)
        return outcome;
    struct engine_function *function =
        guest_find(guest, guest->function->name);
    if (!function)
        return GUEST_ENDED;
    outcome = guest_call(guest, function, params, 2, &packed, 1);
    if (outcome != GUEST_RETURNED)
        return outcome;
    uint64_t address = packed >> 32, len = (uint32_t)packed;
    struct engine_memory memory = engine_memory_of(guest->instance);
    if (address > memory.len || len > memory.len - address)
        return guest_trap(guest, "the returned result is out of bounds");
    return decode(guest, bytes_of(memory.data + address, len));
}
