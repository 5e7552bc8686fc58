/* SPDX-License-Identifier: Apache-2.0 */
#include "http/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "ipld/dag_json.h"

struct world {
    struct arena arena;
    struct span_job job;
    Value span;
};

/* The event as JSON, with ' for ". True: it made a span. */
static bool tell(struct world *world, const char *text)
{
    Value event;
    struct error err = {0};
    char *json = arena_alloc(&world->arena, strlen(text) + 1);
    for (size_t i = 0; i <= strlen(text); i++)
        json[i] = text[i] == '\'' ? '"' : text[i];
    assert_int_equal(dag_json_decode(text_bytes(text_of(json)), &world->arena,
                                     &event, &err),
                     STATUS_OK);
    return span_of_event(&world->job, &event, &world->arena, &world->span);
}

static void field_is(const struct world *world, const char *key,
                     const char *text)
{
    const Value *value = value_get(&world->span, text_of(key));
    if (!text) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    assert_int_equal(value->kind, VALUE_TEXT);
    assert_true(text_equal(value->text, text_of(text)));
}

static int64_t code_of(const struct world *world)
{
    int64_t code = 0;
    const Value *status = value_get(&world->span, TEXT("status"));
    assert_true(value_to_int64(value_get(status, TEXT("code")), &code));
    return code;
}

static void begin(struct world *world)
{
    *world = (struct world){0};
    for (size_t i = 0; i < sizeof world->job.id.bytes; i++)
        world->job.id.bytes[i] = (uint8_t)(i + 1);
}

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static void a_job_is_a_span_below_its_traceparent(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_false(tell(&world, "{'kind':'submitted','at':1000,'seq':1,"
                              "'trace':'00-" TRACE "-" PARENT "-01'}"));
    assert_false(tell(&world, "{'kind':'started','at':1001,'seq':2}"));
    assert_true(tell(&world, "{'kind':'succeeded','at':1500,'seq':9}"));
    assert_true(span_is_wanted(&world.job));
    field_is(&world, "traceId", TRACE);
    field_is(&world, "parentSpanId", PARENT);
    field_is(&world, "spanId", "0102030405060708");
    field_is(&world, "startTimeUnixNano", "1000000000");
    field_is(&world, "endTimeUnixNano", "1500000000");
    assert_int_equal(code_of(&world), 1);
    arena_deinit(&world.arena);
}

static void without_one_the_trace_is_the_jobs_own(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_false(tell(&world, "{'kind':'submitted','at':1,'trace':'00-x'}"));
    assert_true(tell(&world, "{'kind':'failed','at':2,'message':'why'}"));
    field_is(&world, "traceId", "0102030405060708090a0b0c0d0e0f10");
    field_is(&world, "parentSpanId", NULL);
    assert_int_equal(code_of(&world), 2);
    arena_deinit(&world.arena);
}

static void a_task_is_a_span_below_its_job(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_true(tell(&world,
                     "{'kind':'task/finished','at':2000,'seq':3,'task':'crop',"
                     "'by':'run','ok':true,'run_ns':500000000}"));
    field_is(&world, "name", "crop");
    field_is(&world, "parentSpanId", "0102030405060708");
    field_is(&world, "startTimeUnixNano", "1500000000");
    field_is(&world, "endTimeUnixNano", "2000000000");
    const Value first = *value_get(&world.span, TEXT("spanId"));
    // Told again, it is the same span; another event is another.
    assert_true(tell(&world, "{'kind':'task/finished','at':2000,'seq':3,"
                             "'task':'crop','ok':true}"));
    assert_true(value_equal(&first, value_get(&world.span, TEXT("spanId"))));
    assert_true(tell(&world, "{'kind':'task/finished','at':2000,'seq':4,"
                             "'task':'crop','ok':false,'end':'limit/time'}"));
    assert_false(value_equal(&first, value_get(&world.span, TEXT("spanId"))));
    assert_int_equal(code_of(&world), 2);
    arena_deinit(&world.arena);
}

static void what_is_not_sampled_is_not_told(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_false(tell(&world, "{'kind':'submitted','at':1,"
                              "'trace':'00-" TRACE "-" PARENT "-00'}"));
    assert_false(span_is_wanted(&world.job));
    arena_deinit(&world.arena);
}

/* The journal is our own, but its bytes were on a disk. */
static void odd_events_make_odd_spans_or_none(void **state)
{
    static const char *const events[] = {
        "{}",
        "[]",
        "null",
        "{'kind':7}",
        "{'kind':'submitted','at':'x','trace':7}",
        "{'kind':'task/finished'}",
        "{'kind':'task/finished','task':7,'ok':'x','run_ns':-1,'by':[]}",
        "{'kind':'succeeded','at':null,'message':{}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        struct world world;
        begin(&world);
        const bool made = tell(&world, events[i]);
        assert_int_equal(made, i >= 5);
        arena_deinit(&world.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_a_span_below_its_traceparent),
        cmocka_unit_test(without_one_the_trace_is_the_jobs_own),
        cmocka_unit_test(a_task_is_a_span_below_its_job),
        cmocka_unit_test(what_is_not_sampled_is_not_told),
        cmocka_unit_test(odd_events_make_odd_spans_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
