/* SPDX-License-Identifier: Apache-2.0 */
/* parse.c - a command line into a struct cli, by the command's own table. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/command.h"

const struct option common_options[OPTION_COMMON_COUNT + 1] = {
    [OPTION_HELP] = {'h', "help", NULL, "show this help"},
    [OPTION_STORE] = {0, "store", "DIR",
                      "use the store in DIR (also IPVM_STORE)"},
    [OPTION_JSON] = {0, "json", NULL, "print JSON, errors included"},
    [OPTION_QUIET] = {'q', "quiet", NULL,
                      "no progress; results and errors only"},
};

/* Index into cli->values of an option by letter or name, or -1. */
static int find_option(const struct command *command, char letter,
                       const char *name, size_t name_len,
                       const struct option **out)
{
    const struct option *tables[] = {common_options, command->options};
    int index = 0;
    for (size_t table = 0; table < 2; table++) {
        for (const struct option *option = tables[table];
             option && option->name; option++, index++) {
            bool same = name ? strlen(option->name) == name_len &&
                                   memcmp(option->name, name, name_len) == 0
                             : option->letter == letter;
            if (same) {
                *out = option;
                return index;
            }
        }
        index = OPTION_COMMON_COUNT;
    }
    return -1;
}

/* Stands for the command while none is known. */
static const struct command front = {.name = "options"};

static int unknown_option(struct cli *cli, const char *given)
{
    if (cli->command == &front)
        return cli_error(cli, EXIT_USAGE,
                         "unknown option %s; what belongs to a command stands "
                         "behind it: see `ipvm help`",
                         given);
    Text names[OPTION_COMMON_COUNT + OPTIONS_MAX];
    size_t count = 0;
    for (const struct option *option = common_options; option->name; option++)
        names[count++] = text_of(option->name);
    for (const struct option *option = cli->command->options;
         option && option->name; option++)
        names[count++] = text_of(option->name);
    Text word = text_of(given + strspn(given, "-"));
    word.len = strcspn(word.data, "=");
    Text near = word.len > 1 ? text_nearest(word, names, count) : (Text){0};
    if (near.data)
        return cli_error(cli, EXIT_USAGE,
                         "%s: unknown option %s; did you mean --%.*s?",
                         cli->command->name, given, TEXT_ARG(near));
    return cli_error(cli, EXIT_USAGE,
                     "%s: unknown option %s; see `ipvm help %s`",
                     cli->command->name, given, cli->command->name);
}

/* `value` belongs to the option, or is NULL: then one that needs a value takes
 * the following word, and `*next` moves past it. */
static int set_option(struct cli *cli, const struct option *option, int index,
                      const char *value)
{
    if (option->argument && !value)
        return cli_error(cli, EXIT_USAGE, "%s: --%s needs a value: %s",
                         cli->command->name, option->name, option->argument);
    if (cli->repeat_count == OPTION_REPEATS_MAX)
        return cli_error(cli, EXIT_USAGE, "%s: more than %d options",
                         cli->command->name, OPTION_REPEATS_MAX);
    cli->values[index] = value ? value : "";
    cli->repeats[cli->repeat_count].index = index;
    cli->repeats[cli->repeat_count++].value = cli->values[index];
    return EXIT_OK;
}

static int take_name(struct cli *cli, const char *word, const char *following,
                     int *next)
{
    const struct option *option = NULL;
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) - 2 : strlen(word) - 2;
    int index = find_option(cli->command, 0, word + 2, len, &option);
    if (index < 0)
        return unknown_option(cli, word);
    if (!option->argument && equals)
        return cli_error(cli, EXIT_USAGE, "%s: --%s takes no value",
                         cli->command->name, option->name);
    if (!option->argument || equals)
        return set_option(cli, option, index, equals ? equals + 1 : NULL);
    ++*next;
    return set_option(cli, option, index, following);
}

/* "-qn" is -q and -n, "-oFILE" is -o FILE. */
static int take_letters(struct cli *cli, const char *word,
                        const char *following, int *next)
{
    int code = EXIT_OK;
    for (const char *at = word + 1; *at && code == EXIT_OK; at++) {
        const struct option *option = NULL;
        int index = find_option(cli->command, *at, NULL, 0, &option);
        if (index < 0)
            return unknown_option(cli, word);
        if (!option->argument) {
            code = set_option(cli, option, index, NULL);
            continue;
        }
        if (at[1])
            return set_option(cli, option, index, at + 1);
        ++*next;
        return set_option(cli, option, index, following);
    }
    return code;
}

/* One word that begins with '-'. `*next` moves past an argument taken from
 * the following word. */
static int take_option(struct cli *cli, char *const *arguments, int count,
                       int *next)
{
    const char *word = arguments[*next];
    const char *following = *next + 1 < count ? arguments[*next + 1] : NULL;
    return word[1] == '-' ? take_name(cli, word, following, next)
                          : take_letters(cli, word, following, next);
}

/* "-", "-1.5" and whatever follows "--" are words. */
static bool is_word(const char *argument)
{
    return argument[0] != '-' || argument[1] == '\0' ||
           (argument[1] >= '0' && argument[1] <= '9') || argument[1] == '.';
}

int cli_parse_front(struct cli *cli, int count, char *const *arguments,
                    int *used)
{
    cli->command = &front;
    for (*used = 0; *used < count && arguments[*used][0] == '-'; ++*used) {
        int code = take_option(cli, arguments, count, used);
        if (code != EXIT_OK)
            return code;
    }
    cli->json = cli->values[OPTION_JSON] != NULL;
    return EXIT_OK;
}

int cli_parse(struct cli *cli, int count, char *const *arguments)
{
    bool only_words = false;
    for (int next = 0; next < count; next++) {
        if (!only_words && strcmp(arguments[next], "--") == 0) {
            only_words = true;
        } else if (only_words || is_word(arguments[next])) {
            if (cli->word_count == (int)(sizeof cli->words / sizeof(char *)))
                return cli_error(cli, EXIT_USAGE, "more than %d arguments",
                                 cli->word_count);
            cli->words[cli->word_count++] = arguments[next];
        } else {
            int code = take_option(cli, arguments, count, &next);
            if (code != EXIT_OK)
                return code;
        }
    }
    cli->json = cli->values[OPTION_JSON] != NULL;
    cli->quiet = cli->values[OPTION_QUIET] != NULL;
    if (cli->values[OPTION_HELP])
        return EXIT_OK;
    const struct command *command = cli->command;
    if (cli->word_count < command->words_min ||
        (command->words_max >= 0 && cli->word_count > command->words_max))
        return cli_error(cli, EXIT_USAGE, "usage: ipvm %s %s", command->name,
                         command->synopsis);
    return EXIT_OK;
}
