/* SPDX-License-Identifier: Apache-2.0 */
/* multibase.c - two families of alphabets: those whose size is a power of two
 * move bits (RFC 4648), the others are one big number in another base. */
#include "ipld/multibase.h"

struct base {
    char letter;
    uint8_t size;  /* characters in the alphabet */
    uint8_t bits;  /* per character, 0 for the big-number bases */
    bool any_case; /* reads upper and lower case */
    bool padded;
    const char *alphabet;
};

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static const struct base bases[] = {
    {'b', 32, 5, true, false, LOWER "234567"},
    {'B', 32, 5, true, false, UPPER "234567"},
    {'z', 58, 0, false, false,
     "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"},
    {'k', 36, 0, true, false, DIGITS LOWER},
    {'f', 16, 4, true, false, DIGITS "abcdef"},
    {'F', 16, 4, true, false, DIGITS "ABCDEF"},
    {'m', 64, 6, false, false, UPPER LOWER DIGITS "+/"},
    {'M', 64, 6, false, true, UPPER LOWER DIGITS "+/"},
    {'u', 64, 6, false, false, UPPER LOWER DIGITS "-_"},
    {'U', 64, 6, false, true, UPPER LOWER DIGITS "-_"},
};

enum { BASE64_INDEX = 6, NO_DIGIT = 0xff };

static const struct base *find_base(char letter)
{
    for (size_t index = 0; index < sizeof bases / sizeof bases[0]; index++)
        if (bases[index].letter == letter)
            return &bases[index];
    return NULL;
}

static void fill_digits(const struct base *base, uint8_t digits[256])
{
    memset(digits, NO_DIGIT, 256);
    for (uint8_t index = 0; index < base->size; index++) {
        uint8_t letter = (uint8_t)base->alphabet[index];
        digits[letter] = index;
        bool is_letter = (letter | 0x20) >= 'a' && (letter | 0x20) <= 'z';
        if (base->any_case && is_letter)
            digits[letter ^ 0x20] = index;
    }
}

static Status wrong_character(Text text, size_t index, struct error *err)
{
    uint8_t byte = (uint8_t)text.data[index];
    if (byte > ' ' && byte < 0x7f)
        return fail_at(err, STATUS_INVALID, index,
                       "'%c' is not in the alphabet of this base", byte);
    return fail_at(err, STATUS_INVALID, index,
                   "byte 0x%02x is not in the alphabet of this base", byte);
}

/* --- Alphabets that move bits ------------------------------------------- */

/* Takes the '=' off: exactly as many as fill the last group. */
static Status strip_padding(Text *text, struct error *err)
{
    size_t len = text->len;
    while (len > 0 && text->len - len < 2 && text->data[len - 1] == '=')
        len--;
    if (text->len % 4 != 0)
        return fail_at(err, STATUS_INVALID, text->len,
                       "base64 with padding is not a multiple of four");
    text->len = len;
    return STATUS_OK;
}

static Status decode_bits(const struct base *base, Text text, uint8_t *out,
                          size_t *out_len, struct error *err)
{
    uint8_t digits[256];
    uint32_t word = 0;
    unsigned have = 0;
    size_t len = 0;

    fill_digits(base, digits);
    for (size_t index = 0; index < text.len; index++) {
        uint8_t digit = digits[(uint8_t)text.data[index]];
        if (digit == NO_DIGIT)
            return wrong_character(text, index, err);
        word = word << base->bits | digit;
        have += base->bits;
        if (have >= 8) {
            have -= 8;
            out[len++] = (uint8_t)(word >> have);
        }
    }
    // A whole character left over, or a bit of one that says something.
    if (have >= base->bits || (word & ((1U << have) - 1)) != 0)
        return fail_at(err, STATUS_INVALID, text.len,
                       "text ends with bits that belong to no byte");
    *out_len = len;
    return STATUS_OK;
}

static size_t encode_bits(const struct base *base, Bytes bytes, char *out)
{
    uint32_t word = 0;
    unsigned have = 0;
    size_t len = 0;

    for (size_t index = 0; index < bytes.len; index++) {
        word = word << 8 | bytes.data[index];
        have += 8;
        while (have >= base->bits) {
            have -= base->bits;
            out[len++] = base->alphabet[(word >> have) & (base->size - 1U)];
        }
    }
    if (have > 0)
        out[len++] =
            base->alphabet[(word << (base->bits - have)) & (base->size - 1U)];
    while (base->padded && len % 4 != 0)
        out[len++] = '=';
    return len;
}

/* --- Big numbers -------------------------------------------------------- */

/* Turns `count` digits of base `from`, most significant first, into digits of
 * base `to` at the end of `out[0..room)`. Returns how many. */
static size_t convert(const uint8_t *in, size_t count, unsigned from,
                      uint8_t *out, size_t room, unsigned to)
{
    size_t used = 0;
    for (size_t index = 0; index < count; index++) {
        unsigned carry = in[index];
        for (size_t place = 0; place < used || carry; place++) {
            if (place < used)
                carry += from * out[room - 1 - place];
            else
                used++;
            out[room - 1 - place] = (uint8_t)(carry % to);
            carry /= to;
        }
    }
    return used;
}

static Status decode_big(const struct base *base, Text text, uint8_t *out,
                         size_t *out_len, struct error *err)
{
    uint8_t digits[256], in[MULTIBASE_BIG_MAX], number[MULTIBASE_BIG_MAX];
    size_t zeros = 0;

    if (text.len > MULTIBASE_BIG_MAX)
        return fail(err, STATUS_LIMIT,
                    "text in base%u is longer than %d characters", base->size,
                    MULTIBASE_BIG_MAX);
    fill_digits(base, digits);
    for (size_t index = 0; index < text.len; index++) {
        in[index] = digits[(uint8_t)text.data[index]];
        if (in[index] == NO_DIGIT)
            return wrong_character(text, index, err);
    }
    while (zeros < text.len && in[zeros] == 0)
        zeros++;
    size_t used = convert(in + zeros, text.len - zeros, base->size, number,
                          sizeof number, 256);
    memset(out, 0, zeros);
    memcpy(out + zeros, number + sizeof number - used, used);
    *out_len = zeros + used;
    return STATUS_OK;
}

static size_t encode_big(const struct base *base, Bytes bytes, char *out)
{
    size_t room = multibase_length_max(base->letter, bytes.len) - 1;
    uint8_t *number = (uint8_t *)out;
    size_t zeros = 0;

    while (zeros < bytes.len && bytes.data[zeros] == 0)
        zeros++;
    size_t used = convert(bytes.data + zeros, bytes.len - zeros, 256, number,
                          room, base->size);
    // The digits stand at the end: move them behind the zeros, as letters.
    memmove(number + zeros, number + room - used, used);
    memset(number, 0, zeros);
    for (size_t index = 0; index < zeros + used; index++)
        out[index] = base->alphabet[number[index]];
    return zeros + used;
}

/* --- The door ----------------------------------------------------------- */

Status multibase_decode(Text text, uint8_t *out, size_t *len,
                        struct error *err)
{
    if (text.len == 0)
        return fail_at(err, STATUS_INVALID, 0, "multibase text is empty");
    const struct base *base = find_base(text.data[0]);
    if (!base)
        return fail_at(err, STATUS_INVALID, 0,
                       "unknown multibase prefix, expected one of "
                       "b B z k f F m M u U");
    Text rest = {text.data + 1, text.len - 1};
    Status status = base->padded ? strip_padding(&rest, err) : STATUS_OK;
    if (status == STATUS_OK)
        status = base->bits ? decode_bits(base, rest, out, len, err)
                            : decode_big(base, rest, out, len, err);
    if (status != STATUS_OK && err && err->offset != ERROR_NO_OFFSET)
        err->offset++;
    return status;
}

size_t multibase_length_max(char base, size_t len)
{
    switch (base) {
    case 'f':
    case 'F':
        return 1 + len * 2;
    case 'b':
    case 'B':
        return 1 + (len * 8 + 4) / 5;
    case 'k':
        return 2 + len * 155 / 100;
    case 'z':
        return 2 + len * 138 / 100;
    default:
        return 1 + (len + 2) / 3 * 4;
    }
}

size_t multibase_encode(char base, Bytes bytes, char *out)
{
    const struct base *found = find_base(base);
    ASSERT(found);
    out[0] = base;
    return 1 + (found->bits ? encode_bits(found, bytes, out + 1)
                            : encode_big(found, bytes, out + 1));
}

size_t base64_encode(Bytes bytes, char *out)
{
    return encode_bits(&bases[BASE64_INDEX], bytes, out);
}

Status base64_decode(Text text, uint8_t *out, size_t *len, struct error *err)
{
    return decode_bits(&bases[BASE64_INDEX], text, out, len, err);
}
