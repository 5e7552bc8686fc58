/* SPDX-License-Identifier: Apache-2.0 */
#include "http/job_wait.h"

#include "base/clock.h"
#include "http/server.h"

bool job_wait_read(struct request *request, struct job_wait *out)
{
    uint64_t seconds = 0;
    if (!request_query_number(request, "wait", JOB_WAIT_MAX_S, &seconds))
        return false;
    out->until_ns = seconds ? clock_monotonic_ns() + seconds * 1000000000 : 0;
    return true;
}

static void wake(void *context)
{
    request_wake(context);
}

static bool is_over(const Value *job)
{
    const Value *state = value_get(job, TEXT("state"));
    return !state || job_state_is_over(job_state_from_name(state->text));
}

static void name_it(struct request *request, const Hash *job)
{
    char text[CID_TEXT_MAX];
    Cid cid;
    job_cid(job, &cid);
    cid_to_text(&cid, text);
    respond_header_format(request, "Location", "/v1/jobs/%s", text);
}

RequestStep job_wait_step(struct request *request)
{
    struct job_wait *wait = request->state;
    struct error err = {0};
    const uint64_t now_ns = clock_monotonic_ns();
    Value job;
    if (wait->until_ns > now_ns && !wait->watch)
        wait->watch = node_watch(request->node, &wait->job, wake, request);
    const Status status =
        node_job(request->node, &wait->job, &request->arena, &job, &err);
    if (status == STATUS_NOT_FOUND)
        return respond_problem(request, 404, "job-not-found",
                               "this node has no such job");
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    if (wait->until_ns > now_ns && !is_over(&job) &&
        !server_stops(request->http)) {
        request_wait_as(request, job_wait_step,
                        (wait->until_ns - now_ns) / 1000000 + 1);
        return REQUEST_WAITS;
    }
    if (wait->status == 201)
        name_it(request, &wait->job);
    return respond_value(request, wait->status, &job);
}

void job_wait_end(struct job_wait *wait)
{
    if (wait && wait->watch)
        node_unwatch(wait->watch);
}
