/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h - borrowed views of bytes and of UTF-8 text, and the few things one
 * does with them everywhere. A view owns nothing. Thread: any. */
#ifndef IPVM_BASE_BYTES_H
#define IPVM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const uint8_t *data;
    size_t len;
} Bytes;

/* UTF-8, not ended by NUL. */
typedef struct {
    const char *data;
    size_t len;
} Text;

#define TEXT(literal) ((Text){"" literal, sizeof(literal) - 1})
/* The same where a constant must stand: static tables. */
#define TEXT_INIT(literal)                                                    \
    {                                                                         \
        "" literal, sizeof(literal) - 1                                       \
    }
/* For printf: printf("%.*s", TEXT_ARG(text)). */
#define TEXT_ARG(text) (int)(text).len, (text).data

static inline Bytes bytes_of(const void *data, size_t len)
{
    return (Bytes){data, len};
}

static inline Text text_of(const char *zero_ended)
{
    return (Text){zero_ended, strlen(zero_ended)};
}

static inline Bytes text_bytes(Text text)
{
    return (Bytes){(const uint8_t *)text.data, text.len};
}

static inline Text bytes_text(Bytes bytes)
{
    return (Text){(const char *)bytes.data, bytes.len};
}

/* The part of `bytes` from `offset`; `offset` is at most bytes.len. */
static inline Bytes bytes_from(Bytes bytes, size_t offset)
{
    return (Bytes){bytes.data ? bytes.data + offset : NULL,
                   bytes.len - offset};
}

bool bytes_equal(Bytes a, Bytes b);
bool text_equal(Text a, Text b);
bool text_starts_with(Text text, Text prefix);
/* Without blanks and tabs at both ends. */
Text text_trim(Text text);
bool text_ends_with(Text text, Text suffix);

/* Orders by bytes, then a prefix first: <0, 0, >0. */
int bytes_compare(Bytes a, Bytes b);

/* True if `text` is UTF-8 without surrogates, overlong forms or values above
 * U+10FFFF (Unicode 15, table 3-7). `bad`, if not NULL, gets the offset of
 * the first wrong byte. */
bool utf8_is_valid(Text text, size_t *bad);

/* Number of edits (insert, delete, replace, swap of neighbours) from `a` to
 * `b`, for "did you mean"; both at most 64 bytes, else SIZE_MAX. */
size_t text_distance(Text a, Text b);

/* The nearest of `words` if it is near enough to be a likely typo, else
 * { NULL, 0 }. */
Text text_nearest(Text word, const Text *words, size_t count);

#endif
