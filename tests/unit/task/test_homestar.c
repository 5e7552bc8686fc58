/* SPDX-License-Identifier: Apache-2.0 */
/* test_homestar.c - Homestar's workflows and the names it gives them. The
 * expected CIDs are those that FORMATS section 4 lists. */
#include "unit/task/task_test.h"

#include "task/homestar.h"

static Bytes read_vector(const char *name, struct arena *arena)
{
    const char *vectors = getenv("IPVM_VECTORS");
    char path[512];
    snprintf(path, sizeof path, "%s/homestar/workflows/%s",
             vectors ? vectors : "../shared/vectors", name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_message("%s is not here: skipped\n", path);
        skip();
    }
    uint8_t *data = arena_alloc(arena, 1 << 16);
    size_t len = fread(data, 1, 1 << 16, file);
    fclose(file);
    return bytes_of(data, len);
}

#define ADD_ONE_RUN                                                           \
    "bafyrmihmxmsbt4n3g6dzmj7rho34mzfbaoqqbsfcq7etsogslqftbyj7du"

static void gives_the_names_homestar_gives(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"test-workflow-add-one.json",
         "bafyrmialnbzgwscjrq7sa3kdnw2roqdrdzp7xh2tvmo37qmgvarwrhcgre"},
        {"test-workflow-add-one-nonced.json",
         "bafyrmibajjtwrcqrntnvp5fgkim6mbbsh6ykkdy3eijq2ycdjhlisxxx3i"},
        {"test-workflow-image-pipeline.json",
         "bafyrmiatb7idqtty56hy3hrfa6ur6qkspyrhaf6n6ynmqsntjvym47mbrq"},
        {"test-workflow-image-pipeline.cbor",
         "bafyrmiatb7idqtty56hy3hrfa6ur6qkspyrhaf6n6ynmqsntjvym47mbrq"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        struct homestar_names names;
        struct error err = {0};
        Bytes bytes = read_vector(rows[i][0], &arena);
        ASSERT_OK(homestar_name(bytes, &arena, &names, &err), &err);
        assert_cid(&names.workflow, rows[i][1]);
        if (i == 0)
            assert_cid(&names.tasks[0].instruction, ADD_ONE_RUN);
        arena_deinit(&arena);
    }
}

/* {ran: CID of {task}, out: ["ok", 2], meta: {op}, iss: null, prf: []}. */
static void names_a_receipt(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct homestar_names names;
    struct error err = {0};
    Cid receipt;
    Bytes bytes = read_vector("test-workflow-add-one.json", &arena);
    ASSERT_OK(homestar_name(bytes, &arena, &names, &err), &err);
    const Value out[] = {value_text(TEXT("ok")), value_int(2)};
    const struct value_entry entries[] = {
        {TEXT("ran"), value_link(&names.tasks[0].invocation)},
        {TEXT("out"), value_list(out, 2)},
        {TEXT("meta"),
         value_map1(&arena, TEXT("op"), value_text(TEXT("add_one")))},
        {TEXT("iss"), value_null()},
        {TEXT("prf"), value_list(NULL, 0)},
    };
    Value value = value_map(&arena, entries, 5);
    homestar_cid(&value, &arena, &receipt);
    assert_cid(&receipt,
               "bafyrmih5ujsrxcwwbeeqowgy434da36ie3cbar3wr5yv2vnrmzmxdylicm");
    arena_deinit(&arena);
}

static void makes_a_workflow_of_it(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct workflow *workflow = NULL;
    struct error err = {0};
    Bytes bytes = read_vector("test-workflow-image-pipeline.cbor", &arena);
    ASSERT_OK(homestar_read(bytes, &test_host, NULL, &workflow, &err), &err);
    arena_deinit(&arena);
    assert_int_equal(workflow->count, 3);
    assert_true(text_equal(workflow->name, TEXT("test")));
    assert_true(text_equal(workflow->tasks[1].label, TEXT("2-rotate90")));
    assert_int_equal(workflow->tasks[1].awaits[0].task, 0);
    assert_int_equal(workflow->tasks[2].awaits[0].task, 1);
    assert_int_equal(workflow->tasks[0].limits.time_ms, 100000);
    assert_int_equal(workflow->tasks[0].limits.fuel, 0);
    assert_int_equal(workflow->output_count, 1);
    struct wasm_call call;
    Value args = task_args(&workflow->tasks[0], &arena);
    ASSERT_OK(wasm_call_read(&args, &call, &err), &err);
    assert_true(call.homestar);
    workflow_free(workflow);
    arena_deinit(&arena);
}

static void ignores_unlimited_fuel_and_reads_nonces(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct workflow *workflow = NULL;
    struct error err = {0};
    Bytes bytes = read_vector("test-workflow-add-one-nonced.json", &arena);
    // Its promises name instructions that are not in it, as the tests of
    // Homestar have it; the first one is right.
    Status status = homestar_read(bytes, &test_host, NULL, &workflow, &err);
    if (status == STATUS_OK) {
        assert_int_equal(workflow->tasks[0].nonce.len, 12);
        assert_int_equal(workflow->tasks[0].limits.fuel, 0);
    } else {
        assert_has(err.message, "which is not in this workflow");
    }
    workflow_free(workflow);
    arena_deinit(&arena);
}

#define RUN(rest)                                                             \
    "{\"tasks\":[{\"meta\":{},\"prf\":[],\"run\":{\"input\":{\"args\":[1],"   \
    "\"func\":\"f\"},\"op\":\"wasm/run\"," rest "}}]}"
#define RSC                                                                   \
    "\"rsc\":\"ipfs://bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxq" \
    "uvyku\""

static void refuses_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } rows[] = {
        {"", ""},
        {"{", "1:2"},
        {"{}", "'tasks' must be list, got nothing"},
        {"{\"tasks\": 1}", "'tasks' must be list, got int"},
        {"{\"tasks\": []}", "a workflow needs a task"},
        {"{\"tasks\": [1]}", "tasks[0]: 'meta' must be map"},
        {"{\"tasks\":[{\"meta\":{}}]}", "'run' must be map, got nothing"},
        {RUN("\"rsc\": \"http://x\""), "'rsc' must be \"ipfs://CID\""},
        {RUN("\"rsc\": \"ipfs://x\""), "tasks[0]: "},
        {RUN(RSC ",\"nnc\":\"1sod\""), "'nnc' must be empty"},
        {RUN(RSC ",\"nnc\":\"1sod60ml6g26mfhsrsa1\""), "'nnc' must be empty"},
        {RUN(RSC ",\"nnc\":1"), "'nnc' must be empty"},
        {"{\"tasks\":[{\"meta\":{},\"run\":{\"input\":{\"args\":[{\"await/ok\""
         ":{\"/\":\"" ADD_ONE_RUN
         "\"}}],\"func\":\"f\"},\"op\":\"wasm/run\"," RSC "}}]}",
         "tasks[0]: awaits the instruction " ADD_ONE_RUN
         ", which is not in this workflow"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct workflow *workflow = NULL;
        struct error err = {0};
        Bytes bytes = text_bytes(text_of(rows[i].json));
        uint8_t *copy = exact_copy(bytes);
        assert_int_not_equal(homestar_read(bytes_of(copy, bytes.len),
                                           &test_host, NULL, &workflow, &err),
                             STATUS_OK);
        assert_has(err.message, rows[i].words);
        free(copy);
    }
}

static void link_and_url_of_a_module_are_one(void **state)
{
    (void)state;
    static const char *const both[] = {
        RUN(RSC),
        RUN("\"rsc\":{\"/\":\"bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjev"
            "tenxquvyku\"},\"nnc\":\"\",\"more\":1"),
    };
    struct arena arena = {0};
    struct homestar_names names[2];
    struct error err = {0};
    for (size_t i = 0; i < 2; i++)
        ASSERT_OK(homestar_name(text_bytes(text_of(both[i])), &arena,
                                &names[i], &err),
                  &err);
    assert_true(cid_equal(&names[0].workflow, &names[1].workflow));
    arena_deinit(&arena);
}

/* Every beginning of every example is refused, with a message and without a
 * read past its end; what is missing at the end of JSON may be white space. */
static void refuses_every_truncation(void **state)
{
    (void)state;
    static const char *const names[] = {
        "test-workflow-add-one.json",
        "test-workflow-jco.json",
        "test-workflow-add-one-nonced.json",
        "test-workflow-image-pipeline.json",
        "test-workflow-no-awaits2.json",
        "test-workflow-image-pipeline.cbor",
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        Bytes bytes = read_vector(names[i], &arena);
        bool json = bytes.data[0] == '{';
        while (json && bytes.data[bytes.len - 1] != '}')
            bytes.len--;
        for (size_t len = 0; len < bytes.len; len++) {
            struct workflow *workflow = NULL;
            struct homestar_names tasks;
            struct error err = {0};
            uint8_t *copy = exact_copy(bytes_of(bytes.data, len));
            Bytes cut = bytes_of(copy, len);
            assert_int_not_equal(
                homestar_read(cut, &test_host, NULL, &workflow, &err),
                STATUS_OK);
            assert_true(err.message[0] != '\0');
            assert_int_not_equal(homestar_name(cut, &arena, &tasks, &err),
                                 STATUS_OK);
            free(copy);
        }
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_names_homestar_gives),
        cmocka_unit_test(names_a_receipt),
        cmocka_unit_test(makes_a_workflow_of_it),
        cmocka_unit_test(ignores_unlimited_fuel_and_reads_nonces),
        cmocka_unit_test(refuses_what_is_wrong),
        cmocka_unit_test(link_and_url_of_a_module_are_one),
        cmocka_unit_test(refuses_every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
