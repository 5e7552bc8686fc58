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

/* Tasks are by label, not in the order of the graph: round after round. */
static void spread(const struct workflow *workflow, bool *fresh)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (uint32_t task = 0; task < workflow->count; task++) {
            const struct task *what = &workflow->tasks[task];
            for (uint32_t at = 0; at < what->await_count && !fresh[task]; at++)
                if (what->awaits[at].task != TASK_OUTSIDE &&
                    fresh[what->awaits[at].task])
                    changed = fresh[task] = true;
        }
    }
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
