/* SPDX-License-Identifier: Apache-2.0 */
#include "http/gateway.h"

#include "content/path.h"
#include "http/gateway_way.h"
#include "http/url.h"

enum {
    WAY_MAX = 16 << 20,  /* bytes of the CIDs on a way */
    ROOTS_MAX = 8 << 10, /* of X-Ipfs-Roots; longer: left out */
};

/* --- Going down ----------------------------------------------------------- */

static void add_root(struct gateway *gateway, const Cid *cid)
{
    char name[CID_TEXT_MAX];
    const size_t len = cid_to_text(cid, name);
    if (gateway->roots.len > 0)
        buffer_add_byte(&gateway->roots, ',');
    buffer_add(&gateway->roots, name, len);
}

/* A ContentVisit. */
static void note_visit(void *context, const Cid *cid, bool is_named)
{
    struct gateway *gateway = context;
    buffer_add(&gateway->way, cid, sizeof *cid);
    if (is_named)
        add_root(gateway, cid);
}

RequestStep gateway_missing(struct gateway *gateway, const char *detail)
{
    struct request *request = gateway->request;
    if (text_equal(request_header(request, "Cache-Control"),
                   TEXT("only-if-cached")))
        return respond_problem(request, 412, "not-at-hand", "%s", detail);
    return respond_problem(request, 404, "block-not-found", "%s", detail);
}

/* What does not lead anywhere is not found, whatever it is. */
static void answer_lost(struct gateway *gateway, Status status,
                        const struct content_found *found,
                        const struct error *err)
{
    struct request *request = gateway->request;
    if (status == STATUS_NOT_FOUND && found->cid.len > 0)
        gateway_missing(gateway, err->message);
    else if (status == STATUS_NOT_FOUND || status == STATUS_INVALID)
        respond_problem(request, 404, "path-not-found", "%s", err->message);
    else
        respond_failure(request, NULL, status, err);
}

bool gateway_is_here(struct gateway *gateway)
{
    struct request *request = gateway->request;
    char name[CID_TEXT_MAX];
    if (store_has(request->store, &gateway->cid))
        return true;
    cid_to_text(&gateway->cid, name);
    const Text detail =
        arena_format(&request->arena, "block %s is not in the store", name);
    gateway_missing(gateway, detail.data);
    return false;
}

/* False: the request has its answer. */
static bool find(struct gateway *gateway)
{
    struct arena *arena = &gateway->request->arena;
    const struct content_find_options options = {.visit = note_visit,
                                                 .context = gateway};
    struct content_found found;
    struct error err = {0};
    char name[CID_TEXT_MAX];
    cid_to_text(&gateway->root, name);
    const Text path =
        arena_format(arena, "/ipfs/%s/%.*s", name, TEXT_ARG(gateway->path));
    Status status = content_find(gateway->request->store, path, &options,
                                 arena, &found, &err);
    if (status == STATUS_OK)
        status = buffer_status(&gateway->way, "the way to it", &err);
    if (status != STATUS_OK) {
        answer_lost(gateway, status, &found, &err);
        return false;
    }
    gateway->cid = found.cid;
    gateway->is_inside = found.is_inside;
    if (found.is_inside) // That block was the last one visited.
        gateway->way.len -= sizeof(Cid);
    else
        add_root(gateway, &found.cid);
    return true;
}

/* --- Headers -------------------------------------------------------------- */

/* Behind a proxy, what needs authority is not for others. */
static void add_caching(struct gateway *gateway)
{
    struct request *request = gateway->request;
    if (!node_config(request->node)->public_gateway) {
        respond_header(request, "Cache-Control",
                       TEXT("private, max-age=29030400, immutable"));
        return;
    }
    respond_header(request, "Cache-Control",
                   TEXT("public, max-age=29030400, immutable"));
    respond_header(request, "Access-Control-Allow-Origin", TEXT("*"));
    respond_header(request, "Access-Control-Expose-Headers",
                   TEXT("Content-Length, Content-Range, ETag, X-Ipfs-Path, "
                        "X-Ipfs-Roots"));
    respond_header(request, "Cross-Origin-Resource-Policy",
                   TEXT("cross-origin"));
}

/* Where caches find this form without looking at the Accept header. */
static void add_location(struct gateway *gateway)
{
    struct request *request = gateway->request;
    const struct content_ask *ask = &gateway->ask;
    if (ask->is_in_query)
        return;
    respond_header(request, "Vary", TEXT("Accept"));
    if (ask->form == FORM_PLAIN || ask->form == FORM_CAR)
        return; // The query of a CAR has too much that matters.
    respond_header_format(request, "Content-Location", "%.*s?format=%s",
                          TEXT_ARG(request->path),
                          content_form_name(ask->form).data);
}

bool gateway_is_known(struct gateway *gateway, const char *etag)
{
    struct request *request = gateway->request;
    const Text known = request_header(request, "If-None-Match");
    add_caching(gateway);
    add_location(gateway);
    respond_header_default(request, "Content-Security-Policy",
                           TEXT("default-src 'none'; sandbox; "
                                "frame-ancestors 'none'"));
    respond_header(request, "ETag", text_of(etag));
    respond_header(request, "X-Ipfs-Path", request->path);
    if (gateway->roots.status == STATUS_OK)
        respond_header(request, "X-Ipfs-Roots",
                       bytes_text(buffer_bytes(&gateway->roots)));
    if (known.len == 0 || !etag_matches(known, text_of(etag)))
        return false;
    respond_empty(request, 304);
    return true;
}

static bool is_plain_letter(char letter)
{
    return (letter >= 'a' && letter <= 'z') ||
           (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') ||
           (letter != '\0' && strchr("-_.~", letter));
}

/* In ASCII, and again for those who know RFC 8187. */
static void add_disposition(struct request *request, const char *kind,
                            Text name)
{
    struct buffer plain, escaped;
    buffer_init(&plain, REQUEST_URL_MAX);
    buffer_init(&escaped, (size_t)3 * REQUEST_URL_MAX);
    for (size_t index = 0; index < name.len; index++) {
        const char letter = name.data[index];
        const bool is_safe = is_plain_letter(letter);
        buffer_add_byte(&plain,
                        is_safe || letter == ' ' ? (uint8_t)letter : '_');
        if (is_safe)
            buffer_add_byte(&escaped, (uint8_t)letter);
        else
            buffer_format(&escaped, "%%%02X", (unsigned)(uint8_t)letter);
    }
    if (plain.status == STATUS_OK && escaped.status == STATUS_OK)
        respond_header(
            request, "Content-Disposition",
            arena_format(&request->arena,
                         "%s; filename=\"%.*s\"; filename*=UTF-8''%.*s", kind,
                         TEXT_ARG(bytes_text(buffer_bytes(&plain))),
                         TEXT_ARG(bytes_text(buffer_bytes(&escaped)))));
    buffer_deinit(&plain);
    buffer_deinit(&escaped);
}

void gateway_disposition(struct gateway *gateway, Text name)
{
    struct request *request = gateway->request;
    Text asked = {NULL, 0}, download = {NULL, 0};
    const bool has_name =
        request_query(request, "filename", &asked) && asked.len > 0;
    const bool is_download = request_query(request, "download", &download) &&
                             text_equal(download, TEXT("true"));
    if (name.len > 0 || has_name)
        add_disposition(request,
                        name.len > 0 || is_download ? "attachment" : "inline",
                        has_name ? asked : name);
    else if (is_download)
        respond_header(request, "Content-Disposition", TEXT("attachment"));
}

/* --- The request ---------------------------------------------------------- */

static Text query_of(struct request *request, const char *name)
{
    Text value = {"", 0};
    return request_query(request, name, &value) ? value : (Text){"", 0};
}

static bool read_ask(struct gateway *gateway)
{
    struct request *request = gateway->request;
    const struct content_words words = {
        .accept = request_header(request, "Accept"),
        .format = query_of(request, "format"),
        .dag_scope = query_of(request, "dag-scope"),
        .entity_bytes = query_of(request, "entity-bytes"),
        .car_version = query_of(request, "car-version"),
        .car_order = query_of(request, "car-order"),
        .car_dups = query_of(request, "car-dups"),
    };
    struct error err = {0};
    const Status status = content_ask_read(&words, &gateway->ask, &err);
    if (status == STATUS_OK)
        return true;
    if (status == STATUS_UNSUPPORTED)
        respond_problem(request, 406, "not-in-that-form", "%s", err.message);
    else
        respond_problem(request, 400, "bad-query", "%s", err.message);
    return false;
}

static RequestStep give(struct gateway *gateway)
{
    switch (gateway->ask.form) {
    case FORM_CAR:
        return gateway_car(gateway);
    case FORM_RAW:
        return gateway_block(gateway);
    case FORM_DAG_JSON:
    case FORM_DAG_CBOR:
        return gateway_value(gateway);
    case FORM_PLAIN:
    case FORM_JSON:
    case FORM_CBOR:
        break;
    }
    return gateway_plain(gateway);
}

static RequestStep find_and_give(struct gateway *gateway)
{
    const ContentForm form = gateway->ask.form;
    if (!find(gateway))
        return REQUEST_DONE;
    if (gateway->is_inside && form != FORM_CAR && form != FORM_RAW)
        return respond_problem(
            gateway->request, 501, "value-inside",
            "the path ends inside of a block; ask for that block, as raw or "
            "car, or see /v1/inspect");
    return give(gateway);
}

RequestStep gateway_get(struct request *request)
{
    struct gateway gateway = {.request = request, .path = request->params[1]};
    // What a guest made is never to stand between a browser and this node.
    if (request_header(request, "Service-Worker").len > 0)
        return respond_problem(request, 400, "no-service-workers",
                               "service workers are not served from content");
    if (!request_cid(request, 0, &gateway.root) || !read_ask(&gateway))
        return REQUEST_DONE;
    buffer_init(&gateway.way, WAY_MAX);
    buffer_init(&gateway.roots, ROOTS_MAX);
    const RequestStep step = find_and_give(&gateway);
    buffer_deinit(&gateway.way);
    buffer_deinit(&gateway.roots);
    return step;
}
