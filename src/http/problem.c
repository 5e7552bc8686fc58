/* SPDX-License-Identifier: Apache-2.0 */
/* problem.c - errors have one shape (RFC 9457):
 *
 *     {"type": "urn:ipvm:problem:job-not-found", "name": "job-not-found",
 *      "title": "Not Found", "status": 404, "detail": "this node has no …",
 *      "instance": "/v1/jobs/…", "where": "byte 17"}                        */
#include <stdarg.h>

#include "http/exchange.h"
#include "ipld/dag_json.h"

/* What was promised of the answer that it does not become. */
static void take_back_headers(struct request *request)
{
    static const char *const names[] = {
        "Accept-Ranges", "Content-Disposition", "Content-Location",
        "ETag",          "X-Ipfs-Path",         "X-Ipfs-Roots"};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++)
        if (respond_header_given(request, names[index]).len > 0)
            respond_header(request, names[index], TEXT(""));
    respond_header(request, "Cache-Control", TEXT("no-store"));
}

static RequestStep say(struct request *request, int status, const char *name,
                       const char *detail, Text where)
{
    struct arena *arena = &request->arena;
    const char *title = MHD_get_reason_phrase_for((unsigned)status);
    struct buffer json;
    struct value_entry entries[7] = {
        {TEXT("type"),
         value_text(arena_format(arena, "urn:ipvm:problem:%s", name))},
        {TEXT("name"), value_text(text_of(name))},
        {TEXT("title"), value_text(text_of(title))},
        {TEXT("status"), value_int(status)},
        {TEXT("detail"), value_text(text_of(detail))},
        {TEXT("instance"), value_text(request->path)},
        {TEXT("where"), value_text(where)},
    };
    if (!utf8_is_valid(request->path, NULL))
        entries[5].value = value_text(TEXT(""));
    const Value problem = value_map(arena, entries, where.len > 0 ? 7 : 6);
    take_back_headers(request);
    buffer_init(&json, 64 << 10);
    IGNORE(dag_json_encode(&problem, &json, NULL)); // Texts and a number.
    buffer_add_byte(&json, '\n');
    return respond_buffer(request, status, "application/problem+json", &json);
}

RequestStep respond_problem(struct request *request, int status,
                            const char *name, const char *format, ...)
{
    char detail[600];
    va_list list;
    va_start(list, format);
    vsnprintf(detail, sizeof detail, format, list);
    va_end(list);
    size_t bad;
    if (!utf8_is_valid(text_of(detail), &bad))
        detail[bad] = 0; // Cut inside of a character, or foreign bytes.
    return say(request, status, name, detail, (Text){"", 0});
}

/* What a failure is to whoever asked. */
static const struct {
    int status;
    const char *detail; /* where nobody said more */
} kinds[STATUS_COUNT] = {
    [STATUS_NOT_FOUND] = {404, "it is not here"},
    [STATUS_INVALID] = {400, "what was sent breaks a rule"},
    [STATUS_UNSUPPORTED] = {422, "nothing here can do that"},
    [STATUS_LIMIT] = {422, "a bound was passed"},
    [STATUS_CORRUPT] = {500, "a block in the store is damaged"},
    [STATUS_IO] = {500, "the operating system refused"},
    [STATUS_FULL] = {507, "no space is left"},
    [STATUS_BUSY] = {503, "try again later"},
    [STATUS_DENIED] = {403, "no authority"},
    [STATUS_CANCELLED] = {409, "it was cancelled"},
    [STATUS_HOST] = {500, "a helper of the node broke"},
};

RequestStep respond_failure(struct request *request, const char *name,
                            Status status, const struct error *err)
{
    const bool is_said =
        err && err->message[0] && utf8_is_valid(text_of(err->message), NULL);
    Text where = {"", 0};
    ASSERT(status != STATUS_OK);
    if (is_said && status == STATUS_INVALID && err->offset != ERROR_NO_OFFSET)
        where = arena_format(&request->arena, "byte %zu", err->offset);
    if (status == STATUS_BUSY)
        respond_header(request, "Retry-After", TEXT("1"));
    return say(request, kinds[status].status,
               name ? name : status_name(status),
               is_said ? err->message : kinds[status].detail, where);
}
