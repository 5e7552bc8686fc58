/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_block.c - `ipvm block put`, `get`, `stat`: bytes under their CIDs, as
 * Kubo's commands of these names have them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/block_input.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "content/path.h"
#include "ipld/codec.h"
#include "ipld/dag_json.h"
#include "lib/handle.h"

/* --- put ----------------------------------------------------------------- */

enum { PUT_CODEC, PUT_HASH, PUT_LEN, PUT_FORMAT, PUT_PIN, PUT_BIG };

static const struct option put_options[] = {
    [PUT_CODEC] = {0, "cid-codec", "CODEC", "of the block (default raw)"},
    [PUT_HASH] = {0, "mhtype", "NAME", "hash function (default sha2-256)"},
    [PUT_LEN] = {0, "mhlen", "BYTES",
                 "of the digest: -1 or all of it; less proves nothing"},
    [PUT_FORMAT] = {'f', "format", "NAME",
                    "older words for --cid-codec: v0 (dag-pb, CIDv0), "
                    "protobuf, cbor"},
    [PUT_PIN] = {0, "pin", NULL, "keep it and all below"},
    [PUT_BIG] = {0, "allow-big-block", NULL,
                 "a block of more than 1 MiB, up to 2 MiB"},
    {0, NULL, NULL, NULL},
};

/* What a codec would write otherwise is not a block of it. In dag-pb, links
 * out of order and data in front are old, but read by everybody. */
static Status check_block(uint64_t codec, Bytes bytes, struct error *err)
{
    struct arena arena = {0};
    struct buffer again;
    Value value;
    if (!codec_is_known(codec))
        return STATUS_OK; // Bytes that nobody here looks into.
    buffer_init(&again, bytes.len + 1);
    Status status = codec_decode(codec, bytes, &arena, &value, err);
    if (status == STATUS_OK && codec == CODEC_DAG_JSON &&
        (dag_json_encode(&value, &again, NULL) != STATUS_OK ||
         !bytes_equal(buffer_bytes(&again), bytes)))
        status = fail(err, STATUS_INVALID,
                      "not in DAG-JSON's one form (no blanks, sorted keys); "
                      "`ipvm dag put --store-codec dag-json` makes it so");
    buffer_deinit(&again);
    arena_deinit(&arena);
    return status;
}

static Status take_block(void *context, Bytes input, struct buffer *block,
                         struct error *err)
{
    const struct block_making *making = context;
    if (input.len <= BLOCK_TAKEN_MAX)
        TRY(check_block(making->codec, input, err));
    buffer_add_bytes(block, input);
    return buffer_status(block, "the block", err);
}

/* The older words say codec and version at once. */
static int read_format(struct cli *cli, const char *word,
                       struct block_making *making)
{
    making->v0 = strcmp(word, "v0") == 0;
    if (cli_value(cli, PUT_CODEC))
        return cli_error(cli, EXIT_USAGE,
                         "block put: --format and --cid-codec say the same; "
                         "give one of them");
    if (making->v0 && making->hash != HASH_SHA2_256)
        return cli_error(cli, EXIT_USAGE,
                         "block put: a CIDv0 is always of sha2-256");
    if (making->v0 || strcmp(word, "protobuf") == 0)
        word = "dag-pb";
    else if (strcmp(word, "cbor") == 0)
        word = "dag-cbor";
    return read_codec(cli, "format", word, &making->codec);
}

static int check_length(struct cli *cli, uint64_t hash)
{
    const char *word = cli_value(cli, PUT_LEN);
    uint8_t digest[HASH_DIGEST_MAX];
    char whole[8] = "";
    size_t len;
    if (!word || strcmp(word, "-1") == 0)
        return EXIT_OK;
    if (hash_digest(hash, (Bytes){NULL, 0}, digest, &len, NULL) == STATUS_OK)
        snprintf(whole, sizeof whole, "%zu", len);
    if (strcmp(word, whole) == 0)
        return EXIT_OK;
    return cli_error(cli, EXIT_USAGE,
                     "block put: --mhlen: %s is not -1 or the whole digest's "
                     "length%s%s; a digest that is cut short is no proof",
                     word, *whole ? ", " : "", whole);
}

static int block_put(struct cli *cli)
{
    const char *codec = cli_value(cli, PUT_CODEC);
    const char *format = cli_value(cli, PUT_FORMAT);
    struct block_making making = {
        .allow_big = cli_flag(cli, PUT_BIG),
        .pin = cli_flag(cli, PUT_PIN),
    };
    int code =
        read_hash(cli, "mhtype", cli_value(cli, PUT_HASH), &making.hash);
    if (code == EXIT_OK)
        code = check_length(cli, making.hash);
    if (code == EXIT_OK && format)
        code = read_format(cli, format, &making);
    else if (code == EXIT_OK)
        code =
            read_codec(cli, "cid-codec", codec ? codec : "raw", &making.codec);
    return code == EXIT_OK ? put_blocks(cli, &making, take_block, &making)
                           : code;
}

static const struct command block_put_command = {
    .name = "block put",
    .synopsis = "[FILE...]",
    .summary = "store bytes as blocks",
    .description =
        "Makes a block of each FILE's bytes, or of standard input, and prints\n"
        "its CID. Bytes that their codec cannot read are refused; codecs\n"
        "other than dag-cbor, dag-json, dag-pb and raw are not looked into.",
    .options = put_options,
    .examples = "  ipvm block put --cid-codec dag-cbor value.cbor\n",
    .run = block_put,
    .words_min = 0,
    .words_max = -1,
};

/* --- get and stat -------------------------------------------------------- */

static Status load_block(struct store *store, const char *path, Cid *cid,
                         struct block **out, struct error *err)
{
    char name[CID_TEXT_MAX];
    TRY(content_resolve(store, text_of(path), cid, err));
    const Status status = store_get(store, cid, out, err);
    if (status != STATUS_NOT_FOUND)
        return status;
    cid_to_text(cid, name);
    const uint64_t hash = cid_hash_code(cid);
    if (hash != HASH_IDENTITY && !hash_is_supported(hash))
        return fail(err, STATUS_UNSUPPORTED,
                    "block %.100s is named by hash function 0x%llx, which we "
                    "cannot verify",
                    name, (unsigned long long)hash);
    return fail(err, status, "block %.150s is not in the store", name);
}

static void print_bytes(Bytes bytes)
{
    struct arena arena = {0};
    const Value value = value_map1(&arena, TEXT("bytes"), value_bytes(bytes));
    output_json(&value);
    arena_deinit(&arena);
}

static int block_get(struct cli *cli)
{
    struct error err = {0};
    struct block *block;
    Cid cid;
    int code = open_to_read(cli);
    if (code != EXIT_OK)
        return code;
    const Status status =
        load_block(cli->vm->store, cli->words[0], &cid, &block, &err);
    if (status != STATUS_OK)
        return say_failed(cli, status, &err);
    const Bytes bytes = block_bytes(block);
    if (cli->json)
        print_bytes(bytes);
    else
        fwrite(bytes.data, 1, bytes.len, stdout);
    block_unref(block);
    if (ferror(stdout) || fflush(stdout) != 0)
        code =
            cli_error(cli, EXIT_TROUBLE, "cannot write to standard output: %s",
                      strerror(errno));
    return code;
}

static const struct command block_get_command = {
    .name = "block get",
    .synopsis = "CID[/PATH]",
    .summary = "print a block's bytes",
    .description = "Writes the bytes of one block, verified, as they are.",
    .examples = "  ipvm block get bafyr... | xxd\n",
    .run = block_get,
    .words_min = 1,
    .words_max = 1,
};

static void print_stat(const struct cli *cli, const Cid *cid, size_t len)
{
    struct arena arena = {0};
    char key[CID_TEXT_MAX];
    const uint64_t number = cid_codec(cid);
    const char *name = codec_name(number);
    cid_to_text(cid, key);
    const Text codec =
        name ? text_of(name)
             : arena_format(&arena, "0x%llx", (unsigned long long)number);
    const struct value_entry entries[] = {
        {TEXT("cid"), value_text(text_of(key))},
        {TEXT("size"), value_uint(len)},
        {TEXT("codec"), value_text(codec)},
    };
    const Value value = value_map(&arena, entries, 3);
    if (cli->json)
        output_json(&value);
    else
        printf("Key: %s\nSize: %zu\nCodec: %.*s%s\n", key, len,
               TEXT_ARG(codec),
               codec_is_known(number) ? "" : " (not looked into)");
    arena_deinit(&arena);
}

static int block_stat(struct cli *cli)
{
    int code = open_to_read(cli);
    for (int index = 0; code == EXIT_OK && index < cli->word_count; index++) {
        struct error err = {0};
        struct block *block;
        Cid cid;
        const Status status =
            load_block(cli->vm->store, cli->words[index], &cid, &block, &err);
        if (status != STATUS_OK) {
            code = say_failed(cli, status, &err);
        } else {
            print_stat(cli, &cid, block_bytes(block).len);
            block_unref(block);
        }
    }
    return code;
}

static const struct command block_stat_command = {
    .name = "block stat",
    .synopsis = "CID[/PATH]...",
    .summary = "print a block's CID, size and codec",
    .description = "Says how long blocks are and what codec they are of.",
    .examples = "  ipvm block stat bafyr...\n",
    .run = block_stat,
    .words_min = 1,
    .words_max = -1,
};

/* --- The group ----------------------------------------------------------- */

const struct command block_command = {
    .name = "block",
    .summary = "blocks as bytes: put, get, stat, rm",
    .parts =
        (const struct command *const[]){
            &block_put_command,
            &block_get_command,
            &block_stat_command,
            &block_rm_command,
            NULL,
        },
};
