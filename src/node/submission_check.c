/* SPDX-License-Identifier: Apache-2.0 */
#include "node/submission_check.h"

#include <stdio.h>

#include "ipld/dag_cbor.h"
#include "task/computation.h"
#include "task/reserved.h"

enum {
    WORK_PER_TASK = 4096, /* steps of policies, on top of one chain's */
    PAGES_SPARE = 64,     /* pages that are full by bytes, not by tasks */
};

static const Text term_keys[] = {
    TEXT_INIT("workflow"), TEXT_INIT("limits"),   TEXT_INIT("not_before"),
    TEXT_INIT("deadline"), TEXT_INIT("priority"), TEXT_INIT("retry"),
    TEXT_INIT("quota"),    TEXT_INIT("from"),
};
enum { TERM_KEYS = sizeof term_keys / sizeof *term_keys };

static bool is_term(Text key)
{
    for (size_t index = 0; index < TERM_KEYS; index++)
        if (text_equal(term_keys[index], key))
            return true;
    return false;
}

/* What policies see. `without` (may be empty) is left out of the terms. */
static Value join(const Value *terms, const Value *args, Text without,
                  struct arena *arena)
{
    const size_t of_task = args->kind == VALUE_MAP ? args->map.count : 0;
    struct value_entry *entries =
        arena_array(arena, of_task + terms->map.count, sizeof *entries);
    size_t count = 0;
    for (size_t index = 0; index < of_task; index++)
        if (!is_term(args->map.entries[index].key))
            entries[count++] = args->map.entries[index];
    for (size_t index = 0; index < terms->map.count; index++)
        if (!text_equal(terms->map.entries[index].key, without))
            entries[count++] = terms->map.entries[index];
    return value_map(arena, entries, count);
}

/* To run what is pure is what /workflow/run is for; what is not needs its own
 * command in every link. */
static Text command_of(Text cmd)
{
    return command_class(cmd) == CLASS_PURE ? TEXT("/workflow/run") : cmd;
}

bool submission_unknown(void *context, const Value *value)
{
    (void)context;
    (void)value;
    return true;
}

static bool is_promise(void *context, const Value *value)
{
    (void)context;
    return value_reserved(value) == RESERVED_PROMISE;
}

/* --- Terms --------------------------------------------------------------- */

static Status check_quota(struct gate *gate, const struct token *invocation,
                          Text quota, struct chain_refusal *refusal,
                          struct error *err)
{
    struct arena arena = {0};
    Bytes row;
    const Status status = quota_get(gate->store, quota, &arena, &row, err);
    arena_deinit(&arena);
    if (status != STATUS_NOT_FOUND)
        return status;
    return gate_refuse(refusal, err, CHAIN_INVALID_CLAIM, invocation,
                       ".args.quota",
                       "the quota %.*s is not registered on this node",
                       (int)(quota.len > 64 ? 64 : quota.len), quota.data);
}

static Status check_from(struct gate *gate, const struct token *invocation,
                         const struct job_terms *terms,
                         struct chain_refusal *refusal, struct error *err)
{
    Did subject;
    const Status status =
        gate->subject
            ? gate->subject(gate->context, &terms->from_job, &subject, err)
            : STATUS_NOT_FOUND;
    if (status == STATUS_NOT_FOUND)
        return fail(err, STATUS_INVALID,
                    "the job that 'from' names is not on this node");
    TRY(status);
    if (did_equal(&subject, &invocation->iss) ||
        did_equal(&invocation->iss, &gate->did))
        return STATUS_OK;
    return gate_refuse(refusal, err, CHAIN_INVALID_SUBJECT, invocation,
                       ".args.from.job", "it is somebody else's job");
}

Status submission_check_terms(struct gate *gate,
                              const struct token *invocation,
                              const struct job_terms *terms,
                              struct chain_refusal *refusal, struct error *err)
{
    if (terms->quota.len > 0)
        TRY(check_quota(gate, invocation, terms->quota, refusal, err));
    if (terms->has_from)
        TRY(check_from(gate, invocation, terms, refusal, err));
    return STATUS_OK;
}

/* --- Tasks --------------------------------------------------------------- */

struct checking {
    struct gate *gate;
    const struct authorised *authorised;
    struct chain_options options;
    size_t work;
    bool has_policies;
    struct arena arena; /* of one task */
    struct chain_refusal *refusal;
    struct error *err;
};

static bool has_policies(const struct authorised *authorised)
{
    const size_t count = authorised_link_count(authorised);
    for (size_t index = 0; index < count; index++)
        if (authorised_link(authorised, index)->pol_value->list.count > 0)
            return true;
    return false;
}

static Status check_task(struct checking *checking, const struct task *task)
{
    const Value *terms = authorised_invocation(checking->authorised)->args;
    const Value args =
        checking->has_policies ? task_args(task, &checking->arena) : *terms;
    const Value joined = checking->has_policies
                             ? join(terms, &args, TEXT(""), &checking->arena)
                             : *terms;
    return chain_recheck(checking->authorised, command_of(task->cmd), &joined,
                         &checking->options, checking->refusal, checking->err);
}

static Status check_subject(const struct gate *gate, const struct task *task,
                            struct chain_refusal *refusal, struct error *err)
{
    if (task->sub.len == 0 || text_equal(task->sub, text_of(gate->did.text)))
        return STATUS_OK;
    return gate_refuse(refusal, err, CHAIN_INVALID_SUBJECT, NULL, ".sub",
                       "it is asked of somebody else");
}

/* A quota is somebody's: who was not told by the owner to use it may not, and
 * what others further down the chain say is no matter. He was told if without
 * it the root's policy is false. */
static Status check_quota_is_his(struct checking *checking,
                                 const struct task *task)
{
    size_t failed = 0;
    const struct token *root = authorised_link(checking->authorised, 0);
    const struct token *invocation =
        authorised_invocation(checking->authorised);
    if (!value_get(invocation->args, TEXT("quota")))
        return STATUS_OK;
    const Value args = task_args(task, &checking->arena);
    const Value joined =
        join(invocation->args, &args, TEXT("quota"), &checking->arena);
    if (policy_check(root->pol, &joined, is_promise, NULL, &failed) ==
        POLICY_FALSE)
        return STATUS_OK;
    return gate_refuse(checking->refusal, checking->err, CHAIN_MATCH_ERROR,
                       invocation, ".args.quota",
                       "the owner's delegation does not tell to use it");
}

/* Puts the task in front of why not. */
static Status name_task(const struct task *task, struct chain_refusal *refusal,
                        struct error *err)
{
    char message[sizeof refusal->message];
    if (refusal) {
        memcpy(message, refusal->message, sizeof message);
        snprintf(refusal->message, sizeof message, "task %.*s: %.120s",
                 TEXT_ARG(task->label), message);
    }
    return fail_in(err, STATUS_DENIED, "task %.*s", TEXT_ARG(task->label));
}

Status submission_check_tasks(struct gate *gate,
                              const struct authorised *authorised,
                              const struct workflow *workflow,
                              struct chain_refusal *refusal, struct error *err)
{
    struct checking checking = {
        .gate = gate,
        .authorised = authorised,
        .options = gate_chain_options(gate),
        .work = CHAIN_WORK_MAX + (size_t)workflow->count * WORK_PER_TASK,
        .has_policies = authorised && has_policies(authorised),
        .refusal = refusal,
        .err = err,
    };
    checking.options.store = NULL; // Revocations were asked a moment ago.
    checking.options.work = &checking.work;
    checking.options.unknown = is_promise;
    Status status = STATUS_OK;
    uint32_t index = 0;
    for (; index < workflow->count && status == STATUS_OK; index++) {
        status = check_subject(gate, &workflow->tasks[index], refusal, err);
        if (status == STATUS_OK && authorised)
            status = check_task(&checking, &workflow->tasks[index]);
        arena_reset(&checking.arena);
    }
    if (status == STATUS_DENIED)
        status = name_task(&workflow->tasks[index - 1], refusal, err);
    if (status == STATUS_OK && authorised && workflow->count > 0)
        status = check_quota_is_his(&checking, &workflow->tasks[0]);
    arena_deinit(&checking.arena);
    return status;
}

Status gate_recheck(struct gate *gate, const struct authorised *authorised,
                    Text cmd, const Value *args, struct error *err)
{
    struct arena arena = {0};
    struct chain_refusal refusal;
    if (!authorised)
        return STATUS_OK;
    const struct chain_options options = gate_chain_options(gate);
    const Value joined =
        join(authorised_invocation(authorised)->args, args, TEXT(""), &arena);
    const Status status = chain_recheck(authorised, command_of(cmd), &joined,
                                        &options, &refusal, err);
    arena_deinit(&arena);
    return status;
}

/* --- Size ---------------------------------------------------------------- */

static Status count_pages(Bytes head, size_t *out, struct error *err)
{
    struct arena arena = {0};
    Value value;
    Status status = dag_cbor_decode_few(head, head.len, &arena, &value, err);
    if (status == STATUS_OK) {
        const Value *inner = value_get(&value, TEXT("ipvm/workflow@1.0.0"));
        const Value *pages = inner ? value_get(inner, TEXT("tasks")) : NULL;
        // What is no workflow is refused, with words, when it is loaded.
        *out = pages && pages->kind == VALUE_LIST ? pages->list.count : 0;
    }
    arena_deinit(&arena);
    return status;
}

Status submission_check_size(const struct gate *gate, const Cid *workflow,
                             struct error *err)
{
    const size_t tasks_max = gate->config->subject_tasks_max;
    struct block *head;
    size_t pages = 0;
    const Status found = store_get(gate->store, workflow, &head, err);
    if (found == STATUS_NOT_FOUND)
        return STATUS_OK; // Named when it is loaded.
    TRY(found);
    const Status status = count_pages(block_bytes(head), &pages, err);
    block_unref(head);
    TRY(status);
    if (pages > tasks_max / WORKFLOW_PAGE_TASKS + PAGES_SPARE)
        return fail(err, STATUS_LIMIT,
                    "a workflow in %zu pages has more tasks than "
                    "subject_tasks_max, %zu, allows",
                    pages, tasks_max);
    return STATUS_OK;
}
