/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>
#include <unistd.h>

#include "http/exchange.h"
#include "ipld/dag_json.h"

/* What is asked for at once: of a known length, of an unknown one, of a stream
 * (by a client of HTTP/1.0; others are given chunks). */
enum { PULL_BLOCK = 32 << 10, PULL_CHUNK = 4 << 10, STREAM_CHUNK = 256 };

/* --- Headers ------------------------------------------------------------- */

/* Of every answer, unless the handler has given another value. An empty one
 * leaves it out. */
struct default_header {
    const char *name, *value;
};
static const struct default_header defaults[] = {
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

/* Of a stream: there may be ten thousand, and nothing in it is a page. */
static const struct default_header of_streams[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Cache-Control", "no-store"},
    {"X-Accel-Buffering", "no"}, // For nginx: as they come.
};

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

/* --- Streams ------------------------------------------------------------- */

/* Who waits needs no memory: `out` is for us to write to, and so to give back.
 * The library has zeroed it, page by page, when it shrank its own. */
static void give_back_pages(char *out, size_t max)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)out + page - 1) / page * page;
    const uintptr_t last = ((uintptr_t)out + max) / page * page;
    if (last > first)
        (void)madvise(out + (first - (uintptr_t)out), last - first,
                      MADV_DONTNEED); // Without it, it is only larger.
}

static ssize_t stream_some(void *context, uint64_t at, char *out, size_t max)
{
    struct request_private *own = ((struct request *)context)->own;
    const ssize_t count = pull_some(context, at, out, max);
    if (count == 0 && !own->is_lean)
        give_back_pages(out, max);
    own->is_lean = count == 0;
    return count;
}

RequestStep respond_stream(struct request *request, Pull *pull)
{
    struct request_private *own = request->own;
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_CHUNK, stream_some, request, NULL);
    ASSERT(response);
    own->pull = pull;
    atomic_store(&own->is_stream, true);
    MHD_add_response_header(response, "Content-Type", "text/event-stream");
    for (size_t index = 0; index < sizeof of_streams / sizeof *of_streams;
         index++)
        MHD_add_response_header(response, of_streams[index].name,
                                of_streams[index].value);
    own->response = response;
    own->status = 200;
    own->has_answer = true;
    return REQUEST_DONE;
}
