/* SPDX-License-Identifier: Apache-2.0 */
/* run_call.c - a call on its way to the runner: its module, its turn, its
 * lease. */
#include "run/run_call.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

enum {
    LEASE_AFTER_MS = 20, /* shorter runs are not worth a lease */
    /* Renewed at half of it. A killed run cannot give its leases back: so long
     * the next one waits. */
    LEASE_TTL_MS = 2000,
    BUSY_AGAIN_MS = 20,
    LOG_LINES_MAX = 10000, /* of one run; more are counted and dropped */
};

static void call_open(struct run *run, struct run_call *call)
{
    if (run->open_runs == run->open_capacity) {
        run->open_capacity = run->open_capacity ? run->open_capacity * 2 : 16;
        run->open =
            heap_resize(run->open, run->open_capacity, sizeof *run->open);
    }
    run->open[run->open_runs++] = call;
}

static struct landing_key key_of(const struct run_call *call)
{
    return (struct landing_key){call->concrete, call->run->options.lane};
}

/* Who waits for it looks into the memo: there it is first. */
static void call_land(struct run_call *call)
{
    struct landings *landings = executor_landings(call->run->executor);
    const struct landing_key key = key_of(call);
    if (!call->is_flying)
        return;
    call->is_flying = false;
    if (landing_is_awaited(landings, &key))
        run_batch_send(call->run);
    landing_over(landings, &key);
}

/* Who waits for the lease looks for the result: until that can be seen, the
 * lease stays, and nobody here waits for it. */
static void give_back_lease(struct run *run, const struct run_call *call)
{
    if (!run->tasks[call->task].has_result) {
        IGNORE(lease_drop(run->store, &call->concrete, run->owner, NULL));
        return;
    }
    run_batch_send(run);
    run->leases[run->lease_count++ % LEASES_KEPT] = call->concrete;
}

void run_drop_leases(struct run *run)
{
    const size_t count =
        run->lease_count < LEASES_KEPT ? run->lease_count : LEASES_KEPT;
    for (size_t index = 0; index < count; index++)
        IGNORE(lease_drop(run->store, &run->leases[index], run->owner, NULL));
    run->lease_count = 0;
}

void call_close(struct run_call *call)
{
    struct run *run = call->run;
    call_land(call);
    uint32_t index = 0;
    while (run->open[index] != call)
        index++;
    run->open[index] = run->open[--run->open_runs];
    if (call->leased_ns)
        give_back_lease(run, call);
    run->tasks[call->task].started_ns = 0;
}

void call_free(struct run_call *call)
{
    landing_forget(&call->wait);
    block_unref(call->block);
    buffer_deinit(&call->first);
    free(call);
}

/* The call is over without a result. */
void call_end(struct run_call *call, End end, const char *message)
{
    struct run *run = call->run;
    run_keep_message(run, call->task, message);
    call_close(call);
    schedule_ran(run->schedule, call->task, OUT_END, end,
                 (clock_monotonic_ns() - run->start_ns) / 1000000U);
}

static void call_submit(struct run_call *call,
                        const struct module_ready *ready);

static void module_is_ready(void *context, const struct module_ready *ready)
{
    struct run_call *call = context;
    run_wake(call->run);
    if (ready->end == END_NONE) {
        call_submit(call, ready);
        return;
    }
    if (call->is_checking) // Only one engine can: nothing to compare.
        call_keep_result(call, &call->first_outcome);
    else if (call_lacks(call, ready->end, ready->message))
        return;
    else
        call_end(call, ready->end, ready->message);
    call_free(call);
}

/* `call` may be over when it returns. */
void call_want_module(struct run_call *call)
{
    struct run *run = call->run;
    uint32_t task = call->task;
    // Compiling is not the guest's time.
    if (!modules_want(run->modules, &call->module, &call->form,
                      module_is_ready, call)) {
        schedule_not_begun(run->schedule, task);
        run_tell(run, RUN_TASK_COMPILING, task);
    }
}

/* The equal one of another run is over: the memo is asked again. */
static void call_landed(void *context)
{
    struct run_call *call = context;
    struct run *run = call->run;
    call_close(call);
    schedule_busy(run->schedule, call->task,
                  (clock_monotonic_ns() - run->start_ns) / 1000000U);
    run_wake(run);
    call_free(call);
}

/* True if it waits for an equal one of another run; else others may for it. */
static bool call_waits(struct run_call *call)
{
    struct landings *landings = executor_landings(call->run->executor);
    const struct landing_key key = key_of(call);
    if (call->is_flying || call->is_checking ||
        run_is_fresh(call->run, call->task))
        return false;
    call->wait.landed = call_landed;
    call->wait.context = call;
    if (landing_await(landings, &key, &call->wait)) {
        call->ticket = 0;
        return true;
    }
    call->is_flying = landing_begin(landings, &key);
    return false;
}

/* It goes into the runner's hands, unless somebody is at it. */
static bool call_begun(void *context, uint64_t ticket)
{
    struct run_call *call = context;
    struct run *run = call->run;
    uint64_t now = clock_monotonic_ns();
    (void)ticket;
    if (!call->is_paused && call_waits(call))
        return false;
    schedule_begun(run->schedule, call->task,
                   (now - run->start_ns) / 1000000U);
    if (!call->is_paused) {
        run->tasks[call->task].started_ns = now;
        if (!call->is_checking)
            run_tell(run, RUN_TASK_STARTED, call->task);
    }
    call->is_paused = false;
    return true;
}

/* Its time stands still: the runner has the rest of its limit. */
static void call_paused(void *context, uint64_t ticket)
{
    struct run_call *call = context;
    (void)ticket;
    call->is_paused = true;
    schedule_not_begun(call->run->schedule, call->task);
}

static void call_logs(void *context, uint64_t ticket, LogLevel level,
                      Text line)
{
    const struct run_call *call = context;
    struct run *run = call->run;
    (void)ticket;
    // The second opinion says the same again.
    if (!run->options.event || call->is_checking)
        return;
    if (run->log_lines >= LOG_LINES_MAX) {
        run->dropped_logs++;
        return;
    }
    run->log_lines++;
    const struct run_event event = {
        .kind = RUN_TASK_LOG,
        .task = call->task,
        .level = level,
        .text = line,
        .dropped_logs = run->dropped_logs,
    };
    run->options.event(run->options.context, run, &event);
}

static void call_submit(struct run_call *call,
                        const struct module_ready *ready)
{
    struct run *run = call->run;
    struct run_request request = {
        .verb = RUN_CALL,
        .engine = call->form.engine,
        .metered = call->form.metered,
        .limits = call->limits,
        .input = block_bytes(call->block),
        .description = ready->description,
        .artifact = ready->artifact,
        .memory_need = call->memory_counts ? call->limits.memory : 0,
    };
    struct error err = {0};
    if (call->is_checking) // Fuel differs between engines; time and memory do
        request.limits.fuel = 0; // the second opinion's limiting.
    // Its threads ask the store at once, workers when we listen to them.
    if (executor_options(run->executor)->in_process)
        run_settle(run);
    const struct executor_client client = {
        .done = call_done,
        .begun = call_begun,
        .paused = call_paused,
        .log = call_logs,
        .context = call,
        .lane = run->options.lane,
        .priority = run->options.priority,
    };
    Status status =
        executor_submit(run->executor, &request, &client, &call->ticket, &err);
    if (status != STATUS_OK) {
        call_end(call, END_HOST, err.message);
        call_free(call);
    } else if (run->tasks[call->task].started_ns == 0) {
        schedule_not_begun(run->schedule, call->task); // Not its turn yet.
    }
}

/* --- Starting and stopping ----------------------------------------------- */

/* Refuses what cannot be handed to a runner at all; else fills `call`. */
static End prepare(struct run *run, uint32_t task, struct run_call *call,
                   struct error *err)
{
    const struct task *what = &run->workflow->tasks[task];
    struct computation computation;
    struct wasm_call wasm;
    Cid name;

    if (what->class != CLASS_PURE) {
        IGNORE(fail(err, STATUS_UNSUPPORTED,
                    "nothing here performs the command %.*s",
                    TEXT_ARG(what->cmd)));
        return END_REFUSED_COMMAND;
    }
    if (what->sub.len > 0) {
        IGNORE(fail(err, STATUS_UNSUPPORTED,
                    "it asks %.*s to perform it, and that is not here",
                    TEXT_ARG(what->sub)));
        return END_REFUSED_COMMAND;
    }
    cid_from_hash(CODEC_DAG_CBOR, &call->concrete, &name);
    call->block = run_take_block(run, task);
    if (!call->block)
        run_batch_send(run);
    if (!call->block &&
        store_get(run->store, &name, &call->block, err) != STATUS_OK) {
        IGNORE(fail(err, STATUS_HOST, "its computation could not be kept"));
        return END_HOST;
    }
    arena_reset(&run->arena);
    if (computation_decode(block_bytes(call->block), &run->arena, &computation,
                           err) != STATUS_OK)
        return END_REFUSED_ARGUMENT;
    Status status = wasm_call_read(&computation.args, &wasm, err);
    if (status != STATUS_OK)
        return status == STATUS_UNSUPPORTED ? END_REFUSED_PROFILE
                                            : END_REFUSED_ARGUMENT;
    call->module = wasm.module;
    return END_NONE;
}

/* True if another process has been at it for a while: wait for its result. */
static bool is_leased(struct run *run, const struct run_call *call,
                      uint64_t *left_ms)
{
    return lease_peek(run->store, &call->concrete, run->owner, left_ms,
                      NULL) == STATUS_BUSY;
}

/* The host's own limits win over what a task asks for. */
static void bound_limits(const struct run *run, struct limits *limits)
{
    const struct run_options *options = &run->options;
    if (limits->memory == 0)
        limits->memory = options->memory_default ? options->memory_default
                                                 : LIMIT_MEMORY_DEFAULT;
    if (options->memory_max && limits->memory > options->memory_max)
        limits->memory = options->memory_max;
    if (options->fuel_max &&
        (limits->fuel == 0 || limits->fuel > options->fuel_max))
        limits->fuel = options->fuel_max;
    if (options->time_ms_max && limits->time_ms > options->time_ms_max)
        limits->time_ms = options->time_ms_max;
}

void run_start(struct run *run, uint32_t task, const struct limits *limits)
{
    struct run_call *call = HEAP_NEW(struct run_call);
    struct error err = {0};
    uint64_t left_ms;
    uint64_t now = (clock_monotonic_ns() - run->start_ns) / 1000000U;

    *call = (struct run_call){
        .run = run,
        .task = task,
        .concrete = run->tasks[task].concrete,
        .limits = *limits,
        .form = {.engine = executor_options(run->executor)->engine,
                 .metered = run->options.metered || limits->fuel > 0,
                 .lane = run->options.lane},
        .memory_counts = limits->memory > 0 || run->options.memory_default > 0,
    };
    bound_limits(run, &call->limits);
    buffer_init(&call->first, LIMIT_RESULT_BYTES);
    End end = prepare(run, task, call, &err);
    if (end != END_NONE) {
        run_keep_message(run, task, err.message);
        schedule_ran(run->schedule, task, OUT_END, end, now);
        call_free(call);
        return;
    }
    if (is_leased(run, call, &left_ms)) {
        schedule_busy(
            run->schedule, task,
            now + (left_ms < BUSY_AGAIN_MS ? left_ms + 1 : BUSY_AGAIN_MS));
        call_free(call);
        return;
    }
    call_open(run, call);
    call_want_module(call);
}

static void stop(struct run_call *call, End end)
{
    struct run *run = call->run;
    run->lacking -= call->is_lacking;
    call->is_lacking = false;
    if (call->ticket) {
        executor_cancel(run->executor, call->ticket, end);
    } else {
        modules_forget(run->modules, &call->module, call);
        call_end(call, end, "");
        call_free(call);
    }
}

void run_stop(struct run *run, uint32_t task, End end)
{
    for (uint32_t index = 0; index < run->open_runs; index++)
        if (run->open[index]->task == task) {
            stop(run->open[index], end);
            return;
        }
}

void run_cut_calls(struct run *run, bool begun_too)
{
    // From the end: a call that is over is replaced by the last.
    for (uint32_t index = run->open_runs; index-- > 0;) {
        struct run_call *call = run->open[index];
        if (begun_too || run->tasks[call->task].started_ns == 0)
            stop(call, END_CANCELLED);
    }
}

void run_renew_leases(struct run *run)
{
    uint64_t now = clock_monotonic_ns(), left_ms;
    for (uint32_t index = 0; index < run->open_runs; index++) {
        struct run_call *call = run->open[index];
        uint64_t since = run->tasks[call->task].started_ns;
        if (since == 0 || now - since < LEASE_AFTER_MS * 1000000ULL)
            continue;
        if (call->leased_ns &&
            now - call->leased_ns < LEASE_TTL_MS * 500000ULL)
            continue;
        // Somebody else has it: two do the same, and both are right.
        if (lease_take(run->store, &call->concrete, run->owner, LEASE_TTL_MS,
                       &left_ms, NULL) == STATUS_OK)
            call->leased_ns = now;
    }
}
