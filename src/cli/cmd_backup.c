/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_backup.c - `ipvm backup`, `ipvm restore`. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/facts.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "lib/handle.h"
#include "store/backup.h"

static int fail_with(const struct cli *cli, Status status,
                     const struct error *err)
{
    ipvm_error error;
    IGNORE((Status)lib_fail(status, err, &error)); // The same again.
    return cli_fail(cli, &error);
}

static bool is_standard(const char *name)
{
    return strcmp(name, "-") == 0;
}

/* "photo.backup: 1.2 GiB in 3.21 s (400 MiB/s)" */
static void say_how_fast(const struct cli *cli, const char *name,
                         uint64_t bytes, uint64_t elapsed_ns)
{
    char size[SHORT_TEXT_MAX], rate[SHORT_TEXT_MAX], time[SHORT_TEXT_MAX];
    if (cli->quiet || cli->json)
        return;
    fprintf(
        stderr, "%s: %s in %s (%s/s)\n", name, show_bytes(bytes, size),
        show_ns(elapsed_ns, time),
        show_bytes((uint64_t)((double)bytes * 1e9 / (double)(elapsed_ns + 1)),
                   rate));
}

/* --- backup -------------------------------------------------------------- */

static int backup(struct cli *cli)
{
    const char *path = cli->words[0];
    struct facts facts = {0};
    struct error err = {0};
    uint64_t bytes = 0;
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    if (is_standard(path) && isatty(STDOUT_FILENO))
        return cli_error(cli, EXIT_USAGE,
                         "backup: it is not for a terminal: name a file, or "
                         "pipe it somewhere");
    struct bar bar = {.cli = cli, .name = path, .vm = cli->vm};
    const struct backup_options options = {bar_progress, &bar};
    const uint64_t start_ns = clock_monotonic_ns();
    Status status =
        is_standard(path)
            ? backup_write(cli->vm->store, STDOUT_FILENO, "standard output",
                           &options, &bytes, &err)
            : backup_save(cli->vm->store, path, &options, &bytes, &err);
    bar_clear(&bar);
    if (status != STATUS_OK)
        return fail_with(cli, status, &err);
    say_how_fast(cli, path, bytes, clock_monotonic_ns() - start_ns);
    if (cli->json && !is_standard(path)) {
        fact_text(&facts, TEXT("file"), text_of(path));
        fact(&facts, TEXT("bytes"), value_uint(bytes));
        facts_print(&facts, cli);
    }
    return EXIT_OK;
}

const struct command backup_command = {
    .name = "backup",
    .synopsis = "FILE",
    .summary = "write the whole store to one file, while runs go on",
    .description =
        "Writes what the store is at this moment: blocks, results, pins,\n"
        "names. Others may write to it meanwhile; until the backup is done it\n"
        "does not use again what they free. FILE appears whole and synced, or\n"
        "not at all; - is standard output. Compiled modules are not in it:\n"
        "they are made again; nor is what lies only in a block source: keep\n"
        "those CAR files, too.",
    .examples = "  ipvm backup /mnt/ipvm.backup\n"
                "  ipvm backup - | zstd | ssh host 'cat > ipvm.backup.zst'\n",
    .run = backup,
    .words_min = 1,
    .words_max = 1,
};

/* --- restore ------------------------------------------------------------- */

enum { RESTORE_FORCE, RESTORE_VERIFY };

static const struct option restore_options[] = {
    [RESTORE_FORCE] = {'f', "force", NULL,
                       "move a store that is there aside, to STORE.old-N"},
    [RESTORE_VERIFY] = {0, "verify", NULL,
                        "hash every block in it first, too"},
    {0, NULL, NULL, NULL},
};

static volatile sig_atomic_t interrupted;

static void on_signal([[maybe_unused]] int number)
{
    interrupted = 1;
}

static bool tell_restored(void *context, uint64_t done, uint64_t total)
{
    struct bar *bar = context;
    return bar_progress(bar, done, total) && !interrupted;
}

static void print_restored(struct cli *cli, const char *directory,
                           const struct restore_report *report)
{
    struct facts facts = {0};
    if (cli->json) {
        fact_text(&facts, TEXT("store"), text_of(directory));
        fact(&facts, TEXT("bytes"), value_uint(report->bytes));
        if (report->aside[0])
            fact_text(&facts, TEXT("old"), text_of(report->aside));
        facts_print(&facts, cli);
    } else if (!cli->quiet && report->aside[0]) {
        fprintf(stderr,
                "the store that was there is %s now: remove it when you do "
                "not need it\n",
                report->aside);
    }
}

static int restore_from(struct cli *cli, int file, const char *directory)
{
    const char *path = cli->words[0];
    struct restore_report report;
    struct error err = {0};
    struct bar bar = {.cli = cli, .name = path};
    const struct restore_options options = {
        .progress = {tell_restored, &bar},
        .force = cli_flag(cli, RESTORE_FORCE),
        .verify = cli_flag(cli, RESTORE_VERIFY),
    };
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); // Writing says that a file may not grow.
    const uint64_t start_ns = clock_monotonic_ns();
    Status status =
        backup_restore(file, is_standard(path) ? "standard input" : path,
                       directory, &options, &report, &err);
    bar_clear(&bar);
    if (status != STATUS_OK)
        return fail_with(cli, status, &err);
    say_how_fast(cli, directory, report.bytes,
                 clock_monotonic_ns() - start_ns);
    print_restored(cli, directory, &report);
    return EXIT_OK;
}

static int restore(struct cli *cli)
{
    const char *path = cli->words[0];
    char directory[4096];
    struct error err = {0};
    Status status = lib_store_path(cli->values[OPTION_STORE], directory, &err);
    if (status != STATUS_OK)
        return fail_with(cli, status, &err);
    if (is_standard(path))
        return restore_from(cli, STDIN_FILENO, directory);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        status =
            errno == ENOENT
                ? fail(&err, STATUS_NOT_FOUND, "there is no file %.150s", path)
                : fail_errno(&err, errno, "cannot open %s", path);
        return fail_with(cli, status, &err);
    }
    const int code = restore_from(cli, file, directory);
    close(file);
    return code;
}

const struct command restore_command = {
    .name = "restore",
    .synopsis = "FILE [--store DIR]",
    .summary = "make a store from a backup",
    .description =
        "Makes the store (--store, or where it is by default) from a\n"
        "backup; - is standard input. The backup is checked as a whole before\n"
        "it becomes the store, and that happens at once: the store is the old\n"
        "one or the new one, whenever this is stopped. A store that is there\n"
        "is refused, or with --force moved aside; runs that have it open go\n"
        "on in the old one. Keys, the list of sources and the rules of trust\n"
        "are in no backup: those of the store that was there stay.",
    .options = restore_options,
    .examples = "  ipvm restore /mnt/ipvm.backup --store /srv/ipvm\n"
                "  ipvm restore --force --verify ipvm.backup\n",
    .run = restore,
    .words_min = 1,
    .words_max = 1,
};
