/* SPDX-License-Identifier: Apache-2.0 */
/* bench_gate.c - what it costs to be let in: a bearer that comes again, a new
 * one, one that is taken once; a submission of three tasks and of ten thousand
 * by a delegation with policies, and by the owner; a task asked again before it
 * runs; a quota. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench.h"
#include "ipld/dag_json.h"
#include "node/gate.h"
#include "node/quota.h"
#include "run/root.h"
#include "task/computation.h"
#include "task/reserved.h"
#include "ucan/container.h"

enum {
    TRIES = 1000,
    DURABLE_TRIES = 200,
    STEPS = 3,
    MANY_TASKS = 10000,
    MANY_TRIES = 20
};

struct world {
    struct arena arena;
    struct store *store;
    struct node_config config;
    struct secret_key *node_key, *key;
    Did node, did;
    struct gate *gate;
    struct token *proof;
    Cid workflow, module;
    Hash job;
};

static const Value *json(struct world *world, const char *text)
{
    struct error err = {0};
    Value *value = ARENA_NEW(&world->arena, Value);
    bench_check(
        dag_json_decode(text_bytes(text_of(text)), &world->arena, value, &err),
        &err);
    return value;
}

static struct token *mint(const struct token_claims *claims,
                          const struct secret_key *key)
{
    struct error err = {0};
    struct token *token = NULL;
    bench_check(token_mint(claims, key, NULL, &token, &err), &err);
    return token;
}

/* --- A workflow of three steps ------------------------------------------- */

static Status keep_block(void *context, const Cid *cid, Bytes block,
                         struct error *err)
{
    (void)err;
    store_batch_block(context, cid, block);
    return STATUS_OK;
}

/* Each awaits the one before it. */
static Cid make_workflow(struct world *world, size_t count)
{
    struct workflow *workflow = workflow_new();
    struct store_batch *batch = store_batch_new(world->store);
    struct task_draft *drafts = heap_array(count, sizeof *drafts);
    Text *labels = heap_array(count, sizeof *labels);
    struct error err = {0};
    const Value module = value_link(&world->module);
    for (size_t index = 0; index < count; index++) {
        labels[index] = arena_format(&workflow->arena, "t%zu", index);
        Value *first = ARENA_NEW(&workflow->arena, Value);
        *first = index == 0 ? value_uint(1)
                            : promise_make(&workflow->arena, BRANCH_OK,
                                           value_text(labels[index - 1]));
        const Value args = value_list(first, 1);
        drafts[index].label = labels[index];
        drafts[index].cmd = TEXT("/wasm/run");
        drafts[index].args =
            wasm_call_args(&workflow->arena, &module, TEXT("f"), &args, false);
    }
    bench_check(
        workflow_finish(workflow, drafts, count, NULL, 0, world->store, &err),
        &err);
    bench_check(workflow_encode(workflow, keep_block, batch, &err), &err);
    bench_check(store_commit(batch, &err), &err);
    store_batch_free(batch);
    const Cid cid = workflow->cid;
    workflow_free(workflow);
    free(drafts);
    free(labels);
    return cid;
}

/* --- The node and its guest ---------------------------------------------- */

static void open_world(struct world *world)
{
    struct error err = {0};
    bench_check(store_open(bench_directory(), NULL, &world->store, &err),
                &err);
    node_config_default(&world->config);
    world->node_key = secret_key_new(KEY_ED25519);
    world->key = secret_key_new(KEY_ED25519);
    did_of(secret_key_public(world->node_key), &world->node);
    did_of(secret_key_public(world->key), &world->did);
    cid_of(CODEC_RAW, text_bytes(TEXT("module")), &world->module);
    world->workflow = make_workflow(world, STEPS);
    bench_check(gate_open(world->store, world->node_key, &world->config, NULL,
                          NULL, &world->gate, &err),
                &err);
    world->proof = mint(
        &(struct token_claims){.kind = TOKEN_DELEGATION,
                               .aud = &world->did,
                               .sub = &world->node,
                               .cmd = TEXT("/"),
                               .pol = json(world,
                                           "[[\"==\",\".quota\",null],"
                                           "[\"!=\",\".fun\",\"secret\"]]")},
        world->node_key);
}

static void close_world(struct world *world)
{
    gate_close(world->gate);
    token_free(world->proof);
    secret_key_free(world->node_key);
    secret_key_free(world->key);
    store_close(world->store);
    arena_deinit(&world->arena);
}

/* An invocation with its proof, as it would come. */
static Text pack(struct world *world, ContainerForm form, Text cmd,
                 const Value *args)
{
    struct buffer out;
    struct error err = {0};
    const struct token_claims claims = {.kind = TOKEN_INVOCATION,
                                        .sub = &world->node,
                                        .cmd = cmd,
                                        .args = args,
                                        .has_exp = true,
                                        .exp = clock_wall_s() + 1800,
                                        .proofs = &world->proof->cid,
                                        .proof_count = 1};
    struct token *token = mint(&claims, world->key);
    const Bytes tokens[] = {world->proof->bytes, token->bytes};
    buffer_init(&out, CONTAINER_BYTES_MAX);
    bench_check(container_write(form, tokens, 2, &out, &err), &err);
    const Text text =
        arena_copy_text(&world->arena, bytes_text(buffer_bytes(&out)));
    buffer_deinit(&out);
    token_free(token);
    return text;
}

/* --- Bearers ------------------------------------------------------------- */

static uint64_t enter(struct world *world, Capability capability, Text bearer)
{
    struct chain_refusal refusal;
    struct principal principal;
    struct error err = {0};
    const struct gate_request request = {
        .capability = capability, .bearer = bearer, .job = &world->job};
    const uint64_t start_ns = clock_monotonic_ns();
    bench_check(gate_enter(world->gate, &request, &principal, &refusal, &err),
                &err);
    return clock_monotonic_ns() - start_ns;
}

static void bench_enter(struct world *world)
{
    struct samples cold = {0}, hot = {0}, once = {0};
    Cid job;
    Text *bearers = heap_array(TRIES, sizeof *bearers);
    job_cid(&world->job, &job);
    const Value link = value_link(&job);
    const Value args = value_map1(&world->arena, TEXT("job"), link);
    for (size_t index = 0; index < TRIES; index++)
        bearers[index] =
            pack(world, CONTAINER_BASE64URL, TEXT("/job/read"), &args);
    for (size_t index = 0; index < TRIES; index++)
        samples_add(&cold, enter(world, MAY_READ_JOB, bearers[index]));
    for (size_t round = 0; round < 10; round++)
        for (size_t index = 0; index < TRIES; index++)
            samples_add(&hot, enter(world, MAY_READ_JOB, bearers[index]));
    for (size_t index = 0; index < DURABLE_TRIES; index++) {
        const Text bearer =
            pack(world, CONTAINER_BASE64URL, TEXT("/job/control"), &args);
        samples_add(&once, enter(world, MAY_CONTROL_JOB, bearer));
    }
    bar_print_samples((struct bar){.name = "gate_enter_hot",
                                   .unit = "us",
                                   .target = 10,
                                   .p99_target = 50},
                      &hot);
    bar_print_samples((struct bar){.name = "gate_enter_cold",
                                   .unit = "us",
                                   .target = 150,
                                   .p99_target = 500},
                      &cold);
    bar_print_samples((struct bar){.name = "gate_enter_once", .unit = "us"},
                      &once);
    free(bearers);
}

/* --- Submissions --------------------------------------------------------- */

static void bench_submission(struct world *world, const Cid *workflow,
                             size_t tries, const struct bar *bar)
{
    struct samples samples = {0};
    const Value args =
        value_map1(&world->arena, TEXT("workflow"), value_link(workflow));
    for (size_t index = 0; index < tries; index++) {
        const Text text =
            pack(world, CONTAINER_RAW, TEXT("/workflow/run"), &args);
        struct submission *submission;
        struct chain_refusal refusal;
        struct error err = {0};
        const uint64_t start_ns = clock_monotonic_ns();
        bench_check(gate_submission(world->gate, text_bytes(text), &submission,
                                    &refusal, &err),
                    &err);
        samples_add(&samples, clock_monotonic_ns() - start_ns);
        submission_free(submission);
    }
    bar_print_samples(*bar, &samples);
}

static void bench_submissions(struct world *world)
{
    const Cid big = make_workflow(world, MANY_TASKS);
    bench_submission(world, &world->workflow, TRIES,
                     &(struct bar){.name = "gate_submission_3_tasks",
                                   .unit = "us",
                                   .target = 250,
                                   .p99_target = 1000});
    bench_submission(
        world, &big, MANY_TRIES,
        &(struct bar){.name = "gate_submission_10k_tasks", .unit = "ms"});
}

static void bench_own_submission(struct world *world, const char *name)
{
    struct samples samples = {0};
    const struct job_terms terms = {.workflow = world->workflow};
    for (size_t index = 0; index < TRIES; index++) {
        struct submission *submission;
        struct error err = {0};
        const uint64_t start_ns = clock_monotonic_ns();
        bench_check(gate_own_submission(world->gate, &terms, (Bytes){NULL, 0},
                                        &submission, &err),
                    &err);
        samples_add(&samples, clock_monotonic_ns() - start_ns);
        submission_free(submission);
    }
    bar_print_samples((struct bar){.name = name, .unit = "us"}, &samples);
}

/* After it was validated here. */
static void note_root(struct world *world)
{
    struct workflow *workflow;
    struct error err = {0};
    bench_check(workflow_load(world->store, &world->workflow, &workflow, &err),
                &err);
    root_put(world->store, workflow);
    workflow_free(workflow);
    bench_check(store_flush(world->store, &err), &err);
}

static void bench_recheck(struct world *world)
{
    struct samples samples = {0};
    struct submission *submission;
    struct chain_refusal refusal;
    struct error err = {0};
    const Value terms = value_map1(&world->arena, TEXT("workflow"),
                                   value_link(&world->workflow));
    const Text text =
        pack(world, CONTAINER_RAW, TEXT("/workflow/run"), &terms);
    bench_check(gate_submission(world->gate, text_bytes(text), &submission,
                                &refusal, &err),
                &err);
    struct authorised *authorised = submission_take_authorised(submission);
    const Value *args = json(world, "{\"fun\":\"f\",\"args\":[1]}");
    for (size_t index = 0; index < 10 * TRIES; index++) {
        const uint64_t start_ns = clock_monotonic_ns();
        bench_check(gate_recheck(world->gate, authorised, TEXT("/wasm/run"),
                                 args, &err),
                    &err);
        samples_add(&samples, clock_monotonic_ns() - start_ns);
    }
    bar_print_samples((struct bar){.name = "gate_recheck_task", .unit = "us"},
                      &samples);
    authorised_free(authorised);
    submission_free(submission);
}

static void bench_quota(struct world *world)
{
    struct samples samples = {0};
    struct quotas *quotas;
    struct error err = {0};
    const struct quota_used cost = {.time_ns = 1000, .bytes = 10};
    const Text id = TEXT("tea");
    bench_check(quotas_open(world->store, &quotas, &err), &err);
    bench_check(quota_set(quotas, id, &(struct quota_totals){0}, &err), &err);
    for (size_t index = 0; index < TRIES; index++) {
        struct store_batch *batch = store_batch_new(world->store);
        const uint64_t start_ns = clock_monotonic_ns();
        for (size_t task = 0; task < 100; task++) {
            bench_check(quota_begin(quotas, id, &err), &err);
            quota_end(quotas, id, &cost, task == 99 ? batch : NULL);
        }
        samples_add(&samples, (clock_monotonic_ns() - start_ns) / 100);
        store_batch_free(batch);
    }
    bar_print_samples((struct bar){.name = "quota_per_task", .unit = "us"},
                      &samples);
    quotas_close(quotas);
}

int main(void)
{
    struct world world = {0};
    open_world(&world);
    bench_enter(&world);
    bench_submissions(&world);
    bench_own_submission(&world, "gate_own_submission_3_tasks");
    note_root(&world);
    bench_own_submission(&world, "gate_own_submission_known");
    bench_recheck(&world);
    bench_quota(&world);
    close_world(&world);
    return 0;
}
