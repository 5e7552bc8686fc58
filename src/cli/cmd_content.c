/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_content.c - `ipvm add`, `ipvm get`, `ipvm cat`. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "ipld/unixfs_writer.h"
#include "task/limits.h"

enum { ADD_CHUNK_SIZE, ADD_ONLY_HASH, ADD_REHASH };

static const struct option add_options[] = {
    [ADD_CHUNK_SIZE] = {'s', "chunk-size", "SIZE",
                        "bytes of a leaf (default 1MiB; 256KiB gives the CIDs "
                        "of older Kubo)"},
    [ADD_ONLY_HASH] = {'n', "only-hash", NULL, "print the CID, store nothing"},
    [ADD_REHASH] = {0, "rehash", NULL, "read the file again, changed or not"},
    {0, NULL, NULL, NULL},
};

static int read_chunk_size(struct cli *cli, uint64_t *out)
{
    struct error err;
    const char *word = cli_value(cli, ADD_CHUNK_SIZE);
    if (!word)
        return EXIT_OK;
    if (size_parse(text_of(word), out, &err) != STATUS_OK)
        return cli_error(cli, EXIT_USAGE, "add: --chunk-size: %s",
                         err.message);
    if (*out == 0 || *out > UNIXFS_CHUNK_SIZE_MAX)
        return cli_error(cli, EXIT_USAGE,
                         "add: --chunk-size: %s is not from 1 to %d bytes",
                         word, UNIXFS_CHUNK_SIZE_MAX);
    return EXIT_OK;
}

static void print_added(struct cli *cli, const char *path, const char *cid)
{
    if (cli->json) {
        struct arena arena = {0};
        struct value_entry entries[] = {
            {TEXT("cid"), value_text(text_of(cid))},
            {TEXT("path"), value_text(text_of(path))},
        };
        Value value = value_map(&arena, entries, 2);
        output_json(&value);
        arena_deinit(&arena);
    } else if (cli->quiet) {
        printf("%s\n", cid);
    } else {
        printf("%s  %s\n", cid, path);
    }
}

int command_add(struct cli *cli)
{
    ipvm_add_options options = {.only_hash = cli_flag(cli, ADD_ONLY_HASH)};
    ipvm_options vm = {.rehash = cli_flag(cli, ADD_REHASH)};
    int code = read_chunk_size(cli, &options.chunk_size);
    if (code == EXIT_OK)
        code = cli_open(cli, &vm);
    for (int index = 0; code == EXIT_OK && index < cli->word_count; index++) {
        char cid[IPVM_CID_MAX];
        ipvm_error error;
        struct bar bar = {
            .cli = cli, .name = cli->words[index], .vm = cli->vm};
        options.on_progress = bar_progress;
        options.context = &bar;
        ipvm_status status =
            ipvm_add_file(cli->vm, cli->words[index], &options, cid, &error);
        bar_clear(&bar);
        if (status == IPVM_OK)
            print_added(cli, cli->words[index], cid);
        else
            code = cli_fail(cli, &error);
    }
    return code;
}

const struct command add_command = {
    .name = "add",
    .synopsis = "FILE...",
    .summary = "import files, print their CIDs",
    .description =
        "Imports files as UnixFS (profile unixfs-v1-2025: raw leaves of\n"
        "1 MiB, CIDv1) and prints their CIDs; - is standard input. With -q\n"
        "just the CIDs.",
    .options = add_options,
    .examples = "  ipvm add photo.png\n"
                "  ipvm add --chunk-size 256KiB -q photo.png\n",
    .run = command_add,
    .words_min = 1,
    .words_max = -1,
};

/* --- get and cat --------------------------------------------------------- */

enum { GET_OUTPUT };

static const struct option get_options[] = {
    [GET_OUTPUT] = {'o', "output", "FILE",
                    "where to (default: the CID's text)"},
    {0, NULL, NULL, NULL},
};

static void print_got(const char *cid, const char *path)
{
    struct arena arena = {0};
    struct value_entry entries[] = {
        {TEXT("cid"), value_text(text_of(cid))},
        {TEXT("file"), value_text(text_of(path))},
    };
    Value value = value_map(&arena, entries, 2);
    output_json(&value);
    arena_deinit(&arena);
}

int command_get(struct cli *cli)
{
    ipvm_error error;
    struct stat there;
    char path[4096];
    const char *asked = cli_value(cli, GET_OUTPUT);
    const char *cid = cli->words[0];
    const char *slash = strrchr(cid, '/');

    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    const char *name = slash ? slash + 1 : cid;
    if (asked && stat(asked, &there) == 0 && S_ISDIR(there.st_mode))
        snprintf(path, sizeof path, "%s/%s", asked, name);
    else
        snprintf(path, sizeof path, "%s", asked ? asked : name);
    if (ipvm_save(cli->vm, cid, path, &error) != IPVM_OK)
        return cli_fail(cli, &error);
    if (cli->json)
        print_got(cid, path);
    else if (!cli->quiet)
        fprintf(stderr, "%s\n", path);
    return EXIT_OK;
}

const struct command get_command = {
    .name = "get",
    .synopsis = "CID [-o FILE]",
    .summary = "write content to a file",
    .description =
        "Writes a file's bytes, each block verified. The file appears whole\n"
        "or not at all. CID/a/b is a file in a directory.",
    .options = get_options,
    .examples = "  ipvm get bafy... -o photo.png\n",
    .run = command_get,
    .words_min = 1,
    .words_max = 1,
};

int command_cat(struct cli *cli)
{
    int code = cli_open(cli, NULL);
    for (int index = 0; code == EXIT_OK && index < cli->word_count; index++)
        code = output_content(cli, cli->words[index]);
    return code;
}

const struct command cat_command = {
    .name = "cat",
    .synopsis = "CID...",
    .summary = "print content",
    .description =
        "Writes files' bytes to standard output, each block verified. CID/a/b\n"
        "is a file in a directory.",
    .examples = "  ipvm cat bafy... | head\n",
    .run = command_cat,
    .words_min = 1,
    .words_max = -1,
};
