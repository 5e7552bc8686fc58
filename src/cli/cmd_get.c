/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_get.c - `ipvm get`, `ipvm cat`. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/tables.h"

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
