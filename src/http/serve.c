/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c - a file's bytes as an answer. They are a guest's or a stranger's: a
 * browser is told to believe the type that is given, to run nothing, and to
 * treat it as of another site. */
#include <stdlib.h>

#include "content/content.h"
#include "http/holding.h"
#include "http/request.h"
#include "http/url.h"
#include "ipld/unixfs_cursor.h"

enum { SNIFF_BYTES = 512, ETAG_MAX = CID_TEXT_MAX + 2 };

/* --- What it is ---------------------------------------------------------- */

struct signature {
    size_t offset;
    Text magic;
    const char *type;
};
static const struct signature signatures[] = {
    {0, TEXT_INIT("\x89PNG\r\n\x1a\n"), "image/png"},
    {0, TEXT_INIT("\xff\xd8\xff"), "image/jpeg"},
    {0, TEXT_INIT("GIF87a"), "image/gif"},
    {0, TEXT_INIT("GIF89a"), "image/gif"},
    {8, TEXT_INIT("WEBPVP8"), "image/webp"},
    {0, TEXT_INIT("%PDF-"), "application/pdf"},
    {0, TEXT_INIT("\0asm"), "application/wasm"},
    {0, TEXT_INIT("\x1f\x8b"), "application/gzip"},
    {0, TEXT_INIT("PK\x03\x04"), "application/zip"},
};
struct ending {
    Text end;
    const char *type;
};
static const struct ending endings[] = {
    {TEXT_INIT(".json"), "application/json"},
    {TEXT_INIT(".svg"), "image/svg+xml"},
    {TEXT_INIT(".css"), "text/css; charset=utf-8"},
    {TEXT_INIT(".csv"), "text/csv; charset=utf-8"},
    {TEXT_INIT(".mp4"), "video/mp4"},
    {TEXT_INIT(".webm"), "video/webm"},
    {TEXT_INIT(".mp3"), "audio/mpeg"},
    {TEXT_INIT(".wav"), "audio/wav"},
    {TEXT_INIT(".car"), "application/vnd.ipld.car"},
};

/* Never HTML or a script, whatever it is called. A character may be cut at the
 * end of what was looked at. */
static const char *guess_type(Text name, Bytes head)
{
    size_t bad = 0;
    for (size_t index = 0; index < sizeof signatures / sizeof *signatures;
         index++) {
        const struct signature *known = &signatures[index];
        if (head.len >= known->offset + known->magic.len &&
            memcmp(head.data + known->offset, known->magic.data,
                   known->magic.len) == 0)
            return known->type;
    }
    for (size_t index = 0; index < sizeof endings / sizeof *endings; index++)
        if (text_ends_with(name, endings[index].end))
            return endings[index].type;
    const bool is_text = !memchr(head.data, 0, head.len) &&
                         (utf8_is_valid(bytes_text(head), &bad) ||
                          (head.len == SNIFF_BYTES && bad + 4 > head.len));
    return is_text && head.len > 0 ? "text/plain; charset=utf-8"
                                   : "application/octet-stream";
}

/* --- Its bytes ----------------------------------------------------------- */

/* Goes with the request. */
struct serving {
    struct store *store;
    Cid cid;
    uint64_t at, end;             /* what is left of the file */
    struct unixfs_cursor *cursor; /* owned; NULL: at the next pull */
    Bytes piece;                  /* of it, what is left */
    bool holds;
};

static void forget_serving(void *state)
{
    struct serving *serving = state;
    unixfs_cursor_free(serving->cursor);
    if (serving->holds)
        holding_end();
    free(serving);
}

static Status next_piece(struct serving *serving)
{
    const struct unixfs_source source = content_source(serving->store);
    if (!serving->cursor)
        serving->cursor = unixfs_cursor_new(
            &source, &serving->cid, serving->at, serving->end - serving->at);
    return unixfs_cursor_next(serving->cursor, &serving->piece, NULL);
}

static void rest(struct serving *serving)
{
    unixfs_cursor_free(serving->cursor);
    serving->cursor = NULL;
    serving->piece = (Bytes){NULL, 0};
}

/* Some bytes of a leaf that is not held; 0: they stand elsewhere. */
static long read_place(struct serving *serving, void *out, size_t max)
{
    const struct unixfs_source source = content_source(serving->store);
    struct unixfs_cursor *cursor = unixfs_cursor_new(
        &source, &serving->cid, serving->at, serving->end - serving->at);
    struct unixfs_place place;
    Status status = unixfs_cursor_place(cursor, &place, NULL);
    unixfs_cursor_free(cursor);
    if (status != STATUS_OK || place.len == 0)
        return status == STATUS_OK ? 0 : PULL_BROKEN;
    const size_t len = place.len < max ? (size_t)place.len : max;
    size_t got = 0;
    status = store_read(serving->store, &place.leaf, place.skip, out, len,
                        &got, NULL);
    if (status != STATUS_OK || got != len)
        return PULL_BROKEN;
    serving->at += len;
    return (long)len;
}

static long pull_content(struct request *request, uint64_t at, void *out,
                         size_t max)
{
    struct serving *serving = request->state;
    uint8_t *room = out;
    size_t len = 0;
    (void)at;
    const long resting = serving->holds || serving->at == serving->end
                             ? 0
                             : read_place(serving, out, max);
    if (resting != 0)
        return resting;
    while (len < max && serving->at < serving->end) {
        if (serving->piece.len == 0 && next_piece(serving) != STATUS_OK)
            return PULL_BROKEN;
        const size_t left = serving->piece.len;
        const size_t count = left < max - len ? left : max - len;
        memcpy(room + len, serving->piece.data, count);
        serving->piece = bytes_from(serving->piece, count);
        serving->at += count;
        len += count;
    }
    if (!serving->holds)
        rest(serving);
    return len > 0 ? (long)len : PULL_END;
}

struct piece {
    uint8_t *out;
    size_t len;
};

static Status take_piece(void *context, Bytes bytes, struct error *err)
{
    struct piece *piece = context;
    (void)err;
    memcpy(piece->out + piece->len, bytes.data, bytes.len);
    piece->len += bytes.len;
    return STATUS_OK;
}

/* --- As an answer -------------------------------------------------------- */

static void name_it(struct request *request, Text name)
{
    char safe[128];
    size_t len = 0;
    for (size_t index = 0; index < name.len && len < sizeof safe - 1;
         index++) {
        const char letter = name.data[index];
        const bool is_plain = (letter >= '0' && letter <= '9') ||
                              (letter >= 'A' && letter <= 'Z') ||
                              (letter >= 'a' && letter <= 'z') ||
                              letter == '.' || letter == '-' || letter == '_';
        safe[len++] = is_plain ? letter : '_';
    }
    safe[len] = 0;
    if (len > 0)
        respond_header_default(
            request, "Content-Disposition",
            arena_format(&request->arena, "inline; filename=\"%s\"", safe));
}

static void guard(struct request *request)
{
    respond_header(request, "Content-Security-Policy",
                   TEXT("default-src 'none'; img-src 'self' data:; media-src "
                        "'self'; style-src 'unsafe-inline'; sandbox; "
                        "frame-ancestors 'none'"));
    respond_header(request, "Accept-Ranges", TEXT("bytes"));
}

static RequestStep serve(struct request *request, int status, const char *type,
                         const struct serving *what)
{
    struct serving *serving = HEAP_NEW(struct serving);
    *serving = *what;
    serving->store = request->store;
    serving->holds = holding_begin();
    ASSERT(!request->forget);
    request->state = serving;
    request->forget = forget_serving;
    return respond_pull(request, status, type, what->end - what->at,
                        pull_content);
}

static RequestStep respond_part(struct request *request, const Cid *cid,
                                uint64_t size, const char *type)
{
    const Text etag = respond_header_given(request, "ETag");
    const Text if_range = request_header(request, "If-Range");
    uint64_t first = 0, last = size ? size - 1 : 0;
    Range range = RANGE_NONE;
    if (if_range.len == 0 || text_equal(if_range, etag))
        range =
            range_read(request_header(request, "Range"), size, &first, &last);
    if (range == RANGE_UNSATISFIABLE) {
        respond_header_format(request, "Content-Range", "bytes */%llu",
                              (unsigned long long)size);
        return respond_problem(request, 416, "range-not-satisfiable",
                               "it has %llu bytes", (unsigned long long)size);
    }
    if (range == RANGE_OK)
        respond_header_format(request, "Content-Range", "bytes %llu-%llu/%llu",
                              (unsigned long long)first,
                              (unsigned long long)last,
                              (unsigned long long)size);
    if (size == 0)
        return respond_bytes(request, 200, type, bytes_of("", 0));
    const struct serving part = {.cid = *cid,
                                 .at = range == RANGE_OK ? first : 0,
                                 .end = range == RANGE_OK ? last + 1 : size};
    return serve(request, range == RANGE_OK ? 206 : 200, type, &part);
}

static RequestStep respond_missing(struct request *request, Status status,
                                   const struct error *err)
{
    if (status != STATUS_NOT_FOUND)
        return respond_failure(request, NULL, status, err);
    return respond_problem(request, 404, "content-not-found", "%s",
                           err->message[0] ? err->message
                                           : "a block of it is not here");
}

RequestStep respond_content(struct request *request, const Cid *cid,
                            const char *type, Text name)
{
    struct error err = {0};
    char etag[ETAG_MAX], text[CID_TEXT_MAX];
    uint8_t head[SNIFF_BYTES];
    struct piece piece = {.out = head};
    uint64_t size;

    cid_to_text(cid, text);
    snprintf(etag, sizeof etag, "\"%s\"", text);
    guard(request);
    respond_header_default(request, "ETag", text_of(etag));
    respond_header_default(request, "Cache-Control",
                           TEXT("private, no-cache"));
    if (etag_matches(request_header(request, "If-None-Match"),
                     respond_header_given(request, "ETag")))
        return respond_empty(request, 304);
    Status status = content_size(request->store, cid, &size, &err);
    if (status == STATUS_OK && !type)
        status = content_read_range(request->store, cid, 0, sizeof head,
                                    take_piece, &piece, &err);
    if (status != STATUS_OK)
        return respond_missing(request, status, &err);
    if (!type)
        type = guess_type(name, bytes_of(head, piece.len));
    name_it(request, name);
    return respond_part(request, cid, size, type);
}
