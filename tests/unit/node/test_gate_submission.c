/* SPDX-License-Identifier: Apache-2.0 */
/* Submissions: what delegations let through, by module, function, argument,
 * limit and quota, and every way to be refused. */
#include "unit/node/authority.h"

/* --- What a delegation says ---------------------------------------------- */

#define MODULE_A "[[\"==\",\".mod\",@A]]"
#define FUNCTION "[[\"==\",\".fun\",\"crop\"]]"
#define SMALL "[[\"<=\",\".args[0]\",10]]"
#define LIMITED                                                               \
    "[[\"<=\",\".limits.time\",60000],[\"<=\",\".limits.memory\",1048576]]"
#define QUOTA "[[\"==\",\".quota\",\"tea\"]]"
#define NO_RETRY "[[\"==\",\".retry\",null]]"

static void lets_through_what_the_policy_says_and_no_more(void **state)
{
    static const struct row {
        const char *pol;
        struct step steps[2];
        const char *terms;
        const char *expected;
    } rows[] = {
        {"[]", {{"t", 'A', "crop", NULL, NULL, NULL}}, "", "OK"},
        // By module.
        {MODULE_A, {{"t", 'A', "crop", NULL, NULL, NULL}}, "", "OK"},
        {MODULE_A, {{"t", 'B', "crop", NULL, NULL, NULL}}, "", "MatchError"},
        {MODULE_A,
         {{"t", 'A', "crop", NULL, NULL, NULL},
          {"u", 'B', "crop", NULL, NULL, NULL}},
         "",
         "MatchError"},
        // By function.
        {FUNCTION, {{"t", 'B', "crop", NULL, NULL, NULL}}, "", "OK"},
        {FUNCTION, {{"t", 'B', "turn", NULL, NULL, NULL}}, "", "MatchError"},
        // By argument; a promise may yet turn out well.
        {SMALL, {{"t", 'A', "f", "[10]", NULL, NULL}}, "", "OK"},
        {SMALL, {{"t", 'A', "f", "[11]", NULL, NULL}}, "", "MatchError"},
        {SMALL,
         {{"t", 'A', "f", "[1]", NULL, NULL},
          {"u", 'A', "f", "[{\"await/ok\":\"t\"}]", NULL, NULL}},
         "",
         "OK"},
        {SMALL,
         {{"t", 'A', "f", "[11]", NULL, NULL},
          {"u", 'A', "f", "[{\"await/ok\":\"t\"}]", NULL, NULL}},
         "",
         "MatchError"},
        // By limits: those not asked for are no limits at all.
        {LIMITED,
         {{"t", 'A', "f", NULL, NULL, NULL}},
         ",\"limits\":{\"time\":60000,\"memory\":65536}",
         "OK"},
        {LIMITED,
         {{"t", 'A', "f", NULL, NULL, NULL}},
         ",\"limits\":{\"time\":60001,\"memory\":65536}",
         "MatchError"},
        {LIMITED,
         {{"t", 'A', "f", NULL, NULL, NULL}},
         ",\"limits\":{\"time\":60000}",
         "MatchError"},
        {LIMITED, {{"t", 'A', "f", NULL, NULL, NULL}}, "", "MatchError"},
        {LIMITED,
         {{"t", 'A', "f", NULL, NULL, NULL}},
         ",\"limits\":{\"time\":0,\"memory\":0}",
         "invalid"},
        {NO_RETRY, {{"t", 'A', "f", NULL, NULL, NULL}}, "", "OK"},
        {NO_RETRY,
         {{"t", 'A', "f", NULL, NULL, NULL}},
         ",\"retry\":{\"count\":3,\"first_ms\":1,\"max_ms\":9}",
         "MatchError"},
        // By quota.
        {QUOTA,
         {{"t", 'A', "f", NULL, NULL, NULL}},
         ",\"quota\":\"tea\"",
         "OK"},
        {QUOTA,
         {{"t", 'A', "f", NULL, NULL, NULL}},
         ",\"quota\":\"milk\"",
         "MatchError"},
        {QUOTA, {{"t", 'A', "f", NULL, NULL, NULL}}, "", "MatchError"},
        {"[[\"==\",\".quota\",\"sugar\"]]",
         {{"t", 'A', "f", NULL, NULL, NULL}},
         ",\"quota\":\"sugar\"",
         "InvalidClaim"}, // not registered
        // Nobody told him to use it: it is somebody else's.
        {"[]",
         {{"t", 'A', "f", NULL, NULL, NULL}},
         ",\"quota\":\"tea\"",
         "MatchError"},
        {MODULE_A,
         {{"t", 'A', "f", NULL, NULL, NULL}},
         ",\"quota\":\"tea\"",
         "MatchError"},
        // A task's own arguments are never taken for the terms.
        {QUOTA,
         {{"t", 0, NULL, "{\"quota\":\"tea\"}", "/workflow/run/x", NULL}},
         "",
         "MatchError"},
        // Effects need their own command.
        {"[]",
         {{"t", 0, NULL, "{\"url\":\"x\"}", "/http/get", NULL}},
         "",
         "InvalidCommand"},
    };
    struct authority *world = authority_new();
    (void)state;
    authority_quota(world, "tea");
    authority_quota(world, "milk");
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        const struct row *row = &rows[index];
        struct error err;
        struct token *proof = delegate(world, &world->node, &world->ann,
                                       "/workflow/run", row->pol);
        const Cid workflow = authority_workflow(
            world, row->steps, row->steps[1].label ? 2 : 1, true);
        const char *got = authority_submit(
            world,
            (struct asking){.args =
                                authority_args(world, &workflow, row->terms)},
            &proof, 1, NULL, &err);
        if (strcmp(got, row->expected) != 0)
            fail_msg("row %zu: %s, not %s: %s", index, got, row->expected,
                     err.message);
        token_free(proof);
    }
    authority_free(world);
}

static void an_effect_is_let_through_by_its_command(void **state)
{
    struct authority *world = authority_new();
    const struct step step = {"t",         0,   NULL, "{\"url\":\"x\"}",
                              "/http/get", NULL};
    struct error err;
    (void)state;
    const Cid workflow = authority_workflow(world, &step, 1, true);
    struct token *proof = delegate(world, &world->node, &world->ann, "/",
                                   "[[\"like\",\".url\",\"x*\"]]");
    assert_string_equal(
        authority_submit(
            world,
            (struct asking){.args = authority_args(world, &workflow, "")},
            &proof, 1, NULL, &err),
        "OK");
    token_free(proof);
    authority_free(world);
}

static void is_checked_again_with_resolved_arguments(void **state)
{
    struct authority *world = authority_new();
    const struct step steps[] = {
        {"t", 'A', "f", "[1]", NULL, NULL},
        {"u", 'A', "f", "[{\"await/ok\":\"t\"}]", NULL, NULL}};
    struct submission *submission;
    struct error err;
    (void)state;
    authority_quota(world, "tea");
    const Cid workflow = authority_workflow(world, steps, 2, true);
    struct token *proof =
        delegate(world, &world->node, &world->ann, "/workflow/run",
                 "[[\"<=\",\".args[0]\",10],[\"==\",\".quota\",\"tea\"]]");
    assert_string_equal(
        authority_submit(
            world,
            (struct asking){.args = authority_args(world, &workflow,
                                                   ",\"quota\":\"tea\"")},
            &proof, 1, &submission, &err),
        "OK");
    const struct authorised *authorised =
        submission_take_authorised(submission);
    submission_free(submission);
    const Value *good = json(world, "{\"mod\":@A,\"args\":[10]}");
    const Value *bad = json(world, "{\"mod\":@A,\"args\":[11]}");
    assert_int_equal(
        gate_recheck(world->gate, authorised, TEXT("/wasm/run"), good, &err),
        STATUS_OK);
    assert_int_equal(
        gate_recheck(world->gate, authorised, TEXT("/wasm/run"), bad, &err),
        STATUS_DENIED);
    assert_non_null(strstr(err.message, "MatchError"));
    assert_int_equal(
        gate_recheck(world->gate, authorised, TEXT("/http/get"), good, &err),
        STATUS_DENIED);
    // Revoked between admission and run.
    authority_revoke(world, &world->node, &proof->cid);
    assert_int_equal(
        gate_recheck(world->gate, authorised, TEXT("/wasm/run"), good, &err),
        STATUS_DENIED);
    assert_non_null(strstr(err.message, "Revoked"));
    // The owner's is not asked.
    assert_int_equal(
        gate_recheck(world->gate, NULL, TEXT("/http/get"), bad, &err),
        STATUS_OK);
    authorised_free((struct authorised *)(uintptr_t)authorised);
    token_free(proof);
    authority_free(world);
}

/* --- Every refusal ------------------------------------------------------- */

static void names_the_rule_that_is_broken(void **state)
{
    struct authority *world = authority_new();
    const struct step step = {"t", 'A', "f", NULL, NULL, NULL};
    const struct step other = {"t", 'A', "f", NULL, NULL, world->eve.did.text};
    const struct step absent = {"away", 'A', "f", NULL, NULL, NULL};
    (void)state;
    const Cid here = authority_workflow(world, &step, 1, true);
    const Cid away = authority_workflow(world, &absent, 1, false);
    const Cid not_ours = authority_workflow(world, &other, 1, true);
    const char *args = authority_args(world, &here, "");
    const char *unknown_job = authority_args(
        world, &here, ",\"from\":{\"job\":@A,\"tasks\":[\"t\"]}");
    const char *job = authority_args(
        world, &here, ",\"from\":{\"job\":@J,\"tasks\":[\"t\"]}");
    const struct row {
        struct asking asking;
        const char *expected;
        const char *words;
    } rows[] = {
        {{.args = args}, "OK", ""},
        {{.args = args, .exp_in_s = 86400}, "OK", ""},
        {{.args = args, .exp_in_s = 90000}, "InvalidClaim", ".exp"},
        {{.args = args, .forever = true}, "InvalidClaim", "must expire"},
        {{.args = args, .exp_in_s = -5}, "Expired", ".exp"},
        {{.args = args, .aud = &world->ben}, "InvalidAudience", ".aud"},
        {{.args = args, .sub = &world->ann},
         "InvalidSubject",
         "not this node"},
        {{.args = args, .by = &world->ben}, "InvalidAudience", ".iss"},
        {{.args = args, .cmd = "/job/read"}, "InvalidCommand", ".cmd"},
        {{.args = args, .cmd = "/workflow"}, "InvalidCommand", ".cmd"},
        {{.args = "{}"}, "invalid", "'workflow' is missing"},
        {{.args = authority_args(world, &away, "")}, "not-found", "block b"},
        {{.args = authority_args(world, &not_ours, "")},
         "InvalidSubject",
         "task t"},
        {{.args = job}, "OK", ""}, // ann's own
        {{.args = unknown_job}, "invalid", "from.job"},
    };
    struct token *proof =
        delegate(world, &world->node, &world->ann, "/workflow/run", "[]");
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        struct error err;
        const char *got =
            authority_submit(world, rows[index].asking, &proof, 1, NULL, &err);
        if (strcmp(got, rows[index].expected) != 0 ||
            !strstr(err.message, rows[index].words))
            fail_msg("row %zu: %s, not %s: %s", index, got,
                     rows[index].expected, err.message);
    }
    token_free(proof);
    authority_free(world);
}

/* Whatever the chain is for: a submission is one command. */
static void only_workflow_run_is_a_submission(void **state)
{
    static const char *const commands[] = {"/", "/workflow", "/job/read",
                                           "/workflow/run/now", "/wasm/run"};
    struct authority *world = authority_new();
    const struct step step = {"t", 'A', "f", NULL, NULL, NULL};
    struct error err;
    (void)state;
    const Cid workflow = authority_workflow(world, &step, 1, true);
    struct token *proof =
        delegate(world, &world->node, &world->ann, "/", "[]");
    for (size_t index = 0; index < sizeof commands / sizeof *commands; index++)
        assert_string_equal(
            authority_submit(
                world,
                (struct asking){.args = authority_args(world, &workflow, ""),
                                .cmd = commands[index]},
                &proof, 1, NULL, &err),
            "InvalidCommand");
    token_free(proof);
    authority_free(world);
}

static void a_fork_is_of_ones_own_job(void **state)
{
    struct authority *world = authority_new();
    const struct step step = {"t", 'A', "f", NULL, NULL, NULL};
    struct error err;
    (void)state;
    const Cid workflow = authority_workflow(world, &step, 1, true);
    const char *args = authority_args(
        world, &workflow, ",\"from\":{\"job\":@J,\"tasks\":[\"t\"]}");
    struct token *proof =
        delegate(world, &world->node, &world->ben, "/workflow/run", "[]");
    assert_string_equal(
        authority_submit(world,
                         (struct asking){.by = &world->ben, .args = args},
                         &proof, 1, NULL, &err),
        "InvalidSubject");
    // The owner may fork anybody's.
    assert_string_equal(
        authority_submit(world,
                         (struct asking){.by = &world->node, .args = args},
                         NULL, 0, NULL, &err),
        "OK");
    token_free(proof);
    authority_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_through_what_the_policy_says_and_no_more),
        cmocka_unit_test(an_effect_is_let_through_by_its_command),
        cmocka_unit_test(is_checked_again_with_resolved_arguments),
        cmocka_unit_test(names_the_rule_that_is_broken),
        cmocka_unit_test(only_workflow_run_is_a_submission),
        cmocka_unit_test(a_fork_is_of_ones_own_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
