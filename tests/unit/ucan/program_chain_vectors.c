/* SPDX-License-Identifier: Apache-2.0 */
/* program_chain_vectors.c - writes tests/vectors/ucan/chain.json: the cases
 * below with their tokens. What each must come out as stands here, by hand;
 * test_chain.c reads the file. */
#include "unit/ucan/actors.h"

#include <stdio.h>

#include "ipld/dag_json.h"

enum { TIME = 1767225600, STEPS_MAX = 4 };

struct step {
    struct token *invocation;
    const char *result;
};

/* One row. */
static struct {
    const char *title;
    int64_t time, skew;
    const Did *audience;
    struct bag proofs, others;
    struct step steps[STEPS_MAX];
    size_t step_count;
    size_t count; /* of rows so far */
} row;

static struct arena arena;
static struct actor alice, bob, carol, dave, mallory, pat, ken;

static void begin(const char *title)
{
    row.title = title;
    row.time = TIME;
    row.skew = 0;
    row.audience = NULL;
    row.step_count = 0;
}

static const Value *json(const char *text)
{
    Value *value = ARENA_NEW(&arena, Value);
    struct error err = {0};
    if (dag_json_decode(text_bytes(text_of(text)), &arena, value, &err) !=
        STATUS_OK)
        fail_msg("%s: %s", text, err.message);
    return value;
}

/* What is said about a token beside who, to whom, about whom. */
struct more {
    const char *cmd;  /* "/msg/send" */
    const char *body; /* pol or args as DAG-JSON */
    int64_t exp, nbf; /* 0: null, absent */
    const Did *aud;
    const struct token *prf[4];
};

static struct token *delegate(const struct actor *from, const struct actor *to,
                              const struct actor *sub, struct more more)
{
    return bag_add(
        &row.proofs,
        mint(from, (struct token_claims){
                       .kind = TOKEN_DELEGATION,
                       .aud = &to->did,
                       .sub = sub ? &sub->did : NULL,
                       .cmd = text_of(more.cmd ? more.cmd : "/msg/send"),
                       .pol = more.body ? json(more.body) : NULL,
                       .has_exp = more.exp != 0,
                       .exp = more.exp,
                       .has_nbf = more.nbf != 0,
                       .nbf = more.nbf,
                   }));
}

static struct token *invoke(const struct actor *from, const struct actor *sub,
                            struct more more)
{
    Cid proofs[4];
    size_t count = 0;
    for (; count < 4 && more.prf[count]; count++)
        proofs[count] = more.prf[count]->cid;
    return bag_add(
        &row.others,
        mint(from, (struct token_claims){
                       .kind = TOKEN_INVOCATION,
                       .sub = &sub->did,
                       .aud = more.aud,
                       .cmd = text_of(more.cmd ? more.cmd : "/msg/send"),
                       .args = more.body ? json(more.body) : NULL,
                       .has_exp = more.exp != 0,
                       .exp = more.exp,
                       .proofs = proofs,
                       .proof_count = count,
                   }));
}

static struct token *revoke(const struct actor *by, const struct token *token)
{
    char name[CID_TEXT_MAX];
    cid_to_text(&token->cid, name);
    const Text args = arena_format(&arena, "{\"rev\":{\"/\":\"%s\"}}", name);
    return invoke(by, by,
                  (struct more){.cmd = "/ucan/revoke", .body = args.data});
}

/* A proof that nobody is given. */
static void withhold(const struct token *token)
{
    for (size_t index = 0; index < row.proofs.count; index++)
        if (row.proofs.tokens[index] == token) {
            bag_add(&row.others, row.proofs.tokens[index]);
            row.proofs.tokens[index] = row.proofs.tokens[--row.proofs.count];
            return;
        }
}

static void step(struct token *invocation, const char *result)
{
    row.steps[row.step_count++] = (struct step){invocation, result};
}

static Value bytes_list(struct token *const *tokens, size_t count)
{
    Value *items = arena_array(&arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++)
        items[index] = value_bytes(tokens[index]->bytes);
    return value_list(items, count);
}

static Value steps_list(void)
{
    Value *items = arena_array(&arena, row.step_count, sizeof *items);
    for (size_t index = 0; index < row.step_count; index++) {
        const struct value_entry entries[] = {
            {TEXT("invocation"),
             value_bytes(row.steps[index].invocation->bytes)},
            {TEXT("result"), value_text(text_of(row.steps[index].result))},
        };
        items[index] = value_map(&arena, entries, 2);
    }
    return value_list(items, row.step_count);
}

static void end(void)
{
    struct buffer out;
    struct value_entry entries[8] = {
        {TEXT("title"), value_text(text_of(row.title))},
        {TEXT("time"), value_int(row.time)},
        {TEXT("proofs"), bytes_list(row.proofs.tokens, row.proofs.count)},
        {TEXT("steps"), steps_list()},
    };
    size_t count = 4;
    if (row.skew != 0)
        entries[count++] =
            (struct value_entry){TEXT("skew"), value_int(row.skew)};
    if (row.audience)
        entries[count++] = (struct value_entry){
            TEXT("audience"), value_text(text_of(row.audience->text))};
    const Value value = value_map(&arena, entries, count);
    buffer_init(&out, 1 << 20);
    assert_int_equal(dag_json_encode(&value, &out, NULL), STATUS_OK);
    printf("%s\n  %.*s", row.count++ ? "," : "", (int)out.len,
           (const char *)out.data);
    buffer_deinit(&out);
    bag_empty(&row.proofs);
    bag_empty(&row.others);
    arena_reset(&arena);
}

/* A row of one delegation from alice to bob and one invocation. */
static void one(const char *title, int64_t time, int64_t skew,
                struct more delegation, struct more invocation,
                const char *result)
{
    begin(title);
    row.time = time;
    row.skew = skew;
    invocation.prf[0] = delegate(&alice, &bob, &alice, delegation);
    step(invoke(&bob, &alice, invocation), result);
    end();
}

static void time_bounds(void)
{
    one("valid at its last second", TIME, 0, (struct more){.exp = TIME},
        (struct more){0}, "OK");
    one("expired one second later", TIME + 1, 0, (struct more){.exp = TIME},
        (struct more){0}, "Expired");
    one("valid at its first second", TIME, 0, (struct more){.nbf = TIME},
        (struct more){0}, "OK");
    one("too early one second before", TIME - 1, 0, (struct more){.nbf = TIME},
        (struct more){0}, "TooEarly");
    one("skew is allowed behind the end", TIME + 60, 60,
        (struct more){.exp = TIME}, (struct more){0}, "OK");
    one("and not a second more", TIME + 61, 60, (struct more){.exp = TIME},
        (struct more){0}, "Expired");
    one("skew is allowed before the beginning", TIME - 60, 60,
        (struct more){.nbf = TIME}, (struct more){0}, "OK");
    one("and not a second more there", TIME - 61, 60,
        (struct more){.nbf = TIME}, (struct more){0}, "TooEarly");
    one("an invocation is valid at its last second", TIME, 0, (struct more){0},
        (struct more){.exp = TIME}, "OK");
    one("and expired one second later", TIME + 1, 0, (struct more){0},
        (struct more){.exp = TIME}, "Expired");
    one("null never expires", INT64_C(9007199254740991), 0, (struct more){0},
        (struct more){0}, "OK");
    one("never valid: it ends before it begins", TIME, 0,
        (struct more){.nbf = TIME + 1, .exp = TIME - 1}, (struct more){0},
        "TooEarly");
}

static void audiences(void)
{
    static const char *const titles[] = {
        "for us by its audience", "for another by its audience",
        "for us by its subject", "for another by its subject",
        "its audience counts, not its subject"};
    for (size_t index = 0; index < 5; index++) {
        begin(titles[index]);
        row.audience = index == 0   ? &carol.did
                       : index == 2 ? &alice.did
                       : index == 4 ? &alice.did
                                    : &mallory.did;
        struct token *proof = delegate(&alice, &bob, &alice, (struct more){0});
        const bool has_aud = index < 2 || index == 4;
        step(invoke(&bob, &alice,
                    (struct more){.prf = {proof},
                                  .aud = has_aud ? &carol.did : NULL}),
             index == 0 || index == 2 ? "OK" : "InvalidAudience");
        end();
    }
}

/* alice → bob → carol, each for a command, and what carol does. */
static void commands(const char *title, const char *first, const char *second,
                     const char *third, const char *result)
{
    begin(title);
    struct token *root =
        delegate(&alice, &bob, &alice, (struct more){.cmd = first});
    struct token *next =
        delegate(&bob, &carol, &alice, (struct more){.cmd = second});
    step(invoke(&carol, &alice,
                (struct more){.cmd = third, .prf = {root, next}}),
         result);
    end();
}

static void attenuation(void)
{
    commands("the same command all the way", "/a/b", "/a/b", "/a/b", "OK");
    commands("narrower at each link", "/", "/a", "/a/b", "OK");
    commands("/crypto does not prove /cryptocurrency", "/crypto",
             "/cryptocurrency", "/cryptocurrency", "InvalidCommand");
    commands("nor in the invocation", "/", "/crypto", "/cryptocurrency",
             "InvalidCommand");
    commands("wider in the middle, though not at the end", "/a/b", "/a",
             "/a/b", "InvalidCommand");
    commands("wider at the end", "/", "/a/b", "/a", "InvalidCommand");
    commands("all is wider than anything", "/a", "/", "/a", "InvalidCommand");
    commands("beside, at the same depth", "/a/b", "/a/c", "/a/c",
             "InvalidCommand");
}

static void powerlines(void)
{
    begin("a powerline passes on what it gets");
    struct token *root = delegate(&alice, &bob, &alice, (struct more){0});
    struct token *next = delegate(&bob, &carol, NULL, (struct more){0});
    step(invoke(&carol, &alice, (struct more){.prf = {root, next}}), "OK");
    end();
    begin("two powerlines, one behind the other");
    root = delegate(&alice, &bob, &alice, (struct more){0});
    next = delegate(&bob, &carol, NULL, (struct more){0});
    struct token *last = delegate(&carol, &dave, NULL, (struct more){0});
    step(invoke(&dave, &alice, (struct more){.prf = {root, next, last}}),
         "OK");
    end();
    begin("a powerline is no root, not even of its issuer");
    root = delegate(&alice, &bob, NULL, (struct more){0});
    step(invoke(&bob, &alice, (struct more){.prf = {root}}), "InvalidClaim");
    end();
    begin("a powerline narrows the command");
    root = delegate(&alice, &bob, &alice, (struct more){.cmd = "/"});
    next = delegate(&bob, &carol, NULL, (struct more){.cmd = "/msg"});
    step(invoke(&carol, &alice,
                (struct more){.cmd = "/crud", .prf = {root, next}}),
         "InvalidCommand");
    end();
    begin("a subject behind a powerline is that of the invocation");
    root = delegate(&alice, &bob, &alice, (struct more){0});
    next = delegate(&bob, &carol, NULL, (struct more){0});
    last = delegate(&carol, &dave, &bob, (struct more){0});
    step(invoke(&dave, &alice, (struct more){.prf = {root, next, last}}),
         "InvalidSubject");
    end();
}

static void shapes(void)
{
    begin("a root is issued by its subject");
    struct token *root = delegate(&bob, &carol, &alice, (struct more){0});
    step(invoke(&carol, &alice, (struct more){.prf = {root}}), "InvalidClaim");
    end();
    begin("proofs stand root first");
    root = delegate(&alice, &bob, &alice, (struct more){0});
    struct token *next = delegate(&bob, &carol, &alice, (struct more){0});
    step(invoke(&carol, &alice, (struct more){.prf = {next, root}}),
         "InvalidClaim");
    end();
    begin("a proof stands once");
    root = delegate(&alice, &alice, &alice, (struct more){0});
    step(invoke(&alice, &alice, (struct more){.prf = {root, root}}),
         "InvalidClaim");
    end();
    begin("a proof in the middle that is not there");
    root = delegate(&alice, &bob, &alice, (struct more){0});
    next = delegate(&bob, &carol, &alice, (struct more){0});
    struct token *last = delegate(&carol, &dave, &alice, (struct more){0});
    step(invoke(&dave, &alice, (struct more){.prf = {root, next, last}}),
         "UnavailableProof");
    withhold(next);
    end();
    begin("an invocation proves nothing");
    struct token *no_proof = invoke(&alice, &alice, (struct more){0});
    step(invoke(&alice, &alice, (struct more){.prf = {no_proof}}),
         "InvalidClaim");
    bag_add(&row.proofs, no_proof);
    for (size_t index = 0; index < row.others.count; index++)
        if (row.others.tokens[index] == no_proof)
            row.others.tokens[index] = row.others.tokens[--row.others.count];
    end();
    begin("who acts for himself and shows proofs has them checked");
    root = delegate(&alice, &bob, &alice, (struct more){.exp = TIME - 1});
    next = delegate(&bob, &alice, &alice, (struct more){0});
    step(invoke(&alice, &alice, (struct more){.prf = {root, next}}),
         "Expired");
    end();
    begin("of two broken links the root's is told");
    root = delegate(&alice, &bob, &alice, (struct more){.exp = TIME - 1});
    next = delegate(&bob, &carol, &alice, (struct more){.nbf = TIME + 1});
    step(invoke(&carol, &alice, (struct more){.prf = {root, next}}),
         "Expired");
    end();
    begin("a link's time is told before its audience");
    root = delegate(&alice, &bob, &alice, (struct more){.exp = TIME - 1});
    step(invoke(&mallory, &alice, (struct more){.prf = {root}}), "Expired");
    end();
}

static void policies(void)
{
    static const char *const small = "[[\"<=\",\".n\",10]]";
    one("a promise may become what the policy asks for", TIME, 0,
        (struct more){.body = small},
        (struct more){
            .body = "{\"n\":{\"await/ok\":{\"/\":\"bafyreidykglsfhoixmivffc5uw"
                    "hcgshx4j465xwqntbmu43nb2dzqwfvae\"}}}"},
        "OK");
    one("what is known must match although a promise stands beside it", TIME,
        0, (struct more){.body = small},
        (struct more){
            .body = "{\"m\":{\"await/ok\":{\"/\":\"bafyreidykglsfhoixmivffc5uw"
                    "hcgshx4j465xwqntbmu43nb2dzqwfvae\"}},\"n\":11}"},
        "MatchError");
    begin("policies of all links count, not the last one's");
    struct token *root =
        delegate(&alice, &bob, &alice, (struct more){.body = small});
    struct token *next = delegate(
        &bob, &carol, &alice, (struct more){.body = "[[\"<=\",\".n\",20]]"});
    step(invoke(&carol, &alice,
                (struct more){.body = "{\"n\":15}", .prf = {root, next}}),
         "MatchError");
    end();
}

static void replays(void)
{
    begin("an invocation counts once");
    struct token *first = invoke(&alice, &alice, (struct more){0});
    step(first, "OK");
    step(first, "Replayed");
    end();
    begin("one that is refused was not used up");
    row.audience = &alice.did;
    first = invoke(&alice, &alice, (struct more){.exp = TIME + 5});
    step(first, "OK");
    step(first, "Replayed");
    step(invoke(&alice, &alice, (struct more){.exp = TIME + 5}), "OK");
    end();
    begin("the other P-256 signature is the same invocation");
    first = invoke(&pat, &pat, (struct more){0});
    step(first, "OK");
    step(bag_add(&row.others, twin_of(first)), "Replayed");
    end();
    begin("the other secp256k1 signature is none");
    first = invoke(&ken, &ken, (struct more){0});
    step(bag_add(&row.others, twin_of(first)), "InvalidSignature");
    step(first, "OK");
    end();
    begin("an Ed25519 signature with S + L is none");
    first = invoke(&alice, &alice, (struct more){0});
    step(bag_add(&row.others, twin_of(first)), "InvalidSignature");
    step(first, "OK");
    end();
}

/* alice → bob → carol; who revokes which, and what becomes of carol. */
static void revocation(const char *title, const struct actor *by, size_t which,
                       const char *result)
{
    begin(title);
    struct token *root = delegate(&alice, &bob, &alice, (struct more){0});
    struct token *next = delegate(&bob, &carol, &alice, (struct more){0});
    struct token *last =
        invoke(&carol, &alice, (struct more){.prf = {root, next}});
    step(revoke(by, which == 0 ? root : which == 1 ? next : last), "OK");
    step(last, result);
    end();
}

static void revocations(void)
{
    revocation("revoked by its issuer", &bob, 1, "Revoked");
    revocation("revoked by the issuer above", &alice, 1, "Revoked");
    revocation("the root, revoked by its issuer", &alice, 0, "Revoked");
    revocation("the root is not its audience's to revoke", &bob, 0, "OK");
    revocation("nor is a link its audience's", &carol, 1, "OK");
    revocation("a stranger revokes nothing", &mallory, 1, "OK");
    revocation("an invocation, revoked by its issuer", &carol, 2, "Revoked");
    revocation("an invocation, revoked by its subject", &alice, 2, "Revoked");
    begin("the other P-256 signature is revoked too");
    struct token *root = delegate(&pat, &bob, &pat, (struct more){0});
    struct token *twin = bag_add(&row.proofs, twin_of(root));
    step(revoke(&pat, root), "OK");
    step(invoke(&bob, &pat, (struct more){.prf = {twin}}), "Revoked");
    step(invoke(&bob, &pat, (struct more){.prf = {root}}), "Revoked");
    end();
    begin("revoked by the twin, which was never shown");
    root = delegate(&pat, &bob, &pat, (struct more){0});
    twin = bag_add(&row.others, twin_of(root));
    step(revoke(&pat, twin), "OK");
    step(invoke(&bob, &pat, (struct more){.prf = {root}}), "Revoked");
    end();
    begin("revoked by who may act for the issuer");
    root = delegate(&alice, &bob, &alice, (struct more){0});
    struct token *may =
        delegate(&alice, &dave, &alice, (struct more){.cmd = "/ucan/revoke"});
    char name[CID_TEXT_MAX];
    cid_to_text(&root->cid, name);
    step(invoke(&dave, &alice,
                (struct more){
                    .cmd = "/ucan/revoke",
                    .body = arena_format(&arena, "{\"revoke\":{\"/\":\"%s\"}}",
                                         name)
                                .data,
                    .prf = {may}}),
         "OK");
    step(invoke(&bob, &alice, (struct more){.prf = {root}}), "Revoked");
    end();
}

int main(void)
{
    alice = actor_new(KEY_ED25519, 1);
    bob = actor_new(KEY_ED25519, 2);
    carol = actor_new(KEY_ED25519, 3);
    dave = actor_new(KEY_ED25519, 4);
    mallory = actor_new(KEY_ED25519, 5);
    pat = actor_new(KEY_P256, 6);
    ken = actor_new(KEY_SECP256K1, 7);
    printf("{\"chains\": [");
    time_bounds();
    audiences();
    attenuation();
    powerlines();
    shapes();
    policies();
    replays();
    revocations();
    printf("\n]}\n");
    const struct actor *actors[] = {&alice, &bob,     &carol, &dave,
                                    &pat,   &mallory, &ken};
    for (size_t index = 0; index < sizeof actors / sizeof *actors; index++)
        secret_key_free(actors[index]->key);
    arena_deinit(&arena);
    return 0;
}
