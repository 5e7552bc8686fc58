/* SPDX-License-Identifier: Apache-2.0 */
/* dag_json_write.c - writes DAG-JSON, canonical or for people. */
#include <stdio.h>
#include <stdlib.h>

#include "ipld/dag_json.h"
#include "ipld/float_text.h"
#include "ipld/multibase.h"

struct writer {
    struct buffer *out;
    bool pretty;
    size_t indent;
    struct error *err;
};

/* --- Reserved maps ------------------------------------------------------ */

/* The value of `key` if no other key comes before it bytewise. */
static const Value *first_key_value(const Value *map, Text key)
{
    const Value *found = value_get(map, key);
    for (size_t index = 0; found && index < map->map.count; index++)
        if (bytes_compare(text_bytes(map->map.entries[index].key),
                          text_bytes(key)) < 0)
            return NULL;
    return found;
}

bool dag_json_is_reserved(const Value *value)
{
    const Value *inner = first_key_value(value, TEXT("/"));
    if (inner && inner->kind == VALUE_MAP)
        inner = first_key_value(inner, TEXT("bytes"));
    return inner && inner->kind == VALUE_TEXT;
}

/* --- Scalars ------------------------------------------------------------ */

static void write_escape(struct buffer *out, uint8_t byte)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *found = byte ? strchr(from, byte) : NULL;
    if (found) {
        char escape[2] = {'\\', to[found - from]};
        buffer_add(out, escape, sizeof escape);
    } else {
        buffer_format(out, "\\u%04x", byte);
    }
}

static void write_text(struct buffer *out, Text text)
{
    size_t plain = 0; // Where the part begins that is written as it is.
    buffer_add_byte(out, '"');
    for (size_t index = 0; index < text.len; index++) {
        uint8_t byte = (uint8_t)text.data[index];
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        buffer_add(out, text.data + plain, index - plain);
        write_escape(out, byte);
        plain = index + 1;
    }
    buffer_add(out, text.data + plain, text.len - plain);
    buffer_add_byte(out, '"');
}

static void write_int(struct buffer *out, const Value *value)
{
    if (!value->negative)
        buffer_format(out, "%llu", (unsigned long long)value->magnitude);
    else if (value->magnitude == UINT64_MAX)
        buffer_add_text(out, TEXT("-18446744073709551616"));
    else
        buffer_format(out, "-%llu", (unsigned long long)value->magnitude + 1);
}

static void write_float(struct buffer *out, double number)
{
    char text[FLOAT_TEXT_MAX];
    buffer_add(out, text, float_to_text(number, text));
}

/* `{"/":` or, for people, `{"/": `. */
static void write_slash(struct writer *writer)
{
    buffer_add_text(writer->out,
                    writer->pretty ? TEXT("{\"/\": ") : TEXT("{\"/\":"));
}

static void write_bytes(struct writer *writer, Bytes bytes)
{
    write_slash(writer);
    buffer_add_text(writer->out, writer->pretty ? TEXT("{\"bytes\": \"")
                                                : TEXT("{\"bytes\":\""));
    size_t len = base64_length(bytes.len);
    uint8_t *room = buffer_reserve(writer->out, len);
    if (room)
        buffer_advance(writer->out, base64_encode(bytes, (char *)room));
    buffer_add_text(writer->out, TEXT("\"}}"));
}

static void write_link(struct writer *writer, Bytes link)
{
    struct arena arena = {0};
    write_slash(writer);
    buffer_add_byte(writer->out, '"');
    buffer_add_text(writer->out, cid_bytes_to_text(link, &arena));
    buffer_add_text(writer->out, TEXT("\"}"));
    arena_deinit(&arena);
}

/* --- Lists and maps ----------------------------------------------------- */

static Status write_value(struct writer *writer, const Value *value);

static void write_newline(struct writer *writer)
{
    if (!writer->pretty)
        return;
    buffer_add_byte(writer->out, '\n');
    for (size_t index = 0; index < writer->indent; index++)
        buffer_add_text(writer->out, TEXT("  "));
}

static void write_between(struct writer *writer, size_t index)
{
    if (index > 0)
        buffer_add_byte(writer->out, ',');
    write_newline(writer);
}

static Status write_list(struct writer *writer, const Value *value)
{
    buffer_add_byte(writer->out, '[');
    writer->indent++;
    for (size_t index = 0; index < value->list.count; index++) {
        write_between(writer, index);
        TRY(write_value(writer, &value->list.items[index]));
    }
    writer->indent--;
    if (value->list.count > 0)
        write_newline(writer);
    buffer_add_byte(writer->out, ']');
    return STATUS_OK;
}

static int compare_bytewise(const void *a, const void *b)
{
    const struct value_entry *const *left = a, *const *right = b;
    return bytes_compare(text_bytes((*left)->key), text_bytes((*right)->key));
}

/* The entries of a map sorted bytewise; to be freed. */
static const struct value_entry **sorted_entries(const Value *value)
{
    size_t count = value->map.count;
    const struct value_entry **entries =
        heap_array(count, sizeof(const struct value_entry *));
    for (size_t index = 0; index < count; index++)
        entries[index] = &value->map.entries[index];
    if (count > 1)
        qsort(entries, count, sizeof *entries, compare_bytewise);
    return entries;
}

static Status write_entries(struct writer *writer,
                            const struct value_entry *const *entries,
                            size_t count)
{
    for (size_t index = 0; index < count; index++) {
        write_between(writer, index);
        write_text(writer->out, entries[index]->key);
        buffer_add_text(writer->out, writer->pretty ? TEXT(": ") : TEXT(":"));
        TRY(write_value(writer, &entries[index]->value));
    }
    return STATUS_OK;
}

static Status write_map(struct writer *writer, const Value *value)
{
    if (!writer->pretty && dag_json_is_reserved(value))
        return fail(writer->err, STATUS_INVALID,
                    "dag-json cannot say a map whose key \"/\" reads as a "
                    "link or bytes");
    buffer_add_byte(writer->out, '{');
    writer->indent++;
    const struct value_entry **entries = sorted_entries(value);
    Status status = write_entries(writer, entries, value->map.count);
    free(entries);
    TRY(status);
    writer->indent--;
    if (value->map.count > 0)
        write_newline(writer);
    buffer_add_byte(writer->out, '}');
    return STATUS_OK;
}

static Status write_value(struct writer *writer, const Value *value)
{
    struct buffer *out = writer->out;
    switch (value->kind) {
    case VALUE_BOOL:
        buffer_add_text(out, value->boolean ? TEXT("true") : TEXT("false"));
        break;
    case VALUE_INT:
        write_int(out, value);
        break;
    case VALUE_FLOAT:
        write_float(out, value->number);
        break;
    case VALUE_TEXT:
        write_text(out, value->text);
        break;
    case VALUE_BYTES:
        write_bytes(writer, value->bytes);
        break;
    case VALUE_LINK:
        write_link(writer, value->link);
        break;
    case VALUE_LIST:
        return write_list(writer, value);
    case VALUE_MAP:
        return write_map(writer, value);
    case VALUE_NULL:
    default:
        buffer_add_text(out, TEXT("null"));
        break;
    }
    return STATUS_OK;
}

Status dag_json_encode(const Value *value, struct buffer *out,
                       struct error *err)
{
    struct writer writer = {.out = out, .err = err};
    TRY(write_value(&writer, value));
    return buffer_status(out, "dag-json", err);
}

Status dag_json_print(const Value *value, struct buffer *out,
                      struct error *err)
{
    struct writer writer = {.out = out, .pretty = true, .err = err};
    TRY(write_value(&writer, value));
    return buffer_status(out, "dag-json", err);
}
