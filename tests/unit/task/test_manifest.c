/* SPDX-License-Identifier: Apache-2.0 */
/* test_manifest.c - what people write, and what they are told when it is
 * wrong. */
#include "unit/task/task_test.h"

static Status read(const char *text, struct workflow **out, struct error *err)
{
    Bytes bytes = text_bytes(text_of(text));
    uint8_t *copy = exact_copy(bytes);
    Status status = manifest_read(bytes_of(copy, bytes.len), "m.yaml",
                                  &test_host, NULL, out, err);
    free(copy);
    return status;
}

static Cid cid_of_manifest(const char *text)
{
    struct workflow *workflow = NULL;
    struct error err = {0};
    ASSERT_OK(read(text, &workflow, &err), &err);
    Cid cid = workflow->cid;
    workflow_free(workflow);
    return cid;
}

#define PHOTO                                                                 \
    "ipvm: \"1.0\"\n"                                                         \
    "name: photo\n"                                                           \
    "defaults:\n"                                                             \
    "  limits: {time: 30s, memory: 512MiB}\n"                                 \
    "tasks:\n"                                                                \
    "  crop:\n"                                                               \
    "    run: ./image.wasm#crop   # a comment\n"                              \
    "    args: [!file cat.png, 150, 350, 500, 500]\n"                         \
    "  turn:\n"                                                               \
    "    run: ./image.wasm#rotate90\n"                                        \
    "    args: [!ok crop]\n"                                                  \
    "  page:\n"                                                               \
    "    cmd: /http/get\n"                                                    \
    "    args: {url: \"https://example.org/\", n: [0x10, 1.5, -0.0, true]}\n" \
    "outputs: [turn]\n"

static void reads_a_workflow(void **state)
{
    (void)state;
    struct workflow *workflow = NULL;
    struct error err = {0};
    ASSERT_OK(read(PHOTO, &workflow, &err), &err);
    assert_int_equal(workflow->count, 3);
    const struct task *turn = &workflow->tasks[2];
    assert_true(text_equal(turn->label, TEXT("turn")));
    assert_int_equal(turn->await_count, 1);
    assert_int_equal(turn->awaits[0].task, 0);
    assert_true(
        hash_equal(turn->awaits[0].symbolic, &workflow->tasks[0].symbolic));
    assert_int_equal(turn->limits.time_ms, 30000);
    assert_int_equal(turn->limits.memory, 512 << 20);
    assert_int_equal(workflow->tasks[1].class, CLASS_QUERY);
    assert_int_equal(workflow->output_count, 1);
    assert_int_equal(workflow->outputs[0], 2);
    workflow_free(workflow);
}

/* YAML, JSON, another order of keys, escapes and tabs: one workflow. */
static void every_spelling_has_one_cid(void **state)
{
    (void)state;
    Cid cid = cid_of_manifest(PHOTO), other;
    other = cid_of_manifest(
        "{\"outputs\":[\"turn\"],\n\t\"tasks\": {\n"
        "\t\"turn\":{\"args\":[{\"await/ok\":\"cr\\u006fp\"}],"
        "\"run\":\".\\/image.wasm#rotate90\"},\n"
        "\"page\":{\"cmd\":\"/http/get\",\"args\":{\"n\":[16,15e-1,-0e0,true],"
        "\"url\":\"https:\\/\\/example.org/\"}},"
        "\"crop\":{\"run\":\"./image.wasm#crop\",\"args\":[{\"ipvm/file\":"
        "\"cat.png\"},150,350,500,500]}},"
        "\"name\":\"photo\",\"defaults\":{\"limits\":{\"memory\":536870912,"
        "\"time\":30000}},\"ipvm\":\"1.0\"}");
    assert_true(cid_equal(&cid, &other));
}

#define ONE(args)                                                             \
    "ipvm: \"1.0\"\ntasks:\n  a: {run: ./m#f, args: " args "}\n  b: {run: "   \
    "./m#f}\n"

static void forms_of_tags_are_equal(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {ONE("[!file x]"), ONE("[{\"ipvm/file\": \"x\"}]")},
        {ONE("[!dir x]"), ONE("[{ipvm/dir: x}]")},
        {ONE("[!ok b]"), ONE("[{await/ok: b}]")},
        {ONE("[!error b]"), ONE("[{await/error: \"b\"}]")},
        {ONE("[!result b]"), ONE("[{\"await/*\": b}]")},
        {ONE("[!bytes aGk=]"), ONE("[{\"/\": {\"bytes\": \"aGk\"}}]")},
        {ONE("[!text x]"), ONE("[\"text of x\"]")},
        {ONE("[!cid bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk"
             "u]"),
         ONE("[{\"/\": bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxqu"
             "vyku}]")},
        {ONE("['a''''b', '''''', 'it''s', '''x''']"),
         ONE("[\"a''b\", \"''\", \"it's\", \"'x'\"]")},
        {ONE("['a''''\n   ''''b']"), ONE("[\"a'' ''b\"]")},
        {ONE("[\"\\ud83d\\ude00\"]"), ONE("['😀']")},
        {ONE("[no, 1_0, 1.2.3, 0x, \"1\"]"),
         ONE("[\"no\", \"1_0\", \"1.2.3\", \"0x\", '1']")},
        {ONE("[~, True]"), ONE("[null, true]")},
        {ONE("[1e3, .5, 0xff, +7, 007]"), ONE("[1000.0, 0.5, 255, 7, 7]")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Cid left = cid_of_manifest(rows[i][0]);
        Cid right = cid_of_manifest(rows[i][1]);
        if (!cid_equal(&left, &right))
            TEST_FAIL("row %zu differs\n", i);
    }
    Cid one = cid_of_manifest(ONE("[1]")), other = cid_of_manifest(ONE("[2]"));
    assert_false(cid_equal(&one, &other));
    other = cid_of_manifest(ONE("[1.0]"));
    assert_false(cid_equal(&one, &other));
}

static void takes_a_module_that_a_task_makes(void **state)
{
    (void)state;
    struct workflow *workflow = NULL;
    struct error err = {0};
    Cid yaml = cid_of_manifest("ipvm: \"1.0\"\ntasks:\n  b: {run: ./cc#go}\n"
                               "  u: {run: !ok b#fn, args: [1]}\n");
    ASSERT_OK(read("{\"ipvm\":\"1.0\",\"tasks\":{\"b\":{\"run\":\"./cc#go\"},"
                   "\"u\":{\"run\":{\"await/ok\":\"b#fn\"},\"args\":[1]}}}",
                   &workflow, &err),
              &err);
    assert_true(cid_equal(&yaml, &workflow->cid));
    assert_int_equal(workflow->tasks[1].await_count, 1);
    workflow_free(workflow);
}

#define HEAD "ipvm: \"1.0\"\ntasks:\n" /* two lines */

/* Each row breaks one rule and says where. */
static void says_what_is_wrong_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "m.yaml:1:1: the file is empty"},
        {"# nothing\n", "the file is empty"},
        {"x", "m.yaml:1:1: a manifest must be a map, got text"},
        {"a: \x01", "m.yaml:1:4: the control character 0x01"},
        {"a:\n  \xf0\xf0\xf0\xf0photo", "m.yaml:2:3: the text is not UTF-8"},
        {"[1]", "m.yaml:1:1: a manifest must be a map, got a list"},
        {"tasks: {}", "expected the key 'ipvm'"},
        {"ipvm: \"2.0\"\ntasks: {}", "m.yaml:1:7: this version reads"},
        {"ipvm: \"1.0\"", "expected the key 'tasks'"},
        {HEAD, "m.yaml:2:1: 'tasks' must be a map"},
        {"ipvm: \"1.0\"\ntask: {}",
         "m.yaml:2:1: a manifest has no key 'task'; did you mean 'tasks'?"},
        {HEAD "  a: {rum: ./m#f}",
         "m.yaml:3:7: a task has no key 'rum'; did you mean 'run'?"},
        {HEAD "  a: {args: []}", "m.yaml:3:3: a task needs 'run' or 'cmd'"},
        {HEAD "  a: {run: ./m#f, cmd: /x}", "not both"},
        {HEAD "  a: {run: ./m}", "m.yaml:3:12: expected MODULE#FUNCTION"},
        {HEAD "  a: {run: missing#f}", "m.yaml:3:12: no such file"},
        {HEAD "  a: {run: ./m#nothing}", "m.yaml:3:12: the module has no"},
        {HEAD "  a: {run: ./m#f, args: {}}",
         "m.yaml:3:25: the arguments of 'run' are a list, got a map"},
        {HEAD "  a: {cmd: /x, args: []}",
         "m.yaml:3:22: the arguments of 'cmd' are a map, got a list"},
        {HEAD "  a: {cmd: x}", "m.yaml:3:3: task 'a': 'x' is no command"},
        {HEAD "  a: {cmd: /X}", "is no command"},
        {HEAD "  a b: {cmd: /x}", "m.yaml:3:3: 'a b' is no label"},
        {HEAD "  a: {cmd: /x}\n  a: {cmd: /y}",
         "m.yaml:4:3: the key 'a' is there twice, first in line 3"},
        {HEAD "  crop: {run: ./m#f}\n  b:\n    run: ./m#f\n    args:\n"
              "      - !ok crob",
         "m.yaml:7:13: there is no task 'crob'; did you mean 'crop'?"},
        {HEAD "  a: {run: ./m#f, args: [!ok a]}",
         "m.yaml:3:3: task 'a': a cycle: a awaits a"},
        {HEAD "  a: {run: ./m#f, args: [!ok b]}\n"
              "  b: {run: ./m#f, args: [1, !ok c]}\n"
              "  c: {run: ./m#f, args: [!error a]}\n",
         "m.yaml:3:3: task 'a': a cycle: a awaits b awaits c awaits a"},
        {HEAD "  a: {cmd: /x}\n  b: {cmd: /x}",
         "m.yaml:4:3: task 'b': the same effect as task 'a'"},
        {ONE("[18446744073709551616]"), "m.yaml:3:26: the integer "},
        {ONE("[-9223372036854775809]"), "out of range, -2^63 to 2^64-1"},
        {ONE("[0x10000000000000000]"), "out of range"},
        {ONE("[1e999]"), "m.yaml:3:26: the number 1e999 is too large"},
        {ONE("[.inf]"), "infinity and NaN are no values"},
        {ONE("[-.INF]"), "infinity and NaN are no values"},
        {ONE("[.nan]"), "infinity and NaN are no values"},
        {ONE("[0o17]"), "octal numbers are not read"},
        {ONE("[!fil x]"), "the tag !fil is unknown; did you mean !file?"},
        {ONE("[!file [x]]"), "expected a path, got a list"},
        {ONE("[!file missing]"), "no such file"},
        {ONE("[!file ]"), "expected a path"},
        {ONE("[!cid x]"), "expected a CID: "},
        {ONE("[!bytes a*b]"), "expected base64: "},
        {ONE("[{await/okay: b}]"), "is reserved; expected await/ok"},
        {ONE("[{ipvm/x: b}]"), "is reserved"},
        {ONE("[{await/ok: [1]}]"), "expected a task's label or the CID"},
        {ONE("[{await/ok: {/: bafyreifcqqic4u5xrkqdibsgtylpdlyq5zuz7swjfmf4ksv"
             "krfv3drd6g4}}]"),
         "neither in this workflow nor in the memo"},
        {ONE("[&x 1, *x]"), "m.yaml:3:29: anchors and aliases are not read"},
        {ONE("[*x]"), "anchors and aliases are not read"},
        {ONE("[{? [a] : b}]"), "expected a text as key"},
        {ONE("[1"), "not YAML or JSON"},
        {ONE("[{a: 1, b: 2, a: 3}]"), "the key 'a' is there twice"},
        {ONE("[]") "outputs: [c]", "there is no task 'c'"},
        {ONE("[]") "outputs: [a, a]", "the output 'a' is there twice"},
        {ONE("[]") "outputs: a", "'outputs' must be a list of labels"},
        {ONE("[]") "---\n", "a second document"},
        {ONE("[]") "defaults: {limits: {time: 3x}}",
         "m.yaml:5:27: expected a duration such as 250ms, 30s"},
        {ONE("[]") "defaults: {limits: {memory: 1GB}}",
         "expected a size such as 4096, 64KiB, 512MiB or 2GiB"},
        {ONE("[]") "defaults: {limits: {fuel: -1}}", "expected an integer"},
        {ONE("[]") "defaults: {limits: {tim: 1}}", "did you mean 'time'?"},
        {ONE("[]") "defaults: {sub: me}", "'sub' must be a DID"},
        {HEAD "  a: {cmd: /x, nonce: 1}", "the nonce must be text or !bytes"},
    };
    size_t bad = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct workflow *workflow = NULL;
        struct error err = {0};
        if (read(rows[i].text, &workflow, &err) == STATUS_OK)
            TEST_FAIL("row %zu was taken\n", i);
        if (!strstr(err.message, rows[i].message)) {
            print_error("row %zu: %s | %s\n", i, err.message, rows[i].message);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

/* Cut anywhere, it is another manifest or an error: never a crash. */
static void survives_every_truncation(void **state)
{
    (void)state;
    char text[] = PHOTO;
    for (size_t len = sizeof text - 1; len > 0; len--) {
        struct workflow *workflow = NULL;
        struct error err = {0};
        text[len] = '\0';
        if (read(text, &workflow, &err) == STATUS_OK)
            workflow_free(workflow);
        else
            assert_has(err.message, "m.yaml:");
    }
}

static void bounds_depth(void **state)
{
    (void)state;
    struct workflow *workflow = NULL;
    struct error err = {0};
    char text[4096];
    for (int depth = 95; depth < 130; depth++) {
        size_t len = (size_t)snprintf(text, sizeof text, "%s",
                                      HEAD "  a: {run: ./m#f, args: [");
        memset(text + len, '[', (size_t)depth);
        memset(text + len + depth, ']', (size_t)depth);
        strcpy(text + len + 2 * depth, "]}\n");
        Status status = read(text, &workflow, &err);
        assert_int_equal(status == STATUS_OK, depth <= 100);
        if (status == STATUS_OK)
            workflow_free(workflow);
        else
            assert_has(err.message, "too deep");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_workflow),
        cmocka_unit_test(every_spelling_has_one_cid),
        cmocka_unit_test(forms_of_tags_are_equal),
        cmocka_unit_test(takes_a_module_that_a_task_makes),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(survives_every_truncation),
        cmocka_unit_test(bounds_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
