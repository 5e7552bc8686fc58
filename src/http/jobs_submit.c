/* SPDX-License-Identifier: Apache-2.0 */
/* jobs_submit.c - POST /v1/jobs, in its forms:
 *
 *     a container        in the body, or as the Bearer of an empty one
 *     a CAR              the Bearer's container, and blocks it needs
 *     {"workflow": CID}  by the owner, ?by=cid
 *     a manifest         by the owner, YAML or JSON
 *
 * What takes long is done at the desk (desk.h): reading manifests, importing
 * blocks. Those are kept only if the gate finds the chain good: without a
 * block of the workflow, it says which, and not that there is no authority. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "content/car_import.h"
#include "http/answered.h"
#include "http/at_desk.h"
#include "http/jobs.h"
#include "http/route.h"
#include "ipld/dag_json.h"
#include "run/root.h"

struct submitting {
    struct answered answered; /* first: see answered.h */
    struct at_desk at_desk;
    int file; /* of a CAR; 0: none */
    Bytes container;
    struct submission *submission;
    struct chain_refusal refusal;
    struct job_terms terms;
    Status status;
    struct error err;
};

static struct submitting *submitting_of(struct desk_work *work)
{
    return (struct submitting *)(void *)((char *)work -
                                         offsetof(struct submitting, at_desk));
}

static void forget(void *state)
{
    struct submitting *submitting = state;
    if (submitting->file > 0)
        close(submitting->file);
    if (submitting->submission)
        submission_free(submitting->submission);
    job_wait_end(&submitting->answered.wait);
}

static RequestStep give(struct request *request)
{
    struct submitting *submitting = request->state;
    struct submission *submission = submitting->submission;
    if (submitting->status != STATUS_OK)
        return answered_refuse(request, submitting->status,
                               &submitting->refusal, &submitting->err);
    submitting->submission = NULL;
    return answered_give(request, submission);
}

/* --- By a container ------------------------------------------------------ */

static RequestStep by_container(struct request *request)
{
    struct submitting *submitting = request->state;
    submitting->status = gate_submission(
        node_gate(request->node), submitting->container,
        &submitting->submission, &submitting->refusal, &submitting->err);
    return give(request);
}

/* --- With blocks --------------------------------------------------------- */

static void import_blocks(struct desk_work *work, const struct loader *loader)
{
    struct submitting *submitting = submitting_of(work);
    struct request *request = submitting->at_desk.request;
    const struct car_import_options options = {.no_pin = true};
    struct car_imported imported = {0};
    (void)loader;
    submitting->status =
        lseek(submitting->file, 0, SEEK_SET) == 0
            ? car_import(request->store, submitting->file, "the body",
                         &options, &imported, &submitting->err)
            : fail(&submitting->err, STATUS_IO, "cannot read the body again");
    car_imported_deinit(&imported);
    if (submitting->status == STATUS_OK)
        submitting->status = gate_submission(
            node_gate(request->node), submitting->container,
            &submitting->submission, &submitting->refusal, &submitting->err);
}

/* The chain must be good before anything is taken in. */
static RequestStep begin_car(struct request *request)
{
    struct submitting *submitting = request->state;
    const char *directory = store_directory(request->store);
    const Status status = gate_submission(
        node_gate(request->node), submitting->container,
        &submitting->submission, &submitting->refusal, &submitting->err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return answered_refuse(request, status, &submitting->refusal,
                               &submitting->err);
    if (submitting->submission)
        submission_free(submitting->submission);
    submitting->submission = NULL;
    submitting->err = (struct error){0};
    submitting->file = open(*directory ? directory : "/tmp",
                            O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (submitting->file < 0) {
        submitting->file = 0;
        return respond_problem(request, 500, "io",
                               "there is no place for the body");
    }
    return REQUEST_WAITS;
}

bool jobs_submit_data(struct request *request, Bytes piece)
{
    struct submitting *submitting = request->state;
    if (submitting->file > 0) {
        if (file_write_all(submitting->file, piece))
            return true;
        respond_problem(request, 507, "full",
                        "there is no space for the body");
        return false;
    }
    return request_collect(request, piece, ROUTE_BODY_SMALL);
}

/* --- By the owner -------------------------------------------------------- */

static bool is_owner(struct request *request)
{
    struct chain_refusal refusal = {0};
    struct error err = {0};
    const struct gate_request asked = {
        .capability = MAY_SUBMIT,
        .bearer = request_bearer(request),
        .cookie = request_cookie(request),
    };
    const Status status = gate_enter(node_gate(request->node), &asked,
                                     &request->principal, &refusal, &err);
    const bool is_nobody = asked.bearer.len == 0;
    if (status == STATUS_DENIED && is_nobody)
        respond_problem(request, 401, "not-authenticated",
                        "this needs a token or a session");
    else if (status != STATUS_OK)
        answered_refuse(request, status, &refusal, &err);
    else if (!request->principal.is_owner)
        respond_problem(request, 403, "denied",
                        "only the owner submits without an invocation of "
                        "/workflow/run that names the workflow");
    else
        return request_is_unforged(request);
    return false;
}

static void submit_terms(struct submitting *submitting,
                         struct request *request)
{
    submitting->status = gate_own_submission(
        node_gate(request->node), &submitting->terms, bytes_of(NULL, 0),
        &submitting->submission, &submitting->err);
}

static void read_manifest(struct desk_work *work, const struct loader *loader)
{
    struct submitting *submitting = submitting_of(work);
    struct request *request = submitting->at_desk.request;
    struct workflow *workflow = NULL;
    submitting->status =
        load_document(loader, buffer_bytes(&request->body), "workflow", ".",
                      &workflow, &submitting->err);
    if (submitting->status == STATUS_NOT_FOUND)
        submitting->status =
            fail(&submitting->err, STATUS_INVALID, "%s",
                 submitting->err.message[0] ? submitting->err.message
                                            : "a module of it is not here");
    if (submitting->status != STATUS_OK)
        return;
    submitting->terms.workflow = workflow->cid;
    workflow_free(workflow);
    submit_terms(submitting, request);
}

static bool query_time(struct request *request, const char *name, int64_t *out)
{
    uint64_t ms = 0;
    if (!request_query_number(request, name, INT64_MAX, &ms))
        return false;
    *out = (int64_t)ms;
    return true;
}

static RequestStep by_manifest(struct request *request)
{
    struct submitting *submitting = request->state;
    uint64_t priority = 0;
    if (!query_time(request, "not_before", &submitting->terms.not_before_ms) ||
        !query_time(request, "deadline", &submitting->terms.deadline_ms) ||
        !request_query_number(request, "priority", JOB_PRIORITY_MAX,
                              &priority))
        return REQUEST_DONE;
    submitting->terms.priority = (int32_t)priority;
    return at_desk_ask(request, &submitting->at_desk, read_manifest, give);
}

static void read_workflow(struct desk_work *work, const struct loader *loader)
{
    struct submitting *submitting = submitting_of(work);
    (void)loader;
    submit_terms(submitting, submitting->at_desk.request);
}

/* A workflow that was never read here may be long. */
static RequestStep by_cid(struct request *request)
{
    struct submitting *submitting = request->state;
    struct arena *arena = &request->arena;
    struct root *root;
    Value terms;
    Status status = dag_json_decode(buffer_bytes(&request->body), arena,
                                    &terms, &submitting->err);
    if (status == STATUS_OK)
        status = job_terms_read(&terms, arena, &submitting->terms,
                                &submitting->err);
    if (status != STATUS_OK)
        return respond_failure(request, "bad-terms", status, &submitting->err);
    if (root_get(request->store, &submitting->terms.workflow, &root) !=
        STATUS_OK)
        return at_desk_ask(request, &submitting->at_desk, read_workflow, give);
    root_free(root);
    submit_terms(submitting, request);
    return give(request);
}

/* --- Which of them ------------------------------------------------------- */

RequestStep jobs_submit_begin(struct request *request)
{
    struct submitting *submitting =
        ARENA_NEW(&request->arena, struct submitting);
    const Text type = request_type(request);
    request->state = submitting;
    request->forget = forget;
    if (!job_wait_read(request, &submitting->answered.wait))
        return REQUEST_DONE;
    submitting->container = text_bytes(request_bearer(request));
    if (text_equal(type, TEXT("application/vnd.ipld.car"))) {
        if (submitting->container.len == 0)
            return respond_problem(request, 401, "not-authenticated",
                                   "blocks come with an invocation of "
                                   "/workflow/run as the Bearer");
        return begin_car(request);
    }
    if (text_equal(type, TEXT("application/yaml")) ||
        text_equal(type, TEXT("application/json")))
        return is_owner(request) ? REQUEST_WAITS : REQUEST_DONE;
    return REQUEST_WAITS;
}

RequestStep jobs_submit(struct request *request)
{
    struct submitting *submitting = request->state;
    const Text type = request_type(request);
    Text by = {"", 0};
    if (submitting->file > 0)
        return at_desk_ask(request, &submitting->at_desk, import_blocks, give);
    if (request->body.len == 0 && submitting->container.len > 0)
        return by_container(request);
    if (request->body.len == 0)
        return respond_problem(request, 400, "nothing-submitted",
                               "there is neither a body nor a Bearer");
    if (text_equal(type, TEXT("application/vnd.ucan.container"))) {
        submitting->container = buffer_bytes(&request->body);
        return by_container(request);
    }
    request_query(request, "by", &by);
    return text_equal(by, TEXT("cid")) ? by_cid(request)
                                       : by_manifest(request);
}
