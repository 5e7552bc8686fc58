/* SPDX-License-Identifier: Apache-2.0 */
/* typed.c - writing and reading the typed encoding. What is read here was
 * written by our own engine code, not by a guest; it is checked all the same,
 * for memory safety, with one word for all trouble. */
#include "wasm/typed.h"

#include "ipld/dag_cbor.h"
#include "wasm/place.h"

// Major types of CBOR (RFC 8949, section 3).
enum { CBOR_UINT, CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY };
enum { CBOR_FALSE = 0xf4, CBOR_TRUE = 0xf5, CBOR_DOUBLE = 0xfb };

static const char malformed[] = "typed result: malformed";

static void encode(const struct wit_type *type, const struct wit_value *value,
                   struct buffer *out);

static void encode_double(uint64_t bits, struct buffer *out)
{
    uint8_t bytes[9] = {CBOR_DOUBLE};
    for (unsigned index = 0; index < 8; index++)
        bytes[1 + index] = (uint8_t)(bits >> (56 - 8 * index));
    buffer_add(out, bytes, sizeof bytes);
}

static uint64_t widen(uint64_t bits)
{
    uint32_t narrow = (uint32_t)bits;
    float number;
    memcpy(&number, &narrow, sizeof number);
    double wide = (double)number;
    memcpy(&bits, &wide, sizeof bits);
    return bits;
}

static void encode_char(uint32_t code, struct buffer *out)
{
    char text[4];
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t index = len - 1; index > 0; index--, code >>= 6)
        text[index] = (char)(0x80 | (code & 0x3f));
    text[0] = (char)(lead[len] | code);
    cbor_add_text(out, (Text){text, len});
}

static void encode_scalar(const struct wit_type *type, uint64_t bits,
                          struct buffer *out)
{
    if (type->kind == WIT_BOOL)
        cbor_add_bool(out, bits != 0);
    else if (type->kind == WIT_F32)
        encode_double(widen(bits), out);
    else if (type->kind == WIT_F64)
        encode_double(bits, out);
    else if (type->kind == WIT_CHAR)
        encode_char((uint32_t)bits, out);
    else if (type->kind == WIT_S8 || type->kind == WIT_S16 ||
             type->kind == WIT_S32 || type->kind == WIT_S64)
        cbor_add_int(out, (int64_t)bits);
    else
        cbor_add_uint(out, bits);
}

static void encode_flags(const struct wit_type *type,
                         const struct wit_value *value, struct buffer *out)
{
    size_t set = 0;
    for (size_t index = 0; index < value->count; index++)
        set += (size_t)__builtin_popcount(value->words[index]);
    cbor_add_list(out, set);
    for (uint32_t index = 0; index < type->count; index++) {
        if (value->words[index / 32] >> index % 32 & 1)
            cbor_add_uint(out, index);
    }
}

static void encode_case(const struct wit_type *type,
                        const struct wit_value *value, struct buffer *out)
{
    const struct wit_type *payload = type->members[value->bits].type;
    bool is_option = type->kind == WIT_OPTION;
    cbor_add_list(out, (size_t)!is_option + (payload != NULL));
    if (!is_option)
        cbor_add_uint(out, value->bits);
    if (payload)
        encode(payload, value->items, out);
}

static void encode_items(const struct wit_type *type,
                         const struct wit_value *value, struct buffer *out)
{
    bool is_list = type->kind == WIT_LIST;
    cbor_add_list(out, value->count);
    for (size_t index = 0; index < value->count; index++)
        encode(type->members[is_list ? 0 : index].type, &value->items[index],
               out);
}

static void encode(const struct wit_type *type, const struct wit_value *value,
                   struct buffer *out)
{
    if (type->kind == WIT_STRING)
        cbor_add_text(out, (Text){(const char *)value->data, value->count});
    else if (wit_is_bytes(type))
        cbor_add_bytes(out, bytes_of(value->data, value->count));
    else if (type->kind == WIT_LIST || wit_is_row(type))
        encode_items(type, value, out);
    else if (wit_is_cases(type))
        encode_case(type, value, out);
    else if (type->kind == WIT_FLAGS)
        encode_flags(type, value, out);
    else
        encode_scalar(type, value->bits, out);
}

void typed_encode_arguments(const struct wit_type *params,
                            const struct wit_value *values, struct buffer *out)
{
    const struct wit_value row = {.items = values, .count = params->count};
    encode(params, &row, out);
}

/* --- Reading ------------------------------------------------------------- */

struct head {
    uint8_t initial;
    uint8_t major;
    uint64_t number; /* the argument, or the bits of a double */
    size_t end;      /* offset behind the head */
};

static struct head read_head(struct source *source, size_t offset)
{
    struct head head = {.major = 0xff, .end = offset};
    if (source->is_broken || offset >= source->bytes.len) {
        source_break(source, malformed);
        return head;
    }
    head.initial = source->bytes.data[offset];
    head.major = head.initial >> 5;
    unsigned info = head.initial & 31;
    size_t len = info < 24 ? 0 : info < 28 ? (size_t)1 << (info - 24) : 99;
    if (len > source->bytes.len - offset - 1) {
        source_break(source, malformed);
        return head;
    }
    head.number = len == 0 ? info : 0;
    for (size_t index = 0; index < len; index++)
        head.number =
            head.number << 8 | source->bytes.data[offset + 1 + index];
    head.end = offset + 1 + len;
    return head;
}

// The bytes of a byte string or text are all there.
static bool fits(const struct source *source, const struct head *head)
{
    return head->number <= source->bytes.len - head->end;
}

size_t typed_list(struct source *source, size_t offset, size_t *first)
{
    struct head head = read_head(source, offset);
    *first = head.end;
    // An item is a byte at least.
    if (source->is_broken || head.major != CBOR_ARRAY ||
        !fits(source, &head)) {
        source_break(source, malformed);
        return 0;
    }
    return head.number;
}

size_t typed_skip(struct source *source, size_t offset)
{
    for (uint64_t left = 1; left > 0 && !source->is_broken; left--) {
        struct head head = read_head(source, offset);
        offset = head.end;
        if (head.major == CBOR_ARRAY && fits(source, &head)) {
            left += head.number;
        } else if (head.major == CBOR_BYTES || head.major == CBOR_TEXT) {
            if (fits(source, &head))
                offset += head.number;
            else
                source_break(source, malformed);
        } else if (head.major == CBOR_ARRAY || head.major == 5 ||
                   head.major == 6) {
            source_break(source, malformed);
        }
    }
    return offset;
}

Bytes typed_bytes(struct source *source, const struct wit_type *type,
                  size_t offset)
{
    bool is_list = type->kind == WIT_LIST;
    struct head head = read_head(source, offset);
    if (source->is_broken || !fits(source, &head) ||
        head.major != (is_list ? CBOR_BYTES : CBOR_TEXT)) {
        source_break(source, malformed);
        return bytes_of(NULL, 0);
    }
    Bytes bytes = bytes_of(source->bytes.data + head.end, head.number);
    if (!is_list && !utf8_is_valid(bytes_text(bytes), NULL)) {
        source_break(source, malformed);
        return bytes_of(NULL, 0);
    }
    return bytes;
}

static uint64_t read_char(struct source *source, size_t offset)
{
    static const struct wit_type string = {.kind = WIT_STRING};
    static const uint8_t lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    Bytes text = typed_bytes(source, &string, offset);
    if (text.len == 0 || text.len > 4) {
        source_break(source, malformed);
        return 0;
    }
    uint32_t code = text.data[0] & lead[text.len];
    for (size_t index = 1; index < text.len; index++) {
        // Valid UTF-8, so one character is all but continuation bytes.
        if ((text.data[index] & 0xc0) != 0x80)
            source_break(source, malformed);
        code = code << 6 | (text.data[index] & 0x3f);
    }
    if (source->is_broken)
        return 0;
    return code;
}

// The engine widened it: narrowing back is exact, NaNs aside.
static uint64_t narrow(uint64_t bits)
{
    double wide;
    memcpy(&wide, &bits, sizeof wide);
    float number = (float)wide;
    uint32_t out;
    memcpy(&out, &number, sizeof out);
    return out;
}

uint64_t typed_scalar(struct source *source, const struct wit_type *type,
                      size_t offset)
{
    if (type->kind == WIT_CHAR)
        return read_char(source, offset);
    struct head head = read_head(source, offset);
    bool is_float = type->kind == WIT_F32 || type->kind == WIT_F64;
    bool is_good = type->kind == WIT_BOOL ? head.initial == CBOR_FALSE ||
                                                head.initial == CBOR_TRUE
                   : is_float ? head.initial == CBOR_DOUBLE
                              : head.major <= CBOR_NEGATIVE;
    if (source->is_broken || !is_good) {
        source_break(source, malformed);
        return 0;
    }
    if (type->kind == WIT_BOOL)
        return head.initial == CBOR_TRUE;
    if (type->kind == WIT_F32)
        return narrow(head.number);
    return head.major == CBOR_NEGATIVE ? ~head.number : head.number;
}

uint32_t typed_case(struct source *source, const struct wit_type *type,
                    size_t offset, size_t *payload)
{
    size_t count = typed_list(source, offset, &offset);
    *payload = offset;
    uint64_t index = count;
    if (type->kind != WIT_OPTION) {
        struct head head = read_head(source, offset);
        *payload = head.end;
        index = head.major == CBOR_UINT ? head.number : UINT64_MAX;
        count--;
    }
    bool has =
        !source->is_broken && index < type->count && type->members[index].type;
    if (source->is_broken || index >= type->count || count != (size_t)has) {
        source_break(source, malformed);
        return 0;
    }
    return (uint32_t)index;
}

bool typed_flag(struct source *source, size_t offset, uint32_t index)
{
    size_t count = typed_list(source, offset, &offset);
    for (; count > 0 && !source->is_broken; count--) {
        struct head head = read_head(source, offset);
        if (head.major == CBOR_UINT && head.number == index)
            return true;
        offset = head.end;
    }
    return false;
}
