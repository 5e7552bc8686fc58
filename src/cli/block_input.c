/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/block_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "ipld/codec.h"
#include "ipld/varint.h"
#include "lib/handle.h"

int say_failed(const struct cli *cli, Status status, const struct error *err)
{
    ipvm_error error;
    IGNORE((Status)lib_fail(status, err, &error)); // The same again.
    return cli_fail(cli, &error);
}

int open_to_read(struct cli *cli)
{
    const ipvm_options options = {.read_only = true};
    return cli_open(cli, &options);
}

/* --- Names --------------------------------------------------------------- */

static const struct {
    const char *name;
    uint64_t code;
} hashes[] = {
    {"identity", HASH_IDENTITY},       {"sha2-256", HASH_SHA2_256},
    {"sha2-512", HASH_SHA2_512},       {"sha3-256", HASH_SHA3_256},
    {"sha3-384", HASH_SHA3_384},       {"sha3-512", HASH_SHA3_512},
    {"blake2b-256", HASH_BLAKE2B_256}, {"blake3", HASH_BLAKE3},
};

int read_hash(struct cli *cli, const char *option, const char *word,
              uint64_t *out)
{
    *out = HASH_SHA2_256;
    if (!word)
        return EXIT_OK;
    for (size_t index = 0; index < sizeof hashes / sizeof *hashes; index++) {
        if (strcmp(hashes[index].name, word) != 0)
            continue;
        *out = hashes[index].code;
        if (*out == HASH_IDENTITY || hash_is_supported(*out))
            return EXIT_OK;
    }
    return cli_error(cli, EXIT_USAGE,
                     "%s: --%s: hash function %s is not supported; there are "
                     "sha2-256, sha2-512, sha3-256, sha3-384, sha3-512, "
                     "blake2b-256, blake3 and identity",
                     cli->command->name, option, word);
}

static bool read_number(const char *word, uint64_t *out)
{
    char *end;
    if (*word < '0' || *word > '9')
        return false;
    errno = 0;
    *out = strtoull(word, &end, strncmp(word, "0x", 2) == 0 ? 16 : 10);
    return *end == '\0' && errno == 0 && *out >> 63 == 0;
}

int read_codec(struct cli *cli, const char *option, const char *word,
               uint64_t *out)
{
    if (codec_from_name(text_of(word), out) || read_number(word, out))
        return EXIT_OK;
    return cli_error(cli, EXIT_USAGE,
                     "%s: --%s: there is no codec %s; there are dag-cbor, "
                     "dag-json, dag-pb, raw, others by number as 0x0129",
                     cli->command->name, option, word);
}

int read_known_codec(struct cli *cli, const char *option, const char *word,
                     uint64_t *out)
{
    const int code = read_codec(cli, option, word, out);
    if (code != EXIT_OK || codec_is_known(*out))
        return code;
    return cli_error(cli, EXIT_USAGE,
                     "%s: --%s: codec %s is not supported; there are "
                     "dag-cbor, dag-json, dag-pb and raw",
                     cli->command->name, option, word);
}

/* --- Reading ------------------------------------------------------------- */

static Status read_all(int file, const char *name, struct buffer *out,
                       struct error *err)
{
    enum { STEP = 1 << 16 };
    for (;;) {
        uint8_t *room = buffer_reserve(out, STEP);
        if (!room)
            return fail(err, STATUS_LIMIT, "%s is longer than %zu bytes", name,
                        out->max - STEP);
        const ssize_t len = read(file, room, STEP);
        if (len == 0)
            return STATUS_OK;
        if (len > 0)
            buffer_advance(out, (size_t)len);
        else if (errno != EINTR)
            return fail_errno(err, errno, "cannot read %s", name);
    }
}

Status read_input(const char *path, struct buffer *out, struct error *err)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", out, err);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return fail(err, STATUS_NOT_FOUND, "there is no file %s", path);
    if (file < 0)
        return fail_errno(err, errno, "cannot open %s", path);
    const Status status = read_all(file, path, out, err);
    close(file);
    return status;
}

/* --- Putting ------------------------------------------------------------- */

struct putting {
    struct cli *cli;
    const struct block_making *making;
    BlockMaker *make;
    void *context;
    struct store_batch *batch;
    struct buffer input, block;
};

static Status name_identity(uint64_t codec, Bytes bytes, Cid *out,
                            struct error *err)
{
    size_t len = 0;
    if (bytes.len > CID_IDENTITY_MAX)
        return fail(err, STATUS_LIMIT,
                    "%zu bytes are too many for an identity CID, which takes "
                    "at most %d",
                    bytes.len, CID_IDENTITY_MAX);
    out->bytes[len++] = 1;
    len += varint_write(codec, out->bytes + len);
    len += varint_write(HASH_IDENTITY, out->bytes + len);
    len += varint_write(bytes.len, out->bytes + len);
    if (bytes.len > 0)
        memcpy(out->bytes + len, bytes.data, bytes.len);
    out->len = (uint8_t)(len + bytes.len);
    return STATUS_OK;
}

static Status name_block(const struct block_making *making, Bytes bytes,
                         Cid *out, struct error *err)
{
    if (making->hash == HASH_IDENTITY)
        return name_identity(making->codec, bytes, out, err);
    TRY(cid_of_hashed(making->codec, making->hash, bytes, out, err));
    if (making->v0) // What stands behind version and codec.
        return cid_from_bytes(bytes_from(cid_bytes(out), 2), out, err);
    return STATUS_OK;
}

static Status check_size(const struct block_making *making, size_t len,
                         struct error *err)
{
    if (len > BLOCK_TAKEN_MAX)
        return fail(err, STATUS_LIMIT,
                    "a block of %zu bytes is too big: at most %d are taken; "
                    "`ipvm add` makes files of any size",
                    len, BLOCK_TAKEN_MAX);
    if (len > BLOCK_MADE_MAX && !making->allow_big)
        return fail(err, STATUS_LIMIT,
                    "a block of %zu bytes is bigger than %d, which others may "
                    "refuse; --allow-big-block makes it all the same, up to "
                    "%d",
                    len, BLOCK_MADE_MAX, BLOCK_TAKEN_MAX);
    return STATUS_OK;
}

static Status put_one(struct putting *putting, const char *path, Cid *cid,
                      size_t *len, struct error *err)
{
    const struct block_making *making = putting->making;
    buffer_clear(&putting->input);
    buffer_clear(&putting->block);
    TRY(read_input(path, &putting->input, err));
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    Status status = putting->make(
        putting->context, buffer_bytes(&putting->input), &putting->block, err);
    const Bytes block = buffer_bytes(&putting->block);
    if (status == STATUS_OK)
        status = check_size(making, block.len, err);
    if (status == STATUS_OK)
        status = name_block(making, block, cid, err);
    if (status == STATUS_INVALID && err->offset != ERROR_NO_OFFSET &&
        err->offset > 0)
        return fail_in(err, status, "%s, byte %zu", name, err->offset);
    if (status != STATUS_OK)
        return fail_in(err, status, "%s", name);
    *len = block.len;
    store_batch_block(putting->batch, cid, block);
    if (making->pin)
        store_batch_pin(putting->batch, cid, TEXT(""));
    return STATUS_OK;
}

static void print_put(const struct cli *cli, const Cid *cid, size_t len)
{
    char text[CID_TEXT_MAX];
    cid_to_text(cid, text);
    if (!cli->json) {
        printf("%s\n", text);
        return;
    }
    struct arena arena = {0};
    const struct value_entry entries[] = {
        {TEXT("cid"), value_text(text_of(text))},
        {TEXT("size"), value_uint(len)},
    };
    const Value value = value_map(&arena, entries, 2);
    output_json(&value);
    arena_deinit(&arena);
}

static int put_all(struct putting *putting)
{
    struct cli *cli = putting->cli;
    static const char *const standard_input[] = {"-"};
    const char *const *paths =
        cli->word_count > 0 ? cli->words : standard_input;
    const size_t count = cli->word_count > 0 ? (size_t)cli->word_count : 1;
    Cid *cids = heap_array(count, sizeof *cids);
    size_t *lens = heap_array(count, sizeof *lens);
    struct error err = {0};
    Status status = STATUS_OK;
    for (size_t at = 0; at < count && status == STATUS_OK; at++)
        status = put_one(putting, paths[at], &cids[at], &lens[at], &err);
    if (status == STATUS_OK)
        status = store_commit(putting->batch, &err);
    for (size_t at = 0; at < count && status == STATUS_OK; at++)
        print_put(cli, &cids[at], lens[at]);
    free(cids);
    free(lens);
    return status == STATUS_OK ? EXIT_OK : say_failed(cli, status, &err);
}

int put_blocks(struct cli *cli, const struct block_making *making,
               BlockMaker *make, void *context)
{
    int code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    struct putting putting = {
        .cli = cli,
        .making = making,
        .make = make,
        .context = context,
        .batch = store_batch_new(cli->vm->store),
    };
    buffer_init(&putting.input, INPUT_MAX + (1 << 16));
    buffer_init(&putting.block, (size_t)2 * INPUT_MAX);
    code = put_all(&putting);
    buffer_deinit(&putting.input);
    buffer_deinit(&putting.block);
    store_batch_free(putting.batch);
    return code;
}
