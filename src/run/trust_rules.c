/* SPDX-License-Identifier: Apache-2.0 */
#include "run/trust_rules.h"

#include <stdlib.h>

#include "task/node.h"
#include "ucan/token.h"

struct reader {
    struct arena *arena;
    struct error *err;
    struct trust_rules *out;
};

/* --- Words --------------------------------------------------------------- */

/* Control characters would lie to whoever reads them on a terminal. */
static bool is_printable(Text text)
{
    for (size_t index = 0; index < text.len; index++)
        if ((unsigned char)text.data[index] < 0x20 || text.data[index] == 0x7f)
            return false;
    return true;
}

static Status read_word(struct reader *reader, const struct node *node,
                        const char *what, Text *out)
{
    if (node->kind != NODE_SCALAR)
        return node_fail(node, reader->err, "expected %s, found %s", what,
                         node_kind_name(node));
    if (node->tag.len > 0)
        return node_fail(node, reader->err, "a tag has no meaning here");
    if (node->text.len == 0)
        return node_fail(node, reader->err, "expected %s", what);
    *out = node->text;
    return STATUS_OK;
}

static Status read_did(struct reader *reader, const struct node *node,
                       void *out)
{
    Text word = {NULL, 0};
    TRY(read_word(reader, node, "a DID", &word));
    Status status = did_read(word, out, NULL, reader->err);
    return status == STATUS_OK ? status
                               : node_fail_in(node, status, reader->err);
}

static Status read_command(struct reader *reader, const struct node *node,
                           void *out)
{
    Text word = {NULL, 0};
    TRY(read_word(reader, node, "a command", &word));
    Status status = command_check(word, reader->err);
    if (status != STATUS_OK)
        return node_fail_in(node, status, reader->err);
    *(Text *)out = word;
    return STATUS_OK;
}

static Status read_module(struct reader *reader, const struct node *node,
                          void *out)
{
    Text word = {NULL, 0};
    TRY(read_word(reader, node, "the CID of a module", &word));
    Status status = cid_from_text(word, out, reader->err);
    return status == STATUS_OK ? status
                               : node_fail_in(node, status, reader->err);
}

static Status read_function(struct reader *reader, const struct node *node,
                            void *out)
{
    Text word = {NULL, 0};
    TRY(read_word(reader, node, "the name of a function", &word));
    if (!is_printable(word))
        return node_fail(node, reader->err,
                         "a function's name has no control characters");
    *(Text *)out = word;
    return STATUS_OK;
}

/* --- Lists --------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    return bytes_compare(text_bytes(*(const Text *)a),
                         text_bytes(*(const Text *)b));
}

static int compare_cids(const void *a, const void *b)
{
    return bytes_compare(cid_bytes(a), cid_bytes(b));
}

static int compare_dids(const void *a, const void *b)
{
    return strcmp(((const Did *)a)->text, ((const Did *)b)->text);
}

struct list_kind {
    size_t size;
    Status (*read)(struct reader *reader, const struct node *node, void *out);
    int (*compare)(const void *a, const void *b);
};

static const struct list_kind of_dids = {sizeof(Did), read_did, compare_dids};
static const struct list_kind of_commands = {sizeof(Text), read_command,
                                             compare_texts};
static const struct list_kind of_modules = {sizeof(Cid), read_module,
                                            compare_cids};
static const struct list_kind of_functions = {sizeof(Text), read_function,
                                              compare_texts};

/* One, or a list of them; sorted, each once. */
static Status read_list(struct reader *reader, const struct node *node,
                        const struct list_kind *kind, void *items,
                        size_t *count)
{
    const struct node *first = node;
    *count = 1;
    if (node->kind == NODE_LIST) {
        first = node->first;
        *count = node->count;
    }
    if (*count == 0)
        return node_fail(node, reader->err,
                         "an empty list; leave the key out, or name one");
    if (*count > TRUST_LIST_MAX)
        return node_fail(node, reader->err, "more than %d in a list",
                         TRUST_LIST_MAX);
    uint8_t *array = arena_array(reader->arena, *count, kind->size);
    for (size_t index = 0; index < *count; index++, first = first->next) {
        TRY(kind->read(reader, first, array + index * kind->size));
        // At most a thousand: what is there twice is told where it is.
        for (size_t before = 0; before < index; before++)
            if (kind->compare(array + before * kind->size,
                              array + index * kind->size) == 0)
                return node_fail(first, reader->err,
                                 "%.100s is named twice here",
                                 first->text.data);
    }
    qsort(array, *count, kind->size, kind->compare);
    memcpy(items, &array, sizeof array);
    return STATUS_OK;
}

/* --- A rule -------------------------------------------------------------- */

static Status read_whom(struct reader *reader, const struct node *node,
                        struct trust_rule *rule)
{
    if (node->kind == NODE_SCALAR && text_equal(node->text, TEXT("any"))) {
        if (!rule->denies)
            return node_fail(node, reader->err,
                             "nobody is believed unless named: accept takes "
                             "DIDs, and `any` is for deny");
        rule->is_any = true;
        return STATUS_OK;
    }
    return read_list(reader, node, &of_dids, &rule->dids, &rule->did_count);
}

/* Decimal, 1 to TRUST_LIST_MAX. */
static Status read_at_least(struct reader *reader, const struct node *node,
                            struct trust_rule *rule)
{
    Text word = {NULL, 0};
    uint32_t number = 0;
    TRY(read_word(reader, node, "a number", &word));
    for (size_t index = 0; index < word.len; index++) {
        if (word.data[index] < '0' || word.data[index] > '9' || index > 3 ||
            word.data[0] == '0')
            return node_fail(node, reader->err,
                             "at-least is a number from 1 to %d",
                             TRUST_LIST_MAX);
        number = number * 10 + (uint32_t)(word.data[index] - '0');
    }
    rule->at_least = number;
    return STATUS_OK;
}

static Status read_name(struct reader *reader, const struct node *node,
                        struct trust_rule *rule)
{
    TRY(read_word(reader, node, "a name", &rule->name));
    if (rule->name.len > TRUST_NAME_MAX || !is_printable(rule->name))
        return node_fail(node, reader->err,
                         "a name has at most %d bytes and no control "
                         "characters",
                         TRUST_NAME_MAX);
    for (size_t other = 0; other < reader->out->count; other++)
        if (text_equal(reader->out->rules[other].name, rule->name))
            return node_fail(node, reader->err,
                             "rule %zu has the name %.*s, too", other + 1,
                             TEXT_ARG(rule->name));
    return STATUS_OK;
}

static Status unknown_key(struct reader *reader, const struct node *key,
                          const Text *known, size_t count)
{
    Text near = text_nearest(key->text, known, count);
    if (near.data)
        return node_fail(key, reader->err,
                         "unknown key %.40s; did you mean %.*s?",
                         key->text.data, TEXT_ARG(near));
    return node_fail(key, reader->err, "unknown key %.40s", key->text.data);
}

static Status read_member(struct reader *reader, const struct node *key,
                          struct trust_rule *rule)
{
    static const Text known[] = {TEXT_INIT("name"),     TEXT_INIT("accept"),
                                 TEXT_INIT("deny"),     TEXT_INIT("at-least"),
                                 TEXT_INIT("commands"), TEXT_INIT("modules"),
                                 TEXT_INIT("functions")};
    const struct node *value = key->next;
    if (text_equal(key->text, TEXT("name")))
        return read_name(reader, value, rule);
    if (text_equal(key->text, TEXT("accept")) ||
        text_equal(key->text, TEXT("deny")))
        return read_whom(reader, value, rule);
    if (text_equal(key->text, TEXT("at-least")))
        return read_at_least(reader, value, rule);
    if (text_equal(key->text, TEXT("commands")))
        return read_list(reader, value, &of_commands, &rule->commands,
                         &rule->command_count);
    if (text_equal(key->text, TEXT("modules")))
        return read_list(reader, value, &of_modules, &rule->modules,
                         &rule->module_count);
    if (text_equal(key->text, TEXT("functions")))
        return read_list(reader, value, &of_functions, &rule->functions,
                         &rule->function_count);
    return unknown_key(reader, key, known, sizeof known / sizeof *known);
}

static Status read_rule(struct reader *reader, const struct node *node,
                        struct trust_rule *rule)
{
    if (node->kind != NODE_MAP)
        return node_fail(node, reader->err, "expected a rule, found %s",
                         node_kind_name(node));
    const bool accepts = node_get(node, TEXT("accept")) != NULL;
    rule->denies = node_get(node, TEXT("deny")) != NULL;
    rule->line = node->line;
    rule->column = node->column;
    if (accepts == rule->denies)
        return node_fail(node, reader->err,
                         "a rule has one of accept and deny");
    for (const struct node *at = node->first; at; at = at->next->next)
        TRY(read_member(reader, at, rule));
    const struct node *at_least = node_get(node, TEXT("at-least"));
    if (!at_least) {
        rule->at_least = 1;
        return STATUS_OK;
    }
    if (rule->denies)
        return node_fail(at_least, reader->err,
                         "at-least is for accept: a deny rule counts nobody");
    if (rule->at_least > rule->did_count)
        return node_fail(at_least, reader->err,
                         "at least %u of %zu can never be", rule->at_least,
                         rule->did_count);
    return STATUS_OK;
}

/* --- The file ------------------------------------------------------------ */

static Status read_rules(struct reader *reader, const struct node *node)
{
    // Nothing behind the colon: a file whose rules were all removed.
    if (node->kind == NODE_SCALAR && node->plain && node->text.len == 0)
        return STATUS_OK;
    if (node->kind != NODE_LIST)
        return node_fail(node, reader->err,
                         "expected a list of rules, found "
                         "%s",
                         node_kind_name(node));
    if (node->count > TRUST_RULES_MAX)
        return node_fail(node, reader->err, "more than %d rules",
                         TRUST_RULES_MAX);
    struct trust_rule *rules =
        arena_array(reader->arena, node->count, sizeof *rules);
    reader->out->rules = rules;
    for (const struct node *at = node->first; at; at = at->next) {
        TRY(read_rule(reader, at, &rules[reader->out->count]));
        reader->out->count++;
    }
    return STATUS_OK;
}

static Status read_file(struct reader *reader, const struct node *root)
{
    static const Text known[] = {TEXT_INIT("version"), TEXT_INIT("rules")};
    if (root->kind != NODE_MAP)
        return node_fail(root, reader->err,
                         "expected a map with version and rules, found %s",
                         node_kind_name(root));
    const struct node *version = node_get(root, TEXT("version"));
    if (!version)
        return node_fail(root, reader->err, "version is missing: version: 1");
    if (version->kind != NODE_SCALAR || !text_equal(version->text, TEXT("1")))
        return node_fail(version, reader->err,
                         "this is not version 1, the one known here");
    for (const struct node *at = root->first; at; at = at->next->next)
        if (!text_equal(at->text, known[0]) && !text_equal(at->text, known[1]))
            return unknown_key(reader, at, known, 2);
    const struct node *rules = node_get(root, TEXT("rules"));
    return rules ? read_rules(reader, rules) : STATUS_OK;
}

Status trust_rules_read(Bytes bytes, struct arena *arena,
                        struct trust_rules *out, struct error *err)
{
    struct node *root;
    struct reader reader = {.arena = arena, .err = err, .out = out};
    *out = (struct trust_rules){0};
    if (bytes.len > TRUST_FILE_MAX)
        return fail(err, STATUS_LIMIT, "1:1: more than %d bytes of rules",
                    TRUST_FILE_MAX);
    TRY(node_read(bytes, arena, &root, err));
    return read_file(&reader, root);
}
