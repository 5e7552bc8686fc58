/* SPDX-License-Identifier: Apache-2.0 */
#include "http/admit.h"

#include "base/clock.h"
#include "http/exchange.h"

/* --- Method and route ---------------------------------------------------- */

struct method_name {
    const char *name;
    Method method;
};
static const struct method_name methods[] = {
    {"GET", METHOD_GET},       {"HEAD", METHOD_HEAD},
    {"POST", METHOD_POST},     {"PUT", METHOD_PUT},
    {"DELETE", METHOD_DELETE}, {"OPTIONS", METHOD_OPTIONS},
};
enum { METHODS = sizeof methods / sizeof *methods };

static bool find_method(struct request *request, const char *name)
{
    for (size_t index = 0; index < METHODS; index++) {
        if (strcmp(name, methods[index].name) != 0)
            continue;
        request->method = methods[index].method;
        request->is_head = request->method == METHOD_HEAD;
        if (request->is_head)
            request->method = METHOD_GET;
        return true;
    }
    respond_problem(request, 501, "method-unknown",
                    "no such method is known here");
    return false;
}

static void allow(struct request *request, unsigned allowed)
{
    struct buffer list;
    buffer_init(&list, 200);
    if (allowed & METHOD_GET)
        allowed |= METHOD_HEAD;
    allowed |= METHOD_OPTIONS;
    for (size_t index = 0; index < METHODS; index++)
        if (allowed & methods[index].method)
            buffer_format(&list, "%s%s", list.len ? ", " : "",
                          methods[index].name);
    respond_header(request, "Allow", bytes_text(buffer_bytes(&list)));
    buffer_deinit(&list);
}

static bool find_route(struct request *request)
{
    unsigned allowed = 0;
    request->route = route_find(request->method, request->path,
                                &request->arena, request->params, &allowed);
    if (request->route)
        return true;
    if (allowed == 0) {
        respond_problem(request, 404, "no-such-path", "there is nothing here");
        return false;
    }
    allow(request, allowed);
    if (request->method == METHOD_OPTIONS)
        respond_empty(request, 204);
    else
        respond_problem(request, 405, "method-not-allowed",
                        "this path takes other methods, see Allow");
    return false;
}

/* --- Who asks, and how often --------------------------------------------- */

static bool check_host(struct request *request)
{
    if (!request->http->is_local)
        return true;
    const Text host = request_header(request, "Host");
    const char *listen = node_config(request->node)->listen;
    if (host_is_local(host, text_of(listen)))
        return true;
    respond_problem(request, 421, "wrong-host",
                    "this node answers as localhost only: a page of another "
                    "site may be asking");
    return false;
}

static bool check_rate(struct request *request)
{
    struct http *http = request->http;
    struct connection *line = request->own->line;
    if (!line ||
        address_may_ask(http->addresses, line->address, clock_monotonic_ns()))
        return true;
    atomic_fetch_add(&http->counts.rate_limited, 1);
    respond_header(request, "Retry-After", TEXT("1"));
    respond_problem(request, 429, "too-many-requests",
                    "more than %u requests a second of one address: slow down",
                    node_config(request->node)->requests_per_second);
    return false;
}

static bool check_headers(struct request *request)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        request->own->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (request->path.len > REQUEST_URL_MAX) {
        respond_problem(request, 414, "url-too-long",
                        "an URL has at most %d bytes", REQUEST_URL_MAX);
        return false;
    }
    if (info && info->header_size > REQUEST_HEADERS_MAX) {
        respond_problem(request, 431, "headers-too-large",
                        "headers have at most %d bytes together: a large "
                        "token can stand in the body of a submission",
                        REQUEST_HEADERS_MAX);
        return false;
    }
    return true;
}

/* --- The body ------------------------------------------------------------ */

uint64_t admit_body_max(const struct request *request)
{
    if (request->route && request->route->body_is_large)
        return node_config(request->node)->body_max;
    return ROUTE_BODY_SMALL;
}

RequestStep admit_too_large(struct request *request)
{
    return respond_problem(request, 413, "body-too-large",
                           "the body has more than %llu bytes",
                           (unsigned long long)admit_body_max(request));
}

static bool type_is_taken(const struct request *request, Text type)
{
    const char *const *bodies = request->route->bodies;
    for (; *bodies; bodies++)
        if (strcmp(*bodies, "*/*") == 0 || text_equal(type, text_of(*bodies)))
            return true;
    return false;
}

/* How many of the headers say where a body ends. */
struct framing {
    unsigned lengths, codings;
    bool is_chunked;
    bool has_blank; /* a name that ends in one, which others may pass over */
};

static enum MHD_Result note_framing(void *context, enum MHD_ValueKind kind,
                                    const char *key, size_t key_len,
                                    const char *value, size_t len)
{
    struct framing *framing = context;
    const Text name = {key, key_len};
    (void)kind;
    if (key_len > 0 && (key[key_len - 1] == ' ' || key[key_len - 1] == '\t'))
        framing->has_blank = true;
    if (equal_lower(name, TEXT("content-length")))
        framing->lengths++;
    if (equal_lower(name, TEXT("transfer-encoding"))) {
        framing->codings++;
        framing->is_chunked = equal_lower(
            (Text){value ? value : "", value ? len : 0}, TEXT("chunked"));
    }
    return MHD_YES;
}

/* Two that disagree are read one way here and another way by a proxy, and then
 * a body becomes a request (RFC 9112, 6.3). The connection ends. */
static bool check_framing(struct request *request)
{
    struct framing framing = {0};
    MHD_get_connection_values_n(request->own->connection, MHD_HEADER_KIND,
                                note_framing, &framing);
    if (!framing.has_blank && framing.lengths + framing.codings <= 1 &&
        framing.codings == (unsigned)framing.is_chunked)
        return true;
    request->body_len = UINT64_MAX;
    respond_header(request, "Connection", TEXT("close"));
    respond_problem(request, 400, "bad-framing",
                    "a body has one Content-Length, or Transfer-Encoding: "
                    "chunked");
    return false;
}

static void read_length(struct request *request)
{
    const Text length = request_header(request, "Content-Length");
    request->body_len = UINT64_MAX; // In chunks; the library knows the rest.
    if (request_header(request, "Transfer-Encoding").len == 0 &&
        !number_read(length, UINT64_MAX - 1, &request->body_len))
        request->body_len = 0;
}

static bool check_body(struct request *request)
{
    const Text type = request_type(request);
    if (request->body_len == 0)
        return true;
    if (request_header(request, "Content-Encoding").len > 0) {
        respond_problem(request, 415, "encoding-not-taken",
                        "bodies are taken as they are, not encoded");
        return false;
    }
    if (!request->route->bodies || !type_is_taken(request, type)) {
        respond_problem(request, 415, "type-not-taken",
                        request->route->bodies
                            ? "this path does not take a body of that type"
                            : "this path takes no body");
        return false;
    }
    if (request->body_len != UINT64_MAX &&
        request->body_len > admit_body_max(request)) {
        admit_too_large(request);
        return false;
    }
    return true;
}

/* --- Authority ----------------------------------------------------------- */

static bool refuse(struct request *request, bool is_nobody, const char *rule,
                   const char *words)
{
    if (is_nobody) {
        respond_header(request, "WWW-Authenticate", TEXT("Bearer"));
        respond_problem(request, 401, "not-authenticated",
                        "this needs a token or a session, and one that was is "
                        "over: `ipvm invite` prints a link for a browser");
    } else {
        respond_problem(request, 403, "denied", "%s%s%s", rule,
                        *words ? ": " : "", words);
    }
    return false;
}

/* What a request asks the gate; `asked` points to the rest. */
struct question {
    struct gate_request asked;
    Cid cid;
    Hash job;
};

/* False: it has its answer. */
static bool make_question(struct request *request, struct question *out)
{
    const struct route *route = request->route;
    *out = (struct question){.asked = {
                                 .capability = route->capability,
                                 .bearer = request_bearer(request),
                                 .cookie = request_cookie(request),
                             }};
    if (!route->is_about_job && !route->is_about_cid)
        return true;
    if (!request_cid(request, 0, &out->cid))
        return false;
    if (route->is_about_cid)
        out->asked.cid = &out->cid;
    if (!route->is_about_job)
        return true;
    out->asked.job = &out->job;
    if (job_id_of_cid(&out->cid, &out->job))
        return true;
    respond_problem(request, 404, "job-not-found",
                    "a job has the CID of a dag-cbor block");
    return false;
}

static bool ask_gate(struct request *request)
{
    struct chain_refusal refusal = {0};
    struct error err = {0};
    struct question question;
    if (!make_question(request, &question))
        return false;
    const Status status = gate_enter(node_gate(request->node), &question.asked,
                                     &request->principal, &refusal, &err);
    if (status == STATUS_OK)
        return true;
    if (status == STATUS_DENIED)
        return refuse(request, question.asked.bearer.len == 0,
                      chain_rule_name(refusal.rule),
                      *refusal.message ? refusal.message : err.message);
    respond_failure(request, NULL, status, &err);
    return false;
}

bool admit_still(struct request *request)
{
    struct chain_refusal refusal;
    struct principal principal;
    struct question question;
    return make_question(request, &question) &&
           gate_enter(node_gate(request->node), &question.asked, &principal,
                      &refusal, NULL) == STATUS_OK;
}

bool admit(struct request *request, const char *url, const char *method)
{
    request->path = text_of(url);
    read_length(request);
    return check_framing(request) && find_method(request, method) &&
           check_headers(request) && check_host(request) &&
           check_rate(request) && find_route(request) && ask_gate(request) &&
           request_is_unforged(request) && check_body(request);
}
