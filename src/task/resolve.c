/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c - from a symbolic computation to a concrete one: what was awaited
 * is put in place of the promises, in one pass, and the outcome normalised.
 *
 * Results come in the form in which they are stored, so what is put in is the
 * same whether it was computed a moment ago or last year. */
#include "task/normalise.h"
#include "task/reserved.h"

struct substitution {
    const struct awaited *awaited;
    size_t count;
    size_t next; /* promises seen so far, in the order of `awaits` */
    struct arena *arena;
};

static bool branch_matches(Branch branch, const struct awaited *awaited)
{
    bool is_ok = awaited->is_ok && !awaited->is_upstream;

    return branch == BRANCH_ANY || is_ok == (branch == BRANCH_OK);
}

static Value upstream_error(struct arena *arena)
{
    return value_map1(arena, TEXT("ipvm/error"), value_text(TEXT("upstream")));
}

static Value awaited_value(struct substitution *sub, const Value *promise)
{
    ASSERT(sub->next < sub->count);
    const struct awaited *awaited = &sub->awaited[sub->next++];
    Branch branch = promise_branch(promise);
    Value upstream;
    const Value *result = awaited->result;

    if (!result) {
        ASSERT(awaited->is_upstream);
        upstream =
            value_map1(sub->arena, TEXT("error"), upstream_error(sub->arena));
        result = &upstream;
    }
    if (branch == BRANCH_ANY)
        return *result;
    const Value *inner =
        value_get(result, branch == BRANCH_OK ? TEXT("ok") : TEXT("error"));
    ASSERT(inner);
    return *inner;
}

// Copies the nodes on the way to a promise; shares the rest.
static Value substitute(struct substitution *sub, const Value *value)
{
    Value out = *value;
    size_t before = sub->next;

    if (value->kind == VALUE_LIST && value->list.count > 0) {
        size_t count = value->list.count;
        Value *items = arena_array(sub->arena, count, sizeof *items);
        for (size_t i = 0; i < count; i++)
            items[i] = substitute(sub, &value->list.items[i]);
        if (sub->next != before)
            out.list.items = items;
    } else if (value->kind == VALUE_MAP && value->map.count > 0) {
        if (value_reserved(value) == RESERVED_PROMISE)
            return awaited_value(sub, value);
        size_t count = value->map.count;
        struct value_entry *entries =
            arena_array(sub->arena, count, sizeof *entries);
        for (size_t i = 0; i < count; i++) {
            entries[i].key = value->map.entries[i].key;
            entries[i].value = substitute(sub, &value->map.entries[i].value);
        }
        if (sub->next != before)
            out.map.entries = entries;
    }
    return out;
}

/* Bytes that a promise put into `mod` become the link to their file, as a
 * stand-in for bytes already has it. */
static Status resolve_module(const Value *value, const struct block_sink *sink,
                             struct arena *arena, Value *out,
                             struct error *err)
{
    *out = *value;
    if (value->kind == VALUE_BYTES)
        return bytes_to_file(value->bytes, sink, arena, out, err);
    if (value_reserved(value) == RESERVED_BYTES)
        *out = value->map.entries[0].value;
    return STATUS_OK;
}

/* The args of /wasm/run: `mod` and the list are never replaced themselves. */
static Status resolve_wasm(const Value *args, const struct block_sink *sink,
                           struct arena *arena, Value *out, struct error *err)
{
    size_t count = args->map.count;
    struct value_entry *entries = arena_array(arena, count, sizeof *entries);

    for (size_t i = 0; i < count; i++) {
        const struct value_entry *old = &args->map.entries[i];
        Value *value = &entries[i].value;
        entries[i].key = old->key;
        if (text_equal(old->key, TEXT("mod")))
            TRY(resolve_module(&old->value, sink, arena, value, err));
        else if (text_equal(old->key, TEXT("args")) &&
                 old->value.kind == VALUE_LIST)
            TRY(members_normalise(&old->value, sink, arena, value, err));
        else
            TRY(value_normalise(&old->value, sink, arena, value, err));
    }
    *out = (Value){.kind = VALUE_MAP, .map = {entries, count}};
    return STATUS_OK;
}

Status args_check(Text cmd, const Value *args, ValueFrom from,
                  struct error *err)
{
    bool wasm = text_equal(cmd, TEXT("/wasm/run"));

    // The map args, and in /wasm/run the list in it, are no values yet.
    for (size_t i = 0; i < args->map.count; i++) {
        const struct value_entry *entry = &args->map.entries[i];
        unsigned extra = wasm && text_equal(entry->key, TEXT("args"));
        TRY(value_check(&entry->value, from, VALUE_DEPTH_MAX + extra, err));
    }
    return STATUS_OK;
}

static Status make_concrete(const struct task *task, const Value *args,
                            const struct block_sink *sink, struct arena *arena,
                            Bytes *block, Hash *hash, struct error *err)
{
    Value normal;

    if (text_equal(task->cmd, TEXT("/wasm/run")))
        TRY(resolve_wasm(args, sink, arena, &normal, err));
    else
        TRY(members_normalise(args, sink, arena, &normal, err));
    *block = computation_encode(task->cmd, &normal, task->nonce, arena, hash);
    if (block->len > BLOCK_MADE_MAX)
        return fail(err, STATUS_LIMIT,
                    "the computation takes %zu bytes, a block holds at most "
                    "%d: pass large arguments as links",
                    block->len, BLOCK_MADE_MAX);
    return STATUS_OK;
}

Status computation_resolve(const struct task *task,
                           const struct awaited *awaited,
                           const struct block_sink *sink, struct arena *arena,
                           Bytes *block, Hash *hash, struct error *err)
{
    struct substitution sub = {awaited, task->await_count, 0, arena};
    Value args;

    // One mismatch decides, whatever becomes of the other promises.
    for (uint32_t i = 0; i < task->await_count; i++)
        if (awaited[i].result || awaited[i].is_upstream)
            if (!branch_matches(task->awaits[i].branch, &awaited[i]))
                return STATUS_NOT_FOUND;
    args = task_args(task, arena);
    if (task->await_count > 0) {
        args = substitute(&sub, &args);
        ASSERT(sub.next == sub.count);
        TRY(args_check(task->cmd, &args, FROM_BLOCK, err));
    }
    return make_concrete(task, &args, sink, arena, block, hash, err);
}
