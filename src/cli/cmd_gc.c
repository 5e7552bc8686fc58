/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_gc.c - `ipvm gc`: removes what nothing keeps. */
#include <stdio.h>

#include "base/clock.h"
#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/receipts.h"
#include "cli/tables.h"
#include "lib/handle.h"
#include "store/gc.h"
#include "task/limits.h"

enum { GC_KEEP, GC_MAX_MEMO, GC_GRACE, GC_DRY_RUN };

static const struct option gc_options_table[] = {
    [GC_KEEP] = {0, "keep", "TIME",
                 "how long results are kept after their last use (default "
                 "30d)"},
    [GC_MAX_MEMO] = {0, "max-memo", "SIZE",
                     "how much results may take together"},
    [GC_GRACE] = {0, "grace", "TIME",
                  "how long is kept what was put (default 1h)"},
    [GC_DRY_RUN] = {0, "dry-run", NULL, "only say what would be removed"},
    {0, NULL, NULL, NULL},
};

/* --- Progress ------------------------------------------------------------ */

struct showing {
    const struct cli *cli;
    uint64_t last_ns;
    bool drawn;
};

static bool show_phase(void *context, const char *phase, uint64_t done,
                       uint64_t total)
{
    enum { EVERY_NS = 100000000 };
    struct showing *showing = context;
    const struct cli *cli = showing->cli;
    const uint64_t now = clock_monotonic_ns();
    if (ipvm_interrupted(cli->vm))
        return false;
    if (!cli->live || cli->quiet || now - showing->last_ns < EVERY_NS)
        return true;
    showing->last_ns = now;
    showing->drawn = true;
    fprintf(stderr, "\r\033[2K%s  %llu", phase, (unsigned long long)done);
    if (total > 0)
        fprintf(stderr, " of %llu blocks", (unsigned long long)total);
    fflush(stderr);
    return true;
}

/* --- The summary --------------------------------------------------------- */

static void print_json(const struct gc_report *report, bool dry_run)
{
    struct arena arena = {0};
    const struct value_entry entries[] = {
        {TEXT("blocks_kept"), value_uint(report->blocks_kept)},
        {TEXT("blocks_removed"), value_uint(report->blocks_removed)},
        {TEXT("bytes_kept"), value_uint(report->bytes_kept)},
        {TEXT("bytes_removed"), value_uint(report->bytes_removed)},
        {TEXT("dry_run"), value_bool(dry_run)},
        {TEXT("memo_evicted"), value_uint(report->memo_evicted)},
        {TEXT("memo_kept"), value_uint(report->memo_kept)},
        {TEXT("missing"), value_uint(report->missing)},
        {TEXT("rows_removed"), value_uint(report->rows_removed)},
    };
    const Value value =
        value_map(&arena, entries, sizeof entries / sizeof *entries);
    output_json(&value);
    arena_deinit(&arena);
}

static void print_summary(const struct cli *cli,
                          const struct gc_report *report, bool dry_run)
{
    char removed[SHORT_TEXT_MAX], kept[SHORT_TEXT_MAX];
    printf("%s %llu blocks, %s, and %llu results; kept %llu blocks, %s, and "
           "%llu results\n",
           dry_run ? "would remove" : "removed",
           (unsigned long long)report->blocks_removed,
           show_bytes(report->bytes_removed, removed),
           (unsigned long long)report->memo_evicted,
           (unsigned long long)report->blocks_kept,
           show_bytes(report->bytes_kept, kept),
           (unsigned long long)report->memo_kept);
    if (report->missing > 0)
        fprintf(stderr,
                "%sipvm: %llu blocks that are to be kept are not here; `ipvm "
                "fsck` says which%s\n",
                style(cli->color_errors, STYLE_YELLOW),
                (unsigned long long)report->missing,
                style(cli->color_errors, STYLE_NONE));
}

/* --- The command --------------------------------------------------------- */

static Status read_options(const struct cli *cli, struct gc_options *out,
                           struct error *err)
{
    const char *keep = cli_value(cli, GC_KEEP);
    const char *memo = cli_value(cli, GC_MAX_MEMO);
    const char *grace = cli_value(cli, GC_GRACE);
    uint64_t keep_ms = 0, grace_ms = 0;
    if (keep && duration_parse(text_of(keep), &keep_ms, err) != STATUS_OK)
        return fail_in(err, STATUS_INVALID, "gc: --keep");
    if (memo && size_parse(text_of(memo), &out->memo_bytes, err) != STATUS_OK)
        return fail_in(err, STATUS_INVALID, "gc: --max-memo");
    if (grace && duration_parse(text_of(grace), &grace_ms, err) != STATUS_OK)
        return fail_in(err, STATUS_INVALID, "gc: --grace");
    out->keep_s = (keep_ms + 999) / 1000;
    out->keep_none = (keep && keep_ms == 0) || (memo && out->memo_bytes == 0);
    out->grace_s = (grace_ms + 999) / 1000;
    out->no_grace = grace && grace_ms == 0;
    out->dry_run = cli_flag(cli, GC_DRY_RUN);
    return STATUS_OK;
}

static int run_gc(struct cli *cli)
{
    struct error err = {0};
    struct gc_report report;
    struct showing showing = {.cli = cli};
    struct gc_options options = {.progress = show_phase, .context = &showing};
    if (read_options(cli, &options, &err) != STATUS_OK)
        return cli_error(cli, EXIT_USAGE, "%s", err.message);
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    if (!options.dry_run)
        receipts_before_collection(cli);
    const Status status = store_gc(cli->vm->store, &options, &report, &err);
    if (showing.drawn)
        fputs("\r\033[2K", stderr);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    if (cli->json)
        print_json(&report, options.dry_run);
    else if (!cli->quiet)
        print_summary(cli, &report, options.dry_run);
    return EXIT_OK;
}

const struct command gc_command = {
    .name = "gc",
    .synopsis = "",
    .summary = "remove what nothing keeps",
    .description =
        "Kept are pins, names (with what names were before), jobs of a node\n"
        "(with what they finished) and all below them, what running processes\n"
        "use, what was put within --grace, and the results of computations\n"
        "that were used within --keep. With\n"
        "--max-memo the results that are worth least go first: those that\n"
        "were cheap to compute for what they take, and long not used. One\n"
        "that was removed is computed again when it is asked for.\n\n"
        "A --grace shorter than the runs that go on takes from them what they\n"
        "put and do not use yet; with --grace 0 nobody else should use the\n"
        "store.\n\n"
        "Runs and all other commands may go on meanwhile. It may be stopped\n"
        "at any time: what is removed stays removed. The store's file does\n"
        "not shrink, its free space is used again (`ipvm stat`); a backup\n"
        "that is restored is small (`ipvm backup`, `ipvm restore`).",
    .options = gc_options_table,
    .examples = "  ipvm gc --dry-run\n"
                "  ipvm gc --keep 7d --max-memo 10GiB\n",
    .run = run_gc,
    .words_min = 0,
    .words_max = 0,
};
