/* SPDX-License-Identifier: Apache-2.0 */
/* quotas.c - totals that delegations are bound to, and what they used. */
#include "http/node_page.h"
#include "ipld/dag_json.h"

static Value quota_value(struct arena *arena, Text id,
                         const struct quota_totals *totals,
                         const struct quota_used *used)
{
    const struct value_entry total[] = {
        {TEXT("time_ms"), value_uint(totals->time_ms)},
        {TEXT("bytes"), value_uint(totals->bytes)},
        {TEXT("fuel"), value_uint(totals->fuel)},
        {TEXT("tasks"), value_uint(totals->tasks)},
    };
    const struct value_entry taken[] = {
        {TEXT("time_ms"), value_uint(used->time_ns / 1000000)},
        {TEXT("bytes"), value_uint(used->bytes)},
        {TEXT("fuel"), value_uint(used->fuel)},
        {TEXT("tasks"), value_uint(used->tasks)},
    };
    const struct value_entry entries[] = {
        {TEXT("id"), value_text(arena_copy_text(arena, id))},
        {TEXT("totals"), value_map(arena, total, 4)},
        {TEXT("used"), value_map(arena, taken, 4)},
    };
    return value_map(arena, entries, 3);
}

/* --- Reading ------------------------------------------------------------- */

struct listing {
    struct arena *arena;
    Value *items;
    size_t count, room;
};

static bool list_one(void *context, Text id, const struct quota_totals *totals,
                     const struct quota_used *used)
{
    struct listing *listing = context;
    if (listing->count == listing->room) {
        const size_t room = listing->room ? listing->room * 2 : 64;
        Value *items = arena_array(listing->arena, room, sizeof *items);
        if (listing->count > 0)
            memcpy(items, listing->items, listing->count * sizeof *items);
        listing->items = items;
        listing->room = room;
    }
    listing->items[listing->count++] =
        quota_value(listing->arena, id, totals, used);
    return true;
}

RequestStep quotas_list(struct request *request)
{
    struct listing listing = {.arena = &request->arena};
    quotas_each(node_quotas(request->node), list_one, &listing);
    const Value value = value_map1(&request->arena, TEXT("quotas"),
                                   value_list(listing.items, listing.count));
    return respond_value(request, 200, &value);
}

static RequestStep respond_quota(struct request *request)
{
    struct quota_totals totals;
    struct quota_used used;
    struct error err = {0};
    const Text id = request->params[0];
    const Status status =
        quota_look(node_quotas(request->node), id, &totals, &used, &err);
    if (status == STATUS_NOT_FOUND)
        return respond_problem(request, 404, "quota-not-found",
                               "there is no such quota");
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    const Value value = quota_value(&request->arena, id, &totals, &used);
    return respond_value(request, 200, &value);
}

RequestStep quotas_get(struct request *request)
{
    return respond_quota(request);
}

/* --- Writing ------------------------------------------------------------- */

/* Each field is a number; others are refused. */
static Status read_totals(const Value *body, struct quota_totals *out,
                          struct error *err)
{
    *out = (struct quota_totals){0};
    if (body->kind != VALUE_MAP)
        return fail(err, STATUS_INVALID, "the body is no map");
    for (size_t index = 0; index < body->map.count; index++) {
        const struct value_entry *entry = &body->map.entries[index];
        uint64_t number;
        if (entry->value.kind != VALUE_INT ||
            !value_to_uint64(&entry->value, &number))
            return fail(err, STATUS_INVALID, "%.*s is no number from 0 up",
                        TEXT_ARG(entry->key));
        if (text_equal(entry->key, TEXT("time_ms")))
            out->time_ms = number;
        else if (text_equal(entry->key, TEXT("bytes")))
            out->bytes = number;
        else if (text_equal(entry->key, TEXT("fuel")))
            out->fuel = number;
        else if (text_equal(entry->key, TEXT("tasks")) && number <= UINT32_MAX)
            out->tasks = (uint32_t)number;
        else
            return fail(err, STATUS_INVALID,
                        "%.*s: totals are of time_ms, bytes, fuel and tasks",
                        TEXT_ARG(entry->key));
    }
    return STATUS_OK;
}

RequestStep quotas_put(struct request *request)
{
    struct quota_totals totals;
    struct error err = {0};
    Value body;
    Status status = dag_json_decode(buffer_bytes(&request->body),
                                    &request->arena, &body, &err);
    if (status == STATUS_OK)
        status = read_totals(&body, &totals, &err);
    if (status == STATUS_OK)
        status = quota_set(node_quotas(request->node), request->params[0],
                           &totals, &err);
    if (status != STATUS_OK)
        return respond_failure(request, "bad-quota", status, &err);
    return respond_quota(request);
}

RequestStep quotas_delete(struct request *request)
{
    struct error err = {0};
    const Status status =
        quota_remove(node_quotas(request->node), request->params[0], &err);
    if (status == STATUS_NOT_FOUND)
        return respond_problem(request, 404, "quota-not-found",
                               "there is no such quota");
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    return respond_empty(request, 204);
}
