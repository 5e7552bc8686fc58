/* SPDX-License-Identifier: Apache-2.0 */
/* program_ucan_peer.c - our tokens, to be asked (questions.h):
 *
 *     did TYPE SEED                       ok DID
 *     token HEX                           ok CID         read and verified
 *     delegate TYPE SEED AUD SUB CMD POL EXP VERSION      ok HEX
 *     invoke TYPE SEED SUB CMD ARGS PROOFS EXP VERSION    ok HEX
 *     authorise NOW INVOCATION PROOFS     ok | no RULE
 *
 * SEED and tokens are hexadecimal, POL and ARGS hexadecimal of DAG-JSON, PROOFS
 * words between blanks (CIDs, or tokens), "-" where there is none; VERSION is
 * 1.0.0 or rc.1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/questions.h"
#include "ipld/dag_json.h"
#include "ucan/chain.h"

static const struct token_options both_versions = {.rc1_too = true};

static bool is_none(const char *field)
{
    return strcmp(field, "-") == 0;
}

static Status key_of(struct question *question, struct secret_key **out,
                     struct error *err)
{
    KeyType type;
    if (!key_type_from_name(text_of(question->fields[1]), &type))
        return (fail)(err, STATUS_INVALID, "no key type");
    return secret_key_from_bytes(
        type, question_bytes(question, question->fields[2]), out, err);
}

static Status did(struct question *question, struct error *err)
{
    struct secret_key *key;
    Did name;
    TRY(key_of(question, &key, err));
    did_of(secret_key_public(key), &name);
    buffer_add_text(&question->answer, text_of(name.text));
    secret_key_free(key);
    return STATUS_OK;
}

static Status token(struct question *question, struct error *err)
{
    struct token *read;
    char text[CID_TEXT_MAX];
    TRY(token_read(question_bytes(question, question->fields[1]),
                   &both_versions, &read, err));
    Status status = token_verify(read, err);
    cid_to_text(&read->cid, text);
    buffer_add_text(&question->answer, text_of(text));
    token_free(read);
    return status;
}

/* --- Minting ------------------------------------------------------------- */

static Status mint(struct question *question, struct token_claims *claims,
                   const char *exp, const char *version, struct error *err)
{
    const struct token_options how = {.rc1_too = strcmp(version, "rc.1") == 0};
    struct secret_key *key;
    struct token *minted;
    claims->has_exp = !is_none(exp);
    claims->exp = claims->has_exp ? strtoll(exp, NULL, 10) : 0;
    TRY(key_of(question, &key, err));
    Status status = token_mint(claims, key, &how, &minted, err);
    secret_key_free(key);
    TRY(status);
    question_add_hex(question, minted->bytes);
    token_free(minted);
    return STATUS_OK;
}

static Status did_at(const char *field, Did *out, struct error *err)
{
    PublicKey key;
    return did_read(text_of(field), out, &key, err);
}

static Status delegate(struct question *question, struct error *err)
{
    char **fields = question->fields;
    Did aud, sub;
    Value pol;
    struct token_claims claims = {
        .kind = TOKEN_DELEGATION,
        .aud = &aud,
        .sub = is_none(fields[4]) ? NULL : &sub,
        .cmd = text_of(fields[5]),
        .pol = &pol,
    };
    TRY(did_at(fields[3], &aud, err));
    if (claims.sub)
        TRY(did_at(fields[4], &sub, err));
    TRY(dag_json_decode(question_bytes(question, fields[6]), &question->arena,
                        &pol, err));
    return mint(question, &claims, fields[7], fields[8], err);
}

static Status invoke(struct question *question, struct error *err)
{
    char **fields = question->fields;
    Cid proofs[TOKEN_PROOFS_MAX];
    Did sub;
    Value args;
    struct token_claims claims = {
        .kind = TOKEN_INVOCATION,
        .sub = &sub,
        .cmd = text_of(fields[4]),
        .args = &args,
        .proofs = proofs,
    };
    TRY(did_at(fields[3], &sub, err));
    TRY(dag_json_decode(question_bytes(question, fields[5]), &question->arena,
                        &args, err));
    char *rest = is_none(fields[6]) ? NULL : fields[6];
    while (rest && claims.proof_count < TOKEN_PROOFS_MAX) {
        char *word = strsep(&rest, " ");
        TRY(cid_from_text(text_of(word), &proofs[claims.proof_count++], err));
    }
    return mint(question, &claims, fields[7], fields[8], err);
}

/* --- Validating ---------------------------------------------------------- */

struct proofs {
    Bytes bytes[TOKEN_PROOFS_MAX];
    Cid cids[TOKEN_PROOFS_MAX];
    size_t count;
};

static Status find_proof(void *context, const Cid *cid, struct arena *arena,
                         Bytes *out, struct error *err)
{
    const struct proofs *proofs = context;
    (void)arena;
    for (size_t index = 0; index < proofs->count; index++) {
        if (!cid_equal(&proofs->cids[index], cid))
            continue;
        *out = proofs->bytes[index];
        return STATUS_OK;
    }
    return (fail)(err, STATUS_NOT_FOUND, "no such proof");
}

static Status authorise(struct question *question, struct error *err)
{
    struct proofs proofs = {.count = 0};
    struct chain_refusal refusal = {.rule = CHAIN_OK};
    struct authorised *authorised;
    struct token *invocation;
    char *rest = is_none(question->fields[3]) ? NULL : question->fields[3];
    while (rest && proofs.count < TOKEN_PROOFS_MAX) {
        Bytes bytes = question_bytes(question, strsep(&rest, " "));
        proofs.bytes[proofs.count] = bytes;
        cid_of(CODEC_DAG_CBOR, bytes, &proofs.cids[proofs.count++]);
    }
    const struct chain_options options = {
        .now_s = strtoll(question->fields[1], NULL, 10),
        .proof = find_proof,
        .proof_context = &proofs,
        .rc1_too = true,
    };
    TRY(token_read(question_bytes(question, question->fields[2]),
                   &both_versions, &invocation, err));
    Status status =
        chain_authorise(invocation, &options, &authorised, &refusal, err);
    if (status == STATUS_OK) {
        authorised_free(authorised);
        return STATUS_OK;
    }
    token_free(invocation);
    if (refusal.rule != CHAIN_OK)
        status = (fail)(err, status, "%s", chain_rule_name(refusal.rule));
    return status;
}

int main(void)
{
    static const struct question_verb verbs[] = {
        {"did", 3, did},
        {"token", 2, token},
        {"delegate", 9, delegate},
        {"invoke", 9, invoke},
        {"authorise", 4, authorise},
    };
    return questions_answer(verbs, sizeof verbs / sizeof *verbs);
}
