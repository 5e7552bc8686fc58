/* SPDX-License-Identifier: Apache-2.0 */
/* container.c - one table of forms; a form is undone from the outside: base64,
 * gzip, CBOR. Text goes through the multibase codec, whose letter takes the
 * place of the header byte. */
#include "ucan/container.h"

#include <stdlib.h>

#include "ipld/dag_cbor.h"
#include "ipld/multibase.h"
#include "ucan/gzip.h"

enum {
    /* The longest container there may be in any form: gzip can make things
     * longer by a little, base64 by a third. */
    PACKED_MAX = CONTAINER_BYTES_MAX + (64 << 10),
    TEXT_MAX = PACKED_MAX / 3 * 4 + 8,
    /* Room for a list that is too long by some, so that it can be told. */
    ITEMS_MAX = 2 * CONTAINER_TOKENS_MAX,
};

static const struct form {
    ContainerForm form;
    char multibase; /* 0: bytes */
    bool is_packed;
} forms[] = {
    {CONTAINER_RAW, 0, false},          {CONTAINER_BASE64, 'M', false},
    {CONTAINER_BASE64URL, 'u', false},  {CONTAINER_GZIP, 0, true},
    {CONTAINER_GZIP_BASE64, 'M', true}, {CONTAINER_GZIP_BASE64URL, 'u', true},
};

static const struct form *find_form(uint8_t header)
{
    for (size_t index = 0; index < sizeof forms / sizeof *forms; index++)
        if ((uint8_t)forms[index].form == header)
            return &forms[index];
    return NULL;
}

/* --- Reading ------------------------------------------------------------- */

static Status decode_text(char multibase, Bytes bytes, struct arena *arena,
                          Bytes *out, struct error *err)
{
    struct error inner = {0};
    char *text = arena_alloc(arena, bytes.len);
    uint8_t *data = arena_alloc(arena, bytes.len);
    size_t len;
    memcpy(text, bytes.data, bytes.len);
    text[0] = multibase;
    if (multibase_decode((Text){text, bytes.len}, data, &len, &inner) !=
        STATUS_OK)
        return fail_at(err, STATUS_INVALID, inner.offset, "container: %.150s",
                       inner.message);
    *out = bytes_of(data, len);
    return STATUS_OK;
}

static Status unpack(Bytes bytes, struct arena *arena, Bytes *out,
                     struct error *err)
{
    struct buffer plain;
    struct error inner = {0};
    buffer_init(&plain, CONTAINER_BYTES_MAX);
    Status status = gzip_unpack(bytes, &plain, &inner);
    if (status == STATUS_OK)
        *out = arena_copy_bytes(arena, buffer_bytes(&plain));
    else
        status = fail(err, status, "container: %.150s", inner.message);
    buffer_deinit(&plain);
    return status;
}

static Status read_list(const Value *list, struct arena *arena, Bytes **tokens,
                        size_t *count, struct error *err)
{
    const size_t len = list->list.count;
    if (len > CONTAINER_TOKENS_MAX)
        return fail(err, STATUS_LIMIT,
                    "container: %zu tokens are more than %d", len,
                    CONTAINER_TOKENS_MAX);
    Bytes *out = arena_array(arena, len, sizeof *out);
    for (size_t index = 0; index < len; index++) {
        if (list->list.items[index].kind != VALUE_BYTES)
            return fail(err, STATUS_INVALID,
                        "container: entry %zu is %s, not bytes", index,
                        value_kind_name(list->list.items[index].kind));
        out[index] = list->list.items[index].bytes;
        const int order =
            index ? bytes_compare(out[index - 1], out[index]) : -1;
        if (order >= 0)
            return fail(err, STATUS_INVALID, "container: token %zu %s", index,
                        order == 0 ? "is there twice" : "is out of order");
    }
    *tokens = out;
    *count = len;
    return STATUS_OK;
}

static Status read_cbor(Bytes bytes, struct arena *arena, Bytes **tokens,
                        size_t *count, struct error *err)
{
    struct error inner = {0};
    Value value;
    if (bytes.len > CONTAINER_BYTES_MAX)
        return fail(err, STATUS_LIMIT, "container: %zu bytes are more than %d",
                    bytes.len, CONTAINER_BYTES_MAX);
    const Status status =
        dag_cbor_decode_few(bytes, ITEMS_MAX, arena, &value, &inner);
    if (status != STATUS_OK)
        return fail(err, status, "container: %.120s, at byte %zu",
                    inner.message, inner.offset);
    const Value *list = value_get(&value, TEXT("ctn-v1"));
    if (!list || value.map.count != 1 || list->kind != VALUE_LIST)
        return fail(err, STATUS_INVALID,
                    "container: not a map of ctn-v1 to a list");
    return read_list(list, arena, tokens, count, err);
}

Status container_read(Bytes bytes, struct arena *arena, Bytes **tokens,
                      size_t *count, struct error *err)
{
    if (bytes.len == 0)
        return fail(err, STATUS_INVALID, "container: it is empty");
    if (bytes.len > TEXT_MAX)
        return fail(err, STATUS_LIMIT, "container: %zu bytes are more than %d",
                    bytes.len, TEXT_MAX);
    const struct form *form = find_form(bytes.data[0]);
    if (!form)
        return fail_at(err, STATUS_INVALID, 0,
                       "container: it begins with none of @ B C M O P");
    Bytes inner = bytes_from(bytes, 1);
    if (form->multibase)
        TRY(decode_text(form->multibase, bytes, arena, &inner, err));
    if (form->is_packed)
        TRY(unpack(inner, arena, &inner, err));
    else if (!form->multibase)
        inner = arena_copy_bytes(arena, inner);
    return read_cbor(inner, arena, tokens, count, err);
}

/* --- Writing ------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    return bytes_compare(*(const Bytes *)a, *(const Bytes *)b);
}

static void write_cbor(const Bytes *tokens, size_t count, struct buffer *out)
{
    Bytes *sorted = heap_array(count ? count : 1, sizeof *sorted);
    size_t kept = 0;
    for (size_t index = 0; index < count; index++)
        sorted[index] = tokens[index];
    qsort(sorted, count, sizeof *sorted, compare);
    for (size_t index = 0; index < count; index++)
        if (kept == 0 || !bytes_equal(sorted[kept - 1], sorted[index]))
            sorted[kept++] = sorted[index];
    cbor_add_map(out, 1);
    cbor_add_text(out, TEXT("ctn-v1"));
    cbor_add_list(out, kept);
    for (size_t index = 0; index < kept; index++)
        cbor_add_bytes(out, sorted[index]);
    free(sorted);
}

static void write_form(const struct form *form, Bytes bytes,
                       struct buffer *out)
{
    const size_t start = out->len;
    if (form->multibase) {
        const size_t room = multibase_length_max(form->multibase, bytes.len);
        uint8_t *text = buffer_reserve(out, room);
        if (!text)
            return;
        buffer_advance(out,
                       multibase_encode(form->multibase, bytes, (char *)text));
        out->data[start] = (uint8_t)form->form;
    } else {
        buffer_add_byte(out, (uint8_t)form->form);
        buffer_add_bytes(out, bytes);
    }
}

Status container_write(ContainerForm form, const Bytes *tokens, size_t count,
                       struct buffer *out, struct error *err)
{
    const struct form *found = find_form((uint8_t)form);
    struct buffer plain, packed;
    ASSERT(found);
    if (count > CONTAINER_TOKENS_MAX)
        return fail(err, STATUS_LIMIT,
                    "container: %zu tokens are more than %d", count,
                    CONTAINER_TOKENS_MAX);
    buffer_init(&plain, CONTAINER_BYTES_MAX);
    buffer_init(&packed, PACKED_MAX);
    write_cbor(tokens, count, &plain);
    Status status = buffer_status(&plain, "the container", err);
    if (status == STATUS_OK && found->is_packed)
        status = gzip_pack(buffer_bytes(&plain), &packed, err);
    if (status == STATUS_OK) {
        write_form(found, buffer_bytes(found->is_packed ? &packed : &plain),
                   out);
        status = buffer_status(out, "the container", err);
    }
    buffer_deinit(&plain);
    buffer_deinit(&packed);
    return status;
}
