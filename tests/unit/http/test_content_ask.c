/* SPDX-License-Identifier: Apache-2.0 */
#include "http/content_ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RAW "application/vnd.ipld.raw"
#define CAR "application/vnd.ipld.car"
#define BROWSER                                                               \
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"       \
    "image/webp,*/*;q=0.8"

struct form_case {
    const char *accept, *format;
    ContentForm form;
};

static const struct form_case form_cases[] = {
    {"", "", FORM_PLAIN},
    {"*/*", "", FORM_PLAIN},
    {BROWSER, "", FORM_PLAIN},
    {"image/png", "", FORM_PLAIN},
    {RAW, "", FORM_RAW},
    {"Application/VND.ipld.RAW", "", FORM_RAW},
    {CAR, "", FORM_CAR},
    {CAR "; version=1; order=dfs; dups=y", "", FORM_CAR},
    {CAR ";version=\"1\"", "", FORM_CAR},
    {"application/vnd.ipld.dag-json", "", FORM_DAG_JSON},
    {"application/vnd.ipld.dag-cbor", "", FORM_DAG_CBOR},
    {"application/json", "", FORM_JSON},
    {"application/cbor", "", FORM_CBOR},
    /* By name before anything. */
    {"*/*, " RAW, "", FORM_RAW},
    {"application/json, text/plain, */*", "", FORM_JSON},
    /* Weights. */
    {RAW ";q=0.1, " CAR ";q=0.2", "", FORM_CAR},
    {RAW ";q=0.5, " CAR ";q=0.5", "", FORM_RAW},
    {RAW ";q=0.5, */*", "", FORM_PLAIN},
    {RAW ";q=0, */*;q=0.1", "", FORM_PLAIN},
    {RAW "; Q=0.001", "", FORM_RAW},
    {RAW ";q=2, " CAR, "", FORM_CAR},
    {RAW ";q=0.0001, " CAR ";q=0.1", "", FORM_CAR},
    {RAW ";q=, " CAR ";q=0.1", "", FORM_CAR},
    /* What is not known here is passed over where something else will do. */
    {CAR ";order=foo, " CAR ";order=dfs;dups=y;q=0.5", "", FORM_CAR},
    {CAR ";version=2, " RAW ";q=0.1", "", FORM_RAW},
    {"application/x-tar, */*", "", FORM_PLAIN},
    {",,;;,=," RAW ",", "", FORM_RAW},
    /* Commas and semicolons in quotes are none. */
    {"text/x;a=\"," RAW "\"", "", FORM_PLAIN},
    {"text/x;a=\"\\\"," RAW "\"", "", FORM_PLAIN},
    {"text/x;a=\"" RAW, "", FORM_PLAIN},
    /* The query says it first. */
    {CAR, "raw", FORM_RAW},
    {BROWSER, "car", FORM_CAR},
    {"", "dag-json", FORM_DAG_JSON},
    {"application/x-tar", "json", FORM_JSON},
};

/* On a heap block of exactly its length. */
static Text on_heap(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    return (Text){copy, len};
}

static void gives_the_form_that_is_wanted_most(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof form_cases / sizeof *form_cases;
         index++) {
        const struct form_case *row = &form_cases[index];
        const struct content_words words = {
            .accept = on_heap(row->accept, strlen(row->accept)),
            .format = text_of(row->format)};
        struct content_ask ask;
        struct error err = {0};
        const Status status = content_ask_read(&words, &ask, &err);
        if (status != STATUS_OK || ask.form != row->form)
            fail_msg("\"%s\" ?format=%s: %d, %s", row->accept, row->format,
                     (int)ask.form, err.message);
        assert_int_equal(ask.is_in_query, row->format[0] != '\0');
        free((void *)(uintptr_t)words.accept.data);
    }
}

struct bad_case {
    struct content_words words;
    Status status;
};

static const struct bad_case bad_cases[] = {
    {{.format = TEXT_INIT("tar")}, STATUS_UNSUPPORTED},
    {{.format = TEXT_INIT("RAW")}, STATUS_INVALID},
    {{.format = TEXT_INIT("ipns-record")}, STATUS_INVALID},
    {{.accept = TEXT_INIT("application/x-tar")}, STATUS_UNSUPPORTED},
    {{.accept = TEXT_INIT("application/vnd.ipfs.ipns-record")},
     STATUS_UNSUPPORTED},
    {{.accept = TEXT_INIT(CAR ";version=2")}, STATUS_UNSUPPORTED},
    {{.accept = TEXT_INIT(CAR ";order=foo")}, STATUS_UNSUPPORTED},
    {{.accept = TEXT_INIT(CAR ";dups=maybe")}, STATUS_UNSUPPORTED},
    {{.format = TEXT_INIT("car"), .car_version = TEXT_INIT("2")},
     STATUS_UNSUPPORTED},
    {{.format = TEXT_INIT("car"), .car_order = TEXT_INIT("bfs")},
     STATUS_UNSUPPORTED},
    {{.format = TEXT_INIT("car"), .car_dups = TEXT_INIT("1")},
     STATUS_UNSUPPORTED},
    {{.format = TEXT_INIT("car"), .dag_scope = TEXT_INIT("everything")},
     STATUS_INVALID},
    {{.format = TEXT_INIT("car"), .entity_bytes = TEXT_INIT("5")},
     STATUS_INVALID},
};

static void refuses_what_is_not_to_be_had(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof bad_cases / sizeof *bad_cases;
         index++) {
        struct content_ask ask;
        struct error err = {0};
        const Status status =
            content_ask_read(&bad_cases[index].words, &ask, &err);
        if (status != bad_cases[index].status)
            fail_msg("row %zu: %s", index, status_name(status));
        assert_string_not_equal(err.message, "");
    }
}

static struct content_ask ask_of(struct content_words words)
{
    struct content_ask ask;
    assert_int_equal(content_ask_read(&words, &ask, NULL), STATUS_OK);
    return ask;
}

static void reads_how_a_car_is_wanted(void **state)
{
    (void)state;
    const Text car = TEXT("car");
    struct content_ask ask = ask_of((struct content_words){.format = car});
    assert_int_equal(ask.scope, SCOPE_ALL);
    assert_false(ask.dups || ask.has_bytes);

    ask = ask_of((struct content_words){.format = car,
                                        .accept = TEXT(CAR ";dups=y"),
                                        .dag_scope = TEXT("block")});
    assert_int_equal(ask.scope, SCOPE_BLOCK);
    assert_true(ask.dups);

    /* The query before the header. */
    ask = ask_of((struct content_words){.accept = TEXT(CAR ";dups=y;order=x"),
                                        .car_dups = TEXT("n"),
                                        .car_order = TEXT("unk"),
                                        .dag_scope = TEXT("entity")});
    assert_int_equal(ask.form, FORM_CAR);
    assert_int_equal(ask.scope, SCOPE_ENTITY);
    assert_false(ask.dups);
}

static void bytes_of_an_entity_imply_its_scope(void **state)
{
    (void)state;
    struct content_words words = {.format = TEXT("car"),
                                  .entity_bytes = TEXT("5:-7")};
    struct content_ask ask = ask_of(words);
    assert_int_equal(ask.scope, SCOPE_ENTITY);
    assert_true(ask.has_bytes);
    assert_int_equal(ask.bytes.from, 5);
    assert_int_equal(ask.bytes.to, -7);

    words.dag_scope = TEXT("block");
    ask = ask_of(words);
    assert_int_equal(ask.scope, SCOPE_BLOCK);
    assert_false(ask.has_bytes);

    /* They are for CARs only. */
    words.format = TEXT("raw");
    words.entity_bytes = TEXT("nonsense");
    assert_int_equal(ask_of(words).form, FORM_RAW);
}

static void takes_a_header_that_is_cut_off_anywhere(void **state)
{
    static const char accept[] =
        "text/x;a=\"b\\\"c\", " CAR
        "; version=\"1\"; order=dfs; dups=y; q=0.125, */*;q=0.1";
    (void)state;
    for (size_t len = 0; len < sizeof accept; len++) {
        struct content_words words = {.accept = on_heap(accept, len)};
        struct content_ask ask;
        const Status status = content_ask_read(&words, &ask, NULL);
        assert_true(status == STATUS_OK || status == STATUS_UNSUPPORTED);
        free((void *)(uintptr_t)words.accept.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_form_that_is_wanted_most),
        cmocka_unit_test(refuses_what_is_not_to_be_had),
        cmocka_unit_test(reads_how_a_car_is_wanted),
        cmocka_unit_test(bytes_of_an_entity_imply_its_scope),
        cmocka_unit_test(takes_a_header_that_is_cut_off_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
