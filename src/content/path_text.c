/* SPDX-License-Identifier: Apache-2.0 */
#include "content/path_text.h"

static bool cut_prefix(Text *text, Text prefix)
{
    if (!text_starts_with(*text, prefix))
        return false;
    *text = (Text){text->data + prefix.len, text->len - prefix.len};
    return true;
}

/* The length of what stands before the first '/' from `at` on. */
static size_t segment_end(Text text, size_t at)
{
    const char *slash =
        at < text.len ? memchr(text.data + at, '/', text.len - at) : NULL;
    return slash ? (size_t)(slash - text.data) : text.len;
}

/* --- Messages ------------------------------------------------------------ */

/* Not inside of a character. */
static size_t boundary(Text text, size_t at)
{
    while (at < text.len && ((unsigned char)text.data[at] & 0xc0) == 0x80)
        at++;
    return at;
}

Text path_shortened(struct arena *arena, Text text, size_t max)
{
    if (text.len <= max)
        return text;
    const Text head = {text.data, boundary(text, max / 4)};
    const size_t from = boundary(text, text.len - max / 2);
    return arena_format(arena, "%.*s…%.*s", TEXT_ARG(head),
                        (int)(text.len - from), text.data + from);
}

/* --- ipfs:// ------------------------------------------------------------- */

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

static Status unescape_one(Text text, size_t at, char *out, struct error *err)
{
    const int high = at + 1 < text.len ? hex_digit(text.data[at + 1]) : -1;
    const int low = at + 2 < text.len ? hex_digit(text.data[at + 2]) : -1;
    if (high < 0 || low < 0)
        return fail_at(err, STATUS_INVALID, at,
                       "%% at byte %zu of the path is not followed by two "
                       "hexadecimal digits; %% itself is %%25 behind ipfs://",
                       at);
    *out = (char)(high << 4 | low);
    if (*out == '/')
        return fail_at(err, STATUS_INVALID, at,
                       "%%2F at byte %zu: no part of a path can hold '/'", at);
    return STATUS_OK;
}

static Status unescape(Text text, struct arena *arena, Text *out,
                       struct error *err)
{
    char *plain = arena_alloc(arena, text.len);
    size_t len = 0;
    for (size_t at = 0; at < text.len; at++) {
        char byte = text.data[at];
        if (byte == '?' || byte == '#')
            return fail_at(err, STATUS_INVALID, at,
                           "%c at byte %zu begins a query or fragment, which "
                           "content has none of; write %%%02X",
                           byte, at, (unsigned)byte);
        if (byte == '%') {
            TRY(unescape_one(text, at, &byte, err));
            at += 2;
        }
        plain[len++] = byte;
    }
    *out = (Text){plain, len};
    return STATUS_OK;
}

/* --- name: --------------------------------------------------------------- */

/* Where the last '/' before `len` stands, or 0. */
static size_t shorter(Text text, size_t len)
{
    while (len > 0 && text.data[len - 1] != '/')
        len--;
    return len > 0 ? len - 1 : 0;
}

/* The longest name that is set. */
static Status read_name(struct store *store, struct path_text *out,
                        struct arena *arena, struct error *err)
{
    const Text text = out->path;
    size_t len = text.len;
    while (len > NAME_LEN_MAX)
        len = shorter(text, len);
    while (len > 0 && text.data[len - 1] == '/')
        len--;
    const Text longest = {text.data, len};
    struct error why = {0};
    bool is_name = false; // Some prefix could be one, set or not.
    for (; len > 0; len = shorter(text, len)) {
        const Text name = {text.data, len};
        if (name_check(name, len == longest.len ? &why : NULL) != STATUS_OK)
            continue;
        const Status status = name_get(store, name, &out->root, err);
        if (status == STATUS_OK)
            out->root_len = len;
        if (status != STATUS_NOT_FOUND)
            return status;
        is_name = true;
    }
    if (longest.len == 0)
        return fail(err, STATUS_INVALID,
                    "name: is not followed by a name, such as "
                    "name:photo/latest");
    if (!is_name)
        return fail(err, STATUS_INVALID, "%s", why.message);
    return fail(err, STATUS_NOT_FOUND,
                "no name is set that %.*s begins with; `ipvm name ls` lists "
                "them",
                TEXT_ARG(path_shortened(arena, longest, 80)));
}

/* --- All ----------------------------------------------------------------- */

static Status read_cid(struct path_text *out, struct error *err)
{
    out->root_len = segment_end(out->path, 0);
    const Text cid = {out->path.data, out->root_len};
    // Behind a prefix there is no second one.
    if (cid.len == 0)
        return fail(err, STATUS_INVALID,
                    "it does not begin with a CID, as CID/a/b or name:a/b do");
    return cid_from_text(cid, &out->root, err);
}

Status path_text_read(struct store *store, Text text, struct arena *arena,
                      struct path_text *out, struct error *err)
{
    size_t bad;
    *out = (struct path_text){.path = text};
    if (text.len > PATH_TEXT_MAX)
        return fail(err, STATUS_LIMIT, "a path of %zu bytes is longer than %d",
                    text.len, PATH_TEXT_MAX);
    const bool is_url = cut_prefix(&out->path, TEXT("ipfs://"));
    if (is_url)
        TRY(unescape(out->path, arena, &out->path, err));
    if (!utf8_is_valid(out->path, &bad))
        return fail_at(err, STATUS_INVALID, bad,
                       "the path is not UTF-8 at byte %zu", bad);
    if (is_url)
        return read_cid(out, err);
    if (cut_prefix(&out->path, TEXT("name:")))
        return read_name(store, out, arena, err);
    out->plain = cut_prefix(&out->path, TEXT("/ipld/"));
    if (!out->plain)
        cut_prefix(&out->path, TEXT("/ipfs/"));
    return read_cid(out, err);
}
