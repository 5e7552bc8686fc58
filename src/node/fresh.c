/* SPDX-License-Identifier: Apache-2.0 */
#include "node/fresh.h"

#include <stdlib.h>

#include "ipld/dag_cbor.h"

struct crossing {
    const struct workflow *workflow;
    bool *fresh;
    struct arena arena;
};

/* What ran in this job already is not run again after a restart. */
static bool cross_out(void *context, uint64_t seq, Bytes bytes)
{
    struct crossing *crossing = context;
    Value event;
    (void)seq;
    arena_reset(&crossing->arena);
    if (dag_cbor_decode(bytes, &crossing->arena, &event, NULL) != STATUS_OK)
        return true;
    const Value *kind = value_get(&event, TEXT("kind"));
    const Value *label = value_get(&event, TEXT("task"));
    if (!kind || kind->kind != VALUE_TEXT || !label ||
        label->kind != VALUE_TEXT ||
        !text_equal(kind->text, TEXT("task/finished")) ||
        !value_get(&event, TEXT("result")))
        return true;
    const uint32_t task = workflow_find(crossing->workflow, label->text);
    if (task != TASK_OUTSIDE)
        crossing->fresh[task] = false;
    return true;
}

static Status cross_out_all(struct node *node, const struct job *job,
                            const struct workflow *workflow, bool *fresh,
                            struct error *err)
{
    struct crossing crossing = {.workflow = workflow, .fresh = fresh};
    uint64_t last;
    bool is_over;
    if (job->facts.started_ms == 0)
        return STATUS_OK;
    Status status = node_events(node, &job->facts.id, 0, cross_out, &crossing,
                                &last, &is_over, err);
    arena_deinit(&crossing.arena);
    return status;
}

/* A walk from each task down to what it awaits, with a stack of its own: a
 * chain may be as long as the workflow. */
struct walk {
    const struct workflow *workflow;
    bool *fresh;
    uint32_t *stack; /* tasks on the way down */
    uint32_t *next;  /* of each task: which await is looked at next */
    bool *seen;
};

static void step(struct walk *walk, uint32_t *depth)
{
    const uint32_t task = walk->stack[*depth - 1];
    const struct task *what = &walk->workflow->tasks[task];
    if (walk->next[task] == what->await_count) {
        --*depth;
        return;
    }
    const uint32_t below = what->awaits[walk->next[task]].task;
    if (below != TASK_OUTSIDE && !walk->seen[below]) {
        walk->seen[below] = true;
        walk->stack[(*depth)++] = below;
        return; // And then here again: it is known.
    }
    if (below != TASK_OUTSIDE && walk->fresh[below])
        walk->fresh[task] = true;
    walk->next[task]++;
}

/* What awaits one that is fresh is fresh, too. */
static void spread(const struct workflow *workflow, bool *fresh)
{
    const uint32_t count = workflow->count;
    struct walk walk = {
        .workflow = workflow,
        .fresh = fresh,
        .stack = heap_array(count, sizeof *walk.stack),
        .next = heap_array(count, sizeof *walk.next),
        .seen = heap_array(count, sizeof *walk.seen),
    };
    for (uint32_t task = 0; task < count; task++) {
        uint32_t depth = 0;
        if (!walk.seen[task])
            walk.stack[depth++] = task;
        walk.seen[task] = true;
        while (depth > 0)
            step(&walk, &depth);
    }
    free(walk.stack);
    free(walk.next);
    free(walk.seen);
}

Status fresh_tasks(struct node *node, const struct job *job,
                   const struct job_terms *terms,
                   const struct workflow *workflow, bool **out,
                   struct error *err)
{
    *out = NULL;
    if (!terms->has_from)
        return STATUS_OK;
    bool *fresh = heap_array(workflow->count, sizeof *fresh);
    Status status = STATUS_OK;
    for (uint32_t index = 0;
         index < terms->from_task_count && status == STATUS_OK; index++) {
        const Text label = terms->from_tasks[index];
        const uint32_t task = workflow_find(workflow, label);
        if (task == TASK_OUTSIDE)
            status = fail(err, STATUS_INVALID,
                          "'from.tasks' names %.*s, which is no task of the "
                          "workflow",
                          TEXT_ARG(label));
        else
            fresh[task] = true;
    }
    if (status == STATUS_OK) {
        spread(workflow, fresh);
        status = cross_out_all(node, job, workflow, fresh, err);
    }
    if (status != STATUS_OK) {
        free(fresh);
        return status;
    }
    *out = fresh;
    return STATUS_OK;
}
