/* SPDX-License-Identifier: Apache-2.0 */
#include "run/export.h"

#include <stdlib.h>

#include "content/complete.h"
#include "run/answers.h"
#include "run/explain.h"
#include "run/promised.h"
#include "store/seen.h"
#include "task/document.h"

/* What belongs to the CIDs that were asked for. */
struct plan {
    struct store *store;
    struct seen promises;   /* symbolic computations: links to no block */
    struct seen wanted;     /* blocks all the same: asked for, or answered */
    struct answer *answers; /* owned */
    size_t count, capacity;
    bool links_profile; /* a computation is in it */
};

static void plan_deinit(struct plan *plan)
{
    seen_deinit(&plan->promises);
    seen_deinit(&plan->wanted);
    free(plan->answers);
}

static void computation_cid(const Hash *hash, Cid *out)
{
    cid_from_hash(CODEC_DAG_CBOR, hash, out);
}

static void add_promise(struct plan *plan, const Hash *symbolic)
{
    Cid cid;
    computation_cid(symbolic, &cid);
    if (!store_has(plan->store, &cid))
        seen_add(&plan->promises, cid_multihash(&cid));
}

/* A walk's `skip`. */
static bool is_promise(void *context, const Cid *cid)
{
    const struct plan *plan = context;
    const Bytes multihash = cid_multihash(cid);
    return seen_has(&plan->promises, multihash) &&
           !seen_has(&plan->wanted, multihash);
}

/* --- What the memo knows ------------------------------------------------- */

/* Only with the computation's block is it an answer for somebody else. */
static void add_answer(struct plan *plan, const Hash *computation,
                       const Hash *result)
{
    Cid cid;
    computation_cid(computation, &cid);
    if (!store_has(plan->store, &cid))
        return;
    if (plan->count == plan->capacity) {
        plan->capacity = 2 * plan->capacity + 16;
        plan->answers =
            heap_resize(plan->answers, plan->capacity, sizeof *plan->answers);
    }
    plan->answers[plan->count++] = (struct answer){*computation, *result};
}

static void add_computation(struct plan *plan, const Hash *computation)
{
    struct memo_entry entry;
    Hash result;
    if (memo_get(plan->store, computation, &entry, NULL) == STATUS_OK &&
        cid_sha256(&entry.result, CODEC_DAG_CBOR, &result))
        add_answer(plan, computation, &result);
}

struct producers {
    Hash *hashes; /* owned */
    size_t count, capacity;
};

static bool note_producer(void *context, const Hash *concrete)
{
    struct producers *producers = context;
    if (producers->count == producers->capacity) {
        producers->capacity = 2 * producers->capacity + 16;
        producers->hashes =
            heap_resize(producers->hashes, producers->capacity, sizeof(Hash));
    }
    producers->hashes[producers->count++] = *concrete;
    return true;
}

static Status add_result(struct plan *plan, const Cid *result,
                         struct error *err)
{
    struct producers producers = {0};
    Status status =
        memo_by_result(plan->store, result, note_producer, &producers, err);
    for (size_t index = 0; index < producers.count; index++)
        add_computation(plan, &producers.hashes[index]);
    free(producers.hashes);
    return status;
}

/* --- Workflows ------------------------------------------------------------ */

/* Promises into other workflows: their computations may not be here. */
static void add_foreign_promises(struct plan *plan,
                                 const struct workflow *workflow)
{
    for (uint32_t index = 0; index < workflow->count; index++) {
        const struct task *task = &workflow->tasks[index];
        for (uint32_t at = 0; at < task->await_count; at++)
            if (task->awaits[at].task == TASK_OUTSIDE)
                add_promise(plan, task->awaits[at].symbolic);
    }
}

/* Every task that the memo knows has an answer. */
static Status add_workflow(struct plan *plan, const Cid *cid,
                           bool with_answers, struct error *err)
{
    struct workflow *workflow;
    struct explanation *known = NULL;
    TRY(workflow_load(plan->store, cid, &workflow, err));
    add_foreign_promises(plan, workflow);
    Status status = promised_put(plan->store, workflow, err);
    if (status == STATUS_OK && with_answers)
        status =
            explain_workflow(plan->store, workflow, TEXT(""), &known, err);
    for (uint32_t index = 0; known && index < known->count; index++)
        if (known->tasks[index].verdict <= EXPLAIN_HIT_CONCRETE &&
            workflow->tasks[index].class == CLASS_PURE)
            add_answer(plan, &known->tasks[index].concrete,
                       &known->tasks[index].result);
    if (known)
        explanation_free(known);
    workflow_free(workflow);
    return status;
}

/* By what its block is, read strictly; anything else is a plain DAG. */
static Status add_asked(struct plan *plan, const Cid *cid, bool with_answers,
                        struct error *err)
{
    struct arena arena = {0};
    struct computation computation;
    struct result result;
    struct block *block;
    Hash hash;
    if (!cid_sha256(cid, CODEC_DAG_CBOR, &hash) ||
        store_get(plan->store, cid, &block, NULL) != STATUS_OK)
        return STATUS_OK; // The walk says what is wrong.
    const Bytes bytes = block_bytes(block);
    Status status = STATUS_OK;
    if (document_kind_of(bytes) == DOCUMENT_WORKFLOW) {
        status = add_workflow(plan, cid, with_answers, err);
        plan->links_profile = true;
    } else if (computation_decode(bytes, &arena, &computation, NULL) ==
               STATUS_OK) {
        plan->links_profile = true;
        if (with_answers)
            add_computation(plan, &hash);
    } else if (with_answers &&
               result_decode(bytes, &arena, &result, NULL) == STATUS_OK) {
        status = add_result(plan, cid, err);
        plan->links_profile = plan->links_profile || plan->count > 0;
    }
    block_unref(block);
    arena_deinit(&arena);
    return status;
}

/* --- What cannot be given ------------------------------------------------ */

static void forget(void *context, const struct lack *lack)
{
    (void)context, (void)lack;
}

static bool is_whole(struct complete *complete, const Hash *hash)
{
    bool is = false;
    Cid cid;
    computation_cid(hash, &cid);
    return complete_check(complete, &cid, forget, NULL, &is, NULL) ==
               STATUS_OK &&
           is;
}

/* Answers whose blocks were collected in part help nobody. */
static size_t drop_incomplete(struct plan *plan)
{
    const struct complete_options options = {.skip_leaves = true};
    struct complete *complete = complete_new(plan->store, &options);
    size_t kept = 0;
    for (size_t index = 0; index < plan->count; index++)
        if (is_whole(complete, &plan->answers[index].computation) &&
            is_whole(complete, &plan->answers[index].result))
            plan->answers[kept++] = plan->answers[index];
    const size_t dropped = plan->count - kept;
    plan->count = kept;
    complete_free(complete);
    return dropped;
}

/* --- The CAR ------------------------------------------------------------- */

static Status put_block(void *context, const Cid *cid, Bytes block,
                        struct error *err)
{
    (void)err;
    store_batch_block(context, cid, block);
    return STATUS_OK;
}

/* Of what is to be given, in the store as all that is written. */
static Status put_answers(struct plan *plan, Cid *head, struct error *err)
{
    struct store_batch *batch = store_batch_new(plan->store);
    Status status = answers_encode(plan->answers, &plan->count, put_block,
                                   batch, head, err);
    if (status == STATUS_OK)
        status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

static void add_root(struct export_report *out, const Cid *cid)
{
    for (size_t index = 0; index < out->root_count; index++)
        if (cid_equal(&out->roots[index], cid))
            return;
    out->roots[out->root_count++] = *cid;
}

static Status write_car(struct plan *plan,
                        const struct export_request *request,
                        struct export_report *out, struct error *err)
{
    const struct car_export what = {
        .roots = out->roots,
        .root_count = out->root_count,
        .skip = is_promise,
        .skip_context = plan,
        .progress = request->progress,
        .context = request->context,
    };
    if (request->path)
        return car_export_path(plan->store, request->path, &what, &out->car,
                               err);
    return car_export_file(plan->store, request->file, &what, &out->car, err);
}

static Status add_answers(struct plan *plan, struct export_report *out,
                          struct error *err)
{
    Cid cid;
    out->left_out = drop_incomplete(plan);
    if (plan->count == 0)
        return STATUS_OK;
    TRY(put_answers(plan, &cid, err));
    add_root(out, &cid);
    out->answers = plan->count;
    return STATUS_OK;
}

static Status export_planned(struct plan *plan,
                             const struct export_request *request,
                             struct export_report *out, struct error *err)
{
    for (size_t index = 0; index < request->count; index++) {
        const Cid *cid = &request->cids[index];
        TRY(add_asked(plan, cid, !request->dag_only, err));
        seen_add(&plan->wanted, cid_multihash(cid));
        add_root(out, cid);
    }
    if (plan->links_profile)
        TRY(promised_put_profile(plan->store, err));
    TRY(add_answers(plan, out, err));
    return write_car(plan, request, out, err);
}

Status export_car(struct store *store, const struct export_request *request,
                  struct export_report *out, struct error *err)
{
    struct plan plan = {.store = store};
    *out = (struct export_report){
        .roots = heap_array(request->count + 1, sizeof *out->roots)};
    Status status = export_planned(&plan, request, out, err);
    plan_deinit(&plan);
    if (status != STATUS_OK)
        export_report_deinit(out);
    return status;
}

void export_report_deinit(struct export_report *report)
{
    free(report->roots);
    report->roots = NULL;
    report->root_count = 0;
}
