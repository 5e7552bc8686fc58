/* SPDX-License-Identifier: Apache-2.0 */
/* The library through its public header alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/lib/fixture.h"

/* --- Opening ------------------------------------------------------------- */

static void nothing_may_be_closed_and_freed(void **state)
{
    (void)state;
    assert_string_equal(ipvm_version(), IPVM_VERSION);
    ipvm_close(NULL);
    ipvm_workflow_free(NULL);
    ipvm_run_free(NULL);
}

static void a_store_that_cannot_be_opened_is_said(void **state)
{
    struct fixture *fixture = *state;
    const ipvm_options here = {.store = path_of(fixture, "guest.wasm")};
    ipvm_error error = {0};
    ipvm *vm;
    assert_int_not_equal(ipvm_open(&here, &vm, &error), IPVM_OK);
    assert_int_not_equal(error.status, IPVM_OK);
    assert_true(strlen(error.message) > 0);
    assert_int_not_equal(ipvm_open(&here, &vm, NULL), IPVM_OK);
    const ipvm_options nowhere = {.store = path_of(fixture, "none"),
                                  .read_only = true};
    assert_int_equal(ipvm_open(&nowhere, &vm, &error), IPVM_NOT_FOUND);
    // One process, one handle to a store.
    const ipvm_options again = {.store = path_of(fixture, "store")};
    assert_int_equal(ipvm_open(&again, &vm, &error), IPVM_BUSY);
}

static void the_environment_says_where_the_store_is(void **state)
{
    struct fixture *fixture = *state;
    ipvm *vm;
    ipvm_error error;
    setenv("IPVM_STORE", path_of(fixture, "by-environment"), 1);
    assert_int_equal(ipvm_open(NULL, &vm, &error), IPVM_OK);
    ipvm_close(vm);
    assert_int_equal(access(path_of(fixture, "by-environment"), F_OK), 0);
    unsetenv("IPVM_STORE");
    setenv("XDG_DATA_HOME", path_of(fixture, "data"), 1);
    assert_int_equal(ipvm_open(NULL, &vm, &error), IPVM_OK);
    ipvm_close(vm);
    assert_int_equal(access(path_of(fixture, "data/ipvm"), F_OK), 0);
    unsetenv("XDG_DATA_HOME");
}

/* --- Content ------------------------------------------------------------- */

struct sink {
    size_t len;
    char bytes[64];
    bool stops;
};

static bool take(void *context, const void *data, size_t size)
{
    struct sink *sink = context;
    if (sink->stops)
        return false;
    assert_true(sink->len + size <= sizeof sink->bytes);
    memcpy(sink->bytes + sink->len, data, size);
    sink->len += size;
    return true;
}

#define HELLO "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"

static void content_goes_in_and_out(void **state)
{
    struct fixture *fixture = *state;
    ipvm *vm = fixture->vm;
    char cid[IPVM_CID_MAX];
    struct sink sink = {0};
    ipvm_error error;
    const ipvm_add_options name_only = {.only_hash = true};
    write_file(path_of(fixture, "in"), "hello", 5);
    assert_int_equal(
        ipvm_add_path(vm, path_of(fixture, "in"), &name_only, cid, &error),
        IPVM_OK);
    assert_string_equal(cid, HELLO);
    assert_int_equal(ipvm_read(vm, cid, take, &sink, &error), IPVM_NOT_FOUND);
    assert_int_equal(ipvm_add(vm, "hello", 5, cid, &error), IPVM_OK);
    assert_string_equal(cid, HELLO);
    assert_int_equal(
        ipvm_add_path(vm, path_of(fixture, "in"), NULL, cid, NULL), IPVM_OK);
    assert_int_equal(ipvm_read(vm, cid, take, &sink, &error), IPVM_OK);
    assert_int_equal(sink.len, 5);
    assert_memory_equal(sink.bytes, "hello", 5);
    sink.stops = true;
    assert_int_equal(ipvm_read(vm, cid, take, &sink, &error), IPVM_CANCELLED);
    assert_int_equal(ipvm_save(vm, cid, path_of(fixture, "out"), &error),
                     IPVM_OK);
    assert_int_equal(access(path_of(fixture, "out"), R_OK), 0);
}

static void content_that_cannot_be_had_is_said(void **state)
{
    struct fixture *fixture = *state;
    ipvm *vm = fixture->vm;
    char cid[IPVM_CID_MAX];
    struct sink sink = {0};
    ipvm_error error;
    const ipvm_add_options huge = {.chunk_size = (uint64_t)1 << 40};
    assert_int_equal(ipvm_read(vm, "no CID", take, &sink, &error),
                     IPVM_INVALID);
    assert_int_equal(ipvm_save(vm, "", path_of(fixture, "x"), NULL),
                     IPVM_INVALID);
    assert_int_equal(ipvm_save(vm, HELLO, path_of(fixture, "x"), &error),
                     IPVM_NOT_FOUND);
    assert_int_equal(
        ipvm_add_path(vm, path_of(fixture, "none"), NULL, cid, &error),
        IPVM_NOT_FOUND);
    assert_int_equal(
        ipvm_add_path(vm, path_of(fixture, "guest.wasm"), &huge, cid, &error),
        IPVM_INVALID);
}

/* --- Workflows and runs -------------------------------------------------- */

static const char manifest[] = "ipvm: \"1.0\"\n"
                               "tasks:\n"
                               "  a: {run: guest.wasm#add, args: [1, 2]}\n"
                               "  b: {run: guest.wasm#add, args: [!ok a, 4]}\n"
                               "  no: {run: guest.wasm#add, args: [true, 4]}\n"
                               "outputs: [b, no]\n";

static void on_event(void *context, const ipvm_event *event)
{
    struct fixture *fixture = context;
    fixture->started += event->kind == IPVM_TASK_STARTED;
    fixture->finished += event->kind == IPVM_TASK_FINISHED;
    fixture->ticks += event->kind == IPVM_TICK;
    fixture->hits += event->kind == IPVM_TASK_FINISHED && event->is_hit;
    if (event->kind == IPVM_TASK_STARTED && strcmp(event->label, "call") == 0)
        ipvm_interrupt(fixture->vm);
    assert_true(event->done <= event->total);
}

static ipvm_run *run(struct fixture *fixture, ipvm_workflow *workflow)
{
    const ipvm_run_options options = {.on_event = on_event,
                                      .context = fixture};
    ipvm_run *made;
    ipvm_error error;
    fixture->started = fixture->finished = fixture->hits = 0;
    if (ipvm_run_workflow(fixture->vm, workflow, &options, &made, &error) !=
        IPVM_OK)
        fail_msg("%s", error.message);
    return made;
}

static void expect_output(ipvm_run *made, uint32_t index, const char *label,
                          const char *json)
{
    ipvm_output output;
    ipvm_error error;
    assert_int_equal(ipvm_run_output(made, index, &output, &error), IPVM_OK);
    assert_string_equal(output.label, label);
    assert_string_equal(output.json, json);
}

static void a_manifest_runs_and_is_then_known_by_its_cid(void **state)
{
    struct fixture *fixture = *state;
    ipvm_workflow *workflow, *by_cid;
    ipvm_output output;
    ipvm_error error;
    assert_int_equal(ipvm_workflow_parse(fixture->vm, manifest,
                                         strlen(manifest), fixture->directory,
                                         &workflow, &error),
                     IPVM_OK);
    assert_int_equal(ipvm_workflow_task_count(workflow), 3);
    assert_string_equal(ipvm_workflow_label(workflow, 0), "a");
    assert_string_equal(ipvm_workflow_label(workflow, 2), "no");
    assert_string_equal(ipvm_workflow_label(workflow, 3), "");
    ipvm_run *made = run(fixture, workflow);
    assert_false(ipvm_run_succeeded(made));
    assert_int_equal(ipvm_run_output_count(made), 2);
    expect_output(made, 0, "b", "7");
    assert_int_equal(ipvm_run_output(made, 1, &output, &error), IPVM_OK);
    assert_string_equal(output.end, "refused/argument");
    assert_string_equal(output.cid, "");
    assert_string_equal(output.json, "");
    assert_true(strlen(output.message) > 0);
    assert_int_equal(ipvm_run_output(made, 2, &output, &error),
                     IPVM_NOT_FOUND);
    ipvm_run_free(made);

    for (int round = 0; round < 2; round++) {
        assert_int_equal(ipvm_workflow_load(fixture->vm,
                                            ipvm_workflow_cid(workflow),
                                            &by_cid, &error),
                         IPVM_OK);
        assert_int_equal(ipvm_workflow_task_count(by_cid), 3);
        made = run(fixture, by_cid);
        assert_int_equal(fixture->hits, 1);
        expect_output(made, 0, "b", "7");
        assert_string_equal(ipvm_workflow_label(by_cid, 1), "b");
        ipvm_run_free(made);
        ipvm_workflow_free(by_cid);
    }
    ipvm_workflow_free(workflow);
}

static void a_known_workflow_is_answered_by_its_outputs(void **state)
{
    struct fixture *fixture = *state;
    static const char good[] =
        "ipvm: \"1.0\"\n"
        "tasks:\n"
        "  a: {run: guest.wasm#add, args: [1, 2]}\n"
        "  b: {run: guest.wasm#add, args: [!ok a, 4]}\n";
    ipvm_workflow *workflow, *known;
    ipvm_error error;
    write_file(path_of(fixture, "good.yaml"), good, strlen(good));
    assert_int_equal(ipvm_workflow_load(fixture->vm,
                                        path_of(fixture, "good.yaml"),
                                        &workflow, &error),
                     IPVM_OK);
    assert_int_equal(ipvm_workflow_load(fixture->vm,
                                        ipvm_workflow_cid(workflow), &known,
                                        &error),
                     IPVM_OK);
    for (int round = 0; round < 2; round++) {
        ipvm_run *made = run(fixture, known);
        assert_true(ipvm_run_succeeded(made));
        assert_int_equal(ipvm_run_output_count(made), 1);
        expect_output(made, 0, "b", "7");
        // The first time both ran; then only the output was looked at.
        assert_int_equal(fixture->started, round == 0 ? 2 : 0);
        assert_int_equal(fixture->finished, round == 0 ? 2 : 1);
        ipvm_run_free(made);
    }
    assert_int_equal(ipvm_workflow_task_count(known), 2);
    assert_string_equal(ipvm_workflow_label(known, 1), "b");
    ipvm_workflow_free(known);
    ipvm_workflow_free(workflow);
}

static void workflows_that_are_none_are_said(void **state)
{
    static const char *const broken[] = {
        "",
        "ipvm: \"1.0\"\n",
        "ipvm: \"1.0\"\ntasks: {a: {run: none.wasm#f, args: []}}\n",
        "ipvm: \"1.0\"\ntasks: {a: {run: guest.wasm#none, args: []}}\n",
        "ipvm: \"1.0\"\ntasks: {a: {run: guest.wasm#add, args: [!ok b, 1]}}\n",
        "\xff\xfe",
    };
    struct fixture *fixture = *state;
    ipvm_workflow *workflow;
    ipvm_error error;
    for (size_t index = 0; index < sizeof broken / sizeof *broken; index++) {
        error = (ipvm_error){0};
        assert_int_not_equal(ipvm_workflow_parse(fixture->vm, broken[index],
                                                 strlen(broken[index]),
                                                 fixture->directory, &workflow,
                                                 &error),
                             IPVM_OK);
        assert_true(strlen(error.message) > 0);
    }
    assert_int_equal(ipvm_workflow_load(fixture->vm, path_of(fixture, "none"),
                                        &workflow, &error),
                     IPVM_NOT_FOUND);
    assert_int_equal(ipvm_workflow_load(fixture->vm, HELLO, &workflow, NULL),
                     IPVM_INVALID); // A raw block is no workflow.
}

static void a_call_takes_words(void **state)
{
    struct fixture *fixture = *state;
    static const char *const words[] = {"40", "2"};
    const char *module = path_of(fixture, "guest.wasm");
    ipvm_workflow *workflow;
    ipvm_error error;
    assert_int_equal(ipvm_workflow_call(fixture->vm, module, "add", words, 2,
                                        NULL, &workflow, &error),
                     IPVM_OK);
    ipvm_run *made;
    assert_int_equal(
        ipvm_run_workflow(fixture->vm, workflow, NULL, &made, &error),
        IPVM_OK);
    expect_output(made, 0, "call", "42");
    ipvm_run_free(made);
    ipvm_workflow_free(workflow);
    assert_int_equal(ipvm_workflow_call(fixture->vm, module, "add", words, 1,
                                        NULL, &workflow, &error),
                     IPVM_INVALID);
    assert_int_not_equal(ipvm_workflow_call(fixture->vm, module, "none", words,
                                            2, NULL, &workflow, &error),
                         IPVM_OK);
}

/* --- Interrupting -------------------------------------------------------- */

static ipvm_workflow *endless(struct fixture *fixture, uint64_t time_ms)
{
    const ipvm_call_options options = {.time_ms = time_ms};
    ipvm_workflow *workflow;
    ipvm_error error;
    assert_int_equal(ipvm_workflow_call(fixture->vm,
                                        path_of(fixture, "guest.wasm"), "spin",
                                        NULL, 0, &options, &workflow, &error),
                     IPVM_OK);
    return workflow;
}

static void a_run_is_interrupted_from_its_events(void **state)
{
    struct fixture *fixture = *state;
    ipvm_workflow *workflow = endless(fixture, 0);
    ipvm_output output;
    assert_false(ipvm_interrupted(fixture->vm));
    ipvm_run *made = run(fixture, workflow);
    assert_true(ipvm_interrupted(fixture->vm));
    assert_int_equal(ipvm_run_output(made, 0, &output, NULL), IPVM_OK);
    assert_string_equal(output.end, "cancelled");
    ipvm_run_free(made);
    ipvm_workflow_free(workflow);
}

static void *interrupt_soon(void *vm)
{
    usleep(200 * 1000);
    ipvm_interrupt(vm);
    return NULL;
}

static void a_run_is_interrupted_by_another_thread(void **state)
{
    struct fixture *fixture = *state;
    ipvm_workflow *workflow = endless(fixture, 0);
    ipvm_output output;
    ipvm_run *made;
    pthread_t thread;
    assert_int_equal(
        pthread_create(&thread, NULL, interrupt_soon, fixture->vm), 0);
    assert_int_equal(
        ipvm_run_workflow(fixture->vm, workflow, NULL, &made, NULL), IPVM_OK);
    pthread_join(thread, NULL);
    assert_int_equal(ipvm_run_output(made, 0, &output, NULL), IPVM_OK);
    assert_string_equal(output.end, "cancelled");
    ipvm_run_free(made);
    ipvm_workflow_free(workflow);
}

static void a_limit_ends_a_run_without_a_result(void **state)
{
    struct fixture *fixture = *state;
    ipvm_workflow *workflow = endless(fixture, 50);
    ipvm_output output;
    ipvm_run *made;
    assert_int_equal(
        ipvm_run_workflow(fixture->vm, workflow, NULL, &made, NULL), IPVM_OK);
    assert_false(ipvm_run_succeeded(made));
    assert_int_equal(ipvm_run_output(made, 0, &output, NULL), IPVM_OK);
    assert_string_equal(output.end, "limit/time");
    assert_true(strlen(output.message) > 0);
    ipvm_run_free(made);
    ipvm_workflow_free(workflow);
}

/* --- Two at once --------------------------------------------------------- */

static void *run_one(void *context)
{
    struct fixture *fixture = context;
    static const char *const words[] = {"20", "1"};
    ipvm_workflow *workflow;
    ipvm_run *made;
    ipvm_output output;
    char module[2 * PATH_LEN];
    snprintf(module, sizeof module, "%s/guest.wasm", fixture->directory);
    for (int round = 0; round < 5; round++) {
        if (ipvm_workflow_call(fixture->vm, module, "add", words, 2, NULL,
                               &workflow, NULL) != IPVM_OK)
            return fixture;
        const ipvm_run_options again = {.no_memo = true};
        if (ipvm_run_workflow(fixture->vm, workflow, &again, &made, NULL) !=
                IPVM_OK ||
            ipvm_run_output(made, 0, &output, NULL) != IPVM_OK ||
            strcmp(output.json, "21") != 0)
            return fixture;
        ipvm_run_free(made);
        ipvm_workflow_free(workflow);
    }
    return NULL;
}

static void two_handles_work_at_once(void **state)
{
    struct fixture *fixture = *state, second = *fixture;
    pthread_t thread;
    void *trouble;
    second.vm = open_vm(path_of(fixture, "second"));
    assert_int_equal(pthread_create(&thread, NULL, run_one, &second), 0);
    assert_null(run_one(fixture));
    pthread_join(thread, &trouble);
    assert_null(trouble);
    ipvm_close(second.vm);
}

static void a_store_that_is_only_read_answers_what_it_knows(void **state)
{
    struct fixture *fixture = *state;
    static const char *const words[] = {"40", "2"};
    const ipvm_options options = {.store = path_of(fixture, "store"),
                                  .read_only = true};
    ipvm_workflow *workflow;
    ipvm_run *made;
    ipvm_error error;
    char cid[IPVM_CID_MAX], store[2 * PATH_LEN];
    snprintf(store, sizeof store, "%s", options.store);
    assert_int_equal(ipvm_workflow_call(fixture->vm,
                                        path_of(fixture, "guest.wasm"), "add",
                                        words, 2, NULL, &workflow, &error),
                     IPVM_OK);
    snprintf(cid, sizeof cid, "%s", ipvm_workflow_cid(workflow));
    assert_int_equal(
        ipvm_run_workflow(fixture->vm, workflow, NULL, &made, &error),
        IPVM_OK);
    ipvm_run_free(made);
    ipvm_workflow_free(workflow);
    ipvm_close(fixture->vm);
    fixture->vm = NULL;

    ipvm *reader;
    const ipvm_options read_only = {.store = store, .read_only = true};
    assert_int_equal(ipvm_open(&read_only, &reader, &error), IPVM_OK);
    assert_int_equal(ipvm_workflow_load(reader, cid, &workflow, &error),
                     IPVM_OK);
    if (ipvm_run_workflow(reader, workflow, NULL, &made, &error) != IPVM_OK)
        fail_msg("%s", error.message);
    expect_output(made, 0, "call", "42");
    ipvm_run_free(made);
    ipvm_workflow_free(workflow);
    assert_int_not_equal(ipvm_add(reader, "new", 3, cid, &error), IPVM_OK);
    ipvm_close(reader);
}

/* --- CAR files and roots ------------------------------------------------- */

static void a_tree_moves_to_another_store_as_a_car(void **state)
{
    struct fixture *fixture = *state;
    char cid[IPVM_CID_MAX], there[IPVM_CID_MAX], out[2 * PATH_LEN];
    const char *roots[] = {cid};
    ipvm_error error;
    char tree[2 * PATH_LEN], car[2 * PATH_LEN];
    snprintf(tree, sizeof tree, "%s", path_of(fixture, "tree"));
    snprintf(car, sizeof car, "%s", path_of(fixture, "tree.car"));
    assert_int_equal(mkdir(tree, 0700), 0);
    write_file(path_of(fixture, "tree/file"), "hello", 5);
    assert_int_equal(ipvm_add_path(fixture->vm, tree, NULL, cid, &error),
                     IPVM_OK);
    assert_int_equal(ipvm_export(fixture->vm, roots, 1, car, NULL, &error),
                     IPVM_OK);
    ipvm *other = open_vm(path_of(fixture, "other"));
    assert_int_equal(ipvm_import(other, car, NULL, there, &error), IPVM_OK);
    assert_string_equal(there, cid);
    snprintf(out, sizeof out, "%s", path_of(fixture, "out"));
    assert_int_equal(ipvm_save(other, cid, out, &error), IPVM_OK);
    struct stat stat_of;
    assert_int_equal(stat(path_of(fixture, "out/file"), &stat_of), 0);
    assert_int_equal(stat_of.st_size, 5);
    ipvm_close(other);
    assert_int_equal(ipvm_import(fixture->vm, tree, NULL, there, &error),
                     IPVM_INVALID);
}

static void pins_and_names_keep_content(void **state)
{
    struct fixture *fixture = *state;
    char pinned[IPVM_CID_MAX], named[IPVM_CID_MAX], found[IPVM_CID_MAX];
    ipvm_gc_report report;
    ipvm_error error;
    ipvm *vm = fixture->vm;
    assert_int_equal(ipvm_add(vm, "one", 3, pinned, NULL), IPVM_OK);
    assert_int_equal(ipvm_add(vm, "two", 3, named, NULL), IPVM_OK);
    assert_int_equal(ipvm_pin(vm, pinned, "first", &error), IPVM_OK);
    assert_int_equal(ipvm_name_set(vm, "a/b", named, &error), IPVM_OK);
    assert_int_equal(ipvm_name_get(vm, "a/b", found, &error), IPVM_OK);
    assert_string_equal(found, named);
    assert_int_equal(ipvm_name_get(vm, "a/c", found, &error), IPVM_NOT_FOUND);
    assert_int_equal(ipvm_name_set(vm, "a//c", named, &error), IPVM_INVALID);
    // Nothing of that name is here to be kept.
    assert_int_equal(ipvm_pin(vm,
                              "bafkreigyz2pzvhcoqxwzq3mjhzzjdqqjxkv2czvd4"
                              "u2gqzdgqsp2k5lxiq",
                              NULL, &error),
                     IPVM_NOT_FOUND);
    assert_int_equal(ipvm_gc(vm, NULL, &report, &error), IPVM_OK);
    assert_true(report.blocks_kept >= 2);
    assert_int_equal(ipvm_unpin(vm, pinned, &error), IPVM_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_may_be_closed_and_freed),
        TEST(a_store_that_cannot_be_opened_is_said),
        TEST(the_environment_says_where_the_store_is),
        TEST(content_goes_in_and_out),
        TEST(content_that_cannot_be_had_is_said),
        TEST(a_manifest_runs_and_is_then_known_by_its_cid),
        TEST(a_known_workflow_is_answered_by_its_outputs),
        TEST(workflows_that_are_none_are_said),
        TEST(a_call_takes_words),
        TEST(a_run_is_interrupted_from_its_events),
        TEST(a_run_is_interrupted_by_another_thread),
        TEST(a_limit_ends_a_run_without_a_result),
        TEST(two_handles_work_at_once),
        TEST(a_store_that_is_only_read_answers_what_it_knows),
        TEST(a_tree_moves_to_another_store_as_a_car),
        TEST(pins_and_names_keep_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
