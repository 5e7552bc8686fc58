/* SPDX-License-Identifier: Apache-2.0 */
/* The runner on threads of this process, without a run around it. */
#include "unit/run/world.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/in_process.h"
#include "task/computation.h"
#include "unit/run/signals.h"
#include "wasm/call.h"

enum { JOBS = 200, OUTPUT_MAX = 4096 };

/* A runner and what came from it. */
struct host {
    struct runner *runner;
    unsigned over, logs;
    uint64_t last_ticket;
    End end;                    /* of the last one */
    uint8_t output[OUTPUT_MAX]; /* and what it gave */
    size_t len;
    struct buffer description, artifact; /* of the guest */
    struct buffer *keep;                 /* where a long output goes */
    struct arena arena;
};

static Status no_block([[maybe_unused]] void *context,
                       [[maybe_unused]] Bytes cid,
                       [[maybe_unused]] struct run_block *out,
                       [[maybe_unused]] struct error *err)
{
    return STATUS_NOT_FOUND;
}

static void release([[maybe_unused]] void *context,
                    [[maybe_unused]] struct run_block *block)
{
}

static void on_log(void *context, [[maybe_unused]] uint64_t ticket,
                   [[maybe_unused]] LogLevel level, Text line)
{
    struct host *host = context;
    host->logs++;
    assert_true(text_equal(line, TEXT("hello")));
}

static void on_done(void *context, const struct run_outcome *outcome)
{
    struct host *host = context;
    host->over++;
    host->last_ticket = outcome->ticket;
    host->end = outcome->end;
    host->len =
        outcome->output.len < OUTPUT_MAX ? outcome->output.len : OUTPUT_MAX;
    if (host->len > 0)
        memcpy(host->output, outcome->output.data, host->len);
    if (host->keep)
        buffer_add_bytes(host->keep, outcome->output);
}

static void wait_for(struct host *host, unsigned count)
{
    const uint64_t start = clock_monotonic_ns();
    while (host->over < count) {
        host->runner->verbs->poll(host->runner, 100);
        assert_true(clock_monotonic_ns() - start < 60000000000U);
    }
}

static void job(struct host *host, RunVerb verb, Bytes guest,
                struct buffer *keep)
{
    const struct run_request request = {
        .ticket = 1,
        .verb = verb,
        .limits = {.memory = (uint64_t)1 << 30, .time_ms = 60000},
        .input = guest,
        .description = buffer_bytes(&host->description),
        .artifact = {.file = -1},
    };
    host->over = 0;
    host->keep = keep;
    host->runner->verbs->submit(host->runner, &request);
    wait_for(host, 1);
    assert_int_equal(host->end, END_NONE);
    host->keep = NULL;
    host->over = 0;
}

static void open_host(struct host *host, unsigned threads, Bytes guest)
{
    const struct run_host table = {.context = host,
                                   .block = no_block,
                                   .release_block = release,
                                   .log = on_log};
    *host = (struct host){.runner = NULL};
    signals_for_guests();
    assert_ok(
        in_process_open(threads, &table, on_done, host, &host->runner, NULL));
    assert_int_equal(host->runner->verbs->capacity(host->runner), threads);
    assert_true(host->runner->verbs->file(host->runner) >= 0);
    buffer_init(&host->description, 1 << 20);
    buffer_init(&host->artifact, 16 << 20);
    job(host, RUN_DESCRIBE, guest, &host->description);
    job(host, RUN_COMPILE, guest, &host->artifact);
}

static void close_host(struct host *host)
{
    host->runner->verbs->close(host->runner);
    buffer_deinit(&host->description);
    buffer_deinit(&host->artifact);
    arena_deinit(&host->arena);
}

/* The concrete computation of one call. */
static Bytes call_of(struct host *host, Bytes guest, const char *function,
                     const Value *items, size_t count)
{
    struct arena *arena = &host->arena;
    Cid *cid = ARENA_NEW(arena, Cid);
    Hash hash;
    cid_of(CODEC_RAW, guest, cid);
    const Value module = value_link(cid);
    const Value list = value_list(items, count);
    const Value args =
        wasm_call_args(arena, &module, text_of(function), &list, false);
    return computation_encode(TEXT("/wasm/run"), &args, (Bytes){NULL, 0},
                              arena, &hash);
}

static void submit(struct host *host, uint64_t ticket, Bytes computation,
                   uint64_t time_ms)
{
    const struct run_request request = {
        .ticket = ticket,
        .verb = RUN_CALL,
        .limits = {.memory = (uint64_t)1 << 30, .time_ms = time_ms},
        .input = computation,
        .description = buffer_bytes(&host->description),
        .artifact = {.id = {{1}},
                     .file = -1,
                     .len = host->artifact.len,
                     .bytes = buffer_bytes(&host->artifact)},
    };
    host->runner->verbs->submit(host->runner, &request);
}

static void many_jobs_are_done_by_few_threads(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 3, guest_numbers());
    for (unsigned index = 0; index < JOBS; index++) {
        const Value items[] = {value_int((int64_t)index), value_int(1)};
        submit(&host, index + 1,
               call_of(&host, guest_numbers(), "add", items, 2), 60000);
    }
    wait_for(&host, JOBS);
    assert_int_equal(host.end, END_NONE);
    assert_memory_equal(host.output, "\xa1\x62ok", 4);
    close_host(&host);
}

static void a_guest_s_time_is_limited(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 2, guest_numbers());
    const Bytes spin = call_of(&host, guest_numbers(), "spin", NULL, 0);
    const uint64_t start = clock_monotonic_ns();
    submit(&host, 1, spin, 100);
    submit(&host, 2, spin, 50);
    wait_for(&host, 2);
    assert_int_equal(host.end, END_LIMIT_TIME);
    const uint64_t took = clock_monotonic_ns() - start;
    assert_true(took > 90000000U && took < 5000000000U);
    // A limit beyond all clocks is none.
    const Value items[] = {value_int(2), value_int(1)};
    submit(&host, 3, call_of(&host, guest_numbers(), "add", items, 2),
           UINT64_MAX);
    wait_for(&host, 3);
    assert_int_equal(host.end, END_NONE);
    close_host(&host);
}

/* Also at once after it was handed over, before the guest is at work. */
static void a_cancel_is_never_lost(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1, guest_numbers());
    const Bytes spin = call_of(&host, guest_numbers(), "spin", NULL, 0);
    for (unsigned round = 1; round <= 20; round++) {
        submit(&host, round, spin, 60000);
        usleep(round * 50);
        host.runner->verbs->cancel(host.runner, round, END_CANCELLED);
        wait_for(&host, round);
        assert_int_equal(host.last_ticket, round);
        assert_int_equal(host.end, END_CANCELLED);
    }
    // One that waits behind another, and one that is not there.
    submit(&host, 100, spin, 60000);
    submit(&host, 101, spin, 60000);
    host.runner->verbs->cancel(host.runner, 101, END_CANCELLED);
    host.runner->verbs->cancel(host.runner, 999, END_CANCELLED);
    wait_for(&host, 21);
    assert_int_equal(host.last_ticket, 101);
    host.runner->verbs->cancel(host.runner, 100, END_LIMIT_TIME);
    wait_for(&host, 22);
    assert_int_equal(host.end, END_LIMIT_TIME);
    close_host(&host);
}

static void it_can_be_closed_while_guests_run(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        struct host host;
        open_host(&host, 2, guest_numbers());
        const Bytes spin = call_of(&host, guest_numbers(), "spin", NULL, 0);
        for (unsigned index = 1; index <= 5; index++)
            submit(&host, index, spin, 60000);
        usleep(round * 200);
        close_host(&host);
    }
}

static void lines_come_through_poll(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 2, guest_bytes());
    const Bytes says = call_of(&host, guest_bytes(), "says", NULL, 0);
    for (unsigned index = 1; index <= 10; index++)
        submit(&host, index, says, 60000);
    wait_for(&host, 10);
    assert_int_equal(host.logs, 10);
    assert_memory_equal(host.output,
                        "\xa1\x65"
                        "error\x62no",
                        10);
    close_host(&host);
}

static void it_waits_no_longer_than_asked(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1, guest_numbers());
    const uint64_t start = clock_monotonic_ns();
    host.runner->verbs->poll(host.runner, 0);
    host.runner->verbs->poll(host.runner, 30);
    const uint64_t took = clock_monotonic_ns() - start;
    assert_true(took > 20000000U && took < 2000000000U);
    close_host(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_jobs_are_done_by_few_threads),
        cmocka_unit_test(a_guest_s_time_is_limited),
        cmocka_unit_test(a_cancel_is_never_lost),
        cmocka_unit_test(it_can_be_closed_while_guests_run),
        cmocka_unit_test(lines_come_through_poll),
        cmocka_unit_test(it_waits_no_longer_than_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
