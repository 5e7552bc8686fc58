/* SPDX-License-Identifier: Apache-2.0 */
/* What a submission becomes: whose job through a chain of three, the same job
 * again, restored after a restart; and what bounds it. */
#include "unit/node/authority.h"

#include "node/submission_check.h"

#define MODULE_A "[[\"==\",\".mod\",@A]]"
#define FUNCTION "[[\"==\",\".fun\",\"crop\"]]"
#define QUOTA "[[\"==\",\".quota\",\"tea\"]]"

/* --- Chains -------------------------------------------------------------- */

static void follows_a_chain_of_three(void **state)
{
    struct authority *world = authority_new();
    const struct step a = {"t", 'A', "crop", NULL, NULL, NULL};
    const struct step b = {"t", 'B', "crop", NULL, NULL, NULL};
    struct submission *submission;
    struct error err;
    (void)state;
    const Cid good = authority_workflow(world, &a, 1, true);
    const Cid bad = authority_workflow(world, &b, 1, true);
    struct token *chain[] = {
        delegate(world, &world->node, &world->ann, "/", "[]"),
        delegate(world, &world->ann, &world->ben, "/workflow", MODULE_A),
        delegate(world, &world->ben, &world->cyd, "/workflow/run", FUNCTION)};
    const struct asking asking = {.by = &world->cyd,
                                  .args = authority_args(world, &good, "")};
    assert_string_equal(
        authority_submit(world, asking, chain, 3, &submission, &err), "OK");
    // It is cyd's job, in the share of ann, to whom the owner gave it.
    const struct submission_facts *facts = submission_facts(submission);
    assert_true(did_equal(&facts->subject, &world->cyd.did));
    assert_true(did_equal(&facts->lane, &world->ann.did));
    assert_int_equal(facts->weight, 1);
    assert_non_null(facts->workflow);
    submission_free(submission);
    assert_string_equal(
        authority_submit(
            world,
            (struct asking){.by = &world->cyd,
                            .args = authority_args(world, &bad, "")},
            chain, 3, NULL, &err),
        "MatchError");
    // Without the middle it is no chain, and not when the middle is revoked.
    assert_string_equal(
        authority_submit(world, asking, (struct token *[]){chain[0], chain[2]},
                         2, NULL, &err),
        "InvalidAudience");
    authority_revoke(world, &world->ann, &chain[1]->cid);
    assert_string_equal(authority_submit(world, asking, chain, 3, NULL, &err),
                        "Revoked");
    for (size_t index = 0; index < 3; index++)
        token_free(chain[index]);
    authority_free(world);
}

static void the_middle_cannot_spend_the_owners_quota(void **state)
{
    struct authority *world = authority_new();
    const struct step step = {"t", 'A', "f", NULL, NULL, NULL};
    struct error err;
    (void)state;
    authority_quota(world, "tea");
    const Cid workflow = authority_workflow(world, &step, 1, true);
    struct token *chain[] = {
        delegate(world, &world->node, &world->ann, "/workflow/run", "[]"),
        delegate(world, &world->ann, &world->ben, "/workflow/run", QUOTA)};
    assert_string_equal(
        authority_submit(
            world,
            (struct asking){.by = &world->ben,
                            .args = authority_args(world, &workflow,
                                                   ",\"quota\":\"tea\"")},
            chain, 2, NULL, &err),
        "MatchError");
    token_free(chain[0]);
    token_free(chain[1]);
    authority_free(world);
}

/* --- The same again ------------------------------------------------------ */

static void the_same_payload_is_the_same_job(void **state)
{
    struct authority *world = authority_new();
    const struct step step = {"t", 'A', "f", NULL, NULL, NULL};
    struct submission *first, *second;
    struct error err;
    (void)state;
    const Cid workflow = authority_workflow(world, &step, 1, true);
    struct token *proof =
        delegate(world, &world->node, &world->ann, "/workflow/run", "[]");
    const struct asking asking = {.args = authority_args(world, &workflow, ""),
                                  .nonce = 9};
    assert_string_equal(
        authority_submit(world, asking, &proof, 1, &first, &err), "OK");
    assert_string_equal(
        authority_submit(world, asking, &proof, 1, &second, &err), "OK");
    // P-256 signs anew each time: other envelopes, one payload.
    assert_false(bytes_equal(submission_facts(first)->container,
                             submission_facts(second)->container));
    assert_true(hash_equal(&submission_facts(first)->id,
                           &submission_facts(second)->id));
    assert_non_null(submission_facts(second)->workflow);
    // While the job is here its tasks are not looked at again; its chain is.
    world->job = submission_facts(first)->id;
    submission_free(second);
    assert_string_equal(
        authority_submit(world, asking, &proof, 1, &second, &err), "OK");
    assert_null(submission_facts(second)->workflow);
    assert_true(hash_equal(&submission_facts(second)->id, &world->job));
    authority_revoke(world, &world->node, &proof->cid);
    assert_string_equal(authority_submit(world, asking, &proof, 1, NULL, &err),
                        "Revoked");
    submission_free(first);
    submission_free(second);
    token_free(proof);
    authority_free(world);
}

static void the_owners_own_with_one_nonce_is_one_job(void **state)
{
    struct authority *world = authority_new();
    const struct step step = {"t", 'A', "f", NULL, NULL, NULL};
    struct submission *one, *two, *three;
    struct chain_refusal refusal;
    struct error err = {0};
    (void)state;
    const Text tasks[] = {TEXT("t")};
    const struct job_terms terms = {
        .workflow = authority_workflow(world, &step, 1, true),
        .limits = {.fuel = 5, .memory = 65536, .time_ms = 7},
        .priority = -3,
        .deadline_ms = 5000,
        .retry = {2, 0, 60},
        .has_from = true,
        .from_job = world->job,
        .from_tasks = tasks,
        .from_task_count = 1};
    const Bytes nonce = text_bytes(TEXT("123456789012"));
    const Bytes none = {NULL, 0};
    assert_int_equal(
        gate_own_submission(world->gate, &terms, nonce, &one, &err),
        STATUS_OK);
    assert_int_equal(
        gate_own_submission(world->gate, &terms, nonce, &two, &err),
        STATUS_OK);
    assert_int_equal(
        gate_own_submission(world->gate, &terms, none, &three, &err),
        STATUS_OK);
    const struct submission_facts *facts = submission_facts(one);
    assert_true(hash_equal(&facts->id, &submission_facts(two)->id));
    assert_false(hash_equal(&facts->id, &submission_facts(three)->id));
    assert_true(did_equal(&facts->subject, &world->node.did));
    assert_int_equal(facts->weight, world->config.owner_weight);
    assert_int_equal(facts->terms.priority, -3);
    assert_int_equal(facts->terms.limits.time_ms, 7);
    assert_int_equal(facts->terms.retry.max_ms, 60);
    assert_true(hash_equal(&facts->terms.from_job, &world->job));
    assert_null(submission_take_authorised(one));
    // Brought from outside it is that job, and no other.
    struct submission *brought;
    assert_int_equal(gate_submission(world->gate, facts->container, &brought,
                                     &refusal, &err),
                     STATUS_OK);
    assert_true(hash_equal(&facts->id, &submission_facts(brought)->id));
    submission_free(brought);
    submission_free(one);
    submission_free(two);
    submission_free(three);
    authority_free(world);
}

static void restores_what_was_kept(void **state)
{
    struct authority *world = authority_new();
    const struct step step = {"t", 'A', "f", NULL, NULL, NULL};
    struct submission *submission, *restored;
    struct error err = {0};
    (void)state;
    const Cid workflow = authority_workflow(world, &step, 1, true);
    struct token *proof =
        delegate(world, &world->node, &world->ann, "/workflow/run", MODULE_A);
    assert_string_equal(
        authority_submit(
            world,
            (struct asking){
                .args = authority_args(world, &workflow, ",\"priority\":7")},
            &proof, 1, &submission, &err),
        "OK");
    authority_reopen(world);
    const struct submission_facts *kept = submission_facts(submission);
    const Bytes exact = exact_copy(kept->container);
    assert_int_equal(gate_restore(world->gate, exact, &restored, &err),
                     STATUS_OK);
    exact_free(exact);
    const struct submission_facts *facts = submission_facts(restored);
    assert_true(hash_equal(&facts->id, &kept->id));
    assert_true(bytes_equal(facts->container, kept->container));
    assert_true(did_equal(&facts->subject, &world->ann.did));
    assert_int_equal(facts->terms.priority, 7);
    // Its delegation still says what it may.
    struct authorised *authorised = submission_take_authorised(restored);
    assert_int_equal(gate_recheck(world->gate, authorised, TEXT("/wasm/run"),
                                  json(world, "{\"mod\":@A}"), &err),
                     STATUS_OK);
    assert_int_equal(gate_recheck(world->gate, authorised, TEXT("/wasm/run"),
                                  json(world, "{\"mod\":@B}"), &err),
                     STATUS_DENIED);
    authorised_free(authorised);
    submission_free(restored);
    submission_free(submission);
    token_free(proof);
    authority_free(world);
}

/* --- Bounds -------------------------------------------------------------- */

static void bounds_the_tasks_of_others(void **state)
{
    struct authority *world = authority_new();
    const struct step steps[] = {{"a", 'A', "f", "[1]", NULL, NULL},
                                 {"b", 'A', "f", "[2]", NULL, NULL},
                                 {"c", 'A', "f", "[3]", NULL, NULL}};
    struct error err;
    (void)state;
    world->config.subject_tasks_max = 2;
    const Cid two = authority_workflow(world, steps, 2, true);
    const Cid three = authority_workflow(world, steps, 3, true);
    struct token *proof =
        delegate(world, &world->node, &world->ann, "/workflow/run", "[]");
    assert_string_equal(
        authority_submit(
            world, (struct asking){.args = authority_args(world, &two, "")},
            &proof, 1, NULL, &err),
        "OK");
    assert_string_equal(
        authority_submit(
            world, (struct asking){.args = authority_args(world, &three, "")},
            &proof, 1, NULL, &err),
        "limit");
    assert_non_null(strstr(err.message, "subject_tasks_max"));
    assert_string_equal(
        authority_submit(
            world,
            (struct asking){.by = &world->node,
                            .args = authority_args(world, &three, "")},
            NULL, 0, NULL, &err),
        "OK");
    token_free(proof);
    authority_free(world);
}

/* Each task costs little enough; all of them together do not. */
static void bounds_the_work_of_all_tasks_together(void **state)
{
    enum { TASKS = 40, NUMBERS = 40000 };
    struct authority *world = authority_new();
    struct step steps[TASKS];
    struct buffer args;
    struct error err;
    (void)state;
    for (unsigned task = 0; task < TASKS; task++) {
        buffer_init(&args, 1 << 20);
        buffer_format(&args, "[[%u", task);
        for (unsigned number = 0; number < NUMBERS; number++)
            buffer_format(&args, ",1");
        buffer_format(&args, "]]");
        const Text text =
            arena_copy_text(&world->arena, bytes_text(buffer_bytes(&args)));
        buffer_deinit(&args);
        steps[task] =
            (struct step){arena_format(&world->arena, "t%02u", task).data,
                          'A',
                          "f",
                          text.data,
                          NULL,
                          NULL};
    }
    const Cid few = authority_workflow(world, steps, 2, true);
    const Cid many = authority_workflow(world, steps, TASKS, true);
    // A delegate wrote it, to keep the node busy.
    struct token *chain[] = {
        delegate(world, &world->node, &world->ann, "/workflow/run", "[]"),
        delegate(world, &world->ann, &world->ann, "/workflow/run",
                 "[[\"all\",\".args[0]\",[\"and\",[[\">=\",\".\",0],"
                 "[\"<\",\".\",99],[\"!=\",\".\",77]]]]]")};
    assert_string_equal(
        authority_submit(
            world, (struct asking){.args = authority_args(world, &few, "")},
            chain, 2, NULL, &err),
        "OK");
    assert_string_equal(
        authority_submit(
            world, (struct asking){.args = authority_args(world, &many, "")},
            chain, 2, NULL, &err),
        "MatchError");
    token_free(chain[0]);
    token_free(chain[1]);
    authority_free(world);
}

/* Its head alone says that it has too many pages; none of them is here. */
static void counts_pages_before_it_reads_them(void **state)
{
    enum { PAGES = 80 };
    struct authority *world = authority_new();
    struct buffer text;
    struct error err = {0};
    (void)state;
    buffer_init(&text, 1 << 16);
    buffer_format(&text, "{\"ipvm/workflow@1.0.0\":{\"tasks\":[");
    for (unsigned page = 0; page < PAGES; page++)
        buffer_format(&text, "%s@J", page ? "," : "");
    buffer_format(&text, "]}}%c", 0);
    const Value *head = json(world, (const char *)text.data);
    struct buffer bytes;
    buffer_init(&bytes, 1 << 16);
    dag_cbor_encode(head, &bytes);
    Cid cid;
    cid_of(CODEC_DAG_CBOR, buffer_bytes(&bytes), &cid);
    struct store_batch *batch = store_batch_new(world->store);
    store_batch_block(batch, &cid, buffer_bytes(&bytes));
    assert_int_equal(store_commit(batch, &err), STATUS_OK);
    store_batch_free(batch);
    world->config.subject_tasks_max = 16 * 1024;
    assert_int_equal(submission_check_size(world->gate, &cid, &err),
                     STATUS_OK);
    world->config.subject_tasks_max = 15 * 1024;
    assert_int_equal(submission_check_size(world->gate, &cid, &err),
                     STATUS_LIMIT);
    struct token *proof =
        delegate(world, &world->node, &world->ann, "/workflow/run", "[]");
    assert_string_equal(
        authority_submit(
            world, (struct asking){.args = authority_args(world, &cid, "")},
            &proof, 1, NULL, &err),
        "limit");
    token_free(proof);
    buffer_deinit(&text);
    buffer_deinit(&bytes);
    authority_free(world);
}

static void refuses_every_truncation(void **state)
{
    struct authority *world = authority_new();
    const struct step step = {"t", 'A', "f", NULL, NULL, NULL};
    struct submission *submission;
    struct chain_refusal refusal;
    struct error err = {0};
    (void)state;
    const Cid workflow = authority_workflow(world, &step, 1, true);
    struct token *all[2];
    all[0] = delegate(world, &world->node, &world->ann, "/workflow/run", "[]");
    all[1] = invoke(
        world, (struct asking){.args = authority_args(world, &workflow, "")},
        all, 1);
    const ContainerForm forms[] = {CONTAINER_RAW, CONTAINER_BASE64,
                                   CONTAINER_BASE64URL, CONTAINER_GZIP,
                                   CONTAINER_GZIP_BASE64URL};
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        const Bytes whole = text_bytes(pack(world, forms[form], all, 2));
        for (size_t len = 0; len < whole.len; len++) {
            const Bytes part = exact_copy(bytes_of(whole.data, len));
            assert_int_not_equal(gate_submission(world->gate, part,
                                                 &submission, &refusal, &err),
                                 STATUS_OK);
            exact_free(part);
        }
        assert_int_equal(
            gate_submission(world->gate, whole, &submission, &refusal, &err),
            STATUS_OK);
        submission_free(submission);
    }
    // Two invocations, or none.
    struct token *other = invoke(
        world, (struct asking){.args = authority_args(world, &workflow, "")},
        all, 1);
    struct token *three[] = {all[0], all[1], other};
    assert_int_equal(
        gate_submission(world->gate,
                        text_bytes(pack(world, CONTAINER_RAW, three, 3)),
                        &submission, &refusal, &err),
        STATUS_INVALID);
    assert_int_equal(
        gate_submission(world->gate,
                        text_bytes(pack(world, CONTAINER_RAW, all, 1)),
                        &submission, &refusal, &err),
        STATUS_INVALID);
    token_free(all[0]);
    token_free(all[1]);
    token_free(other);
    authority_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_a_chain_of_three),
        cmocka_unit_test(the_middle_cannot_spend_the_owners_quota),
        cmocka_unit_test(the_same_payload_is_the_same_job),
        cmocka_unit_test(the_owners_own_with_one_nonce_is_one_job),
        cmocka_unit_test(restores_what_was_kept),
        cmocka_unit_test(bounds_the_tasks_of_others),
        cmocka_unit_test(bounds_the_work_of_all_tasks_together),
        cmocka_unit_test(counts_pages_before_it_reads_them),
        cmocka_unit_test(refuses_every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
