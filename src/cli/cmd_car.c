/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_car.c - `ipvm export` and `ipvm import`. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "cli/block_input.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "content/car_import.h"
#include "content/path.h"
#include "lib/handle.h"
#include "run/answers.h"
#include "run/answers_trust.h"
#include "run/export.h"

static Value cid_value(const Cid *cid, struct arena *arena)
{
    return value_text(cid_bytes_to_text(cid_bytes(cid), arena));
}

/* --- export -------------------------------------------------------------- */

enum { EXPORT_OUTPUT, EXPORT_DAG_ONLY };

static const struct option export_options[] = {
    [EXPORT_OUTPUT] = {'o', "output", "FILE",
                       "where to (default: standard output)"},
    [EXPORT_DAG_ONLY] = {0, "dag-only", NULL,
                         "only what the CIDs link to; no results from the "
                         "memo"},
    {0, NULL, NULL, NULL},
};

static void print_exported(const struct cli *cli, const char *path,
                           const struct export_report *report)
{
    struct arena arena = {0};
    char bytes[SHORT_TEXT_MAX];
    if (cli->json) {
        Value *roots = arena_array(&arena, report->root_count, sizeof *roots);
        for (size_t index = 0; index < report->root_count; index++)
            roots[index] = cid_value(&report->roots[index], &arena);
        struct value_entry entries[] = {
            {TEXT("file"), value_text(output_safe(text_of(path), &arena))},
            {TEXT("roots"), value_list(roots, report->root_count)},
            {TEXT("blocks"), value_uint(report->car.blocks)},
            {TEXT("bytes"), value_uint(report->car.bytes)},
            {TEXT("answers"), value_uint(report->answers)},
            {TEXT("left_out"), value_uint(report->left_out)},
        };
        Value value = value_map(&arena, entries, 6);
        output_json(&value);
    } else if (!cli->quiet) {
        fprintf(stderr, "%s: %llu blocks, %s", path,
                (unsigned long long)report->car.blocks,
                show_bytes(report->car.bytes, bytes));
        if (report->answers > 0)
            fprintf(stderr, ", with the results of %zu computations",
                    report->answers);
        fputc('\n', stderr);
    }
    if (report->left_out > 0 && !cli->json)
        fprintf(stderr,
                "ipvm: %zu results are not in it: parts of them were "
                "collected\n",
                report->left_out);
    arena_deinit(&arena);
}

/* The CIDs behind the words. */
static int read_cids(struct cli *cli, struct arena *arena, Cid **out)
{
    struct error err = {0};
    Cid *cids = arena_array(arena, (size_t)cli->word_count, sizeof *cids);
    for (int index = 0; index < cli->word_count; index++) {
        Status status = content_resolve(
            cli->vm->store, text_of(cli->words[index]), &cids[index], &err);
        if (status != STATUS_OK)
            return say_failed(cli, status, &err);
    }
    *out = cids;
    return EXIT_OK;
}

static int export_to(struct cli *cli, const char *path, Cid *cids)
{
    struct error err = {0};
    struct export_report report;
    const char *name = path ? path : "standard output";
    struct bar bar = {.cli = cli, .name = name, .vm = cli->vm};
    const struct export_request request = {
        .cids = cids,
        .count = (size_t)cli->word_count,
        .dag_only = cli_flag(cli, EXPORT_DAG_ONLY),
        .path = path,
        .file = STDOUT_FILENO,
        .progress = bar_progress,
        .context = &bar,
    };
    Status status = export_car(cli->vm->store, &request, &report, &err);
    bar_clear(&bar);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    print_exported(cli, name, &report);
    export_report_deinit(&report);
    return EXIT_OK;
}

static int command_export(struct cli *cli)
{
    struct arena arena = {0};
    Cid *cids = NULL;
    const char *path = cli_value(cli, EXPORT_OUTPUT);
    if (path && strcmp(path, "-") == 0)
        path = NULL;
    if (!path && cli->json)
        return cli_error(cli, EXIT_USAGE,
                         "export: --json needs -o FILE: standard output has "
                         "the CAR");
    if (!path && isatty(STDOUT_FILENO))
        return cli_error(cli, EXIT_USAGE,
                         "export: a CAR is nothing for a terminal: say "
                         "-o FILE, or redirect it");
    int code = cli_open(cli, NULL);
    if (code == EXIT_OK)
        code = read_cids(cli, &arena, &cids);
    if (code == EXIT_OK)
        code = export_to(cli, path, cids);
    arena_deinit(&arena);
    return code;
}

const struct command export_command = {
    .name = "export",
    .synopsis = "CID... [-o FILE.car]",
    .summary = "write content, workflows or results as a CAR file",
    .description =
        "Writes all blocks below the CIDs as a CARv1: depth first, each once,\n"
        "so that equal content gives equal files. A workflow, a computation\n"
        "or a result takes with it what the memo knows of its computations:\n"
        "modules, inputs and results, under a last root (see `ipvm import\n"
        "--trust-answers`). The file appears whole or not at all.",
    .options = export_options,
    .examples = "  ipvm export bafy... -o photos.car\n"
                "  ipvm export --dag-only bafy... | ssh host ipvm import -\n",
    .run = command_export,
    .words_min = 1,
    .words_max = -1,
};

/* --- import -------------------------------------------------------------- */

enum { IMPORT_NO_PIN, IMPORT_TRUST_ANSWERS };

static const struct option import_options[] = {
    [IMPORT_NO_PIN] = {0, "no-pin", NULL, "do not pin the roots"},
    [IMPORT_TRUST_ANSWERS] = {0, "trust-answers", NULL,
                              "enter the results that the file tells of in "
                              "the memo"},
    {0, NULL, NULL, NULL},
};

/* What one file came to. */
struct came {
    const char *name;
    struct car_imported car;
    struct car_missing missing;
    uint64_t heads; /* roots that are answers */
    struct answers_report trusted;
};

static bool is_answers(struct store *store, const Cid *root)
{
    struct block *block;
    if (cid_codec(root) != CODEC_DAG_CBOR ||
        store_get(store, root, &block, NULL) != STATUS_OK)
        return false;
    const bool is = answers_is_head(block_bytes(block));
    block_unref(block);
    return is;
}

static Status take_answers(struct cli *cli, struct came *came,
                           struct error *err)
{
    struct store *store = cli->vm->store;
    for (size_t index = 0; index < came->car.root_count; index++) {
        struct answers_report report;
        if (!is_answers(store, &came->car.roots[index]))
            continue;
        came->heads++;
        if (!cli_flag(cli, IMPORT_TRUST_ANSWERS))
            continue;
        TRY(answers_trust(store, &came->car.roots[index], &report, err));
        if (came->trusted.refused > 0)
            memcpy(report.why, came->trusted.why, sizeof report.why);
        report.entered += came->trusted.entered;
        report.known += came->trusted.known;
        report.alarms += came->trusted.alarms;
        report.refused += came->trusted.refused;
        came->trusted = report;
    }
    return STATUS_OK;
}

static Status import_one(struct cli *cli, int file, struct came *came,
                         struct error *err)
{
    struct bar bar = {.cli = cli, .name = came->name, .vm = cli->vm};
    const struct car_import_options options = {
        .no_pin = cli_flag(cli, IMPORT_NO_PIN),
        .progress = bar_progress,
        .context = &bar,
    };
    Status status = car_import(cli->vm->store, file, came->name, &options,
                               &came->car, err);
    bar_clear(&bar);
    TRY(status);
    if (!options.no_pin)
        TRY(car_look_below(cli->vm->store, &came->car, &came->missing, err));
    return take_answers(cli, came, err);
}

static Value answers_value(const struct answers_report *trusted,
                           struct arena *arena)
{
    struct value_entry entries[] = {
        {TEXT("entered"), value_uint(trusted->entered)},
        {TEXT("known"), value_uint(trusted->known)},
        {TEXT("alarms"), value_uint(trusted->alarms)},
        {TEXT("refused"), value_uint(trusted->refused)},
        {TEXT("why"),
         trusted->refused ? value_text(text_of(trusted->why)) : value_null()},
    };
    return value_map(arena, entries, 5);
}

static void print_json(const struct cli *cli, const struct came *came)
{
    struct arena arena = {0};
    const struct car_imported *car = &came->car;
    Value *roots = arena_array(&arena, car->root_count, sizeof *roots);
    for (size_t index = 0; index < car->root_count; index++) {
        struct value_entry root[] = {
            {TEXT("cid"), cid_value(&car->roots[index], &arena)},
            {TEXT("in_file"), value_bool(car->is_in_file[index])},
            {TEXT("pinned"), value_bool(car->is_pinned[index])},
        };
        roots[index] = value_map(&arena, root, 3);
    }
    const bool trusts = cli_flag(cli, IMPORT_TRUST_ANSWERS);
    struct value_entry entries[] = {
        {TEXT("file"), value_text(output_safe(text_of(came->name), &arena))},
        {TEXT("version"), value_uint(car->version)},
        {TEXT("roots"), value_list(roots, car->root_count)},
        {TEXT("blocks"), value_uint(car->blocks)},
        {TEXT("bytes"), value_uint(car->bytes)},
        {TEXT("missing"), value_uint(came->missing.count)},
        {TEXT("first_missing"), came->missing.count
                                    ? cid_value(&came->missing.first, &arena)
                                    : value_null()},
        {TEXT("answers"),
         trusts ? answers_value(&came->trusted, &arena) : value_null()},
    };
    Value value = value_map(&arena, entries, 8);
    output_json(&value);
    arena_deinit(&arena);
}

static void print_roots(const struct cli *cli, const struct came *came)
{
    char cid[CID_TEXT_MAX];
    const struct car_imported *car = &came->car;
    for (size_t index = 0; index < car->root_count; index++) {
        cid_to_text(&car->roots[index], cid);
        if (cli->quiet)
            printf("%s\n", cid);
        else
            printf("%s  %s%s\n", cid,
                   car->is_pinned[index] ? "pinned" : "not pinned",
                   car->is_in_file[index] ? "" : ", not in the file");
    }
}

/* What somebody may want to do something about. */
static void print_warnings(const struct cli *cli, const struct came *came)
{
    char cid[CID_TEXT_MAX];
    if (came->missing.count > 0) {
        cid_to_text(&came->missing.first, cid);
        fprintf(stderr,
                "ipvm: %s: %llu blocks below the roots are neither in it nor "
                "in the store; the first is %s\n",
                came->name, (unsigned long long)came->missing.count, cid);
    }
    if (came->missing.trouble[0])
        fprintf(stderr, "ipvm: %s: cannot look below the roots: %s\n",
                came->name, came->missing.trouble);
    if (came->trusted.refused > 0)
        fprintf(stderr, "ipvm: %s: %llu answers were refused: %s\n",
                came->name, (unsigned long long)came->trusted.refused,
                came->trusted.why);
    if (came->trusted.alarms > 0)
        fprintf(stderr,
                "ipvm: %s: ALARM: %llu computations have another result in "
                "this store; it keeps its own\n",
                came->name, (unsigned long long)came->trusted.alarms);
    if (cli_flag(cli, IMPORT_TRUST_ANSWERS) && came->heads == 0)
        fprintf(stderr, "ipvm: %s: there are no answers in it to trust\n",
                came->name);
}

static void print_imported(const struct cli *cli, const struct came *came)
{
    char bytes[SHORT_TEXT_MAX];
    if (cli->json)
        print_json(cli, came);
    else
        print_roots(cli, came);
    print_warnings(cli, came);
    if (cli->json || cli->quiet)
        return;
    fprintf(stderr, "%s: %llu blocks, %s\n", came->name,
            (unsigned long long)came->car.blocks,
            show_bytes(came->car.bytes, bytes));
    if (cli_flag(cli, IMPORT_TRUST_ANSWERS) && came->heads > 0)
        fprintf(stderr,
                "%s: %llu results are new in the memo, %llu were "
                "known\n",
                came->name, (unsigned long long)came->trusted.entered,
                (unsigned long long)came->trusted.known);
    else if (came->heads > 0)
        fprintf(stderr,
                "%s: has results of computations, kept as content; "
                "--trust-answers lets the memo answer with them\n",
                came->name);
}

static int import_path(struct cli *cli, const char *path)
{
    struct error err = {0};
    const bool is_input = strcmp(path, "-") == 0;
    struct came came = {.name = is_input ? "standard input" : path};
    const int file =
        is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return cli_error(cli, EXIT_NOT_FOUND, "there is no file %s", path);
    Status status = file < 0 ? fail_errno(&err, errno, "cannot open %s", path)
                             : import_one(cli, file, &came, &err);
    if (file >= 0 && !is_input)
        close(file);
    if (status == STATUS_OK)
        print_imported(cli, &came);
    car_imported_deinit(&came.car);
    return status == STATUS_OK ? EXIT_OK : say_failed(cli, status, &err);
}

static int command_import(struct cli *cli)
{
    int code = cli_open(cli, NULL);
    for (int index = 0; code == EXIT_OK && index < cli->word_count; index++)
        code = import_path(cli, cli->words[index]);
    return code;
}

const struct command import_command = {
    .name = "import",
    .synopsis = "FILE.car... [--no-pin]",
    .summary = "take in CAR files, pin their roots",
    .description =
        "Takes in CAR files (v1 and v2); - is standard input. Every block is\n"
        "hashed; a bad one refuses its file, by name and offset, and nothing\n"
        "of the file is kept. The roots are pinned under the file's name,\n"
        "unless --no-pin, and printed.\n"
        "\n"
        "Results that the file tells of are content and no more, unless\n"
        "--trust-answers: then the memo answers with them, as if they had\n"
        "been computed here. Only for files of people whose computers you\n"
        "trust.",
    .options = import_options,
    .examples = "  ipvm import photos.car\n"
                "  ssh host ipvm export bafy... | ipvm import -\n",
    .run = command_import,
    .words_min = 1,
    .words_max = -1,
};
