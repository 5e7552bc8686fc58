/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_trust.c - `ipvm trust`: whose receipts count as results. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "lib/handle.h"
#include "run/trust.h"
#include "run/trust_file.h"
#include "ucan/token.h"

/* --- show ---------------------------------------------------------------- */

static Value texts_value(const Text *texts, size_t count, struct arena *arena)
{
    Value *items = arena_array(arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++)
        items[index] = value_text(texts[index]);
    return value_list(items, count);
}

static const Text *whom(const struct trust_rule *rule, struct arena *arena,
                        size_t *count)
{
    *count = rule->is_any ? 1 : rule->did_count;
    Text *texts = arena_array(arena, *count, sizeof *texts);
    if (rule->is_any)
        texts[0] = TEXT("any");
    for (size_t index = 0; index < rule->did_count; index++)
        texts[index] = text_of(rule->dids[index].text);
    return texts;
}

static const Text *modules_of(const struct trust_rule *rule,
                              struct arena *arena)
{
    Text *texts = arena_array(arena, rule->module_count, sizeof *texts);
    for (size_t index = 0; index < rule->module_count; index++)
        texts[index] =
            cid_bytes_to_text(cid_bytes(&rule->modules[index]), arena);
    return texts;
}

static Value rule_value(const struct trust_rule *rule, struct arena *arena)
{
    size_t count;
    const Text *dids = whom(rule, arena, &count);
    const struct value_entry entries[] = {
        {rule->denies ? TEXT("deny") : TEXT("accept"),
         texts_value(dids, count, arena)},
        {TEXT("at-least"),
         rule->denies ? value_null() : value_uint(rule->at_least)},
        {TEXT("commands"),
         texts_value(rule->commands, rule->command_count, arena)},
        {TEXT("functions"),
         texts_value(rule->functions, rule->function_count, arena)},
        {TEXT("line"), value_uint(rule->line)},
        {TEXT("modules"),
         texts_value(modules_of(rule, arena), rule->module_count, arena)},
        {TEXT("name"), rule->name.len ? value_text(rule->name) : value_null()},
    };
    return value_map(arena, entries, sizeof entries / sizeof *entries);
}

static void print_list(const char *what, const Text *texts, size_t count)
{
    for (size_t index = 0; index < count; index++)
        printf("%s%.*s%s", index == 0 ? what : "   ", TEXT_ARG(texts[index]),
               index + 1 == count ? "\n" : "\n   ");
}

static void print_rule(const struct trust_rule *rule, size_t index)
{
    struct arena arena = {0};
    size_t count;
    const Text *dids = whom(rule, &arena, &count);
    printf("%zu  ", index + 1);
    if (rule->name.len > 0)
        printf("%.*s: ", TEXT_ARG(rule->name));
    if (rule->denies)
        printf("deny%s\n", rule->is_any ? " anybody else" : "");
    else if (rule->at_least > 1 || rule->did_count > 1)
        printf("accept what %u of %zu agree on\n", rule->at_least,
               rule->did_count);
    else
        printf("accept\n");
    for (size_t at = 0; at < count && !rule->is_any; at++)
        printf("     %.*s\n", TEXT_ARG(dids[at]));
    print_list("   commands: ", rule->commands, rule->command_count);
    print_list("   modules: ", modules_of(rule, &arena), rule->module_count);
    print_list("   functions: ", rule->functions, rule->function_count);
    arena_deinit(&arena);
}

static void show_rules(const struct cli *cli, const struct trust_rules *rules)
{
    struct arena arena = {0};
    Value *items = arena_array(&arena, rules->count, sizeof *items);
    for (size_t index = 0; index < rules->count; index++)
        if (cli->json)
            items[index] = rule_value(&rules->rules[index], &arena);
        else
            print_rule(&rules->rules[index], index);
    const Value list = value_list(items, rules->count);
    if (cli->json)
        output_json(&list);
    else if (rules->count == 0 && !cli->quiet)
        printf(
            "nobody else is believed: only what was computed here counts\n");
    arena_deinit(&arena);
}

static int run_show(struct cli *cli)
{
    struct arena arena = {0};
    struct trust_rules rules;
    struct error err = {0};
    int code = open_to_read(cli);
    if (code != EXIT_OK)
        return code;
    const Status status =
        trust_file_read(store_directory(cli->vm->store), &arena, &rules, &err);
    if (status == STATUS_OK)
        show_rules(cli, &rules);
    else
        code = say_failed(cli, status, &err);
    arena_deinit(&arena);
    return code;
}

static const struct command trust_show_command = {
    .name = "trust show",
    .synopsis = "",
    .summary = "show the rules, with the numbers that `trust rm` takes",
    .description =
        "The rules are in the file trust.yaml in the store's folder, which\n"
        "may be edited.",
    .run = run_show,
};

/* --- add ----------------------------------------------------------------- */

enum {
    ADD_NAME,
    ADD_AT_LEAST,
    ADD_COMMAND,
    ADD_MODULE,
    ADD_FUNCTION,
    ADD_DENY
};

static const struct option add_options[] = {
    [ADD_NAME] = {0, "name", "NAME", "of the rule"},
    [ADD_AT_LEAST] = {0, "at-least", "K",
                      "only what K of those named agree on (default 1)"},
    [ADD_COMMAND] = {0, "command", "COMMAND",
                     "only for it and those below it; may be repeated"},
    [ADD_MODULE] = {0, "module", "CID",
                    "only for this module; may be repeated"},
    [ADD_FUNCTION] = {0, "function", "NAME",
                      "only for functions of this name; may be repeated"},
    [ADD_DENY] = {0, "deny", NULL,
                  "do not believe them, whatever other rules say; `any` is "
                  "everybody else"},
    {0, NULL, NULL, NULL},
};

static int compare_dids(const void *a, const void *b)
{
    return strcmp(((const Did *)a)->text, ((const Did *)b)->text);
}

static int compare_cids(const void *a, const void *b)
{
    return bytes_compare(cid_bytes(a), cid_bytes(b));
}

static int compare_texts(const void *a, const void *b)
{
    return bytes_compare(text_bytes(*(const Text *)a),
                         text_bytes(*(const Text *)b));
}

/* Sorted and each once, as the file is read. */
static size_t tidy(void *items, size_t count, size_t size,
                   int (*compare)(const void *a, const void *b))
{
    uint8_t *array = items;
    size_t kept = 0;
    qsort(items, count, size, compare);
    for (size_t index = 0; index < count; index++)
        if (kept == 0 ||
            compare(array + (kept - 1) * size, array + index * size) != 0)
            memmove(array + kept++ * size, array + index * size, size);
    return kept;
}

static int read_dids(struct cli *cli, struct arena *arena,
                     struct trust_rule *rule)
{
    const size_t count = (size_t)cli->word_count;
    struct error err = {0};
    if (count == 1 && strcmp(cli->words[0], "any") == 0) {
        rule->is_any = rule->denies;
        return rule->denies ? EXIT_OK
                            : cli_error(cli, EXIT_USAGE,
                                        "trust add: nobody is believed unless "
                                        "named: `any` is for --deny");
    }
    Did *dids = arena_array(arena, count, sizeof *dids);
    for (size_t index = 0; index < count; index++)
        if (did_read(text_of(cli->words[index]), &dids[index], NULL, &err) !=
            STATUS_OK)
            return cli_error(cli, EXIT_USAGE, "trust add: %s: %s",
                             cli->words[index], err.message);
    rule->dids = dids;
    rule->did_count = tidy(dids, count, sizeof *dids, compare_dids);
    return EXIT_OK;
}

static int read_at_least(struct cli *cli, struct trust_rule *rule)
{
    const char *word = cli_value(cli, ADD_AT_LEAST);
    char *end = NULL;
    rule->at_least = 1;
    if (!word)
        return EXIT_OK;
    const unsigned long number = strtoul(word, &end, 10);
    if (rule->denies || word[0] < '1' || word[0] > '9' || *end != '\0' ||
        number > rule->did_count)
        return cli_error(
            cli, EXIT_USAGE,
            rule->denies ? "trust add: --at-least is not for --deny: %s"
                         : "trust add: --at-least: %s is not a number from "
                           "1 to that of the DIDs",
            word);
    rule->at_least = (uint32_t)number;
    return EXIT_OK;
}

static size_t read_texts(const struct cli *cli, int option,
                         struct arena *arena, const Text **out)
{
    Text *texts = arena_array(arena, OPTION_REPEATS_MAX, sizeof *texts);
    const char *value;
    size_t count = 0;
    for (int at = 0; (value = cli_next_value(cli, option, &at));)
        texts[count++] = text_of(value);
    *out = texts;
    return tidy(texts, count, sizeof *texts, compare_texts);
}

static int read_scope(struct cli *cli, struct arena *arena,
                      struct trust_rule *rule)
{
    struct error err = {0};
    const Text *words;
    rule->command_count = read_texts(cli, ADD_COMMAND, arena, &rule->commands);
    for (size_t index = 0; index < rule->command_count; index++)
        if (command_check(rule->commands[index], &err) != STATUS_OK)
            return cli_error(cli, EXIT_USAGE, "trust add: --command: %s",
                             err.message);
    rule->function_count =
        read_texts(cli, ADD_FUNCTION, arena, &rule->functions);
    rule->module_count = read_texts(cli, ADD_MODULE, arena, &words);
    Cid *modules = arena_array(arena, rule->module_count, sizeof *modules);
    for (size_t index = 0; index < rule->module_count; index++)
        if (cid_from_text(words[index], &modules[index], &err) != STATUS_OK)
            return cli_error(cli, EXIT_USAGE,
                             "trust add: --module: %s; it takes the CID that "
                             "`ipvm add` or `ipvm inspect` prints",
                             err.message);
    rule->modules = modules;
    rule->module_count =
        tidy(modules, rule->module_count, sizeof *modules, compare_cids);
    return EXIT_OK;
}

static int add_rule(struct cli *cli, const struct trust_rule *rule)
{
    struct error err = {0};
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    const char *directory = store_directory(cli->vm->store);
    const Status status = trust_file_add(directory, rule, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    struct arena arena = {0};
    struct trust_rules rules;
    if (!cli->quiet &&
        trust_file_read(directory, &arena, &rules, &err) == STATUS_OK)
        show_rules(cli, &rules);
    arena_deinit(&arena);
    return EXIT_OK;
}

static int run_add(struct cli *cli)
{
    struct arena arena = {0};
    const char *name = cli_value(cli, ADD_NAME);
    struct trust_rule rule = {.denies = cli_flag(cli, ADD_DENY)};
    if (name)
        rule.name = text_of(name);
    int code = read_dids(cli, &arena, &rule);
    if (code == EXIT_OK)
        code = read_at_least(cli, &rule);
    if (code == EXIT_OK)
        code = read_scope(cli, &arena, &rule);
    if (code == EXIT_OK)
        code = add_rule(cli, &rule);
    arena_deinit(&arena);
    return code;
}

static const struct command trust_add_command = {
    .name = "trust add",
    .synopsis = "DID... [--at-least K] [--command COMMAND] [--module CID]",
    .summary = "believe the receipts of somebody, or never",
    .description =
        "Adds a rule: from now on receipts of the DIDs count as results,\n"
        "until the rule is removed. With --at-least, only where so many of\n"
        "them agree. If two of those that are believed contradict each other,\n"
        "neither is, and that is told. What --deny names does not count,\n"
        "whatever other rules say.",
    .options = add_options,
    .examples =
        "  ipvm trust add did:key:z6Mk... --name laptop\n"
        "  ipvm trust add DID1 DID2 DID3 --at-least 2 --module bafk...\n"
        "  ipvm trust add --deny did:key:z6Mk...\n",
    .run = run_add,
    .words_min = 1,
    .words_max = TRUST_LIST_MAX,
};

/* --- rm ------------------------------------------------------------------ */

struct removing {
    struct cli *cli;
    size_t shared; /* number of a rule that names others, too; or 0 */
    bool is_met[64];
};

/* By its number, its name, or the only DID it names. */
static bool is_named(struct removing *removing, const struct trust_rule *rule,
                     size_t index, const char *word)
{
    char number[24];
    const Did *dids = rule->dids;
    snprintf(number, sizeof number, "%zu", index + 1);
    if (strcmp(word, number) == 0 || text_equal(rule->name, text_of(word)) ||
        (rule->is_any && strcmp(word, "any") == 0))
        return true;
    for (size_t at = 0; at < rule->did_count; at++) {
        if (strcmp(dids[at].text, word) != 0)
            continue;
        if (rule->did_count == 1)
            return true;
        removing->shared = index + 1;
    }
    return false;
}

static bool is_out(void *context, const struct trust_rule *rule, size_t index)
{
    struct removing *removing = context;
    bool is = false;
    for (int word = 0; word < removing->cli->word_count; word++)
        if (is_named(removing, rule, index, removing->cli->words[word]))
            is = removing->is_met[word] = true;
    return is;
}

static int run_rm(struct cli *cli)
{
    struct removing removing = {.cli = cli};
    struct error err = {0};
    size_t removed;
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    const Status status = trust_file_remove(store_directory(cli->vm->store),
                                            is_out, &removing, &removed, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    if (!cli->quiet && !cli->json)
        printf("%zu rules removed\n", removed);
    if (removing.shared > 0)
        return cli_error(cli, EXIT_INPUT,
                         "rule %zu names others, too, and stays: remove it by "
                         "its number, or edit %s/trust.yaml",
                         removing.shared, store_directory(cli->vm->store));
    for (int word = 0; word < cli->word_count; word++)
        if (!removing.is_met[word])
            return cli_error(cli, EXIT_NOT_FOUND,
                             "no rule has the number, the name or the DID %s; "
                             "see `ipvm trust show`",
                             cli->words[word]);
    return EXIT_OK;
}

static const struct command trust_rm_command = {
    .name = "trust rm",
    .synopsis = "NUMBER|NAME|DID...",
    .summary = "remove rules",
    .description =
        "What a receipt answered by such a rule is not known any more: it\n"
        "was never entered in the memo, nor was anything that led through\n"
        "it.",
    .examples = "  ipvm trust rm laptop\n",
    .run = run_rm,
    .words_min = 1,
    .words_max = 64,
};

/* --- The group ----------------------------------------------------------- */

static const struct command *const parts[] = {
    &trust_show_command, &trust_add_command, &trust_rm_command,
    &trust_check_command, NULL};

const struct command trust_command = {
    .name = "trust",
    .summary = "whose receipts count as results",
    .parts = parts,
};
