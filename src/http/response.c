/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "http/exchange.h"
#include "ipld/dag_json.h"

enum { PULL_BLOCK = 32 << 10, PULL_CHUNK = 1 << 10 };

/* --- Headers ------------------------------------------------------------- */

/* Of every answer, unless the handler has given another value. An empty one
 * leaves it out. */
static const struct {
    const char *name, *value;
} defaults[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"X-Frame-Options", "DENY"},
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' "
     "blob: data:; connect-src 'self'; frame-ancestors 'none'; base-uri "
     "'none'; form-action 'none'"},
};

static struct response_header *find(struct response_header *headers,
                                    const char *name)
{
    while (headers && strcmp(headers->name, name) != 0)
        headers = headers->next;
    return headers;
}

void respond_header(struct request *request, const char *name, Text value)
{
    struct request_private *own = request->own;
    struct response_header *header = find(own->headers, name);
    if (!header) {
        header = ARENA_NEW(&request->arena, struct response_header);
        header->name = name;
        header->next = own->headers;
        own->headers = header;
    }
    header->value = arena_copy_text(&request->arena, value);
}

void respond_header_default(struct request *request, const char *name,
                            Text value)
{
    if (!find(request->own->headers, name))
        respond_header(request, name, value);
}

Text respond_header_given(struct request *request, const char *name)
{
    const struct response_header *header = find(request->own->headers, name);
    return header ? header->value : (Text){"", 0};
}

void respond_header_format(struct request *request, const char *name,
                           const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    respond_header(request, name, text_of(text));
}

static void add_headers(struct request *request, struct MHD_Response *response,
                        const char *type)
{
    struct response_header *given = request->own->headers;
    if (type)
        MHD_add_response_header(response, "Content-Type", type);
    for (size_t index = 0; index < sizeof defaults / sizeof *defaults; index++)
        if (!find(given, defaults[index].name))
            MHD_add_response_header(response, defaults[index].name,
                                    defaults[index].value);
    for (; given; given = given->next)
        if (given->value.len > 0)
            MHD_add_response_header(response, given->name, given->value.data);
}

static RequestStep answer(struct request *request, int status,
                          const char *type, struct MHD_Response *response)
{
    struct request_private *own = request->own;
    ASSERT(response && !own->has_answer);
    add_headers(request, response, type);
    own->response = response;
    own->status = status;
    own->has_answer = true;
    return REQUEST_DONE;
}

/* --- Bytes --------------------------------------------------------------- */

RequestStep respond_bytes(struct request *request, int status,
                          const char *type, Bytes body)
{
    // The library does not write to it, whatever its type says.
    void *data = (void *)(uintptr_t)body.data;
    return answer(request, status, type,
                  MHD_create_response_from_buffer(body.len, data,
                                                  MHD_RESPMEM_PERSISTENT));
}

RequestStep respond_empty(struct request *request, int status)
{
    return respond_bytes(request, status, NULL, bytes_of("", 0));
}

RequestStep respond_buffer(struct request *request, int status,
                           const char *type, struct buffer *body)
{
    size_t len;
    uint8_t *data = buffer_take(body, &len);
    return answer(
        request, status, type,
        MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE));
}

RequestStep respond_value(struct request *request, int status,
                          const Value *value)
{
    enum { VALUE_BYTES_MAX = 256 << 20 };
    struct buffer json;
    struct error err = {0};
    buffer_init(&json, VALUE_BYTES_MAX);
    Status made = dag_json_encode(value, &json, &err);
    buffer_add_byte(&json, '\n');
    if (made == STATUS_OK)
        made = buffer_status(&json, "the answer", &err);
    if (made == STATUS_OK)
        return respond_buffer(request, status, "application/json", &json);
    buffer_deinit(&json);
    return respond_failure(request, NULL, made, &err);
}

RequestStep respond_file(struct request *request, int status, const char *type,
                         int file, uint64_t offset, uint64_t len)
{
    struct MHD_Response *response =
        MHD_create_response_from_fd_at_offset64(len, file, offset);
    if (!response) {
        close(file);
        return respond_problem(request, 500, "io", "cannot send that file");
    }
    return answer(request, status, type, response);
}

/* --- Pulled -------------------------------------------------------------- */

static ssize_t pull_some(void *context, uint64_t at, char *out, size_t max)
{
    struct request *request = context;
    struct request_private *own = request->own;
    exchange_runs(request);
    for (;;) {
        const long count = own->pull(request, at, out, max);
        if (count > 0)
            return (ssize_t)count;
        if (count == PULL_END)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (count != PULL_WAITS)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (exchange_suspend(request, own->timeout_ms))
            return 0;
    }
}

RequestStep respond_pull(struct request *request, int status, const char *type,
                         uint64_t len, Pull *pull)
{
    const bool is_known = len != UINT64_MAX;
    request->own->pull = pull;
    return answer(
        request, status, type,
        MHD_create_response_from_callback(is_known ? len : MHD_SIZE_UNKNOWN,
                                          is_known ? PULL_BLOCK : PULL_CHUNK,
                                          pull_some, request, NULL));
}
