/* SPDX-License-Identifier: Apache-2.0 */
/* run_resolve.c - what is known before a task runs: a hit by its symbolic CID,
 * then its arguments, then a hit by its concrete one. */
#include <stdio.h>

#include "run/heal.h"
#include "run/run_internal.h"

/* --- Looking up ---------------------------------------------------------- */

void run_lookup(struct run *run, uint32_t task)
{
    const struct task *what = &run->workflow->tasks[task];
    struct error err;
    Hash concrete;
    bool upstream = false;
    ScheduleOut out = OUT_OK;
    run_settle(run);
    bool hit = !run_is_fresh(run, task) &&
               memo_get_symbolic(run->store, &what->symbolic, &concrete,
                                 &upstream, &err) == STATUS_OK;
    if (hit && upstream) {
        run_keep_upstream(run, task);
        out = OUT_UPSTREAM;
    } else if (hit) {
        hit = run_memo_hit(run, task, &concrete, (Bytes){NULL, 0}, &out);
    }
    schedule_looked_up(run->schedule, task, hit, out);
}

/* --- Making a task concrete ---------------------------------------------- */

/* The result of a computation outside the workflow, as the memo has it. */
static Status outside_result(struct run *run, const struct await *await,
                             Hash *out, struct error *err)
{
    struct memo_entry entry;
    Hash concrete;
    bool upstream;
    TRY(memo_get_symbolic(run->store, await->symbolic, &concrete, &upstream,
                          err));
    if (upstream) {
        run_keep_upstream(run, run->scratch_task);
        *out = run->tasks[run->scratch_task].result;
        return STATUS_OK;
    }
    TRY(memo_get(run->store, &concrete, &entry, err));
    if (!cid_sha256(&entry.result, CODEC_DAG_CBOR, out))
        return fail(err, STATUS_CORRUPT, "a memo entry has no result");
    return STATUS_OK;
}

/* Makes the block of a result readable again. */
static Status heal_result(struct run *run, const Hash *result)
{
    struct healer healer = {.executor = run->executor,
                            .modules = run->modules};
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, result, &cid);
    Status status = heal_block(&healer, &cid, NULL);
    if (healer.differed)
        run_alarm(run, TASK_OUTSIDE,
                  TEXT("a lost result was computed again and came out "
                       "differently"));
    return status;
}

/* What task->awaits[index] came out as, read from the store. */
static Status load_awaited(struct run *run, const struct await *await,
                           struct awaited *out, struct error *err)
{
    struct result result;
    Hash hash;
    if (await->task != TASK_OUTSIDE) {
        ASSERT(run->tasks[await->task].has_result);
        hash = run->tasks[await->task].result;
    } else {
        TRY(outside_result(run, await, &hash, err));
    }
    Status status = run_load_result(run, &hash, &run->arena, &result, err);
    if ((status == STATUS_NOT_FOUND || status == STATUS_CORRUPT) &&
        !run->options.no_heal && heal_result(run, &hash) == STATUS_OK)
        status = run_load_result(run, &hash, &run->arena, &result, err);
    TRY(status);
    Value *whole = ARENA_NEW(&run->arena, Value);
    *whole = result.value;
    *out = (struct awaited){.is_ok = result.is_ok, .result = whole};
    return STATUS_OK;
}

/* STATUS_NOT_FOUND: a branch mismatched, and nothing else. */
static Status resolve(struct run *run, uint32_t task, Bytes *block, Hash *hash,
                      struct error *err)
{
    const struct task *what = &run->workflow->tasks[task];
    struct awaited *awaited =
        arena_array(&run->arena, what->await_count, sizeof *awaited);
    for (uint32_t index = 0; index < what->await_count; index++) {
        Status status =
            load_awaited(run, &what->awaits[index], &awaited[index], err);
        // A result that was here and is gone is no mismatch.
        if (status == STATUS_NOT_FOUND)
            return fail(err, STATUS_CORRUPT,
                        "a result that it awaits is not in the store any "
                        "more");
        TRY(status);
    }
    struct block_sink sink = run_sink(run);
    return computation_resolve(what, awaited, &sink, &run->arena, block, hash,
                               err);
}

static End end_of_status(Status status)
{
    switch (status) {
    case STATUS_LIMIT:
    case STATUS_INVALID:
        return END_REFUSED_ARGUMENT;
    case STATUS_UNSUPPORTED:
        return END_REFUSED_PROFILE;
    case STATUS_NOT_FOUND:
    case STATUS_CORRUPT:
        return END_UNAVAILABLE;
    case STATUS_OK:
    case STATUS_IO:
    case STATUS_FULL:
    case STATUS_BUSY:
    case STATUS_DENIED:
    case STATUS_CANCELLED:
    case STATUS_HOST:
        break;
    }
    return END_HOST;
}

/* What is asked of somebody else is answered by the memo or refused here, and
 * not with the equal tasks that it would fly with. */
static bool is_refused(struct run *run, uint32_t task)
{
    const struct task *what = &run->workflow->tasks[task];
    char message[RUN_MESSAGE_MAX];
    if (what->class != CLASS_PURE || what->sub.len == 0)
        return false;
    snprintf(message, sizeof message,
             "it asks %.*s to perform it, and that is not here",
             TEXT_ARG(what->sub));
    run_keep_message(run, task, message);
    schedule_resolved(run->schedule, task, &(Hash){0}, false, OUT_END,
                      END_REFUSED_COMMAND);
    return true;
}

void run_resolve(struct run *run, uint32_t task)
{
    struct run_task *state = &run->tasks[task];
    struct error err = {0};
    Bytes block = {NULL, 0};
    Hash concrete;
    ScheduleOut out = OUT_OK;

    arena_reset(&run->arena);
    run_settle(run);
    Status status = resolve(run, task, &block, &concrete, &err);
    if (status == STATUS_NOT_FOUND) { // A promise from outside mismatched.
        run_keep_upstream(run, task);
        run_record_symbolic(run, task);
        schedule_resolved(run->schedule, task, &(Hash){0}, true, OUT_UPSTREAM,
                          END_NONE);
        return;
    }
    if (status != STATUS_OK) {
        run_keep_message(run, task, err.message);
        schedule_resolved(run->schedule, task, &(Hash){0}, false, OUT_END,
                          end_of_status(status));
        return;
    }
    state->concrete = concrete;
    state->has_concrete = true;
    run_keep_block(run, &concrete, block);
    bool is_pure = run->workflow->tasks[task].class == CLASS_PURE;
    bool hit = is_pure && !run_is_fresh(run, task) &&
               run_memo_hit(run, task, &concrete, block, &out);
    if (!hit && is_refused(run, task))
        return;
    if (hit)
        run_record_symbolic(run, task);
    else if (is_pure)
        run_hold_block(run, task, block);
    schedule_resolved(run->schedule, task, &concrete, hit, out, END_NONE);
}

Status run_args(struct run *run, uint32_t task, struct arena *arena,
                Value *out, struct error *err)
{
    const struct run_task *state = &run->tasks[task];
    struct computation computation;
    struct block *block = NULL;
    Cid cid;
    if (state->block) {
        block = block_ref(state->block);
    } else {
        run_batch_send(run);
        cid_from_hash(CODEC_DAG_CBOR, &state->concrete, &cid);
        TRY(store_get(run->store, &cid, &block, err));
    }
    const Bytes copy = arena_copy_bytes(arena, block_bytes(block));
    block_unref(block);
    TRY(computation_decode(copy, arena, &computation, err));
    *out = computation.args;
    return STATUS_OK;
}
