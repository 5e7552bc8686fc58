/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_stat.c - `ipvm stat`: what is in the store. */
#include <stdio.h>

#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "content/sources.h"
#include "lib/handle.h"

static bool count_source(void *context, [[maybe_unused]] const char *path)
{
    uint64_t *count = context;
    ++*count;
    return true;
}

static void print_json(const struct cli *cli, const struct store_stat *stat,
                       uint64_t sources)
{
    struct arena arena = {0};
    const struct value_entry entries[] = {
        {TEXT("block_bytes"), value_uint(stat->block_bytes)},
        {TEXT("blocks"), value_uint(stat->blocks)},
        {TEXT("file_bytes"), value_uint(stat->used_bytes)},
        {TEXT("free_bytes"), value_uint(stat->free_bytes)},
        {TEXT("memo"), value_uint(stat->memo)},
        {TEXT("names"), value_uint(stat->names)},
        {TEXT("pins"), value_uint(stat->pins)},
        {TEXT("sources"), value_uint(sources)},
        {TEXT("store"),
         value_text(
             output_safe(text_of(store_directory(cli->vm->store)), &arena))},
        {TEXT("symbolic"), value_uint(stat->symbolic)},
    };
    const Value value =
        value_map(&arena, entries, sizeof entries / sizeof *entries);
    output_json(&value);
    arena_deinit(&arena);
}

static void print_count(const char *what, uint64_t count)
{
    printf("%-8s %llu\n", what, (unsigned long long)count);
}

static void print_text(const struct cli *cli, const struct store_stat *stat,
                       uint64_t sources)
{
    struct arena arena = {0};
    char bytes[SHORT_TEXT_MAX], free_bytes[SHORT_TEXT_MAX];
    const Text place =
        output_safe(text_of(store_directory(cli->vm->store)), &arena);
    printf("store    %.*s\n", TEXT_ARG(place));
    printf("blocks   %llu, %s on disk\n", (unsigned long long)stat->blocks,
           show_bytes(stat->block_bytes, bytes));
    print_count("results", stat->memo);
    print_count("pins", stat->pins);
    print_count("names", stat->names);
    print_count("sources", sources);
    printf("file     %s, %s of it free to be used again\n",
           show_bytes(stat->used_bytes, bytes),
           show_bytes(stat->free_bytes, free_bytes));
    arena_deinit(&arena);
}

static int run_stat(struct cli *cli)
{
    struct error err = {0};
    struct store_stat stat;
    uint64_t sources = 0;
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    Status status = store_stat(cli->vm->store, &stat, &err);
    if (status == STATUS_OK)
        status = sources_list(cli->vm->store, count_source, &sources, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    if (cli->json)
        print_json(cli, &stat, sources);
    else
        print_text(cli, &stat, sources);
    return EXIT_OK;
}

const struct command stat_command = {
    .name = "stat",
    .synopsis = "",
    .summary = "say what is in the store",
    .description =
        "Counts blocks, memo results, pins, names and sources, and says how\n"
        "large the store's file is and how much of it is free. Free space is\n"
        "used again; the file does not shrink. `ipvm backup` and `ipvm\n"
        "restore` make a file without it.",
    .examples = "  ipvm stat --json\n",
    .run = run_stat,
    .words_min = 0,
    .words_max = 0,
};
