/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas: totals, what is used of them, and what of it survives. */
#include "unit/node/authority.h"

#include <stdio.h>

static struct quotas *open_quotas(struct store *store)
{
    struct quotas *quotas;
    struct error err = {0};
    if (quotas_open(store, &quotas, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return quotas;
}

static void set(struct quotas *quotas, Text id, struct quota_totals totals)
{
    struct error err = {0};
    if (quota_set(quotas, id, &totals, &err) != STATUS_OK)
        fail_msg("%s", err.message);
}

static struct quota_used used_of(struct quotas *quotas, Text id)
{
    struct quota_totals totals;
    struct quota_used used;
    assert_int_equal(quota_look(quotas, id, &totals, &used, NULL), STATUS_OK);
    return used;
}

static void names_the_total_that_is_used_up(void **state)
{
    static const struct row {
        struct quota_totals totals;
        struct quota_used cost;
        Status expected;
        const char *words;
    } rows[] = {
        {{.time_ms = 2}, {.time_ns = 1999999}, STATUS_OK, ""},
        {{.time_ms = 2}, {.time_ns = 2000000}, STATUS_LIMIT, "time in ms, 2,"},
        {{.bytes = 10}, {.bytes = 9}, STATUS_OK, ""},
        {{.bytes = 10}, {.bytes = 10}, STATUS_LIMIT, "bytes, 10,"},
        {{.fuel = 10}, {.fuel = 11}, STATUS_LIMIT, "fuel, 10,"},
        {{.tasks = 1}, {.fuel = 11, .bytes = 11}, STATUS_OK, ""},
        {{0}, {UINT64_MAX, UINT64_MAX, UINT64_MAX, 0}, STATUS_OK, ""},
    };
    struct store *store = store_open_memory();
    struct quotas *quotas = open_quotas(store);
    (void)state;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        const struct row *row = &rows[index];
        char name[8];
        struct error err = {0};
        snprintf(name, sizeof name, "q%zu", index);
        const Text id = text_of(name);
        set(quotas, id, row->totals);
        assert_int_equal(quota_begin(quotas, id, &err), STATUS_OK);
        quota_end(quotas, id, &row->cost, NULL);
        assert_int_equal(quota_begin(quotas, id, &err), row->expected);
        assert_non_null(strstr(err.message, row->words));
        if (row->expected == STATUS_LIMIT)
            assert_non_null(strstr(err.message, name));
    }
    quotas_close(quotas);
    store_close(store);
}

static void holds_back_more_tasks_at_once_than_said(void **state)
{
    struct store *store = store_open_memory();
    struct quotas *quotas = open_quotas(store);
    struct error err = {0};
    const Text id = TEXT("tea");
    (void)state;
    set(quotas, id, (struct quota_totals){.tasks = 2});
    assert_int_equal(quota_begin(quotas, id, &err), STATUS_OK);
    assert_int_equal(quota_begin(quotas, id, &err), STATUS_OK);
    assert_int_equal(quota_begin(quotas, id, &err), STATUS_BUSY);
    assert_int_equal(used_of(quotas, id).tasks, 2);
    quota_end(quotas, id, &(struct quota_used){0}, NULL);
    assert_int_equal(quota_begin(quotas, id, &err), STATUS_OK);
    quotas_close(quotas);
    // Nothing runs after a restart.
    quotas = open_quotas(store);
    assert_int_equal(used_of(quotas, id).tasks, 0);
    quotas_close(quotas);
    store_close(store);
}

static void bounds_by_how_much_a_total_is_passed(void **state)
{
    struct store *store = store_open_memory();
    struct quotas *quotas = open_quotas(store);
    struct error err = {0};
    const Text id = TEXT("tea");
    (void)state;
    set(quotas, id, (struct quota_totals){.bytes = 1, .tasks = 1000});
    for (unsigned task = 0; task < QUOTA_AT_ONCE; task++)
        assert_int_equal(quota_begin(quotas, id, &err), STATUS_OK);
    assert_int_equal(quota_begin(quotas, id, &err), STATUS_BUSY);
    // Without such a total there is nothing to pass.
    set(quotas, id, (struct quota_totals){.tasks = 1000});
    assert_int_equal(quota_begin(quotas, id, &err), STATUS_OK);
    quotas_close(quotas);
    store_close(store);
}

/* What was given to the store with a batch is there; what was not is not. */
static void counts_with_the_batch_of_the_result(void **state)
{
    struct store *store = store_open_memory();
    struct quotas *quotas = open_quotas(store);
    struct store_batch *batch = store_batch_new(store);
    const struct quota_used cost = {.time_ns = 7, .bytes = 5, .fuel = 3};
    const Text id = TEXT("tea"), other = TEXT("milk");
    (void)state;
    set(quotas, id, (struct quota_totals){.bytes = 100});
    set(quotas, other, (struct quota_totals){.bytes = 100});
    assert_int_equal(quota_begin(quotas, id, NULL), STATUS_OK);
    assert_int_equal(quota_begin(quotas, other, NULL), STATUS_OK);
    quota_end(quotas, other, &cost, NULL); // with the next
    quota_end(quotas, id, &cost, batch);

    struct quotas *crashed = open_quotas(store);
    assert_int_equal(used_of(crashed, id).bytes, 0);
    quotas_close(crashed);
    assert_int_equal(store_commit(batch, NULL), STATUS_OK);
    crashed = open_quotas(store);
    assert_int_equal(used_of(crashed, id).bytes, 5);
    assert_int_equal(used_of(crashed, id).time_ns, 7);
    assert_int_equal(used_of(crashed, id).fuel, 3);
    assert_int_equal(used_of(crashed, other).bytes, 5);
    quotas_close(crashed);
    store_batch_free(batch);
    quotas_close(quotas);
    store_close(store);
}

static void a_batch_under_way_brings_no_old_totals_back(void **state)
{
    struct store *store = store_open_memory();
    struct quotas *quotas = open_quotas(store);
    struct store_batch *batch = store_batch_new(store);
    struct quota_totals totals;
    struct quota_used used;
    const Text id = TEXT("tea");
    (void)state;
    set(quotas, id, (struct quota_totals){.bytes = 100});
    assert_int_equal(quota_begin(quotas, id, NULL), STATUS_OK);
    quota_end(quotas, id, &(struct quota_used){.bytes = 5}, batch);
    set(quotas, id, (struct quota_totals){.bytes = 200, .tasks = 9});
    assert_int_equal(store_commit(batch, NULL), STATUS_OK);
    store_batch_free(batch);
    quotas_close(quotas);
    quotas = open_quotas(store);
    assert_int_equal(quota_look(quotas, id, &totals, &used, NULL), STATUS_OK);
    assert_int_equal(totals.bytes, 200);
    assert_int_equal(totals.tasks, 9);
    assert_int_equal(used.bytes, 5); // what was used stays
    quotas_close(quotas);
    store_close(store);
}

static void a_removed_one_is_gone_with_what_was_used(void **state)
{
    struct store *store = store_open_memory();
    struct quotas *quotas = open_quotas(store);
    struct error err = {0};
    const Text id = TEXT("tea");
    (void)state;
    set(quotas, id, (struct quota_totals){.tasks = 1});
    assert_int_equal(quota_begin(quotas, id, NULL), STATUS_OK);
    assert_int_equal(quota_remove(quotas, id, &err), STATUS_OK);
    assert_int_equal(quota_remove(quotas, id, &err), STATUS_NOT_FOUND);
    assert_int_equal(quota_begin(quotas, id, &err), STATUS_NOT_FOUND);
    assert_non_null(strstr(err.message, "tea"));
    quota_end(quotas, id, &(struct quota_used){.bytes = 5}, NULL);
    set(quotas, id, (struct quota_totals){.tasks = 1});
    assert_int_equal(used_of(quotas, id).bytes, 0);
    // The end of a task of before leaves no place below none.
    quota_end(quotas, id, &(struct quota_used){.bytes = 5}, NULL);
    assert_int_equal(used_of(quotas, id).tasks, 0);
    quotas_close(quotas);
    quotas = open_quotas(store);
    assert_int_equal(used_of(quotas, id).bytes, 5);
    quotas_close(quotas);
    store_close(store);
}

static void a_damaged_row_gives_nothing_away(void **state)
{
    static const char *const damaged[] = {"", "x", "\xa0", "\xf6",
                                          "\xa1\x61x\x01"};
    (void)state;
    for (size_t index = 0; index < sizeof damaged / sizeof *damaged; index++) {
        struct store *store = store_open_memory();
        struct quotas *quotas = open_quotas(store);
        struct error err = {0};
        set(quotas, TEXT("tea"), (struct quota_totals){.bytes = 9});
        set(quotas, TEXT("milk"), (struct quota_totals){.bytes = 9});
        quotas_close(quotas);
        struct store_batch *batch = store_batch_new(store);
        const Bytes bytes = text_bytes(text_of(damaged[index]));
        store_batch_quota(batch, TEXT("tea"), bytes);
        store_batch_quota(batch, TEXT("milk/used"), bytes);
        store_batch_quota(batch, TEXT("no name/used"), bytes);
        assert_int_equal(store_commit(batch, NULL), STATUS_OK);
        store_batch_free(batch);
        quotas = open_quotas(store);
        assert_int_equal(quota_begin(quotas, TEXT("tea"), &err),
                         STATUS_NOT_FOUND);
        assert_int_equal(quota_begin(quotas, TEXT("milk"), &err),
                         STATUS_LIMIT);
        quotas_close(quotas);
        store_close(store);
    }
}

static void tells_what_is_left(void **state)
{
    struct store *store = store_open_memory();
    struct quotas *quotas = open_quotas(store);
    struct quota_totals left;
    const Text id = TEXT("tea");
    (void)state;
    set(quotas, id,
        (struct quota_totals){.time_ms = 10, .fuel = 5, .tasks = 3});
    assert_int_equal(quota_begin(quotas, id, NULL), STATUS_OK);
    quota_end(quotas, id, &(struct quota_used){.time_ns = 3999999, .fuel = 9},
              NULL);
    quota_left(quotas, id, &left);
    assert_int_equal(left.time_ms, 7);
    assert_int_equal(left.fuel, 1); // used up: never "no bound"
    assert_int_equal(left.bytes, 0);
    assert_int_equal(left.tasks, 3);
    quota_left(quotas, TEXT("milk"), &left);
    assert_int_equal(left.time_ms, 0);
    quotas_close(quotas);
    store_close(store);
}

static bool note_name(void *context, Text id,
                      const struct quota_totals *totals,
                      const struct quota_used *used)
{
    char *names = context;
    (void)totals;
    (void)used;
    strncat(names, id.data, id.len);
    strcat(names, " ");
    return true;
}

static void tells_all_by_name(void **state)
{
    struct store *store = store_open_memory();
    struct quotas *quotas = open_quotas(store);
    char names[64] = "";
    (void)state;
    set(quotas, TEXT("c"), (struct quota_totals){0});
    set(quotas, TEXT("a"), (struct quota_totals){0});
    set(quotas, TEXT("b"), (struct quota_totals){0});
    quotas_each(quotas, note_name, names);
    assert_string_equal(names, "a b c ");
    quotas_close(quotas);
    store_close(store);
}

static void refuses_names_that_are_none(void **state)
{
    char longest[QUOTA_NAME_MAX + 2];
    struct error err = {0};
    (void)state;
    memset(longest, 'a', sizeof longest);
    assert_int_equal(quota_id_check((Text){longest, QUOTA_NAME_MAX}, &err),
                     STATUS_OK);
    assert_int_equal(quota_id_check((Text){longest, QUOTA_NAME_MAX + 1}, &err),
                     STATUS_INVALID);
    for (unsigned byte = 0; byte < 256; byte++) {
        const char name = (char)byte;
        const bool good = (byte >= 'a' && byte <= 'z') ||
                          (byte >= 'A' && byte <= 'Z') ||
                          (byte >= '0' && byte <= '9') || byte == '_' ||
                          byte == '.' || byte == ':' || byte == '-';
        assert_int_equal(quota_id_check((Text){&name, 1}, &err),
                         good ? STATUS_OK : STATUS_INVALID);
    }
    assert_int_equal(quota_id_check(TEXT(""), &err), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_total_that_is_used_up),
        cmocka_unit_test(holds_back_more_tasks_at_once_than_said),
        cmocka_unit_test(bounds_by_how_much_a_total_is_passed),
        cmocka_unit_test(counts_with_the_batch_of_the_result),
        cmocka_unit_test(a_batch_under_way_brings_no_old_totals_back),
        cmocka_unit_test(a_removed_one_is_gone_with_what_was_used),
        cmocka_unit_test(a_damaged_row_gives_nothing_away),
        cmocka_unit_test(tells_what_is_left),
        cmocka_unit_test(tells_all_by_name),
        cmocka_unit_test(refuses_names_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
