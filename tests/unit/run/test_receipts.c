/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts of runs: what is stated, once, by whom, and what proves it. */
#include "unit/run/world_receipts.h"

#include <string.h>

#include "base/clock.h"

static const char chain[] =
    "tasks:\n"
    "  a: {run: numbers.wasm#add, args: [1, 2]}\n"
    "  b: {run: numbers.wasm#add, args: [!ok a, 10]}\n"
    "  c: {run: numbers.wasm#add, args: [!ok a, !ok b]}\n";

/* --- What is stated ------------------------------------------------------ */

static void sealing_makes_one_receipt_of_a_fresh_result(void **state)
{
    struct world *world = *state;
    struct signer signer = signer_of(1);
    assert_int_equal(pending_tasks(world), 0);
    world_run(world, chain);
    assert_int_equal(pending_tasks(world), 3);
    assert_int_equal(count_all(world), 0);

    struct seal_report report = world_seal(world, &signer);
    assert_int_equal(report.results, 3);
    assert_int_equal(report.ends + report.known + report.lost, 0);
    assert_int_equal(report.alarms, 0);
    assert_int_equal(pending_tasks(world), 0);
    assert_int_equal(count_all(world), 3);
    assert_int_equal(log_size(world, &signer), 3);

    report = world_seal(world, &signer);
    assert_int_equal(report.results + report.ends + report.known, 0);
    assert_int_equal(count_all(world), 3);
    assert_int_equal(log_size(world, &signer), 3);
    secret_key_free(signer.key);
}

static bool has_input(const struct receipt_view *view, const Hash *id)
{
    for (size_t index = 0; index < view->assertion.input_count; index++)
        if (hash_equal(&view->assertion.inputs[index], id))
            return true;
    return false;
}

static void a_receipt_says_what_ran_what_it_was_and_what_came_of_it(
    void **state)
{
    static const char *const labels[] = {"a", "b", "c"};
    struct world *world = *state;
    struct signer signer = signer_of(1);
    struct receipt_view views[3];
    world_run(world, chain);
    world_seal(world, &signer);
    for (size_t index = 0; index < 3; index++) {
        struct receipt_view *view = &views[index];
        struct run_task_report report;
        const Hash ran = task_cid(world, &signer, labels[index]);
        world_report(world, labels[index], &report);
        open_only(world, &signer, labels[index], view);
        assert_holds(&view->verdict);
        assert_true(hash_equal(&view->assertion.ran, &ran));
        assert_true(view->assertion.has_comp && report.has_concrete);
        assert_true(hash_equal(&view->assertion.comp, &report.concrete));
        assert_true(view->assertion.has_result && report.has_result);
        assert_true(hash_equal(&view->assertion.res, &report.result));
        assert_true(text_equal(view->row.issuer, text_of(signer.did.text)));
        assert_int_equal((int)view->statement.kind, (int)STATEMENT_LOG);
        assert_true(view->row.meta.len > 0);
    }
    assert_int_equal(views[0].assertion.input_count, 0);
    assert_int_equal(views[1].assertion.input_count, 1);
    assert_true(has_input(&views[1], &views[0].row.id));
    assert_int_equal(views[2].assertion.input_count, 2);
    assert_true(has_input(&views[2], &views[0].row.id));
    assert_true(has_input(&views[2], &views[1].row.id));
    for (size_t index = 0; index < 3; index++)
        receipt_view_close(&views[index]);
    secret_key_free(signer.key);
}

static void what_the_memo_answers_has_no_other_receipt(void **state)
{
    struct world *world = *state;
    struct signer signer = signer_of(1);
    world_run(world, chain);
    world_seal(world, &signer);
    world_run_again(world);
    assert_int_equal(world->started, 0);
    assert_int_equal(pending_tasks(world), 0);
    world_reopen(world);
    world_run(world, chain);
    assert_int_equal(pending_tasks(world), 0);
    assert_int_equal(world_seal(world, &signer).results, 0);
    assert_int_equal(count_all(world), 3);
    secret_key_free(signer.key);
}

static void what_ran_once_more_is_not_stated_once_more(void **state)
{
    struct world *world = *state;
    struct signer signer = signer_of(1);
    world_run(world, chain);
    world_seal(world, &signer);
    world->options.no_memo = true;
    world_run_again(world);
    assert_int_equal(world->started, 3);
    assert_int_equal(pending_tasks(world), 3);
    const struct seal_report report = world_seal(world, &signer);
    assert_int_equal(report.results, 0);
    assert_int_equal(report.known, 3);
    assert_int_equal(count_all(world), 3);
    assert_int_equal(log_size(world, &signer), 3);
    secret_key_free(signer.key);
}

static void without_receipts_nothing_is_kept_for_them(void **state)
{
    struct world *world = *state;
    world->options.no_receipts = true;
    world_run(world, chain);
    assert_true(run_succeeded(world->run));
    assert_int_equal(pending_tasks(world), 0);
}

static void a_trap_is_a_result_and_has_a_receipt(void **state)
{
    struct world *world = *state;
    struct signer signer = signer_of(1);
    struct receipt_view view;
    world_run(world, "tasks:\n  t: {run: numbers.wasm#trap, args: []}\n");
    const struct seal_report report = world_seal(world, &signer);
    assert_int_equal(report.results, 1);
    assert_int_equal(report.ends, 0);
    open_only(world, &signer, "t", &view);
    assert_holds(&view.verdict);
    assert_true(view.assertion.has_result);
    // {"error": {"ipvm/error": "trap"}}
    static const char trap[] = "\xa1"
                               "eerror"
                               "\xa1"
                               "jipvm/error"
                               "dtrap";
    assert_true(bytes_equal(view.assertion.result.block,
                            bytes_of(trap, sizeof trap - 1)));
    receipt_view_close(&view);
    secret_key_free(signer.key);
}

static void an_end_has_a_short_receipt_beside_the_log(void **state)
{
    struct world *world = *state;
    struct signer signer = signer_of(1);
    struct receipt_view view;
    world_run(world, "tasks:\n"
                     "  l: {run: numbers.wasm#count, args: [400000000],\n"
                     "      limits: {time: 20ms}}\n");
    world_is(world, "l", OUT_END, END_LIMIT_TIME, BY_RUNNING);
    const struct seal_report report = world_seal(world, &signer);
    assert_int_equal(report.results, 0);
    assert_int_equal(report.ends, 1);
    assert_int_equal(log_size(world, &signer), 0);
    open_only(world, &signer, "l", &view);
    assert_holds(&view.verdict);
    assert_false(view.assertion.has_result);
    assert_true(text_equal(view.assertion.end, end_name(END_LIMIT_TIME)));
    assert_int_equal((int)view.row.how, (int)RECEIPT_ALONE);
    assert_int_equal((int)view.statement.kind, (int)STATEMENT_RECEIPT);
    assert_true(view.statement.token->has_exp);
    assert_int_equal(view.statement.token->exp,
                     view.row.at_s + END_RECEIPT_TTL_S);
    // Later it is no longer true.
    struct receipt_verdict late;
    const struct receipt_shown shown = {
        .id = view.row.id,
        .assertion = view.row.assertion,
        .issuer = view.row.issuer,
        .now_s = clock_wall_s() + 2 * END_RECEIPT_TTL_S,
    };
    receipt_check(&shown, &view.statement, &late);
    assert_false(late.holds);
    assert_int_equal((int)late.first_failed, (int)CHECK_TIME);
    assert_int_equal((int)late.checks[CHECK_PROOF], (int)STATUS_OK);
    receipt_view_close(&view);
    secret_key_free(signer.key);
}

/* --- Finding ------------------------------------------------------------- */

static size_t count_of_cid(struct world *world, const Hash *hash)
{
    struct found found = {0};
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    assert_ok(receipts_of_cid(world->store, &cid, found_take, &found, NULL));
    arena_deinit(&found.arena);
    return found.count;
}

static void receipts_are_found_by_all_they_are_about(void **state)
{
    struct world *world = *state;
    struct signer signer = signer_of(1);
    struct receipt_view view;
    // Two that come to the same by other ways.
    world_run(world, "tasks:\n"
                     "  a: {run: numbers.wasm#add, args: [1, 2]}\n"
                     "  b: {run: numbers.wasm#add, args: [2, 1]}\n");
    world_seal(world, &signer);
    open_only(world, &signer, "a", &view);
    const struct receipt_row *row = &view.row;
    const Hash nobody = {{7}};
    assert_int_equal(count_by(world, RECEIPTS_BY_ID, &row->id), 1);
    assert_int_equal(count_by(world, RECEIPTS_BY_TASK, &row->ran), 1);
    assert_int_equal(count_by(world, RECEIPTS_BY_COMPUTATION, &row->comp), 1);
    assert_int_equal(count_by(world, RECEIPTS_BY_RESULT, &row->res), 2);
    assert_int_equal(count_by(world, RECEIPTS_BY_ISSUER, &signer.issuer), 2);
    for (int by = RECEIPTS_BY_ID; by <= RECEIPTS_BY_ISSUER; by++)
        assert_int_equal(count_by(world, (ReceiptsBy)by, &nobody), 0);
    assert_int_equal(count_of_cid(world, &row->id), 1);
    assert_int_equal(count_of_cid(world, &row->ran), 1);
    assert_int_equal(count_of_cid(world, &row->comp), 1);
    assert_int_equal(count_of_cid(world, &row->res), 2);
    assert_int_equal(count_of_cid(world, &nobody), 0);
    struct found found = {0};
    assert_ok(receipts_of_task(world->store, world->workflow, 0,
                               text_of(signer.did.text), found_take, &found,
                               NULL));
    assert_int_equal(found.count, 1);
    arena_deinit(&found.arena);
    receipt_view_close(&view);
    secret_key_free(signer.key);
}

/* --- Checking ------------------------------------------------------------ */

/* A receipt in a log of three, in bytes that may be changed. */
struct shown {
    struct receipt_view view;
    struct receipt_shown shown;
    uint8_t *assertion, *token, *path;
};

static uint8_t *copy_of(struct receipt_view *view, Bytes bytes)
{
    uint8_t *copy = arena_array(&view->arena, bytes.len, 1);
    memcpy(copy, bytes.data, bytes.len);
    return copy;
}

static void show(struct world *world, const struct signer *signer,
                 struct shown *out)
{
    struct receipt_view *view = &out->view;
    world_run(world, chain);
    world_seal(world, signer);
    open_only(world, signer, "a", view);
    assert_int_equal(view->path.len % SHA256_LEN, 0);
    assert_true(view->path.len > 0);
    out->assertion = copy_of(view, view->row.assertion);
    out->token = copy_of(view, view->token_bytes);
    out->path = copy_of(view, view->path);
    out->shown = (struct receipt_shown){
        .id = view->row.id,
        .assertion = bytes_of(out->assertion, view->row.assertion.len),
        .issuer = view->row.issuer,
        .index = view->index,
        .path = bytes_of(out->path, view->path.len),
        .now_s = clock_wall_s(),
    };
}

static struct receipt_verdict verdict_of(const struct shown *shown,
                                         size_t token_len)
{
    struct receipt_verdict verdict;
    struct statement statement;
    statement_open(bytes_of(shown->token, token_len), &statement);
    receipt_check(&shown->shown, &statement, &verdict);
    statement_close(&statement);
    return verdict;
}

static struct receipt_verdict judge(const struct shown *shown)
{
    return verdict_of(shown, shown->view.token_bytes.len);
}

static void assert_fails(const struct receipt_verdict *verdict,
                         ReceiptCheck check)
{
    assert_false(verdict->holds);
    if (verdict->first_failed != check)
        fail_msg("%s failed (%s), not %s",
                 receipt_check_name(verdict->first_failed),
                 verdict->words[verdict->first_failed],
                 receipt_check_name(check));
    assert_true(verdict->words[check][0] != '\0');
}

static void any_changed_byte_of_an_assertion_is_seen(void **state)
{
    struct world *world = *state;
    struct signer signer = signer_of(1);
    struct shown shown;
    struct receipt_verdict verdict;
    show(world, &signer, &shown);
    const size_t len = shown.shown.assertion.len;
    for (size_t index = 0; index < len; index++) {
        shown.assertion[index] ^= 1;
        verdict = judge(&shown);
        assert_fails(&verdict, CHECK_ASSERTION);
        // Under the name that it has now it is not in the tree.
        const Hash id = shown.shown.id;
        hash_sha256(shown.shown.assertion, &shown.shown.id);
        assert_false(judge(&shown).holds);
        shown.shown.id = id;
        shown.assertion[index] ^= 1;
    }
    verdict = judge(&shown);
    assert_holds(&verdict);
    receipt_view_close(&shown.view);
    secret_key_free(signer.key);
}

static void a_result_that_is_not_its_own_is_seen(void **state)
{
    static const uint8_t three[] = {0x62, 'o', 'k', 3};
    struct world *world = *state;
    struct signer signer = signer_of(1);
    struct shown shown;
    show(world, &signer, &shown);
    uint8_t *at = memmem(shown.assertion, shown.shown.assertion.len, three,
                         sizeof three);
    assert_non_null(at);
    at[3] = 4;
    hash_sha256(shown.shown.assertion, &shown.shown.id);
    const struct receipt_verdict verdict = judge(&shown);
    assert_fails(&verdict, CHECK_RESULT);
    assert_int_equal((int)verdict.checks[CHECK_ASSERTION], (int)STATUS_OK);
    assert_true(verdict.checks[CHECK_PROOF] != STATUS_OK);
    receipt_view_close(&shown.view);
    secret_key_free(signer.key);
}

/* An envelope begins with the signature: 82 58 40, then its 64 bytes. */
enum { SIGNATURE_AT = 3 };

static void any_changed_byte_of_a_token_is_seen(void **state)
{
    struct world *world = *state;
    struct signer signer = signer_of(1);
    struct shown shown;
    struct receipt_verdict verdict;
    show(world, &signer, &shown);
    const size_t len = shown.view.token_bytes.len;
    for (size_t index = 0; index < len; index++) {
        shown.token[index] ^= 1;
        verdict = judge(&shown);
        if (index >= SIGNATURE_AT && index < SIGNATURE_AT + SIGNATURE_LEN)
            assert_fails(&verdict, CHECK_SIGNATURE);
        assert_false(verdict.holds);
        assert_true(verdict.checks[CHECK_TOKEN] != STATUS_OK ||
                    verdict.checks[CHECK_SIGNATURE] != STATUS_OK);
        shown.token[index] ^= 1;
        verdict = verdict_of(&shown, index);
        assert_fails(&verdict, CHECK_TOKEN);
    }
    verdict = judge(&shown);
    assert_holds(&verdict);
    receipt_view_close(&shown.view);
    secret_key_free(signer.key);
}

static void any_changed_byte_of_a_path_is_seen(void **state)
{
    struct world *world = *state;
    struct signer signer = signer_of(1);
    struct shown shown;
    struct receipt_verdict verdict;
    show(world, &signer, &shown);
    for (size_t index = 0; index < shown.shown.path.len; index++) {
        shown.path[index] ^= 1;
        verdict = judge(&shown);
        assert_fails(&verdict, CHECK_PROOF);
        shown.path[index] ^= 1;
    }
    const Bytes path = shown.shown.path;
    for (size_t len = 0; len < path.len; len++) {
        shown.shown.path = bytes_of(path.data, len);
        verdict = judge(&shown);
        assert_fails(&verdict, CHECK_PROOF);
    }
    shown.shown.path = path;
    shown.shown.index++;
    verdict = judge(&shown);
    assert_fails(&verdict, CHECK_PROOF);
    receipt_view_close(&shown.view);
    secret_key_free(signer.key);
}

static void another_issuer_is_seen(void **state)
{
    struct world *world = *state;
    struct signer signer = signer_of(1), other = signer_of(2);
    struct shown shown;
    show(world, &signer, &shown);
    shown.shown.issuer = text_of(other.did.text);
    const struct receipt_verdict verdict = judge(&shown);
    assert_fails(&verdict, CHECK_ISSUER);
    assert_int_equal((int)verdict.checks[CHECK_SIGNATURE], (int)STATUS_OK);
    receipt_view_close(&shown.view);
    secret_key_free(signer.key);
    secret_key_free(other.key);
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, world_in_process, world_close)
    const struct CMUnitTest tests[] = {
        TEST(sealing_makes_one_receipt_of_a_fresh_result),
        TEST(a_receipt_says_what_ran_what_it_was_and_what_came_of_it),
        TEST(what_the_memo_answers_has_no_other_receipt),
        TEST(what_ran_once_more_is_not_stated_once_more),
        TEST(without_receipts_nothing_is_kept_for_them),
        TEST(a_trap_is_a_result_and_has_a_receipt),
        TEST(an_end_has_a_short_receipt_beside_the_log),
        TEST(receipts_are_found_by_all_they_are_about),
        TEST(any_changed_byte_of_an_assertion_is_seen),
        TEST(a_result_that_is_not_its_own_is_seen),
        TEST(any_changed_byte_of_a_token_is_seen),
        TEST(any_changed_byte_of_a_path_is_seen),
        TEST(another_issuer_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
