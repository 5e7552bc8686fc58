/* SPDX-License-Identifier: Apache-2.0 */
#include "http/url.h"

/* --- Characters ---------------------------------------------------------- */

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

static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter + ('a' - 'A'))
                                          : letter;
}

/* Of tokens (RFC 9110, 5.6.2). */
static bool is_token(char letter)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    return (letter >= '0' && letter <= '9') ||
           (lower(letter) >= 'a' && lower(letter) <= 'z') ||
           (letter && strchr(others, letter));
}

/* The part before `mark`, which goes from `rest` with the mark. */
static Text text_until(Text *rest, char mark)
{
    const char *at = rest->len ? memchr(rest->data, mark, rest->len) : NULL;
    Text part = *rest;
    if (at) {
        part.len = (size_t)(at - rest->data);
        *rest = (Text){at + 1, rest->len - part.len - 1};
    } else {
        *rest = (Text){NULL, 0};
    }
    return text_trim(part);
}

bool equal_lower(Text text, Text word)
{
    if (text.len != word.len)
        return false;
    for (size_t index = 0; index < text.len; index++)
        if (lower(text.data[index]) != word.data[index])
            return false;
    return true;
}

/* --- Escapes, numbers ---------------------------------------------------- */

bool url_decode(Text text, struct arena *arena, Text *out)
{
    *out = text;
    if (text.len == 0)
        return true;
    if (memchr(text.data, '%', text.len)) {
        char *into = arena_alloc(arena, text.len);
        size_t len = 0;
        for (size_t at = 0; at < text.len; at++) {
            char letter = text.data[at];
            if (letter == '%') {
                if (text.len - at < 3)
                    return false;
                const int high = hex_digit(text.data[at + 1]);
                const int low = hex_digit(text.data[at + 2]);
                if (high < 0 || low < 0)
                    return false;
                letter = (char)(high * 16 + low);
                at += 2;
            }
            into[len++] = letter;
        }
        *out = (Text){into, len};
    }
    return !memchr(out->data, 0, out->len) && utf8_is_valid(*out, NULL);
}

bool number_read(Text text, uint64_t max, uint64_t *out)
{
    uint64_t number = 0;
    if (text.len == 0 || text.len > 20)
        return false;
    for (size_t index = 0; index < text.len; index++) {
        const char letter = text.data[index];
        uint64_t digit;
        if (letter < '0' || letter > '9')
            return false;
        digit = (uint64_t)(letter - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    if (number > max)
        return false;
    *out = number;
    return true;
}

/* --- Ranges -------------------------------------------------------------- */

Range range_read(Text header, uint64_t size, uint64_t *first, uint64_t *last)
{
    Text rest = header, unit = text_until(&rest, '=');
    if (!equal_lower(unit, TEXT("bytes")) || !rest.data)
        return RANGE_NONE;
    if (memchr(rest.data, ',', rest.len))
        return RANGE_NONE;
    const char *dash = rest.len ? memchr(rest.data, '-', rest.len) : NULL;
    if (!dash)
        return RANGE_NONE;
    const Text from = text_until(&rest, '-');
    const Text to = rest.data ? text_trim(rest) : (Text){NULL, 0};
    uint64_t count;
    if (from.len == 0) { // The last so many bytes.
        if (!number_read(to, UINT64_MAX, &count))
            return RANGE_NONE;
        if (count == 0 || size == 0)
            return RANGE_UNSATISFIABLE;
        *first = count < size ? size - count : 0;
        *last = size - 1;
        return RANGE_OK;
    }
    if (!number_read(from, UINT64_MAX, first))
        return RANGE_NONE;
    *last = UINT64_MAX;
    if (to.len > 0 && (!number_read(to, UINT64_MAX, last) || *last < *first))
        return RANGE_NONE;
    if (*first >= size)
        return RANGE_UNSATISFIABLE;
    if (*last >= size)
        *last = size - 1;
    return RANGE_OK;
}

/* --- Media types --------------------------------------------------------- */

Text media_type_read(Text header, char out[MEDIA_TYPE_MAX])
{
    Text rest = header;
    const Text type = text_until(&rest, ';');
    unsigned slashes = 0;
    if (type.len >= MEDIA_TYPE_MAX)
        return (Text){out, 0};
    for (size_t index = 0; index < type.len; index++) {
        if (type.data[index] == '/')
            slashes++;
        else if (!is_token(type.data[index]))
            return (Text){out, 0};
        out[index] = lower(type.data[index]);
    }
    return (Text){out, slashes == 1 ? type.len : 0};
}

/* "0.5" as 500; malformed is 0: not wanted. */
static unsigned quality_read(Text text)
{
    unsigned quality = 0, place = 1000;
    if (text.len == 0 || text.len > 5 || text.data[0] < '0' ||
        text.data[0] > '1' || (text.len > 1 && text.data[1] != '.'))
        return 0;
    if (text.data[0] == '1')
        quality = 1000;
    for (size_t index = 2; index < text.len; index++) {
        if (text.data[index] < '0' || text.data[index] > '9')
            return 0;
        place /= 10;
        quality += (unsigned)(text.data[index] - '0') * place;
    }
    return quality > 1000 ? 0 : quality;
}

/* How exactly a range such as "text" "/" "*" fits: 0 not, 3 by name. */
static unsigned range_fits(Text range, Text type)
{
    const char *slash = memchr(type.data, '/', type.len);
    if (equal_lower(range, type))
        return 3;
    if (text_equal(range, TEXT("*/*")))
        return 1;
    if (!slash || !text_ends_with(range, TEXT("/*")))
        return 0;
    const size_t len = (size_t)(slash - type.data) + 1;
    return range.len == len + 1 &&
                   equal_lower((Text){range.data, len}, (Text){type.data, len})
               ? 2
               : 0;
}

unsigned accept_quality(Text header, Text type)
{
    unsigned best = 0, quality = 0;
    Text rest = header;
    if (text_trim(header).len == 0)
        return 1000;
    while (rest.data) {
        Text part = text_until(&rest, ',');
        const unsigned fits = range_fits(text_until(&part, ';'), type);
        if (fits <= best)
            continue;
        best = fits;
        quality = 1000;
        while (part.data) {
            Text value = text_until(&part, ';');
            if (equal_lower(text_until(&value, '='), TEXT("q")))
                quality = quality_read(value.data ? value : (Text){"", 0});
        }
    }
    return quality;
}

/* --- Hosts --------------------------------------------------------------- */

bool host_is_local(Text host, Text listen)
{
    static const Text names[] = {TEXT_INIT("localhost"),
                                 TEXT_INIT("127.0.0.1"), TEXT_INIT("[::1]")};
    const char *colon = NULL;
    uint64_t port;
    for (size_t index = host.len; index > 0 && !colon; index--) {
        if (host.data[index - 1] == ']')
            break;
        if (host.data[index - 1] == ':')
            colon = host.data + index - 1;
    }
    if (colon) {
        const size_t len = (size_t)(colon - host.data);
        if (!number_read((Text){colon + 1, host.len - len - 1}, UINT16_MAX,
                         &port))
            return false;
        host.len = len;
    }
    for (size_t index = 0; index < sizeof names / sizeof *names; index++)
        if (equal_lower(host, names[index]))
            return true;
    if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
        host = (Text){host.data + 1, host.len - 2};
    return host.len > 0 && text_equal(host, listen);
}

/* --- Trace contexts ------------------------------------------------------ */

static bool hex_copy(Text text, char *out)
{
    bool is_zero = true;
    for (size_t index = 0; index < text.len; index++) {
        const char letter = text.data[index];
        if (hex_digit(letter) < 0 || (letter >= 'A' && letter <= 'F'))
            return false;
        is_zero = is_zero && letter == '0';
        out[index] = letter;
    }
    out[text.len] = 0;
    return !is_zero;
}

bool trace_parent_read(Text header, struct trace_parent *out)
{
    enum { LEN = TRACE_PARENT_LEN };
    const char *data = header.data;
    if (header.len < LEN || data[2] != '-' || data[35] != '-' ||
        data[52] != '-')
        return false;
    const int version = hex_digit(data[0]) < 0 || hex_digit(data[1]) < 0
                            ? 0xff
                            : hex_digit(data[0]) * 16 + hex_digit(data[1]);
    // A later version may go on behind another dash; ff is none.
    if (version == 0xff || (version == 0 && header.len != LEN) ||
        (header.len > LEN && data[LEN] != '-'))
        return false;
    const int high = hex_digit(data[53]), low = hex_digit(data[54]);
    if (high < 0 || low < 0)
        return false;
    out->is_sampled = (low & 1) != 0;
    return hex_copy((Text){data + 3, 32}, out->trace) &&
           hex_copy((Text){data + 36, 16}, out->span);
}

/* --- Entity tags --------------------------------------------------------- */

bool etag_matches(Text header, Text etag)
{
    Text rest = header;
    if (text_starts_with(etag, TEXT("W/")))
        etag = (Text){etag.data + 2, etag.len - 2};
    while (rest.data) {
        Text part = text_until(&rest, ',');
        if (text_equal(part, TEXT("*")))
            return true;
        if (text_starts_with(part, TEXT("W/")))
            part = (Text){part.data + 2, part.len - 2};
        if (part.len > 0 && text_equal(part, etag))
            return true;
    }
    return false;
}
