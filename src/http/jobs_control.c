/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_control.c - words to a job, told when they are durable. */
#include <stdatomic.h>

#include "http/answered.h"
#include "http/jobs.h"
#include "ipld/dag_json.h"

static RequestStep control(struct request *request, NodeVerb verb)
{
    struct answered *answered = ARENA_NEW(&request->arena, struct answered);
    Hash job;
    if (!request_job(request, &job))
        return REQUEST_DONE;
    answered->request = request;
    answered->status = 200;
    request->state = answered;
    request_wait_as(request, answered_step, 0);
    node_control(request->node, verb, &job, &request->principal.did,
                 answered_told, answered);
    return REQUEST_WAITS;
}

/* A body that is a map of JSON, or none. False: it has answered. */
static bool read_body(struct request *request, Value *out)
{
    struct error err = {0};
    *out = value_map(&request->arena, NULL, 0);
    if (request->body.len == 0)
        return true;
    const Status status = dag_json_decode(buffer_bytes(&request->body),
                                          &request->arena, out, &err);
    if (status != STATUS_OK)
        respond_failure(request, "bad-json", status, &err);
    else if (out->kind != VALUE_MAP)
        respond_problem(request, 400, "bad-json", "the body is no map");
    return status == STATUS_OK && out->kind == VALUE_MAP;
}

RequestStep jobs_suspend(struct request *request)
{
    Value body;
    if (!read_body(request, &body))
        return REQUEST_DONE;
    const Value *now = value_get(&body, TEXT("now"));
    if (now && now->kind != VALUE_BOOL)
        return respond_problem(request, 400, "bad-json",
                               "now is true or false");
    return control(request,
                   now && now->boolean ? NODE_SUSPEND_NOW : NODE_SUSPEND);
}

RequestStep jobs_resume(struct request *request)
{
    return control(request, NODE_RESUME);
}

RequestStep jobs_cancel(struct request *request)
{
    return control(request, NODE_CANCEL);
}

RequestStep jobs_retry(struct request *request)
{
    return control(request, NODE_RETRY);
}

/* --- Fork ---------------------------------------------------------------- */

/* The labels in {"from": […]}. False: it has answered. */
static bool read_from(struct request *request, struct job_terms *terms)
{
    Value body;
    if (!read_body(request, &body))
        return false;
    const Value *from = value_get(&body, TEXT("from"));
    const bool is_list = from && from->kind == VALUE_LIST;
    if (!is_list || from->list.count == 0 ||
        from->list.count > JOB_FROM_TASKS_MAX) {
        respond_problem(request, 400, "bad-json",
                        "from is a list of 1 to %d labels of tasks",
                        JOB_FROM_TASKS_MAX);
        return false;
    }
    Text *labels =
        arena_array(&request->arena, from->list.count, sizeof *labels);
    for (size_t index = 0; index < from->list.count; index++) {
        if (from->list.items[index].kind != VALUE_TEXT) {
            respond_problem(request, 400, "bad-json", "from[%zu] is no label",
                            index);
            return false;
        }
        labels[index] = from->list.items[index].text;
    }
    terms->from_tasks = labels;
    terms->from_task_count = (uint32_t)from->list.count;
    return true;
}

RequestStep jobs_fork(struct request *request)
{
    struct job_terms terms = {.has_from = true};
    struct error err = {0};
    Value job;
    if (!request->principal.is_owner)
        return respond_problem(request, 403, "denied",
                               "only the owner forks by a word; others submit "
                               "an invocation with `from`");
    if (!request_job(request, &terms.from_job) || !read_from(request, &terms))
        return REQUEST_DONE;
    const Status status =
        node_job(request->node, &terms.from_job, &request->arena, &job, &err);
    if (status == STATUS_NOT_FOUND)
        return respond_problem(request, 404, "job-not-found",
                               "this node has no such job");
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    const Value *workflow = value_get(&job, TEXT("workflow"));
    if (!workflow || workflow->kind != VALUE_LINK ||
        cid_from_bytes(workflow->link, &terms.workflow, &err) != STATUS_OK)
        return respond_problem(request, 500, "corrupt",
                               "the job does not say of which workflow it is");
    return answered_submit(request, &terms);
}
