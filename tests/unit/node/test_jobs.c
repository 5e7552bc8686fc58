/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs on a node: what they come to, what is told of them, what may be done to
 * them, and what a restart does. */
#include "unit/node/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipld/dag_json.h"
#include "node/state.h"
#include "run/receipts.h"

static const char diamond[] =
    "name: diamond\n"
    "tasks:\n"
    "  top: {run: numbers.wasm#add, args: [1, 2]}\n"
    "  left: {run: numbers.wasm#add, args: [!ok top, 10]}\n"
    "  right: {run: numbers.wasm#add, args: [!ok top, 20]}\n"
    "  end: {run: numbers.wasm#add, args: [!ok left, !ok right]}\n";
static const char spins[] = "tasks:\n"
                            "  a: {run: numbers.wasm#add, args: [5, 6]}\n"
                            "  z: {run: numbers.wasm#spin, args: []}\n";

/* --- To the end ---------------------------------------------------------- */

static void a_job_runs_to_its_end(void **state)
{
    struct jobs *jobs = *state;
    const struct node_answer answer = jobs_submit(jobs, diamond);
    assert_true(answer.is_new);
    assert_state(jobs_wait(jobs, &answer.job), JOB_SUCCEEDED);
    jobs_have(jobs, &answer.job, "name", "\"diamond\"");
    jobs_have(jobs, &answer.job, "counts",
              "{\"done\":4,\"failed\":0,\"hits\":0,\"ready\":0,"
              "\"running\":0,\"total\":4,\"waiting\":0,\"wanted\":4}");
    jobs_have(jobs, &answer.job, "attempt", "1");
    assert_int_equal(jobs_count(jobs, &answer.job, "\"task/finished\""), 4);
    assert_int_equal(jobs_count(jobs, &answer.job, "\"by\":\"run\""), 4);
    assert_int_equal(jobs_count(jobs, &answer.job, "\"compiling\""), 1);
    // And so it is after a restart.
    jobs_reopen(jobs);
    assert_state(jobs_state(jobs, &answer.job), JOB_SUCCEEDED);
    assert_int_equal(jobs_count(jobs, &answer.job, "\"task/finished\""), 4);
}

static void what_the_memo_answers_needs_no_run(void **state)
{
    struct jobs *jobs = *state;
    const struct node_answer first = jobs_submit(jobs, diamond);
    assert_state(jobs_wait(jobs, &first.job), JOB_SUCCEEDED);
    const struct node_answer second = jobs_submit(jobs, diamond);
    assert_true(second.is_new);
    assert_state(second.state, JOB_SUCCEEDED);
    assert_string_equal(jobs_events(jobs, &second.job), "submitted succeeded");
}

static void submitted_twice_is_one_job(void **state)
{
    struct jobs *jobs = *state;
    const struct job_terms terms = {.workflow = jobs_workflow(jobs, diamond)};
    const struct node_answer first = jobs_submit_terms(jobs, &terms, "same");
    const struct node_answer second = jobs_submit_terms(jobs, &terms, "same");
    assert_true(first.is_new);
    assert_false(second.is_new);
    assert_true(hash_equal(&first.job, &second.job));
    jobs_wait(jobs, &first.job);
    jobs_reopen(jobs);
    const struct node_answer third = jobs_submit_terms(jobs, &terms, "same");
    assert_ok(third.status);
    assert_false(third.is_new);
    assert_state(third.state, JOB_SUCCEEDED);
    assert_int_equal(jobs_count(jobs, &first.job, "\"submitted\""), 1);
}

static void a_job_fails_with_its_first_wanted_task(void **state)
{
    struct jobs *jobs = *state;
    const struct node_answer answer =
        jobs_submit(jobs, "tasks:\n"
                          "  good: {run: numbers.wasm#add, args: [1, 1]}\n"
                          "  bad: {run: bytes.wasm#fails, args: []}\n");
    assert_state(jobs_wait(jobs, &answer.job), JOB_FAILED);
    jobs_have(jobs, &answer.job, "message", "\"bad: it gave an error\"");
    assert_int_equal(jobs_count(jobs, &answer.job, "\"ok\":false"), 1);
}

/* Errors have room for so many bytes, and may end within a character: a row
 * with half of one could not be read again. */
static void words_that_were_cut_stay_text(void **state)
{
    char text[600];
    (void)state;
    for (size_t at = 0; at + 1 < sizeof text; at += 2)
        memcpy(text + at, "\xc3\xa4", 2);
    for (size_t len = 0; len < 8; len++) {
        const Text cut = event_text((Text){text, len});
        assert_int_equal(cut.len, len / 2 * 2);
    }
}

/* --- What may be done ---------------------------------------------------- */

enum { OPEN_STATES = 3, VERBS = NODE_RETRY + 1 };

/* A new job that is in this state. */
static Hash job_in(struct jobs *jobs, JobState wanted)
{
    const char *manifest = spins;
    struct job_terms terms = {0};
    if (wanted == JOB_SUCCEEDED)
        manifest = diamond;
    else if (wanted == JOB_FAILED)
        manifest = "tasks: {bad: {run: bytes.wasm#fails, args: []}}";
    terms.workflow = jobs_workflow(jobs, manifest);
    if (wanted == JOB_QUEUED || wanted == JOB_SUSPENDED)
        terms.not_before_ms = clock_wall_ms() + 3600 * 1000;
    const struct node_answer answer = jobs_submit_terms(jobs, &terms, "");
    assert_ok(answer.status);
    if (wanted == JOB_SUSPENDED)
        assert_ok(jobs_control(jobs, NODE_SUSPEND, &answer.job).status);
    if (wanted == JOB_CANCELLED)
        assert_ok(jobs_control(jobs, NODE_CANCEL, &answer.job).status);
    jobs_wait_for(jobs, &answer.job, wanted);
    return answer.job;
}

static void verbs_do_what_the_table_says(void **state)
{
    struct jobs *jobs = *state;
    enum { NO = -1 };
    static const int table[JOB_STATES][VERBS] = {
        // suspend, suspend now, resume, cancel, retry
        [JOB_QUEUED] = {JOB_SUSPENDED, JOB_SUSPENDED, NO, JOB_CANCELLED, NO},
        [JOB_RUNNING] = {JOB_SUSPENDED, JOB_SUSPENDED, NO, JOB_CANCELLED, NO},
        [JOB_SUSPENDED] = {JOB_SUSPENDED, JOB_SUSPENDED, JOB_QUEUED,
                           JOB_CANCELLED, NO},
        [JOB_SUCCEEDED] = {NO, NO, NO, NO, NO},
        [JOB_FAILED] = {NO, NO, NO, NO, JOB_FAILED},
        [JOB_CANCELLED] = {NO, NO, NO, NO, JOB_RUNNING},
    };
    for (unsigned is = 0; is < JOB_STATES; is++)
        for (unsigned verb = 0; verb < VERBS; verb++) {
            const Hash job = job_in(jobs, (JobState)is);
            const struct node_answer answer =
                jobs_control(jobs, (NodeVerb)verb, &job);
            const int becomes = table[is][verb];
            assert_status(answer.status,
                          becomes == NO ? STATUS_INVALID : STATUS_OK);
            jobs_wait_for(jobs, &job,
                          becomes == NO ? (JobState)is : (JobState)becomes);
            if (!job_state_is_over(jobs_state(jobs, &job)))
                assert_ok(jobs_control(jobs, NODE_CANCEL, &job).status);
        }
}

static void there_is_no_such_job(void **state)
{
    struct jobs *jobs = *state;
    const Hash nobody = {{1}};
    struct arena arena = {0};
    Value map;
    assert_status(jobs_control(jobs, NODE_CANCEL, &nobody).status,
                  STATUS_NOT_FOUND);
    assert_status(node_job(jobs->node, &nobody, &arena, &map, NULL),
                  STATUS_NOT_FOUND);
    arena_deinit(&arena);
}

static void what_was_suspended_goes_on_after_a_restart(void **state)
{
    struct jobs *jobs = *state;
    const Hash job = job_in(jobs, JOB_RUNNING);
    jobs_wait_count(jobs, &job, "\"task/finished\"", 1);
    assert_ok(jobs_control(jobs, NODE_SUSPEND_NOW, &job).status);
    jobs_reopen(jobs);
    assert_state(jobs_state(jobs, &job), JOB_SUSPENDED);
    assert_ok(jobs_control(jobs, NODE_RESUME, &job).status);
    jobs_wait_for(jobs, &job, JOB_RUNNING);
    jobs_wait_count(jobs, &job, "\"task/finished\"", 2);
    assert_int_equal(jobs_count(jobs, &job, "\"ok\":false"), 0);
    // What was finished is known.
    assert_int_equal(jobs_count(jobs, &job, "\"by\":\"run\""), 1);
    assert_int_equal(jobs_count(jobs, &job, "\"by\":\"memo\""), 1);
    assert_ok(jobs_control(jobs, NODE_CANCEL, &job).status);
}

/* `a` runs for a while and is let finish; what awaits it is not begun, and not
 * said to have failed. */
static void a_suspended_job_lets_finish_and_begins_no_more(void **state)
{
    struct jobs *jobs = *state;
    const Hash job =
        jobs_submit(jobs, "tasks:\n"
                          "  a: {run: numbers.wasm#count, args: [700000000]}\n"
                          "  b: {run: numbers.wasm#add, args: [!ok a, 1]}\n")
            .job;
    jobs_wait_count(jobs, &job, "\"task/started\"", 1);
    assert_ok(jobs_control(jobs, NODE_SUSPEND, &job).status);
    jobs_wait_count(jobs, &job, "\"task/finished\"", 1);
    usleep(50 * 1000);
    assert_int_equal(jobs_count(jobs, &job, "\"task/finished\""), 1);
    assert_int_equal(jobs_count(jobs, &job, "\"ok\":false"), 0);
    assert_ok(jobs_control(jobs, NODE_RESUME, &job).status);
    assert_state(jobs_wait(jobs, &job), JOB_SUCCEEDED);
    assert_int_equal(jobs_count(jobs, &job, "\"by\":\"run\""), 2);
}

static void what_ran_when_the_node_was_closed_runs_again(void **state)
{
    struct jobs *jobs = *state;
    const Hash job = job_in(jobs, JOB_RUNNING);
    jobs_reopen(jobs);
    jobs_wait_for(jobs, &job, JOB_RUNNING);
    assert_ok(jobs_control(jobs, NODE_CANCEL, &job).status);
    assert_state(jobs_state(jobs, &job), JOB_CANCELLED);
}

/* --- Time ---------------------------------------------------------------- */

static void a_delayed_job_waits_for_its_time(void **state)
{
    struct jobs *jobs = *state;
    const int64_t when = clock_wall_ms() + 300;
    const struct job_terms terms = {
        .workflow = jobs_workflow(jobs, diamond),
        .not_before_ms = when,
    };
    const struct node_answer answer = jobs_submit_terms(jobs, &terms, "");
    assert_state(answer.state, JOB_QUEUED);
    assert_state(jobs_wait(jobs, &answer.job), JOB_SUCCEEDED);
    assert_true(clock_wall_ms() >= when);
}

static void a_deadline_ends_what_runs_and_what_waits(void **state)
{
    struct jobs *jobs = *state;
    struct job_terms terms = {
        .workflow = jobs_workflow(jobs, spins),
        .deadline_ms = clock_wall_ms() + 200,
    };
    const struct node_answer runs = jobs_submit_terms(jobs, &terms, "");
    terms.not_before_ms = clock_wall_ms() + 3600 * 1000;
    const struct node_answer waits = jobs_submit_terms(jobs, &terms, "");
    assert_state(jobs_wait(jobs, &runs.job), JOB_FAILED);
    assert_state(jobs_wait(jobs, &waits.job), JOB_FAILED);
    jobs_have(jobs, &runs.job, "message",
              "\"limit/time: its deadline has passed\"");
    jobs_have(jobs, &waits.job, "message",
              "\"limit/time: its deadline has passed\"");
}

static void a_job_has_limits_of_its_own(void **state)
{
    struct jobs *jobs = *state;
    struct job_terms terms = {
        .workflow = jobs_workflow(jobs, spins),
        .limits = {.time_ms = 200},
    };
    const struct node_answer slow = jobs_submit_terms(jobs, &terms, "");
    assert_state(jobs_wait(jobs, &slow.job), JOB_FAILED);
    terms.limits = (struct limits){.fuel = 1000000};
    const struct node_answer thirsty = jobs_submit_terms(jobs, &terms, "");
    assert_state(jobs_wait(jobs, &thirsty.job), JOB_FAILED);
    assert_int_equal(jobs_count(jobs, &thirsty.job, "\"limit/fuel\""), 1);
}

/* --- Forks --------------------------------------------------------------- */

static void a_fork_runs_from_a_task_on(void **state)
{
    struct jobs *jobs = *state;
    const Text from[] = {TEXT("left")};
    const struct node_answer first = jobs_submit(jobs, diamond);
    assert_state(jobs_wait(jobs, &first.job), JOB_SUCCEEDED);
    const struct job_terms terms = {
        .workflow = jobs_workflow(jobs, diamond),
        .has_from = true,
        .from_job = first.job,
        .from_tasks = from,
        .from_task_count = 1,
    };
    const struct node_answer fork = jobs_submit_terms(jobs, &terms, "");
    if (fork.status != STATUS_OK)
        fail_msg("%s", fork.error.message);
    assert_state(jobs_wait(jobs, &fork.job), JOB_SUCCEEDED);
    // `left` and `end` ran; `top` and `right` are shared.
    assert_int_equal(jobs_count(jobs, &fork.job, "\"by\":\"run\""), 2);
    assert_int_equal(jobs_count(jobs, &fork.job, "\"by\":\"memo\""), 2);
}

static void a_fork_follows_a_chain_whatever_its_labels(void **state)
{
    struct jobs *jobs = *state;
    static const char chain[] =
        "tasks:\n"
        "  z: {run: numbers.wasm#add, args: [1, 1]}\n"
        "  y: {run: numbers.wasm#add, args: [!ok z, 2]}\n"
        "  b: {run: numbers.wasm#add, args: [!ok y, 3]}\n"
        "  a: {run: numbers.wasm#add, args: [!ok b, 4]}\n"
        "  c: {run: numbers.wasm#add, args: [!ok z, 5]}\n";
    const Text from[] = {TEXT("y")};
    const Hash first = jobs_submit(jobs, chain).job;
    assert_state(jobs_wait(jobs, &first), JOB_SUCCEEDED);
    struct job_terms terms = {
        .workflow = jobs_workflow(jobs, chain),
        .has_from = true,
        .from_job = first,
        .from_tasks = from,
        .from_task_count = 1,
    };
    const Hash fork = jobs_submit_terms(jobs, &terms, "").job;
    assert_state(jobs_wait(jobs, &fork), JOB_SUCCEEDED);
    assert_int_equal(jobs_count(jobs, &fork, "\"by\":\"run\""), 3);
    // One that is not there.
    const Text nobody[] = {TEXT("nobody")};
    terms.from_tasks = nobody;
    const struct node_answer bad = jobs_submit_terms(jobs, &terms, "");
    if (bad.status == STATUS_OK)
        assert_state(jobs_wait(jobs, &bad.job), JOB_FAILED);
}

/* --- Bounds -------------------------------------------------------------- */

static void a_full_queue_says_when_to_come_back(void **state)
{
    struct jobs *jobs = *state;
    struct job_terms terms = {
        .workflow = jobs_workflow(jobs, diamond),
        .not_before_ms = clock_wall_ms() + 3600 * 1000,
    };
    jobs->config.queue_max = 3;
    jobs_reopen(jobs);
    for (unsigned count = 0; count < 3; count++)
        assert_ok(jobs_submit_terms(jobs, &terms, "").status);
    const struct node_answer answer = jobs_submit_terms(jobs, &terms, "");
    assert_status(answer.status, STATUS_BUSY);
    assert_true(answer.retry_after_s >= 1);
}

static void only_so_many_runs_are_in_memory(void **state)
{
    struct jobs *jobs = *state;
    jobs->config.active_max = 1;
    jobs_reopen(jobs);
    const Hash first = job_in(jobs, JOB_RUNNING);
    const struct node_answer second = jobs_submit(jobs, diamond);
    assert_state(second.state, JOB_QUEUED);
    usleep(50 * 1000);
    assert_state(jobs_state(jobs, &second.job), JOB_QUEUED);
    assert_ok(jobs_control(jobs, NODE_CANCEL, &first).status);
    assert_state(jobs_wait(jobs, &second.job), JOB_SUCCEEDED);
}

static void one_store_has_one_node(void **state)
{
    struct jobs *jobs = *state;
    struct node *other;
    struct error err = {0};
    assert_status(
        node_open(jobs->store, jobs->key, &jobs->config, &other, &err),
        STATUS_BUSY);
    assert_non_null(strstr(err.message, "another node has the store"));
}

static void receipts_are_sealed_when_nothing_runs(void **state)
{
    struct jobs *jobs = *state;
    jobs->config.seal_after_s = 1;
    jobs_reopen(jobs);
    const Hash job = jobs_submit(jobs, diamond).job;
    jobs_wait(jobs, &job);
    assert_true(receipts_are_pending(jobs->store));
    const uint64_t start = clock_monotonic_ns();
    while (receipts_are_pending(jobs->store)) {
        assert_true(clock_monotonic_ns() - start < 20000000000ULL);
        usleep(10 * 1000);
    }
}

/* --- A long journal ------------------------------------------------------ */

static void a_long_journal_becomes_segments(void **state)
{
    struct jobs *jobs = *state;
    char manifest[8000] = "tasks:\n", line[80];
    struct job_terms terms = {0};
    enum { TASKS = 90, ROUNDS = 6 };
    for (unsigned task = 0; task < TASKS; task++) {
        snprintf(line, sizeof line,
                 "  t%u: {run: numbers.wasm#add, args: [%u, 1]}\n", task,
                 task);
        strncat(manifest, line, sizeof manifest - strlen(manifest) - 1);
    }
    const struct node_answer first = jobs_submit(jobs, manifest);
    assert_state(jobs_wait(jobs, &first.job), JOB_SUCCEEDED);
    // Suspended and resumed, it tells of its hits again and again.
    char spinning[8100];
    snprintf(spinning, sizeof spinning,
             "%s  z: {run: numbers.wasm#spin, args: []}\n", manifest);
    terms.workflow = jobs_workflow(jobs, spinning);
    const struct node_answer answer = jobs_submit_terms(jobs, &terms, "");
    for (unsigned round = 1; round <= ROUNDS; round++) {
        jobs_wait_count(jobs, &answer.job, "\"task/finished\"", round * TASKS);
        assert_ok(jobs_control(jobs, NODE_SUSPEND_NOW, &answer.job).status);
        if (round == ROUNDS / 2)
            jobs_reopen(jobs);
        assert_ok(jobs_control(jobs, NODE_RESUME, &answer.job).status);
    }
    assert_ok(jobs_control(jobs, NODE_CANCEL, &answer.job).status);
    assert_true(jobs_count(jobs, &answer.job, "\"task/finished\"") >=
                ROUNDS * TASKS);
    jobs_reopen(jobs);
    assert_true(jobs_count(jobs, &answer.job, "\"task/finished\"") >=
                ROUNDS * TASKS);
    assert_int_equal(jobs_count(jobs, &answer.job, "\"submitted\""), 1);
    assert_int_equal(jobs_count(jobs, &answer.job, "\"kind\":\"cancelled\""),
                     1);
}

struct seqs {
    uint64_t at[4096];
    size_t count, most;
};

static bool note_seq(void *context, uint64_t seq, Bytes event)
{
    struct seqs *seqs = context;
    (void)event;
    seqs->at[seqs->count++] = seq;
    return seqs->count < seqs->most;
}

/* The events behind `after`, at most so many. */
static struct seqs *seqs_behind(struct jobs *jobs, const Hash *job,
                                uint64_t after, size_t most)
{
    struct seqs *seqs = HEAP_NEW(struct seqs);
    struct error err = {0};
    uint64_t last;
    bool is_over;
    seqs->most = most;
    if (node_events(jobs->node, job, after, note_seq, seqs, &last, &is_over,
                    &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(last, seqs->count ? seqs->at[seqs->count - 1] : after);
    return seqs;
}

/* Whoever comes back with the last number he has had misses none. */
static void events_go_on_behind_any_of_them(void **state)
{
    struct jobs *jobs = *state;
    char manifest[8000] = "tasks:\n", line[80];
    for (unsigned task = 0; task < 100; task++) {
        snprintf(line, sizeof line,
                 "  t%u: {run: numbers.wasm#add, args: [%u, 7]}\n", task,
                 task);
        strncat(manifest, line, sizeof manifest - strlen(manifest) - 1);
    }
    strncat(manifest, "  z: {run: numbers.wasm#spin, args: []}\n",
            sizeof manifest - strlen(manifest) - 1);
    const Hash job = jobs_submit(jobs, manifest).job;
    for (unsigned round = 1; round <= 14; round++) {
        jobs_wait_count(jobs, &job, "\"task/finished\"", round * 100);
        assert_ok(jobs_control(jobs, NODE_SUSPEND_NOW, &job).status);
        assert_ok(jobs_control(jobs, NODE_RESUME, &job).status);
    }
    assert_ok(jobs_control(jobs, NODE_CANCEL, &job).status);
    struct seqs *all = seqs_behind(jobs, &job, 0, SIZE_MAX);
    assert_true(all->count > 1400); // Several segments.
    for (size_t index = 0; index < all->count; index += 37) {
        struct seqs *rest = seqs_behind(jobs, &job, all->at[index], SIZE_MAX);
        assert_int_equal(rest->count, all->count - index - 1);
        if (rest->count > 0)
            assert_memory_equal(rest->at, all->at + index + 1,
                                rest->count * sizeof *rest->at);
        free(rest);
        struct seqs *two = seqs_behind(jobs, &job, all->at[index], 2);
        assert_true(two->count <= 2);
        free(two);
    }
    free(all);
}

/* --- Views --------------------------------------------------------------- */

struct listed {
    unsigned count;
    struct job_place last;
};

static bool list_one(void *context, const Value *job,
                     const struct job_place *place)
{
    struct listed *listed = context;
    listed->last = *place;
    if (!job)
        return false;
    assert_non_null(value_get(job, TEXT("state")));
    listed->count++;
    return true;
}

static unsigned count_jobs(struct jobs *jobs, const struct node_filter *filter,
                           struct job_place *last)
{
    struct listed listed = {0};
    struct error err = {0};
    if (node_jobs(jobs->node, filter, list_one, &listed, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    *last = listed.last;
    return listed.count;
}

static void jobs_are_listed_by_state_and_name(void **state)
{
    struct jobs *jobs = *state;
    struct job_place last;
    for (unsigned count = 0; count < 3; count++)
        jobs_wait(jobs, &(Hash[]){jobs_submit(jobs, diamond).job}[0]);
    job_in(jobs, JOB_QUEUED);
    const struct node_filter all = {0};
    assert_int_equal(count_jobs(jobs, &all, &last), 4);
    const struct node_filter some = {.count_max = 3};
    assert_int_equal(count_jobs(jobs, &some, &last), 3);
    const struct node_filter rest = {.after = &(struct job_place[]){last}[0]};
    assert_int_equal(count_jobs(jobs, &rest, &last), 1);
    const struct node_filter named = {.name = TEXT("amon")};
    assert_int_equal(count_jobs(jobs, &named, &last), 3);
    const struct node_filter queued = {.states = 1 << JOB_QUEUED};
    assert_int_equal(count_jobs(jobs, &queued, &last), 1);
    const struct node_filter failed = {.states = 1 << JOB_FAILED};
    assert_int_equal(count_jobs(jobs, &failed, &last), 0);
    const struct node_filter mine = {.subject = node_did(jobs->node)};
    assert_int_equal(count_jobs(jobs, &mine, &last), 4);
    // Nobody's, with a look at two and then at the others.
    const Did nobody = {.text = "did:key:nobody"};
    struct node_filter none = {.subject = &nobody, .looks_max = 2};
    last = (struct job_place){0};
    assert_int_equal(count_jobs(jobs, &none, &last), 0);
    assert_true(last.submitted_ms > 0);
    none = (struct node_filter){.after = &(struct job_place[]){last}[0]};
    assert_int_equal(count_jobs(jobs, &none, &last), 2);
    none = (struct node_filter){.subject = &nobody, .states = 1 << JOB_QUEUED};
    assert_int_equal(count_jobs(jobs, &none, &last), 0);
}

static void a_graph_says_how_tasks_are(void **state)
{
    struct jobs *jobs = *state;
    struct arena arena = {0};
    struct error err = {0};
    Value graph;
    const Hash job = jobs_submit(jobs, diamond).job;
    jobs_wait(jobs, &job);
    assert_ok(node_graph(jobs->node, &job, &arena, &graph, &err));
    const Value *tasks = value_get(&graph, TEXT("tasks"));
    assert_int_equal(tasks->list.count, 4);
    const Value *end = &tasks->list.items[0];
    assert_true(text_equal(value_get(end, TEXT("label"))->text, TEXT("end")));
    assert_true(text_equal(value_get(end, TEXT("state"))->text, TEXT("done")));
    assert_true(value_get(end, TEXT("output"))->boolean);
    assert_int_equal(value_get(end, TEXT("awaits"))->list.count, 2);
    assert_non_null(value_get(end, TEXT("module")));
    assert_non_null(value_get(end, TEXT("run_ns")));
    Value why;
    assert_ok(node_explain(jobs->node, &job, TEXT("end"), &arena, &why, &err));
    assert_true(
        text_equal(value_get(&why, TEXT("verdict"))->text, TEXT("hit")));
    assert_status(
        node_explain(jobs->node, &job, TEXT("nobody"), &arena, &why, &err),
        STATUS_INVALID);
    arena_deinit(&arena);
}

static void count_wakes(void *context)
{
    _Atomic unsigned *count = context;
    (*count)++;
}

static void watchers_are_woken(void **state)
{
    struct jobs *jobs = *state;
    _Atomic unsigned one = 0, all = 0, other = 0;
    const struct job_terms terms = {
        .workflow = jobs_workflow(jobs, diamond),
        .not_before_ms = clock_wall_ms() + 100,
    };
    const Hash nobody = {{3}};
    struct node_watch *any = node_watch(jobs->node, NULL, count_wakes, &all);
    struct node_watch *none =
        node_watch(jobs->node, &nobody, count_wakes, &other);
    const Hash job = jobs_submit_terms(jobs, &terms, "").job;
    struct node_watch *first = node_watch(jobs->node, &job, count_wakes, &one);
    struct node_watch *second =
        node_watch(jobs->node, &job, count_wakes, &one);
    node_unwatch(first);
    jobs_wait(jobs, &job);
    usleep(20 * 1000);
    node_unwatch(second);
    node_unwatch(any);
    node_unwatch(none);
    assert_true(one > 0);
    assert_true(all > one);
    assert_int_equal(other, 0);
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, jobs_setup, jobs_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_job_runs_to_its_end),
        TEST(what_the_memo_answers_needs_no_run),
        TEST(submitted_twice_is_one_job),
        TEST(a_job_fails_with_its_first_wanted_task),
        cmocka_unit_test(words_that_were_cut_stay_text),
        TEST(verbs_do_what_the_table_says),
        TEST(there_is_no_such_job),
        TEST(what_was_suspended_goes_on_after_a_restart),
        TEST(a_suspended_job_lets_finish_and_begins_no_more),
        TEST(what_ran_when_the_node_was_closed_runs_again),
        TEST(a_delayed_job_waits_for_its_time),
        TEST(a_deadline_ends_what_runs_and_what_waits),
        TEST(a_job_has_limits_of_its_own),
        TEST(a_fork_runs_from_a_task_on),
        TEST(a_fork_follows_a_chain_whatever_its_labels),
        TEST(receipts_are_sealed_when_nothing_runs),
        TEST(a_full_queue_says_when_to_come_back),
        TEST(only_so_many_runs_are_in_memory),
        TEST(one_store_has_one_node),
        TEST(a_long_journal_becomes_segments),
        TEST(events_go_on_behind_any_of_them),
        TEST(jobs_are_listed_by_state_and_name),
        TEST(a_graph_says_how_tasks_are),
        TEST(watchers_are_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
