/* SPDX-License-Identifier: Apache-2.0 */
/* run_call_over.c - what came of a call: a result, an end, a second opinion, or
 * a block that it lacks. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "run/heal.h"
#include "run/run_call.h"

void run_alarm(struct run *run, uint32_t task, Text text)
{
    const struct run_event event = {
        .kind = RUN_ALARM,
        .task = task,
        .text = text,
    };
    if (run->options.event)
        run->options.event(run->options.context, run, &event);
}

/* What is run again though the memo has it must come to the same. */
static void compare_with_memo(struct run_call *call,
                              const struct result *result)
{
    struct memo_entry entry;
    if (run_is_fresh(call->run, call->task) &&
        memo_get(call->run->store, &call->concrete, &entry, NULL) ==
            STATUS_OK &&
        !cid_equal(&entry.result, &result->cid))
        run_alarm(call->run, call->task,
                  TEXT("its result is not the one in the memo: both are "
                       "kept"));
}

void call_keep_result(struct run_call *call, const struct run_outcome *outcome)
{
    struct run *run = call->run;
    struct run_task *state = &run->tasks[call->task];
    struct error err = {0};
    struct result result;

    arena_reset(&run->result_arena);
    run->task_bytes = 0;
    struct block_sink sink = run_sink(run);
    run->producer = &call->concrete;
    Status status = result_normalise(outcome->output, &sink,
                                     &run->result_arena, &result, &err);
    run->producer = NULL;
    if (status != STATUS_OK) {
        call_end(call, status == STATUS_LIMIT ? END_LIMIT_RESULT : END_HOST,
                 err.message);
        return;
    }
    bool known = cid_sha256(&result.cid, CODEC_DAG_CBOR, &state->result);
    ASSERT(known);
    state->has_result = true;
    state->wall_ns = outcome->cost.wall_ns;
    state->cpu_ns = outcome->cost.cpu_ns;
    state->memory_peak = outcome->cost.memory_peak;
    state->fuel = outcome->cost.fuel;
    run_keep_message(run, call->task, outcome->message);
    compare_with_memo(call, &result);
    run_record_result(run, call->task, &result, outcome);
    call_close(call);
    schedule_ran(run->schedule, call->task, result.is_ok ? OUT_OK : OUT_ERROR,
                 END_NONE, (clock_monotonic_ns() - run->start_ns) / 1000000U);
}

/* True if it ended for the lack of a block, the first time: it waits for
 * run_heal_calls(). */
bool call_lacks(struct run_call *call, End end, const char *message)
{
    struct run *run = call->run;
    struct run_task *state = &run->tasks[call->task];
    if (end != END_UNAVAILABLE || state->was_healed || run->options.no_heal)
        return false;
    snprintf(call->lack, sizeof call->lack, "%s", message);
    state->was_healed = true;
    call->is_lacking = true;
    call->ticket = 0;
    run->lacking++;
    schedule_not_begun(run->schedule, call->task); // Not the guest's time.
    return true;
}

static void begin_check(struct run_call *call,
                        const struct run_outcome *outcome)
{
    buffer_add_bytes(&call->first, outcome->output);
    call->first_outcome = *outcome;
    call->first_outcome.output = buffer_bytes(&call->first);
    call->is_checking = true;
    call->ticket = 0;
    call->form.engine = call->form.engine == RUN_ENGINE_WASMI
                            ? RUN_ENGINE_WASMTIME
                            : RUN_ENGINE_WASMI;
    call_want_module(call);
}

/* Both engines answered: equal bytes, or an alarm and no result. */
static void end_check(struct run_call *call, const struct run_outcome *second)
{
    if (second->end == END_NONE &&
        !bytes_equal(second->output, buffer_bytes(&call->first))) {
        run_alarm(call->run, call->task,
                  TEXT("the two engines give different results"));
        call_end(call, END_HOST,
                 "the two engines give different results: "
                 "neither is kept");
        return;
    }
    call_keep_result(call, &call->first_outcome);
}

/* How many tasks to hand over at once, by how long the last ones took. */
static void adjust_ahead(struct run *run, const struct run_cost *cost)
{
    // Not the wall's time: what else the machine does is not the task's.
    run->typical_ns = run->typical_ns
                          ? (run->typical_ns * 7 + cost->cpu_ns) / 8
                          : cost->cpu_ns;
    uint64_t ahead = AHEAD_NS / (run->typical_ns + 1);
    if (ahead > AHEAD_MAX)
        ahead = AHEAD_MAX;
    schedule_set_running_max(run->schedule, executor_capacity(run->executor) *
                                                (uint32_t)(ahead + 1));
}

void call_done(void *context, const struct run_outcome *outcome)
{
    struct run_call *call = context;
    run_wake(call->run);
    adjust_ahead(call->run, &outcome->cost);
    call->run->tasks[call->task].worker = outcome->worker;
    if (call->is_checking) {
        end_check(call, outcome);
    } else if (call_lacks(call, outcome->end, outcome->message)) {
        return;
    } else if (outcome->end != END_NONE) {
        call_end(call, outcome->end, outcome->message);
    } else if (call->run->options.cross_check) {
        begin_check(call, outcome);
        return;
    } else {
        call_keep_result(call, outcome);
    }
    call_free(call);
}

/* --- Healing ------------------------------------------------------------- */

static Status heal_for_call(struct run *run, const struct run_call *call,
                            struct healer *healer)
{
    *healer =
        (struct healer){.executor = run->executor, .modules = run->modules};
    run_batch_send(run); // The computation too.
    Status status = heal_inputs(healer, &call->concrete, NULL);
    if (healer->differed)
        run_alarm(run, call->task,
                  TEXT("a lost block was computed again and came out "
                       "differently"));
    return status;
}

void run_heal_calls(struct run *run)
{
    // Others may end, and ask for the same, meanwhile.
    for (uint32_t index = 0; run->lacking > 0 && index < run->open_runs;
         index++) {
        struct run_call *call = run->open[index];
        struct healer healer;
        if (!call->is_lacking)
            continue;
        call->is_lacking = false;
        run->lacking--;
        const Status status = heal_for_call(run, call, &healer);
        run->has_healed = run->has_healed || healer.healed > 0;
        // Perhaps it was healed for another.
        if (status == STATUS_OK && run->has_healed) {
            call_want_module(call);
        } else {
            call_end(call, END_UNAVAILABLE, call->lack);
            call_free(call);
        }
        index = UINT32_MAX; // From the beginning: the list has changed.
    }
}
