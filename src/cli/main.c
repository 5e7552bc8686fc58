/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - the table of commands, and what they all need. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "lib/handle.h"

static const struct command *const running[] = {
    &run_command,   &explain_command, &inspect_command,
    &graph_command, &embed_command,   NULL,
};

static const struct command *const node[] = {
    &node_command,    &submit_command, &jobs_command,
    &job_command,     &watch_command,  &logs_command,
    &suspend_command, &resume_command, &cancel_command,
    &retry_command,   &fork_command,   &quota_command,
    &invite_command,  &bearer_command, NULL,
};

static const struct command *const content[] = {
    &add_command,    &ls_command,  &get_command,    &cat_command,
    &block_command,  &dag_command, &export_command, &import_command,
    &source_command, NULL,
};

static const struct command *const keeping[] = {
    &pin_command,     &unpin_command, &pins_command, &name_command,
    &gc_command,      &stat_command,  &fsck_command, &backup_command,
    &restore_command, NULL,
};

static const struct command *const trust[] = {
    &key_command,      &delegate_command, &revoke_command, &receipt_command,
    &receipts_command, &verify_command,   &trust_command,  NULL,
};

static const struct command *const help[] = {
    &doctor_command,
    &help_command_entry,
    &completion_command,
    &version_command,
    NULL,
};

const struct topic topics[] = {
    {"run", running}, {"node", node}, {"content", content}, {"store", keeping},
    {"trust", trust}, {"help", help}, {NULL, NULL},
};

const struct command *command_at(size_t index)
{
    for (const struct topic *topic = topics; topic->title; topic++)
        for (size_t at = 0; topic->commands[at]; at++)
            if (index-- == 0)
                return topic->commands[at];
    return NULL;
}

const char *command_word(const struct command *command)
{
    const char *space = strrchr(command->name, ' ');
    return space ? space + 1 : command->name;
}

const struct command *command_part(const struct command *group,
                                   const char *word)
{
    for (size_t at = 0; group->parts && group->parts[at]; at++)
        if (strcmp(command_word(group->parts[at]), word) == 0)
            return group->parts[at];
    return NULL;
}

const struct command *command_find(const char *name)
{
    const struct command *command;
    const size_t len = strcspn(name, " ");
    for (size_t at = 0; (command = command_at(at)); at++) {
        if (strlen(command->name) != len ||
            memcmp(command->name, name, len) != 0)
            continue;
        return name[len] ? command_part(command, name + len + 1) : command;
    }
    return NULL;
}

static int exit_code_of(ipvm_status status)
{
    switch (status) {
    case IPVM_OK:
        return EXIT_OK;
    case IPVM_INVALID:
    case IPVM_UNSUPPORTED:
    case IPVM_LIMIT:
        return EXIT_INPUT;
    case IPVM_NOT_FOUND:
        return EXIT_NOT_FOUND;
    case IPVM_CANCELLED:
        return EXIT_INTERRUPTED;
    case IPVM_CORRUPT:
    case IPVM_IO:
    case IPVM_FULL:
    case IPVM_BUSY:
    case IPVM_DENIED:
    case IPVM_HOST:
        return EXIT_TROUBLE;
    }
    return EXIT_TROUBLE;
}

int cli_error(const struct cli *cli, int code, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    output_error(cli, code, message);
    return code;
}

int cli_fail(const struct cli *cli, const ipvm_error *error)
{
    int code = exit_code_of(error->status);
    output_error(cli, code, error->message);
    return code;
}

/* --- Ctrl-C -------------------------------------------------------------- */

static ipvm *interrupted_vm;

static void on_signal(int number)
{
    static volatile sig_atomic_t count;
    // The second time the user means it: nothing that was told is lost.
    if (++count > 1)
        _exit(128 + number);
    ipvm_interrupt(interrupted_vm);
}

/* LMDB trusts its pages: damaged ones lead it outside of the map or to a check
 * of its own. Only what a signal handler may call. */
static void on_fault(int number)
{
    static const char fault[] = "ipvm: stopped by a memory fault: the store "
                                "is probably damaged; restore it or begin "
                                "another (--store, IPVM_STORE)\n";
    static const char check[] = "ipvm: stopped by the failed check above: if "
                                "it is of mdb.c, the store is damaged; "
                                "restore it or begin another (--store, "
                                "IPVM_STORE)\n";
    ssize_t len = number == SIGABRT
                      ? write(STDERR_FILENO, check, sizeof check - 1)
                      : write(STDERR_FILENO, fault, sizeof fault - 1);
    (void)len;
    _exit(EXIT_TROUBLE);
}

/* Not in debug builds, where the sanitizer tells more. */
static void catch_faults(void)
{
    static const int faults[] = {SIGBUS, SIGSEGV, SIGABRT};
    for (size_t index = 0; index < sizeof faults / sizeof *faults; index++) {
        struct sigaction old;
        if (sigaction(faults[index], NULL, &old) == 0 &&
            old.sa_handler == SIG_DFL && !(old.sa_flags & SA_SIGINFO))
            signal(faults[index], on_fault);
    }
}

int cli_open(struct cli *cli, const ipvm_options *options)
{
    ipvm_options mine = options ? *options : (ipvm_options){0};
    ipvm_error error;
    if (cli->values[OPTION_STORE])
        mine.store = cli->values[OPTION_STORE];
    catch_faults();           // Before an engine asks for the same signals.
    signal(SIGXFSZ, SIG_IGN); // Writing says that a file may not grow.
    ipvm_status status = ipvm_open(&mine, &cli->vm, &error);
    if (status != IPVM_OK)
        return cli_fail(cli, &error);
    cli->vm->on_healed = output_healed;
    cli->vm->healed_context = cli;
    interrupted_vm = cli->vm;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); // Writing says so.
    return EXIT_OK;
}

static int unknown_command(struct cli *cli, const char *name)
{
    Text names[64];
    size_t count = 0;
    const struct command *command;
    while (count < 64 && (command = command_at(count)))
        names[count++] = text_of(command->name);
    Text near = text_nearest(text_of(name), names, count);
    if (near.data)
        return cli_error(cli, EXIT_USAGE,
                         "unknown command %s; did you mean %.*s?", name,
                         TEXT_ARG(near));
    return cli_error(cli, EXIT_USAGE, "unknown command %s; see `ipvm help`",
                     name);
}

/* The words after a group's name that are possible, in `cli->command`. */
static int unknown_part(struct cli *cli, const char *word)
{
    char words[256] = "";
    size_t len = 0;
    for (size_t at = 0; cli->command->parts[at] && len < sizeof words; at++)
        len += (size_t)snprintf(words + len, sizeof words - len, "%s%s",
                                at ? ", " : "",
                                command_word(cli->command->parts[at]));
    return cli_error(cli, EXIT_USAGE, "%s: there is no `%s %s`; it is %s",
                     cli->command->name, cli->command->name, word, words);
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* From the words behind "ipvm" to an exit code. */
static int run_words(struct cli *cli, int count, char *const *words)
{
    if (strcmp(words[0], "--version") == 0)
        return version_command.run(cli);
    int used;
    int code = cli_parse_front(cli, count, words, &used);
    if (code != EXIT_OK)
        return code;
    words += used;
    count -= used;
    if (count == 0 || cli->values[OPTION_HELP]) {
        help_all(cli->color);
        return count == 0 ? EXIT_USAGE : EXIT_OK;
    }
    const char *name = words[0];
    cli->command = strchr(name, ' ') ? NULL : command_find(name);
    if (!cli->command)
        return unknown_command(cli, name);
    used = 1;
    if (cli->command->parts) {
        if (count < 2 || asks_for_help(words[1])) {
            help_command(cli->command, cli->color);
            return count < 2 ? EXIT_USAGE : EXIT_OK;
        }
        const struct command *part = command_part(cli->command, words[1]);
        if (!part)
            return unknown_part(cli, words[1]);
        cli->command = part;
        used = 2;
    }
    code = cli_parse(cli, count - used, words + used);
    if (code == EXIT_OK && cli->values[OPTION_HELP])
        help_command(cli->command, cli->color);
    else if (code == EXIT_OK)
        code = cli->command->run(cli);
    return code;
}

int main(int count, char **arguments)
{
    struct cli *cli = HEAP_NEW(struct cli);
    output_init(cli);
    int code = count < 2 ? EXIT_USAGE : EXIT_OK;
    if (count < 2 || asks_for_help(arguments[1]))
        help_all(cli->color);
    else
        code = run_words(cli, count - 1, arguments + 1);
    ipvm_close(cli->vm);
    free(cli);
    if (fflush(stdout) != 0 && code == EXIT_OK)
        code = EXIT_TROUBLE;
    return code;
}
