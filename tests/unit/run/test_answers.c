/* SPDX-License-Identifier: Apache-2.0 */
#include "run/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/status.h"

#include <cmocka.h>

#include "ipld/dag_cbor.h"
#include "run/answers_trust.h"
#include "task/computation.h"

#define assert_ok(call) assert_int_equal((int)(call), (int)STATUS_OK)
#define assert_status(call, expected)                                         \
    assert_int_equal((int)(call), (int)(expected))

/* --- Blocks by hand ------------------------------------------------------ */

static Status put(void *context, const Cid *cid, Bytes block,
                  struct error *err)
{
    struct store_batch *batch = store_batch_new(context);
    store_batch_block(batch, cid, block);
    Status status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

static Hash put_value(struct store *store, const Value *value,
                      struct arena *arena)
{
    Cid cid;
    Hash hash;
    Bytes block = dag_cbor_block(value, arena, &cid);
    assert_ok(put(store, &cid, block, NULL));
    assert_true(cid_sha256(&cid, CODEC_DAG_CBOR, &hash));
    return hash;
}

static Hash numbered(uint32_t number)
{
    Hash hash;
    hash_sha256(bytes_of(&number, sizeof number), &hash);
    return hash;
}

struct list {
    size_t count;
    struct answer last;
};

static Status note(void *context, const struct answer *answer,
                   struct error *err)
{
    struct list *list = context;
    (void)err;
    list->count++;
    list->last = *answer;
    return STATUS_OK;
}

/* --- The format ---------------------------------------------------------- */

static void what_is_written_is_read_in_one_page_or_many(void **state)
{
    (void)state;
    static const size_t counts[] = {
        0, 1, 2, ANSWERS_PAGE, ANSWERS_PAGE + 1, 2 * ANSWERS_PAGE + 5};
    for (size_t row = 0; row < sizeof counts / sizeof counts[0]; row++) {
        struct store *store = store_open_memory();
        const size_t count = counts[row];
        struct answer *answers = heap_array(2 * count + 1, sizeof *answers);
        for (uint32_t index = 0; index < 2 * count; index++)
            answers[index] = (struct answer){numbered(index % (uint32_t)count),
                                             numbered(7)};
        size_t left = 2 * count;
        struct list list = {0};
        struct error err = {0};
        Cid head;
        assert_ok(answers_encode(answers, &left, put, store, &head, &err));
        assert_int_equal(left, count);
        if (answers_load(store, &head, note, &list, &err) != STATUS_OK)
            fail_msg("%s", err.message);
        assert_int_equal(list.count, count);
        free(answers);
        store_close(store);
    }
}

/* The bytes in docs/formats/car.md. */
static void the_example_of_the_documentation_stays_as_it_is(void **state)
{
    (void)state;
    struct store *store = store_open_memory();
    struct answer answers[2] = {{numbered(1), numbered(3)},
                                {numbered(2), numbered(3)}};
    char text[CID_TEXT_MAX];
    size_t count = 2;
    Cid head;
    assert_ok(answers_encode(answers, &count, put, store, &head, NULL));
    cid_to_text(&head, text);
    assert_string_equal(
        text, "bafyreid3ref52ti5zgjfgp5zs4nxc2phl4oe4yk4ihn5w5qg7oia6qclli");
    store_close(store);
}

static Value answer_value(struct arena *arena, const Hash *computation,
                          const Hash *result)
{
    Cid *cids = arena_array(arena, 2, sizeof *cids);
    cid_from_hash(CODEC_DAG_CBOR, computation, &cids[0]);
    cid_from_hash(CODEC_DAG_CBOR, result, &cids[1]);
    const struct value_entry entries[] = {
        {TEXT("comp"), value_link(&cids[0])},
        {TEXT("res"), value_link(&cids[1])},
    };
    return value_map(arena, entries, 2);
}

static Hash put_answers(struct store *store, struct arena *arena, Text field,
                        const Value *items, size_t count)
{
    Value inner = value_map1(arena, field, value_list(items, count));
    Value whole = value_map1(arena, TEXT("ipvm/answers@1.0.0"), inner);
    return put_value(store, &whole, arena);
}

static void what_is_no_block_of_answers_is_refused(void **state)
{
    (void)state;
    struct store *store = store_open_memory();
    struct arena arena = {0};
    struct list list = {0};
    Hash low = numbered(1), high = numbered(2);
    if (memcmp(&low, &high, sizeof low) > 0) {
        low = numbered(2);
        high = numbered(1);
    }
    const Value first = answer_value(&arena, &low, &low);
    const Value second = answer_value(&arena, &high, &low);
    Cid raw;
    cid_from_hash(CODEC_RAW, &low, &raw);
    Value wrong_kind = value_link(&raw);
    Value page = value_null();
    Hash one = put_answers(store, &arena, TEXT("answers"), &first, 1);
    Cid one_cid;
    cid_from_hash(CODEC_DAG_CBOR, &one, &one_cid);
    page = value_link(&one_cid);
    const struct {
        const char *why;
        Hash head;
    } rows[] = {
        {"out of order", put_answers(store, &arena, TEXT("answers"),
                                     (Value[]){second, first}, 2)},
        {"twice", put_answers(store, &arena, TEXT("answers"),
                              (Value[]){first, first}, 2)},
        {"no map",
         put_answers(store, &arena, TEXT("answers"), &wrong_kind, 1)},
        {"another field",
         put_answers(store, &arena, TEXT("replies"), &first, 1)},
        {"one page", put_answers(store, &arena, TEXT("pages"), &page, 1)},
        {"pages that are not full",
         put_answers(store, &arena, TEXT("pages"), (Value[]){page, page}, 2)},
        {"pages that are raw",
         put_answers(store, &arena, TEXT("pages"),
                     (Value[]){wrong_kind, wrong_kind}, 2)},
        {"no list", put_value(store, &first, &arena)},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct error err = {0};
        Cid head;
        cid_from_hash(CODEC_DAG_CBOR, &rows[row].head, &head);
        if (answers_load(store, &head, note, &list, &err) != STATUS_INVALID)
            fail_msg("%s was not refused: %s", rows[row].why, err.message);
    }
    assert_ok(answers_load(store, &one_cid, note, &list, NULL));
    arena_deinit(&arena);
    store_close(store);
}

/* --- Trust --------------------------------------------------------------- */

/* A computation of a module that nobody needs to have. */
static Hash put_computation(struct store *store, struct arena *arena,
                            const Value *argument)
{
    Cid module;
    Hash hash;
    cid_of(CODEC_RAW, bytes_of("module", 6), &module);
    Value link = value_link(&module);
    Value list = value_list(argument, 1);
    Value args = wasm_call_args(arena, &link, TEXT("f"), &list, false);
    Cid cid;
    Bytes block = computation_encode(TEXT("/wasm/run"), &args,
                                     (Bytes){NULL, 0}, arena, &hash);
    cid_from_hash(CODEC_DAG_CBOR, &hash, &cid);
    assert_ok(put(store, &cid, block, NULL));
    return hash;
}

static Hash put_result(struct store *store, struct arena *arena, Text branch,
                       Value inner)
{
    Value value = value_map1(arena, branch, inner);
    return put_value(store, &value, arena);
}

static struct answers_report trust_one(struct store *store,
                                       const Hash *computation,
                                       const Hash *result)
{
    struct answer answer = {*computation, *result};
    struct answers_report report;
    struct error err = {0};
    size_t count = 1;
    Cid head;
    assert_ok(answers_encode(&answer, &count, put, store, &head, &err));
    assert_ok(answers_trust(store, &head, &report, &err));
    return report;
}

static void a_trusted_answer_is_in_the_memo_and_says_so(void **state)
{
    (void)state;
    struct store *store = store_open_memory();
    struct arena arena = {0};
    struct memo_entry entry;
    Value argument = value_uint(1);
    Hash computation = put_computation(store, &arena, &argument);
    Hash good = put_result(store, &arena, TEXT("ok"), value_uint(2));
    Hash other = put_result(store, &arena, TEXT("ok"), value_uint(3));
    struct answers_report report = trust_one(store, &computation, &good);
    assert_int_equal(report.entered, 1);
    assert_ok(memo_get(store, &computation, &entry, NULL));
    assert_int_equal(entry.provenance, MEMO_RECEIPT);
    assert_true(entry.is_ok);
    assert_int_equal(trust_one(store, &computation, &good).known, 1);
    // The first stays, and the alarm is raised.
    assert_int_equal(trust_one(store, &computation, &other).alarms, 1);
    Hash kept;
    assert_ok(memo_get(store, &computation, &entry, NULL));
    assert_true(cid_sha256(&entry.result, CODEC_DAG_CBOR, &kept));
    assert_true(hash_equal(&kept, &good));
    arena_deinit(&arena);
    store_close(store);
}

static void what_cannot_be_an_answer_is_refused(void **state)
{
    (void)state;
    struct store *store = store_open_memory();
    struct arena arena = {0};
    uint8_t *long_bytes = heap_array(LONG_VALUE + 1, 1);
    Cid gone;
    cid_of(CODEC_RAW, bytes_of("gone", 4), &gone);
    Value plain = value_uint(1);
    Value promise = value_map1(&arena, TEXT("await/ok"), value_link(&gone));
    Value unnormal = value_bytes(bytes_of(long_bytes, LONG_VALUE + 1));
    Value upstream =
        value_map1(&arena, TEXT("ipvm/error"), value_text(TEXT("upstream")));
    const Hash good = put_computation(store, &arena, &plain);
    const Hash result = put_result(store, &arena, TEXT("ok"), value_uint(2));
    const struct {
        const char *why;
        Hash computation, result;
    } rows[] = {
        {"no computation here", numbered(1), result},
        {"a promise", put_computation(store, &arena, &promise), result},
        {"not normal", put_computation(store, &arena, &unnormal), result},
        {"no computation", put_value(store, &plain, &arena), result},
        {"no result here", good, numbered(1)},
        {"no result", good, put_value(store, &plain, &arena)},
        {"not normal", good, put_result(store, &arena, TEXT("ok"), unnormal)},
        {"upstream", good, put_result(store, &arena, TEXT("error"), upstream)},
        {"a link to nothing here", good,
         put_result(store, &arena, TEXT("ok"), value_link(&gone))},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct memo_entry entry;
        struct answers_report report =
            trust_one(store, &rows[row].computation, &rows[row].result);
        if (report.refused != 1 || report.why[0] == '\0')
            fail_msg("row %zu was not refused: %s", row, rows[row].why);
        assert_status(memo_get(store, &rows[row].computation, &entry, NULL),
                      STATUS_NOT_FOUND);
    }
    free(long_bytes);
    arena_deinit(&arena);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_in_one_page_or_many),
        cmocka_unit_test(the_example_of_the_documentation_stays_as_it_is),
        cmocka_unit_test(what_is_no_block_of_answers_is_refused),
        cmocka_unit_test(a_trusted_answer_is_in_the_memo_and_says_so),
        cmocka_unit_test(what_cannot_be_an_answer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
