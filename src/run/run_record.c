/* SPDX-License-Identifier: Apache-2.0 */
/* run_record.c - what a run leaves behind: blocks, memo entries and, for
 * `explain`, what each task was this time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "run/run_internal.h"

enum {
    BATCH_BYTES = 4 << 20,
    REMEMBERED_MAX = 20000, /* tasks of one run kept for `explain` */
    REMEMBERED_KEY_MAX = 300,
};

static struct store_batch *batch_of(struct run *run)
{
    if (!run->batch)
        run->batch = store_batch_new(run->store);
    return run->batch;
}

static void send(struct run *run, StoreDone *done, void *context)
{
    if (run->pending.len > 0)
        store_batch_pending(run->batch, buffer_bytes(&run->pending));
    buffer_clear(&run->pending);
    if (run->options.sends)
        run->options.sends(run->options.context, run->batch);
    if (!done && run->options.kept) {
        done = run->options.kept;
        context = run->options.context;
    }
    // What is lost is told by store_flush(), or to `done`.
    store_commit_async(run->batch, done, context);
    run->batch = NULL;
    run->batch_bytes = 0;
    run->batch_is_wanted = false;
    run->wrote = true;
}

void run_batch_send(struct run *run)
{
    if (run->batch)
        send(run, NULL, NULL);
}

void run_send(struct run *run)
{
    batch_of(run);
    send(run, NULL, NULL);
}

void run_end(struct run *run, StoreDone *done, void *context)
{
    run_tell_dropped_logs(run);
    run_remember(run);
    run->end_ns = clock_monotonic_ns();
    batch_of(run);
    send(run, done, context);
}

static Status put_block(void *context, const Cid *cid, Bytes block,
                        struct error *err)
{
    struct run *run = context;
    (void)err;
    store_batch_block(batch_of(run), cid, block);
    if (run->producer)
        store_batch_producer(batch_of(run), cid, run->producer);
    run->batch_bytes += block.len;
    run->task_bytes += block.len;
    run->batch_is_wanted = true;
    return STATUS_OK;
}

struct block_sink run_sink(struct run *run)
{
    return (struct block_sink){run, put_block};
}

void run_keep_block(struct run *run, const Hash *hash, Bytes block)
{
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    if (store_has(run->store, &cid))
        return;
    store_batch_block(batch_of(run), &cid, block);
    run->batch_bytes += block.len;
    if (run->batch_bytes > BATCH_BYTES)
        run_batch_send(run);
}

void run_hold_block(struct run *run, uint32_t task, Bytes block)
{
    struct run_task *state = &run->tasks[task];
    Cid cid;
    if (state->block || run->held_count == BLOCKS_HELD_MAX)
        return;
    cid_from_hash(CODEC_DAG_CBOR, &state->concrete, &cid);
    state->block = block_new(&cid, block);
    run->held_count++;
}

struct block *run_take_block(struct run *run, uint32_t task)
{
    struct block *block = run->tasks[task].block;
    run->tasks[task].block = NULL;
    run->held_count -= block != NULL;
    return block;
}

/* What an awaited result stands on: its concrete entry or, for upstream, the
 * symbolic one. False: nothing is known of it, and nothing stands on it. */
static bool entry_behind(struct run *run, const struct await *await, Hash *out)
{
    bool upstream;
    if (await->task == TASK_OUTSIDE) {
        if (memo_get_symbolic(run->store, await->symbolic, out, &upstream,
                              NULL) != STATUS_OK)
            return false;
        if (upstream)
            *out = *await->symbolic;
        return true;
    }
    const struct run_task *state = &run->tasks[await->task];
    *out = state->has_concrete ? state->concrete
                               : run->workflow->tasks[await->task].symbolic;
    return state->has_result;
}

/* Whether a task stands on somebody else's word, by its awaits or itself. */
static bool is_believed(const struct run *run, const struct task *what,
                        bool believed)
{
    for (uint32_t index = 0; index < what->await_count && !believed; index++)
        believed = what->awaits[index].task != TASK_OUTSIDE &&
                   run->tasks[what->awaits[index].task].is_believed;
    return believed;
}

void run_record_symbolic(struct run *run, uint32_t task)
{
    const struct task *what = &run->workflow->tasks[task];
    struct run_task *state = &run->tasks[task];
    size_t count = 0;

    if (schedule_depends_on_effect(run->schedule, task))
        return; // FORMATS 2: entered only if everything awaited is pure.
    if (run->trust)
        state->is_believed = is_believed(run, what, state->is_believed);
    if (state->is_believed)
        return; // Trust may be withdrawn; then there is nothing to undo.
    Hash *through = heap_array(what->await_count, sizeof *through);
    for (uint32_t index = 0; index < what->await_count; index++)
        count += entry_behind(run, &what->awaits[index], &through[count]);
    store_batch_symbolic(batch_of(run), &what->symbolic, &state->concrete,
                         !state->has_concrete, through, count);
    run->batch_is_wanted = true;
    free(through);
}

static const char *engine_name(const struct run *run)
{
    return executor_options(run->executor)->engine == RUN_ENGINE_WASMI
               ? "wasmi"
               : "wasmtime";
}

void run_record_pending(struct run *run, uint32_t task, End end,
                        const struct run_outcome *outcome)
{
    const struct run_task *state = &run->tasks[task];
    struct pending_task pending = {
        .task = task,
        .has_comp = state->has_concrete,
        .has_res = end == END_NONE,
        .end = (uint8_t)end,
        .comp = state->concrete,
        .res = state->result,
    };
    struct pending_row head = {.at_s = clock_wall_s()};
    if (outcome) {
        const struct run_cost *cost = &outcome->cost;
        pending.cost = (struct receipt_cost){
            cost->wall_ns, cost->cpu_ns,   cost->memory_peak,
            cost->fuel,    cost->bytes_in, cost->bytes_out};
        pending.words = text_of(outcome->message);
    }
    if (run->options.no_receipts)
        return;
    if (run->pending.len == 0) {
        bool known =
            cid_sha256(&run->workflow->cid, CODEC_DAG_CBOR, &head.workflow);
        ASSERT(known);
        head.engine = text_of(engine_name(run));
        pending_begin(&run->pending, &head);
    }
    pending_add(&run->pending, &pending);
    batch_of(run);
    run->batch_is_wanted = true;
}

void run_record_result(struct run *run, uint32_t task,
                       const struct result *result,
                       const struct run_outcome *outcome)
{
    const struct run_task *state = &run->tasks[task];
    struct memo_entry entry = {
        .result = result->cid,
        .is_ok = result->is_ok,
        .provenance = MEMO_OWN,
        .run_ns = outcome->cost.wall_ns,
        .cpu_ns = outcome->cost.cpu_ns,
        .memory_peak = outcome->cost.memory_peak,
        .fuel = outcome->cost.fuel,
        .stored_bytes = run->task_bytes + result->block.len,
        .made_s = clock_wall_s(),
    };
    run->tasks[task].stored_bytes = entry.stored_bytes;
    snprintf(entry.engine, sizeof entry.engine, "%s", engine_name(run));
    struct store_batch *batch = batch_of(run);
    store_batch_block(batch, &result->cid, result->block);
    store_batch_memo(batch, &state->concrete, &entry);
    store_batch_producer(batch, &result->cid, &state->concrete);
    run_record_symbolic(run, task);
    run_record_pending(run, task, END_NONE, outcome);
    run->batch_bytes += result->block.len;
    run->batch_is_wanted = true;
    if (run->batch_bytes > BATCH_BYTES)
        run_batch_send(run);
}

/* --- Remembering --------------------------------------------------------- */

static void remember_task(struct run *run, Text name, uint32_t task,
                          const struct schedule_task_state *state,
                          struct buffer *value)
{
    const struct task *what = &run->workflow->tasks[task];
    const struct run_task *mine = &run->tasks[task];
    uint8_t key[REMEMBERED_KEY_MAX];
    if (name.len + 1 + what->label.len > sizeof key)
        return;
    memcpy(key, name.data, name.len);
    key[name.len] = 0;
    memcpy(key + name.len + 1, what->label.data, what->label.len);

    buffer_clear(value);
    cbor_add_map(value, mine->has_concrete ? 4 : 3);
    cbor_add_text(value, TEXT("at"));
    cbor_add_int(value, clock_wall_s());
    cbor_add_text(value, TEXT("end"));
    cbor_add_text(value,
                  state->out == OUT_END ? end_name(state->end) : TEXT(""));
    if (mine->has_concrete) {
        cbor_add_text(value, TEXT("concrete"));
        cbor_add_bytes(value, bytes_of(&mine->concrete, sizeof(Hash)));
    }
    cbor_add_text(value, TEXT("symbolic"));
    cbor_add_bytes(value, bytes_of(&what->symbolic, sizeof(Hash)));
    store_batch_note(batch_of(run), NOTE_LAST_RUN,
                     bytes_of(key, name.len + 1 + what->label.len),
                     buffer_bytes(value));
}

void run_remember(struct run *run)
{
    Text name = run->options.remember_as.len ? run->options.remember_as
                                             : run->workflow->name;
    struct buffer value;
    uint32_t kept = 0;
    struct schedule_counts counts;
    schedule_counts(run->schedule, &counts);
    if (counts.hits == counts.done || name.len == 0)
        return; // All from the memo: what is remembered still holds.
    buffer_init(&value, 1024);
    for (uint32_t task = 0;
         task < run->workflow->count && kept < REMEMBERED_MAX; task++) {
        struct schedule_task_state state;
        schedule_state(run->schedule, task, &state);
        if (state.state != TASK_DONE || !run->tasks[task].has_concrete)
            continue;
        remember_task(run, name, task, &state, &value);
        kept++;
    }
    buffer_deinit(&value);
}
