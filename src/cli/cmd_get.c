/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_get.c - `ipvm get`, `ipvm cat`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "content/path.h"
#include "content/tree.h"
#include "lib/handle.h"
#include "task/limits.h"

enum { GET_OUTPUT, GET_UNSAFE, GET_MAX };

static const struct option get_options[] = {
    [GET_OUTPUT] = {'o', "output", "PATH",
                    "where to (default: the last name, or the CID's text)"},
    [GET_UNSAFE] = {0, "unsafe-links", "refuse|skip",
                    "symlinks that could lead out of the directory "
                    "(default refuse)"},
    [GET_MAX] = {0, "max-size", "SIZE",
                 "stop beyond; each name of a directory counts as 4KiB"},
    {0, NULL, NULL, NULL},
};

static int fail_with(struct cli *cli, Status status, const struct error *err)
{
    ipvm_error error;
    lib_fail(status, err, &error);
    return cli_fail(cli, &error);
}

static int read_size(struct cli *cli, int option, const char *name,
                     uint64_t *out)
{
    struct error err;
    const char *word = cli_value(cli, option);
    if (word && size_parse(text_of(word), out, &err) != STATUS_OK)
        return cli_error(cli, EXIT_USAGE, "%s: --%s: %s", cli->command->name,
                         name, err.message);
    return EXIT_OK;
}

static int read_get_options(struct cli *cli, struct tree_save_options *out)
{
    const char *unsafe = cli_value(cli, GET_UNSAFE);
    *out = (struct tree_save_options){.unsafe_links = TREE_REFUSE};
    if (unsafe && strcmp(unsafe, "skip") == 0)
        out->unsafe_links = TREE_SKIP;
    else if (unsafe && strcmp(unsafe, "refuse") != 0)
        return cli_error(cli, EXIT_USAGE,
                         "get: --unsafe-links is refuse or skip, not %s",
                         unsafe);
    return read_size(cli, GET_MAX, "max-size", &out->max_bytes);
}

static void print_got(struct cli *cli, const char *cid, const char *path,
                      const struct tree_saved *saved)
{
    struct arena arena = {0};
    Text safe = output_safe(text_of(path), &arena);
    if (cli->json) {
        struct value_entry entries[] = {
            {TEXT("cid"), value_text(text_of(cid))},
            {TEXT("file"), value_text(safe)},
            {TEXT("files"), value_int((int64_t)saved->files)},
            {TEXT("links_skipped"), value_int((int64_t)saved->links_skipped)},
        };
        Value value = value_map(&arena, entries, saved->files ? 4 : 2);
        output_json(&value);
    } else if (!cli->quiet) {
        fprintf(stderr, "%.*s\n", TEXT_ARG(safe));
        if (saved->links_skipped > 0)
            fprintf(stderr,
                    "ipvm: %llu symlinks that could lead out skipped\n",
                    (unsigned long long)saved->links_skipped);
    }
    arena_deinit(&arena);
}

/* `name` is what it is called if nobody says. */
static Status save(struct cli *cli, const char *name, const Cid *cid,
                   struct tree_save_options *options, char path[4096],
                   struct tree_saved *saved, struct error *err)
{
    const struct unixfs_source source = content_source(cli->vm->store);
    const char *asked = cli_value(cli, GET_OUTPUT);
    struct unixfs_info info;
    struct stat there;
    TRY(unixfs_open(&source, cid_bytes(cid), &info, err));
    const bool is_tree = info.kind == UNIXFS_DIRECTORY;
    const bool is_into = !is_tree && asked && stat(asked, &there) == 0 &&
                         S_ISDIR(there.st_mode);
    const int len = is_into ? snprintf(path, 4096, "%s/%s", asked, name)
                            : snprintf(path, 4096, "%s", asked ? asked : name);
    if (len < 0 || len >= 4096)
        return fail(err, STATUS_INVALID, "the path is too long");
    if (!is_tree && options->max_bytes && info.size > options->max_bytes)
        return fail(err, STATUS_LIMIT, "it has %llu bytes, more than allowed",
                    (unsigned long long)info.size);
    if (!is_tree)
        return content_save(cli->vm->store, cid, path, err);
    struct bar bar = {.cli = cli, .name = name, .vm = cli->vm};
    options->progress = bar_progress;
    options->context = &bar;
    Status status = tree_save(cli->vm->store, cid, path, options, saved, err);
    bar_clear(&bar);
    return status;
}

int command_get(struct cli *cli)
{
    struct tree_save_options options;
    struct tree_saved saved = {.files = 0};
    struct error err = {0};
    char path[4096];
    Cid cid = {.len = 0};
    const char *word = cli->words[0];

    int code = read_get_options(cli, &options);
    if (code == EXIT_OK)
        code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    size_t len = strlen(word);
    while (len > 1 && word[len - 1] == '/')
        len--;
    struct arena arena = {0};
    const char *name = arena_format(&arena, "%.*s", (int)len, word).data;
    const char *slash = strrchr(name, '/');
    Status status = lib_resolve(cli->vm, word, &cid, &err);
    const bool is_found = status == STATUS_OK;
    if (status == STATUS_OK)
        status = save(cli, slash ? slash + 1 : name, &cid, &options, path,
                      &saved, &err);
    if (status != STATUS_OK && is_found &&
        lib_heal(cli->vm, &cid, status) == STATUS_OK) {
        saved = (struct tree_saved){.files = 0};
        status = save(cli, slash ? slash + 1 : name, &cid, &options, path,
                      &saved, &err);
    }
    if (status == STATUS_OK)
        print_got(cli, word, path, &saved);
    else
        code = fail_with(cli, status, &err);
    arena_deinit(&arena);
    return code;
}

const struct command get_command = {
    .name = "get",
    .synopsis = "CID[/PATH] [-o PATH]",
    .summary = "write content to a file or directory",
    .description =
        "Writes a file, or a directory with all below, each block verified.\n"
        "It appears whole or not at all. Modes (never setuid, setgid or\n"
        "sticky) and times are set where they were kept. A directory is\n"
        "never written over one that is not empty, and nothing is written\n"
        "outside of it: symlinks that are absolute, or go up anywhere but\n"
        "first, are refused, or left out with --unsafe-links skip. Ended by\n"
        "force, it may leave a directory .ipvm-* beside the target.",
    .options = get_options,
    .examples = "  ipvm get bafy... -o photo.png\n"
                "  ipvm get bafy.../photos -o pictures\n",
    .run = command_get,
    .words_min = 1,
    .words_max = 1,
};

/* --- cat ----------------------------------------------------------------- */

enum { CAT_OFFSET, CAT_LENGTH };

static const struct option cat_options[] = {
    [CAT_OFFSET] = {0, "offset", "BYTES", "begin behind so many bytes"},
    [CAT_LENGTH] = {'l', "length", "BYTES", "at most so many bytes"},
    {0, NULL, NULL, NULL},
};

struct range {
    struct cli *cli;
    uint64_t skip, left;
    uint64_t given; /* of the file that is read */
    bool failed;    /* stdout */
};

static Status write_out(void *context, Bytes piece, struct error *err)
{
    struct range *range = context;
    if (ipvm_interrupted(range->cli->vm))
        return fail(err, STATUS_CANCELLED, "interrupted");
    range->failed = fwrite(piece.data, 1, piece.len, stdout) != piece.len;
    if (range->failed)
        return fail_errno(err, errno, "cannot write to standard output");
    range->given += piece.len;
    return STATUS_OK;
}

static Status read_range(struct range *range, const Cid *cid,
                         struct error *err)
{
    struct ipvm *vm = range->cli->vm;
    range->given = 0;
    Status status = content_read_range(vm->store, cid, range->skip,
                                       range->left, write_out, range, err);
    if (status == STATUS_OK || lib_heal(vm, cid, status) != STATUS_OK)
        return status;
    return content_read_range(vm->store, cid, range->skip + range->given,
                              range->left - range->given, write_out, range,
                              err);
}

/* As if all were one file: what is before the range is skipped. */
static Status cat_one(struct range *range, const char *word, struct error *err)
{
    struct store *store = range->cli->vm->store;
    uint64_t size;
    Cid cid;
    TRY(lib_resolve(range->cli->vm, word, &cid, err));
    Status status = content_size(store, &cid, &size, err);
    if (status != STATUS_OK &&
        lib_heal(range->cli->vm, &cid, status) == STATUS_OK)
        status = content_size(store, &cid, &size, err);
    TRY(status);
    if (range->skip >= size) {
        range->skip -= size;
        return STATUS_OK;
    }
    TRY(read_range(range, &cid, err));
    const uint64_t rest = size - range->skip;
    range->left -= rest < range->left ? rest : range->left;
    range->skip = 0;
    return STATUS_OK;
}

static int cat_range(struct cli *cli)
{
    struct range range = {.cli = cli, .left = UINT64_MAX};
    struct error err = {0};
    int code = read_size(cli, CAT_OFFSET, "offset", &range.skip);
    if (code == EXIT_OK)
        code = read_size(cli, CAT_LENGTH, "length", &range.left);
    if (code == EXIT_OK)
        code = cli_open(cli, NULL);
    for (int index = 0; code == EXIT_OK && index < cli->word_count; index++) {
        Status status = cat_one(&range, cli->words[index], &err);
        if (status == STATUS_OK && fflush(stdout) != 0)
            status =
                fail_errno(&err, errno, "cannot write to standard output");
        if (status != STATUS_OK)
            code = fail_with(cli, status, &err);
    }
    return code;
}

int command_cat(struct cli *cli)
{
    // Blocks may be small.
    setvbuf(stdout, NULL, _IOFBF, 128 << 10);
    if (cli_flag(cli, CAT_OFFSET) || cli_flag(cli, CAT_LENGTH))
        return cat_range(cli);
    int code = cli_open(cli, NULL);
    for (int index = 0; code == EXIT_OK && index < cli->word_count; index++)
        code = output_content(cli, cli->words[index]);
    return code;
}

const struct command cat_command = {
    .name = "cat",
    .synopsis = "CID[/PATH]...",
    .summary = "print content",
    .description =
        "Writes files' bytes to standard output, each block verified. CID/a/b\n"
        "is a file in a directory. --offset and --length choose a part of\n"
        "all of it; only its blocks are read.",
    .options = cat_options,
    .examples = "  ipvm cat bafy... | head\n"
                "  ipvm cat --offset 1GiB --length 100 bafy...\n",
    .run = command_cat,
    .words_min = 1,
    .words_max = -1,
};
