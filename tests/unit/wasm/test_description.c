/* SPDX-License-Identifier: Apache-2.0 */
/* Module descriptions: read strictly, and searched for functions by names as
 * people spell them. */
#include "wasm_test.h"

#include <stdio.h>

#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "unit/ipld/hex.h"
#include "wasm/description.h"
#include "wasm/function_name.h"

static Bytes cbor_of(const char *json, struct arena *arena)
{
    struct error err = {.message = ""};
    Value value;
    Cid cid;
    if (dag_json_decode(text_bytes(text_of(json)), arena, &value, &err) !=
        STATUS_OK)
        fail_msg("%s: %s", json, err.message);
    return dag_cbor_block(&value, arena, &cid);
}

#define WHOLE(types, functions)                                               \
    "{\"format\":2,\"kind\":\"wit\",\"imports\":[{\"module\":\"m\","          \
    "\"name\":\"n\",\"params\":[\"i32\"],\"results\":[]}],\"types\":[" types  \
    "],\"functions\":[" functions "],\"memory\":true,\"initialize\":false}"

static const char good[] = WHOLE(
    "\"u8\",\"string\",{\"list\":0},{\"option\":1},{\"record\":[[\"bb\",0],"
    "[\"a\",3]]},{\"variant\":[[\"x\",null],[\"y\",4]]},{\"enum\":[\"p\","
    "\"q\"]},{\"flags\":[\"f\",\"g\"]},{\"result\":[0,null]},{\"tuple\":[0,1]}"
    ",{\"own\":\"a:b/c\"},\"u64\"",
    "{\"name\":\"f\",\"params\":[[\"x\",4],[\"y\",0]],\"result\":5,\"core\":"
    "{\"export\":\"f\",\"realloc\":\"cabi_realloc\",\"encoding\":\"utf8\"}}");

static void reads_types_with_their_layout(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct description description;
    struct error err = {.message = ""};
    Bytes block = cbor_of(good, &arena);
    if (description_decode(block, &arena, &description, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    // record { bb: u8, a: option<string> }
    const struct wit_type *record = &description.types[4];
    assert_int_equal(record->size, 16);
    assert_int_equal(record->align, 4);
    assert_int_equal(record->flat, 4);
    assert_int_equal(record->members[1].offset, 4);
    assert_int_equal(record->members[1].flat, 1);
    // Keys of a map: the shorter first.
    assert_int_equal(record->order[0], 1);
    const struct wit_type *variant = &description.types[5];
    assert_int_equal(variant->size, 20);
    assert_int_equal(variant->payload_offset, 4);
    assert_int_equal(variant->flat, 5);
    assert_int_equal(variant->depth, 4);
    const struct wasm_function *function =
        description_find(&description, TEXT("f"));
    assert_non_null(function);
    assert_true(function->has_core);
    assert_int_equal(function->params->flat, 5);
    assert_int_equal(description.types[10].refused.len, 5);
    assert_int_equal(description.import_count, 1);
    arena_deinit(&arena);
}

static void refuses_whatever_is_no_description(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        Status status;
    } rows[] = {
        {"1", STATUS_INVALID},
        {"{}", STATUS_INVALID},
        {"{\"format\":1}", STATUS_UNSUPPORTED},
        {"{\"format\":2}", STATUS_INVALID},
        {"{\"format\":2,\"kind\":\"what\"}", STATUS_INVALID},
        {"{\"format\":2,\"refused\":{\"name\":\"x\",\"message\":\"\"}}",
         STATUS_INVALID},
        {"{\"format\":2,\"refused\":{\"name\":\"refused/module\","
         "\"message\":\"m\"}}",
         STATUS_OK},
        {WHOLE("", ""), STATUS_OK},
        {WHOLE("\"u9\"", ""), STATUS_INVALID},
        {WHOLE("1", ""), STATUS_INVALID},
        {WHOLE("{}", ""), STATUS_INVALID},
        {WHOLE("{\"list\":0}", ""), STATUS_INVALID},
        {WHOLE("{\"list\":-1}", ""), STATUS_INVALID},
        {WHOLE("\"u8\",{\"list\":null}", ""), STATUS_INVALID},
        {WHOLE("\"u8\",{\"result\":[0]}", ""), STATUS_INVALID},
        {WHOLE("\"u8\",{\"record\":[[\"a\"]]}", ""), STATUS_INVALID},
        {WHOLE("\"u8\",{\"record\":[[\"a\",0],[\"a\",0]]}", ""),
         STATUS_INVALID},
        {WHOLE("{\"enum\":[]}", ""), STATUS_INVALID},
        {WHOLE("{\"variant\":[]}", ""), STATUS_INVALID},
        {WHOLE("{\"own\":1}", ""), STATUS_INVALID},
        {WHOLE("", "{\"name\":\"f\",\"params\":[[\"x\",0]]}"), STATUS_INVALID},
        {WHOLE("", "{\"params\":[]}"), STATUS_INVALID},
    };
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        struct arena arena = {0};
        struct description description;
        Bytes block = exact_copy(cbor_of(rows[index].json, &arena));
        Status status = description_decode(block, &arena, &description, NULL);
        if (status != rows[index].status)
            fail_msg("%s gave %s", rows[index].json, status_name(status));
        exact_free(block);
        arena_deinit(&arena);
    }
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct description description;
    Bytes block = cbor_of(good, &arena);
    for (size_t len = 0; len < block.len; len++) {
        Bytes cut = exact_copy(bytes_of(block.data, len));
        assert_int_not_equal(
            description_decode(cut, &arena, &description, NULL), STATUS_OK);
        exact_free(cut);
    }
    arena_deinit(&arena);
}

/* Each type a pair of the one before: 2^40 bytes at the end. */
static void marks_types_that_no_memory_holds(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct description description;
    char types[1000] = "\"u64\"", json[2000];
    for (int index = 0; index < 40; index++) {
        size_t len = strlen(types);
        snprintf(types + len, sizeof types - len, ",{\"tuple\":[%d,%d]}",
                 index, index);
    }
    snprintf(json, sizeof json, WHOLE("%s", ""), types);
    Bytes block = cbor_of(json, &arena);
    assert_int_equal(description_decode(block, &arena, &description, NULL),
                     STATUS_OK);
    assert_int_equal(description.types[28].refused.len, 0);
    assert_true(description.types[40].refused.len > 0);
    arena_deinit(&arena);
}

static void finds_functions_by_loose_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *found; /* NULL: the message of the next */
        const char *says;
    } rows[] = {
        {"a:b/i#to-png", "a:b/i#to-png", 0},
        {"to-png", "a:b/i#to-png", 0},
        {"to_png", "a:b/i#to-png", 0},
        {"toPng", "a:b/i#to-png", 0},
        {"ToPNG", "a:b/i#to-png", 0},
        {"snake-case", "snake_case", 0},
        {"camel-case", "camelCase", 0},
        {"pascal_case", "PascalCase", 0},
        {"loud", "LOUD", 0},
        {"Base64Decode", "base64-decode", 0},
        {"crop", NULL, "function crop could be: a:b/i#crop, a:b/j#crop"},
        {"to-pgn", NULL, "no function to-pgn, did you mean a:b/i#to-png?"},
        {"something-else", NULL,
         "no function something-else, the module has: a:b/i#to-png, "
         "a:b/i#crop, a:b/j#crop, snake_case, camelCase, PascalCase, LOUD, "
         "base64-decode"},
        {"", NULL, NULL},
    };
    const size_t several = 10; /* the row with "crop" */
    static const char *const names[] = {
        "a:b/i#to-png", "a:b/i#crop", "a:b/j#crop", "snake_case",
        "camelCase",    "PascalCase", "LOUD",       "base64-decode"};
    struct wasm_function functions[8] = {0};
    for (size_t index = 0; index < 8; index++)
        functions[index].name = text_of(names[index]);
    const struct description description = {.functions = functions,
                                            .function_count = 8};
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        const struct wasm_function *found = NULL;
        struct error err = {.message = ""};
        Status status = function_name_find(
            &description, text_of(rows[index].name), &found, &err);
        if (rows[index].found) {
            assert_int_equal(status, STATUS_OK);
            assert_true(text_equal(found->name, text_of(rows[index].found)));
            continue;
        }
        assert_int_equal(status,
                         index == several ? STATUS_INVALID : STATUS_NOT_FOUND);
        if (rows[index].says)
            assert_string_equal(err.message, rows[index].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_types_with_their_layout),
        cmocka_unit_test(refuses_whatever_is_no_description),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(marks_types_that_no_memory_holds),
        cmocka_unit_test(finds_functions_by_loose_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
