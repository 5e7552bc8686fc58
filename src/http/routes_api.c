/* SPDX-License-Identifier: Apache-2.0 */
/* routes_api.c - the table: jobs, node, sessions, quotas, dashboard. */
#include "http/jobs.h"
#include "http/node_page.h"
#include "http/receipts.h"
#include "http/route.h"

/* --- What is said more than once ----------------------------------------- */

static const char *const json_bodies[] = {"application/json", NULL};
static const char *const submit_bodies[] = {
    "application/vnd.ucan.container", "application/vnd.ipld.car",
    "application/yaml", "application/json", NULL};

static const struct route_param wait_query[] = {
    {"wait", "seconds to wait for the job's end, at most 3600", "int"},
    {0},
};
static const struct route_answer a_value[] = {
    {200, "application/json", "DAG-JSON"},
    {0},
};
static const struct route_answer a_job[] = {
    {200, "application/json", "the job (docs/formats/jobs.md)"},
    {0},
};
static const struct route_answer a_changed_job[] = {
    {200, "application/json",
     "{\"job\": link, \"state\"}, once it is durable"},
    {0},
};
static const struct route_answer a_submitted_job[] = {
    {201, "application/json",
     "a new job: {\"job\": link, \"state\", \"new\"}"},
    {200, "application/json", "it was submitted before: the same, not new"},
    {0},
};
static const struct route_answer nothing[] = {
    {204, NULL, "done"},
    {0},
};

/* --- Queries ------------------------------------------------------------- */

static const struct route_param submit_query[] = {
    {"wait",
     "seconds to wait for the job's end, at most 3600; then the answer "
     "is the job",
     "int"},
    {"by",
     "cid: the JSON is terms with `workflow`, a link; else it is a "
     "manifest",
     "text"},
    {"not_before", "of a manifest: milliseconds since 1970", "int"},
    {"deadline", "of a manifest: milliseconds since 1970", "int"},
    {"priority", "of a manifest: 0 to 100", "int"},
    {0},
};
static const struct route_param list_query[] = {
    {"state", "only those in these states, joined by commas", "text"},
    {"subject", "only those that this DID submitted", "text"},
    {"name", "only those whose workflow's name has this in it", "text"},
    {"limit", "at most so many; 100 unless said, at most 1000", "int"},
    {"after", "what `next` of the list before said", "text"},
    {0},
};
static const struct route_param events_query[] = {
    {"after",
     "only events behind this number; the header Last-Event-ID says "
     "the same",
     "int"},
    {"format", "json: those that there are now, as a list", "text"},
    {0},
};
static const struct route_param task_query[] = {
    {"task", "the label of a task", "text"},
    {0},
};
static const struct route_param output_query[] = {
    {"output", "the label of an output; without it, a map of all", "text"},
    {0},
};
static const struct route_param module_query[] = {
    {"module", "the CID of a module", "cid"},
    {0},
};

/* --- Answers ------------------------------------------------------------- */

static const struct route_answer health_answers[] = {
    {200, "application/json", "{\"status\": \"ok\", \"did\", \"version\"}"},
    {0},
};
static const struct route_answer metrics_answers[] = {
    {200, "text/plain", "Prometheus text format"},
    {0},
};
static const struct route_answer invite_answers[] = {
    {201, "application/json", "{\"token\": text}"},
    {0},
};
static const struct route_answer session_answers[] = {
    {204, NULL, "Set-Cookie has the session"},
    {0},
};
static const struct route_answer list_answers[] = {
    {200, "application/json", "{\"jobs\": [job], \"next\"?: text}"},
    {0},
};
static const struct route_answer events_answers[] = {
    {200, "text/event-stream",
     "events (docs/formats/jobs.md); ends when the "
     "job is over"},
    {200, "application/json", "{\"events\": [event], \"last\", \"over\"}"},
    {0},
};
static const struct route_answer news_answers[] = {
    {200, "text/event-stream",
     "event `jobs`, {\"jobs\": {state: count}}, "
     "whenever a job's state changed"},
    {0},
};
static const struct route_answer result_answers[] = {
    {200, "application/json", "outputs with their values; or one value"},
    {200, "*/*", "the bytes of one output that is a file"},
    {206, "*/*", "a range of them"},
    {304, NULL, "If-None-Match has its ETag"},
    {0},
};
static const struct route_answer file_answers[] = {
    {200, "*/*", "the file"},
    {304, NULL, "If-None-Match has its ETag"},
    {0},
};

/* --- The table ----------------------------------------------------------- */

const struct route http_routes_api[] = {
    {
        .methods = METHOD_GET,
        .path = "/healthz",
        .id = "getHealth",
        .group = "node",
        .summary = "whether it serves",
        .answers = health_answers,
        .end = node_health,
    },
    {
        .methods = METHOD_GET,
        .path = "/metrics",
        .capability = MAY_READ_NODE,
        .id = "getMetrics",
        .group = "node",
        .summary = "numbers for Prometheus",
        .answers = metrics_answers,
        .end = node_metrics,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/node",
        .capability = MAY_READ_NODE,
        .id = "getNode",
        .group = "node",
        .summary = "what this node is and does: DID, version, configuration, "
                   "numbers, store, head of the log",
        .answers = a_value,
        .end = node_page,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/session",
        .id = "beginSession",
        .group = "node",
        .summary = "takes a one-time link for a session",
        .about = "The body is {\"token\": text}: what stands behind # in the "
                 "link that `ipvm node` prints. Changes by a session need the "
                 "header `X-IPVM: 1`.",
        .bodies = json_bodies,
        .answers = session_answers,
        .end = session_begin,
    },
    {
        .methods = METHOD_DELETE,
        .path = "/v1/session",
        .id = "endSession",
        .group = "node",
        .summary = "ends the session",
        .answers = nothing,
        .end = session_end,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/invitations",
        .capability = MAY_ADMINISTER,
        .id = "invite",
        .group = "node",
        .summary = "a new one-time link to the dashboard",
        .about = "For the owner only. The link is the node's address and "
                 "/#token=TOKEN; it works once, within ten minutes.",
        .answers = invite_answers,
        .end = session_invite,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/jobs",
        .id = "submitJob",
        .group = "jobs",
        .summary = "submits a workflow",
        .about = "Acknowledged means durable. A UCAN container with an "
                 "invocation of /workflow/run, as the body or as the Bearer "
                 "of an empty body; a CAR with blocks, and the container as "
                 "the Bearer; or, by the owner (a session, or a Bearer of "
                 "/workflow/run that names no workflow), a manifest as YAML "
                 "or JSON whose files are CIDs, or with ?by=cid the terms of "
                 "docs/formats/jobs.md. The invocation of /workflow/run is "
                 "asked for by the form, so no capability stands here. Where "
                 "a block of the workflow is not here: 409, `block-missing`. "
                 "With a full queue: 429 and Retry-After.",
        .query = submit_query,
        .bodies = submit_bodies,
        .answers = a_submitted_job,
        .body_is_large = true,
        .begin = jobs_submit_begin,
        .data = jobs_submit_data,
        .end = jobs_submit,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/jobs",
        .capability = MAY_READ_JOB,
        .id = "listJobs",
        .group = "jobs",
        .summary = "jobs, newest first",
        .about = "Without the capability for all of them: one's own.",
        .query = list_query,
        .answers = list_answers,
        .end = jobs_list,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/jobs/events",
        .capability = MAY_READ_NODE,
        .id = "watchJobs",
        .group = "jobs",
        .summary = "how many jobs are in each state, whenever that changes",
        .answers = news_answers,
        .end = events_of_all,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/jobs/{job}",
        .capability = MAY_READ_JOB,
        .id = "getJob",
        .group = "jobs",
        .summary = "a job",
        .query = wait_query,
        .answers = a_job,
        .is_about_job = true,
        .end = jobs_get,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/jobs/{job}/events",
        .capability = MAY_READ_JOB,
        .id = "watchJob",
        .group = "jobs",
        .summary =
            "what happens to a job, from the beginning or from a number",
        .about = "Server-Sent Events; `id` is the event's number, `event` its "
                 "kind, `data` the event as DAG-JSON. A comment every 15 "
                 "seconds says that nothing happened.",
        .query = events_query,
        .answers = events_answers,
        .is_about_job = true,
        .end = events_of_job,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/jobs/{job}/graph",
        .capability = MAY_READ_JOB,
        .id = "getGraph",
        .group = "jobs",
        .summary = "its tasks, what they await, and how each stands",
        .answers = a_value,
        .is_about_job = true,
        .end = jobs_graph,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/jobs/{job}/explain",
        .capability = MAY_READ_JOB,
        .id = "explainTask",
        .group = "jobs",
        .summary = "why a task ran, or did not",
        .query = task_query,
        .answers = a_value,
        .is_about_job = true,
        .end = jobs_explain,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/jobs/{job}/result",
        .capability = MAY_READ_JOB,
        .id = "getResult",
        .group = "jobs",
        .summary = "what it came to",
        .about = "A file is sent as its bytes, with ranges; any other value "
                 "as DAG-JSON. The header IPVM-Result says `ok` or `error`: "
                 "which of the two the value is. Of all outputs, values are "
                 "left out that would make more than 2 MiB together.",
        .query = output_query,
        .answers = result_answers,
        .is_about_job = true,
        .end = jobs_result,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/jobs/{job}/receipts",
        .capability = MAY_READ_JOB,
        .id = "getJobReceipts",
        .group = "jobs",
        .summary = "receipts of its tasks; what is pending is sealed first",
        .answers = a_value,
        .is_about_job = true,
        .end = receipts_of_job,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/jobs/{job}/suspend",
        .capability = MAY_CONTROL_JOB,
        .id = "suspendJob",
        .group = "jobs",
        .summary = "starts no more of its tasks",
        .about = "Running ones finish, or with {\"now\": true} are cut.",
        .bodies = json_bodies,
        .answers = a_changed_job,
        .is_about_job = true,
        .end = jobs_suspend,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/jobs/{job}/resume",
        .capability = MAY_CONTROL_JOB,
        .id = "resumeJob",
        .group = "jobs",
        .summary = "goes on with a suspended job",
        .bodies = json_bodies,
        .answers = a_changed_job,
        .is_about_job = true,
        .end = jobs_resume,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/jobs/{job}/cancel",
        .capability = MAY_CONTROL_JOB,
        .id = "cancelJob",
        .group = "jobs",
        .summary = "ends it, and stops what runs",
        .bodies = json_bodies,
        .answers = a_changed_job,
        .is_about_job = true,
        .end = jobs_cancel,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/jobs/{job}/retry",
        .capability = MAY_CONTROL_JOB,
        .id = "retryJob",
        .group = "jobs",
        .summary = "tries a failed or cancelled job again",
        .bodies = json_bodies,
        .answers = a_changed_job,
        .is_about_job = true,
        .end = jobs_retry,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/jobs/{job}/fork",
        .capability = MAY_CONTROL_JOB,
        .id = "forkJob",
        .group = "jobs",
        .summary = "a new job that runs some tasks again",
        .about = "By the owner: {\"from\": [label]}. Those tasks and what "
                 "awaits them run again, the rest is shared. Others submit "
                 "an invocation with `from`.",
        .query = wait_query,
        .bodies = json_bodies,
        .answers = a_submitted_job,
        .is_about_job = true,
        .end = jobs_fork,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/describe",
        .capability = MAY_READ_CONTENT,
        .id = "describeModule",
        .group = "modules",
        .summary = "a module's functions with their WIT types",
        .query = module_query,
        .answers = a_value,
        .end = modules_get,
    },
    {
        .methods = METHOD_POST,
        .path = "/v1/call",
        .capability = MAY_SUBMIT,
        .id = "callFunction",
        .group = "modules",
        .summary = "submits one call of a function as a job",
        .about = "By the owner: {\"module\": link, \"function\": text, "
                 "\"words\": [text]}, the words as on the command line: "
                 "@CID is content.",
        .query = wait_query,
        .bodies = json_bodies,
        .answers = a_submitted_job,
        .end = modules_call,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/inspect/{cid}",
        .capability = MAY_READ_CONTENT,
        .id = "inspectBlock",
        .group = "content",
        .summary = "a block for people: codec, size, links, value",
        .answers = a_value,
        .is_about_cid = true,
        .end = inspect_get,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/log",
        .capability = MAY_READ_NODE,
        .id = "getLog",
        .group = "receipts",
        .summary = "size and head of the log of receipts",
        .answers = a_value,
        .end = receipts_log,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/receipts/{cid}",
        .capability = MAY_READ_NODE,
        .id = "getReceipts",
        .group = "receipts",
        .summary = "receipts with what proves them",
        .about = "By the CID of a receipt, a task, a computation or a result.",
        .answers = a_value,
        .end = receipts_get,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/quotas",
        .capability = MAY_ADMINISTER,
        .id = "listQuotas",
        .group = "quotas",
        .summary = "all quotas",
        .answers = a_value,
        .end = quotas_list,
    },
    {
        .methods = METHOD_GET,
        .path = "/v1/quotas/{id}",
        .capability = MAY_ADMINISTER,
        .id = "getQuota",
        .group = "quotas",
        .summary = "a quota, and what was used of it",
        .answers = a_value,
        .end = quotas_get,
    },
    {
        .methods = METHOD_PUT,
        .path = "/v1/quotas/{id}",
        .capability = MAY_ADMINISTER,
        .id = "setQuota",
        .group = "quotas",
        .summary = "registers a quota, or changes its totals",
        .about = "{\"time_ms\"?, \"bytes\"?, \"fuel\"?, \"tasks\"?}; 0 or "
                 "absent is no bound. What was used stays.",
        .bodies = json_bodies,
        .answers = a_value,
        .end = quotas_put,
    },
    {
        .methods = METHOD_DELETE,
        .path = "/v1/quotas/{id}",
        .capability = MAY_ADMINISTER,
        .id = "removeQuota",
        .group = "quotas",
        .summary = "removes a quota: nobody may use it any more",
        .answers = nothing,
        .end = quotas_delete,
    },
    {
        .methods = METHOD_GET,
        .path = "/{path*}",
        .id = "getDashboard",
        .group = "dashboard",
        .summary = "the dashboard's files",
        .answers = file_answers,
        .end = dashboard_get,
    },
};
const size_t http_routes_api_count =
    sizeof http_routes_api / sizeof *http_routes_api;
