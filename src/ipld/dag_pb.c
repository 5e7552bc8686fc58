/* SPDX-License-Identifier: Apache-2.0 */
#include "ipld/dag_pb.h"

#include "ipld/protobuf.h"

enum {
    NODE_DATA = 1,
    NODE_LINKS = 2,
    LINK_HASH = 1,
    LINK_NAME = 2,
    LINK_TSIZE = 3,
};

static Status invalid(size_t offset, const char *what, struct error *err)
{
    return fail_at(err, STATUS_INVALID, offset, "dag-pb: %s", what);
}

/* --- Reading ------------------------------------------------------------ */

static Status read_link_field(const struct protobuf_field *field,
                              struct dag_pb_link *out, struct error *err)
{
    Status status = STATUS_OK;
    unsigned expected = field->number == LINK_TSIZE ? WIRE_VARINT : WIRE_BYTES;

    if (field->number > LINK_TSIZE || field->wire != expected)
        return invalid(field->offset, "unknown field in a link", err);
    switch (field->number) {
    case LINK_HASH:
        out->cid = field->bytes;
        status = cid_check_bytes(field->bytes, err);
        if (status == STATUS_OK)
            return STATUS_OK;
        if (err)
            err->offset = field->offset;
        return fail_in(err, status, "dag-pb: link");
    case LINK_NAME:
        out->has_name = true;
        out->name = bytes_text(field->bytes);
        if (!utf8_is_valid(out->name, NULL))
            return invalid(field->offset, "name of a link is not UTF-8", err);
        return STATUS_OK;
    default:
        out->has_tsize = true;
        out->tsize = field->varint;
        return STATUS_OK;
    }
}

static Status read_link(Bytes bytes, struct dag_pb_link *out,
                        struct error *err)
{
    struct protobuf_reader reader = {.bytes = bytes};
    struct protobuf_field field;
    uint64_t last = 0;
    bool done;

    *out = (struct dag_pb_link){.has_name = false};
    for (;;) {
        TRY(protobuf_next(&reader, &field, &done, err));
        if (done)
            break;
        if (field.number <= last)
            return invalid(field.offset,
                           "fields of a link out of order or twice", err);
        last = field.number;
        TRY(read_link_field(&field, out, err));
    }
    if (out->cid.len == 0)
        return invalid(0, "link without a CID", err);
    return STATUS_OK;
}

/* Checks the order of a node's fields and counts its links. */
static Status survey(Bytes bytes, struct dag_pb_node *out, struct error *err)
{
    struct protobuf_reader reader = {.bytes = bytes};
    struct protobuf_field field;
    uint64_t last = 0;
    bool done;

    *out = (struct dag_pb_node){.count = 0};
    for (;;) {
        TRY(protobuf_next(&reader, &field, &done, err));
        if (done)
            return STATUS_OK;
        if (field.number > NODE_LINKS || field.wire != WIRE_BYTES)
            return invalid(field.offset, "unknown field in a node", err);
        if (field.number == NODE_DATA && out->has_data)
            return invalid(field.offset, "data twice", err);
        if (field.number == NODE_LINKS && out->count && last == NODE_DATA)
            return invalid(field.offset, "data between links", err);
        last = field.number;
        if (field.number == NODE_LINKS) {
            out->count++;
        } else {
            out->has_data = true;
            out->data = field.bytes;
        }
    }
}

static Status read_links(Bytes bytes, struct dag_pb_link *links,
                         struct error *err)
{
    struct protobuf_reader reader = {.bytes = bytes};
    struct protobuf_field field;
    size_t count = 0;
    bool done;

    for (;;) {
        TRY(protobuf_next(&reader, &field, &done, err));
        if (done)
            return STATUS_OK;
        if (field.number != NODE_LINKS)
            continue;
        Status status = read_link(field.bytes, &links[count++], err);
        if (status != STATUS_OK && err && err->offset != ERROR_NO_OFFSET)
            err->offset += (size_t)(field.bytes.data - bytes.data);
        TRY(status);
    }
}

Status dag_pb_decode(Bytes bytes, struct arena *arena, struct dag_pb_node *out,
                     struct error *err)
{
    TRY(survey(bytes, out, err));
    struct dag_pb_link *links = arena_alloc(arena, out->count * sizeof *links);
    out->links = links;
    return read_links(bytes, links, err);
}

/* --- Writing ------------------------------------------------------------ */

static size_t link_length(const struct dag_pb_link *link)
{
    size_t len = protobuf_bytes_length(link->cid.len);
    if (link->has_name)
        len += protobuf_bytes_length(link->name.len);
    if (link->has_tsize)
        len += 1 + protobuf_varint_length(link->tsize);
    return len;
}

void dag_pb_encode(const struct dag_pb_node *node, struct buffer *out)
{
    for (size_t index = 0; index < node->count; index++) {
        const struct dag_pb_link *link = &node->links[index];
        protobuf_add_head(out, NODE_LINKS, link_length(link));
        protobuf_add_bytes(out, LINK_HASH, link->cid);
        if (link->has_name)
            protobuf_add_bytes(out, LINK_NAME, text_bytes(link->name));
        if (link->has_tsize)
            protobuf_add_varint(out, LINK_TSIZE, link->tsize);
    }
    if (node->has_data)
        protobuf_add_bytes(out, NODE_DATA, node->data);
}

/* --- The data model ----------------------------------------------------- */

static Value link_to_value(const struct dag_pb_link *link, struct arena *arena)
{
    struct value_entry entries[3];
    size_t count = 0;

    entries[count].key = TEXT("Hash");
    entries[count++].value = (Value){.kind = VALUE_LINK, .link = link->cid};
    if (link->has_name) {
        entries[count].key = TEXT("Name");
        entries[count++].value = value_text(link->name);
    }
    if (link->has_tsize) {
        entries[count].key = TEXT("Tsize");
        entries[count++].value = value_uint(link->tsize);
    }
    return value_map(arena, entries, count);
}

Value dag_pb_to_value(const struct dag_pb_node *node, struct arena *arena)
{
    struct value_entry entries[2];
    size_t count = 0;

    Value *links = arena_array(arena, node->count, sizeof *links);
    for (size_t index = 0; index < node->count; index++)
        links[index] = link_to_value(&node->links[index], arena);
    if (node->has_data) {
        entries[count].key = TEXT("Data");
        entries[count++].value = value_bytes(node->data);
    }
    entries[count].key = TEXT("Links");
    entries[count++].value = value_list(links, node->count);
    return value_map(arena, entries, count);
}

static Status bad_form(const char *what, struct error *err)
{
    return fail(err, STATUS_INVALID, "dag-pb cannot say this value: %s", what);
}

static Status link_from_value(const Value *value, struct dag_pb_link *out,
                              struct error *err)
{
    const Value *hash = value_get(value, TEXT("Hash"));
    const Value *name = value_get(value, TEXT("Name"));
    const Value *tsize = value_get(value, TEXT("Tsize"));

    if (value->kind != VALUE_MAP)
        return bad_form("a link is not a map", err);
    if (!hash || hash->kind != VALUE_LINK)
        return bad_form("a link has no Hash that is a link", err);
    if (name && name->kind != VALUE_TEXT)
        return bad_form("Name of a link is not text", err);
    *out = (struct dag_pb_link){.cid = hash->link,
                                .has_name = name != NULL,
                                .has_tsize = tsize != NULL};
    if (name)
        out->name = name->text;
    if (tsize && !value_to_uint64(tsize, &out->tsize))
        return bad_form("Tsize of a link is not a whole number", err);
    if (value->map.count != 1U + (name != NULL) + (tsize != NULL))
        return bad_form("a link has unknown fields", err);
    return STATUS_OK;
}

static Status links_from_value(const Value *value, struct dag_pb_link *links,
                               struct error *err)
{
    for (size_t index = 0; index < value->list.count; index++) {
        TRY(link_from_value(&value->list.items[index], &links[index], err));
        if (index > 0 && bytes_compare(text_bytes(links[index - 1].name),
                                       text_bytes(links[index].name)) > 0)
            return bad_form("links are not sorted by name", err);
    }
    return STATUS_OK;
}

Status dag_pb_from_value(const Value *value, struct arena *arena,
                         struct dag_pb_node *out, struct error *err)
{
    const Value *data = value_get(value, TEXT("Data"));
    const Value *links = value_get(value, TEXT("Links"));

    if (value->kind != VALUE_MAP)
        return bad_form("it is not a map", err);
    if (!links || links->kind != VALUE_LIST)
        return bad_form("Links is not a list", err);
    if (data && data->kind != VALUE_BYTES)
        return bad_form("Data is not bytes", err);
    if (value->map.count != 1U + (data != NULL))
        return bad_form("it has unknown fields", err);
    struct dag_pb_link *copy =
        arena_array(arena, links->list.count, sizeof *copy);
    *out = (struct dag_pb_node){
        .links = copy, .count = links->list.count, .has_data = data != NULL};
    if (data)
        out->data = data->bytes;
    return links_from_value(links, copy, err);
}
