/* SPDX-License-Identifier: Apache-2.0 */
/* authority.h - for tests of the gate: a node with a store in memory, people
 * with keys, and what they sign, written as JSON. Thread: one. */
#ifndef IPVM_TESTS_UNIT_NODE_AUTHORITY_H
#define IPVM_TESTS_UNIT_NODE_AUTHORITY_H

#include "unit/ucan/actors.h"

#include "base/clock.h"
#include "ipld/dag_json.h"
#include "node/gate.h"
#include "node/quota.h"
#include "task/computation.h"
#include "task/reserved.h"
#include "ucan/container.h"

struct authority {
    struct arena arena;
    struct store *store;
    struct node_config config;
    struct gate *gate;
    struct actor node, ann, ben, cyd, eve;
    int64_t now_s;
    /* The one job there is, of ann's. */
    Hash job;
    Cid job_cid, module_a, module_b;
};

static inline Status authority_subject(void *context, const Hash *job,
                                       Did *out, struct error *err)
{
    const struct authority *world = context;
    (void)err;
    if (!hash_equal(job, &world->job))
        return STATUS_NOT_FOUND;
    *out = world->ann.did;
    return STATUS_OK;
}

static inline void authority_reopen(struct authority *world)
{
    struct error err = {0};
    gate_close(world->gate);
    assert_int_equal(gate_open(world->store, world->node.key, &world->config,
                               authority_subject, world, &world->gate, &err),
                     STATUS_OK);
}

static inline struct authority *authority_new(void)
{
    struct authority *world = HEAP_NEW(struct authority);
    world->store = store_open_memory();
    world->node = actor_new(KEY_ED25519, 1);
    world->ann = actor_new(KEY_P256, 2);
    world->ben = actor_new(KEY_SECP256K1, 3);
    world->cyd = actor_new(KEY_ED25519, 4);
    world->eve = actor_new(KEY_ED25519, 5);
    world->now_s = clock_wall_s();
    memset(&world->job, 7, sizeof world->job);
    cid_from_hash(CODEC_DAG_CBOR, &world->job, &world->job_cid);
    cid_of(CODEC_RAW, text_bytes(TEXT("module a")), &world->module_a);
    cid_of(CODEC_RAW, text_bytes(TEXT("module b")), &world->module_b);
    node_config_default(&world->config);
    authority_reopen(world);
    return world;
}

static inline void authority_free(struct authority *world)
{
    gate_close(world->gate);
    store_close(world->store);
    secret_key_free(world->node.key);
    secret_key_free(world->ann.key);
    secret_key_free(world->ben.key);
    secret_key_free(world->cyd.key);
    secret_key_free(world->eve.key);
    arena_deinit(&world->arena);
    free(world);
}

/* --- JSON ---------------------------------------------------------------- */

static inline const Cid *authority_cid(const struct authority *world,
                                       char letter)
{
    return letter == 'A'   ? &world->module_a
           : letter == 'B' ? &world->module_b
                           : &world->job_cid;
}

/* DAG-JSON in which @A and @B are links to the modules and @J to the job. */
static inline const Value *json(struct authority *world, const char *text)
{
    struct buffer whole;
    struct error err = {0};
    Value *out = ARENA_NEW(&world->arena, Value);
    buffer_init(&whole, 1 << 20);
    for (; *text; text++) {
        char name[CID_TEXT_MAX];
        if (*text != '@' || !strchr("ABJ", text[1])) {
            buffer_add_byte(&whole, (uint8_t)*text);
            continue;
        }
        cid_to_text(authority_cid(world, *++text), name);
        buffer_format(&whole, "{\"/\":\"%s\"}", name);
    }
    const Bytes bytes = arena_copy_bytes(&world->arena, buffer_bytes(&whole));
    buffer_deinit(&whole);
    if (dag_json_decode(bytes, &world->arena, out, &err) != STATUS_OK)
        fail_msg("%s in %.*s", err.message, (int)bytes.len,
                 (const char *)bytes.data);
    return out;
}

/* --- Tokens -------------------------------------------------------------- */

/* What a row says of an invocation; zero is the ordinary thing. */
struct asking {
    const struct actor *by;  /* NULL: ann */
    const struct actor *sub; /* NULL: the node */
    const struct actor *aud; /* NULL: none */
    const char *cmd, *args;  /* NULL: "/workflow/run", {} */
    int64_t exp_in_s;        /* 0: a minute */
    bool forever;            /* no exp */
    uint8_t nonce;           /* 0: random */
};

/* By `iss` to `aud`, about the node unless `powerline`. */
static inline struct token *delegate(struct authority *world,
                                     const struct actor *iss,
                                     const struct actor *aud, const char *cmd,
                                     const char *pol)
{
    return mint(iss, (struct token_claims){.kind = TOKEN_DELEGATION,
                                           .aud = &aud->did,
                                           .sub = &world->node.did,
                                           .cmd = text_of(cmd),
                                           .pol = json(world, pol)});
}

static inline struct token *invoke(struct authority *world,
                                   struct asking asking,
                                   struct token *const *proofs, size_t count)
{
    Cid names[8];
    const uint8_t nonce[] = {asking.nonce, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    assert_true(count <= 8);
    for (size_t index = 0; index < count; index++)
        names[index] = proofs[index]->cid;
    return mint(
        asking.by ? asking.by : &world->ann,
        (struct token_claims){
            .kind = TOKEN_INVOCATION,
            .sub = asking.sub ? &asking.sub->did : &world->node.did,
            .aud = asking.aud ? &asking.aud->did : NULL,
            .cmd = asking.cmd ? text_of(asking.cmd) : TEXT("/workflow/run"),
            .args = json(world, asking.args ? asking.args : "{}"),
            .nonce = asking.nonce ? bytes_of(nonce, sizeof nonce)
                                  : (Bytes){NULL, 0},
            .has_exp = !asking.forever,
            .exp = world->now_s + (asking.exp_in_s ? asking.exp_in_s : 60),
            .proofs = names,
            .proof_count = count});
}

static inline Text pack(struct authority *world, ContainerForm form,
                        struct token *const *tokens, size_t count)
{
    struct buffer out;
    struct error err = {0};
    Bytes bytes[16];
    assert_true(count <= 16);
    for (size_t index = 0; index < count; index++)
        bytes[index] = tokens[index]->bytes;
    buffer_init(&out, 1 << 20);
    if (container_write(form, bytes, count, &out, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    const Text text =
        arena_copy_text(&world->arena, bytes_text(buffer_bytes(&out)));
    buffer_deinit(&out);
    return text;
}

/* An invocation with its proofs as a bearer; the proofs stay the caller's. */
static inline Text bearer(struct authority *world, struct asking asking,
                          struct token *const *proofs, size_t count)
{
    struct token *all[9];
    for (size_t index = 0; index < count; index++)
        all[index] = proofs[index];
    all[count] = invoke(world, asking, proofs, count);
    const Text text = pack(world, CONTAINER_BASE64URL, all, count + 1);
    token_free(all[count]);
    return text;
}

/* The owner of a token revokes it. */
void authority_revoke(struct authority *world, const struct actor *by,
                      const Cid *token);

/* "OK", "OK own" where only his own jobs are meant, the rule that is broken, or
 * the status. `bearer` is copied to a block of its length. */
const char *authority_enter(struct authority *world, Capability capability,
                            Text bearer, const Hash *job, const Cid *cid,
                            struct principal *out);

/* --- Workflows ----------------------------------------------------------- */

/* A task "LABEL": module 'A' or 'B', function, arguments as JSON, where
 * {"await/ok": "LABEL"} is a promise. `cmd` NULL: /wasm/run, else `args` is its
 * map. */
struct step {
    const char *label;
    char module;
    const char *function, *args, *cmd;
    const char *sub;
};
/* Made, kept in the store unless `!keep`; its CID. */
Cid authority_workflow(struct authority *world, const struct step *steps,
                       size_t count, bool keep);

/* Terms with the workflow; `terms` begins with a comma or is empty. */
const char *authority_args(struct authority *world, const Cid *workflow,
                           const char *terms);
/* "OK", the rule that is broken, or the name of the status. `out` NULL: it is
 * not wanted. */
const char *authority_submit(struct authority *world, struct asking asking,
                             struct token *const *proofs, size_t count,
                             struct submission **out, struct error *err);
void authority_quota(struct authority *world, const char *id);

#endif
