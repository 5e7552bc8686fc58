/* SPDX-License-Identifier: Apache-2.0 */
/* dag_json.c - reads DAG-JSON.
 *
 * JSON does not say how many items a list has: they are gathered on a stack
 * that all open lists and maps share, and moved to the arena when their list
 * closes. A map is looked at when it is whole, so the order of its keys does
 * not decide whether it is a link. */
#include "ipld/dag_json.h"

#include <stdlib.h>

#include "ipld/float_text.h"
#include "ipld/multibase.h"

struct reader {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    unsigned depth;
    struct value_entry *stack; /* owned */
    size_t top;
    size_t capacity;
    struct arena *arena;
    struct error *err;
};

static Status invalid(const struct reader *reader, const uint8_t *where,
                      const char *what)
{
    return fail_at(reader->err, STATUS_INVALID,
                   (size_t)(where - reader->start), "dag-json: %s", what);
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\t' ||
            *reader->at == '\r'))
        reader->at++;
}

/* The next byte that is no blank, or 0 at the end. */
static uint8_t peek(struct reader *reader)
{
    skip_blanks(reader);
    return reader->at < reader->end ? *reader->at : 0;
}

static void push(struct reader *reader, const struct value_entry *entry)
{
    if (reader->top == reader->capacity) {
        reader->capacity = reader->capacity ? reader->capacity * 2 : 64;
        reader->stack = heap_resize(reader->stack, reader->capacity,
                                    sizeof *reader->stack);
    }
    reader->stack[reader->top++] = *entry;
}

/* --- Text --------------------------------------------------------------- */

static int hex_digit(uint8_t letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    letter |= 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* The four digits at `at`, which are inside the text, or -1. */
static int read_hex4(const uint8_t *at, const uint8_t *end)
{
    int number = 0;
    if (end - at < 4)
        return -1;
    for (int index = 0; index < 4; index++) {
        int digit = hex_digit(at[index]);
        if (digit < 0)
            return -1;
        number = number << 4 | digit;
    }
    return number;
}

static char *put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
    *out++ = (char)(first[more] | code >> (6 * more));
    while (more-- > 0)
        *out++ = (char)(0x80 | (code >> (6 * more) & 0x3f));
    return out;
}

/* A \u escape, maybe a pair of them; *at is behind the 'u'. */
static bool read_unicode(const uint8_t **at, const uint8_t *end, char **out)
{
    int high = read_hex4(*at, end);
    if (high < 0 || (high >= 0xdc00 && high < 0xe000))
        return false;
    *at += 4;
    uint32_t code = (uint32_t)high;
    if (high >= 0xd800 && high < 0xdc00) {
        if (end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
            return false;
        int low = read_hex4(*at + 2, end);
        if (low < 0xdc00 || low >= 0xe000)
            return false;
        code = 0x10000 + ((code & 0x3ff) << 10) + ((uint32_t)low & 0x3ff);
        *at += 6;
    }
    *out = put_utf8(*out, code);
    return true;
}

static bool read_escape(const uint8_t **at, const uint8_t *end, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint8_t letter = *(*at)++;
    if (letter == 'u')
        return read_unicode(at, end, out);
    const char *found = letter ? strchr(from, letter) : NULL;
    if (!found)
        return false;
    *(*out)++ = to[found - from];
    return true;
}

/* Text with escapes, from `at` to the closing quote at `end`. */
static Status unescape(struct reader *reader, const uint8_t *at,
                       const uint8_t *end, Text *out)
{
    char *data = arena_alloc(reader->arena, (size_t)(end - at));
    char *next = data;
    while (at < end) {
        if (*at != '\\') {
            *next++ = (char)*at++;
            continue;
        }
        const uint8_t *escape = at++;
        if (!read_escape(&at, end, &next))
            return invalid(reader, escape, "bad escape in text");
    }
    *out = (Text){data, (size_t)(next - data)};
    return STATUS_OK;
}

static Status read_text(struct reader *reader, Text *out)
{
    const uint8_t *at = ++reader->at;
    bool escaped = false;
    size_t bad;

    while (at < reader->end && *at != '"' && *at >= 0x20) {
        // What follows a backslash is looked at later; here it is no quote.
        bool is_escape = *at++ == '\\';
        if (is_escape && at < reader->end)
            at++;
        escaped = escaped || is_escape;
    }
    if (at >= reader->end)
        return invalid(reader, reader->end, "ends inside text");
    if (*at != '"')
        return invalid(reader, at, "control character in text");
    const uint8_t *from = reader->at;
    *out = (Text){(const char *)from, (size_t)(at - from)};
    if (!utf8_is_valid(*out, &bad))
        return invalid(reader, from + bad, "text is not UTF-8");
    reader->at = at + 1;
    return escaped ? unescape(reader, from, at, out) : STATUS_OK;
}

/* --- Numbers ------------------------------------------------------------ */

static const uint8_t *skip_digits(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Digits without sign to an int; false if that has more than 64 bits. */
static bool read_integer(Text digits, bool negative, Value *out)
{
    uint64_t number = 0;
    for (size_t index = 0; index < digits.len; index++) {
        unsigned digit = (unsigned)(digits.data[index] - '0');
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, digit, &number)) {
            // -2^64 alone has one more than fits.
            *out = (Value){
                .kind = VALUE_INT, .negative = true, .magnitude = UINT64_MAX};
            return negative &&
                   text_equal(digits, TEXT("18446744073709551616"));
        }
    }
    negative = negative && number != 0;
    *out = (Value){.kind = VALUE_INT,
                   .negative = negative,
                   .magnitude = negative ? number - 1 : number};
    return true;
}

static Status read_number(struct reader *reader, Value *out)
{
    const uint8_t *start = reader->at, *end = reader->end;
    const uint8_t *digits = *start == '-' ? start + 1 : start;
    bool is_float = false;

    const uint8_t *at = skip_digits(digits, end);
    const uint8_t *last = at;
    bool bad = at == digits || (*digits == '0' && at - digits > 1);
    if (!bad && at < end && *at == '.') {
        is_float = true;
        last = skip_digits(at + 1, end);
        bad = last == at + 1;
        at = last;
    }
    if (!bad && at < end && (*at | 0x20) == 'e') {
        is_float = true;
        const uint8_t *exponent = at + 1;
        if (exponent < end && (*exponent == '+' || *exponent == '-'))
            exponent++;
        last = skip_digits(exponent, end);
        bad = last == exponent;
    }
    if (bad)
        return invalid(reader, start, "not a number");
    reader->at = last;
    Text unsigned_text = {(const char *)digits, (size_t)(last - digits)};
    if (!is_float && read_integer(unsigned_text, *start == '-', out))
        return STATUS_OK;
    out->kind = VALUE_FLOAT;
    if (!float_from_text((Text){(const char *)start, (size_t)(last - start)},
                         &out->number))
        return invalid(reader, start, "number is too large for a float");
    return STATUS_OK;
}

/* --- Lists and maps ----------------------------------------------------- */

static Status read_value(struct reader *reader, Value *out);

static Status open_bracket(struct reader *reader)
{
    if (reader->depth == CODEC_DEPTH_MAX)
        return fail_at(reader->err, STATUS_LIMIT,
                       (size_t)(reader->at - reader->start),
                       "dag-json: nested deeper than %d", CODEC_DEPTH_MAX);
    reader->depth++;
    reader->at++;
    return STATUS_OK;
}

/* After an item: true when `close` follows; a comma is taken. */
static Status next_item(struct reader *reader, uint8_t close, bool *closed)
{
    uint8_t byte = peek(reader);
    *closed = byte == close;
    if (!*closed && byte != ',')
        return invalid(reader, reader->at,
                       close == ']' ? "expected ',' or ']'"
                                    : "expected ',' or '}'");
    reader->at++;
    return STATUS_OK;
}

static Status read_list(struct reader *reader, Value *out)
{
    size_t bottom = reader->top;
    bool closed = false;

    TRY(open_bracket(reader));
    if (peek(reader) == ']') {
        closed = true;
        reader->at++;
    }
    while (!closed) {
        struct value_entry entry = {.key = {NULL, 0}};
        TRY(read_value(reader, &entry.value));
        push(reader, &entry);
        TRY(next_item(reader, ']', &closed));
    }
    reader->depth--;
    size_t count = reader->top - bottom;
    Value *items = arena_alloc(reader->arena, count * sizeof *items);
    for (size_t index = 0; index < count; index++)
        items[index] = reader->stack[bottom + index].value;
    reader->top = bottom;
    *out = value_list(items, count);
    return STATUS_OK;
}

static Status read_entry(struct reader *reader, struct value_entry *out)
{
    if (peek(reader) != '"')
        return invalid(reader, reader->at, "map key is not text");
    TRY(read_text(reader, &out->key));
    if (peek(reader) != ':')
        return invalid(reader, reader->at, "expected ':'");
    reader->at++;
    return read_value(reader, &out->value);
}

static int compare_entries(const void *a, const void *b)
{
    const struct value_entry *left = a, *right = b;
    return value_key_compare(left->key, right->key);
}

/* Names the key where that leaves the message one readable line. */
static Status repeated_key(const struct reader *reader, const uint8_t *where,
                           Text key)
{
    bool plain = key.len <= 60;
    for (size_t index = 0; plain && index < key.len; index++)
        plain = (uint8_t)key.data[index] >= 0x20;
    return fail_at(
        reader->err, STATUS_INVALID, (size_t)(where - reader->start),
        "dag-json: map key%s%.*s%s appears twice", plain ? " \"" : "",
        plain ? (int)key.len : 0, key.data, plain ? "\"" : "");
}

/* Moves the entries above `bottom` to the arena, in canonical order. */
static Status close_map(struct reader *reader, const uint8_t *where,
                        size_t bottom, Value *out)
{
    size_t count = reader->top - bottom;
    // Nothing was ever pushed in front of "{}": the stack may be NULL.
    struct value_entry *entries = count ? reader->stack + bottom : NULL;

    if (count > 1)
        qsort(entries, count, sizeof *entries, compare_entries);
    for (size_t index = 1; index < count; index++)
        if (text_equal(entries[index - 1].key, entries[index].key))
            return repeated_key(reader, where, entries[index].key);
    struct value_entry *copy =
        arena_alloc(reader->arena, count * sizeof *copy);
    if (count)
        memcpy(copy, entries, count * sizeof *copy);
    reader->top = bottom;
    *out = (Value){.kind = VALUE_MAP, .map = {copy, count}};
    return STATUS_OK;
}

/* {"/": "b…"} or {"/": {"bytes": "…"}}, or a map that may not be. */
static Status read_reserved(struct reader *reader, const uint8_t *where,
                            Value *out)
{
    const Value *inner = value_get(out, TEXT("/"));
    Status status = STATUS_INVALID;
    size_t len;

    if (out->map.count != 1 ||
        (inner->kind == VALUE_MAP && inner->map.count != 1))
        return invalid(reader, where, "reserved key \"/\" among other keys");
    if (inner->kind == VALUE_TEXT) {
        out->kind = VALUE_LINK;
        status = cid_bytes_from_text(inner->text, reader->arena, &out->link,
                                     reader->err);
    } else {
        Text text = inner->map.entries[0].value.text;
        uint8_t *data = arena_alloc(reader->arena, text.len);
        out->kind = VALUE_BYTES;
        status = base64_decode(text, data, &len, reader->err);
        out->bytes = bytes_of(data, status == STATUS_OK ? len : 0);
    }
    if (status == STATUS_OK)
        return STATUS_OK;
    if (reader->err)
        reader->err->offset = (size_t)(where - reader->start);
    return fail_in(reader->err, status, "dag-json: reserved key \"/\"");
}

static Status read_map(struct reader *reader, Value *out)
{
    const uint8_t *where = reader->at;
    size_t bottom = reader->top;
    bool closed = false;

    TRY(open_bracket(reader));
    if (peek(reader) == '}') {
        closed = true;
        reader->at++;
    }
    while (!closed) {
        struct value_entry entry;
        TRY(read_entry(reader, &entry));
        push(reader, &entry);
        TRY(next_item(reader, '}', &closed));
    }
    reader->depth--;
    TRY(close_map(reader, where, bottom, out));
    return dag_json_is_reserved(out) ? read_reserved(reader, where, out)
                                     : STATUS_OK;
}

/* --- The door ----------------------------------------------------------- */

static Status read_word(struct reader *reader, Value *out)
{
    static const struct {
        Text text;
        Value value;
    } words[] = {{{"null", 4}, {.kind = VALUE_NULL}},
                 {{"true", 4}, {.kind = VALUE_BOOL, .boolean = true}},
                 {{"false", 5}, {.kind = VALUE_BOOL, .boolean = false}}};

    Text rest = {(const char *)reader->at, (size_t)(reader->end - reader->at)};
    for (size_t index = 0; index < 3; index++)
        if (text_starts_with(rest, words[index].text)) {
            reader->at += words[index].text.len;
            *out = words[index].value;
            return STATUS_OK;
        }
    return invalid(reader, reader->at,
                   rest.len ? "not a value" : "ends before a value");
}

static Status read_value(struct reader *reader, Value *out)
{
    uint8_t byte = peek(reader);
    switch (byte) {
    case '{':
        return read_map(reader, out);
    case '[':
        return read_list(reader, out);
    case '"':
        out->kind = VALUE_TEXT;
        return read_text(reader, &out->text);
    default:
        if (byte == '-' || (byte >= '0' && byte <= '9'))
            return read_number(reader, out);
        return read_word(reader, out);
    }
}

Status dag_json_decode(Bytes bytes, struct arena *arena, Value *out,
                       struct error *err)
{
    static const uint8_t nothing[1];
    const uint8_t *start = bytes.data ? bytes.data : nothing;
    struct reader reader = {.start = start,
                            .at = start,
                            .end = start + bytes.len,
                            .arena = arena,
                            .err = err};

    Status status = read_value(&reader, out);
    if (status == STATUS_OK) {
        skip_blanks(&reader);
        if (reader.at != reader.end)
            status = invalid(&reader, reader.at, "text after the value");
    }
    free(reader.stack);
    return status;
}
