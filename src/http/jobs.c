/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.c - what there is, and what became of it. */
#include "http/jobs.h"

#include "http/job_wait.h"
#include "http/url.h"

/* --- A list -------------------------------------------------------------- */

enum {
    LIST_MAX = 1000,
    LIST_DEFAULT = 100,
    /* Anybody may ask for a list of his own, and there may be none. */
    LOOKS_MAX = 5000,
};

struct listing {
    struct request *request;
    Value *jobs;
    uint32_t count, max;
    struct job_place last;
    bool is_cut;
};

static bool list_one(void *context, const Value *job,
                     const struct job_place *place)
{
    struct listing *listing = context;
    if (!job) {
        listing->last = *place;
        listing->is_cut = true;
        return false;
    }
    listing->jobs[listing->count++] =
        value_copy(&listing->request->arena, job);
    listing->last = *place;
    return listing->count < listing->max;
}

/* "queued,running", also several of them. */
struct states {
    uint32_t bits;
    bool is_bad;
};

static bool take_states(void *context, Text value)
{
    struct states *states = context;
    while (value.len > 0) {
        const char *comma = memchr(value.data, ',', value.len);
        const size_t len = comma ? (size_t)(comma - value.data) : value.len;
        const JobState state = job_state_from_name((Text){value.data, len});
        if ((int)state >= JOB_STATES)
            states->is_bad = true;
        else
            states->bits |= 1U << state;
        value = comma ? (Text){comma + 1, value.len - len - 1} : (Text){"", 0};
    }
    return true;
}

/* Where a list went on: "MILLISECONDS.CID". */
static bool read_place(Text text, struct job_place *out)
{
    const char *dot = text.len ? memchr(text.data, '.', text.len) : NULL;
    uint64_t ms;
    Cid cid;
    if (!dot)
        return false;
    const size_t len = (size_t)(dot - text.data);
    if (!number_read((Text){text.data, len}, INT64_MAX, &ms) ||
        cid_from_text((Text){dot + 1, text.len - len - 1}, &cid, NULL) !=
            STATUS_OK)
        return false;
    out->submitted_ms = (int64_t)ms;
    return job_id_of_cid(&cid, &out->id);
}

static Value place_value(struct arena *arena, const struct job_place *place)
{
    char text[CID_TEXT_MAX];
    Cid cid;
    job_cid(&place->id, &cid);
    cid_to_text(&cid, text);
    return value_text(
        arena_format(arena, "%lld.%s", (long long)place->submitted_ms, text));
}

/* False: it has answered. */
static bool read_filter(struct request *request, struct node_filter *filter,
                        Did *subject, struct job_place *after)
{
    struct states states = {0};
    struct error err = {0};
    uint64_t limit = LIST_DEFAULT;
    Text text;
    request_query_each(request, "state", take_states, &states);
    if (states.is_bad) {
        respond_problem(request, 400, "bad-query",
                        "state is queued, running, suspended, succeeded, "
                        "failed or cancelled");
        return false;
    }
    filter->states = states.bits;
    if (!request_query_number(request, "limit", LIST_MAX, &limit))
        return false;
    filter->count_max = limit ? (uint32_t)limit : LIST_DEFAULT;
    request_query(request, "name", &filter->name);
    if (request_query(request, "subject", &text)) {
        if (did_read(text, subject, NULL, &err) != STATUS_OK) {
            respond_problem(request, 400, "bad-query", "subject: %s",
                            err.message);
            return false;
        }
        filter->subject = subject;
    }
    if (!request->principal.all_jobs) {
        filter->subject = &request->principal.did;
        filter->looks_max = LOOKS_MAX;
    }
    if (request_query(request, "after", &text)) {
        if (!read_place(text, after)) {
            respond_problem(request, 400, "bad-query",
                            "after is what `next` of a list says");
            return false;
        }
        filter->after = after;
    }
    return true;
}

RequestStep jobs_list(struct request *request)
{
    struct node_filter filter = {0};
    struct job_place after;
    struct error err = {0};
    Did subject;
    if (!read_filter(request, &filter, &subject, &after))
        return REQUEST_DONE;
    struct listing listing = {
        .request = request,
        .max = filter.count_max,
        .jobs = arena_array(&request->arena, filter.count_max, sizeof(Value)),
    };
    const Status status =
        node_jobs(request->node, &filter, list_one, &listing, &err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return respond_failure(request, NULL, status, &err);
    struct value_entry entries[2] = {
        {TEXT("jobs"), value_list(listing.jobs, listing.count)},
    };
    const bool is_full = listing.is_cut || listing.count == listing.max;
    if (is_full)
        entries[1] = (struct value_entry){
            TEXT("next"), place_value(&request->arena, &listing.last)};
    const Value list = value_map(&request->arena, entries, is_full ? 2 : 1);
    return respond_value(request, 200, &list);
}

/* --- One ----------------------------------------------------------------- */

static void forget_wait(void *state)
{
    job_wait_end(state);
}

RequestStep jobs_get(struct request *request)
{
    struct job_wait *wait = ARENA_NEW(&request->arena, struct job_wait);
    wait->status = 200;
    if (!request_job(request, &wait->job) || !job_wait_read(request, wait))
        return REQUEST_DONE;
    request->state = wait;
    request->forget = forget_wait;
    return job_wait_step(request);
}

static RequestStep respond_about(struct request *request, Status status,
                                 const Value *value, const struct error *err)
{
    if (status == STATUS_OK)
        return respond_value(request, 200, value);
    if (status == STATUS_NOT_FOUND)
        return respond_problem(request, 404, "job-not-found",
                               "this node has no such job, or no such task");
    return respond_failure(request, NULL, status, err);
}

RequestStep jobs_graph(struct request *request)
{
    struct error err = {0};
    Value graph;
    Hash job;
    if (!request_job(request, &job))
        return REQUEST_DONE;
    const Status status =
        node_graph(request->node, &job, &request->arena, &graph, &err);
    return respond_about(request, status, &graph, &err);
}

RequestStep jobs_explain(struct request *request)
{
    struct error err = {0};
    Value explained;
    Text task;
    Hash job;
    if (!request_job(request, &job))
        return REQUEST_DONE;
    if (!request_query(request, "task", &task))
        return respond_problem(request, 400, "bad-query",
                               "task is the label of one of its tasks");
    const Status status = node_explain(request->node, &job, task,
                                       &request->arena, &explained, &err);
    return respond_about(request, status, &explained, &err);
}
