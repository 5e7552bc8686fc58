/* SPDX-License-Identifier: Apache-2.0 */
/* node.c - libfyaml's events become a tree.
 *
 * The event interface gives every position, but it finds neither a key twice
 * nor an alias to nowhere; the first is found here, and aliases are refused
 * with the anchors: a page of them can stand for more than any machine holds.
 */
#include "task/node.h"

#include <libfyaml.h>

#include "base/buffer.h"
#include "base/map.h"

struct reader {
    struct arena *arena;
    struct fy_token_iter *pieces; /* of a token's text */
    struct buffer text;           /* of one token */
    struct node *stack[NODE_DEPTH_MAX];
    struct node **tail[NODE_DEPTH_MAX]; /* where the next member goes */
    unsigned depth;
    struct node *root;
    uint32_t line, column; /* of the last thing that had a position */
    struct error *err;
};

Status node_fail(const struct node *node, struct error *err,
                 const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list list;

    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    return fail(err, STATUS_INVALID, "%u:%u: %s", node->line, node->column,
                message);
}

Status node_fail_in(const struct node *node, Status status, struct error *err)
{
    return fail_in(err, status, "%u:%u", node->line, node->column);
}

const char *node_kind_name(const struct node *node)
{
    return node->kind == NODE_SCALAR ? "text"
           : node->kind == NODE_LIST ? "a list"
                                     : "a map";
}

const struct node *node_get(const struct node *map, Text key)
{
    if (map->kind != NODE_MAP)
        return NULL;
    for (const struct node *at = map->first; at; at = at->next->next)
        if (text_equal(at->text, key))
            return at->next;
    return NULL;
}

/* --- From events --------------------------------------------------------- */

/* Each quote is written twice in a single-quoted scalar; of 2n in a row
 * libfyaml 0.7 makes 2n - 1. */
static void halve_quotes(struct buffer *text)
{
    size_t len = 0, run = 0;

    for (size_t i = 0; i < text->len; i++) {
        run = text->data[i] == '\'' ? run + 1 : 0;
        if (run % 2 == 0 && run > 0)
            continue;
        text->data[len++] = text->data[i];
    }
    text->len = len;
}

/* Piece by piece, and measured against what the scanner counted:
 * fy_token_get_text() of libfyaml 0.7 believes the count, and where the pieces
 * are longer gives the wrong text and forgets a buffer. */
static bool read_text(struct reader *reader, struct fy_token *token)
{
    const struct fy_iter_chunk *piece = NULL;
    struct buffer *text = &reader->text;
    size_t expected = fy_token_get_text_length(token);
    int error = 0;

    fy_token_iter_start(token, reader->pieces);
    while ((piece = fy_token_iter_chunk_next(reader->pieces, piece, &error)))
        buffer_add(text, piece->str, piece->len);
    fy_token_iter_finish(reader->pieces);
    if (text->len != expected &&
        fy_token_scalar_style(token) == FYSS_SINGLE_QUOTED)
        halve_quotes(text);
    return error == 0 && text->len == expected;
}

static Status token_text(struct reader *reader, struct fy_token *token,
                         const struct node *node, Text *out)
{
    buffer_clear(&reader->text);
    if (token && !read_text(reader, token))
        return node_fail(node, reader->err,
                         "this text is misread: write it in double quotes");
    *out = arena_copy_text(reader->arena,
                           bytes_text(buffer_bytes(&reader->text)));
    return STATUS_OK;
}

/* "!ok" stays, "tag:yaml.org,2002:str" becomes "!!str". */
static Status tag_text(struct reader *reader, struct fy_token *token,
                       struct node *node)
{
    Text core = TEXT("tag:yaml.org,2002:");

    TRY(token_text(reader, token, node, &node->tag));
    Text tag = node->tag;
    if (text_starts_with(tag, core))
        node->tag =
            arena_format(reader->arena, "!!%.*s", (int)(tag.len - core.len),
                         tag.data + core.len);
    return STATUS_OK;
}

static void set_position(struct reader *reader, struct fy_event *event,
                         struct node *node)
{
    const struct fy_mark *mark = fy_event_start_mark(event);

    if (mark && mark->line >= 0) {
        reader->line = (uint32_t)mark->line + 1;
        reader->column = (uint32_t)mark->column + 1;
    }
    node->line = reader->line;
    node->column = reader->column;
}

static Status add_node(struct reader *reader, struct node *node)
{
    if (reader->depth == 0) {
        reader->root = node;
        return STATUS_OK;
    }
    struct node *parent = reader->stack[reader->depth - 1];
    bool is_key = parent->kind == NODE_MAP && parent->count % 2 == 0;
    if (is_key && (node->kind != NODE_SCALAR || node->tag.len > 0))
        return node_fail(node, reader->err, "expected a text as key");
    *reader->tail[reader->depth - 1] = node;
    reader->tail[reader->depth - 1] = &node->next;
    parent->count++; // of a map twice: halved at its end
    return STATUS_OK;
}

static Status add_scalar(struct reader *reader, struct fy_event *event)
{
    struct node *node = ARENA_NEW(reader->arena, struct node);
    size_t bad;

    set_position(reader, event, node);
    TRY(token_text(reader, event->scalar.value, node, &node->text));
    TRY(tag_text(reader, event->scalar.tag, node));
    enum fy_scalar_style style =
        event->scalar.value ? fy_token_scalar_style(event->scalar.value)
                            : FYSS_PLAIN;
    node->plain = style == FYSS_PLAIN;
    // The mark of a quoted scalar is behind its quote.
    if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) &&
        node->column > 1)
        node->column--;
    if (event->scalar.anchor)
        return node_fail(node, reader->err,
                         "anchors and aliases are not read: write it out");
    if (!utf8_is_valid(node->text, &bad))
        return node_fail(node, reader->err, "the text is not UTF-8");
    return add_node(reader, node);
}

static Status begin(struct reader *reader, struct fy_event *event,
                    NodeKind kind, struct fy_token *tag,
                    struct fy_token *anchor)
{
    struct node *node = ARENA_NEW(reader->arena, struct node);

    node->kind = kind;
    set_position(reader, event, node);
    TRY(tag_text(reader, tag, node));
    if (anchor)
        return node_fail(node, reader->err,
                         "anchors and aliases are not read: write it out");
    TRY(add_node(reader, node));
    if (reader->depth == NODE_DEPTH_MAX)
        return node_fail(node, reader->err,
                         "nested too deep, at most %d levels", NODE_DEPTH_MAX);
    reader->tail[reader->depth] = &node->first;
    reader->stack[reader->depth++] = node;
    return STATUS_OK;
}

static Status check_keys(const struct node *node, struct error *err)
{
    struct map seen = {0};
    Status status = STATUS_OK;

    for (const struct node *at = node->first; at && status == STATUS_OK;
         at = at->next->next) {
        bool is_new;
        uint64_t *line = map_set(&seen, text_bytes(at->text), &is_new);
        if (!is_new)
            status = node_fail(at, err,
                               "the key '%.*s' is there twice, first in line "
                               "%u",
                               (int)(at->text.len > 64 ? 64 : at->text.len),
                               at->text.data, (unsigned)*line);
        else
            *line = at->line;
    }
    map_deinit(&seen);
    return status;
}

static Status end(struct reader *reader)
{
    struct node *node = reader->stack[--reader->depth];

    if (node->kind != NODE_MAP)
        return STATUS_OK;
    node->count /= 2;
    return check_keys(node, reader->err);
}

static Status take_event(struct reader *reader, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    const struct node here = {.line = mark ? (uint32_t)mark->line + 1 : 1,
                              .column = mark ? (uint32_t)mark->column + 1 : 1};

    switch (event->type) {
    case FYET_SCALAR:
        return add_scalar(reader, event);
    case FYET_SEQUENCE_START:
        return begin(reader, event, NODE_LIST, event->sequence_start.tag,
                     event->sequence_start.anchor);
    case FYET_MAPPING_START:
        return begin(reader, event, NODE_MAP, event->mapping_start.tag,
                     event->mapping_start.anchor);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        return end(reader);
    case FYET_ALIAS:
        return node_fail(&here, reader->err,
                         "anchors and aliases are not read: write it out");
    case FYET_DOCUMENT_START:
        if (reader->root)
            return node_fail(&here, reader->err,
                             "a second document: only one is read");
        return STATUS_OK;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
    default:
        return STATUS_OK;
    }
}

static Status take_diagnosis(struct reader *reader, struct fy_diag *diag)
{
    void *cursor = NULL;
    struct fy_diag_error *first = fy_diag_errors_iterate(diag, &cursor);

    if (!first)
        return fail(reader->err, STATUS_INVALID, "%u:%u: not YAML or JSON",
                    reader->line ? reader->line : 1,
                    reader->column ? reader->column : 1);
    return fail(reader->err, STATUS_INVALID, "%d:%d: not YAML or JSON: %s",
                first->line > 0 ? first->line : 1,
                first->column > 0 ? first->column : 1, first->msg);
}

static Status take_events(struct reader *reader, struct fy_parser *parser,
                          struct fy_diag *diag)
{
    struct fy_event *event;
    Status status = STATUS_OK;

    while (status == STATUS_OK && (event = fy_parser_parse(parser))) {
        status = take_event(reader, event);
        fy_parser_event_free(parser, event);
    }
    if (status == STATUS_OK && fy_parser_get_stream_error(parser))
        status = take_diagnosis(reader, diag);
    if (status == STATUS_OK && !reader->root)
        status = fail(reader->err, STATUS_INVALID, "1:1: the file is empty");
    return status;
}

/* YAML is UTF-8 without control characters; libfyaml 0.7 may loop for ever on
 * anything else, so it never sees it. */
static Status check_characters(Bytes bytes, struct error *err)
{
    size_t bad = bytes.len, line = 1, column = 1;

    bool is_utf8 = utf8_is_valid(bytes_text(bytes), &bad);
    if (is_utf8)
        bad = bytes.len;
    for (size_t i = 0; i < bad; i++) {
        uint8_t at = bytes.data[i];
        if ((at < ' ' && at != '\t' && at != '\n' && at != '\r') || at == 0x7f)
            return fail(err, STATUS_INVALID,
                        "%zu:%zu: the control character 0x%02x is not allowed",
                        line, column, at);
        column = at == '\n' ? 1 : column + ((at & 0xc0) != 0x80);
        line += at == '\n';
    }
    if (!is_utf8)
        return fail(err, STATUS_INVALID, "%zu:%zu: the text is not UTF-8",
                    line, column);
    return STATUS_OK;
}

Status node_read(Bytes bytes, struct arena *arena, struct node **out,
                 struct error *err)
{
    struct reader reader = {.arena = arena, .err = err};
    struct fy_diag_cfg quiet;
    struct fy_parse_cfg cfg = {.flags = FYPCF_COLLECT_DIAG};

    if (bytes.len > DOCUMENT_BYTES_MAX)
        return fail(err, STATUS_LIMIT, "1:1: larger than %d bytes",
                    DOCUMENT_BYTES_MAX);
    if (bytes.len > 0)
        TRY(check_characters(bytes, err));
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    cfg.diag = fy_diag_create(&quiet);
    ASSERT(cfg.diag);
    fy_diag_set_collect_errors(cfg.diag, true);
    struct fy_parser *parser = fy_parser_create(&cfg);
    ASSERT(parser);

    reader.pieces = fy_token_iter_create(NULL);
    ASSERT(reader.pieces);
    buffer_init(&reader.text, SIZE_MAX / 2);

    Status status =
        fy_parser_set_string(parser, bytes.len ? (const char *)bytes.data : "",
                             bytes.len) == 0
            ? take_events(&reader, parser, cfg.diag)
            : fail(err, STATUS_INVALID, "1:1: not YAML or JSON");
    fy_token_iter_destroy(reader.pieces);
    buffer_deinit(&reader.text);
    fy_parser_destroy(parser);
    fy_diag_destroy(cfg.diag);
    *out = reader.root;
    return status;
}
