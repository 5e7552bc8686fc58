/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_add.c - `ipvm add`. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/tables.h"
#include "content/tree.h"
#include "ipld/unixfs_writer.h"
#include "lib/handle.h"
#include "task/limits.h"

enum {
    ADD_CHUNK_SIZE,
    ADD_ONLY_HASH,
    ADD_REHASH,
    ADD_WRAP,
    ADD_HIDDEN,
    ADD_MODE,
    ADD_MTIME,
    ADD_NO_PIN
};

static const struct option add_options[] = {
    [ADD_CHUNK_SIZE] = {'s', "chunk-size", "SIZE",
                        "bytes of a leaf (default 1MiB; 256KiB gives the CIDs "
                        "of older Kubo)"},
    [ADD_ONLY_HASH] = {'n', "only-hash", NULL, "print the CID, store nothing"},
    [ADD_REHASH] = {0, "rehash", NULL, "read all files again, changed or not"},
    [ADD_WRAP] = {'w', "wrap", NULL,
                  "put what is added into a directory, under its name"},
    [ADD_HIDDEN] = {'H', "hidden", NULL,
                    "also what begins with a dot inside of directories"},
    [ADD_MODE] = {0, "preserve-mode", NULL, "keep permissions"},
    [ADD_MTIME] = {0, "preserve-mtime", NULL, "keep modification times"},
    [ADD_NO_PIN] = {0, "no-pin", NULL, "leave it to the next `ipvm gc`"},
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

static int fail_with(struct cli *cli, Status status, const struct error *err)
{
    ipvm_error error;
    lib_fail(status, err, &error);
    return cli_fail(cli, &error);
}

/* `name` is "" or what stands behind the CID of a wrapping directory. */
static void print_added(struct cli *cli, const char *path, const Cid *cid,
                        const char *name)
{
    struct arena arena = {0};
    char text[CID_TEXT_MAX];
    cid_to_text(cid, text);
    Text whole = name[0] ? arena_format(&arena, "%s/%s", text, name)
                         : arena_format(&arena, "%s", text);
    Text safe = output_safe(text_of(path), &arena);
    if (cli->json) {
        struct value_entry entries[] = {
            {TEXT("cid"), value_text(text_of(text))},
            {TEXT("path"), value_text(safe)},
            {TEXT("name"), value_text(output_safe(text_of(name), &arena))},
        };
        Value value = value_map(&arena, entries, name[0] ? 3 : 2);
        output_json(&value);
    } else if (cli->quiet) {
        printf("%s\n", whole.data);
    } else {
        whole = output_safe(whole, &arena);
        printf("%.*s  %.*s\n", TEXT_ARG(whole), TEXT_ARG(safe));
    }
    arena_deinit(&arena);
}

/* What the file at `path` is called in a directory around it; in `arena`. */
static Text name_of(const char *path, struct arena *arena)
{
    char *real = NULL;
    Text name = text_of(path);
    while (name.len > 1 && name.data[name.len - 1] == '/')
        name.len--;
    for (size_t at = name.len; at > 0; at--)
        if (name.data[at - 1] == '/' && at < name.len) {
            name = (Text){name.data + at, name.len - at};
            break;
        }
    if (text_equal(name, TEXT(".")) || text_equal(name, TEXT("..")))
        real = realpath(path, NULL);
    const char *slash = real ? strrchr(real, '/') : NULL;
    name = arena_copy_text(arena, slash ? text_of(slash + 1) : name);
    free(real);
    return name;
}

static Status add_stdin(struct cli *cli, const struct tree_options *options,
                        struct tree_added *out, struct error *err)
{
    struct store *store = cli->vm->store;
    TRY(content_add_file(store, STDIN_FILENO, "standard input", &options->add,
                         &out->cid, err));
    if (!options->pin || options->add.only_hash)
        return STATUS_OK;
    struct store_batch *batch = store_batch_new(store);
    store_batch_pin(batch, &out->cid, text_of(options->pin));
    Status status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

static Status add_word(struct cli *cli, const char *word,
                       struct tree_options options, struct tree_added *out,
                       struct error *err)
{
    struct bar bar = {.cli = cli, .name = word, .vm = cli->vm};
    options.add.progress = bar_progress;
    options.add.context = &bar;
    if (!cli_flag(cli, ADD_NO_PIN) && !cli_flag(cli, ADD_WRAP))
        options.pin = word;
    *out = (struct tree_added){.files = 0};
    Status status = strcmp(word, "-") == 0
                        ? add_stdin(cli, &options, out, err)
                        : tree_add(cli->vm->store, word, &options, out, err);
    bar_clear(&bar);
    if (status == STATUS_OK && out->hidden_left_out > 0 && !cli->quiet &&
        !cli->json)
        fprintf(stderr,
                "ipvm: %llu hidden %s in %s left out; --hidden takes %s too\n",
                (unsigned long long)out->hidden_left_out,
                out->hidden_left_out == 1 ? "file" : "files", word,
                out->hidden_left_out == 1 ? "it" : "them");
    return status;
}

static int add_wrapped(struct cli *cli, const struct tree_options *options)
{
    struct arena arena = {0};
    struct tree_options wrap = *options;
    struct tree_part *parts =
        arena_array(&arena, (size_t)cli->word_count, sizeof *parts);
    struct tree_added added;
    struct error err = {0};
    Status status = STATUS_OK;
    for (int index = 0; index < cli->word_count && status == STATUS_OK;
         index++) {
        const char *word = cli->words[index];
        if (strcmp(word, "-") == 0)
            status = fail(&err, STATUS_INVALID,
                          "standard input has no name for a directory");
        else
            status = add_word(cli, word, *options, &added, &err);
        parts[index] =
            (struct tree_part){name_of(word, &arena), added.cid, added.tsize};
    }
    if (!cli_flag(cli, ADD_NO_PIN))
        wrap.pin = parts[0].name.data;
    if (status == STATUS_OK)
        status = tree_wrap(cli->vm->store, parts, (size_t)cli->word_count,
                           &wrap, &added, &err);
    for (int index = 0; index < cli->word_count && status == STATUS_OK;
         index++)
        print_added(cli, cli->words[index], &added.cid,
                    parts[index].name.data);
    arena_deinit(&arena);
    return status == STATUS_OK ? EXIT_OK : fail_with(cli, status, &err);
}

int command_add(struct cli *cli)
{
    struct tree_options options = {
        .add =
            {
                .only_hash = cli_flag(cli, ADD_ONLY_HASH),
                .rehash = cli_flag(cli, ADD_REHASH),
                .keep_mode = cli_flag(cli, ADD_MODE),
                .keep_mtime = cli_flag(cli, ADD_MTIME),
            },
        .hidden = cli_flag(cli, ADD_HIDDEN),
    };
    int code = read_chunk_size(cli, &options.add.chunk_bytes);
    if (code == EXIT_OK)
        code = cli_open(cli, NULL);
    if (code == EXIT_OK && cli_flag(cli, ADD_WRAP))
        return add_wrapped(cli, &options);
    for (int index = 0; code == EXIT_OK && index < cli->word_count; index++) {
        struct tree_added added;
        struct error err = {0};
        Status status =
            add_word(cli, cli->words[index], options, &added, &err);
        if (status == STATUS_OK)
            print_added(cli, cli->words[index], &added.cid, "");
        else
            code = fail_with(cli, status, &err);
    }
    return code;
}

const struct command add_command = {
    .name = "add",
    .synopsis = "FILE|DIR...",
    .summary = "import files and directories, print their CIDs",
    .description =
        "Imports files, and directories with all below, as UnixFS (profile\n"
        "unixfs-v1-2025: raw leaves of 1 MiB, CIDv1; large directories as\n"
        "HAMT) and prints their CIDs; - is standard input. With -q just the\n"
        "CIDs. Symlinks inside of directories are kept as symlinks; devices,\n"
        "sockets and pipes are refused. What was added is pinned under its\n"
        "path.\n"
        "\n"
        "With --preserve-mode or --preserve-mtime the root of each file and\n"
        "directory says so, and leaves stay raw, as the profile wants them;\n"
        "Kubo wraps those of files of more than one, so that CIDs differ.\n"
        "\n"
        "Files that begin with a dot are left out of directories, as Kubo\n"
        "does, unless there is --hidden.",
    .options = add_options,
    .examples = "  ipvm add photo.png\n"
                "  ipvm add --hidden --preserve-mtime project/\n"
                "  ipvm add --chunk-size 256KiB -q photo.png\n",
    .run = command_add,
    .words_min = 1,
    .words_max = -1,
};
