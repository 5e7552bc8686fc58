/* SPDX-License-Identifier: Apache-2.0 */
/* The door: bearers for each capability, one's own jobs, what is no token,
 * cookies. */
#include "unit/node/authority.h"

struct row {
    struct asking asking;
    Capability capability;
    bool about_job, about_cid; /* the request is */
    const char *expected;
};

/* Twice, where it may come twice: what is remembered has the same answer. */
static void check(struct authority *world, const struct row *rows,
                  size_t count, struct token *const *proofs,
                  size_t proof_count)
{
    for (size_t index = 0; index < count; index++) {
        const struct row *row = &rows[index];
        const Text text = bearer(world, row->asking, proofs, proof_count);
        const Hash *job = row->about_job ? &world->job : NULL;
        const Cid *cid = row->about_cid ? &world->module_a : NULL;
        const char *got =
            authority_enter(world, row->capability, text, job, cid, NULL);
        if (strcmp(got, row->expected) != 0)
            fail_msg("row %zu: %s, not %s", index, got, row->expected);
        const bool once = row->capability == MAY_SUBMIT ||
                          row->capability == MAY_CONTROL_JOB ||
                          row->capability == MAY_ADMINISTER;
        const bool let_in = strncmp(got, "OK", 2) == 0;
        got = authority_enter(world, row->capability, text, job, cid, NULL);
        if (strcmp(got, once && let_in ? "Replayed" : row->expected) != 0)
            fail_msg("row %zu, again: %s", index, got);
    }
}

/* --- The owner ----------------------------------------------------------- */

static void the_owner_may_all(void **state)
{
    struct authority *world = authority_new();
    const struct actor *node = &world->node;
    (void)state;
    const struct row rows[] = {
        {{.by = node, .cmd = "/workflow/run"}, MAY_SUBMIT, false, false, "OK"},
        {{.by = node, .cmd = "/job/read"}, MAY_READ_JOB, true, false, "OK"},
        {{.by = node, .cmd = "/job/read"}, MAY_READ_JOB, false, false, "OK"},
        {{.by = node, .cmd = "/job/control", .args = "{\"job\":@J}"},
         MAY_CONTROL_JOB,
         true,
         false,
         "OK"},
        {{.by = node, .cmd = "/content/read"},
         MAY_READ_CONTENT,
         false,
         true,
         "OK"},
        {{.by = node, .cmd = "/content/write"},
         MAY_WRITE_CONTENT,
         false,
         true,
         "OK"},
        {{.by = node, .cmd = "/node/read"}, MAY_READ_NODE, false, false, "OK"},
        {{.by = node, .cmd = "/node/admin"},
         MAY_ADMINISTER,
         false,
         false,
         "OK"},
        // One command is not another, nor a word for several.
        {{.by = node, .cmd = "/job/read"},
         MAY_CONTROL_JOB,
         true,
         false,
         "InvalidCommand"},
        {{.by = node, .cmd = "/job"},
         MAY_READ_JOB,
         true,
         false,
         "InvalidCommand"},
        {{.by = node, .cmd = "/"},
         MAY_READ_NODE,
         false,
         false,
         "InvalidCommand"},
        // A captured one is good for an hour at most.
        {{.by = node, .cmd = "/node/read", .exp_in_s = 3600},
         MAY_READ_NODE,
         false,
         false,
         "OK"},
        {{.by = node, .cmd = "/node/read", .exp_in_s = 7200},
         MAY_READ_NODE,
         false,
         false,
         "InvalidClaim"},
        {{.by = node, .cmd = "/node/read", .forever = true},
         MAY_READ_NODE,
         false,
         false,
         "InvalidClaim"},
        {{.by = node, .cmd = "/node/read", .exp_in_s = -1},
         MAY_READ_NODE,
         false,
         false,
         "Expired"},
    };
    check(world, rows, sizeof rows / sizeof *rows, NULL, 0);
    struct principal principal;
    authority_enter(world, MAY_READ_NODE,
                    bearer(world,
                           (struct asking){.by = node, .cmd = "/node/read"},
                           NULL, 0),
                    NULL, NULL, &principal);
    assert_true(principal.is_owner && !principal.is_session);
    assert_true(did_equal(&principal.did, &world->node.did));
    authority_free(world);
}

static void a_token_is_about_what_it_names(void **state)
{
    struct authority *world = authority_new();
    const struct actor *node = &world->node;
    (void)state;
    const struct row rows[] = {
        {{.by = node, .cmd = "/job/read", .args = "{\"job\":@J}"},
         MAY_READ_JOB,
         true,
         false,
         "OK"},
        {{.by = node, .cmd = "/job/read", .args = "{\"job\":@J}"},
         MAY_READ_JOB,
         false,
         false,
         "MatchError"},
        {{.by = node, .cmd = "/job/read", .args = "{\"job\":@A}"},
         MAY_READ_JOB,
         true,
         false,
         "InvalidClaim"}, // no job's CID
        {{.by = node, .cmd = "/job/read", .args = "{\"job\":7}"},
         MAY_READ_JOB,
         true,
         false,
         "InvalidClaim"},
        // A control token names its job, so it is good for no other.
        {{.by = node, .cmd = "/job/control"},
         MAY_CONTROL_JOB,
         true,
         false,
         "InvalidClaim"},
        {{.by = node, .cmd = "/content/read", .args = "{\"cid\":@A}"},
         MAY_READ_CONTENT,
         false,
         true,
         "OK"},
        {{.by = node, .cmd = "/content/read", .args = "{\"cid\":@B}"},
         MAY_READ_CONTENT,
         false,
         true,
         "MatchError"},
        {{.by = node, .cmd = "/content/read", .args = "{\"cid\":@B}"},
         MAY_READ_CONTENT,
         false,
         false,
         "MatchError"},
        {{.by = node, .cmd = "/content/read", .args = "{\"cid\":\"x\"}"},
         MAY_READ_CONTENT,
         false,
         true,
         "InvalidClaim"},
        {{.by = node, .cmd = "/job/read", .args = "{\"jop\":@J}"},
         MAY_READ_JOB,
         true,
         false,
         "InvalidClaim"},
        {{.by = node, .cmd = "/workflow/run", .args = "{\"workflow\":@J}"},
         MAY_SUBMIT,
         false,
         false,
         "InvalidClaim"},
    };
    check(world, rows, sizeof rows / sizeof *rows, NULL, 0);
    Hash other;
    memset(&other, 8, sizeof other);
    const Text text =
        bearer(world,
               (struct asking){
                   .by = node, .cmd = "/job/control", .args = "{\"job\":@J}"},
               NULL, 0);
    assert_string_equal(
        authority_enter(world, MAY_CONTROL_JOB, text, &other, NULL, NULL),
        "MatchError");
    authority_free(world);
}

/* --- Others -------------------------------------------------------------- */

static void who_submitted_a_job_may_see_and_control_it(void **state)
{
    struct authority *world = authority_new();
    const struct actor *ann = &world->ann, *ben = &world->ben;
    const struct actor *node = &world->node;
    (void)state;
    const struct row rows[] = {
        {{.by = ann, .cmd = "/job/read"}, MAY_READ_JOB, true, false, "OK own"},
        {{.by = ann, .sub = ann, .aud = node, .cmd = "/job/read"},
         MAY_READ_JOB,
         true,
         false,
         "OK own"},
        {{.by = ann, .cmd = "/job/control", .args = "{\"job\":@J}"},
         MAY_CONTROL_JOB,
         true,
         false,
         "OK own"},
        // Not for this node.
        {{.by = ann, .sub = ann, .cmd = "/job/read"},
         MAY_READ_JOB,
         true,
         false,
         "InvalidAudience"},
        {{.by = ann, .aud = ben, .cmd = "/job/read"},
         MAY_READ_JOB,
         true,
         false,
         "InvalidAudience"},
        {{.by = ann, .sub = ben, .aud = node, .cmd = "/job/read"},
         MAY_READ_JOB,
         true,
         false,
         "InvalidSubject"},
        {{.by = ann, .cmd = "/job/read", .exp_in_s = -1},
         MAY_READ_JOB,
         true,
         false,
         "Expired"},
        // A list is of what is his.
        {{.by = ann, .cmd = "/job/read"},
         MAY_READ_JOB,
         false,
         false,
         "OK own"},
        {{.by = ben, .sub = ben, .aud = node, .cmd = "/job/read"},
         MAY_READ_JOB,
         false,
         false,
         "OK own"},
        // Others' are not.
        {{.by = ben, .cmd = "/job/read"},
         MAY_READ_JOB,
         true,
         false,
         "InvalidClaim"},
        {{.by = ben, .sub = ben, .aud = node, .cmd = "/job/read"},
         MAY_READ_JOB,
         true,
         false,
         "InvalidClaim"},
        {{.by = ben, .cmd = "/job/control", .args = "{\"job\":@J}"},
         MAY_CONTROL_JOB,
         true,
         false,
         "InvalidClaim"},
        // To own a job is not to own the node.
        {{.by = ann, .cmd = "/node/read"},
         MAY_READ_NODE,
         true,
         false,
         "InvalidClaim"},
        {{.by = ann, .cmd = "/content/read"},
         MAY_READ_CONTENT,
         true,
         true,
         "InvalidClaim"},
        {{.by = ann, .cmd = "/workflow/run"},
         MAY_SUBMIT,
         false,
         false,
         "InvalidClaim"},
    };
    check(world, rows, sizeof rows / sizeof *rows, NULL, 0);
    authority_free(world);
}

static void a_delegation_gives_what_it_says(void **state)
{
    struct authority *world = authority_new();
    const struct actor *ben = &world->ben;
    (void)state;
    struct token *read = delegate(world, &world->node, ben, "/job", "[]");
    const struct row rows[] = {
        {{.by = ben, .cmd = "/job/read"}, MAY_READ_JOB, true, false, "OK"},
        {{.by = ben, .cmd = "/job/read"}, MAY_READ_JOB, false, false, "OK"},
        {{.by = ben, .cmd = "/job/control", .args = "{\"job\":@J}"},
         MAY_CONTROL_JOB,
         true,
         false,
         "OK"},
        {{.by = ben, .cmd = "/node/read"},
         MAY_READ_NODE,
         false,
         false,
         "InvalidCommand"},
        {{.by = &world->eve, .cmd = "/job/read"},
         MAY_READ_JOB,
         true,
         false,
         "InvalidAudience"},
    };
    check(world, rows, sizeof rows / sizeof *rows, &read, 1);
    // One job alone.
    struct token *one = delegate(world, &world->node, ben, "/job/read",
                                 "[[\"==\",\".job\",@J]]");
    const struct row narrow[] = {
        {{.by = ben, .cmd = "/job/read", .args = "{\"job\":@J}"},
         MAY_READ_JOB,
         true,
         false,
         "OK"},
        {{.by = ben, .cmd = "/job/read"},
         MAY_READ_JOB,
         true,
         false,
         "MatchError"},
    };
    check(world, narrow, sizeof narrow / sizeof *narrow, &one, 1);
    // Everything but to be the owner: what a token does not name is his.
    struct token *all = delegate(world, &world->node, ben, "/", "[]");
    const struct row wide[] = {
        {{.by = ben, .cmd = "/node/admin"},
         MAY_ADMINISTER,
         false,
         false,
         "OK"},
        {{.by = ben, .cmd = "/workflow/run"},
         MAY_SUBMIT,
         false,
         false,
         "InvalidClaim"},
    };
    check(world, wide, sizeof wide / sizeof *wide, &all, 1);
    token_free(read);
    token_free(one);
    token_free(all);
    authority_free(world);
}

/* --- What is no token ---------------------------------------------------- */

static void refuses_what_is_no_container(void **state)
{
    struct authority *world = authority_new();
    (void)state;
    struct token *proof =
        delegate(world, &world->node, &world->ben, "/job/read", "[]");
    const Text whole =
        bearer(world, (struct asking){.by = &world->ben, .cmd = "/job/read"},
               &proof, 1);
    assert_string_equal(authority_enter(world, MAY_READ_JOB, (Text){NULL, 0},
                                        &world->job, NULL, NULL),
                        "InvalidClaim");
    for (size_t len = 1; len < whole.len; len++) {
        const char *got =
            authority_enter(world, MAY_READ_JOB, (Text){whole.data, len},
                            &world->job, NULL, NULL);
        assert_string_equal(got, "invalid");
    }
    // One letter changed anywhere: never let in.
    char *changed = malloc(whole.len);
    assert_non_null(changed);
    for (size_t at = 0; at < whole.len; at++) {
        memcpy(changed, whole.data, whole.len);
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        const char *got =
            authority_enter(world, MAY_READ_JOB, (Text){changed, whole.len},
                            &world->job, NULL, NULL);
        assert_true(strncmp(got, "OK", 2) != 0);
    }
    free(changed);
    const size_t long_one = BEARER_BYTES_MAX + 1;
    char *much = calloc(1, long_one);
    assert_non_null(much);
    assert_string_equal(authority_enter(world, MAY_READ_JOB,
                                        (Text){much, long_one}, &world->job,
                                        NULL, NULL),
                        "limit");
    free(much);
    token_free(proof);
    authority_free(world);
}

/* --- Nobody, and cookies ------------------------------------------------- */

static Status visit(struct authority *world, Capability capability,
                    const char *cookie, struct principal *out)
{
    struct chain_refusal refusal;
    struct error err;
    const struct gate_request request = {.capability = capability,
                                         .cookie = text_of(cookie)};
    return gate_enter(world->gate, &request, out, &refusal, &err);
}

static void nobody_gets_what_is_public(void **state)
{
    struct authority *world = authority_new();
    struct principal principal;
    (void)state;
    assert_int_equal(visit(world, MAY_NOTHING, "", &principal), STATUS_OK);
    for (unsigned capability = MAY_SUBMIT; capability < CAPABILITIES;
         capability++)
        assert_int_equal(visit(world, capability, "", &principal),
                         STATUS_DENIED);
    world->config.public_gateway = true;
    assert_int_equal(visit(world, MAY_READ_CONTENT, "", &principal),
                     STATUS_OK);
    assert_false(principal.is_owner);
    assert_int_equal(visit(world, MAY_WRITE_CONTENT, "", &principal),
                     STATUS_DENIED);
    authority_free(world);
}

static void a_link_makes_one_session(void **state)
{
    struct authority *world = authority_new();
    char invitation[SECRET_TEXT_MAX], cookie[SECRET_TEXT_MAX];
    char again[SECRET_TEXT_MAX];
    struct principal principal;
    struct error err = {0};
    (void)state;
    gate_invite(world->gate, invitation);
    assert_int_equal(strlen(invitation), 43);
    // The link is no cookie, and a cookie of one's own choice is none.
    assert_int_equal(visit(world, MAY_READ_NODE, invitation, &principal),
                     STATUS_DENIED);
    assert_int_equal(
        gate_begin_session(world->gate, text_of(invitation), cookie, &err),
        STATUS_OK);
    assert_string_not_equal(invitation, cookie);
    assert_int_equal(
        gate_begin_session(world->gate, text_of(invitation), again, &err),
        STATUS_DENIED);
    assert_int_equal(
        gate_begin_session(world->gate, text_of(cookie), again, &err),
        STATUS_DENIED);
    for (unsigned capability = MAY_SUBMIT; capability < CAPABILITIES;
         capability++) {
        assert_int_equal(visit(world, capability, cookie, &principal),
                         STATUS_OK);
        assert_true(principal.is_owner && principal.is_session);
        assert_true(principal.all_jobs);
        assert_true(did_equal(&principal.did, &world->node.did));
    }
    gate_end_session(world->gate, text_of(cookie));
    assert_int_equal(visit(world, MAY_READ_NODE, cookie, &principal),
                     STATUS_DENIED);
    authority_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_may_all),
        cmocka_unit_test(a_token_is_about_what_it_names),
        cmocka_unit_test(who_submitted_a_job_may_see_and_control_it),
        cmocka_unit_test(a_delegation_gives_what_it_says),
        cmocka_unit_test(refuses_what_is_no_container),
        cmocka_unit_test(nobody_gets_what_is_public),
        cmocka_unit_test(a_link_makes_one_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
