/* SPDX-License-Identifier: Apache-2.0 */
/* gate.c - who asks: a bearer, a session, or nobody.
 *
 *     bearer ─hash─▶ let in before? ──yes──▶ time, revocation, what it is about
 *                        │ no
 *                        ▼
 *        its form ─▶ his own job? ─yes─▶ signature, time, audience, revocation
 *                        │ no
 *                        ▼
 *                  chain_authorise() from the node's key
 *
 * True whenever gate_enter() returns STATUS_OK:
 *  1. The node's key, or a chain from it, says so; or it is about a job of
 *     whoever asks, who has signed.
 *  2. The token is for this node, expires, and is not revoked.
 *  3. One that changes something was not seen before, and will not be let in
 *     again, by any process, whenever it comes. */
#include "node/gate.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "node/gate_parts.h"
#include "ucan/revocation.h"

enum {
    CHAINS_BYTES_MAX = 16 << 20, /* of delegations kept in memory */
    VISITS_MAX = 4096,
    VISIT_BYTES_MAX = 16 << 10, /* of one that is remembered */
};

/* --- The table of what may be asked for ---------------------------------- */

static const struct {
    Text command;
    bool once;       /* the token is taken once */
    bool of_one_job; /* it must name the job */
} capabilities[CAPABILITIES] = {
    [MAY_NOTHING] = {TEXT_INIT(""), false, false},
    [MAY_SUBMIT] = {TEXT_INIT("/workflow/run"), true, false},
    [MAY_READ_JOB] = {TEXT_INIT("/job/read"), false, false},
    [MAY_CONTROL_JOB] = {TEXT_INIT("/job/control"), true, true},
    [MAY_READ_CONTENT] = {TEXT_INIT("/content/read"), false, false},
    [MAY_WRITE_CONTENT] = {TEXT_INIT("/content/write"), false, false},
    [MAY_READ_NODE] = {TEXT_INIT("/node/read"), false, false},
    [MAY_ADMINISTER] = {TEXT_INIT("/node/admin"), true, false},
};

Text capability_command(Capability capability)
{
    return capabilities[capability].command;
}

/* --- Life ---------------------------------------------------------------- */

Status gate_open(struct store *store, const struct secret_key *key,
                 const struct node_config *config, GateJobSubject *subject,
                 void *context, struct gate **out, struct error *err)
{
    (void)err;
    struct gate *gate = HEAP_NEW(struct gate);
    *gate = (struct gate){
        .store = store,
        .key = key,
        .config = config,
        .subject = subject,
        .context = context,
        .chains = chain_cache_new(CHAINS_BYTES_MAX),
        .visits = visits_new(VISITS_MAX),
        .sessions = sessions_new(),
    };
    did_of(secret_key_public(key), &gate->did);
    *out = gate;
    return STATUS_OK;
}

void gate_close(struct gate *gate)
{
    if (!gate)
        return;
    visits_free(gate->visits);
    sessions_free(gate->sessions);
    chain_cache_free(gate->chains);
    free(gate);
}

/* --- What its files share ------------------------------------------------ */

Status gate_refuse(struct chain_refusal *refusal, struct error *err,
                   ChainRule rule, const struct token *token,
                   const char *field, const char *format, ...)
{
    struct chain_refusal made = {.rule = rule};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(made.message, sizeof made.message, format, arguments);
    va_end(arguments);
    snprintf(made.field, sizeof made.field, "%s", field);
    if (token)
        made.token = token->cid;
    if (refusal)
        *refusal = made;
    return fail(err, STATUS_DENIED, "%s: %.150s%s%s%s", chain_rule_name(rule),
                made.message, *field ? " (" : "", field, *field ? ")" : "");
}

int64_t gate_now(const struct gate *gate)
{
    return gate->now_s ? gate->now_s : clock_wall_s();
}

struct chain_options gate_chain_options(const struct gate *gate)
{
    return (struct chain_options){
        .now_s = gate_now(gate),
        .audience = &gate->did,
        .subject = &gate->did,
        .store = gate->store,
        .cache = gate->chains,
    };
}

Status gate_check_expiry(const struct token *invocation, int64_t now_s,
                         int64_t ahead_max_s, struct chain_refusal *refusal,
                         struct error *err)
{
    if (!invocation->has_exp)
        return gate_refuse(refusal, err, CHAIN_INVALID_CLAIM, invocation,
                           ".exp", "an invocation for a node must expire");
    if (invocation->exp > now_s + ahead_max_s + AHEAD_SLACK_S)
        return gate_refuse(refusal, err, CHAIN_INVALID_CLAIM, invocation,
                           ".exp", "it expires more than %lld s from now",
                           (long long)ahead_max_s);
    return STATUS_OK;
}

/* --- A bearer's form: for free, and before all else ---------------------- */

/* One question and its answer. */
struct entering {
    struct gate *gate;
    const struct gate_request *request;
    int64_t now_s;
    struct principal *out;
    struct chain_refusal *refusal; /* may be NULL */
    struct error *err;
};

#define REFUSE(entering, rule, token, field, ...)                             \
    gate_refuse((entering)->refusal, (entering)->err, rule, token, field,     \
                __VA_ARGS__)

/* "job": this one, where the request is about one. */
static Status check_job(const struct entering *entering,
                        const struct token *token, const Value *link)
{
    Hash job;
    Cid cid;
    if (link->kind != VALUE_LINK ||
        cid_from_bytes(link->link, &cid, NULL) != STATUS_OK ||
        !cid_sha256(&cid, CODEC_DAG_CBOR, &job))
        return REFUSE(entering, CHAIN_INVALID_CLAIM, token, ".args.job",
                      "it is no link to a job");
    if (!entering->request->job || !hash_equal(&job, entering->request->job))
        return REFUSE(entering, CHAIN_MATCH_ERROR, token, ".args.job",
                      "the token is about another job");
    return STATUS_OK;
}

static Status check_content(const struct entering *entering,
                            const struct token *token, const Value *link)
{
    const Cid *cid = entering->request->cid;
    if (link->kind != VALUE_LINK)
        return REFUSE(entering, CHAIN_INVALID_CLAIM, token, ".args.cid",
                      "it is no link");
    if (!cid || !bytes_equal(link->link, cid_bytes(cid)))
        return REFUSE(entering, CHAIN_MATCH_ERROR, token, ".args.cid",
                      "the token is about other content");
    return STATUS_OK;
}

static Status check_args(const struct entering *entering,
                         const struct token *token)
{
    const Value *job = value_get(token->args, TEXT("job"));
    const Value *cid = value_get(token->args, TEXT("cid"));
    if (token->args->map.count > (size_t)(job != NULL) + (cid != NULL))
        return REFUSE(entering, CHAIN_INVALID_CLAIM, token, ".args",
                      "only job and cid may be named here");
    if (!job && capabilities[entering->request->capability].of_one_job)
        return REFUSE(entering, CHAIN_INVALID_CLAIM, token, ".args.job",
                      "a token to control a job must name it");
    if (job)
        TRY(check_job(entering, token, job));
    if (cid)
        TRY(check_content(entering, token, cid));
    return STATUS_OK;
}

static Status check_form(const struct entering *entering,
                         const struct token *token)
{
    const Text cmd = capability_command(entering->request->capability);
    if (!did_equal(&token->sub, &entering->gate->did) &&
        !did_equal(&token->sub, &token->iss))
        return REFUSE(entering, CHAIN_INVALID_SUBJECT, token, ".sub",
                      "it asks for somebody else's authority");
    if (!text_equal(token->cmd, cmd))
        return REFUSE(entering, CHAIN_INVALID_COMMAND, token, ".cmd",
                      "this needs %.*s", TEXT_ARG(cmd));
    // Whoever else submits names the workflow in his invocation: the policies
    // of his proofs are about that.
    if (entering->request->capability == MAY_SUBMIT &&
        !did_equal(&token->iss, &entering->gate->did))
        return REFUSE(entering, CHAIN_INVALID_CLAIM, token, ".args",
                      "only the owner submits what his token does not name");
    TRY(gate_check_expiry(token, entering->now_s, BEARER_AHEAD_MAX_S,
                          entering->refusal, entering->err));
    return check_args(entering, token);
}

/* --- What may have changed since it was let in --------------------------- */

static Status check_now(const struct entering *entering,
                        const struct token *token)
{
    if (token->has_exp && entering->now_s > token->exp)
        return REFUSE(entering, CHAIN_EXPIRED, token, ".exp",
                      "it has expired; make a new one");
    if (token->has_nbf && entering->now_s < token->nbf)
        return REFUSE(entering, CHAIN_TOO_EARLY, token, ".nbf",
                      "it is not valid yet");
    return STATUS_OK;
}

static Status check_unrevoked(const struct entering *entering,
                              const struct token *token)
{
    size_t which = 0;
    const Status status = revocation_check(entering->gate->store, &token, 1,
                                           &which, entering->err);
    if (status == STATUS_DENIED)
        return REFUSE(entering, CHAIN_REVOKED, token, "", "it was revoked");
    return status;
}

/* True where the request is about a job that `who` submitted. */
static bool owns_job(const struct entering *entering, const Did *who)
{
    const struct gate *gate = entering->gate;
    const Capability capability = entering->request->capability;
    Did subject;
    return (capability == MAY_READ_JOB || capability == MAY_CONTROL_JOB) &&
           entering->request->job && gate->subject &&
           gate->subject(gate->context, entering->request->job, &subject,
                         NULL) == STATUS_OK &&
           did_equal(&subject, who);
}

/* May he ask for a list, of what is his? */
static bool asks_for_list(const struct entering *entering)
{
    return entering->request->capability == MAY_READ_JOB &&
           !entering->request->job;
}

static void let_in(const struct entering *entering, const struct visit *visit)
{
    const struct token *token = visit_token(visit);
    *entering->out = (struct principal){
        .did = token->iss,
        .is_owner =
            visit->authorised && did_equal(&token->iss, &entering->gate->did),
        .all_jobs = visit->authorised != NULL,
    };
}

/* STATUS_NOT_FOUND: what was found then does not answer this. */
static Status enter_again(const struct entering *entering,
                          const struct visit *visit)
{
    const struct token *token = visit_token(visit);
    TRY(check_form(entering, token));
    TRY(check_now(entering, token));
    if (!visit->authorised) {
        if (!owns_job(entering, &token->iss) && !asks_for_list(entering))
            return STATUS_NOT_FOUND;
        TRY(check_unrevoked(entering, token));
        let_in(entering, visit);
        return STATUS_OK;
    }
    const struct chain_options options = gate_chain_options(entering->gate);
    const size_t count = authorised_link_count(visit->authorised);
    for (size_t index = 0; index < count; index++)
        TRY(check_now(entering, authorised_link(visit->authorised, index)));
    TRY(chain_recheck(visit->authorised, token->cmd, token->args, &options,
                      entering->refusal, entering->err));
    let_in(entering, visit);
    return STATUS_OK;
}

/* --- For the first time -------------------------------------------------- */

static Status check_replay(const struct entering *entering,
                           const struct token *token)
{
    bool is_new = false;
    if (!capabilities[entering->request->capability].once)
        return STATUS_OK;
    TRY(replay_take(entering->gate->store, token, entering->now_s, &is_new,
                    entering->err));
    if (!is_new)
        return REFUSE(entering, CHAIN_REPLAYED, token, "",
                      "it was seen before; make a new one");
    return STATUS_OK;
}

/* By nothing but his own signature: his job, or the list of his. */
static Status enter_own(const struct entering *entering,
                        const struct token *token)
{
    const Did *audience = token->has_aud ? &token->aud : &token->sub;
    if (token_verify(token, NULL) != STATUS_OK)
        return REFUSE(entering, CHAIN_INVALID_SIGNATURE, token, "[0]",
                      "the signature is not that of .iss");
    TRY(check_now(entering, token));
    if (!did_equal(audience, &entering->gate->did))
        return REFUSE(entering, CHAIN_INVALID_AUDIENCE, token,
                      token->has_aud ? ".aud" : ".sub",
                      "it is for somebody else");
    TRY(check_unrevoked(entering, token));
    return check_replay(entering, token);
}

static Status enter_by_chain(const struct entering *entering,
                             struct given *given, struct token *token,
                             struct visit *visit)
{
    struct chain_options options = gate_chain_options(entering->gate);
    options.proof = given_proof;
    options.proof_context = given;
    options.replay_is_ok = !capabilities[entering->request->capability].once;
    return chain_authorise(token, &options, &visit->authorised,
                           entering->refusal, entering->err);
}

/* Fills the visit, which takes the token over if it is let in. */
static Status enter_new(const struct entering *entering, struct given *given,
                        struct token *token, struct visit *visit)
{
    TRY(check_form(entering, token));
    if (!owns_job(entering, &token->iss)) {
        if (entering->request->job && token->proof_count == 0 &&
            !did_equal(&token->iss, &entering->gate->did))
            return REFUSE(entering, CHAIN_INVALID_CLAIM, token, ".prf",
                          "the job is not of whoever asks, and there is no "
                          "proof that he may");
        const Status status = enter_by_chain(entering, given, token, visit);
        if (status != STATUS_DENIED || !asks_for_list(entering))
            return status;
    }
    TRY(enter_own(entering, token));
    visit->own = token;
    return STATUS_OK;
}

/* Proofs from the store may be longer than the bearer. */
static bool is_worth_keeping(const struct entering *entering,
                             const struct visit *visit)
{
    size_t bytes = entering->request->bearer.len;
    const size_t count =
        visit->authorised ? authorised_link_count(visit->authorised) : 0;
    for (size_t index = 0; index < count; index++)
        bytes += authorised_link(visit->authorised, index)->bytes.len;
    return bytes <= VISIT_BYTES_MAX &&
           !capabilities[entering->request->capability].once;
}

static Status enter_cold(const struct entering *entering, const Hash *bearer)
{
    struct token *token = NULL;
    struct visit visit = {NULL, NULL};
    struct given given;
    Status status = given_read(&given, entering->gate,
                               text_bytes(entering->request->bearer), &token,
                               entering->refusal, entering->err);
    if (status == STATUS_OK)
        status = enter_new(entering, &given, token, &visit);
    if (status == STATUS_OK)
        let_in(entering, &visit);
    else
        token_free(token);
    given_free(&given);
    if (status == STATUS_OK && is_worth_keeping(entering, &visit)) {
        visit_unref(visits_add(entering->gate->visits, bearer, visit));
    } else {
        authorised_free(visit.authorised);
        token_free(visit.own);
    }
    return status;
}

static Status enter_bearer(const struct entering *entering)
{
    Hash bearer;
    Status status = STATUS_NOT_FOUND;
    if (entering->request->bearer.len > BEARER_BYTES_MAX)
        return fail(entering->err, STATUS_LIMIT,
                    "a bearer of %zu bytes is longer than %d",
                    entering->request->bearer.len, BEARER_BYTES_MAX);
    hash_sha256(text_bytes(entering->request->bearer), &bearer);
    struct visit *visit = visits_get(entering->gate->visits, &bearer);
    if (visit)
        status = enter_again(entering, visit);
    visit_unref(visit);
    return status == STATUS_NOT_FOUND ? enter_cold(entering, &bearer) : status;
}

/* --- What others call ---------------------------------------------------- */

static Status enter_session(const struct entering *entering)
{
    const struct gate *gate = entering->gate;
    if (!sessions_has(gate->sessions, entering->request->cookie,
                      entering->now_s))
        return REFUSE(entering, CHAIN_EXPIRED, NULL, "",
                      "the session is over; open a new link of the node");
    *entering->out = (struct principal){.did = gate->did,
                                        .is_owner = true,
                                        .is_session = true,
                                        .all_jobs = true};
    return STATUS_OK;
}

Status gate_enter(struct gate *gate, const struct gate_request *request,
                  struct principal *out, struct chain_refusal *refusal,
                  struct error *err)
{
    const struct entering entering = {.gate = gate,
                                      .request = request,
                                      .now_s = gate_now(gate),
                                      .out = out,
                                      .refusal = refusal,
                                      .err = err};
    *out = (struct principal){0};
    if (request->capability == MAY_NOTHING)
        return STATUS_OK;
    if (request->capability == MAY_READ_CONTENT &&
        gate->config->public_gateway)
        return STATUS_OK;
    if (request->bearer.len > 0)
        return enter_bearer(&entering);
    if (request->cookie.len > 0)
        return enter_session(&entering);
    const Text cmd = capability_command(request->capability);
    return gate_refuse(refusal, err, CHAIN_INVALID_CLAIM, NULL, "",
                       "nobody asks: send a token for %.*s as bearer",
                       TEXT_ARG(cmd));
}
