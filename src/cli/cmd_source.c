/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_source.c - `ipvm source`: blocks used where they lie. */
#include <stdio.h>

#include "base/arena.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "content/car_source.h"
#include "content/sources.h"
#include "lib/handle.h"

static int fail_source(struct cli *cli, Status status, const struct error *err)
{
    ipvm_error error;
    IGNORE((Status)lib_fail(status, err, &error)); // The same again.
    return cli_fail(cli, &error);
}

/* --- Showing one --------------------------------------------------------- */

struct refused {
    struct arena arena;
    Value items[64]; /* the first of them */
    size_t count;
    bool json;
};

static bool tell_refused(void *context, const char *path,
                         const struct car_file *file)
{
    struct refused *refused = context;
    const Text safe = output_safe(text_of(path), &refused->arena);
    if (file->trouble[0] == '\0')
        return true;
    if (!refused->json) {
        printf("  not used: %.*s: %s\n", TEXT_ARG(safe), file->trouble);
        return true;
    }
    struct value_entry entries[] = {
        {TEXT("path"), value_text(safe)},
        {TEXT("reason"),
         value_text(arena_copy_text(&refused->arena, text_of(file->trouble)))},
    };
    refused->items[refused->count++] = value_map(&refused->arena, entries, 2);
    return refused->count < sizeof refused->items / sizeof *refused->items;
}

static void show_json(struct block_source *source,
                      const struct source_stat *stat)
{
    struct refused refused = {.json = true};
    struct arena *arena = &refused.arena;
    car_source_each(source, tell_refused, &refused);
    struct value_entry entries[] = {
        {TEXT("path"), value_text(output_safe(text_of(source->name), arena))},
        {TEXT("there"), value_bool(!stat->is_missing)},
        {TEXT("files"), value_uint(stat->files)},
        {TEXT("blocks"), value_uint(stat->blocks)},
        {TEXT("bytes"), value_uint(stat->block_bytes)},
        {TEXT("refused"), value_list(refused.items, refused.count)},
    };
    Value value = value_map(arena, entries, 6);
    output_json(&value);
    arena_deinit(arena);
}

static void show(struct cli *cli, struct block_source *source)
{
    char bytes[SHORT_TEXT_MAX];
    struct refused refused = {.json = false};
    struct source_stat stat;
    source->stat(source, &stat);
    if (cli->json) {
        show_json(source, &stat);
        return;
    }
    const Text safe = output_safe(text_of(source->name), &refused.arena);
    printf("%.*s", TEXT_ARG(safe));
    if (cli->quiet) {
        printf("\n");
    } else if (stat.is_missing) {
        printf("  (cannot be read now)\n");
    } else {
        printf("  %llu %s, %llu blocks, %s\n", (unsigned long long)stat.files,
               stat.files == 1 ? "CAR" : "CARs",
               (unsigned long long)stat.blocks,
               show_bytes(stat.block_bytes, bytes));
        car_source_each(source, tell_refused, &refused);
    }
    arena_deinit(&refused.arena);
}

/* --- source add ---------------------------------------------------------- */

static int source_add(struct cli *cli)
{
    int code = cli_open(cli, NULL);
    for (int index = 0; code == EXIT_OK && index < cli->word_count; index++) {
        struct error err = {0};
        struct block_source *source;
        struct bar bar = {
            .cli = cli, .name = cli->words[index], .vm = cli->vm};
        Status status = sources_add(cli->vm->store, cli->words[index],
                                    bar_progress, &bar, &source, &err);
        bar_clear(&bar);
        if (status == STATUS_OK)
            show(cli, source);
        else
            code = fail_source(cli, status, &err);
    }
    return code;
}

static const struct command add_part = {
    .name = "source add",
    .synopsis = "DIR|FILE.car...",
    .summary = "use the blocks of CAR files where they lie",
    .description =
        "From now on every command finds the blocks of these CAR files as if\n"
        "they were in the store; nothing is imported. Of a folder, the files\n"
        "in it that end in .car. They are indexed once, and again when they\n"
        "change; each block is hashed whenever it is read. A file that is not\n"
        "a whole CAR is passed over, and named.\n",
    .examples = "  ipvm source add /data/cars\n"
                "  ipvm cat bafy...\n",
    .run = source_add,
    .words_min = 1,
    .words_max = -1,
};

/* --- source ls ----------------------------------------------------------- */

static bool show_each(void *context, const char *path)
{
    struct cli *cli = context;
    struct arena arena = {0};
    const struct car_source_options options = {
        .index_directory =
            arena_format(&arena, "%s/sources", store_directory(cli->vm->store))
                .data,
    };
    struct block_source *source = car_source_new(path, &options);
    show(cli, source);
    source->close(source);
    arena_deinit(&arena);
    return true;
}

static int source_ls(struct cli *cli)
{
    struct error err = {0};
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    Status status = sources_list(cli->vm->store, show_each, cli, &err);
    return status == STATUS_OK ? EXIT_OK : fail_source(cli, status, &err);
}

static const struct command ls_part = {
    .name = "source ls",
    .synopsis = "",
    .summary = "list the sources, and what in them is not used",
    .description =
        "In the order in which they are asked for blocks that the store has\n"
        "not itself.\n",
    .run = source_ls,
    .words_min = 0,
    .words_max = 0,
};

/* --- source rm ----------------------------------------------------------- */

static int source_rm(struct cli *cli)
{
    int code = cli_open(cli, NULL);
    for (int index = 0; code == EXIT_OK && index < cli->word_count; index++) {
        struct error err = {0};
        Status status =
            sources_remove(cli->vm->store, cli->words[index], &err);
        if (status != STATUS_OK)
            code = fail_source(cli, status, &err);
    }
    return code;
}

static const struct command rm_part = {
    .name = "source rm",
    .synopsis = "DIR|FILE.car...",
    .summary = "no longer use these CAR files",
    .description =
        "The files stay as they are. Processes that run go on using\n"
        "them.\n",
    .run = source_rm,
    .words_min = 1,
    .words_max = -1,
};

static const struct command *const parts[] = {&add_part, &ls_part, &rm_part,
                                              NULL};

const struct command source_command = {
    .name = "source",
    .summary = "use CAR files without importing them",
    .parts = parts,
};
