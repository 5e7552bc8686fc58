/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_limits.c - limits, retry, and the keys that a map may have. */
#include "task/manifest_parts.h"
#include "task/number.h"
#include "task/workflow_parts.h"

Status manifest_keys(const struct node *map, const char *what,
                     const Text *words, size_t count, struct error *err)
{
    if (map->kind != NODE_MAP || map->tag.len > 0)
        return node_fail(map, err, "%s must be a map, got %s", what,
                         map->tag.len > 0 ? "a tag" : node_kind_name(map));
    for (const struct node *at = map->first; at; at = at->next->next) {
        bool known = false;
        for (size_t i = 0; i < count && !known; i++)
            known = text_equal(at->text, words[i]);
        if (known)
            continue;
        Text near = text_nearest(at->text, words, count);
        if (near.data)
            return node_fail(at, err,
                             "%s has no key '%.*s'; did you mean '%.*s'?",
                             what, LABEL_ARG(at->text), TEXT_ARG(near));
        return node_fail(at, err, "%s has no key '%.*s'", what,
                         LABEL_ARG(at->text));
    }
    return STATUS_OK;
}

typedef Status Parse(Text text, uint64_t *out, struct error *err);

static Status parse_count(Text text, uint64_t *out, struct error *err)
{
    Value value;

    if (number_from_word(text, &value, NULL) != STATUS_OK ||
        value.kind != VALUE_INT || value.negative ||
        value.magnitude > INT64_MAX)
        return fail(err, STATUS_INVALID,
                    "expected an integer from 0 to 2^63-1, got '%.*s'",
                    LABEL_ARG(text));
    *out = value.magnitude;
    return STATUS_OK;
}

static Status read_quantity(const struct node *map, Text key, Parse *parse,
                            uint64_t *out, struct error *err)
{
    const struct node *node = node_get(map, key);

    if (!node)
        return STATUS_OK;
    Text text = node->kind == NODE_SCALAR && node->tag.len == 0 ? node->text
                                                                : TEXT("");
    Status status = parse(text, out, err);
    return status == STATUS_OK ? status : node_fail_in(node, status, err);
}

Status manifest_limits(const struct node *node, struct limits *out,
                       struct error *err)
{
    static const Text words[] = {TEXT_INIT("fuel"), TEXT_INIT("memory"),
                                 TEXT_INIT("time")};

    TRY(manifest_keys(node, "'limits'", words, 3, err));
    TRY(read_quantity(node, words[0], parse_count, &out->fuel, err));
    TRY(read_quantity(node, words[1], size_parse, &out->memory, err));
    return read_quantity(node, words[2], duration_parse, &out->time_ms, err);
}

Status manifest_retry(const struct node *node, struct retry *out,
                      struct error *err)
{
    static const Text words[] = {TEXT_INIT("count"), TEXT_INIT("first_ms"),
                                 TEXT_INIT("max_ms")};
    uint64_t count = out->count;

    if (out->count == 0)
        *out = (struct retry){0, 1000, 60000};
    TRY(manifest_keys(node, "'retry'", words, 3, err));
    TRY(read_quantity(node, words[0], parse_count, &count, err));
    if (count > UINT32_MAX)
        return node_fail(node, err, "'count' is above 2^32-1");
    out->count = (uint32_t)count;
    TRY(read_quantity(node, words[1], duration_parse, &out->first_ms, err));
    return read_quantity(node, words[2], duration_parse, &out->max_ms, err);
}
