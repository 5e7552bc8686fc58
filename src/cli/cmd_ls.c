/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_ls.c - `ipvm ls`: entries as they are read, so that a directory of any
 * size begins at once and takes no memory. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "content/content.h"
#include "content/path.h"
#include "lib/handle.h"

enum { LS_LONG, LS_FAST };

static const struct option ls_options[] = {
    [LS_LONG] = {'l', "long", NULL, "also mode and time, where they are kept"},
    [LS_FAST] = {0, "fast", NULL,
                 "do not look at what the names lead to: no kind and size"},
    {0, NULL, NULL, NULL},
};

struct listing {
    struct cli *cli;
    struct unixfs_source source;
    struct arena arena; /* for one entry */
};

/* What a name leads to; `is_known` false: its block is not here. */
struct shown {
    Text name;
    Bytes cid;
    bool is_known;
    struct unixfs_info info;
    Text target; /* of a symlink */
};

static const char *kind_name(const struct shown *shown)
{
    if (!shown->is_known)
        return "unknown";
    return shown->info.kind == UNIXFS_DIRECTORY ? "directory"
           : shown->info.kind == UNIXFS_SYMLINK ? "symlink"
                                                : "file";
}

/* "2026-01-31T12:00:00Z", or "-". */
static void show_time(const struct unixfs_metadata *metadata, char out[32])
{
    const time_t seconds = (time_t)metadata->mtime_s;
    struct tm parts;
    snprintf(out, 32, "-");
    if (metadata->has_mtime && gmtime_r(&seconds, &parts))
        strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static void print_json(struct listing *listing, const struct shown *shown)
{
    struct value_entry entries[8];
    struct arena *arena = &listing->arena;
    const struct unixfs_metadata *metadata = &shown->info.metadata;
    size_t count = 0;
    entries[count++] =
        (struct value_entry){TEXT("name"), value_text(shown->name)};
    entries[count++] = (struct value_entry){
        TEXT("cid"), value_text(cid_bytes_to_text(shown->cid, arena))};
    if (!cli_flag(listing->cli, LS_FAST))
        entries[count++] = (struct value_entry){
            TEXT("kind"), value_text(text_of(kind_name(shown)))};
    if (shown->is_known && shown->info.kind == UNIXFS_FILE)
        entries[count++] =
            (struct value_entry){TEXT("size"), value_uint(shown->info.size)};
    if (shown->is_known && shown->info.kind == UNIXFS_SYMLINK)
        entries[count++] = (struct value_entry){
            TEXT("target"), value_text(output_safe(shown->target, arena))};
    if (shown->is_known && metadata->has_mode)
        entries[count++] =
            (struct value_entry){TEXT("mode"), value_int(metadata->mode)};
    if (shown->is_known && metadata->has_mtime) {
        entries[count++] =
            (struct value_entry){TEXT("mtime"), value_int(metadata->mtime_s)};
        entries[count++] = (struct value_entry){TEXT("mtime_ns"),
                                                value_int(metadata->mtime_ns)};
    }
    Value value = value_map(arena, entries, count);
    output_json(&value);
}

static void print_long(const struct shown *shown)
{
    const struct unixfs_metadata *metadata = &shown->info.metadata;
    char mode[8] = "-", when[32];
    if (metadata->has_mode)
        snprintf(mode, sizeof mode, "%04o", metadata->mode & 07777U);
    show_time(metadata, when);
    printf("%5s  %-20s  ", mode, when);
}

static void print_text(struct listing *listing, const struct shown *shown)
{
    struct arena *arena = &listing->arena;
    Text name = output_safe(shown->name, arena);
    char size[24] = "-";
    if (listing->cli->quiet) {
        printf("%.*s\n", TEXT_ARG(name));
        return;
    }
    if (cli_flag(listing->cli, LS_LONG))
        print_long(shown);
    Text cid = cid_bytes_to_text(shown->cid, arena);
    printf("%.*s  ", TEXT_ARG(cid));
    if (!shown->is_known)
        snprintf(size, sizeof size, "?");
    else if (shown->info.kind == UNIXFS_FILE)
        snprintf(size, sizeof size, "%" PRIu64, shown->info.size);
    if (!cli_flag(listing->cli, LS_FAST))
        printf("%12s  ", size);
    printf("%.*s", TEXT_ARG(name));
    if (shown->is_known && shown->info.kind == UNIXFS_DIRECTORY)
        putchar('/');
    if (shown->is_known && shown->info.kind == UNIXFS_SYMLINK) {
        Text target = output_safe(shown->target, arena);
        printf(" -> %.*s", TEXT_ARG(target));
    }
    putchar('\n');
}

/* A raw block is a file: its length says it all, and nothing is hashed. */
static Status open_child(struct listing *listing, struct shown *shown,
                         struct error *err)
{
    Cid cid;
    if (cid_from_bytes(shown->cid, &cid, NULL) != STATUS_OK ||
        cid_codec(&cid) != CODEC_RAW)
        return unixfs_open(&listing->source, shown->cid, &shown->info, err);
    shown->info = (struct unixfs_info){.kind = UNIXFS_FILE};
    return store_length(listing->cli->vm->store, &cid, &shown->info.size, err);
}

/* A block that is missing, or no UnixFS, is shown as such. */
static Status look_at(struct listing *listing, struct shown *shown,
                      struct error *err)
{
    if (cli_flag(listing->cli, LS_FAST) && !cli_flag(listing->cli, LS_LONG))
        return STATUS_OK;
    Status status = open_child(listing, shown, err);
    if (status == STATUS_OK && shown->info.kind == UNIXFS_SYMLINK)
        status = unixfs_symlink(&listing->source, shown->cid, &listing->arena,
                                &shown->target, err);
    shown->is_known = status == STATUS_OK;
    return status == STATUS_NOT_FOUND || status == STATUS_INVALID ||
                   status == STATUS_UNSUPPORTED
               ? STATUS_OK
               : status;
}

static Status show(struct listing *listing, Text name, Bytes cid,
                   struct error *err)
{
    struct shown shown = {.name = name, .cid = cid};
    if (ipvm_interrupted(listing->cli->vm))
        return fail(err, STATUS_CANCELLED, "interrupted");
    TRY(look_at(listing, &shown, err));
    if (listing->cli->json)
        print_json(listing, &shown);
    else
        print_text(listing, &shown);
    arena_reset(&listing->arena);
    if (ferror(stdout))
        return fail(err, STATUS_IO, "cannot write to standard output");
    return STATUS_OK;
}

static Status show_entry(void *context, const struct unixfs_entry *entry,
                         struct error *err)
{
    return show(context, entry->name, entry->cid, err);
}

static Status list(struct listing *listing, const char *word,
                   struct error *err)
{
    struct unixfs_info info;
    Cid cid;
    TRY(lib_resolve(listing->cli->vm, word, &cid, err));
    TRY(unixfs_open(&listing->source, cid_bytes(&cid), &info, err));
    if (info.kind == UNIXFS_DIRECTORY)
        return unixfs_each(&listing->source, cid_bytes(&cid), show_entry,
                           listing, err);
    const char *slash = strrchr(word, '/');
    return show(listing, text_of(slash ? slash + 1 : word), cid_bytes(&cid),
                err);
}

static int command_ls(struct cli *cli)
{
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    struct listing listing = {.cli = cli,
                              .source = content_source(cli->vm->store)};
    for (int index = 0; code == EXIT_OK && index < cli->word_count; index++) {
        struct error err = {0};
        ipvm_error error;
        if (cli->word_count > 1 && !cli->json && !cli->quiet)
            printf("%s%s:\n", index > 0 ? "\n" : "", cli->words[index]);
        Status status = list(&listing, cli->words[index], &err);
        if (status == STATUS_OK)
            continue;
        lib_fail(status, &err, &error);
        code = cli_fail(cli, &error);
    }
    arena_deinit(&listing.arena);
    return code;
}

const struct command ls_command = {
    .name = "ls",
    .synopsis = "CID[/PATH]...",
    .summary = "list directories",
    .description =
        "Lists CID, size and name of what is in a directory: / behind a\n"
        "directory, -> before what a symlink leads to, ? for what is not in\n"
        "the store. Large directories (HAMT) come in the order they are\n"
        "stored in. A file is listed by itself. -q prints only names.",
    .options = ls_options,
    .examples = "  ipvm ls bafy...\n"
                "  ipvm ls --long bafy.../photos\n",
    .run = command_ls,
    .words_min = 1,
    .words_max = -1,
};
