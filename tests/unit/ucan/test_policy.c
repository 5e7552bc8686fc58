/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy.c - the policy language, by tables that stand in
 * tests/vectors/ucan/policy.json and by the public ones. */
#include "ucan/policy.h"

#include "ipld/dag_cbor.h"
#include "unit/ucan/vectors.h"

static const char own[] = "tests/vectors/ucan/policy.json";

/* The rows of one list of our file; arena_deinit() when done. */
static const Value *rows(const char *list, struct arena *arena)
{
    Value file;
    *arena = (struct arena){0};
    if (!vectors_read(own, arena, &file))
        fail_msg("run this from the top of the repository: no %s", own);
    Value *copy = ARENA_NEW(arena, Value);
    *copy = *vectors_at(&file, list);
    assert_int_equal(copy->kind, VALUE_LIST);
    assert_true(copy->list.count > 0);
    return copy;
}

static bool is_promise(void *context, const Value *value)
{
    (void)context;
    return value->kind == VALUE_MAP && value->map.count == 1 &&
           text_starts_with(value->map.entries[0].key, TEXT("await/"));
}

static PolicyVerdict check(const Value *policy, const Value *args,
                           struct arena *arena, size_t *failed)
{
    const struct policy *read;
    struct error err = {0};
    if (policy_read(policy, arena, &read, &err) != STATUS_OK)
        fail_msg("%s: %s", vectors_show(policy, arena), err.message);
    return policy_check(read, args, is_promise, NULL, failed);
}

/* --- Tables -------------------------------------------------------------- */

static PolicyVerdict wanted(const Value *result)
{
    if (result->kind == VALUE_TEXT)
        return POLICY_UNKNOWN;
    return result->boolean ? POLICY_TRUE : POLICY_FALSE;
}

static void policies_say_what_the_table_says(void **state)
{
    (void)state;
    struct arena arena;
    const Value *table = rows("policies", &arena);
    for (size_t index = 0; index < table->list.count; index++) {
        const Value *row = &table->list.items[index];
        const Value *args = vectors_at(row, "args");
        const PolicyVerdict verdict =
            check(vectors_at(row, "policy"), args, &arena, NULL);
        if (verdict != wanted(vectors_at(row, "result")))
            fail_msg("%s: got %d", vectors_show(row, &arena), (int)verdict);
    }
    arena_deinit(&arena);
}

static void bad_policies_are_refused_where_they_are_wrong(void **state)
{
    (void)state;
    struct arena arena;
    const Value *table = rows("bad policies", &arena);
    for (size_t index = 0; index < table->list.count; index++) {
        const Value *row = &table->list.items[index];
        const Text at = vectors_at(row, "at")->text;
        const struct policy *policy;
        struct error err = {0};
        assert_int_equal(
            policy_read(vectors_at(row, "policy"), &arena, &policy, &err),
            STATUS_INVALID);
        if (!text_starts_with(text_of(err.message), at) ||
            err.message[at.len] != ':')
            fail_msg("%s: %s", vectors_show(row, &arena), err.message);
    }
    arena_deinit(&arena);
}

static void selectors_give_what_the_table_says(void **state)
{
    (void)state;
    struct arena arena;
    const Value *table = rows("selectors", &arena);
    for (size_t index = 0; index < table->list.count; index++) {
        const Value *row = &table->list.items[index];
        const Value *expected = value_get(row, TEXT("selected"));
        const struct selector *selector;
        struct error err = {0};
        Value got;
        if (selector_read(vectors_at(row, "selector")->text, &arena, &selector,
                          &err) != STATUS_OK)
            fail_msg("%s: %s", vectors_show(row, &arena), err.message);
        const bool found =
            selector_get(selector, vectors_at(row, "value"), &arena, &got);
        if (found != (expected != NULL) ||
            (found && !value_equal(&got, expected)))
            fail_msg("%s: got %s", vectors_show(row, &arena),
                     found ? vectors_show(&got, &arena) : "nothing");
    }
    arena_deinit(&arena);
}

static void bad_selectors_are_refused_at_their_byte(void **state)
{
    (void)state;
    struct arena arena;
    const Value *table = rows("bad selectors", &arena);
    for (size_t index = 0; index < table->list.count; index++) {
        const Value *row = &table->list.items[index];
        const struct selector *selector;
        struct error err = {0};
        const Text text = vectors_at(row, "selector")->text;
        const Bytes exact = exact_copy(text_bytes(text));
        const Status status =
            selector_read(bytes_text(exact), &arena, &selector, &err);
        if (status != STATUS_INVALID ||
            err.offset != vectors_at(row, "byte")->magnitude)
            fail_msg("%s: status %d, byte %zu: %s", vectors_show(row, &arena),
                     (int)status, err.offset, err.message);
        exact_free(exact);
    }
    arena_deinit(&arena);
}

/* Every beginning of a selector is read without a look behind its end. */
static void selectors_cut_short_are_read_to_their_end_only(void **state)
{
    (void)state;
    static const char whole[] =
        ".a0-$[\"q\\\"\\u00e9\"]?[-12:345]??.[0][].größe[:7]";
    for (size_t len = 0; len < sizeof whole; len++) {
        struct arena arena = {0};
        const struct selector *selector;
        struct error err = {0};
        const Bytes exact = exact_copy(bytes_of(whole, len));
        if (selector_read(bytes_text(exact), &arena, &selector, &err) !=
            STATUS_OK)
            assert_true(err.offset <= len);
        else
            assert_true(len > 0);
        exact_free(exact);
        arena_deinit(&arena);
    }
}

static void globs_match_what_the_table_says(void **state)
{
    (void)state;
    struct arena arena;
    const Value *table = rows("globs", &arena);
    for (size_t index = 0; index < table->list.count; index++) {
        const Value *row = &table->list.items[index];
        const Bytes pattern =
            exact_copy(text_bytes(vectors_at(row, "pattern")->text));
        const Bytes text =
            exact_copy(text_bytes(vectors_at(row, "text")->text));
        if (policy_glob(bytes_text(pattern), bytes_text(text)) !=
            vectors_at(row, "matches")->boolean)
            fail_msg("%s", vectors_show(row, &arena));
        exact_free(pattern);
        exact_free(text);
    }
    arena_deinit(&arena);
}

/* --- The public vectors -------------------------------------------------- */

static size_t check_public(const Value *file, const char *list,
                           PolicyVerdict verdict, struct arena *arena)
{
    size_t count = 0;
    const Value *cases = vectors_at(file, list);
    for (size_t index = 0; index < cases->list.count; index++) {
        const Value *one = &cases->list.items[index];
        const Value *policies = vectors_at(one, "policies");
        for (size_t at = 0; at < policies->list.count; at++, count++)
            if (check(&policies->list.items[at], vectors_at(one, "args"),
                      arena, NULL) != verdict)
                fail_msg("%s %zu, policy %zu: %s", list, index, at,
                         vectors_show(&policies->list.items[at], arena));
    }
    return count;
}

static void public_policies_come_out_as_they_should(void **state)
{
    (void)state;
    struct arena arena = {0};
    Value file;
    vectors_read_public("policy.json", &arena, &file);
    const size_t count = check_public(&file, "valid", POLICY_TRUE, &arena) +
                         check_public(&file, "invalid", POLICY_FALSE, &arena);
    assert_int_equal(count, 25);
    arena_deinit(&arena);
}

/* --- Bounds -------------------------------------------------------------- */

static Value text_value(const char *text)
{
    return value_text(text_of(text));
}

/* [op, statement] or [op, selector, statement]. */
static Value wrap(struct arena *arena, const char *op, const char *selector,
                  Value statement)
{
    Value *items = arena_array(arena, 3, sizeof *items);
    size_t count = 0;
    items[count++] = text_value(op);
    if (selector)
        items[count++] = text_value(selector);
    items[count++] = statement;
    return value_list(items, count);
}

/* `count` times the same. */
static Value repeat(struct arena *arena, Value value, size_t count)
{
    Value *items = arena_array(arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++)
        items[index] = value;
    return value_list(items, count);
}

static Status read_policy(const Value *value, struct error *err)
{
    struct arena arena = {0};
    const struct policy *policy;
    const Status status = policy_read(value, &arena, &policy, err);
    arena_deinit(&arena);
    return status;
}

static void statements_nest_to_the_bound_and_no_deeper(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct error err = {0};
    Value statement = wrap(&arena, "==", ".", value_null());
    for (int depth = 1; depth < POLICY_DEPTH_MAX; depth++) {
        const Value list = repeat(&arena, statement, 1);
        statement = depth % 2 ? wrap(&arena, "not", NULL, statement)
                              : wrap(&arena, "and", NULL, list);
    }
    Value policy = repeat(&arena, statement, 1);
    assert_int_equal(read_policy(&policy, &err), STATUS_OK);
    policy = repeat(&arena, wrap(&arena, "not", NULL, statement), 1);
    assert_int_equal(read_policy(&policy, &err), STATUS_LIMIT);
    assert_true(text_starts_with(text_of(err.message), TEXT(".pol[0]")));
    assert_true(utf8_is_valid(text_of(err.message), NULL));
    assert_non_null(strstr(err.message, "nested deeper than 32"));
    arena_deinit(&arena);
}

static void statements_are_counted_wherever_they_stand(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct error err = {0};
    const Value leaf = wrap(&arena, "==", ".", value_null());
    Value policy = repeat(&arena, leaf, POLICY_STATEMENTS_MAX);
    assert_int_equal(read_policy(&policy, &err), STATUS_OK);
    policy = repeat(&arena, leaf, POLICY_STATEMENTS_MAX + 1);
    assert_int_equal(read_policy(&policy, &err), STATUS_LIMIT);

    const size_t half = POLICY_STATEMENTS_MAX / 2;
    Value group = wrap(&arena, "or", NULL, repeat(&arena, leaf, half - 1));
    policy = repeat(&arena, group, 2);
    assert_int_equal(read_policy(&policy, &err), STATUS_OK);
    group = wrap(&arena, "or", NULL, repeat(&arena, leaf, half));
    policy = repeat(&arena, group, 2);
    assert_int_equal(read_policy(&policy, &err), STATUS_LIMIT);
    assert_true(text_starts_with(text_of(err.message), TEXT(".pol[1]")));
    arena_deinit(&arena);
}

static void selectors_have_so_many_steps_and_no_more(void **state)
{
    (void)state;
    char text[3 * (SELECTOR_STEPS_MAX + 1) + 2] = ".";
    struct arena arena = {0};
    const struct selector *selector;
    struct error err = {0};
    for (int step = 0; step <= SELECTOR_STEPS_MAX; step++)
        memcpy(text + 1 + 3 * step, "[0]", 4);
    assert_int_equal(selector_read((Text){text, 3 * SELECTOR_STEPS_MAX + 1},
                                   &arena, &selector, &err),
                     STATUS_OK);
    assert_int_equal(selector_read(text_of(text), &arena, &selector, &err),
                     STATUS_LIMIT);
    arena_deinit(&arena);
}

/* Four quantifiers over a list of 1,000: a million million members. */
static void endless_work_makes_the_whole_policy_false(void **state)
{
    (void)state;
    struct arena arena = {0};
    size_t failed = 0;
    const Value list = repeat(&arena, value_uint(1), 1000);
    Value args = list;
    for (int level = 0; level < 3; level++)
        args = repeat(&arena, args, 1000);
    Value statement = wrap(&arena, "==", ".", value_uint(1));
    for (int level = 0; level < 4; level++)
        statement = wrap(&arena, "all", ".", statement);
    const Value fine = wrap(&arena, "==", ".[0][0][0][0]", value_uint(1));
    const Value not_all = wrap(&arena, "not", NULL, statement);
    Value either[] = {statement, fine};
    const Value bad[] = {
        statement,
        not_all,
        wrap(&arena, "not", NULL, not_all),
        wrap(&arena, "or", NULL, value_list(either, 2)),
    };
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        Value policy[] = {fine, bad[index]};
        const Value value = value_list(policy, 2);
        assert_int_equal(check(&value, &args, &arena, &failed), POLICY_FALSE);
        assert_int_equal(failed, 1);
    }
    arena_deinit(&arena);
}

static void what_selectors_copy_and_globs_search_is_work(void **state)
{
    (void)state;
    struct arena arena = {0};
    static char big[1 << 20];
    memset(big, 'a', sizeof big);
    const Value args = value_text((Text){big, sizeof big});
    const Value glob = wrap(&arena, "like", ".", text_value("*b*"));
    const Value no_glob = wrap(&arena, "not", NULL, glob);
    Value policy = repeat(&arena, no_glob, 3);
    assert_int_equal(check(&policy, &args, &arena, NULL), POLICY_TRUE);
    policy = repeat(&arena, no_glob, 5);
    assert_int_equal(check(&policy, &args, &arena, NULL), POLICY_FALSE);

    const Value bytes = value_bytes(bytes_of(big, sizeof big / 16));
    policy = repeat(&arena, wrap(&arena, "!=", ".[]", value_null()), 3);
    assert_int_equal(check(&policy, &bytes, &arena, NULL), POLICY_TRUE);
    policy = repeat(&arena, wrap(&arena, "!=", ".[]", value_null()), 5);
    assert_int_equal(check(&policy, &bytes, &arena, NULL), POLICY_FALSE);
    arena_deinit(&arena);
}

/* Where each star of a matcher that goes back would multiply the work. */
static void globs_take_no_time_whatever_the_stars(void **state)
{
    (void)state;
    static char text[1 << 20], pattern[1 << 12];
    memset(text, 'a', sizeof text);
    for (size_t at = 0; at + 2 < sizeof pattern; at += 2)
        memcpy(pattern + at, "*a", 2);
    memcpy(pattern + sizeof pattern - 2, "*b", 2);
    assert_false(policy_glob((Text){pattern, sizeof pattern},
                             (Text){text, sizeof text}));
    text[sizeof text - 1] = 'b';
    assert_true(policy_glob((Text){pattern, sizeof pattern},
                            (Text){text, sizeof text}));
}

static void the_false_statement_is_named_before_the_unknown(void **state)
{
    (void)state;
    struct arena arena = {0};
    size_t failed = 9;
    Value policy, args;
    struct error err;
    assert_int_equal(dag_json_decode(text_bytes(TEXT("[[\"==\",\".b\",1],"
                                                     "[\"==\",\".a\",1],"
                                                     "[\"==\",\".b\",2]]")),
                                     &arena, &policy, &err),
                     STATUS_OK);
    assert_int_equal(
        dag_json_decode(text_bytes(TEXT("{\"a\":{\"await/ok\":0},\"b\":1}")),
                        &arena, &args, &err),
        STATUS_OK);
    assert_int_equal(check(&policy, &args, &arena, &failed), POLICY_FALSE);
    assert_int_equal(failed, 2);
    policy.list.count = 2;
    assert_int_equal(check(&policy, &args, &arena, &failed), POLICY_UNKNOWN);
    assert_int_equal(failed, 1);
    policy.list.count = 1;
    assert_int_equal(check(&policy, &args, &arena, &failed), POLICY_TRUE);
    assert_int_equal(failed, 1);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_say_what_the_table_says),
        cmocka_unit_test(bad_policies_are_refused_where_they_are_wrong),
        cmocka_unit_test(selectors_give_what_the_table_says),
        cmocka_unit_test(bad_selectors_are_refused_at_their_byte),
        cmocka_unit_test(selectors_cut_short_are_read_to_their_end_only),
        cmocka_unit_test(globs_match_what_the_table_says),
        cmocka_unit_test(public_policies_come_out_as_they_should),
        cmocka_unit_test(statements_nest_to_the_bound_and_no_deeper),
        cmocka_unit_test(statements_are_counted_wherever_they_stand),
        cmocka_unit_test(selectors_have_so_many_steps_and_no_more),
        cmocka_unit_test(endless_work_makes_the_whole_policy_false),
        cmocka_unit_test(what_selectors_copy_and_globs_search_is_work),
        cmocka_unit_test(globs_take_no_time_whatever_the_stars),
        cmocka_unit_test(the_false_statement_is_named_before_the_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
