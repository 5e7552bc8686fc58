/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts over time and of several executors: a log that only grows, and what
 * others say beside what was found out here. */
#include "unit/run/world_receipts.h"

#include <stdio.h>
#include <string.h>

#include "run/receipts_import.h"
#include "store/fsck.h"

static const char one_sum[] =
    "tasks:\n  a: {run: numbers.wasm#add, args: [1, 2]}\n";

/* --- The log --------------------------------------------------------------- */

enum { SEALINGS = 6 };

/* Runs and seals `number` + 1 new tasks. */
static void run_and_seal(struct world *world, const struct signer *signer,
                         int number)
{
    char text[1024] = "tasks:\n";
    for (int task = 0; task <= number; task++) {
        const size_t len = strlen(text);
        snprintf(text + len, sizeof text - len,
                 "  t%d: {run: numbers.wasm#add, args: [%d, %d]}\n", task,
                 100 * (number + 1), task);
    }
    world_run(world, text);
    const struct seal_report report = world_seal(world, signer);
    assert_int_equal(report.results, number + 1);
}

struct heads {
    size_t count;
    struct log_head heads[SEALINGS + 1];
};

static bool take_head(void *context, const struct log_head *head)
{
    struct heads *heads = context;
    assert_true(heads->count <= SEALINGS);
    heads->heads[heads->count++] = *head;
    return true;
}

/* Each head signs the root of its size, and names the one before it. */
static void check_heads(struct world *world, const struct signer *signer,
                        const struct heads *heads)
{
    for (size_t index = 0; index < heads->count; index++) {
        const struct log_head *head = &heads->heads[index];
        struct arena arena = {0};
        struct statement statement;
        Bytes token;
        Hash root;
        assert_ok(
            receipt_token(world->store, &head->token, &arena, &token, NULL));
        statement_open(token, &statement);
        assert_ok(statement.form);
        assert_ok(statement.signature);
        assert_ok(
            log_root(world->store, &signer->issuer, head->size, &root, NULL));
        assert_true(hash_equal(&root, &statement.root));
        assert_true(hash_equal(&root, &head->root));
        assert_int_equal(statement.count, head->size);
        assert_int_equal(statement.has_previous, index > 0);
        if (index > 0)
            assert_true(hash_equal(&statement.previous,
                                   &heads->heads[index - 1].token));
        statement_close(&statement);
        arena_deinit(&arena);
    }
}

static void each_head_is_proven_to_grow_into_each_later_one(void **state)
{
    struct world *world = *state;
    struct signer signer = signer_of(1);
    struct heads heads = {0};
    for (int number = 0; number < SEALINGS; number++)
        run_and_seal(world, &signer, number);
    assert_ok(
        log_heads(world->store, &signer.issuer, take_head, &heads, NULL));
    assert_int_equal(heads.count, SEALINGS);
    check_heads(world, &signer, &heads);
    for (size_t from = 0; from < heads.count; from++)
        for (size_t to = from; to < heads.count; to++) {
            const struct log_head *old = &heads.heads[from];
            const struct log_head *new = &heads.heads[to];
            Hash other = old->root;
            struct tree_proof proof;
            assert_ok(log_consistency(world->store, &signer.issuer, old->size,
                                      new->size, &proof, NULL));
            assert_ok(tree_verify_consistency(old->size, &old->root, new->size,
                                              &new->root, &proof, NULL));
            other.bytes[0] ^= 1;
            assert_status(tree_verify_consistency(old->size, &other, new->size,
                                                  &new->root, &proof, NULL),
                          STATUS_DENIED);
        }
    secret_key_free(signer.key);
}

/* Of every receipt, in the log as it is now and as it was. */
static bool check_included(void *context, const struct receipt_row *row)
{
    struct world *world = context;
    struct tree_proof proof;
    struct receipt_view view;
    Hash issuer, root, leaf;
    struct log_state now;
    receipt_issuer(row->issuer, &issuer);
    receipt_leaf(&row->id, &leaf);
    assert_ok(log_state(world->store, &issuer, &now, NULL));
    for (uint64_t size = row->index + 1; size <= now.edge.size; size++) {
        assert_ok(log_root(world->store, &issuer, size, &root, NULL));
        assert_ok(log_inclusion(world->store, &issuer, row->index, size,
                                &proof, NULL));
        assert_ok(tree_verify_inclusion(&leaf, row->index, size, &proof, &root,
                                        NULL));
    }
    assert_status(log_inclusion(world->store, &issuer, row->index, row->index,
                                &proof, NULL),
                  STATUS_INVALID);
    assert_ok(receipt_view_open(world->store, row, &view, NULL));
    assert_holds(&view.verdict);
    receipt_view_close(&view);
    return true;
}

static void tell_wrong(void *context, const struct fsck_row *row)
{
    (void)context;
    fail_msg("%s: %s", row->table_name, row->what);
}

static void each_receipt_is_in_each_log_since_it_was_sealed(void **state)
{
    struct world *world = *state;
    struct signer signer = signer_of(1);
    for (int number = 0; number < SEALINGS; number++)
        run_and_seal(world, &signer, number);
    world_reopen(world);
    const size_t all = SEALINGS * (SEALINGS + 1) / 2;
    assert_int_equal(count_by(world, RECEIPTS_BY_ISSUER, &signer.issuer), all);
    assert_int_equal(log_size(world, &signer), all);
    assert_ok(receipts_each(world->store, RECEIPTS_BY_ISSUER, &signer.issuer,
                            check_included, world, NULL));
    struct fsck_counts counts = {0};
    assert_ok(fsck_rows(world->store, &(struct fsck_options){0}, tell_wrong,
                        &counts, NULL));
    secret_key_free(signer.key);
}

static void two_keys_of_one_store_have_two_logs(void **state)
{
    struct world *world = *state;
    struct signer first = signer_of(1), second = signer_of(2);
    run_and_seal(world, &first, 0);
    run_and_seal(world, &second, 1);
    assert_int_equal(log_size(world, &first), 1);
    assert_int_equal(log_size(world, &second), 2);
    assert_int_equal(count_all(world), 3);
    assert_ok(receipts_each(world->store, RECEIPTS_BY_ISSUER, &second.issuer,
                            check_included, world, NULL));
    secret_key_free(first.key);
    secret_key_free(second.key);
}

/* --- Others ---------------------------------------------------------------- */

/* Another machine runs and seals the same; its receipts come here as a CAR. */
static void take_from_another(struct world *world, const struct signer *other,
                              struct receipts_imported *out)
{
    void *opened;
    assert_int_equal(world_in_process(&opened), 0);
    struct world *there = opened;
    struct found found = {0};
    struct receipts_exported exported;
    struct error err = {0};
    world_run(there, one_sum);
    assert_int_equal(world_seal(there, other).results, 1);
    assert_ok(receipts_all(there->store, found_take, &found, NULL));
    char path[2 * WORLD_PATH];
    snprintf(path, sizeof path, "%s", world_path(world, "theirs.car"));
    const struct receipts_export what = {
        .rows = &found.first, .count = 1, .path = path};
    if (receipts_export_car(there->store, &what, &exported, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    const struct receipts_import import = {.path = path};
    if (receipts_import_car(world->store, &import, out, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    arena_deinit(&found.arena);
    assert_int_equal(world_close(&opened), 0);
}

static bool count_alarm(void *context, const Hash *concrete, const Cid *first,
                        const Cid *other)
{
    unsigned *count = context;
    assert_non_null(concrete);
    assert_false(cid_equal(first, other));
    *count += 1;
    return true;
}

static unsigned alarms(struct world *world)
{
    unsigned count = 0;
    assert_ok(memo_alarms(world->store, count_alarm, &count, NULL));
    return count;
}

static void what_two_executors_say_is_side_by_side(void **state)
{
    struct world *world = *state;
    struct signer mine = signer_of(1), theirs = signer_of(2);
    struct receipts_imported imported;
    struct receipt_view own, other;
    world_run(world, one_sum);
    world_seal(world, &mine);
    take_from_another(world, &theirs, &imported);
    assert_int_equal(imported.added, 1);
    assert_int_equal(imported.refused + imported.alarms + imported.forks, 0);
    open_only(world, &mine, "a", &own);
    open_only(world, &theirs, "a", &other);
    assert_holds(&own.verdict);
    assert_holds(&other.verdict);
    // Another `sub`, another Task: one computation with one result.
    assert_false(hash_equal(&own.row.ran, &other.row.ran));
    assert_true(hash_equal(&own.row.comp, &other.row.comp));
    assert_true(hash_equal(&own.row.res, &other.row.res));
    assert_int_equal((int)other.row.how, (int)RECEIPT_PROVEN);
    assert_int_equal(count_by(world, RECEIPTS_BY_COMPUTATION, &own.row.comp),
                     2);
    assert_int_equal(count_by(world, RECEIPTS_BY_RESULT, &own.row.res), 2);
    assert_int_equal(count_by(world, RECEIPTS_BY_ISSUER, &mine.issuer), 1);
    assert_int_equal(count_by(world, RECEIPTS_BY_ISSUER, &theirs.issuer), 1);
    assert_int_equal(log_size(world, &mine), 1);
    assert_int_equal(alarms(world), 0);
    receipt_view_close(&own);
    receipt_view_close(&other);
    secret_key_free(mine.key);
    secret_key_free(theirs.key);
}

/* Keeps what `liar` signed: that the computation came to `number`. */
static struct receipts_kept keep_claim(struct world *world,
                                       const struct signer *liar,
                                       const Hash *comp, uint64_t number)
{
    struct arena arena = {0};
    struct buffer block;
    struct token *token;
    struct receipts_kept kept;
    Cid ignored;
    const Value result = value_map1(&arena, TEXT("ok"), value_uint(number));
    const Bytes bytes = dag_cbor_block(&result, &arena, &ignored);
    struct receipt_row row = {
        .issuer = text_of(liar->did.text),
        .how = RECEIPT_ALONE,
        .at_s = 1,
        .ran = {{9}},
        .comp = *comp,
        .has_comp = true,
        .has_res = true,
    };
    buffer_init(&block, 1 << 16);
    assertion_encode(&(struct assertion_claims){.ran = row.ran,
                                                .comp = comp,
                                                .result = bytes},
                     &block, &row.id);
    row.assertion = buffer_bytes(&block);
    hash_sha256(bytes, &row.res);
    assert_ok(receipt_mint(
        &(struct receipt_claims){.assertion = row.assertion, .at_s = 1},
        liar->key, &token, NULL));
    assert_true(cid_sha256(&token->cid, CODEC_DAG_CBOR, &row.token));
    const struct receipt_signature signature = {row.token, token->bytes};
    assert_ok(
        receipts_keep(world->store, &row, 1, &signature, 1, &kept, NULL));
    token_free(token);
    buffer_deinit(&block);
    arena_deinit(&arena);
    return kept;
}

static void a_contradiction_is_kept_and_raises_the_alarm(void **state)
{
    struct world *world = *state;
    struct signer mine = signer_of(1), honest = signer_of(2),
                  liar = signer_of(3);
    struct receipt_view own;
    world_run(world, one_sum);
    world_seal(world, &mine);
    open_only(world, &mine, "a", &own);
    const Hash comp = own.row.comp;
    struct receipts_kept kept = keep_claim(world, &honest, &comp, 3);
    assert_int_equal(kept.added, 1);
    assert_int_equal(kept.alarms, 0);
    assert_int_equal(alarms(world), 0);
    kept = keep_claim(world, &liar, &comp, 4);
    assert_int_equal(kept.added, 1);
    assert_int_equal(kept.alarms, 1);
    assert_int_equal(alarms(world), 1);
    assert_int_equal(count_by(world, RECEIPTS_BY_COMPUTATION, &comp), 3);
    // What was found out here is still what is answered.
    world_run_again(world);
    world_gave(world, "a", "{\"ok\":3}");
    receipt_view_close(&own);
    secret_key_free(mine.key);
    secret_key_free(honest.key);
    secret_key_free(liar.key);
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, world_in_process, world_close)
    const struct CMUnitTest tests[] = {
        TEST(each_head_is_proven_to_grow_into_each_later_one),
        TEST(each_receipt_is_in_each_log_since_it_was_sealed),
        TEST(two_keys_of_one_store_have_two_logs),
        TEST(what_two_executors_say_is_side_by_side),
        TEST(a_contradiction_is_kept_and_raises_the_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
