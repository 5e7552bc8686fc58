/* SPDX-License-Identifier: Apache-2.0 */
#include "homestar/head.h"

#include <stddef.h>

/* --- Characters ---------------------------------------------------------- */

static char lower(char at)
{
    return at >= 'A' && at <= 'Z' ? (char)(at - 'A' + 'a') : at;
}

static bool equal_in_any_case(Text a, Text b)
{
    if (a.len != b.len)
        return false;
    for (size_t index = 0; index < a.len; index++)
        if (lower(a.data[index]) != lower(b.data[index]))
            return false;
    return true;
}

/* tchar of RFC 9110 section 5.6.2. */
static bool is_token(Text text)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t index = 0; index < text.len; index++) {
        const char at = lower(text.data[index]);
        if (!((at >= 'a' && at <= 'z') || (at >= '0' && at <= '9') ||
              memchr(marks, at, sizeof marks - 1)))
            return false;
    }
    return text.len > 0;
}

/* Visible bytes, blanks and tabs. */
static bool is_value(Text text)
{
    for (size_t index = 0; index < text.len; index++) {
        const unsigned char at = (unsigned char)text.data[index];
        if ((at < ' ' && at != '\t') || at == 0x7f)
            return false;
    }
    return true;
}

/* What stands before `at`, which goes off `rest`; false: it is not there. */
static bool split(Text *rest, char at, Text *out)
{
    const char *found = rest->len ? memchr(rest->data, at, rest->len) : NULL;
    if (!found)
        return false;
    *out = (Text){rest->data, (size_t)(found - rest->data)};
    *rest = (Text){found + 1, rest->len - out->len - 1};
    return true;
}

/* --- Lines --------------------------------------------------------------- */

static Status read_request_line(Text line, struct head *out, struct error *err)
{
    if (!split(&line, ' ', &out->method) || !split(&line, ' ', &out->target) ||
        !is_token(out->method) || out->target.len == 0 ||
        out->target.data[0] != '/' || !is_value(out->target))
        return fail(err, STATUS_INVALID, "not an HTTP request");
    if (!text_equal(line, TEXT("HTTP/1.1")))
        return fail(err, STATUS_UNSUPPORTED, "only HTTP/1.1 is spoken here");
    return STATUS_OK;
}

static Status read_number(Text text, uint64_t *out, struct error *err)
{
    *out = 0;
    for (size_t index = 0; index < text.len; index++) {
        if (text.data[index] < '0' || text.data[index] > '9' || index > 15)
            return fail(err, STATUS_INVALID,
                        "Content-Length must be a number");
        *out = *out * 10 + (uint64_t)(text.data[index] - '0');
    }
    return text.len > 0
               ? STATUS_OK
               : fail(err, STATUS_INVALID, "Content-Length must be a number");
}

static const struct {
    Text name;
    size_t offset;
} fields[] = {
    {TEXT_INIT("Host"), offsetof(struct head, host)},
    {TEXT_INIT("Origin"), offsetof(struct head, origin)},
    {TEXT_INIT("Upgrade"), offsetof(struct head, upgrade)},
    {TEXT_INIT("Connection"), offsetof(struct head, connection)},
    {TEXT_INIT("Sec-WebSocket-Key"), offsetof(struct head, key)},
    {TEXT_INIT("Sec-WebSocket-Version"), offsetof(struct head, version)},
};

static Status take_field(Text name, Text value, struct head *out,
                         struct error *err)
{
    if (equal_in_any_case(name, TEXT("Transfer-Encoding")))
        return fail(err, STATUS_UNSUPPORTED,
                    "a body must come with a Content-Length");
    if (equal_in_any_case(name, TEXT("Expect")))
        out->expects = equal_in_any_case(value, TEXT("100-continue"));
    if (equal_in_any_case(name, TEXT("Content-Length"))) {
        if (out->has_length)
            return fail(err, STATUS_INVALID, "two Content-Lengths");
        out->has_length = true;
        return read_number(value, &out->content_length, err);
    }
    for (size_t index = 0; index < sizeof fields / sizeof *fields; index++) {
        if (!equal_in_any_case(name, fields[index].name))
            continue;
        Text *place = (Text *)(void *)((char *)out + fields[index].offset);
        if (place->data)
            return fail(err, STATUS_INVALID, "two fields %.*s",
                        TEXT_ARG(fields[index].name));
        *place = value;
    }
    return STATUS_OK;
}

static Status read_field(Text line, struct head *out, struct error *err)
{
    Text name;
    if (!split(&line, ':', &name) || !is_token(name) || !is_value(line))
        return fail(err, STATUS_INVALID, "a malformed header field");
    return take_field(name, text_trim(line), out, err);
}

/* False: its end is not there. */
static bool take_line(Text *rest, Text *out)
{
    for (size_t index = 0; index + 1 < rest->len; index++)
        if (rest->data[index] == '\r' && rest->data[index + 1] == '\n') {
            *out = (Text){rest->data, index};
            *rest = (Text){rest->data + index + 2, rest->len - index - 2};
            return true;
        }
    return false;
}

Status head_read(Bytes bytes, struct head *out, size_t *len, struct error *err)
{
    static const char *const too_long = "the head of a request is too long";
    Text rest = bytes_text(bytes), line;
    *out = (struct head){0};
    for (unsigned count = 0; take_line(&rest, &line); count++) {
        if ((size_t)(line.data - (const char *)bytes.data) > HEAD_BYTES_MAX ||
            count > HEAD_FIELDS_MAX)
            return fail(err, STATUS_LIMIT, "%s", too_long);
        if (count > 0 && line.len == 0) {
            *len = bytes.len - rest.len;
            return STATUS_OK;
        }
        TRY(count == 0 ? read_request_line(line, out, err)
                       : read_field(line, out, err));
    }
    return bytes.len > HEAD_BYTES_MAX ? fail(err, STATUS_LIMIT, "%s", too_long)
                                      : STATUS_NOT_FOUND;
}

/* --- What they say ------------------------------------------------------- */

bool head_has_word(Text list, Text word)
{
    Text one;
    while (split(&list, ',', &one))
        if (equal_in_any_case(text_trim(one), word))
            return true;
    return equal_in_any_case(text_trim(list), word);
}

static bool is_port(Text text)
{
    for (size_t index = 0; index < text.len; index++)
        if (text.data[index] < '0' || text.data[index] > '9')
            return false;
    return text.len > 0 && text.len <= 5;
}

bool head_host_is_loopback(Text host)
{
    static const Text names[] = {TEXT_INIT("localhost"),
                                 TEXT_INIT("127.0.0.1"), TEXT_INIT("[::1]")};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
        const Text name = names[index];
        if (host.len < name.len ||
            !equal_in_any_case((Text){host.data, name.len}, name))
            continue;
        const Text rest = {host.data + name.len, host.len - name.len};
        if (rest.len == 0 || (rest.data[0] == ':' &&
                              is_port((Text){rest.data + 1, rest.len - 1})))
            return true;
    }
    return false;
}

bool head_origin_is_loopback(Text origin)
{
    static const Text schemes[] = {TEXT_INIT("http://"),
                                   TEXT_INIT("https://")};
    for (size_t index = 0; index < sizeof schemes / sizeof *schemes; index++)
        if (text_starts_with(origin, schemes[index]))
            return head_host_is_loopback(
                (Text){origin.data + schemes[index].len,
                       origin.len - schemes[index].len});
    return false;
}
