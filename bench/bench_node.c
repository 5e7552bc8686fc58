/* SPDX-License-Identifier: Apache-2.0 */
/* bench_node.c - jobs on a node, in one process and on a real disk: how long a
 * durable one takes, how many there can be, and what waiting ones cost. With a
 * word behind its name, only what has it in its name runs. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench.h"
#include "content/content.h"
#include "node/state.h"
#include "task/computation.h"

enum {
    TRIES = 500,
    CLIENTS = 4,
    JOBS_EACH = 2500,
    AT_ONCE = 64, /* of a client */
    MILLION = 1000 * 1000,
    OPEN_JOBS = 10000,
};

struct world {
    struct store *store;
    struct secret_key *key;
    struct node_config config;
    struct node *node;
    Cid module;
};

static const char *only;

static bool is_asked(const char *name)
{
    return !only || strstr(name, only);
}

/* --- A node -------------------------------------------------------------- */

static void open_store(struct world *world)
{
    struct error err = {0};
    bench_check(store_open(bench_fresh_directory(), NULL, &world->store, &err),
                &err);
    bench_check(content_add_path(world->store, "bench/guests/loop.wasm", NULL,
                                 &world->module, &err),
                &err);
}

static uint64_t open_node(struct world *world)
{
    struct error err = {0};
    const uint64_t start = clock_monotonic_ns();
    bench_check(node_open(world->store, world->key, &world->config,
                          &world->node, &err),
                &err);
    return clock_monotonic_ns() - start;
}

static void world_open(struct world *world)
{
    node_config_default(&world->config);
    world->config.queue_max = 2 * MILLION;
    world->key = secret_key_new(KEY_ED25519);
    open_store(world);
    open_node(world);
}

static void world_close(struct world *world)
{
    node_close(world->node);
    store_close(world->store);
    secret_key_free(world->key);
}

/* --- Workflows ----------------------------------------------------------- */

static Status put_block(void *context, const Cid *cid, Bytes block,
                        struct error *err)
{
    (void)err;
    store_batch_block(context, cid, block);
    return STATUS_OK;
}

/* Three steps, each adding one to what the one before gave. */
static Cid three_steps(struct world *world, uint64_t first)
{
    struct workflow *workflow = workflow_new();
    struct arena *arena = &workflow->arena;
    struct task_draft drafts[3] = {0};
    static const Text labels[] = {TEXT_INIT("a"), TEXT_INIT("b"),
                                  TEXT_INIT("c")};
    const Value module = value_link(&world->module);
    struct error err = {0};
    for (size_t step = 0; step < 3; step++) {
        Value *items = arena_array(arena, 2, sizeof *items);
        items[0] = step == 0 ? value_uint(first)
                             : value_map1(arena, TEXT("await/ok"),
                                          value_text(labels[step - 1]));
        items[1] = value_uint(1);
        const Value list = value_list(items, 2);
        drafts[step].label = labels[step];
        drafts[step].cmd = TEXT("/wasm/run");
        drafts[step].args =
            wasm_call_args(arena, &module, TEXT("add"), &list, false);
    }
    bench_check(workflow_finish(workflow, drafts, 3, NULL, 0, NULL, &err),
                &err);
    struct store_batch *batch = store_batch_new(world->store);
    bench_check(workflow_encode(workflow, put_block, batch, &err), &err);
    store_commit_async(batch, NULL, NULL);
    const Cid cid = workflow->cid;
    workflow_free(workflow);
    return cid;
}

/* --- A client ------------------------------------------------------------ */

struct client {
    struct world *world;
    pthread_mutex_t lock;
    pthread_cond_t news;
    uint64_t told_ns; /* when it was acknowledged; 0: not yet */
    struct node_answer answer;
    bool woken;
    uint64_t first; /* of its workflows */
};

static void client_init(struct client *client, struct world *world)
{
    *client = (struct client){.world = world};
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->news, NULL);
}

static void on_told(void *context, const struct node_answer *answer)
{
    struct client *client = context;
    pthread_mutex_lock(&client->lock);
    client->told_ns = clock_monotonic_ns();
    client->answer = *answer;
    pthread_cond_signal(&client->news);
    pthread_mutex_unlock(&client->lock);
}

static void on_woken(void *context)
{
    struct client *client = context;
    pthread_mutex_lock(&client->lock);
    client->woken = true;
    pthread_cond_signal(&client->news);
    pthread_mutex_unlock(&client->lock);
}

static JobState state_of(struct client *client)
{
    struct arena arena = {0};
    struct job_facts facts;
    struct error err = {0};
    bench_check(view_facts(client->world->node, &client->answer.job, &arena,
                           &facts, &err),
                &err);
    if (facts.state == JOB_FAILED)
        fprintf(stderr, "bench_node: %.*s\n", TEXT_ARG(facts.message));
    arena_deinit(&arena);
    return facts.state;
}

/* Nanoseconds until it was acknowledged. */
static uint64_t submit(struct client *client, const struct job_terms *terms)
{
    struct submission *submission;
    struct error err = {0};
    const uint64_t start = clock_monotonic_ns();
    client->told_ns = 0;
    bench_check(gate_own_submission(node_gate(client->world->node), terms,
                                    (Bytes){NULL, 0}, &submission, &err),
                &err);
    node_submit(client->world->node, submission, on_told, client);
    pthread_mutex_lock(&client->lock);
    while (client->told_ns == 0)
        pthread_cond_wait(&client->news, &client->lock);
    pthread_mutex_unlock(&client->lock);
    bench_check(client->answer.status, &client->answer.error);
    return client->told_ns - start;
}

static void wait_over(struct client *client)
{
    struct node_watch *watch =
        node_watch(client->world->node, &client->answer.job, on_woken, client);
    JobState state;
    while (!job_state_is_over(state = state_of(client))) {
        pthread_mutex_lock(&client->lock);
        while (!client->woken)
            pthread_cond_wait(&client->news, &client->lock);
        client->woken = false;
        pthread_mutex_unlock(&client->lock);
    }
    node_unwatch(watch);
    if (state != JOB_SUCCEEDED) {
        fprintf(stderr, "bench_node: a job did not succeed\n");
        exit(1);
    }
}

/* --- One client ---------------------------------------------------------- */

static void one_after_the_other(void)
{
    struct world world = {0};
    struct client client;
    struct samples whole = {0}, told = {0}, hit = {0};
    world_open(&world);
    client_init(&client, &world);
    for (uint64_t try = 0; try < TRIES + 20; try++) {
        const struct job_terms terms = {.workflow =
                                            three_steps(&world, try * 10)};
        store_settle(world.store);
        const uint64_t start = clock_monotonic_ns();
        const uint64_t ack = submit(&client, &terms);
        wait_over(&client);
        const uint64_t end = clock_monotonic_ns();
        if (try >= 20) { // Workers and the module are warm.
            samples_add(&whole, end - start);
            samples_add(&told, ack);
        }
    }
    const struct job_terms known = {.workflow = three_steps(&world, 0)};
    for (unsigned try = 0; try < TRIES; try++)
        samples_add(&hit, submit(&client, &known));
    bar_print_samples((struct bar){.name = "job of three durable steps",
                                   .unit = "ms",
                                   .target = 2,
                                   .p99_target = 5},
                      &whole);
    bar_print_samples((struct bar){.name = "submission acknowledged",
                                   .unit = "ms",
                                   .target = 1},
                      &told);
    bar_print_samples((struct bar){.name = "job answered by the memo, durable",
                                   .unit = "us",
                                   .target = 1000},
                      &hit);
    world_close(&world);
}

/* --- Cancelling ---------------------------------------------------------- */

static Cid endless(struct world *world, uint64_t number)
{
    struct workflow *workflow = workflow_new();
    struct arena *arena = &workflow->arena;
    struct task_draft draft = {.label = TEXT("spin"),
                               .cmd = TEXT("/wasm/run")};
    const Value module = value_link(&world->module);
    const Value rounds = value_uint((uint64_t)1 << 60 | number);
    const Value list = value_list(&rounds, 1);
    struct error err = {0};
    draft.args =
        wasm_call_args(arena, &module, TEXT("integers"), &list, false);
    bench_check(workflow_finish(workflow, &draft, 1, NULL, 0, NULL, &err),
                &err);
    struct store_batch *batch = store_batch_new(world->store);
    bench_check(workflow_encode(workflow, put_block, batch, &err), &err);
    store_commit_async(batch, NULL, NULL);
    const Cid cid = workflow->cid;
    workflow_free(workflow);
    return cid;
}

static void cancelling(void)
{
    enum { ROUNDS = 30 };
    struct world world = {0};
    struct client client;
    struct samples samples = {0};
    struct node_stats stats;
    world_open(&world);
    client_init(&client, &world);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        const struct job_terms terms = {.workflow = endless(&world, round)};
        submit(&client, &terms);
        do {
            usleep(60 * 1000); // What the executor says is a little old.
            node_stats(world.node, &stats);
        } while (stats.tasks_running == 0);
        const uint64_t start = clock_monotonic_ns();
        const Hash job = client.answer.job;
        client.told_ns = 0;
        node_control(world.node, NODE_CANCEL, &job, NULL, on_told, &client);
        pthread_mutex_lock(&client.lock);
        while (client.told_ns == 0)
            pthread_cond_wait(&client.news, &client.lock);
        pthread_mutex_unlock(&client.lock);
        bench_check(client.answer.status, &client.answer.error);
        samples_add(&samples, client.told_ns - start);
    }
    bar_print_samples(
        (struct bar){.name =
                         "job cancelled, its task stopped and that durable",
                     .unit = "ms",
                     .target = 50,
                     .p99_target = 50},
        &samples);
    world_close(&world);
}

/* --- Many ---------------------------------------------------------------- */

struct crowd {
    struct world *world;
    struct job_terms terms[JOBS_EACH];
    pthread_mutex_t lock;
    pthread_cond_t room;
    unsigned waiting; /* for their acknowledgement */
};

static void on_crowd(void *context, const struct node_answer *answer)
{
    struct crowd *crowd = context;
    bench_check(answer->status, &answer->error);
    pthread_mutex_lock(&crowd->lock);
    crowd->waiting--;
    pthread_cond_signal(&crowd->room);
    pthread_mutex_unlock(&crowd->lock);
}

static void *submit_many(void *context)
{
    struct crowd *crowd = context;
    struct error err = {0};
    for (unsigned job = 0; job < JOBS_EACH; job++) {
        struct submission *submission;
        pthread_mutex_lock(&crowd->lock);
        while (crowd->waiting >= AT_ONCE)
            pthread_cond_wait(&crowd->room, &crowd->lock);
        crowd->waiting++;
        pthread_mutex_unlock(&crowd->lock);
        bench_check(gate_own_submission(node_gate(crowd->world->node),
                                        &crowd->terms[job], (Bytes){NULL, 0},
                                        &submission, &err),
                    &err);
        node_submit(crowd->world->node, submission, on_crowd, crowd);
    }
    return NULL;
}

static void saturation(void)
{
    struct world world = {0};
    struct crowd *crowds = heap_array(CLIENTS, sizeof *crowds);
    pthread_t threads[CLIENTS];
    struct node_stats stats = {0};
    world_open(&world);
    for (uint64_t client = 0; client < CLIENTS; client++) {
        crowds[client].world = &world;
        pthread_mutex_init(&crowds[client].lock, NULL);
        pthread_cond_init(&crowds[client].room, NULL);
        for (uint64_t job = 0; job < JOBS_EACH; job++)
            crowds[client].terms[job].workflow =
                three_steps(&world, (client * JOBS_EACH + job) * 10);
    }
    store_settle(world.store);
    const uint64_t start = clock_monotonic_ns();
    for (unsigned client = 0; client < CLIENTS; client++)
        pthread_create(&threads[client], NULL, submit_many, &crowds[client]);
    for (unsigned client = 0; client < CLIENTS; client++)
        pthread_join(threads[client], NULL);
    while (stats.jobs[JOB_SUCCEEDED] < CLIENTS * JOBS_EACH) {
        usleep(1000);
        node_stats(world.node, &stats);
    }
    const double took = (double)(clock_monotonic_ns() - start) / 1e9;
    bar_print(&(struct bar){.name = "jobs of three durable steps, many",
                            .unit = "per second",
                            .value = CLIENTS * JOBS_EACH / took,
                            .target = 5000,
                            .memory = bench_memory_peak()});
    free(crowds);
    world_close(&world);
}

/* --- A million ----------------------------------------------------------- */

static struct job_facts some_facts(const struct world *world, const Did *did,
                                   uint64_t number, JobState state)
{
    struct job_facts facts = {
        .subject = did,
        .share = did,
        .name = TEXT("three steps"),
        .submitted_ms = 1700000000000 + (int64_t)number,
        .last_seq = 6,
        .attempt = 1,
        .state = state,
        .counts = {.total = 3, .wanted = 3, .done = 3},
        .cost = {1000, 1000, 0, 65536, 300, 0},
    };
    hash_sha256(bytes_of(&number, sizeof number), &facts.id);
    hash_sha256(bytes_of(&number, 4), &facts.container);
    IGNORE(cid_sha256(&world->module, 0, &facts.workflow) ? STATUS_OK
                                                          : STATUS_OK);
    return facts;
}

/* Rows as the node writes them. */
static void put_rows(struct world *world, uint64_t first, uint64_t count,
                     JobState state, int64_t wake_ms)
{
    struct arena arena = {0};
    struct buffer value;
    struct error err = {0};
    Did did;
    did_of(secret_key_public(world->key), &did);
    buffer_init(&value, JOB_ROW_MAX);
    struct store_batch *batch = store_batch_new(world->store);
    for (uint64_t number = first; number < first + count; number++) {
        struct job_facts facts = some_facts(world, &did, number, state);
        facts.wake_ms = wake_ms;
        struct job_row row = {
            .id = facts.id,
            .is_open = !job_state_is_over(state),
            .submitted_ms = facts.submitted_ms,
        };
        arena_reset(&arena);
        buffer_clear(&value);
        row_write(&facts, &arena, &value);
        row_roots(&facts, &row);
        row.value = buffer_bytes(&value);
        store_batch_job(batch, &row);
        if (number % 10000 == 9999)
            bench_check(store_commit(batch, &err), &err);
    }
    bench_check(store_commit(batch, &err), &err);
    store_batch_free(batch);
    buffer_deinit(&value);
    arena_deinit(&arena);
}

static uint64_t memory_now(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%lu %lu", &pages, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void restart(void)
{
    struct world world = {0};
    struct client client;
    node_config_default(&world.config);
    world.key = secret_key_new(KEY_ED25519);
    world.config.active_max = 0;
    open_store(&world);
    put_rows(&world, 0, MILLION, JOB_SUCCEEDED, 0);
    put_rows(&world, MILLION, OPEN_JOBS, JOB_RUNNING, 0);
    const uint64_t start = clock_monotonic_ns();
    open_node(&world);
    client_init(&client, &world);
    const struct job_terms terms = {.workflow = three_steps(&world, 1),
                                    .not_before_ms =
                                        clock_wall_ms() + 3600 * 1000};
    submit(&client, &terms);
    const double took = (double)(clock_monotonic_ns() - start) / 1e9;
    bar_print(&(struct bar){
        .name = "restart, a million jobs over and 10,000 open",
        .unit = "s",
        .value = took,
        .target = 2,
    });
    world_close(&world);
}

/* What one more submission takes, the median. */
static double submission_us(struct world *world, uint64_t salt)
{
    struct client client;
    struct samples samples = {0};
    client_init(&client, world);
    for (uint64_t try = 0; try < TRIES; try++) {
        const struct job_terms terms = {
            .workflow = three_steps(world, salt + try * 10)};
        store_settle(world->store);
        samples_add(&samples, submit(&client, &terms));
    }
    const double us = (double)samples_percentile(&samples, 50) / 1e3;
    samples_free(&samples);
    return us;
}

static void million_queued(void)
{
    struct world world = {0};
    node_config_default(&world.config);
    world.config.queue_max = 2 * MILLION;
    world.config.active_max = 0;
    world.key = secret_key_new(KEY_ED25519);
    open_store(&world);
    open_node(&world);
    const double few = submission_us(&world, 1ULL << 32);
    node_close(world.node);
    put_rows(&world, 0, MILLION, JOB_QUEUED, 0);
    store_settle(world.store);
    const uint64_t before = memory_now();
    open_node(&world);
    const uint64_t memory = memory_now() - before;
    const double many = submission_us(&world, 1ULL << 33);
    bar_print(&(struct bar){.name = "a million queued jobs",
                            .unit = "MiB",
                            .value = (double)memory / (1 << 20),
                            .target = 2048,
                            .memory = memory});
    bar_print(
        &(struct bar){.name = "submission with a million queued, against ten",
                      .unit = "times",
                      .value = many / few,
                      .target = 1.2});
    world_close(&world);
}

static void million_sleepers(void)
{
    enum { ROUNDS = 20 };
    struct world world = {0};
    struct client client;
    struct samples late = {0};
    node_config_default(&world.config);
    world.config.queue_max = 2 * MILLION;
    world.key = secret_key_new(KEY_ED25519);
    open_store(&world);
    put_rows(&world, 0, MILLION, JOB_QUEUED,
             clock_wall_ms() + 24 * 3600 * 1000);
    store_settle(world.store);
    open_node(&world);
    client_init(&client, &world);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct arena arena = {0};
        struct job_facts facts;
        struct error err = {0};
        const struct job_terms terms = {.workflow =
                                            three_steps(&world, round * 10),
                                        .not_before_ms = clock_wall_ms() + 50};
        submit(&client, &terms);
        wait_over(&client);
        bench_check(
            view_facts(world.node, &client.answer.job, &arena, &facts, &err),
            &err);
        samples_add(&late, (uint64_t)(facts.started_ms - terms.not_before_ms) *
                               1000000);
        arena_deinit(&arena);
    }
    bar_print_samples((struct bar){.name = "lateness among a million sleepers",
                                   .unit = "ms",
                                   .target = 10,
                                   .p99_target = 10},
                      &late);
    world_close(&world);
}

int main(int argc, char **argv)
{
    only = argc > 1 ? argv[1] : NULL;
    if (is_asked("one"))
        one_after_the_other();
    if (is_asked("cancel"))
        cancelling();
    if (is_asked("saturation"))
        saturation();
    if (is_asked("restart"))
        restart();
    if (is_asked("queued"))
        million_queued();
    if (is_asked("sleepers"))
        million_sleepers();
    return 0;
}
