/* SPDX-License-Identifier: Apache-2.0 */
/* documents.c - docs/http-api.md, made from the route table. */
#include "http/http.h"
#include "http/route.h"

static const struct {
    const char *group, *title;
} chapters[] = {
    {"jobs", "Jobs"},           {"modules", "Modules and calls"},
    {"content", "Content"},     {"receipts", "Receipts and the log"},
    {"quotas", "Quotas"},       {"node", "The node"},
    {"dashboard", "Dashboard"},
};

static const char introduction[] =
    "# The HTTP API of a node\n\n"
    "Made from the route table "
    "(`src/http/routes_*.c`); do not edit. The same as OpenAPI 3.1: "
    "[openapi.json](openapi.json).\n\n"
    "**Who may.** Each route names the capability it asks for: the command of "
    "a UCAN invocation on the\nnode's DID (docs/formats/node-authority.md). "
    "It comes as `Authorization: Bearer` with a container of\nthe invocation "
    "and its proofs (base64url), or as the owner's session: the cookie "
    "`ipvm_session` from a\none-time link. A session changes something only "
    "with the header `X-IPVM: 1`. Who submitted a job may\nread and control "
    "it. \"Public\" asks for nothing.\n\n"
    "**JSON is DAG-JSON**: links are `{\"/\": \"b…\"}`, bytes "
    "`{\"/\": {\"bytes\": \"base64\"}}`; fields come in the\norder of their "
    "names. `HEAD` goes wherever `GET` does; `OPTIONS` and a 405 say in "
    "`Allow` which methods a\npath has.\n\n"
    "**Errors** are `application/problem+json` (RFC 9457): `type`, `title`, "
    "`status`, `detail` (a sentence),\n`instance` (the path), `name` (stable, "
    "for programs) and, where it is known, `where`. 400 what was sent\nbreaks "
    "a rule, 401 nobody asks, 403 he may not, 404 it is not here, 405 and 415 "
    "another method or type,\n409 not in this state, 413, 414, 431 too large, "
    "416 no such range, 421 a Host that is not this\nmachine, 422 nothing "
    "here can do that, 429 too many (with `Retry-After`), 500 trouble here, "
    "507 no space.\n\n"
    "**Bounds.** An URL has at most 8 KiB, headers 24 KiB together, a body 1 "
    "MiB or, where it says so, the\nconfiguration's `body_max`. An address "
    "that is not this machine has a number of connections and of\nrequests a "
    "second. Headers must come within 15 s, a body at 1 KiB a second or "
    "more after 30 s; a\nconnection without a request is closed after 60 s. "
    "Nothing but the request's own connection waits.\n\n"
    "**Traces.** A valid `traceparent` is kept with the job, and goes on in "
    "what is exported.\n";

static const char *method_name(unsigned method)
{
    switch (method) {
    case METHOD_POST:
        return "POST";
    case METHOD_PUT:
        return "PUT";
    case METHOD_DELETE:
        return "DELETE";
    case METHOD_HEAD:
        return "HEAD";
    default:
        return "GET";
    }
}

/* Words in lines of at most 100 bytes. */
static void add_wrapped(struct buffer *out, const char *words)
{
    enum { WIDTH = 100 };
    Text rest = text_of(words);
    size_t column = 0;
    while (rest.len > 0) {
        const char *blank = memchr(rest.data, ' ', rest.len);
        const size_t len = blank ? (size_t)(blank - rest.data) : rest.len;
        if (column > 0 && column + 1 + len > WIDTH) {
            buffer_add_byte(out, '\n');
            column = 0;
        } else if (column > 0) {
            buffer_add_byte(out, ' ');
            column++;
        }
        buffer_add(out, rest.data, len);
        column += len;
        const size_t taken = blank ? len + 1 : len;
        rest = (Text){rest.data + taken, rest.len - taken};
    }
    buffer_add_byte(out, '\n');
}

/* "{path*}" is shown as it is: the star says that slashes are part of it. */
static void add_route(struct buffer *out, const struct route *route)
{
    const Text command = capability_command(route->capability);
    buffer_format(out, "\n### %s %s\n\n", method_name(route->methods),
                  route->path);
    struct buffer words;
    buffer_init(&words, 16 << 10);
    buffer_format(&words, "%s. ", route->summary);
    if (words.len > 0 && words.data[0] >= 'a' && words.data[0] <= 'z')
        words.data[0] = (uint8_t)(words.data[0] - ('a' - 'A'));
    if (command.len > 0)
        buffer_format(&words, "Capability `%.*s`.", TEXT_ARG(command));
    else
        buffer_add_text(&words, TEXT("Public."));
    if (route->about)
        buffer_format(&words, " %s", route->about);
    buffer_add_byte(&words, 0);
    add_wrapped(out, (const char *)words.data);
    buffer_deinit(&words);
    buffer_add_byte(out, '\n');
    for (const struct route_param *param = route->query; param && param->name;
         param++)
        buffer_format(out, "- `?%s=` (%s) %s\n", param->name, param->kind,
                      param->about);
    for (const char *const *body = route->bodies; body && *body; body++)
        buffer_format(out, "- takes `%s`%s\n", *body,
                      route->body_is_large ? ", up to `body_max`" : "");
    for (const struct route_answer *answer = route->answers;
         answer && answer->status; answer++)
        buffer_format(out, "- %d%s%s%s %s\n", answer->status,
                      answer->type ? " `" : "",
                      answer->type ? answer->type : "",
                      answer->type ? "`" : "", answer->about);
}

struct chapter {
    struct buffer *out;
    const char *group;
};

static void add_if_in_chapter(void *context, const struct route *route)
{
    const struct chapter *chapter = context;
    if (strcmp(route->group, chapter->group) == 0)
        add_route(chapter->out, route);
}

void http_write_markdown(struct buffer *out)
{
    buffer_add_text(out, text_of(introduction));
    for (size_t index = 0; index < sizeof chapters / sizeof *chapters;
         index++) {
        struct chapter chapter = {out, chapters[index].group};
        buffer_format(out, "\n## %s\n", chapters[index].title);
        routes_each(add_if_in_chapter, &chapter);
    }
}
