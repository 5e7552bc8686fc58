/* SPDX-License-Identifier: Apache-2.0 */
/* path.c - from block to block down a path, a block at a time in memory.
 *
 *     bafy…/dir/file/tasks/7/cmd
 *          ^here    ^at         path[0, at) is behind us; path[here, at) of it
 *                               lies inside the block we are in
 *
 * A block is entered, gone down as far as it reaches, and left through a link:
 * no recursion, whatever the length. */
#include "content/path.h"

#include "content/content.h"
#include "content/path_text.h"
#include "ipld/codec.h"

enum {
    HOPS_MAX = 1 << 24,
    WHERE_MAX = 100, /* bytes of a path that a message shows */
    INDEX_DIGITS_MAX = 19,
};

struct descent {
    struct store *store;
    const struct content_find_options *options;
    bool plain; /* dag-pb as it stands */
    Text path;
    size_t here;
    size_t at;
    uint64_t hops;
    Cid cid;              /* of the block we are in */
    Cid missing;          /* the last one that the store could not give */
    struct arena scratch; /* for one block */
    struct arena *arena;  /* for the answer */
    struct error *err;
};

/* The next segment; empty ones do not count. */
static bool next_segment(struct descent *descent, Text *out)
{
    const Text path = descent->path;
    size_t at = descent->at;
    while (at < path.len && path.data[at] == '/')
        at++;
    if (at == path.len)
        return false;
    const char *slash = memchr(path.data + at, '/', path.len - at);
    const size_t end = slash ? (size_t)(slash - path.data) : path.len;
    *out = (Text){path.data + at, end - at};
    descent->at = end;
    return true;
}

static bool has_more(const struct descent *descent)
{
    struct descent ahead = *descent;
    Text segment;
    return next_segment(&ahead, &segment);
}

/* --- Messages ------------------------------------------------------------ */

/* As far as the path led, and what is the matter there. */
#define FAIL_HERE(descent, status, format, ...)                               \
    fail((descent)->err, (status), "%.*s: " format,                           \
         TEXT_ARG(where_we_are(descent)), __VA_ARGS__)

static Text where_we_are(struct descent *descent)
{
    const Text far = {descent->path.data, descent->at};
    return path_shortened(&descent->scratch, far, WHERE_MAX);
}

static Status fail_missing(struct descent *descent, const Cid *cid)
{
    char name[CID_TEXT_MAX];
    cid_to_text(cid, name);
    if (descent->hops > 1 || !cid_equal(cid, &descent->cid))
        return fail(descent->err, STATUS_NOT_FOUND,
                    "%.*s: block %.100s is not in the store",
                    TEXT_ARG(path_shortened(
                        &descent->scratch,
                        (Text){descent->path.data, descent->at}, 80)),
                    name);
    return fail(descent->err, STATUS_NOT_FOUND,
                "block %.150s is not in the store", name);
}

static void tell(struct descent *descent, const Cid *cid, bool is_named)
{
    const struct content_find_options *options = descent->options;
    if (options && options->visit)
        options->visit(options->context, cid, is_named);
}

/* --- UnixFS -------------------------------------------------------------- */

static Status get_block(void *context, Bytes cid, struct unixfs_block *out,
                        struct error *err)
{
    struct descent *descent = context;
    struct block *block;
    Cid name;
    TRY(cid_from_bytes(cid, &name, err));
    const Status status = store_get(descent->store, &name, &block, err);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT)
        descent->missing = name;
    TRY(status);
    if (!cid_equal(&name, &descent->cid))
        tell(descent, &name, false);
    *out = (struct unixfs_block){block_bytes(block), block};
    return STATUS_OK;
}

static void release_block(void *context, struct unixfs_block *block)
{
    (void)context;
    block_unref(block->handle);
}

static Status enter_directory(struct descent *descent,
                              const struct unixfs_source *source)
{
    struct error inner = {0};
    Text name;
    Bytes found;
    if (!next_segment(descent, &name))
        return STATUS_OK;
    const Status status =
        unixfs_resolve(source, cid_bytes(&descent->cid), name,
                       &descent->scratch, &found, &inner);
    if (status == STATUS_NOT_FOUND && descent->missing.len > 0)
        return fail_missing(descent, &descent->missing);
    if (status == STATUS_NOT_FOUND)
        return FAIL_HERE(descent, status, "%s",
                         "the directory has no such name");
    if (status != STATUS_OK)
        return FAIL_HERE(descent, status, "%.90s", inner.message);
    TRY(cid_from_bytes(found, &descent->cid, descent->err));
    descent->here = descent->at;
    return STATUS_OK;
}

/* `*is_unixfs` false: it is to be gone down as it stands. */
static Status enter_unixfs(struct descent *descent, bool *is_unixfs)
{
    const struct unixfs_source source = {
        .get = get_block, .release = release_block, .context = descent};
    struct unixfs_info info;
    struct error inner = {0};
    descent->missing.len = 0;
    const Status status =
        unixfs_open(&source, cid_bytes(&descent->cid), &info, &inner);
    *is_unixfs = status != STATUS_INVALID;
    if (status == STATUS_INVALID)
        return STATUS_OK;
    if (status == STATUS_NOT_FOUND)
        return fail_missing(descent, &descent->cid);
    if (status != STATUS_OK)
        return FAIL_HERE(descent, status, "%.90s", inner.message);
    if (info.kind == UNIXFS_DIRECTORY)
        return enter_directory(descent, &source);
    return FAIL_HERE(descent, STATUS_INVALID, "a %s, with nothing below it",
                     info.kind == UNIXFS_FILE ? "file" : "symlink");
}

/* --- Values -------------------------------------------------------------- */

/* An index is written as JSON writes it: "0", "12", not "01". */
static bool read_index(Text text, uint64_t *out)
{
    uint64_t number = 0;
    if (text.len == 0 || text.len > INDEX_DIGITS_MAX ||
        (text.len > 1 && text.data[0] == '0'))
        return false;
    for (size_t index = 0; index < text.len; index++) {
        if (text.data[index] < '0' || text.data[index] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.data[index] - '0');
    }
    *out = number;
    return true;
}

static Status step_list(struct descent *descent, Text segment, Value *value)
{
    uint64_t index;
    const size_t count = value->list.count;
    if (!read_index(segment, &index))
        return FAIL_HERE(
            descent, STATUS_NOT_FOUND,
            "a list is gone down by index, such as 0, not by "
            "\"%.*s\"",
            TEXT_ARG(path_shortened(&descent->scratch, segment, 30)));
    if (index >= count)
        return FAIL_HERE(descent, STATUS_NOT_FOUND,
                         "a list of %zu has no index %llu", count,
                         (unsigned long long)index);
    *value = value->list.items[index];
    return STATUS_OK;
}

static Status step_map(struct descent *descent, Text segment, Value *value)
{
    const Value *below = value_get(value, segment);
    if (!below)
        return FAIL_HERE(
            descent, STATUS_NOT_FOUND, "a map of %zu has no key \"%.*s\"",
            value->map.count,
            TEXT_ARG(path_shortened(&descent->scratch, segment, 40)));
    *value = *below;
    return STATUS_OK;
}

static Status step(struct descent *descent, Text segment, Value *value)
{
    if (value->kind == VALUE_LIST)
        return step_list(descent, segment, value);
    if (value->kind == VALUE_MAP)
        return step_map(descent, segment, value);
    descent->at = (size_t)(segment.data - descent->path.data) - 1;
    return FAIL_HERE(descent, STATUS_INVALID,
                     "of kind %s, with nothing below it, and the path goes on "
                     "with \"%.*s\"",
                     value_kind_name(value->kind),
                     TEXT_ARG(path_shortened(&descent->scratch, segment, 30)));
}

/* The part of the path inside the block, its segments joined by one '/'. */
static Text rest_of(struct descent *descent)
{
    struct descent again = *descent;
    char *text =
        arena_alloc(descent->arena, descent->path.len - descent->here + 1);
    size_t len = 0;
    Text segment;
    for (again.at = descent->here; next_segment(&again, &segment);) {
        if (len > 0)
            text[len++] = '/';
        memcpy(text + len, segment.data, segment.len);
        len += segment.len;
    }
    text[len] = '\0';
    return (Text){text, len};
}

/* Down `value` to a link out of the block, or to the path's end. */
static Status go_down(struct descent *descent, Value value,
                      struct content_found *out)
{
    const bool stay = descent->options && descent->options->stay_inside;
    bool is_inside = false;
    for (;;) {
        Text segment;
        const bool is_last = !has_more(descent);
        if (value.kind == VALUE_LINK && !(is_last && stay && is_inside)) {
            TRY(cid_from_bytes(value.link, &descent->cid, descent->err));
            descent->here = descent->at;
            return STATUS_OK;
        }
        if (!next_segment(descent, &segment))
            break;
        TRY(step(descent, segment, &value));
        is_inside = true;
    }
    out->is_inside = true;
    out->value = value_copy(descent->arena, &value);
    out->rest = rest_of(descent);
    return STATUS_OK;
}

static Status enter_value(struct descent *descent, struct content_found *out)
{
    struct block *block;
    struct error inner = {0};
    Value value;
    Status status =
        store_get(descent->store, &descent->cid, &block, descent->err);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT)
        descent->missing = descent->cid;
    if (status == STATUS_NOT_FOUND)
        return fail_missing(descent, &descent->cid);
    TRY(status);
    status = codec_decode(cid_codec(&descent->cid), block_bytes(block),
                          &descent->scratch, &value, &inner);
    if (status == STATUS_OK)
        status = go_down(descent, value, out);
    else
        status = FAIL_HERE(descent, status, "%.90s", inner.message);
    block_unref(block);
    return status;
}

static Status enter(struct descent *descent, struct content_found *out)
{
    if (++descent->hops > HOPS_MAX)
        return FAIL_HERE(descent, STATUS_LIMIT, "more than %d blocks",
                         HOPS_MAX);
    tell(descent, &descent->cid, true);
    if (cid_codec(&descent->cid) == CODEC_DAG_PB && !descent->plain) {
        bool is_unixfs;
        TRY(enter_unixfs(descent, &is_unixfs));
        if (is_unixfs)
            return STATUS_OK;
    }
    return enter_value(descent, out);
}

/* --- Finding ------------------------------------------------------------- */

Status content_find(struct store *store, Text path,
                    const struct content_find_options *options,
                    struct arena *arena, struct content_found *out,
                    struct error *err)
{
    struct path_text text;
    struct arena typed = {0};
    Status status = path_text_read(store, path, &typed, &text, err);
    struct descent descent = {
        .store = store,
        .options = options,
        .arena = arena,
        .err = err,
    };
    *out = (struct content_found){0};
    if (status == STATUS_OK) {
        descent.plain = text.plain || (options && options->plain);
        descent.path = text.path;
        descent.cid = text.root;
        descent.here = descent.at = text.root_len;
    }
    while (status == STATUS_OK && !out->is_inside && has_more(&descent)) {
        status = enter(&descent, out);
        arena_reset(&descent.scratch);
    }
    out->cid = status == STATUS_OK ? descent.cid : descent.missing;
    arena_deinit(&descent.scratch);
    arena_deinit(&typed);
    return status;
}

Status content_resolve(struct store *store, Text path, Cid *out,
                       struct error *err)
{
    struct arena arena = {0};
    struct content_found found;
    char name[CID_TEXT_MAX];
    Status status = content_find(store, path, NULL, &arena, &found, err);
    if (status == STATUS_OK && found.is_inside) {
        cid_to_text(&found.cid, name);
        status = fail(
            err, STATUS_INVALID,
            "%.*s: a value (%s) inside of block %.64s; only a whole block "
            "will do here",
            TEXT_ARG(path_shortened(&arena, path, 60)),
            value_kind_name(found.value.kind), name);
    }
    *out = found.cid;
    arena_deinit(&arena);
    return status;
}
