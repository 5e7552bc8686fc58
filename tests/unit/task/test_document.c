/* SPDX-License-Identifier: Apache-2.0 */
/* test_document.c - what bytes are, and IPVM 0.1.0 envelopes. */
#include "unit/task/task_test.h"

#include "ipld/dag_json.h"
#include "task/document.h"
#include "task/ipvm_0_1.h"

static void tells_documents_apart(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len; /* 0: up to the NUL */
        enum document_kind kind;
    } rows[] = {
        {"", 0, DOCUMENT_OTHER},
        {"hello", 0, DOCUMENT_OTHER},
        {"\0asm\x01\0\0\0", 8, DOCUMENT_WASM},
        {"\0asm\x0d\0\x01\0", 8, DOCUMENT_COMPONENT},
        {"ipvm: \"1.0\"\ntasks: {}\n", 0, DOCUMENT_MANIFEST},
        {"# mine\nname: x\nipvm: \"1.0\"\n", 0, DOCUMENT_MANIFEST},
        {"{\"ipvm\": \"1.0\", \"tasks\": {", 0, DOCUMENT_MANIFEST},
        {"{\"ipvm\": \"1.0\", \"tasks\": {}}", 0, DOCUMENT_MANIFEST},
        {"{\"tasks\": []}", 0, DOCUMENT_HOMESTAR},
        {"{\"name\":\"a\",\"workflow\":{\"tasks\":[]}}", 0, DOCUMENT_HOMESTAR},
        {"\xa1\x65tasks\x80", 8, DOCUMENT_HOMESTAR},
        {"{\"ipvm/workflow\": {}}", 0, DOCUMENT_IPVM_0_1},
        {"\xa1\x73ipvm/workflow@1.0.0\xa0", 22, DOCUMENT_WORKFLOW},
        {"\x0a\xa1\x67version\x02", 11, DOCUMENT_CAR},
        {"\x11\xa2\x65roots\x80\x67version\x01", 18, DOCUMENT_CAR},
        {"{\"a\": 1}", 0, DOCUMENT_OTHER},
        {"\xa0", 1, DOCUMENT_OTHER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Bytes bytes = bytes_of(
            rows[i].bytes, rows[i].len ? rows[i].len : strlen(rows[i].bytes));
        uint8_t *copy = exact_copy(bytes);
        enum document_kind kind = document_kind_of(bytes_of(copy, bytes.len));
        if (kind != rows[i].kind)
            TEST_FAIL("row %zu is %s\n", i, document_kind_name(kind).data);
        free(copy);
    }
}

#define MODULE "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
#define ENVELOPE(config, args)                                                \
    "{\"ipvm/workflow\":{\"v\":\"0.1.0\",\"global\":{" config "},\"tasks\":{" \
    "\"run\":{\"a\":{\"with\":\"wasm:1:" MODULE "\",\"do\":\"ipvm/run\","     \
    "\"inputs\":{\"func\":\"f\",\"args\":[" args "]}},\"b\":{\"with\":"       \
    "\"https://example.com/r\",\"do\":\"crud/update\",\"inputs\":{\"value\":" \
    "{\"ucan/promise\":[\"/\",\"a\"]}},\"meta\":{\"ipvm/config\":{\"time\":"  \
    "[400,\"nano\",\"seconds\"],\"memory\":[10,\"mega\",\"bytes\"]}}}}}},"    \
    "\"sig\":null}"

static void maps_an_envelope(void **state)
{
    (void)state;
    const char *text = ENVELOPE("\"time\":[10,\"minutes\"],\"gas\":7", "1");
    struct workflow *workflow = NULL;
    struct error err = {0};
    ASSERT_OK(ipvm_0_1_read(text_bytes(text_of(text)), &test_host, NULL,
                            &workflow, &err),
              &err);
    assert_int_equal(workflow->count, 2);
    assert_int_equal(workflow->tasks[0].limits.time_ms, 600000);
    assert_int_equal(workflow->tasks[0].limits.fuel, 7);
    assert_int_equal(workflow->tasks[1].limits.time_ms, 1); // rounded up
    assert_int_equal(workflow->tasks[1].limits.memory, 10000000);
    assert_true(text_equal(workflow->tasks[1].cmd, TEXT("/crud/update")));
    assert_int_equal(workflow->tasks[1].class, CLASS_COMMAND);
    assert_int_equal(workflow->tasks[1].awaits[0].task, 0);
    workflow_free(workflow);
    Cid cid;
    ipvm_0_1_cid(text_bytes(text_of(text)), &cid);
    assert_int_equal(cid_codec(&cid), CODEC_DAG_JSON);
}

static void refuses_envelopes(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } rows[] = {
        {"{\"ipvm/workflow\": 1}", "expected the map 'ipvm/workflow'"},
        {"{\"ipvm/workflow\": {\"v\": \"0.2.0\"}}", "'v' must be \"0.1.0\""},
        {"{\"ipvm/workflow\": {\"v\": \"0.1.0\"}}", "'tasks' must hold"},
        {ENVELOPE("\"time\":[1,\"years\"]", "1"), "'time' must be a number"},
        {ENVELOPE("\"time\":[-1,\"days\"]", "1"), "'time' must be a number"},
        {ENVELOPE("\"memory\":[1,\"x\",\"bytes\"]", "1"), "'memory' must"},
        {ENVELOPE("\"memory\":5", "1"), "'memory' must"},
        {ENVELOPE("\"gas\":-5", "1"), "'gas' must be an integer"},
        {ENVELOPE("\"secret\":true", "1"), "'secret' tasks"},
        {ENVELOPE("", "{\"ucan/promise\":[\"/\",\"c\"]}"), "awaits 'c'"},
        {ENVELOPE("", "{\"ucan/promise\":[\"/\",\"b\"]}"), "a cycle"},
        {ENVELOPE("", "{\"ucan/promise\":[1,\"b\"]}"),
         "task 'a': a promise must be [\"/\", label]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct workflow *workflow = NULL;
        struct error err = {0};
        assert_int_not_equal(ipvm_0_1_read(text_bytes(text_of(rows[i].json)),
                                           &test_host, NULL, &workflow, &err),
                             STATUS_OK);
        assert_has(err.message, rows[i].words);
    }
}

static void refuse_truncations(Bytes whole)
{
    for (size_t len = 0; len < whole.len; len++) {
        struct workflow *workflow = NULL;
        struct error err = {0};
        uint8_t *copy = exact_copy(bytes_of(whole.data, len));
        Bytes cut = bytes_of(copy, len);
        document_kind_of(cut);
        assert_int_not_equal(
            ipvm_0_1_read(cut, &test_host, NULL, &workflow, &err), STATUS_OK);
        assert_true(err.message[0] != '\0');
        free(copy);
    }
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    const char *json = ENVELOPE("\"time\":[10,\"minutes\"],\"gas\":7", "1");
    Bytes bytes = text_bytes(text_of(json));
    struct arena arena = {0};
    struct workflow *workflow = NULL;
    struct error err = {0};
    Value value;
    Cid cid;
    refuse_truncations(bytes);
    ASSERT_OK(dag_json_decode(bytes, &arena, &value, &err), &err);
    bytes = dag_cbor_block(&value, &arena, &cid);
    ASSERT_OK(ipvm_0_1_read(bytes, &test_host, NULL, &workflow, &err), &err);
    workflow_free(workflow);
    refuse_truncations(bytes);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_documents_apart),
        cmocka_unit_test(maps_an_envelope),
        cmocka_unit_test(refuses_envelopes),
        cmocka_unit_test(refuses_every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
