/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/facts.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buffer.h"
#include "cli/output.h"
#include "ipld/dag_json.h"

void fact(struct facts *facts, Text key, Value value)
{
    ASSERT(facts->count < FACTS_MAX);
    facts->entries[facts->count++] = (struct value_entry){key, value};
}

void fact_text(struct facts *facts, Text key, Text text)
{
    fact(facts, key, value_text(arena_copy_text(&facts->arena, text)));
}

void fact_format(struct facts *facts, Text key, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fact_text(facts, key, text_of(text));
}

void fact_cid(struct facts *facts, Text key, const Cid *cid)
{
    char text[CID_TEXT_MAX];
    cid_to_text(cid, text);
    fact_text(facts, key, text_of(text));
}

/* Values other than text as DAG-JSON. */
static void print_value(struct facts *facts, const Value *value)
{
    struct buffer json;
    if (value->kind == VALUE_TEXT) {
        Text safe = output_safe(value->text, &facts->arena);
        printf("%.*s\n", TEXT_ARG(safe));
        return;
    }
    buffer_init(&json, (size_t)64 << 20);
    if (dag_json_print(value, &json, NULL) != STATUS_OK)
        printf("(a value that DAG-JSON cannot say)\n");
    else
        printf("%.*s\n", (int)json.len, json.data);
    buffer_deinit(&json);
}

static void print_lines(struct facts *facts, const struct cli *cli)
{
    for (size_t index = 0; index < facts->count; index++) {
        const struct value_entry *entry = &facts->entries[index];
        bool is_list = entry->value.kind == VALUE_LIST;
        printf("%s%.*s:%s%s", style(cli->color, STYLE_BOLD),
               TEXT_ARG(entry->key), style(cli->color, STYLE_NONE),
               is_list ? "\n" : " ");
        for (size_t item = 0; is_list && item < entry->value.list.count;
             item++) {
            printf("  ");
            print_value(facts, &entry->value.list.items[item]);
        }
        if (!is_list)
            print_value(facts, &entry->value);
    }
}

/* "block bytes" is block_bytes to a program. */
static Text json_key(struct facts *facts, Text key)
{
    char *copy = arena_alloc(&facts->arena, key.len + 1);
    for (size_t index = 0; index < key.len; index++)
        copy[index] = key.data[index] == ' ' ? '_' : key.data[index];
    return (Text){copy, key.len};
}

void facts_print(struct facts *facts, const struct cli *cli)
{
    if (cli->json) {
        for (size_t index = 0; index < facts->count; index++)
            facts->entries[index].key =
                json_key(facts, facts->entries[index].key);
        Value whole = value_map(&facts->arena, facts->entries, facts->count);
        output_json(&whole);
    } else {
        print_lines(facts, cli);
    }
    arena_deinit(&facts->arena);
    *facts = (struct facts){0};
}
