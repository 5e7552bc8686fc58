/* SPDX-License-Identifier: Apache-2.0 */
/* car.c - reading goes through a window on the input that holds at least what
 * is looked at next; over memory the window is all of it.
 *
 *     input   …………|■■■■■■■■■|□□□□□□□□□□|…………
 *                 |  taken  |  at: not yet taken
 *                 window, whose first byte is at `base` in the file
 */
#include "ipld/car.h"

#include <stdio.h>
#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "ipld/varint.h"

enum {
    SECTION_MAX = CID_BYTES_MAX + CAR_BLOCK_MAX,
    /* Room for one section, and as much again to read ahead. */
    WINDOW_BYTES = 2 * (SECTION_MAX + VARINT_MAX),
    V2_HEADER_LEN = 40,
};

static const uint8_t pragma[11] = {0x0a, 0xa1, 0x67, 'v', 'e', 'r',
                                   's',  'i',  'o',  'n', 0x02};

struct car_reader {
    CarRead *read; /* NULL: over memory */
    void *context;
    uint8_t *room;  /* owned; what `window` looks at, unless over memory */
    Bytes window;   /* what was read and is not forgotten */
    uint64_t base;  /* of the window in the file */
    size_t at;      /* taken, of the window */
    bool has_ended; /* the input gave all it has */
    uint64_t end;   /* of the sections in the file; CAR_NO_END: with it */
    struct arena arena;
};

struct car_reader *car_reader_new(CarRead *read, void *context)
{
    struct car_reader *reader = HEAP_NEW(struct car_reader);
    reader->read = read;
    reader->context = context;
    reader->room = heap_alloc(WINDOW_BYTES);
    reader->window.data = reader->room;
    reader->end = CAR_NO_END;
    return reader;
}

struct car_reader *car_reader_over(Bytes bytes)
{
    struct car_reader *reader = HEAP_NEW(struct car_reader);
    reader->window = bytes;
    reader->has_ended = true;
    reader->end = CAR_NO_END;
    return reader;
}

void car_reader_free(struct car_reader *reader)
{
    if (!reader)
        return;
    arena_deinit(&reader->arena);
    free(reader->room);
    free(reader);
}

uint64_t car_reader_offset(const struct car_reader *reader)
{
    return reader->base + reader->at;
}

/* --- The window ---------------------------------------------------------- */

static void forget_taken(struct car_reader *reader)
{
    const size_t left = reader->window.len - reader->at;
    memmove(reader->room, reader->room + reader->at, left);
    reader->base += reader->at;
    reader->window.len = left;
    reader->at = 0;
}

/* Looks at the next `len` bytes, at most WINDOW_BYTES; fewer where the input
 * or the sections end. */
static Status look(struct car_reader *reader, size_t len, Bytes *out,
                   struct error *err)
{
    const uint64_t until_end = reader->end - car_reader_offset(reader);
    if (len > until_end)
        len = (size_t)until_end;
    if (!reader->has_ended && len > WINDOW_BYTES - reader->at)
        forget_taken(reader);
    while (!reader->has_ended && reader->window.len - reader->at < len) {
        size_t room = WINDOW_BYTES - reader->window.len, got = 0;
        const uint64_t there = reader->base + reader->window.len;
        // What is behind the sections is not even asked for.
        if (room > reader->end - there)
            room = (size_t)(reader->end - there);
        TRY(reader->read(reader->context, reader->room + reader->window.len,
                         room, &got, err));
        reader->window.len += got;
        reader->has_ended = got == 0;
    }
    *out = bytes_from(reader->window, reader->at);
    if (out->len > len)
        out->len = len;
    return STATUS_OK;
}

static void take(struct car_reader *reader, size_t len)
{
    reader->at += len;
}

static Status skip(struct car_reader *reader, uint64_t len, struct error *err)
{
    while (len > 0) {
        Bytes ahead;
        const size_t step = len < SECTION_MAX ? (size_t)len : SECTION_MAX;
        TRY(look(reader, step, &ahead, err));
        if (ahead.len == 0)
            break;
        take(reader, ahead.len);
        len -= ahead.len;
    }
    return STATUS_OK;
}

/* --- Lengths ------------------------------------------------------------- */

/* Where it ends instead of going on: at the end of the file, or of the v1
 * inside of a v2. */
static Status cut_off(const struct car_reader *reader, const char *what,
                      uint64_t offset, uint64_t ends_at, struct error *err)
{
    if (ends_at >= reader->end)
        return fail_at(err, STATUS_INVALID, (size_t)offset,
                       "%s at byte %llu does not end where the CAR's data "
                       "does, at byte %llu",
                       what, (unsigned long long)offset,
                       (unsigned long long)ends_at);
    return fail_at(err, STATUS_INVALID, (size_t)offset,
                   "%s at byte %llu is cut off: the file ends at byte %llu",
                   what, (unsigned long long)offset,
                   (unsigned long long)ends_at);
}

/* Takes a length. `*len` 0 with `at_end`: the input ends here, and may. */
static Status take_length(struct car_reader *reader, const char *what,
                          uint64_t *out, bool *at_end, struct error *err)
{
    const uint64_t offset = car_reader_offset(reader);
    Bytes ahead;
    TRY(look(reader, VARINT_MAX, &ahead, err));
    *at_end = ahead.len == 0;
    if (*at_end)
        return STATUS_OK;
    ASSERT(ahead.data);
    const size_t len = varint_read(ahead, out);
    if (len > 0) {
        take(reader, len);
        return STATUS_OK;
    }
    // Cut off, if every byte there says that another follows.
    bool goes_on = ahead.len < VARINT_MAX;
    for (size_t index = 0; index < ahead.len; index++)
        goes_on = goes_on && ahead.data[index] & 0x80;
    if (goes_on)
        return cut_off(reader, what, offset, offset + ahead.len, err);
    return fail_at(err, STATUS_INVALID, (size_t)offset,
                   "the length of %s at byte %llu is not a minimal varint",
                   what, (unsigned long long)offset);
}

/* --- Header -------------------------------------------------------------- */

static Status not_a_header(struct error *err, uint64_t offset)
{
    return fail_at(err, STATUS_INVALID, (size_t)offset,
                   "not a CAR file: its header must be a map of 'roots', a "
                   "list of links, and 'version', which is 1");
}

static Status read_roots(struct car_reader *reader, const Value *roots,
                         uint64_t offset, struct car_header *out,
                         struct error *err)
{
    Cid *cids = arena_array(&reader->arena, roots->list.count, sizeof *cids);
    for (size_t index = 0; index < roots->list.count; index++) {
        const Value *root = &roots->list.items[index];
        if (root->kind != VALUE_LINK)
            return not_a_header(err, offset);
        Status status = cid_from_bytes(root->link, &cids[index], err);
        if (status != STATUS_OK && err)
            err->offset = (size_t)offset;
        if (status != STATUS_OK)
            return fail_in(err, status, "root %zu of the CAR", index);
    }
    out->roots = cids;
    out->root_count = roots->list.count;
    return STATUS_OK;
}

static Status read_header_map(struct car_reader *reader, Bytes bytes,
                              uint64_t offset, struct car_header *out,
                              struct error *err)
{
    Value value;
    uint64_t number;
    Status status = dag_cbor_decode(bytes, &reader->arena, &value, err);
    if (status != STATUS_OK) {
        if (err && err->offset != ERROR_NO_OFFSET)
            err->offset += (size_t)offset;
        return fail_in(err, status, "not a CAR file: its header");
    }
    const Value *version = value_get(&value, TEXT("version"));
    const Value *roots = value_get(&value, TEXT("roots"));
    if (version && value_to_uint64(version, &number) && number != 1)
        return fail_at(err, STATUS_UNSUPPORTED, (size_t)offset,
                       "the CAR has version %llu; 1 and 2 are read",
                       (unsigned long long)number);
    if (!version || version->kind != VALUE_INT || version->negative ||
        !roots || roots->kind != VALUE_LIST || value.map.count != 2)
        return not_a_header(err, offset);
    return read_roots(reader, roots, offset, out, err);
}

static Status read_v1_header(struct car_reader *reader, struct car_header *out,
                             struct error *err)
{
    const uint64_t offset = car_reader_offset(reader);
    uint64_t len = 0;
    bool at_end;
    Bytes bytes;
    TRY(take_length(reader, "the header", &len, &at_end, err));
    if (at_end)
        return cut_off(reader, "the header", offset, offset, err);
    if (len > CAR_HEADER_MAX)
        return fail_at(err, STATUS_LIMIT, (size_t)offset,
                       "not a CAR file, or one with a header of %llu bytes: "
                       "at most %d are read",
                       (unsigned long long)len, CAR_HEADER_MAX);
    TRY(look(reader, (size_t)len, &bytes, err));
    if (bytes.len < len)
        return cut_off(reader, "the header", offset,
                       car_reader_offset(reader) + bytes.len, err);
    TRY(read_header_map(reader, bytes, car_reader_offset(reader), out, err));
    take(reader, (size_t)len);
    return STATUS_OK;
}

static uint64_t read_u64(const uint8_t *at)
{
    uint64_t number = 0;
    for (unsigned index = 0; index < 8; index++)
        number |= (uint64_t)at[index] << 8 * index;
    return number;
}

/* characteristics (16) | data offset (8) | data size (8) | index offset (8),
 * little-endian. The characteristics say nothing of where blocks are. */
static Status read_v2_header(struct car_reader *reader, struct car_header *out,
                             struct error *err)
{
    const size_t first = sizeof pragma + V2_HEADER_LEN;
    Bytes bytes;
    take(reader, sizeof pragma);
    TRY(look(reader, V2_HEADER_LEN, &bytes, err));
    if (bytes.len < V2_HEADER_LEN)
        return cut_off(reader, "the CARv2 header", sizeof pragma,
                       sizeof pragma + bytes.len, err);
    const uint64_t start = read_u64(bytes.data + 16);
    const uint64_t size = read_u64(bytes.data + 24);
    const uint64_t index = read_u64(bytes.data + 32);
    if (start == 0 && size == 0)
        return fail_at(err, STATUS_INVALID, sizeof pragma,
                       "the CARv2 was never finished: its header is empty");
    if (start < first || start > INT64_MAX || size > INT64_MAX - start ||
        size == 0)
        return fail_at(err, STATUS_INVALID, sizeof pragma,
                       "the CARv2 header says its data is %llu bytes at byte "
                       "%llu, which cannot be",
                       (unsigned long long)size, (unsigned long long)start);
    if (index != 0 && index < start + size)
        return fail_at(err, STATUS_INVALID, sizeof pragma,
                       "the CARv2 header says its index is at byte %llu, "
                       "within its data",
                       (unsigned long long)index);
    take(reader, V2_HEADER_LEN);
    TRY(skip(reader, start - first, err));
    if (car_reader_offset(reader) < start)
        return cut_off(reader, "the CARv2", 0, car_reader_offset(reader), err);
    reader->end = start + size;
    *out =
        (struct car_header){.version = 2, .start = start, .end = reader->end};
    return STATUS_OK;
}

Status car_read_header(struct car_reader *reader, struct car_header *out,
                       struct error *err)
{
    Bytes ahead;
    *out = (struct car_header){.version = 1, .end = CAR_NO_END};
    TRY(look(reader, sizeof pragma, &ahead, err));
    if (bytes_equal(ahead, bytes_of(pragma, sizeof pragma)))
        TRY(read_v2_header(reader, out, err));
    return read_v1_header(reader, out, err);
}

/* --- Sections ------------------------------------------------------------ */

/* The length of the CID that `bytes` begin with; 0: it is none. It may be
 * longer than `bytes`. */
static uint64_t cid_length(Bytes bytes)
{
    uint64_t number, digest_len;
    size_t len = 0;
    if (bytes.len >= 2 && bytes.data[0] == HASH_SHA2_256 &&
        bytes.data[1] == SHA256_LEN)
        return 2 + SHA256_LEN;
    for (unsigned field = 0; field < 3; field++) { // version, codec, hash
        const size_t step = varint_read(bytes_from(bytes, len), &number);
        if (step == 0 || (field == 0 && number != 1))
            return 0;
        len += step;
    }
    const size_t step = varint_read(bytes_from(bytes, len), &digest_len);
    return step == 0 ? 0 : len + step + digest_len;
}

/* The CID at the start of a section of `section_len` bytes. */
static Status read_cid(Bytes ahead, uint64_t section_len, uint64_t offset,
                       Cid *out, struct error *err)
{
    const uint64_t len = cid_length(ahead);
    if (len == 0 || len > section_len)
        return fail_at(err, STATUS_INVALID, (size_t)offset,
                       "the section at byte %llu does not begin with a CID",
                       (unsigned long long)offset);
    if (len > CID_BYTES_MAX)
        return fail_at(err, STATUS_LIMIT, (size_t)offset,
                       "the section at byte %llu has a CID of %llu bytes, at "
                       "most %d are taken",
                       (unsigned long long)offset, (unsigned long long)len,
                       CID_BYTES_MAX);
    Status status =
        cid_from_bytes(bytes_of(ahead.data, (size_t)len), out, err);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (err)
        err->offset = (size_t)offset;
    return fail_in(err, status, "the section at byte %llu",
                   (unsigned long long)offset);
}

/* Takes the section's length and its CID; `*len` is what is left of it. */
static Status take_cid(struct car_reader *reader, struct car_block *out,
                       uint64_t *len, struct error *err)
{
    Bytes ahead;
    bool at_end;
    out->section = car_reader_offset(reader);
    TRY(take_length(reader, "the section", len, &at_end, err));
    if (at_end && reader->end != CAR_NO_END && out->section != reader->end)
        return fail_at(err, STATUS_INVALID, (size_t)out->section,
                       "the CARv2 is cut off: the file ends at byte %llu, its "
                       "data at byte %llu",
                       (unsigned long long)out->section,
                       (unsigned long long)reader->end);
    if (at_end)
        return STATUS_NOT_FOUND;
    if (*len == 0)
        return fail_at(err, STATUS_INVALID, (size_t)out->section,
                       "the section at byte %llu is empty: CAR has no padding",
                       (unsigned long long)out->section);
    const size_t wanted = *len < CID_BYTES_MAX ? (size_t)*len : CID_BYTES_MAX;
    TRY(look(reader, wanted, &ahead, err));
    // A CID that is cut off with its section is not a bad one.
    const uint64_t cid_len = cid_length(ahead);
    if (ahead.len < wanted && (cid_len == 0 || cid_len > ahead.len))
        return cut_off(reader, "the section", out->section,
                       car_reader_offset(reader) + ahead.len, err);
    TRY(read_cid(ahead, *len, out->section, &out->cid, err));
    take(reader, out->cid.len);
    *len -= out->cid.len;
    return STATUS_OK;
}

Status car_read_block(struct car_reader *reader, struct car_block *out,
                      struct error *err)
{
    char name[CID_TEXT_MAX], what[CID_TEXT_MAX + 16];
    uint64_t len = 0;
    TRY(take_cid(reader, out, &len, err));
    out->offset = car_reader_offset(reader);
    if (len > CAR_BLOCK_MAX) {
        cid_to_text(&out->cid, name);
        return fail_at(err, STATUS_LIMIT, (size_t)out->section,
                       "block %.64s at byte %llu has %llu bytes, more than "
                       "the %d we take",
                       name, (unsigned long long)out->section,
                       (unsigned long long)len, CAR_BLOCK_MAX);
    }
    TRY(look(reader, (size_t)len, &out->bytes, err));
    if (out->bytes.len < len) {
        cid_to_text(&out->cid, name);
        snprintf(what, sizeof what, "block %.64s", name);
        return cut_off(reader, what, out->section,
                       out->offset + out->bytes.len, err);
    }
    take(reader, (size_t)len);
    return STATUS_OK;
}
