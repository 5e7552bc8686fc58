/* SPDX-License-Identifier: Apache-2.0 */
/* submission.c - from a container to a job that was let in.
 *
 *     container ─▶ form, terms, expiry ─▶ chain ─▶ quota, fork ─▶ blocks
 *                  (for free)                                       │
 *        facts ◀── each task against the chain ◀── its size ◀───────┘ */
#include <stdlib.h>

#include "node/submission_check.h"
#include "run/root.h"
#include "ucan/container.h"

struct submission {
    struct arena arena; /* of the terms */
    struct submission_facts facts;
    struct authorised *authorised; /* owned; NULL: the owner's, or taken */
    struct buffer container;
};

static struct submission *submission_new(void)
{
    struct submission *submission = HEAP_NEW(struct submission);
    buffer_init(&submission->container, CONTAINER_BYTES_MAX);
    return submission;
}

void submission_free(struct submission *submission)
{
    if (!submission)
        return;
    workflow_free(submission->facts.workflow);
    root_free(submission->facts.root);
    authorised_free(submission->authorised);
    buffer_deinit(&submission->container);
    arena_deinit(&submission->arena);
    free(submission);
}

void submission_set_trace(struct submission *submission, Text trace)
{
    submission->facts.trace = arena_copy_text(&submission->arena, trace);
}

const struct submission_facts *submission_facts(const struct submission *of)
{
    return &of->facts;
}

struct workflow *submission_take_workflow(struct submission *submission)
{
    struct workflow *workflow = submission->facts.workflow;
    submission->facts.workflow = NULL;
    return workflow;
}

struct authorised *submission_take_authorised(struct submission *submission)
{
    struct authorised *authorised = submission->authorised;
    submission->authorised = NULL;
    return authorised;
}

/* --- Facts --------------------------------------------------------------- */

/* The terms outlive the token: whoever takes the proof may free it. */
static Status read_terms(struct submission *submission,
                         const struct token *invocation, struct error *err)
{
    Value *args = ARENA_NEW(&submission->arena, Value);
    *args = value_copy(&submission->arena, invocation->args);
    return job_terms_read(args, &submission->arena, &submission->facts.terms,
                          err);
}

/* The container as it is kept: the invocation and the links, nothing else. */
static Status write_container(struct submission *submission,
                              const struct token *invocation,
                              struct error *err)
{
    Bytes tokens[TOKEN_PROOFS_MAX + 1];
    const size_t count = submission->authorised
                             ? authorised_link_count(submission->authorised)
                             : 0;
    for (size_t index = 0; index < count; index++)
        tokens[index] = authorised_link(submission->authorised, index)->bytes;
    tokens[count] = invocation->bytes;
    TRY(container_write(CONTAINER_RAW, tokens, count + 1,
                        &submission->container, err));
    submission->facts.container = buffer_bytes(&submission->container);
    return STATUS_OK;
}

static void name_subject(const struct gate *gate,
                         struct submission *submission,
                         const struct token *invocation)
{
    struct submission_facts *facts = &submission->facts;
    const bool is_owner = did_equal(&invocation->iss, &gate->did);
    const bool has_id =
        cid_sha256(&invocation->payload, CODEC_DAG_CBOR, &facts->id);
    ASSERT(has_id);
    facts->subject = invocation->iss;
    facts->lane = invocation->iss;
    // Keys cost nothing: who passes it on to many has one share all the same.
    if (!is_owner && submission->authorised)
        facts->lane = authorised_link(submission->authorised, 0)->aud;
    facts->weight = is_owner ? gate->config->owner_weight : 1;
}

/* --- The workflow -------------------------------------------------------- */

static Status load(struct gate *gate, const Cid *cid, struct workflow **out,
                   struct error *err)
{
    char name[CID_TEXT_MAX];
    struct error inner = {0};
    const Status status = workflow_load(gate->store, cid, out, &inner);
    if (status == STATUS_OK)
        return STATUS_OK;
    cid_to_text(cid, name);
    if (status == STATUS_NOT_FOUND && *inner.message == '\0')
        return fail(err, status, "block %.64s is not in the store", name);
    return fail(err, status, "workflow %.64s: %.110s", name, inner.message);
}

static Status load_foreign(struct gate *gate, struct submission *submission,
                           struct chain_refusal *refusal, struct error *err)
{
    struct submission_facts *facts = &submission->facts;
    TRY(submission_check_size(gate, &facts->terms.workflow, err));
    TRY(load(gate, &facts->terms.workflow, &facts->workflow, err));
    if (facts->workflow->count > gate->config->subject_tasks_max)
        return fail(err, STATUS_LIMIT,
                    "a workflow of %u tasks has more than "
                    "subject_tasks_max, %u, allows",
                    facts->workflow->count, gate->config->subject_tasks_max);
    return submission_check_tasks(gate, submission->authorised,
                                  facts->workflow, refusal, err);
}

/* The owner's is not looked at but by whoever runs it, if it was before. */
static Status load_own(struct gate *gate, struct submission *submission,
                       struct chain_refusal *refusal, struct error *err)
{
    struct submission_facts *facts = &submission->facts;
    if (root_get(gate->store, &facts->terms.workflow, &facts->root) ==
        STATUS_OK)
        return STATUS_OK;
    TRY(load(gate, &facts->terms.workflow, &facts->workflow, err));
    return submission_check_tasks(gate, NULL, facts->workflow, refusal, err);
}

/* --- By a container ------------------------------------------------------ */

/* The owner without proofs needs none, and no rechecks. */
static bool is_by_owner(const struct gate *gate,
                        const struct token *invocation)
{
    return did_equal(&invocation->iss, &gate->did) &&
           invocation->proof_count == 0;
}

static Status check_form(const struct gate *gate,
                         const struct token *invocation,
                         struct chain_refusal *refusal, struct error *err)
{
    if (!text_equal(invocation->cmd, capability_command(MAY_SUBMIT)))
        return gate_refuse(refusal, err, CHAIN_INVALID_COMMAND, invocation,
                           ".cmd", "a submission invokes /workflow/run");
    if (!did_equal(&invocation->sub, &gate->did))
        return gate_refuse(refusal, err, CHAIN_INVALID_SUBJECT, invocation,
                           ".sub", "its subject is not this node, %s",
                           gate->did.text);
    // The owner's own may be for ever: with a nonce of his it is one job.
    if (!invocation->has_exp && is_by_owner(gate, invocation))
        return STATUS_OK;
    return gate_check_expiry(invocation, gate_now(gate),
                             SUBMISSION_AHEAD_MAX_S, refusal, err);
}

/* Takes the invocation over if it succeeds: into `authorised`, or for the owner
 * into `*own`. */
static Status authorise(struct gate *gate, struct given *given,
                        struct token *invocation,
                        struct submission *submission,
                        struct chain_refusal *refusal, struct error *err)
{
    struct chain_options options = gate_chain_options(gate);
    options.proof = given_proof;
    options.proof_context = given;
    options.replay_is_ok = true;
    options.unknown = submission_unknown;
    return chain_authorise(invocation, &options, &submission->authorised,
                           refusal, err);
}

/* It came before: that job is the answer, and its tasks were checked. */
static bool is_known(const struct gate *gate, const Hash *id)
{
    Did subject;
    return gate->subject &&
           gate->subject(gate->context, id, &subject, NULL) == STATUS_OK;
}

/* What is not of its chain: what it asks for, and its tasks. */
static Status check_work(struct gate *gate, const struct token *token,
                         struct submission *submission,
                         struct chain_refusal *refusal, struct error *err)
{
    TRY(submission_check_terms(gate, token, &submission->facts.terms, refusal,
                               err));
    return is_by_owner(gate, token)
               ? load_own(gate, submission, refusal, err)
               : load_foreign(gate, submission, refusal, err);
}

static Status take_in(struct gate *gate, struct given *given,
                      struct token **invocation, struct submission *submission,
                      struct chain_refusal *refusal, struct error *err)
{
    const struct token *token = *invocation;
    TRY(check_form(gate, token, refusal, err));
    TRY(read_terms(submission, token, err));
    TRY(authorise(gate, given, *invocation, submission, refusal, err));
    *invocation = NULL;
    name_subject(gate, submission, token);
    TRY(write_container(submission, token, err));
    if (!is_known(gate, &submission->facts.id))
        TRY(check_work(gate, token, submission, refusal, err));
    if (!is_by_owner(gate, token))
        return STATUS_OK;
    authorised_free(submission->authorised);
    submission->authorised = NULL;
    return STATUS_OK;
}

Status gate_submission(struct gate *gate, Bytes container,
                       struct submission **out, struct chain_refusal *refusal,
                       struct error *err)
{
    struct token *invocation = NULL;
    struct given given;
    if (container.len > SUBMISSION_BYTES_MAX)
        return fail(err, STATUS_LIMIT,
                    "a container of %zu bytes is longer than %d",
                    container.len, SUBMISSION_BYTES_MAX);
    struct submission *submission = submission_new();
    Status status =
        given_read(&given, gate, container, &invocation, refusal, err);
    if (status == STATUS_OK)
        status = take_in(gate, &given, &invocation, submission, refusal, err);
    token_free(invocation);
    given_free(&given);
    if (status == STATUS_OK)
        *out = submission;
    else
        submission_free(submission);
    return status;
}

/* --- By the owner, and again --------------------------------------------- */

Status gate_own_submission(struct gate *gate, const struct job_terms *terms,
                           Bytes nonce, struct submission **out,
                           struct error *err)
{
    struct submission *submission = submission_new();
    // Without .exp: with the same nonce it is the same job.
    const struct token_claims claims = {
        .kind = TOKEN_INVOCATION,
        .sub = &gate->did,
        .cmd = capability_command(MAY_SUBMIT),
        .nonce = nonce.len > 0 ? nonce : (Bytes){NULL, 0},
        .args = job_terms_value(terms, &submission->arena),
    };
    struct token *token = NULL;
    Status status = token_mint(&claims, gate->key, NULL, &token, err);
    if (status == STATUS_OK)
        status = read_terms(submission, token, err);
    if (status == STATUS_OK) {
        name_subject(gate, submission, token);
        status = write_container(submission, token, err);
    }
    if (status == STATUS_OK)
        status = submission_check_terms(gate, token, &submission->facts.terms,
                                        NULL, err);
    if (status == STATUS_OK)
        status = load_own(gate, submission, NULL, err);
    token_free(token);
    if (status == STATUS_OK)
        *out = submission;
    else
        submission_free(submission);
    return status;
}

static Status restore(struct gate *gate, struct given *given,
                      struct token **invocation, struct submission *submission,
                      struct error *err)
{
    const struct token *token = *invocation;
    struct chain_options options = gate_chain_options(gate);
    options.proof = given_proof;
    options.proof_context = given;
    TRY(read_terms(submission, token, err));
    if (!is_by_owner(gate, token)) {
        TRY(chain_restore(*invocation, &options, &submission->authorised, NULL,
                          err));
        *invocation = NULL;
    }
    name_subject(gate, submission, token);
    return write_container(submission, token, err);
}

Status gate_restore(struct gate *gate, Bytes container,
                    struct submission **out, struct error *err)
{
    struct token *invocation = NULL;
    struct given given;
    struct submission *submission = submission_new();
    Status status =
        given_read(&given, gate, container, &invocation, NULL, err);
    if (status == STATUS_OK)
        status = restore(gate, &given, &invocation, submission, err);
    token_free(invocation);
    given_free(&given);
    if (status == STATUS_OK)
        *out = submission;
    else
        submission_free(submission);
    return status;
}
