/* SPDX-License-Identifier: Apache-2.0 */
#include "http/answered.h"

#include "http/server.h"
#include "http/url.h"

void answered_told(void *context, const struct node_answer *answer)
{
    struct answered *answered = context;
    struct request *request = answered->request;
    answered->answer = *answer;
    atomic_store(&answered->is_told, true);
    request_wake(request);
}

static RequestStep respond_refused(struct request *request,
                                   const struct node_answer *answer)
{
    const Status status = answer->status;
    if (status == STATUS_BUSY) {
        respond_header_format(request, "Retry-After", "%u",
                              answer->retry_after_s ? answer->retry_after_s
                                                    : 1);
        return respond_problem(request, 429, "queue-full", "%s",
                               answer->error.message[0]
                                   ? answer->error.message
                                   : "the queue is full: come back later");
    }
    if (status == STATUS_NOT_FOUND)
        return respond_problem(request, 404, "job-not-found",
                               "this node has no such job");
    if (status == STATUS_INVALID && answer->error.message[0])
        return respond_problem(request, 409, "wrong-state", "%s",
                               answer->error.message);
    return respond_failure(request, NULL, status, &answer->error);
}

RequestStep answered_step(struct request *request)
{
    struct answered *answered = request->state;
    const struct node_answer *answer = &answered->answer;
    struct arena *arena = &request->arena;
    char text[CID_TEXT_MAX];
    Cid cid;
    if (!atomic_load(&answered->is_told))
        return REQUEST_WAITS;
    if (answer->status != STATUS_OK)
        return respond_refused(request, answer);
    int status = answered->status;
    if (status == 0 && answer->is_new)
        otlp_follow(server_otlp(request->http), &answer->job);
    if (status == 0)
        status = answer->is_new ? 201 : 200;
    if (answered->wait.until_ns > 0) {
        answered->wait.job = answer->job;
        answered->wait.status = status;
        return job_wait_step(request);
    }
    job_cid(&answer->job, &cid);
    cid_to_text(&cid, text);
    const struct value_entry entries[] = {
        {TEXT("job"), value_link(&cid)},
        {TEXT("state"), value_text(job_state_name(answer->state))},
        {TEXT("new"), value_bool(answer->is_new)},
    };
    const Value value =
        value_map(arena, entries, answered->status == 0 ? 3 : 2);
    if (answered->status == 0)
        respond_header_format(request, "Location", "/v1/jobs/%s", text);
    return respond_value(request, status, &value);
}

RequestStep answered_give(struct request *request,
                          struct submission *submission)
{
    struct answered *answered = request->state;
    const Text trace = request_header(request, "traceparent");
    struct trace_parent parent;
    if (trace_parent_read(trace, &parent))
        submission_set_trace(submission, (Text){trace.data, TRACE_PARENT_LEN});
    answered->request = request;
    request_wait_as(request, answered_step, 0);
    node_submit(request->node, submission, answered_told, answered);
    return REQUEST_WAITS;
}

RequestStep answered_refuse(struct request *request, Status status,
                            const struct chain_refusal *refusal,
                            const struct error *err)
{
    if (status == STATUS_DENIED)
        return respond_problem(
            request, 403, "denied", "%s: %s", chain_rule_name(refusal->rule),
            *refusal->message ? refusal->message : err->message);
    if (status == STATUS_NOT_FOUND)
        return respond_problem(request, 409, "block-missing", "%s",
                               err->message[0]
                                   ? err->message
                                   : "a block of the workflow is not here: "
                                     "send it first, or with it as a CAR");
    return respond_failure(request, NULL, status, err);
}

static void forget_answered(void *state)
{
    struct answered *answered = state;
    job_wait_end(&answered->wait);
}

RequestStep answered_submit(struct request *request,
                            const struct job_terms *terms)
{
    static const struct chain_refusal none;
    struct answered *answered = ARENA_NEW(&request->arena, struct answered);
    struct submission *submission;
    struct error err = {0};
    if (!job_wait_read(request, &answered->wait))
        return REQUEST_DONE;
    const Status status = gate_own_submission(
        node_gate(request->node), terms, bytes_of(NULL, 0), &submission, &err);
    if (status != STATUS_OK)
        return answered_refuse(request, status, &none, &err);
    request->state = answered;
    request->forget = forget_answered;
    return answered_give(request, submission);
}
