/* SPDX-License-Identifier: Apache-2.0 */
/* help.c - help on the terminal, man pages (mdoc) and shell completion, all
 * from the table of commands. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/tables.h"

static const char exit_codes[] =
    "0    it went well\n"
    "1    the workflow ran and did not succeed\n"
    "2    the command line is wrong\n"
    "3    a file, block or module is malformed or refused\n"
    "4    a file, block or function is not there\n"
    "5    the machine: disk, permissions, a lost helper process\n"
    "130  interrupted; what was finished is kept\n";

static const char environment[] =
    "IPVM_STORE     the store's directory (else $XDG_DATA_HOME/ipvm, else\n"
    "               ~/.local/share/ipvm)\n"
    "IPVM_WORKER    path of the ipvm-worker program\n"
    "SSL_CERT_FILE  authorities for https, instead of the system's\n"
    "NO_COLOR       no colours\n";

static void print_summary(const struct command *command, const char *name,
                          bool color)
{
    printf("  %s%-11s%s %s\n", style(color, STYLE_BOLD), name,
           style(color, STYLE_NONE), command->summary);
}

void help_all(bool color)
{
    printf("%sipvm%s - run content-addressed WebAssembly workflows\n\n",
           style(color, STYLE_BOLD), style(color, STYLE_NONE));
    printf("usage: ipvm COMMAND [OPTIONS] [ARGUMENTS]\n");
    for (const struct topic *topic = topics; topic->title; topic++) {
        printf("\n%s:\n", topic->title);
        for (size_t at = 0; topic->commands[at]; at++)
            print_summary(topic->commands[at], topic->commands[at]->name,
                          color);
    }
    printf("\nexit codes:\n");
    for (const char *line = exit_codes; *line; line = strchr(line, '\n') + 1)
        printf("  %.*s\n", (int)strcspn(line, "\n"), line);
    printf("\n`ipvm help COMMAND` tells more.\n");
}

static void print_option(const struct option *option)
{
    char left[64];
    snprintf(left, sizeof left, "%s%c%s--%s%s%s", option->letter ? "-" : " ",
             option->letter ? option->letter : ' ',
             option->letter ? ", " : "  ", option->name,
             option->argument ? " " : "",
             option->argument ? option->argument : "");
    printf("  %-28s %s\n", left, option->help);
}

static void help_group(const struct command *group, bool color)
{
    printf("%sipvm %s%s - %s\n\n", style(color, STYLE_BOLD), group->name,
           style(color, STYLE_NONE), group->summary);
    for (size_t at = 0; group->parts[at]; at++)
        print_summary(group->parts[at], command_word(group->parts[at]), color);
    printf("\n`ipvm help %s %s` tells more.\n", group->name,
           command_word(group->parts[0]));
}

void help_command(const struct command *command, bool color)
{
    if (command->parts) {
        help_group(command, color);
        return;
    }
    printf("%sipvm %s%s %s\n\n%s\n", style(color, STYLE_BOLD), command->name,
           style(color, STYLE_NONE), command->synopsis, command->description);
    printf("\noptions:\n");
    for (const struct option *option = command->options;
         option && option->name; option++)
        print_option(option);
    for (const struct option *option = common_options; option->name; option++)
        print_option(option);
    if (command->examples)
        printf("\nexamples:\n%s", command->examples);
}

/* --- Man pages ----------------------------------------------------------- */

/* Text for mdoc: a line must not begin with a dot, backslashes are doubled. */
static void mdoc_text(const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            printf("\\&");
        line_start = *text == '\n';
        if (*text == '\\')
            printf("\\e");
        else if (*text == '-')
            printf("\\-");
        else
            putchar(*text);
    }
    if (!line_start)
        putchar('\n');
}

static void mdoc_paragraphs(const char *text)
{
    for (const char *end; (end = strstr(text, "\n\n")); text = end + 2) {
        char part[4096];
        snprintf(part, sizeof part, "%.*s", (int)(end - text), text);
        mdoc_text(part);
        printf(".Pp\n");
    }
    mdoc_text(text);
}

static void mdoc_option(const struct option *option)
{
    printf(".It Fl Fl %s", option->name);
    if (option->argument)
        printf(" Ar %s", option->argument);
    if (option->letter)
        printf(" , Fl %c", option->letter);
    printf("\n");
    mdoc_text(option->help);
}

static void man_options(const struct command *command)
{
    printf(".Bl -tag -width Ds\n");
    for (const struct option *option = command->options;
         option && option->name; option++)
        mdoc_option(option);
    for (const struct option *option = common_options; option->name; option++)
        mdoc_option(option);
    printf(".El\n");
}

static void man_examples(const struct command *command)
{
    if (!command->examples)
        return;
    printf(".Bd -literal\n");
    mdoc_text(command->examples);
    printf(".Ed\n");
}

static void man_part(const struct command *part)
{
    printf(".Ss ipvm %s %s\n", part->name, part->synopsis);
    mdoc_paragraphs(part->description);
    man_options(part);
    man_examples(part);
}

static void man_command(const struct command *command)
{
    printf(".Dd November 21, 2026\n.Dt IPVM-%s 1\n.Os IPVM\n.Sh NAME\n"
           ".Nm ipvm %s\n.Nd ",
           command->name, command->name);
    mdoc_text(command->summary);
    printf(".Sh SYNOPSIS\n.Nm\n");
    if (command->parts) {
        printf(".Ar command\n.Sh COMMANDS\n");
        for (size_t at = 0; command->parts[at]; at++)
            man_part(command->parts[at]);
    } else {
        mdoc_text(command->synopsis);
        printf(".Sh DESCRIPTION\n");
        mdoc_paragraphs(command->description);
        printf(".Sh OPTIONS\n");
        man_options(command);
        if (command->examples)
            printf(".Sh EXAMPLES\n");
        man_examples(command);
    }
    printf(".Sh EXIT STATUS\n.Bd -literal\n");
    mdoc_text(exit_codes);
    printf(".Ed\n.Sh SEE ALSO\n.Xr ipvm 1\n");
}

static void man_all(void)
{
    printf(".Dd November 21, 2026\n.Dt IPVM 1\n.Os IPVM\n.Sh NAME\n.Nm ipvm\n"
           ".Nd run content-addressed WebAssembly workflows\n"
           ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar options\n.Op Ar arguments\n"
           ".Sh DESCRIPTION\n"
           "Names WebAssembly and its inputs by their hashes, runs graphs of\n"
           "pure functions in parallel in sandboxed worker processes, and\n"
           "never computes the same thing twice.\n"
           ".Sh COMMANDS\n.Bl -tag -width completion\n");
    const struct command *command;
    for (size_t at = 0; (command = command_at(at)); at++) {
        printf(".It Cm %s\n", command->name);
        mdoc_text(command->summary);
        printf("See\n.Xr ipvm-%s 1 .\n", command->name);
    }
    printf(".El\n.Sh ENVIRONMENT\n.Bd -literal\n");
    mdoc_text(environment);
    printf(".Ed\n.Sh EXIT STATUS\n.Bd -literal\n");
    mdoc_text(exit_codes);
    printf(".Ed\n");
}

/* --- JSON --------------------------------------------------------------- */

static struct value_entry json_text(const char *key, const char *text)
{
    return (struct value_entry){text_of(key), value_text(text_of(text))};
}

static Value json_options(struct arena *arena, const struct option *options)
{
    size_t count = 0;
    while (options && options[count].name)
        count++;
    Value *items = arena_array(arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++) {
        struct value_entry entries[3];
        const struct option *option = &options[index];
        entries[0] = json_text("name", option->name);
        entries[1] = json_text("help", option->help);
        if (option->argument)
            entries[2] = json_text("argument", option->argument);
        items[index] = value_map(arena, entries, option->argument ? 3 : 2);
    }
    return value_list(items, count);
}

static Value json_command(struct arena *arena, const struct command *command)
{
    struct value_entry entries[5];
    entries[0] = json_text("name", command->name);
    entries[1] = json_text("summary", command->summary);
    if (command->parts) {
        size_t count = 0;
        while (command->parts[count])
            count++;
        // Parts have no parts.
        Value *items = arena_array(arena, count, sizeof *items);
        for (size_t at = 0; at < count; at++)
            items[at] = json_command(arena, command->parts[at]);
        entries[2] =
            (struct value_entry){TEXT("commands"), value_list(items, count)};
        return value_map(arena, entries, 3);
    }
    entries[2] = json_text("synopsis", command->synopsis);
    entries[3] = json_text("description", command->description);
    entries[4] = (struct value_entry){TEXT("options"),
                                      json_options(arena, command->options)};
    return value_map(arena, entries, 5);
}

/* The table of exit codes, a line for each, as a map. */
static Value json_exit_codes(struct arena *arena)
{
    struct value_entry entries[16];
    size_t count = 0;
    for (const char *line = exit_codes; *line && count < 16;
         line = strchr(line, '\n') + 1) {
        size_t key = strcspn(line, " "), skip = key + strspn(line + key, " ");
        entries[count++] = (struct value_entry){
            {line, key},
            value_text((Text){line + skip, strcspn(line + skip, "\n")})};
    }
    return value_map(arena, entries, count);
}

static void help_json(const struct command *only)
{
    struct arena arena = {0};
    Value items[64];
    size_t count = 0;
    const struct command *command;
    for (size_t at = 0; !only && (command = command_at(at)); at++)
        items[count++] = json_command(&arena, command);
    if (only)
        items[count++] = json_command(&arena, only);
    struct value_entry entries[] = {
        {TEXT("commands"), value_list(items, count)},
        {TEXT("common_options"), json_options(&arena, common_options)},
        {TEXT("exit_codes"), json_exit_codes(&arena)},
    };
    Value whole = value_map(&arena, entries, 3);
    output_json(&whole);
    arena_deinit(&arena);
}

/* --- The command -------------------------------------------------------- */

enum { HELP_MAN };

static const struct option help_options[] = {
    [HELP_MAN] = {0, "man", NULL, "print the manual page's source (mdoc)"},
    {0, NULL, NULL, NULL},
};

int command_help(struct cli *cli)
{
    if (cli->word_count == 0) {
        if (cli->json)
            help_json(NULL);
        else if (cli_flag(cli, HELP_MAN))
            man_all();
        else
            help_all(cli->color);
        return EXIT_OK;
    }
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", cli->words[0],
             cli->word_count > 1 ? " " : "",
             cli->word_count > 1 ? cli->words[1] : "");
    const struct command *command = command_find(name);
    if (!command)
        return cli_error(cli, EXIT_USAGE,
                         "unknown command %s; see `ipvm help`", name);
    if (cli->json)
        help_json(command);
    else if (cli_flag(cli, HELP_MAN))
        man_command(command);
    else
        help_command(command, cli->color);
    return EXIT_OK;
}

const struct command help_command_entry = {
    .name = "help",
    .synopsis = "[COMMAND [PART]]",
    .summary = "explain a command",
    .description = "Prints what a command does, its options and examples.",
    .options = help_options,
    .run = command_help,
    .words_max = 2,
};

int command_version(struct cli *cli)
{
    if (cli->json)
        printf("{\"version\":\"%s\"}\n", ipvm_version());
    else
        printf("ipvm %s\n", ipvm_version());
    return EXIT_OK;
}

const struct command version_command = {
    .name = "version",
    .synopsis = "",
    .summary = "print the version",
    .description = "Prints the version of ipvm.",
    .run = command_version,
};
