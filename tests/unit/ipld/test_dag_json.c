/* SPDX-License-Identifier: Apache-2.0 */
/* test_dag_json.c - reading takes any layout, writing knows one. */
#include "ipld/dag_json.h"

#include <locale.h>

#include "ipld/dag_cbor.h"
#include "ipld/float_text.h"
#include "unit/ipld/hex.h"

static Status decode_text(const char *json, struct arena *arena, Value *out,
                          struct error *err)
{
    Bytes bytes = exact_copy(text_bytes(text_of(json)));
    Status status = dag_json_decode(bytes, arena, out, err);
    Value copy = {.kind = VALUE_NULL};
    if (status == STATUS_OK)
        copy = value_copy(arena, out);
    *out = copy;
    exact_free(bytes);
    return status;
}

#define CID_TEXT "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
#define LINK "{\"/\":\"" CID_TEXT "\"}"

/* What is read, and how it is written again. */
static const char *const good[][2] = {
    {" null ", "null"},
    {"[ ]", "[]"},
    {"{ }", "{}"},
    {"[true,\n\tfalse\r]", "[true,false]"},
    {"-0", "0"},
    {"18446744073709551615", "18446744073709551615"},
    {"-18446744073709551616", "-18446744073709551616"},
    {"-18446744073709551615", "-18446744073709551615"},
    {"-9223372036854775809", "-9223372036854775809"},
    // Beyond 64 bits an integer is the nearest float.
    {"18446744073709551616", "18446744073709552000.0"},
    {"-18446744073709551617", "-18446744073709552000.0"},
    {"123456789012345678901234567890", "1.2345678901234568e+29"},
    {"1.0", "1.0"},
    {"-0.0", "-0.0"},
    {"1e2", "100.0"},
    {"1E+2", "100.0"},
    {"1.5e-7", "1.5e-7"},
    {"0.000001", "0.000001"},
    {"1e20", "100000000000000000000.0"},
    {"1e21", "1e+21"},
    {"9007199254740993.0", "9007199254740992.0"},
    {"1e-400", "0.0"},
    {"5e-324", "5e-324"},
    {"2.2250738585072014e-308", "2.2250738585072014e-308"},
    {"1.7976931348623157e308", "1.7976931348623157e+308"},
    {"5.684341886080802e-14", "5.684341886080802e-14"}, /* 2^-44 */
    {"\"\\u0041\\n\\/\\\"\\\\\\b\\f\\r\\t\"", "\"A\\n/\\\"\\\\\\b\\f\\r\\t\""},
    {"\"\\u0001\\u001f\\u007f\"", "\"\\u0001\\u001f\x7f\""},
    {"\"\\ud834\\udd1e \\u6c34 \\u00df\"", "\"\xf0\x9d\x84\x9e 水 ß\""},
    {"\"\\u0000\"", "\"\\u0000\""},
    {"{\"b\":1,\"a\":2,\"aa\":3}", "{\"a\":2,\"aa\":3,\"b\":1}"},
    {LINK, LINK},
    {"{\"/\":\"zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA\"}", NULL},
    {"{\"/\":\"QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n\"}",
     "{\"/\":\"QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n\"}"},
    {"{\"/\":{\"bytes\":\"\"}}", "{\"/\":{\"bytes\":\"\"}}"},
    {"{ \"/\" : { \"bytes\" : \"AQID\" } }", "{\"/\":{\"bytes\":\"AQID\"}}"},
    {"{\"/\":{\"bytes\":\"/+8\"}}", "{\"/\":{\"bytes\":\"/+8\"}}"},
    // Near the reserved forms, and none of them.
    {"{\"/\":1}", "{\"/\":1}"},
    {"{\"/\":true,\"x\":\"y\"}", "{\"/\":true,\"x\":\"y\"}"},
    {"{\"/\":{\"bytes\":1}}", "{\"/\":{\"bytes\":1}}"},
    {"{\"/\":{\"a\":0,\"bytes\":\"x\"}}", "{\"/\":{\"a\":0,\"bytes\":\"x\"}}"},
    {"{\"/\":\"foo\",\"!\":1}", "{\"!\":1,\"/\":\"foo\"}"},
    {"{\"/\":[\"foo\"]}", "{\"/\":[\"foo\"]}"},
};

static void reads_any_layout_and_writes_one(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof good / sizeof good[0]; index++) {
        struct arena arena = {0};
        struct buffer out;
        struct error err = {0};
        Value value;

        if (decode_text(good[index][0], &arena, &value, &err) != STATUS_OK)
            fail_msg("%s: %s", good[index][0], err.message);
        buffer_init(&out, 4096);
        assert_int_equal(dag_json_encode(&value, &out, NULL), STATUS_OK);
        buffer_add_byte(&out, 0);
        if (good[index][1])
            assert_string_equal((const char *)out.data, good[index][1]);
        buffer_deinit(&out);
        arena_deinit(&arena);
    }
}

/* Each row breaks one rule at `offset`. */
static const struct {
    const char *json;
    size_t offset;
    const char *words;
} bad[] = {
    {"", 0, "ends before a value"},
    {"  ", 2, "ends before a value"},
    {"nul", 0, "not a value"},
    {"nulll", 4, "after the value"},
    {"1 2", 2, "after the value"},
    {"NaN", 0, "not a value"},
    {"Infinity", 0, "not a value"},
    {"+1", 0, "not a value"},
    {".5", 0, "not a value"},
    {"-", 0, "not a number"},
    {"01", 0, "not a number"},
    {"-01", 0, "not a number"},
    {"1.", 0, "not a number"},
    {"1.e5", 0, "not a number"},
    {"1e", 0, "not a number"},
    {"1e+", 0, "not a number"},
    {"0x10", 1, "after the value"},
    {"1e309", 0, "too large"},
    {"-1e309", 0, "too large"},
    {"[1", 2, "expected ',' or ']'"},
    {"[1,]", 3, "not a value"},
    {"[,1]", 1, "not a value"},
    {"[1 2]", 3, "expected ',' or ']'"},
    {"]", 0, "not a value"},
    {"{", 1, "key is not text"},
    {"{a:1}", 1, "key is not text"},
    {"{1:1}", 1, "key is not text"},
    {"{\"a\"}", 4, "expected ':'"},
    {"{\"a\":}", 5, "not a value"},
    {"{\"a\":1,}", 7, "key is not text"},
    {"{\"a\":1 \"b\":2}", 7, "expected ',' or '}'"},
    {"{\"a\":1,\"a\":1}", 0, "\"a\" appears twice"},
    {"{\"a\":1,\"\\u0061\":1}", 0, "\"a\" appears twice"},
    {"'a'", 0, "not a value"},
    {"\"a", 2, "ends inside text"},
    {"\"a\\", 3, "ends inside text"},
    {"\"a\\\"", 4, "ends inside text"},
    {"\"\x01\"", 1, "control character"},
    {"\"\n\"", 1, "control character"},
    {"\"\\\n\"", 1, "escape"},
    {"\"\xff\"", 1, "not UTF-8"},
    {"\"\xed\xa0\x80\"", 1, "not UTF-8"},
    {"\"\\x\"", 1, "escape"},
    {"\"\\u12\"", 1, "escape"},
    {"\"\\u12g4\"", 1, "escape"},
    {"\"\\ud800\"", 1, "escape"},
    {"\"\\ud800\\u0041\"", 1, "escape"},
    {"\"\\udc00\"", 1, "escape"},
    {"\"\\ud83d\\ud83d\"", 1, "escape"},
    {"// 1", 0, "not a value"},
    {"{\"/\":\"foo\"}", 0, "not a CID"},
    {"{\"/\":\"\"}", 0, "empty"},
    {"{\"/\":\"/ipfs/" CID_TEXT "\"}", 0, "not a CID"},
    {"{\"/\":\"" CID_TEXT "a\"}", 0, "not a CID"},
    {"{\"/\":\"foo\",\"bar\":1}", 0, "among other keys"},
    {"{\"/\":\"" CID_TEXT "\",\"bar\":1}", 0, "among other keys"},
    {"{\"/\":{\"bytes\":\"AQID\"},\"bar\":1}", 0, "among other keys"},
    {"{\"/\":{\"bytes\":\"AQID\",\"c\":1}}", 0, "among other keys"},
    {"{\"/\":{\"bytes\":\"AQI=\"}}", 0, "alphabet"},
    {"{\"/\":{\"bytes\":\"A\"}}", 0, "belong to no byte"},
    {"{\"/\":{\"bytes\":\"AR\"}}", 0, "belong to no byte"},
    {"{\"/\":{\"bytes\":\"_-\"}}", 0, "alphabet"},
    {"{\"/\":{\"bytes\":\"AQ ID\"}}", 0, "alphabet"},
};

static void refuses_what_breaks_a_rule_and_says_where(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        struct arena arena = {0};
        struct error err = {0};
        Value value;
        Status status = decode_text(bad[index].json, &arena, &value, &err);
        if (status != STATUS_INVALID || err.offset != bad[index].offset ||
            !strstr(err.message, bad[index].words))
            fail_msg("%s: %s, offset %zu, \"%s\"", bad[index].json,
                     status_name(status), err.offset, err.message);
        arena_deinit(&arena);
    }
}

static void refuses_every_truncation_of_a_map(void **state)
{
    (void)state;
    static const char json[] = "{\"a\":[1.5,\"x\\u00e9\",true],\"b\":" LINK
                               ",\"c\":{\"/\":{\"bytes\":\"AQID\"}}}";
    for (size_t len = 0; len <= strlen(json); len++) {
        struct arena arena = {0};
        Value value;
        Bytes part = exact_copy(bytes_of(json, len));
        assert_int_equal(dag_json_decode(part, &arena, &value, NULL),
                         len == strlen(json) ? STATUS_OK : STATUS_INVALID);
        arena_deinit(&arena);
        exact_free(part);
    }
}

static void takes_a_depth_of_128_and_no_more(void **state)
{
    (void)state;
    for (size_t depth = 127; depth < 131; depth++) {
        char json[400];
        struct arena arena = {0};
        Value value;
        memset(json, '[', depth);
        memset(json + depth, ']', depth);
        assert_int_equal(
            dag_json_decode(bytes_of(json, 2 * depth), &arena, &value, NULL),
            depth > CODEC_DEPTH_MAX ? STATUS_LIMIT : STATUS_OK);
        arena_deinit(&arena);
    }
}

static void does_not_write_a_map_that_reads_as_something_else(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buffer out;
    Value link = value_map1(&arena, TEXT("/"), value_text(TEXT("foo")));
    Value bytes =
        value_map1(&arena, TEXT("/"),
                   value_map1(&arena, TEXT("bytes"), value_text(TEXT("foo"))));
    Value list = value_list(&bytes, 1);

    buffer_init(&out, 4096);
    assert_int_equal(dag_json_encode(&link, &out, NULL), STATUS_INVALID);
    assert_int_equal(dag_json_encode(&bytes, &out, NULL), STATUS_INVALID);
    assert_int_equal(dag_json_encode(&list, &out, NULL), STATUS_INVALID);
    // People may still see it.
    buffer_clear(&out);
    assert_int_equal(dag_json_print(&link, &out, NULL), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&out),
                            text_bytes(TEXT("{\n  \"/\": \"foo\"\n}"))));
    buffer_deinit(&out);
    buffer_init(&out, 4);
    Value text = value_text(TEXT("longer than that"));
    assert_int_equal(dag_json_encode(&text, &out, NULL), STATUS_LIMIT);
    buffer_deinit(&out);
    arena_deinit(&arena);
}

static void prints_for_people(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buffer out;
    Value value;
    assert_int_equal(decode_text("{\"b\":[1,{}],\"a\":[],\"l\":" LINK
                                 ",\"x\":{\"/\":{\"bytes\":\"AQID\"}}}",
                                 &arena, &value, NULL),
                     STATUS_OK);
    buffer_init(&out, 4096);
    assert_int_equal(dag_json_print(&value, &out, NULL), STATUS_OK);
    buffer_add_byte(&out, 0);
    assert_string_equal((const char *)out.data,
                        "{\n"
                        "  \"a\": [],\n"
                        "  \"b\": [\n"
                        "    1,\n"
                        "    {}\n"
                        "  ],\n"
                        "  \"l\": {\"/\": \"" CID_TEXT "\"},\n"
                        "  \"x\": {\"/\": {\"bytes\": \"AQID\"}}\n"
                        "}");
    buffer_deinit(&out);
    arena_deinit(&arena);
}

static void floats_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    // Any locale with a decimal comma does; without one the test says so.
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
    bool changed = false;
    char text[FLOAT_TEXT_MAX];
    double number;

    for (size_t index = 0; index < 3 && !changed; index++)
        changed = setlocale(LC_ALL, names[index]) != NULL;
    if (!changed)
        print_message("no locale with a decimal comma here: weaker test\n");
    float_to_text(1234.5, text);
    assert_string_equal(text, "1234.5");
    assert_true(float_from_text(TEXT("0.25"), &number));
    assert_true(number == 0.25);
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_any_layout_and_writes_one),
        cmocka_unit_test(refuses_what_breaks_a_rule_and_says_where),
        cmocka_unit_test(refuses_every_truncation_of_a_map),
        cmocka_unit_test(takes_a_depth_of_128_and_no_more),
        cmocka_unit_test(does_not_write_a_map_that_reads_as_something_else),
        cmocka_unit_test(prints_for_people),
        cmocka_unit_test(floats_do_not_depend_on_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
