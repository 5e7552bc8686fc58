/* SPDX-License-Identifier: Apache-2.0 */
#include "run/heal.h"

#include <stdio.h>
#include <stdlib.h>

#include "run/run.h"
#include "task/computation.h"

/* What is lost for good does not keep others from being healed. */
static bool can_go_on(Status status)
{
    return status == STATUS_OK || status == STATUS_NOT_FOUND;
}

static Status first_of(Status first, struct error *first_err, Status next,
                       const struct error *next_err)
{
    if (first == STATUS_OK && next != STATUS_OK)
        *first_err = *next_err;
    return first == STATUS_OK ? next : first;
}

/* --- What lacks ---------------------------------------------------------- */

struct lacks {
    Cid *cids; /* owned */
    size_t count;
};

static void keep_lack(void *context, const struct lack *lack)
{
    struct lacks *lacks = context;
    for (size_t index = 0; index < lacks->count; index++)
        if (cid_equal(&lacks->cids[index], &lack->cid))
            return;
    lacks->cids =
        heap_resize(lacks->cids, lacks->count + 1, sizeof *lacks->cids);
    lacks->cids[lacks->count++] = lack->cid;
}

/* A look at everything below a root, the leaves too. */
static Status find_lacks(struct healer *healer, const Cid *root,
                         struct lacks *out, struct error *err)
{
    struct complete *complete =
        complete_new(executor_store(healer->executor), NULL);
    bool is_complete;
    Status status =
        complete_check(complete, root, keep_lack, out, &is_complete, err);
    complete_free(complete);
    return status;
}

Status heal_below(struct healer *healer, const Cid *root, struct error *err)
{
    struct error error = {0};
    // What is healed may be found to lack something itself.
    for (;;) {
        struct lacks lacks = {0};
        const size_t before = healer->healed;
        Status status = find_lacks(healer, root, &lacks, &error);
        const size_t count = lacks.count;
        for (size_t index = 0; index < count && can_go_on(status); index++) {
            struct error next = {0};
            status =
                first_of(status, &error,
                         heal_block(healer, &lacks.cids[index], &next), &next);
        }
        free(lacks.cids);
        if (status == STATUS_OK && count > 0 && healer->healed == before)
            status = fail(&error, STATUS_NOT_FOUND, "it cannot be read");
        if (status != STATUS_OK && err)
            *err = error;
        if (status != STATUS_OK || count == 0)
            return status;
    }
}

/* --- Running again ------------------------------------------------------- */

static Status heal_input(void *context, Bytes cid, struct error *err)
{
    struct healer *healer = context;
    Cid name;
    if (cid_from_bytes(cid, &name, NULL) != STATUS_OK ||
        cid_equal(&name, profile_cid()))
        return STATUS_OK;
    // The run says best what it cannot do without.
    Status status = heal_below(healer, &name, err);
    return can_go_on(status) ? STATUS_OK : status;
}

static Status load_computation(struct healer *healer, const Hash *concrete,
                               struct block **out, struct error *err)
{
    Cid cid;
    char text[CID_TEXT_MAX];
    cid_from_hash(CODEC_DAG_CBOR, concrete, &cid);
    Status status =
        store_get(executor_store(healer->executor), &cid, out, err);
    cid_to_text(&cid, text);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT)
        return fail(err, STATUS_NOT_FOUND,
                    "the computation %s that made it is lost too", text);
    return status;
}

Status heal_inputs(struct healer *healer, const Hash *concrete,
                   struct error *err)
{
    struct block *block;
    TRY(load_computation(healer, concrete, &block, err));
    Status status = codec_links(CODEC_DAG_CBOR, block_bytes(block), heal_input,
                                healer, err);
    block_unref(block);
    return status;
}

/* It came to a result once, under whatever limits: with room for that it does
 * so again. */
static struct limits limits_of(struct healer *healer, const Hash *concrete)
{
    enum { SLOWER = 10 };
    struct memo_entry entry;
    struct limits limits = {.memory = 0};
    if (memo_peek(executor_store(healer->executor), concrete, &entry, NULL) !=
        STATUS_OK)
        return limits;
    const uint64_t time_ms = entry.run_ns / 1000000 * SLOWER;
    if (entry.memory_peak > LIMIT_MEMORY_DEFAULT / 2)
        limits.memory = entry.memory_peak * 2;
    if (time_ms > LIMIT_TIME_DEFAULT_MS)
        limits.time_ms = time_ms;
    return limits;
}

/* A workflow of one task: this computation. */
static Status make_workflow(struct healer *healer, Bytes block,
                            const Hash *concrete, struct workflow **out,
                            struct error *err)
{
    struct workflow *workflow = workflow_new();
    struct arena *arena = &workflow->arena;
    struct computation what;
    Status status =
        computation_decode(arena_copy_bytes(arena, block), arena, &what, err);
    if (status == STATUS_OK) {
        const struct task_draft draft = {
            .label = TEXT("heal"),
            .cmd = what.cmd,
            .args = what.args,
            .nonce = what.nonce,
            .limits = limits_of(healer, concrete),
        };
        status = workflow_finish(workflow, &draft, 1, NULL, 0,
                                 executor_store(healer->executor), err);
    }
    if (status == STATUS_OK &&
        !hash_equal(&workflow->tasks[0].symbolic, concrete))
        status = fail(err, STATUS_INVALID,
                      "the computation that made it is not in normal form");
    if (status != STATUS_OK) {
        workflow_free(workflow);
        return status;
    }
    *out = workflow;
    return STATUS_OK;
}

static void note_alarm(void *context, [[maybe_unused]] const struct run *run,
                       const struct run_event *event)
{
    struct healer *healer = context;
    healer->differed = healer->differed || event->kind == RUN_ALARM;
}

/* STATUS_OK: it has a result, and its blocks are durable. */
static Status run_again(struct healer *healer, struct workflow *workflow,
                        struct error *err)
{
    const struct run_options options = {
        .event = note_alarm,
        .context = healer,
        .no_memo = true,
        .no_heal = true, // What it needs was looked after.
    };
    struct run_task_report report;
    struct run *run;
    TRY(run_workflow(healer->executor, healer->modules, workflow, &options,
                     &run, err));
    run_report(run, 0, &report);
    Status status = STATUS_OK;
    if (report.state.end == END_CANCELLED)
        status = fail(err, STATUS_CANCELLED, "interrupted");
    else if (!report.has_result)
        status = fail(err, STATUS_NOT_FOUND,
                      "what made it was run again and ended as %.*s: %s",
                      TEXT_ARG(end_name(report.state.end)), report.message);
    run_free(run);
    return status;
}

static bool is_on_the_way(const struct healer *healer, const Hash *concrete)
{
    for (size_t index = 0; index < healer->depth; index++)
        if (hash_equal(&healer->way[index], concrete))
            return true;
    return false;
}

static Status compute_again(struct healer *healer, const Hash *concrete,
                            struct error *err)
{
    struct workflow *workflow = NULL;
    struct block *block;
    if (healer->depth == HEAL_DEPTH_MAX)
        return fail(err, STATUS_NOT_FOUND,
                    "more than %d computations that stand on one another are "
                    "lost",
                    HEAL_DEPTH_MAX);
    if (is_on_the_way(healer, concrete))
        return fail(err, STATUS_NOT_FOUND,
                    "what made it needs it: it came from outside");
    healer->way[healer->depth++] = *concrete;
    Status status = heal_inputs(healer, concrete, err);
    if (status == STATUS_OK)
        status = load_computation(healer, concrete, &block, err);
    if (status == STATUS_OK) {
        status = make_workflow(healer, block_bytes(block), concrete, &workflow,
                               err);
        block_unref(block);
    }
    if (status == STATUS_OK) {
        status = run_again(healer, workflow, err);
        workflow_free(workflow);
    }
    healer->depth--;
    return status;
}

Status heal_block(struct healer *healer, const Cid *cid, struct error *err)
{
    struct store *store = executor_store(healer->executor);
    struct block *block = NULL;
    char text[CID_TEXT_MAX];
    Hash concrete;

    cid_to_text(cid, text);
    Status status = store_get(store, cid, &block, err);
    block_unref(block);
    if (status != STATUS_NOT_FOUND && status != STATUS_CORRUPT)
        return status;
    const char *how =
        status == STATUS_CORRUPT ? "is damaged" : "is not in the store";
    if (memo_producer(store, cid, &concrete, NULL) != STATUS_OK)
        return fail(err, STATUS_NOT_FOUND,
                    "block %.80s %s, and nothing here is known to make it",
                    text, how);
    status = compute_again(healer, &concrete, err);
    if (status != STATUS_OK)
        return fail_in(err, status, "block %.80s %s", text, how);
    status = store_get(store, cid, &block, NULL);
    block_unref(block);
    if (status != STATUS_OK)
        return fail(
            err, STATUS_NOT_FOUND,
            "block %.80s %s, and what made it gives another result now", text,
            how);
    healer->healed++;
    if (healer->told)
        healer->told(healer->context, cid, &concrete);
    return STATUS_OK;
}
