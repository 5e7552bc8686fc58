/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of /workflow/run: read, written, refused. */
#include "unit/node/authority.h"

/* @J is a link to dag-cbor, @A to raw bytes. */
static Status read_terms(struct authority *world, const char *text,
                         struct job_terms *out, struct error *err)
{
    return job_terms_read(json(world, text), &world->arena, out, err);
}

static void reads_all_and_writes_it_again(void **state)
{
    static const char *const rows[] = {
        "{\"workflow\":@J}",
        "{\"workflow\":@J,\"limits\":{\"fuel\":1}}",
        "{\"workflow\":@J,\"limits\":{\"fuel\":1,\"memory\":2,\"time\":3}}",
        "{\"workflow\":@J,\"not_before\":1,\"deadline\":2}",
        "{\"workflow\":@J,\"priority\":-100}",
        "{\"workflow\":@J,\"priority\":100,\"quota\":\"a.b:c-d_E9\"}",
        "{\"workflow\":@J,\"retry\":{\"count\":4294967295,\"first_ms\":0,"
        "\"max_ms\":9007199254740991}}",
        "{\"workflow\":@J,\"from\":{\"job\":@J,\"tasks\":[\"a\",\"b.c\"]}}",
    };
    struct authority *world = authority_new();
    (void)state;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        struct job_terms terms;
        struct error err = {0};
        if (read_terms(world, rows[index], &terms, &err) != STATUS_OK)
            fail_msg("row %zu: %s", index, err.message);
        assert_true(cid_equal(&terms.workflow, &world->job_cid));
        const Value *again = job_terms_value(&terms, &world->arena);
        if (!value_equal(again, json(world, rows[index])))
            fail_msg("row %zu is another", index);
    }
    authority_free(world);
}

static void names_the_field_that_is_wrong(void **state)
{
    static const struct row {
        const char *args, *words;
    } rows[] = {
        {"7", "must be a map"},
        {"{}", "'workflow' is missing"},
        {"{\"workflow\":7}", "'workflow' must be a link"},
        {"{\"workflow\":@A}", "'workflow' must be the CID"},
        {"{\"workflow\":@J,\"color\":1}", "unknown field 'color'"},
        {"{\"workflow\":@J,\"limits\":1}", "'limits' must be a map"},
        {"{\"workflow\":@J,\"limits\":{\"fuels\":1}}",
         "unknown field 'fuels'"},
        {"{\"workflow\":@J,\"limits\":{\"fuel\":0}}", "'limits.fuel' must"},
        {"{\"workflow\":@J,\"limits\":{\"fuel\":-1}}", "'limits.fuel' must"},
        {"{\"workflow\":@J,\"limits\":{\"memory\":1.0}}",
         "'limits.memory' must"},
        {"{\"workflow\":@J,\"limits\":{\"time\":9223372036854775808}}",
         "'limits.time' must"},
        {"{\"workflow\":@J,\"limits\":{\"time\":null}}", "'limits.time'"},
        {"{\"workflow\":@J,\"not_before\":0}", "'not_before' must"},
        {"{\"workflow\":@J,\"deadline\":\"x\"}", "'deadline' must"},
        {"{\"workflow\":@J,\"deadline\":9007199254740993}", "'deadline' must"},
        {"{\"workflow\":@J,\"priority\":101}", "'priority' must"},
        {"{\"workflow\":@J,\"priority\":-101}", "'priority' must"},
        {"{\"workflow\":@J,\"retry\":{\"count\":1}}", "'retry' must hold"},
        {"{\"workflow\":@J,\"retry\":{\"count\":0,\"first_ms\":1,"
         "\"max_ms\":1}}",
         "'retry' must hold"},
        {"{\"workflow\":@J,\"retry\":{\"count\":1,\"first_ms\":-1,"
         "\"max_ms\":1}}",
         "'retry' must hold"},
        {"{\"workflow\":@J,\"quota\":7}", "'quota' must"},
        {"{\"workflow\":@J,\"quota\":\"\"}", "'quota' must"},
        {"{\"workflow\":@J,\"from\":[]}", "'from' must hold"},
        {"{\"workflow\":@J,\"from\":{}}", "'from' must hold"},
        {"{\"workflow\":@J,\"from\":{\"job\":@J}}", "'from' must hold"},
        {"{\"workflow\":@J,\"from\":{\"tasks\":[\"a\"]}}", "'from' must hold"},
        {"{\"workflow\":@J,\"from\":{\"job\":@A,\"tasks\":[\"a\"]}}",
         "'from.job' must"},
        {"{\"workflow\":@J,\"from\":{\"job\":@J,\"tasks\":[]}}",
         "'from.tasks' must"},
        {"{\"workflow\":@J,\"from\":{\"job\":@J,\"tasks\":[\"a\",7]}}",
         "'from.tasks[1]' must"},
        {"{\"workflow\":@J,\"from\":{\"job\":@J,\"tasks\":[\"\"]}}",
         "'from.tasks[0]' must"},
    };
    struct authority *world = authority_new();
    (void)state;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        struct job_terms terms;
        struct error err = {0};
        const Status status =
            read_terms(world, rows[index].args, &terms, &err);
        if (status != STATUS_INVALID ||
            !strstr(err.message, rows[index].words))
            fail_msg("row %zu: %s", index, err.message);
    }
    authority_free(world);
}

static void bounds_the_tasks_of_a_fork(void **state)
{
    struct authority *world = authority_new();
    struct job_terms terms;
    struct error err = {0};
    (void)state;
    for (uint32_t count = JOB_FROM_TASKS_MAX; count <= JOB_FROM_TASKS_MAX + 1;
         count++) {
        Text *labels = arena_array(&world->arena, count, sizeof *labels);
        for (uint32_t index = 0; index < count; index++)
            labels[index] = TEXT("a");
        const struct job_terms fork = {.workflow = world->job_cid,
                                       .has_from = true,
                                       .from_tasks = labels,
                                       .from_task_count = count};
        const Value *args = job_terms_value(&fork, &world->arena);
        assert_int_equal(job_terms_read(args, &world->arena, &terms, &err),
                         count <= JOB_FROM_TASKS_MAX ? STATUS_OK
                                                     : STATUS_INVALID);
    }
    authority_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_and_writes_it_again),
        cmocka_unit_test(names_the_field_that_is_wrong),
        cmocka_unit_test(bounds_the_tasks_of_a_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
