/* SPDX-License-Identifier: Apache-2.0 */
/* test_task_index.c - tasks by label and by symbolic CID. */
#include "unit/task/task_test.h"

#include "task/task_index.h"

enum { COUNT = 1000 };

static struct task *make_tasks(struct arena *arena)
{
    struct task *tasks = heap_array(COUNT, sizeof *tasks);
    for (uint32_t i = 0; i < COUNT; i++) {
        tasks[i].label = arena_format(arena, "task-%u", i);
        hash_sha256(text_bytes(tasks[i].label), &tasks[i].symbolic);
    }
    return tasks;
}

static void finds_what_was_added_and_nothing_else(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct workflow workflow = {.tasks = make_tasks(&arena), .count = COUNT};
    struct task_index labels, symbolic;
    task_index_init(&labels, &workflow);
    task_index_init(&symbolic, &workflow);
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct task *task = &workflow.tasks[i];
        assert_int_equal(task_index_label(&labels, task->label), TASK_OUTSIDE);
        assert_int_equal(task_index_symbolic(&symbolic, &task->symbolic),
                         TASK_OUTSIDE);
        task_index_expect(&symbolic, &task->symbolic);
        assert_int_equal(task_index_add_label(&labels, i), i);
        assert_int_equal(task_index_add_symbolic(&symbolic, i), i);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct task *task = &workflow.tasks[i];
        assert_int_equal(task_index_label(&labels, task->label), i);
        assert_int_equal(task_index_symbolic(&symbolic, &task->symbolic), i);
    }
    task_index_deinit(&labels);
    task_index_deinit(&symbolic);
    free(workflow.tasks);
    arena_deinit(&arena);
}

/* With this key every digest has the same hash: the digests decide. */
static void tells_digests_apart_that_meet(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct workflow workflow = {.tasks = make_tasks(&arena), .count = COUNT};
    struct task_index index;
    task_index_init(&index, &workflow);
    index.key[1] = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        memset(workflow.tasks[i].symbolic.bytes + 8, 0, 8);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(task_index_add_symbolic(&index, i), i);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(
            task_index_symbolic(&index, &workflow.tasks[i].symbolic), i);
    workflow.tasks[7].symbolic = workflow.tasks[3].symbolic;
    assert_int_equal(task_index_add_symbolic(&index, 7), 3);
    task_index_deinit(&index);
    free(workflow.tasks);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added_and_nothing_else),
        cmocka_unit_test(tells_digests_apart_that_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
