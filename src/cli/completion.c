/* SPDX-License-Identifier: Apache-2.0 */
/* completion.c - shell completion, from the table of commands. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/tables.h"

static void each_option(const struct command *command,
                        void (*each)(const struct command *command,
                                     const struct option *option))
{
    for (const struct option *option = command->options;
         option && option->name; option++)
        each(command, option);
    for (const struct option *option = common_options; option->name; option++)
        each(command, option);
}

/* --- bash ----------------------------------------------------------------- */

static void bash_option(const struct command *command,
                        const struct option *option)
{
    (void)command;
    printf(" --%s", option->name);
}

static void bash_words(const struct command *command)
{
    printf("words=\"");
    each_option(command, bash_option);
    printf("\"");
}

static void bash_group(const struct command *group)
{
    printf("if [ \"$COMP_CWORD\" -eq 2 ]; then words=\"");
    for (size_t at = 0; group->parts[at]; at++)
        printf("%s ", command_word(group->parts[at]));
    printf("\"; else case ${COMP_WORDS[2]} in\n");
    for (size_t at = 0; group->parts[at]; at++) {
        printf("      %s) ", command_word(group->parts[at]));
        bash_words(group->parts[at]);
        printf(" ;;\n");
    }
    printf("      esac; fi");
}

static void completion_bash(void)
{
    const struct command *command;
    printf("# bash completion for ipvm: eval \"$(ipvm completion bash)\"\n"
           "_ipvm() {\n"
           "  local word=${COMP_WORDS[COMP_CWORD]} words=\n"
           "  if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"");
    for (size_t at = 0; (command = command_at(at)); at++)
        printf("%s ", command->name);
    printf("\"\n  else case ${COMP_WORDS[1]} in\n");
    for (size_t at = 0; (command = command_at(at)); at++) {
        printf("    %s) ", command->name);
        if (command->parts)
            bash_group(command);
        else
            bash_words(command);
        printf(" ;;\n");
    }
    printf("  esac; fi\n"
           "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
           "  if [ \"$COMP_CWORD\" -gt 1 ] && [[ $word != -* ]] &&\n"
           "    [ \"${#COMPREPLY[@]}\" -eq 0 -o -z \"$word\" ]; then\n"
           "    mapfile -t COMPREPLY < <(compgen -f -- \"${word#@}\"); fi\n"
           "}\ncomplete -o filenames -F _ipvm ipvm\n");
}

/* --- zsh ------------------------------------------------------------------ */

static void zsh_option(const struct command *command,
                       const struct option *option)
{
    (void)command;
    printf("        '--%s[", option->name);
    for (const char *at = option->help; *at; at++)
        printf(*at == '\'' ? "'\\''" : *at == ']' ? "\\]" : "%c", *at);
    printf(option->argument ? "]:value:_files' \\\n" : "]' \\\n");
}

static void zsh_command(const struct command *command)
{
    printf("    %s) _arguments \\\n", command_word(command));
    each_option(command, zsh_option);
    printf("        '*:file:_files' ;;\n");
}

static void zsh_group(const struct command *group)
{
    printf("    %s) if (( CURRENT == 3 )); then\n      local -a parts=(\n",
           group->name);
    for (size_t at = 0; group->parts[at]; at++)
        printf("        '%s:%s'\n", command_word(group->parts[at]),
               group->parts[at]->summary);
    printf("      ); _describe part parts; else case $words[3] in\n");
    for (size_t at = 0; group->parts[at]; at++)
        zsh_command(group->parts[at]);
    printf("      esac; fi ;;\n");
}

static void completion_zsh(void)
{
    const struct command *command;
    printf("#compdef ipvm\n_ipvm() {\n  local -a cmds=(\n");
    for (size_t at = 0; (command = command_at(at)); at++)
        printf("    '%s:%s'\n", command->name, command->summary);
    printf(
        "  )\n  if (( CURRENT == 2 )); then _describe command cmds; return; "
        "fi\n  case $words[2] in\n");
    for (size_t at = 0; (command = command_at(at)); at++) {
        if (command->parts)
            zsh_group(command);
        else
            zsh_command(command);
    }
    printf("  esac\n}\ncompdef _ipvm ipvm\n");
}

/* --- fish ----------------------------------------------------------------- */

/* "block put" is seen when both of its words are. */
static void fish_seen(const struct command *command)
{
    const char *word = command_word(command);
    printf("complete -c ipvm -n '__fish_seen_subcommand_from ");
    if (word == command->name)
        printf("%s'", word);
    else
        printf("%.*s; and __fish_seen_subcommand_from %s'",
               (int)(word - command->name - 1), command->name, word);
}

static void fish_option(const struct command *command,
                        const struct option *option)
{
    fish_seen(command);
    printf(" -l %s", option->name);
    if (option->letter)
        printf(" -s %c", option->letter);
    printf("%s -d \"%s\"\n", option->argument ? " -r" : "", option->help);
}

static void completion_fish(void)
{
    const struct command *command;
    for (size_t at = 0; (command = command_at(at)); at++) {
        printf("complete -c ipvm -n __fish_use_subcommand -a %s -d \"%s\"\n",
               command->name, command->summary);
        if (!command->parts)
            each_option(command, fish_option);
        for (size_t part = 0; command->parts && command->parts[part]; part++) {
            fish_seen(command);
            printf(" -a %s -d \"%s\"\n", command_word(command->parts[part]),
                   command->parts[part]->summary);
            each_option(command->parts[part], fish_option);
        }
    }
}

int command_completion(struct cli *cli)
{
    const char *shell = cli->words[0];
    if (strcmp(shell, "bash") == 0)
        completion_bash();
    else if (strcmp(shell, "zsh") == 0)
        completion_zsh();
    else if (strcmp(shell, "fish") == 0)
        completion_fish();
    else
        return cli_error(
            cli, EXIT_USAGE,
            "completion: no such shell %s; it is bash, zsh or fish", shell);
    return EXIT_OK;
}

const struct command completion_command = {
    .name = "completion",
    .synopsis = "bash|zsh|fish",
    .summary = "print shell completion",
    .description = "Prints a script that teaches the shell to complete ipvm.",
    .examples = "  eval \"$(ipvm completion bash)\"\n",
    .run = command_completion,
    .words_min = 1,
    .words_max = 1,
};
