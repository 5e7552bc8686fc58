/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_dag.c - `ipvm dag put`, `get`, `resolve`: values, as Kubo's commands of
 * these names have them; always strict. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "ipld/codec.h"
#include "lib/handle.h"

/* --- put ----------------------------------------------------------------- */

enum { PUT_STORE_CODEC, PUT_INPUT_CODEC, PUT_HASH, PUT_PIN, PUT_BIG };

static const struct option put_options[] = {
    [PUT_STORE_CODEC] = {0, "store-codec", "CODEC",
                         "of the block (default dag-cbor)"},
    [PUT_INPUT_CODEC] = {0, "input-codec", "CODEC",
                         "of what is read (default dag-json)"},
    [PUT_HASH] = {0, "hash", "NAME", "hash function (default sha2-256)"},
    [PUT_PIN] = {0, "pin", NULL, "keep it and all below"},
    [PUT_BIG] = {0, "allow-big-block", NULL,
                 "a block of more than 1 MiB, up to 2 MiB"},
    {0, NULL, NULL, NULL},
};

struct conversion {
    uint64_t from, to;
};

static Status convert(void *context, Bytes input, struct buffer *block,
                      struct error *err)
{
    const struct conversion *conversion = context;
    struct arena arena = {0};
    Value value;
    Status status = codec_decode(conversion->from, input, &arena, &value, err);
    if (status == STATUS_OK)
        status = codec_encode(conversion->to, &value, block, err);
    arena_deinit(&arena);
    return status;
}

static int dag_put(struct cli *cli)
{
    const char *store = cli_value(cli, PUT_STORE_CODEC);
    const char *input = cli_value(cli, PUT_INPUT_CODEC);
    struct conversion conversion;
    struct block_making making = {
        .allow_big = cli_flag(cli, PUT_BIG),
        .pin = cli_flag(cli, PUT_PIN),
    };
    int code = read_known_codec(cli, "store-codec", store ? store : "dag-cbor",
                                &conversion.to);
    if (code == EXIT_OK)
        code = read_known_codec(cli, "input-codec", input ? input : "dag-json",
                                &conversion.from);
    if (code == EXIT_OK)
        code = read_hash(cli, "hash", cli_value(cli, PUT_HASH), &making.hash);
    if (code != EXIT_OK)
        return code;
    making.codec = conversion.to;
    return put_blocks(cli, &making, convert, &conversion);
}

static const struct command dag_put_command = {
    .name = "dag put",
    .synopsis = "[FILE...]",
    .summary = "store values as blocks",
    .description =
        "Reads a value from each FILE, or from standard input, writes it as\n"
        "a block and prints the block's CID. Codecs are dag-cbor, dag-json,\n"
        "dag-pb and raw; what a codec forbids is refused. Either all are\n"
        "stored or none.",
    .options = put_options,
    .examples = "  echo '{\"a\": [1, 2.5]}' | ipvm dag put\n"
                "  ipvm dag put --store-codec dag-pb --pin node.json\n",
    .run = dag_put,
    .words_min = 0,
    .words_max = -1,
};

/* --- get ----------------------------------------------------------------- */

enum { GET_OUTPUT_CODEC };

static const struct option get_options[] = {
    [GET_OUTPUT_CODEC] = {0, "output-codec", "CODEC",
                          "of what is printed (default dag-json)"},
    {0, NULL, NULL, NULL},
};

/* The value at a path; it borrows from `arena` and `*block`. */
static Status load_value(struct store *store, Text path, struct arena *arena,
                         struct block **block, Value *out, struct error *err)
{
    struct content_found found;
    char name[CID_TEXT_MAX];
    *block = NULL;
    TRY(content_find(store, path, NULL, arena, &found, err));
    *out = found.value;
    if (found.is_inside)
        return STATUS_OK;
    cid_to_text(&found.cid, name);
    Status status = store_get(store, &found.cid, block, err);
    if (status == STATUS_NOT_FOUND)
        return fail(err, status, "block %.150s is not in the store", name);
    TRY(status);
    status = codec_decode(cid_codec(&found.cid), block_bytes(*block), arena,
                          out, err);
    return status == STATUS_OK ? status
                               : fail_in(err, status, "block %.64s", name);
}

static int print_bytes(const struct cli *cli, Bytes bytes, bool is_text)
{
    bool failed = fwrite(bytes.data, 1, bytes.len, stdout) != bytes.len;
    // Exactly the encoding, but for people.
    if (is_text && isatty(STDOUT_FILENO))
        failed |= putchar('\n') == EOF;
    if (failed || fflush(stdout) != 0)
        return cli_error(cli, EXIT_TROUBLE,
                         "cannot write to standard output: %s",
                         strerror(errno));
    return EXIT_OK;
}

static int dag_get(struct cli *cli)
{
    const char *word = cli_value(cli, GET_OUTPUT_CODEC);
    struct arena arena = {0};
    struct error err = {0};
    struct buffer out;
    struct block *block = NULL;
    uint64_t codec;
    Value value;
    int code = read_known_codec(cli, "output-codec", word ? word : "dag-json",
                                &codec);
    if (code == EXIT_OK)
        code = open_to_read(cli);
    if (code != EXIT_OK)
        return code;
    buffer_init(&out, (size_t)16 * BLOCK_TAKEN_MAX);
    Status status = load_value(cli->vm->store, text_of(cli->words[0]), &arena,
                               &block, &value, &err);
    if (status == STATUS_OK) {
        status = codec_encode(codec, &value, &out, &err);
        if (status != STATUS_OK)
            status = fail_in(&err, status, "%.120s", cli->words[0]);
    }
    code = status == STATUS_OK
               ? print_bytes(cli, buffer_bytes(&out), codec == CODEC_DAG_JSON)
               : say_failed(cli, status, &err);
    block_unref(block);
    buffer_deinit(&out);
    arena_deinit(&arena);
    return code;
}

static const struct command dag_get_command = {
    .name = "dag get",
    .synopsis = "CID[/PATH]",
    .summary = "print the value of a block, or one inside of it",
    .description =
        "Prints a value as DAG-JSON, or in another codec: exactly its\n"
        "encoding. A path goes down directories, maps and lists, and through\n"
        "links: bafy.../tasks/0/cmd. Behind /ipld/ a directory is the node it\n"
        "is written as.",
    .options = get_options,
    .examples =
        "  ipvm dag get bafyr.../tasks/0\n"
        "  ipvm dag get --output-codec raw bafyr.../picture > cat.png\n",
    .run = dag_get,
    .words_min = 1,
    .words_max = 1,
};

/* --- resolve ------------------------------------------------------------- */

static void print_resolved(const struct cli *cli,
                           const struct content_found *found)
{
    char name[CID_TEXT_MAX];
    cid_to_text(&found->cid, name);
    if (!cli->json) {
        printf("%s%s%.*s\n", name, found->is_inside ? "/" : "",
               TEXT_ARG(found->rest));
        return;
    }
    struct arena arena = {0};
    const struct value_entry entries[] = {
        {TEXT("cid"), value_text(text_of(name))},
        {TEXT("rest"), value_text(found->is_inside ? found->rest : TEXT(""))},
    };
    const Value value = value_map(&arena, entries, 2);
    output_json(&value);
    arena_deinit(&arena);
}

static int dag_resolve(struct cli *cli)
{
    int code = open_to_read(cli);
    for (int index = 0; code == EXIT_OK && index < cli->word_count; index++) {
        struct arena arena = {0};
        struct error err = {0};
        struct content_found found;
        const Status status =
            content_find(cli->vm->store, text_of(cli->words[index]), NULL,
                         &arena, &found, &err);
        if (status == STATUS_OK)
            print_resolved(cli, &found);
        else
            code = say_failed(cli, status, &err);
        arena_deinit(&arena);
    }
    return code;
}

static const struct command dag_resolve_command = {
    .name = "dag resolve",
    .synopsis = "CID/PATH...",
    .summary = "print the block that a path leads to",
    .description =
        "Prints the CID of the last block that a path goes through, and what\n"
        "of the path is left inside of it.",
    .examples = "  ipvm dag resolve bafyr.../tasks/0/cmd\n"
                "  ipvm dag resolve name:photo/latest\n",
    .run = dag_resolve,
    .words_min = 1,
    .words_max = -1,
};

/* --- The group ----------------------------------------------------------- */

const struct command dag_command = {
    .name = "dag",
    .summary = "values as blocks: put, get, resolve, stat",
    .parts =
        (const struct command *const[]){
            &dag_put_command,
            &dag_get_command,
            &dag_resolve_command,
            &dag_stat_command,
            NULL,
        },
};
