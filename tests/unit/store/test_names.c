/* SPDX-License-Identifier: Apache-2.0 */
/* Names: what may be one, what it leads to, what it led to before. */
#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"

#include "base/arena.h"
#include "base/bytes.h"

static void set(struct store *store, const char *name, const char *text)
{
    struct store_batch *batch = store_batch_new(store);
    const Cid cid = cid_of_text(text);
    store_batch_name(batch, text_of(name), &cid);
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

static void unset(struct store *store, const char *name)
{
    struct store_batch *batch = store_batch_new(store);
    store_batch_unname(batch, text_of(name));
    assert_ok(store_commit(batch, NULL));
    store_batch_free(batch);
}

static void assert_is(struct store *store, const char *name, const char *text)
{
    const Cid wanted = cid_of_text(text);
    Cid found;
    assert_ok(name_get(store, text_of(name), &found, NULL));
    assert_true(cid_equal(&found, &wanted));
}

static void assert_unknown(struct store *store, const char *name)
{
    Cid found;
    struct error err = {0};
    assert_status(name_get(store, text_of(name), &found, &err),
                  STATUS_NOT_FOUND);
    assert_non_null(strstr(err.message, name));
}

struct list {
    char text[4096];
    size_t len;
    unsigned stop_after; /* 0: never */
    unsigned count;
};

static bool write_down(void *context, Text name, unsigned age, const Cid *cid,
                       int64_t set_s)
{
    struct list *list = context;
    assert_true(cid->len > 0 && set_s > 1500000000);
    list->len +=
        (size_t)snprintf(list->text + list->len, sizeof list->text - list->len,
                         "%.*s:%u ", (int)name.len, name.data, age);
    return ++list->count != list->stop_after;
}

static void assert_lists(struct store *store, const char *prefix,
                         bool with_history, const char *expected)
{
    struct list list = {0};
    assert_ok(name_each(store, text_of(prefix), with_history, write_down,
                        &list, NULL));
    assert_string_equal(list.text, expected);
}

static void a_name_leads_to_what_it_was_set_to_last(void **state)
{
    struct fixture *fixture = *state;
    assert_unknown(fixture->store, "photo/latest");
    set(fixture->store, "photo/latest", "one");
    assert_is(fixture->store, "photo/latest", "one");
    set(fixture->store, "photo/latest", "two");
    assert_is(fixture->store, "photo/latest", "two");
    reopen(fixture);
    assert_is(fixture->store, "photo/latest", "two");
    unset(fixture->store, "photo/latest");
    assert_unknown(fixture->store, "photo/latest");
    reopen(fixture);
    assert_lists(fixture->store, "", true, "");
}

static void what_a_name_was_stays_in_its_history(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    set(store, "b", "one");
    set(store, "b", "two");
    set(store, "b", "two"); // Changes nothing.
    set(store, "b", "one");
    set(store, "a/x", "one");
    set(store, "a", "one");
    assert_lists(store, "", false, "a:0 a/x:0 b:0 ");
    assert_lists(store, "", true, "a:0 a/x:0 b:0 b:1 b:2 ");
    assert_lists(store, "a", true, "a:0 a/x:0 ");
    assert_lists(store, "c", true, "");
}

static void a_history_has_a_bound(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    char text[16];
    for (int version = 0; version < NAME_HISTORY_MAX + 5; version++) {
        snprintf(text, sizeof text, "%d", version);
        set(store, "n", text);
    }
    struct list list = {.stop_after = NAME_HISTORY_MAX};
    assert_ok(name_each(store, TEXT("n"), true, write_down, &list, NULL));
    assert_int_equal(list.count, NAME_HISTORY_MAX);
    list = (struct list){0};
    assert_ok(name_each(store, TEXT("n"), true, write_down, &list, NULL));
    assert_int_equal(list.count, NAME_HISTORY_MAX);
    assert_is(store, "n", "104");
}

static void a_list_ends_when_told_to(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    set(store, "a", "one");
    set(store, "a", "two");
    set(store, "b", "one");
    struct list list = {.stop_after = 2};
    assert_ok(name_each(store, TEXT(""), true, write_down, &list, NULL));
    assert_string_equal(list.text, "a:0 a:1 ");
}

static void names_under_way_are_seen_at_once(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const Cid one = cid_of_text("one");
    for (int round = 0; round < 50; round++) {
        struct store_batch *batch = store_batch_new(store);
        store_batch_name(batch, TEXT("n"), &one);
        store_commit_async(batch, NULL, NULL);
        assert_is(store, "n", "one");
        batch = store_batch_new(store);
        store_batch_unname(batch, TEXT("n"));
        store_commit_async(batch, NULL, NULL);
        assert_unknown(store, "n");
    }
    assert_ok(store_flush(store, NULL));
}

static void refuses_what_is_not_a_name(void **state)
{
    static const struct {
        const char *name, *why;
    } bad[] = {
        {"", "not empty"},    {"/", "empty word"},       {"/a", "empty word"},
        {"a/", "empty word"}, {"a//b", "empty word"},    {"a b", "byte 2"},
        {"a\nb", "byte 2"},   {"caf\xc3\xa9", "byte 4"}, {"a:b", "byte 2"},
        {"..", "directory"},  {"a/./b", "directory"},
    };
    struct store *store = ((struct fixture *)*state)->store;
    const Cid cid = cid_of_text("one");
    for (size_t index = 0; index < sizeof bad / sizeof *bad; index++) {
        const Text name = text_of(bad[index].name);
        struct error err = {0};
        assert_status(name_check(name, &err), STATUS_INVALID);
        assert_non_null(strstr(err.message, bad[index].why));
        struct store_batch *batch = store_batch_new(store);
        store_batch_name(batch, name, &cid);
        assert_status(store_commit(batch, &err), STATUS_INVALID);
        store_batch_free(batch);
    }
    char longest[NAME_LEN_MAX + 2];
    memset(longest, 'x', sizeof longest);
    assert_ok(name_check((Text){longest, NAME_LEN_MAX}, NULL));
    assert_status(name_check((Text){longest, NAME_LEN_MAX + 1}, NULL),
                  STATUS_INVALID);
    assert_ok(name_check(TEXT("a.b_c-D/9..8"), NULL));
}

#define ON_BOTH(test)                                                         \
    {#test " in memory", test, setup_memory, teardown, NULL},                 \
    {                                                                         \
#test " on disk", test, setup_lmdb, teardown, NULL                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_name_leads_to_what_it_was_set_to_last),
        ON_BOTH(what_a_name_was_stays_in_its_history),
        ON_BOTH(a_history_has_a_bound),
        ON_BOTH(a_list_ends_when_told_to),
        ON_BOTH(names_under_way_are_seen_at_once),
        ON_BOTH(refuses_what_is_not_a_name),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
