/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_receipts_import.c - `ipvm receipts import`: what others say of results,
 * taken in as evidence. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "lib/handle.h"
#include "run/receipts_import.h"

enum { IMPORT_NO_PIN };

static const struct option import_options[] = {
    [IMPORT_NO_PIN] = {0, "no-pin", NULL, "a collection may take the results"},
    {0, NULL, NULL, NULL},
};

static Value hash_value(const Hash *hash, struct arena *arena)
{
    Cid cid;
    cid_from_hash(CODEC_DAG_CBOR, hash, &cid);
    return value_text(cid_bytes_to_text(cid_bytes(&cid), arena));
}

/* --- JSON ---------------------------------------------------------------- */

static Value refused_value(const struct receipts_imported *imported,
                           struct arena *arena)
{
    const uint64_t told = imported->refused < RECEIPTS_TOLD_MAX
                              ? imported->refused
                              : RECEIPTS_TOLD_MAX;
    Value *items = arena_array(arena, told, sizeof *items);
    for (uint64_t index = 0; index < told; index++) {
        const struct receipt_refused *refused = &imported->told_refused[index];
        const struct value_entry entries[] = {
            {TEXT("check"), value_text(text_of(refused->check))},
            {TEXT("receipt"), hash_value(&refused->id, arena)},
            {TEXT("why"),
             value_text(output_safe(text_of(refused->why), arena))},
        };
        items[index] = value_map(arena, entries, 3);
    }
    return value_list(items, told);
}

static void print_json(const char *path,
                       const struct receipts_imported *imported)
{
    struct arena arena = {0};
    Value *alarms =
        arena_array(&arena, imported->told_alarm_count, sizeof *alarms);
    for (size_t index = 0; index < imported->told_alarm_count; index++)
        alarms[index] = hash_value(&imported->told_alarms[index], &arena);
    const struct value_entry entries[] = {
        {TEXT("added"), value_uint(imported->added)},
        {TEXT("alarms"), value_uint(imported->alarms)},
        {TEXT("contradicted"), value_list(alarms, imported->told_alarm_count)},
        {TEXT("expired"), value_uint(imported->expired)},
        {TEXT("file"), value_text(output_safe(text_of(path), &arena))},
        {TEXT("forks"), value_uint(imported->forks)},
        {TEXT("head"),
         value_text(cid_bytes_to_text(cid_bytes(&imported->head), &arena))},
        {TEXT("known"), value_uint(imported->known)},
        {TEXT("receipts"), value_uint(imported->receipts)},
        {TEXT("refused"), value_uint(imported->refused)},
        {TEXT("refusals"), refused_value(imported, &arena)},
    };
    const Value value =
        value_map(&arena, entries, sizeof entries / sizeof *entries);
    output_json(&value);
    arena_deinit(&arena);
}

/* --- Words --------------------------------------------------------------- */

static void print_refused(const char *path,
                          const struct receipts_imported *imported)
{
    struct arena arena = {0};
    for (uint64_t index = 0;
         index < imported->refused && index < RECEIPTS_TOLD_MAX; index++) {
        const struct receipt_refused *refused = &imported->told_refused[index];
        fprintf(stderr, "ipvm: %s: receipt %.*s fails the check %s: %.*s\n",
                path, TEXT_ARG(hash_value(&refused->id, &arena).text),
                refused->check,
                TEXT_ARG(output_safe(text_of(refused->why), &arena)));
    }
    arena_deinit(&arena);
}

static void print_alarms(const char *path,
                         const struct receipts_imported *imported)
{
    struct arena arena = {0};
    if (imported->alarms > 0)
        fprintf(stderr,
                "ipvm: %s: ALARM: %llu receipts contradict what was known; "
                "all are kept, and none is believed\n",
                path, (unsigned long long)imported->alarms);
    for (size_t index = 0; index < imported->told_alarm_count; index++)
        fprintf(
            stderr, "ipvm: %s: two results of computation %.*s\n", path,
            TEXT_ARG(hash_value(&imported->told_alarms[index], &arena).text));
    if (imported->forks > 0)
        fprintf(stderr, "ipvm: %s: ALARM: %s\n", path, imported->fork);
    arena_deinit(&arena);
}

static void print_counts(const char *path,
                         const struct receipts_imported *imported)
{
    printf("%s: %llu receipts are new, %llu were known", path,
           (unsigned long long)imported->added,
           (unsigned long long)imported->known);
    if (imported->expired > 0)
        printf(", %llu have expired and were left out",
               (unsigned long long)imported->expired);
    printf("\n");
    if (imported->added > 0)
        printf("they are evidence: `ipvm trust` says whose word counts\n");
}

/* --- Importing ----------------------------------------------------------- */

static int tell(struct cli *cli, const char *path,
                const struct receipts_imported *imported)
{
    if (cli->json)
        print_json(path, imported);
    print_refused(path, imported);
    if (imported->refused > 0)
        return cli_error(cli, EXIT_INPUT,
                         "%s: %llu of its %llu receipts were refused; nothing "
                         "of it was kept",
                         path, (unsigned long long)imported->refused,
                         (unsigned long long)imported->receipts);
    if (!cli->json && !cli->quiet)
        print_counts(path, imported);
    print_alarms(path, imported);
    return imported->alarms + imported->forks > 0 ? EXIT_FAILED : EXIT_OK;
}

static int import_path(struct cli *cli, const char *path)
{
    struct error err = {0};
    struct bar bar = {.cli = cli, .name = path, .vm = cli->vm};
    struct receipts_import what = {
        .path = path,
        .no_pin = cli_flag(cli, IMPORT_NO_PIN),
        .progress = bar_progress,
        .context = &bar,
    };
    struct receipts_imported *imported = HEAP_NEW(struct receipts_imported);
    Status status = receipts_import_car(cli->vm->store, &what, imported, &err);
    bar_clear(&bar);
    int code;
    if (status != STATUS_OK) {
        status = fail_in(&err, status, "%.80s", path);
        code = say_failed(cli, status, &err);
    } else {
        code = tell(cli, path, imported);
    }
    free(imported);
    return code;
}

static int run_import(struct cli *cli)
{
    int worst = EXIT_OK;
    int code = cli_open(cli, NULL);
    for (int index = 0; code == EXIT_OK && index < cli->word_count; index++) {
        const int came = import_path(cli, cli->words[index]);
        if (came != EXIT_FAILED)
            code = came;
        else
            worst = came;
    }
    return code == EXIT_OK ? worst : code;
}

const struct command receipts_import_command = {
    .name = "receipts import",
    .synopsis = "FILE.car... [--no-pin]",
    .summary = "take in receipts of others, with their results",
    .description =
        "Checks every receipt of the files that `ipvm receipts export` wrote:\n"
        "the statement, the signature that covers it, the result and all its\n"
        "blocks. If one fails, its file is refused and nothing of it is kept.\n"
        "\n"
        "What was taken in is evidence and answers nothing by itself: see\n"
        "`ipvm trust`. Receipts that contradict what is known here are kept,\n"
        "and told: then the exit code is 1.",
    .options = import_options,
    .examples = "  ipvm receipts import photo-receipts.car\n"
                "  ipvm trust add did:key:z6Mk...\n",
    .run = run_import,
    .words_min = 1,
    .words_max = -1,
};
