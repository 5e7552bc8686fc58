/* SPDX-License-Identifier: Apache-2.0 */
#include "run/trust.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "run/admit.h"
#include "run/trust_file.h"
#include "store/receipts.h"
#include "ucan/keyring.h"
#include "ucan/token.h"

struct trust {
    struct store *store;
    struct arena arena;
    struct trust_rules rules; /* in it */
    struct keyring_entry *own;
    size_t own_count;
};

/* --- Opening ------------------------------------------------------------- */

/* We are whose keys the store has. */
static Status read_own(struct trust *trust, struct error *err)
{
    const char *directory = store_directory(trust->store);
    const struct keyring ring = {
        .directory = arena_format(&trust->arena, "%s/keys", directory).data};
    if (directory[0] == '\0')
        return STATUS_OK;
    return keyring_list(&ring, &trust->own, &trust->own_count, err);
}

Status trust_open(struct store *store, struct trust **out, struct error *err)
{
    struct trust *trust = HEAP_NEW(struct trust);
    trust->store = store;
    Status status = trust_file_read(store_directory(store), &trust->arena,
                                    &trust->rules, err);
    if (status == STATUS_OK)
        status = read_own(trust, err);
    if (status != STATUS_OK) {
        trust_close(trust);
        return status;
    }
    *out = trust;
    return STATUS_OK;
}

Status trust_open_if_any(struct store *store, struct trust **out,
                         struct error *err)
{
    *out = NULL;
    if (!trust_file_exists(store_directory(store)))
        return STATUS_OK;
    TRY(trust_open(store, out, err));
    if ((*out)->rules.count > 0)
        return STATUS_OK;
    trust_close(*out);
    *out = NULL;
    return STATUS_OK;
}

void trust_close(struct trust *trust)
{
    if (!trust)
        return;
    free(trust->own);
    arena_deinit(&trust->arena);
    free(trust);
}

const struct trust_rules *trust_rules_of(const struct trust *trust)
{
    return &trust->rules;
}

/* --- What was said ------------------------------------------------------- */

struct gathering {
    const struct trust *trust;
    struct arena *arena;
    struct trust_said *said; /* TRUST_SAID_MAX, made for the first */
    size_t count;
    int64_t now_s;
};

static bool is_own(const struct trust *trust, const Did *issuer)
{
    for (size_t index = 0; index < trust->own_count; index++)
        if (did_equal(&trust->own[index].did, issuer))
            return true;
    return false;
}

/* Rows were checked when they came; only time goes on. */
static bool is_in_time(const struct gathering *gathering,
                       const struct receipt_row *row)
{
    struct token *token;
    Bytes bytes;
    if (row->how == RECEIPT_IN_LOG)
        return true; // Under a head of our own log.
    if (receipt_token(gathering->trust->store, &row->token, gathering->arena,
                      &bytes, NULL) != STATUS_OK ||
        token_read(bytes, NULL, &token, NULL) != STATUS_OK)
        return false; // Nothing to show for it.
    const bool holds = !token->has_exp || gathering->now_s <= token->exp;
    token_free(token);
    return holds;
}

static bool take_receipt(void *context, const struct receipt_row *row)
{
    struct gathering *gathering = context;
    struct trust_said said = {.result = row->res};
    if (!row->has_res ||
        did_read(row->issuer, &said.issuer, NULL, NULL) != STATUS_OK ||
        !is_in_time(gathering, row))
        return true;
    if (!gathering->said)
        gathering->said = arena_array(gathering->arena, TRUST_SAID_MAX,
                                      sizeof *gathering->said);
    said.is_own = is_own(gathering->trust, &said.issuer);
    gathering->said[gathering->count++] = said;
    return gathering->count < TRUST_SAID_MAX;
}

/* --- Asking -------------------------------------------------------------- */

static void say_useless(struct trust_answer *out, const struct error *err)
{
    const size_t len = strlen(out->judgement.why);
    snprintf(out->judgement.why + len, sizeof out->judgement.why - len,
             "%sit cannot be used: %s", len > 0 ? "; " : "", err->message);
}

static Status judge(const struct gathering *gathering, const Hash *computation,
                    Bytes block, struct trust_answer *out, struct error *err)
{
    const struct trust *trust = gathering->trust;
    struct admitted admitted;
    if (block.len > 0)
        TRY(admit_block(block, gathering->arena, &admitted, err));
    else
        TRY(admit_computation(trust->store, computation, gathering->arena,
                              &admitted, err));
    const struct trust_subject subject = {admitted.command, &admitted.module,
                                          admitted.function};
    trust_judge(&trust->rules, &subject, gathering->said, gathering->count,
                &out->judgement);
    if (out->judgement.verdict != TRUST_ACCEPTED)
        return STATUS_OK;
    // First held, then looked for: what is there then stays.
    Cid result;
    cid_from_hash(CODEC_DAG_CBOR, &out->judgement.result, &result);
    IGNORE(store_hold(trust->store, &result, NULL));
    out->result = out->judgement.result;
    TRY(admit_result(trust->store, &out->result, gathering->arena, &out->is_ok,
                     err));
    out->is_usable = true;
    return STATUS_OK;
}

void trust_ask(const struct trust *trust, const Hash *computation, Bytes block,
               struct trust_answer *out)
{
    struct arena arena = {0};
    struct error err = {0};
    struct gathering gathering = {
        .trust = trust, .arena = &arena, .now_s = clock_wall_s()};
    *out = (struct trust_answer){.judgement.rule = TRUST_OWN};
    Status status = receipts_each(trust->store, RECEIPTS_BY_COMPUTATION,
                                  computation, take_receipt, &gathering, &err);
    out->receipts = gathering.count;
    if (status == STATUS_OK && gathering.count > 0)
        status = judge(&gathering, computation, block, out, &err);
    if (status != STATUS_OK)
        say_useless(out, &err);
    arena_deinit(&arena);
}
