/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/cbor_print.h"

#include <math.h>

#include "ipld/cid.h"
#include "ipld/dag_json.h"
#include "ipld/float_text.h"

enum {
    MAJOR_UINT,
    MAJOR_NEGATIVE,
    MAJOR_BYTES,
    MAJOR_TEXT,
    MAJOR_LIST,
    MAJOR_MAP,
    MAJOR_TAG,
    MAJOR_SIMPLE,
};

enum { INDEFINITE = 31, BREAK = 0xff, TAG_LINK = 42 };

struct printer {
    Bytes bytes;
    size_t at;
    unsigned depth;
    struct buffer *out;
    struct error *err;
};

/* The head of an item. */
struct head {
    unsigned major;
    unsigned low; /* five bits: the number, its length, or INDEFINITE */
    uint64_t number;
};

static Status print_item(struct printer *printer);

static Status invalid(const struct printer *printer, const char *what)
{
    return fail_at(printer->err, STATUS_INVALID, printer->at, "cbor: %s",
                   what);
}

static void put(struct printer *printer, const char *text)
{
    buffer_add_text(printer->out, text_of(text));
}

static size_t left(const struct printer *printer)
{
    return printer->bytes.len - printer->at;
}

static Status read_head(struct printer *printer, struct head *out)
{
    if (left(printer) == 0)
        return invalid(printer, "ends before an item");
    uint8_t first = printer->bytes.data[printer->at];
    *out = (struct head){first >> 5, first & 31, first & 31};
    if (out->low >= 28 && out->low != INDEFINITE)
        return invalid(printer, "reserved head");
    size_t len = out->low < 24 || out->low == INDEFINITE
                     ? 0
                     : (size_t)1 << (out->low - 24);
    if (left(printer) - 1 < len)
        return invalid(printer, "ends inside a number");
    if (len > 0)
        out->number = 0;
    for (size_t index = 1; index <= len; index++)
        out->number =
            out->number << 8 | printer->bytes.data[printer->at + index];
    printer->at += 1 + len;
    return STATUS_OK;
}

/* "_0" to "_3" where a shorter head would do. */
static void put_indicator(struct printer *printer, const struct head *head)
{
    static const uint64_t least[] = {24, 0x100, 0x10000, 0x100000000};
    if (head->low >= 24 && head->low <= 27 &&
        head->number < least[head->low - 24])
        buffer_format(printer->out, "_%u", head->low - 24);
}

/* True at the end of an indefinite item, which is taken. */
static bool take_break(struct printer *printer)
{
    if (left(printer) == 0 || printer->bytes.data[printer->at] != BREAK)
        return false;
    printer->at++;
    return true;
}

/* --- Bytes and text ----------------------------------------------------- */

static Status take_string(struct printer *printer, const struct head *head,
                          Bytes *out)
{
    if (head->number > left(printer))
        return invalid(printer, "ends inside bytes or text");
    *out = bytes_of(printer->bytes.data + printer->at, (size_t)head->number);
    printer->at += out->len;
    return STATUS_OK;
}

static void put_hex(struct printer *printer, Bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    put(printer, "h'");
    for (size_t index = 0; index < bytes.len; index++) {
        buffer_add_byte(printer->out, (uint8_t)digits[bytes.data[index] >> 4]);
        buffer_add_byte(printer->out, (uint8_t)digits[bytes.data[index] & 15]);
    }
    put(printer, "'");
}

static Status put_string(struct printer *printer, const struct head *head)
{
    Bytes bytes = {NULL, 0};

    TRY(take_string(printer, head, &bytes));
    if (head->major == MAJOR_BYTES) {
        put_hex(printer, bytes);
    } else {
        Value text = value_text(bytes_text(bytes));
        if (!utf8_is_valid(text.text, NULL))
            return invalid(printer, "text is not UTF-8");
        TRY(dag_json_encode(&text, printer->out, printer->err));
    }
    put_indicator(printer, head);
    return STATUS_OK;
}

static Status put_pieces(struct printer *printer, unsigned major)
{
    struct head piece;

    put(printer, "(_ ");
    for (bool first = true; !take_break(printer); first = false) {
        put(printer, first ? "" : ", ");
        TRY(read_head(printer, &piece));
        if (piece.major != major || piece.low == INDEFINITE)
            return invalid(printer, "a piece of another kind than its whole");
        TRY(put_string(printer, &piece));
    }
    put(printer, ")");
    return STATUS_OK;
}

/* --- Numbers, simple values, tags --------------------------------------- */

static void put_integer(struct printer *printer, const struct head *head)
{
    Value value = {.kind = VALUE_INT,
                   .negative = head->major == MAJOR_NEGATIVE,
                   .magnitude = head->number};
    // An integer always has a form in JSON; a full buffer is told at the end.
    IGNORE(dag_json_encode(&value, printer->out, NULL));
    put_indicator(printer, head);
}

/* IEEE 754 binary16. */
static double half_to_double(uint64_t bits)
{
    int exponent = bits >> 10 & 31;
    double mantissa = (double)(bits & 0x3ff);
    double number = exponent == 0    ? ldexp(mantissa, -24)
                    : exponent != 31 ? ldexp(mantissa + 1024, exponent - 25)
                    : mantissa > 0   ? (double)NAN
                                     : (double)INFINITY;
    return bits >> 15 ? -number : number;
}

static void put_float(struct printer *printer, const struct head *head)
{
    char text[FLOAT_TEXT_MAX];
    double number;

    if (head->low == 25) {
        number = half_to_double(head->number);
    } else if (head->low == 26) {
        uint32_t bits = (uint32_t)head->number;
        float single;
        memcpy(&single, &bits, sizeof single);
        number = (double)single;
    } else {
        memcpy(&number, &head->number, sizeof number);
    }
    if (isfinite(number))
        buffer_add(printer->out, text, float_to_text(number, text));
    else
        put(printer, isnan(number) ? "NaN"
                     : number > 0  ? "Infinity"
                                   : "-Infinity");
    if (head->low < 27)
        buffer_format(printer->out, "_%u", head->low - 24);
}

static Status put_simple(struct printer *printer, const struct head *head)
{
    static const char *const words[] = {"false", "true", "null", "undefined"};

    if (head->low == INDEFINITE)
        return invalid(printer, "a break where nothing is open");
    if (head->low >= 25)
        put_float(printer, head);
    else if (head->low == 24 && head->number < 32)
        return invalid(printer, "simple value in two bytes");
    else if (head->number >= 20 && head->number <= 23)
        put(printer, words[head->number - 20]);
    else
        buffer_format(printer->out, "simple(%u)", (unsigned)head->number);
    return STATUS_OK;
}

/* Behind a link, the CID in the form that people know. */
static void put_cid(struct printer *printer, Bytes item)
{
    struct arena arena = {0};
    struct head head;
    struct printer inner = {.bytes = item};
    Bytes bytes = {NULL, 0};

    if (read_head(&inner, &head) == STATUS_OK && head.major == MAJOR_BYTES &&
        take_string(&inner, &head, &bytes) == STATUS_OK && bytes.len > 1 &&
        bytes.data[0] == 0 &&
        cid_check_bytes(bytes_from(bytes, 1), NULL) == STATUS_OK) {
        Text text = cid_bytes_to_text(bytes_from(bytes, 1), &arena);
        buffer_format(printer->out, " / %s /", text.data);
    }
    arena_deinit(&arena);
}

static Status put_tag(struct printer *printer, const struct head *head)
{
    size_t start = printer->at;

    if (head->low == INDEFINITE)
        return invalid(printer, "reserved head");
    buffer_format(printer->out, "%llu", (unsigned long long)head->number);
    put_indicator(printer, head);
    put(printer, "(");
    TRY(print_item(printer));
    put(printer, ")");
    if (head->number == TAG_LINK)
        put_cid(printer,
                bytes_of(printer->bytes.data + start, printer->at - start));
    return STATUS_OK;
}

/* --- Lists and maps ----------------------------------------------------- */

static Status put_members(struct printer *printer, const struct head *head)
{
    bool is_map = head->major == MAJOR_MAP;
    bool is_open = head->low == INDEFINITE;

    put(printer, is_map ? "{" : "[");
    put(printer, is_open ? "_ " : "");
    for (uint64_t index = 0;
         is_open ? !take_break(printer) : index < head->number; index++) {
        put(printer, index > 0 ? ", " : "");
        TRY(print_item(printer));
        if (!is_map)
            continue;
        put(printer, ": ");
        TRY(print_item(printer));
    }
    put(printer, is_map ? "}" : "]");
    if (!is_open)
        put_indicator(printer, head);
    return STATUS_OK;
}

static Status print_by_kind(struct printer *printer, const struct head *head)
{
    switch (head->major) {
    case MAJOR_UINT:
    case MAJOR_NEGATIVE:
        if (head->low == INDEFINITE)
            return invalid(printer, "reserved head");
        put_integer(printer, head);
        return STATUS_OK;
    case MAJOR_BYTES:
    case MAJOR_TEXT:
        return head->low == INDEFINITE ? put_pieces(printer, head->major)
                                       : put_string(printer, head);
    case MAJOR_LIST:
    case MAJOR_MAP:
        return put_members(printer, head);
    case MAJOR_TAG:
        return put_tag(printer, head);
    default:
        return put_simple(printer, head);
    }
}

static Status print_item(struct printer *printer)
{
    struct head head;

    if (printer->depth > CODEC_DEPTH_MAX)
        return fail_at(printer->err, STATUS_LIMIT, printer->at,
                       "cbor: nested deeper than %d", CODEC_DEPTH_MAX);
    TRY(buffer_status(printer->out, "what is shown of this block",
                      printer->err));
    TRY(read_head(printer, &head));
    printer->depth++;
    TRY(print_by_kind(printer, &head));
    printer->depth--;
    return STATUS_OK;
}

Status cbor_print(Bytes bytes, struct buffer *out, struct error *err)
{
    struct printer printer = {.bytes = bytes, .out = out, .err = err};

    do {
        put(&printer, printer.at > 0 ? ", " : "");
        TRY(print_item(&printer));
    } while (printer.at < bytes.len);
    return buffer_status(out, "what is shown of this block", err);
}
