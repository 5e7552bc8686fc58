/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_embed.c - `ipvm embed`: for guest authors, WIT types into a module. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "cli/command.h"
#include "cli/tables.h"
#include "wasm/engine.h"

enum { EMBED_WIT, EMBED_WORLD, EMBED_COMPONENT, EMBED_OUTPUT };

static const struct option embed_options[] = {
    [EMBED_WIT] = {'w', "wit", "FILE", "the WIT file with the world"},
    [EMBED_WORLD] = {0, "world", "NAME",
                     "which world (default: the only one)"},
    [EMBED_COMPONENT] = {'c', "component", NULL,
                         "make a component of it as well"},
    [EMBED_OUTPUT] = {'o', "output", "FILE", "where to (required)"},
    {0, NULL, NULL, NULL},
};

enum { FILE_MAX = 64 << 20 };

static int read_file(struct cli *cli, const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return cli_error(cli, EXIT_NOT_FOUND, "embed: cannot open %s: %s",
                         path, strerror(errno));
    for (uint8_t *room; (room = buffer_reserve(out, 1 << 16));) {
        size_t len = fread(room, 1, 1 << 16, file);
        buffer_advance(out, len);
        if (len == 0)
            break;
    }
    bool good = !ferror(file);
    fclose(file);
    if (out->status != STATUS_OK)
        return cli_error(cli, EXIT_INPUT, "embed: %s is longer than %d bytes",
                         path, FILE_MAX);
    return good ? EXIT_OK
                : cli_error(cli, EXIT_TROUBLE, "embed: cannot read %s", path);
}

static int write_file(struct cli *cli, const char *path,
                      const struct buffer *bytes)
{
    char temp[4096];
    snprintf(temp, sizeof temp, "%s.%d", path, (int)getpid());
    FILE *file = fopen(temp, "wbxe");
    bool good = file && fwrite(bytes->data, 1, bytes->len, file) == bytes->len;
    good = file && fclose(file) == 0 && good;
    if (good && rename(temp, path) == 0)
        return EXIT_OK;
    int trouble = errno;
    unlink(temp);
    return cli_error(cli, EXIT_TROUBLE, "embed: cannot write %s: %s", path,
                     strerror(trouble));
}

/* `wasm` into `out`, with the types of `wit`. */
static Status embed(const struct cli *cli, struct buffer *wasm,
                    const struct buffer *wit, struct buffer *out,
                    struct error *err)
{
    const char *world = cli_value(cli, EMBED_WORLD);
    TRY(engine_embed_wit(buffer_bytes(wasm), bytes_text(buffer_bytes(wit)),
                         text_of(world ? world : ""), out, err));
    if (!cli_flag(cli, EMBED_COMPONENT))
        return STATUS_OK;
    buffer_clear(wasm);
    buffer_add_bytes(wasm, buffer_bytes(out));
    buffer_clear(out);
    return engine_componentise(buffer_bytes(wasm), out, err);
}

int command_embed(struct cli *cli)
{
    struct buffer wasm, wit, out;
    struct error err = {0};
    const char *wit_path = cli_value(cli, EMBED_WIT);
    const char *path = cli_value(cli, EMBED_OUTPUT);

    if (!wit_path || !path)
        return cli_error(cli, EXIT_USAGE,
                         "embed: --wit FILE and -o FILE are needed");
    buffer_init(&wasm, FILE_MAX);
    buffer_init(&wit, FILE_MAX);
    buffer_init(&out, FILE_MAX);
    int code = read_file(cli, cli->words[0], &wasm);
    if (code == EXIT_OK)
        code = read_file(cli, wit_path, &wit);
    if (code == EXIT_OK && embed(cli, &wasm, &wit, &out, &err) != STATUS_OK)
        code = cli_error(cli, EXIT_INPUT, "embed: %s", err.message);
    if (code == EXIT_OK)
        code = write_file(cli, path, &out);
    buffer_deinit(&wasm);
    buffer_deinit(&wit);
    buffer_deinit(&out);
    return code;
}

const struct command embed_command = {
    .name = "embed",
    .synopsis = "MODULE --wit FILE -o FILE",
    .summary = "give a core module WIT types (for guest authors)",
    .description =
        "Adds the types of a WIT world to a core module, as a custom section.\n"
        "The module then means the component that these types make of it, and\n"
        "ipvm calls it by them. With -c writes that component.",
    .options = embed_options,
    .examples = "  ipvm embed image.core.wasm --wit image.wit -o image.wasm\n",
    .run = command_embed,
    .words_min = 1,
    .words_max = 1,
};
