/* SPDX-License-Identifier: Apache-2.0 */
/* dag_cbor.c - reads DAG-CBOR, strictly.
 *
 *     head: 3 bits of kind | 5 bits: 0…23 is the number itself,
 *           24 25 26 27: it follows in 1 2 4 8 bytes; all else is refused
 *
 * A list or map says how many items follow before they are seen. So that a
 * small block cannot claim a big tree, `owed` counts the items that were
 * claimed and not yet read, in all open lists and maps together: each takes a
 * byte at least, so it may never be more than the bytes that are left.
 *
 * Decoding and looking for links are one reader, so that both refuse the same:
 * with `each`, what is read is told or forgotten instead of kept. */
#include "ipld/dag_cbor.h"

#include <math.h>

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

enum {
    SIMPLE_FALSE = 20,
    SIMPLE_TRUE = 21,
    SIMPLE_NULL = 22,
    SIMPLE_FLOAT64 = 27,
    TAG_LINK = 42,
};

struct decoder {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    size_t owed;
    size_t items;        /* members of all lists and maps so far */
    size_t items_max;    /* 0: CODEC_ITEMS_MAX alone */
    unsigned depth;      /* open lists and maps */
    struct arena *arena; /* for the tree; NULL: there is none */
    CborLink *each;      /* if there is no tree: told every link */
    void *context;
    struct error *err;
};

static size_t bytes_left(const struct decoder *decoder)
{
    return (size_t)(decoder->end - decoder->at);
}

static Status invalid(const struct decoder *decoder, const uint8_t *where,
                      const char *what)
{
    return fail_at(decoder->err, STATUS_INVALID,
                   (size_t)(where - decoder->start), "dag-cbor: %s", what);
}

static uint64_t load_big_endian(const uint8_t *at, size_t len)
{
    uint64_t number = 0;
    for (size_t index = 0; index < len; index++)
        number = number << 8 | at[index];
    return number;
}

/* The number of a head whose five low bits are 24 or more; decoder->at is
 * behind the first byte. */
static Status read_long_number(struct decoder *decoder, unsigned low,
                               uint64_t *out)
{
    static const uint64_t least[] = {24, 0x100, 0x10000, 0x100000000};

    const uint8_t *head = decoder->at - 1;
    if (low > 27)
        return invalid(decoder, head,
                       low == 31 ? "indefinite length" : "reserved head");
    size_t len = (size_t)1 << (low - 24);
    if (bytes_left(decoder) < len)
        return invalid(decoder, decoder->end, "ends inside a number");
    uint64_t number = load_big_endian(decoder->at, len);
    if (number < least[low - 24])
        return invalid(decoder, head, "number not in its shortest form");
    decoder->at += len;
    *out = number;
    return STATUS_OK;
}

static Status read_string(struct decoder *decoder, uint64_t len, Bytes *out)
{
    if (len > bytes_left(decoder))
        return invalid(decoder, decoder->end, "ends inside bytes or text");
    *out = bytes_of(decoder->at, (size_t)len);
    decoder->at += len;
    return STATUS_OK;
}

/* True for short texts of plain ASCII, which is what keys and most texts are:
 * two loads that may overlap see it all. */
static bool is_short_ascii(Bytes bytes)
{
    uint64_t first, last, high = 0x8080808080808080U;
    if (bytes.len > 16)
        return false;
    if (bytes.len >= 8) {
        memcpy(&first, bytes.data, 8);
        memcpy(&last, bytes.data + bytes.len - 8, 8);
        return ((first | last) & high) == 0;
    }
    uint8_t bits = 0;
    for (size_t index = 0; index < bytes.len; index++)
        bits |= bytes.data[index];
    return bits < 0x80;
}

static Status read_text(struct decoder *decoder, uint64_t len, Text *out)
{
    Bytes bytes = {NULL, 0};
    size_t bad;

    TRY(read_string(decoder, len, &bytes));
    *out = bytes_text(bytes);
    if (is_short_ascii(bytes) || utf8_is_valid(*out, &bad))
        return STATUS_OK;
    return invalid(decoder, bytes.data + bad, "text is not UTF-8");
}

/* d8 2a, then bytes: 00 and the binary CID. */
static Status read_link(struct decoder *decoder, uint64_t tag, Value *out)
{
    const uint8_t *where = decoder->at;
    uint64_t len;
    Bytes bytes = {NULL, 0};

    if (tag != TAG_LINK)
        return invalid(decoder, where - 1, "tag other than 42");
    if (bytes_left(decoder) < 1 || *where >> 5 != MAJOR_BYTES)
        return invalid(decoder, where, "link is not bytes");
    decoder->at++;
    len = *where & 31;
    if (len >= 24)
        TRY(read_long_number(decoder, (unsigned)len, &len));
    TRY(read_string(decoder, len, &bytes));
    if (bytes.len == 0 || bytes.data[0] != 0)
        return invalid(decoder, where, "link does not begin with a zero");
    out->kind = VALUE_LINK;
    out->link = bytes_from(bytes, 1);
    Status status = cid_check_bytes(out->link, decoder->err);
    if (status == STATUS_OK)
        return decoder->each
                   ? decoder->each(decoder->context, out->link, decoder->err)
                   : STATUS_OK;
    if (decoder->err)
        decoder->err->offset += (size_t)(out->link.data - decoder->start);
    return fail_in(decoder->err, status, "dag-cbor: link");
}

static Status read_simple(struct decoder *decoder, unsigned low, Value *out)
{
    const uint8_t *head = decoder->at - 1;

    switch (low) {
    case SIMPLE_FALSE:
    case SIMPLE_TRUE:
        *out = value_bool(low == SIMPLE_TRUE);
        return STATUS_OK;
    case SIMPLE_NULL:
        *out = value_null();
        return STATUS_OK;
    case SIMPLE_FLOAT64:
        break;
    default:
        return invalid(decoder, head,
                       low == 25 || low == 26
                           ? "float that is not 64 bits long"
                           : "simple value other than false, true, null");
    }
    if (bytes_left(decoder) < 8)
        return invalid(decoder, decoder->end, "ends inside a float");
    uint64_t bits = load_big_endian(decoder->at, 8);
    decoder->at += 8;
    out->kind = VALUE_FLOAT;
    memcpy(&out->number, &bits, sizeof bits);
    if (!isfinite(out->number))
        return invalid(decoder, head, "float is not finite");
    return STATUS_OK;
}

/* --- Lists and maps ----------------------------------------------------- */

static Status read_value(struct decoder *decoder, Value *out);

/* Counts `count` items as claimed; refuses more than can follow. */
static Status open_items(struct decoder *decoder, uint64_t count,
                         unsigned each)
{
    size_t left = bytes_left(decoder);
    if (decoder->depth == CODEC_DEPTH_MAX)
        return fail_at(decoder->err, STATUS_LIMIT,
                       (size_t)(decoder->at - decoder->start),
                       "dag-cbor: nested deeper than %d", CODEC_DEPTH_MAX);
    if (count > left || count * each + decoder->owed > left)
        return invalid(decoder, decoder->end,
                       "ends before the items it promises");
    decoder->items += (size_t)count;
    if (decoder->items > CODEC_ITEMS_MAX)
        return invalid(decoder, decoder->at, "more items than 33,554,432");
    if (decoder->items_max > 0 && decoder->items > decoder->items_max)
        return fail_at(decoder->err, STATUS_LIMIT,
                       (size_t)(decoder->at - decoder->start),
                       "dag-cbor: more than %zu items", decoder->items_max);
    decoder->owed += (size_t)count * each;
    decoder->depth++;
    return STATUS_OK;
}

/* Room for `count` things, which open_items() has bounded. Empty lists and
 * maps, one byte each, take none; nor does what is not to be kept. */
static void *take_array(struct decoder *decoder, uint64_t count, size_t size)
{
    return count && decoder->arena
               ? arena_alloc(decoder->arena, (size_t)count * size)
               : NULL;
}

static Status read_list(struct decoder *decoder, uint64_t count, Value *out)
{
    TRY(open_items(decoder, count, 1));
    Value *items = take_array(decoder, count, sizeof *items);
    for (size_t index = 0; index < count; index++) {
        Value forgotten;
        decoder->owed--;
        TRY(read_value(decoder, items ? &items[index] : &forgotten));
    }
    decoder->depth--;
    *out = value_list(items, (size_t)count);
    return STATUS_OK;
}

static Status read_key(struct decoder *decoder, const Text *last, Text *out)
{
    const uint8_t *head = decoder->at;
    if (bytes_left(decoder) == 0)
        return invalid(decoder, head, "ends before a map key");
    if (*head >> 5 != MAJOR_TEXT)
        return invalid(decoder, head, "map key is not text");
    decoder->at++;
    uint64_t len = *head & 31;
    if (len >= 24)
        TRY(read_long_number(decoder, (unsigned)len, &len));
    TRY(read_text(decoder, len, out));
    int order = last ? value_key_compare(*last, *out) : -1;
    if (order >= 0)
        return invalid(decoder, head,
                       order == 0 ? "map key appears twice"
                                  : "map keys out of order");
    return STATUS_OK;
}

static Status read_map(struct decoder *decoder, uint64_t count, Value *out)
{
    Text keys[2]; // This one and the last, by turns.

    TRY(open_items(decoder, count, 2));
    struct value_entry *entries = take_array(decoder, count, sizeof *entries);
    for (size_t index = 0; index < count; index++) {
        Value forgotten;
        Text *key = &keys[index & 1];
        decoder->owed -= 2;
        TRY(read_key(decoder, index > 0 ? &keys[~index & 1] : NULL, key));
        if (entries)
            entries[index].key = *key;
        TRY(read_value(decoder, entries ? &entries[index].value : &forgotten));
    }
    decoder->depth--;
    *out = (Value){.kind = VALUE_MAP, .map = {entries, (size_t)count}};
    return STATUS_OK;
}

static Status read_value(struct decoder *decoder, Value *out)
{
    if (bytes_left(decoder) == 0)
        return invalid(decoder, decoder->end, "ends before a value");
    unsigned head = *decoder->at++;
    uint64_t number = head & 31;
    if (head >> 5 == MAJOR_SIMPLE)
        return read_simple(decoder, head & 31, out);
    if (number >= 24)
        TRY(read_long_number(decoder, head & 31, &number));

    switch (head >> 5) {
    case MAJOR_UINT:
    case MAJOR_NEGATIVE:
        *out = (Value){.kind = VALUE_INT,
                       .negative = head >> 5 == MAJOR_NEGATIVE,
                       .magnitude = number};
        return STATUS_OK;
    case MAJOR_BYTES:
        out->kind = VALUE_BYTES;
        return read_string(decoder, number, &out->bytes);
    case MAJOR_TEXT:
        out->kind = VALUE_TEXT;
        return read_text(decoder, number, &out->text);
    case MAJOR_LIST:
        return read_list(decoder, number, out);
    case MAJOR_MAP:
        return read_map(decoder, number, out);
    default:
        return read_link(decoder, number, out);
    }
}

static Status read_whole(struct decoder *decoder, Bytes bytes, Value *out)
{
    static const uint8_t nothing[1];
    decoder->start = decoder->at = bytes.data ? bytes.data : nothing;
    decoder->end = decoder->start + bytes.len;
    TRY(read_value(decoder, out));
    if (decoder->at != decoder->end)
        return invalid(decoder, decoder->at, "bytes after the value");
    return STATUS_OK;
}

Status dag_cbor_decode(Bytes bytes, struct arena *arena, Value *out,
                       struct error *err)
{
    struct decoder decoder = {.arena = arena, .err = err};
    return read_whole(&decoder, bytes, out);
}

Status dag_cbor_decode_few(Bytes bytes, size_t items_max, struct arena *arena,
                           Value *out, struct error *err)
{
    struct decoder decoder = {
        .arena = arena, .items_max = items_max, .err = err};
    return read_whole(&decoder, bytes, out);
}

Status dag_cbor_links(Bytes bytes, CborLink *each, void *context,
                      struct error *err)
{
    struct decoder decoder = {.each = each, .context = context, .err = err};
    Value forgotten;
    return read_whole(&decoder, bytes, &forgotten);
}
