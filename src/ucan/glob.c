/* SPDX-License-Identifier: Apache-2.0 */
/* glob.c - `*` is any run of bytes, `\*` is a star, all else is itself.
 *
 *     pattern   Al\*ce* of *.     pieces   "Al*ce"  " of "  "."
 *     text      Al*ce, Queen of Hearts.
 *               ^first        ^leftmost ^last
 *
 * The first piece is where the text begins, the last where it ends, each one
 * between at the leftmost place behind the one before: what is free to move
 * need never move back, so the text is gone through once. On UTF-8, bytes do:
 * no character begins inside another. */
#include "ucan/policy_parts.h"

static bool is_escape(Text pattern, size_t at)
{
    return pattern.data[at] == '\\' && at + 1 < pattern.len &&
           pattern.data[at + 1] == '*';
}

/* The piece from `*at` to the next wildcard or the end, where `*at` is left;
 * `escapes` tells whether it must be written anew. */
static Text scan_piece(Text pattern, size_t *at, size_t *escapes)
{
    const size_t begin = *at;
    *escapes = 0;
    while (*at < pattern.len && pattern.data[*at] != '*') {
        if (is_escape(pattern, *at)) {
            ++*escapes;
            ++*at;
        }
        ++*at;
    }
    return (Text){pattern.data + begin, *at - begin};
}

static Text without_escapes(Text piece, size_t escapes, struct arena *arena)
{
    char *copy = arena_alloc(arena, piece.len - escapes);
    size_t len = 0;
    for (size_t at = 0; at < piece.len; at++) {
        if (is_escape(piece, at))
            at++;
        copy[len++] = piece.data[at];
    }
    return (Text){copy, len};
}

static size_t count_pieces(Text pattern)
{
    size_t count = 1;
    for (size_t at = 0; at < pattern.len; at++) {
        if (is_escape(pattern, at))
            at++;
        else if (pattern.data[at] == '*')
            count++;
    }
    return count;
}

void glob_read(Text pattern, struct arena *arena, struct glob *out)
{
    const size_t count = count_pieces(pattern);
    Text *pieces = arena_array(arena, count, sizeof *pieces);
    size_t at = 0;
    for (size_t index = 0; pattern.len > 0 && index < count; index++) {
        size_t escapes;
        pieces[index] = scan_piece(pattern, &at, &escapes);
        if (escapes > 0)
            pieces[index] = without_escapes(pieces[index], escapes, arena);
        at++; // The wildcard.
    }
    *out = (struct glob){pieces, count, pattern.len};
}

/* Takes `piece` at its leftmost place out of `*rest`, with all before it. */
static bool skip_past(Text *rest, Text piece)
{
    if (piece.len == 0)
        return true;
    if (piece.len > rest->len)
        return false;
    const char *found = memmem(rest->data, rest->len, piece.data, piece.len);
    if (!found)
        return false;
    const size_t gone = (size_t)(found - rest->data) + piece.len;
    *rest = (Text){rest->data + gone, rest->len - gone};
    return true;
}

bool glob_matches(const struct glob *glob, Text text)
{
    const Text first = glob->pieces[0], last = glob->pieces[glob->count - 1];
    if (glob->count == 1)
        return text_equal(text, first);
    if (text.len < first.len || text.len - first.len < last.len ||
        !text_starts_with(text, first) || !text_ends_with(text, last))
        return false;
    Text rest = {text.len ? text.data + first.len : text.data,
                 text.len - first.len - last.len};
    for (size_t index = 1; index + 1 < glob->count; index++)
        if (!skip_past(&rest, glob->pieces[index]))
            return false;
    return true;
}

bool policy_glob(Text pattern, Text text)
{
    struct arena arena = {0};
    struct glob glob;
    glob_read(pattern, &arena, &glob);
    const bool matches = glob_matches(&glob, text);
    arena_deinit(&arena);
    return matches;
}
