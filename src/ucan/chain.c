/* SPDX-License-Identifier: Apache-2.0 */
/* chain.c - the rules of a chain, in the order of chain.h.
 *
 *     tokens[0] ─▶ tokens[1] ─▶ … ─▶ tokens[count], the invocation
 *
 * True of a struct authorised:
 *  1. Each of its tokens has the signature of its issuer; of a restored
 *     invocation, this was so when it was kept.
 *  2. tokens[0] was issued by the subject, each next one by the audience of
 *     the one before it.
 *  3. When it was made, nothing else in chain.h was broken. */
#include "ucan/chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ipld/dag_json.h"
#include "ucan/chain_parts.h"
#include "ucan/revocation.h"

struct authorised {
    struct token *invocation; /* owned */
    size_t count;
    struct proof **proofs; /* owned, a reference each */
};

const char *chain_rule_name(ChainRule rule)
{
    static const char *const names[] = {
        [CHAIN_OK] = "OK",
        [CHAIN_INVALID_CLAIM] = "InvalidClaim",
        [CHAIN_UNAVAILABLE_PROOF] = "UnavailableProof",
        [CHAIN_EXPIRED] = "Expired",
        [CHAIN_TOO_EARLY] = "TooEarly",
        [CHAIN_INVALID_AUDIENCE] = "InvalidAudience",
        [CHAIN_INVALID_SUBJECT] = "InvalidSubject",
        [CHAIN_INVALID_SIGNATURE] = "InvalidSignature",
        [CHAIN_INVALID_COMMAND] = "InvalidCommand",
        [CHAIN_MATCH_ERROR] = "MatchError",
        [CHAIN_REVOKED] = "Revoked",
        [CHAIN_REPLAYED] = "Replayed",
    };
    return names[rule];
}

Status chain_refuse(const struct check *check, ChainRule rule,
                    const Cid *token, const char *field, const char *format,
                    ...)
{
    struct chain_refusal refusal = {.rule = rule, .token = *token};
    char name[CID_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(refusal.message, sizeof refusal.message, format, arguments);
    va_end(arguments);
    snprintf(refusal.field, sizeof refusal.field, "%s", field);
    if (check->refusal)
        *check->refusal = refusal;
    cid_to_text(token, name);
    return fail(check->err, STATUS_DENIED, "%s: %.100s (%s%s%.64s)",
                chain_rule_name(rule), refusal.message, field,
                *field ? " of " : "", name);
}

/* The rule was kept by the token at `index`. */
static void held(const struct check *check, size_t index, ChainRule rule)
{
    if (check->options->held)
        check->options->held(check->options->held_context, index,
                             check->tokens[index], rule);
}

/* --- What a link and the invocation have in common ----------------------- */

static Status check_signature(const struct check *check, size_t index)
{
    const struct token *token = check->tokens[index];
    struct error inner = {0};
    const bool is_verified = index < check->count && check->verified[index];
    if (!is_verified && token_verify(token, &inner) != STATUS_OK)
        return chain_refuse(check, CHAIN_INVALID_SIGNATURE, &token->cid, "[0]",
                            "the signature is not that of .iss");
    if (!is_verified && index < check->count && check->options->cache)
        chain_cache_add(check->options->cache, check->proofs[index]);
    held(check, index, CHAIN_INVALID_SIGNATURE);
    return STATUS_OK;
}

enum { TIME_TEXT_MAX = 48 };

/* "2026-01-31T12:00:00Z", or the number where no calendar goes. */
static const char *show_time(int64_t time_s, char out[TIME_TEXT_MAX])
{
    const time_t time = (time_t)time_s;
    struct tm day;
    if (!gmtime_r(&time, &day) ||
        strftime(out, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &day) == 0)
        snprintf(out, TIME_TEXT_MAX, "second %lld", (long long)time_s);
    return out;
}

static Status check_time(const struct check *check, size_t index)
{
    char now[TIME_TEXT_MAX], bound[TIME_TEXT_MAX];
    const struct chain_options *options = check->options;
    const struct token *token = check->tokens[index];
    if (token->has_nbf && options->now_s + options->skew_s < token->nbf)
        return chain_refuse(check, CHAIN_TOO_EARLY, &token->cid, ".nbf",
                            "it is not valid before %s, and it is %s",
                            show_time(token->nbf, bound),
                            show_time(options->now_s, now));
    if (index < check->count)
        held(check, index, CHAIN_TOO_EARLY);
    if (token->has_exp && options->now_s - options->skew_s > token->exp)
        return chain_refuse(check, CHAIN_EXPIRED, &token->cid, ".exp",
                            "it was valid until %s, and it is %s",
                            show_time(token->exp, bound),
                            show_time(options->now_s, now));
    held(check, index, CHAIN_EXPIRED);
    return STATUS_OK;
}

static Status check_revoked(struct check *check, size_t index)
{
    struct store *store = check->options->store;
    // One look at the store for all of them.
    if (index == 0 && store) {
        Status status =
            revocation_check(store, check->tokens, check->count + 1,
                             &check->revoked, check->err);
        if (status != STATUS_OK && status != STATUS_DENIED)
            return status;
    }
    if (check->revoked == index)
        return chain_refuse(check, CHAIN_REVOKED, &check->tokens[index]->cid,
                            "", "it was revoked");
    if (store)
        held(check, index, CHAIN_REVOKED);
    return STATUS_OK;
}

/* --- Links --------------------------------------------------------------- */

static Status check_subject(const struct check *check, size_t index)
{
    const struct token *token = check->tokens[index];
    if (index == 0 && !token->has_sub)
        return chain_refuse(check, CHAIN_INVALID_CLAIM, &token->cid, ".sub",
                            "a root delegation names its subject");
    if (token->has_sub && !did_equal(&token->sub, &check->invocation->sub))
        return chain_refuse(check, CHAIN_INVALID_SUBJECT, &token->cid, ".sub",
                            "it is about another subject than the invocation");
    if (index == 0 && !did_equal(&token->iss, &token->sub))
        return chain_refuse(check, CHAIN_INVALID_CLAIM, &token->cid, ".iss",
                            "a root delegation is issued by its subject");
    held(check, index, CHAIN_INVALID_SUBJECT);
    return STATUS_OK;
}

static Status check_alignment(const struct check *check, size_t index)
{
    const struct token *next = check->tokens[index + 1];
    if (!did_equal(&check->tokens[index]->aud, &next->iss))
        return chain_refuse(check, CHAIN_INVALID_AUDIENCE, &next->cid, ".iss",
                            "its issuer is not the audience of its proof");
    held(check, index, CHAIN_INVALID_AUDIENCE);
    return STATUS_OK;
}

/* A command's text has no end of its own: what follows are the token's other
 * bytes. */
static int shown_len(Text cmd)
{
    return (int)(cmd.len < 60 ? cmd.len : 60);
}

static Status check_command(const struct check *check, size_t index)
{
    const bool is_last = index + 1 == check->count;
    const struct token *next = check->tokens[index + 1];
    const Text cmd = is_last ? check->cmd : next->cmd;
    const Text proved = check->tokens[index]->cmd;
    if (!command_covers(proved, cmd))
        return chain_refuse(check, CHAIN_INVALID_COMMAND, &next->cid, ".cmd",
                            "its proof is for %.*s, which is not above %.*s",
                            shown_len(proved), proved.data, shown_len(cmd),
                            cmd.data);
    held(check, index, CHAIN_INVALID_COMMAND);
    return STATUS_OK;
}

enum { STATEMENT_MAX = 90 };

/* As JSON, where it is short and plain; what is cut may end within a letter. */
static void show_statement(const struct token *token, size_t index,
                           char out[STATEMENT_MAX])
{
    struct buffer text;
    const Value *statements = token->pol_value;
    bool is_plain = index < statements->list.count;
    buffer_init(&text, STATEMENT_MAX - 1);
    is_plain = is_plain && dag_json_encode(&statements->list.items[index],
                                           &text, NULL) == STATUS_OK;
    for (size_t at = 0; is_plain && at < text.len; at++)
        is_plain = text.data[at] >= ' ' && text.data[at] < 0x7f;
    snprintf(out, STATEMENT_MAX, "%.*s", is_plain ? (int)text.len : 14,
             is_plain ? (const char *)text.data : "this statement");
    buffer_deinit(&text);
}

static Status check_policy(struct check *check, size_t index)
{
    const struct token *token = check->tokens[index];
    char field[32], statement[STATEMENT_MAX];
    size_t failed = 0;
    size_t *work = check->options->work ? check->options->work : &check->work;
    // What is not known yet is asked again when it is: chain_recheck().
    if (policy_check_within(token->pol, check->args, check->options->unknown,
                            check->options->unknown_context, work,
                            &failed) == POLICY_FALSE) {
        snprintf(field, sizeof field, ".pol[%zu]", failed);
        show_statement(token, failed, statement);
        return chain_refuse(check, CHAIN_MATCH_ERROR, &token->cid, field,
                            "not true: %s", statement);
    }
    held(check, index, CHAIN_MATCH_ERROR);
    return STATUS_OK;
}

static Status check_link(struct check *check, size_t index)
{
    TRY(check_signature(check, index));
    TRY(check_time(check, index));
    TRY(check_subject(check, index));
    TRY(check_alignment(check, index));
    TRY(check_command(check, index));
    TRY(check_policy(check, index));
    return check_revoked(check, index);
}

/* --- The invocation ------------------------------------------------------ */

static Status check_audience(const struct check *check)
{
    const struct token *invocation = check->invocation;
    const Did *audience =
        invocation->has_aud ? &invocation->aud : &invocation->sub;
    if (!check->options->audience)
        return STATUS_OK;
    if (!did_equal(audience, check->options->audience))
        return chain_refuse(check, CHAIN_INVALID_AUDIENCE, &invocation->cid,
                            invocation->has_aud ? ".aud" : ".sub",
                            "it is for somebody else");
    held(check, check->count, CHAIN_INVALID_AUDIENCE);
    return STATUS_OK;
}

static Status check_replay(const struct check *check)
{
    const struct chain_options *options = check->options;
    bool is_new;
    if (!options->store || options->replay_is_ok)
        return STATUS_OK;
    TRY(replay_take(options->store, check->invocation, options->now_s, &is_new,
                    check->err));
    if (!is_new)
        return chain_refuse(check, CHAIN_REPLAYED, &check->invocation->cid, "",
                            "it was seen before");
    held(check, check->count, CHAIN_REPLAYED);
    return STATUS_OK;
}

/* Before anything is looked up: whose authority it is, is for free. */
static Status check_about(const struct check *check)
{
    const struct token *invocation = check->invocation;
    const Did *subject = check->options->subject;
    if (invocation->is_rc1 && !check->options->rc1_too)
        return chain_refuse(check, CHAIN_INVALID_CLAIM, &invocation->cid, "",
                            "it is of UCAN 1.0.0-rc.1, which is not taken");
    if (!subject || did_equal(&invocation->sub, subject))
        return STATUS_OK;
    return chain_refuse(check, CHAIN_INVALID_SUBJECT, &invocation->cid, ".sub",
                        "it asks for somebody else's authority");
}

static Status check_all(struct check *check)
{
    TRY(check_about(check));
    TRY(chain_gather(check));
    for (size_t index = 0; index < check->count; index++)
        TRY(check_link(check, index));
    TRY(check_signature(check, check->count));
    TRY(check_time(check, check->count));
    TRY(check_audience(check));
    TRY(check_revoked(check, check->count));
    return check_replay(check);
}

/* --- What others call ---------------------------------------------------- */

static struct authorised *authorised_new(struct token *invocation,
                                         const struct check *check)
{
    struct authorised *authorised = HEAP_NEW(struct authorised);
    authorised->invocation = invocation;
    authorised->count = check->count;
    authorised->proofs = heap_array(check->count, sizeof(struct proof *));
    for (size_t index = 0; index < check->count; index++)
        authorised->proofs[index] = check->proofs[index];
    return authorised;
}

/* What the checks came to; gives back what was gathered if they failed. */
static Status conclude(const struct check *check, Status status,
                       struct token *invocation, struct authorised **out)
{
    if (status == STATUS_OK) {
        *out = authorised_new(invocation, check);
        return STATUS_OK;
    }
    for (size_t index = 0; index < check->count; index++)
        proof_unref(check->proofs[index]);
    return status;
}

Status chain_authorise(struct token *invocation,
                       const struct chain_options *options,
                       struct authorised **out, struct chain_refusal *refusal,
                       struct error *err)
{
    ASSERT(invocation->kind == TOKEN_INVOCATION);
    ASSERT(options->skew_s >= 0 && options->skew_s <= CHAIN_SKEW_MAX_S);
    struct check check = {
        .options = options,
        .invocation = invocation,
        .cmd = invocation->cmd,
        .args = invocation->args,
        .work = CHAIN_WORK_MAX,
        .refusal = refusal,
        .err = err,
    };
    return conclude(&check, check_all(&check), invocation, out);
}

static Status check_joined(struct check *check)
{
    TRY(check_about(check));
    TRY(chain_gather(check));
    for (size_t index = 0; index < check->count; index++) {
        TRY(check_signature(check, index));
        TRY(check_subject(check, index));
        TRY(check_alignment(check, index));
    }
    return STATUS_OK;
}

Status chain_restore(struct token *invocation,
                     const struct chain_options *options,
                     struct authorised **out, struct chain_refusal *refusal,
                     struct error *err)
{
    ASSERT(invocation->kind == TOKEN_INVOCATION);
    struct check check = {
        .options = options,
        .invocation = invocation,
        .cmd = invocation->cmd,
        .args = invocation->args,
        .refusal = refusal,
        .err = err,
    };
    return conclude(&check, check_joined(&check), invocation, out);
}

void authorised_free(struct authorised *authorised)
{
    if (!authorised)
        return;
    for (size_t index = 0; index < authorised->count; index++)
        proof_unref(authorised->proofs[index]);
    free(authorised->proofs);
    token_free(authorised->invocation);
    free(authorised);
}

const struct token *authorised_invocation(const struct authorised *authorised)
{
    return authorised->invocation;
}

size_t authorised_link_count(const struct authorised *authorised)
{
    return authorised->count;
}

const struct token *authorised_link(const struct authorised *authorised,
                                    size_t index)
{
    ASSERT(index < authorised->count);
    return proof_token(authorised->proofs[index]);
}

Status chain_recheck(const struct authorised *authorised, Text cmd,
                     const Value *args, const struct chain_options *options,
                     struct chain_refusal *refusal, struct error *err)
{
    struct check check = {
        .options = options,
        .invocation = authorised->invocation,
        .cmd = cmd,
        .args = args,
        .work = CHAIN_WORK_MAX,
        .count = authorised->count,
        .revoked = authorised->count + 1,
        .refusal = refusal,
        .err = err,
    };
    for (size_t index = 0; index < check.count; index++)
        check.tokens[index] = authorised_link(authorised, index);
    check.tokens[check.count] = authorised->invocation;
    for (size_t index = 0; index < check.count; index++) {
        TRY(check_command(&check, index));
        TRY(check_policy(&check, index));
        TRY(check_revoked(&check, index));
    }
    return check_revoked(&check, check.count);
}
