/* SPDX-License-Identifier: Apache-2.0 */
/* block_input.h - what `block put` and `dag put` share: names of codecs and
 * hashes, files or standard input in, blocks into the store. Thread: main. */
#ifndef IPVM_CLI_BLOCK_INPUT_H
#define IPVM_CLI_BLOCK_INPUT_H

#include "base/buffer.h"
#include "cli/command.h"
#include "store/store.h"

enum { INPUT_MAX = 16 << 20 }; /* bytes of a value in text */

/* cli_fail() for what the layers below return. */
int say_failed(const struct cli *cli, Status status, const struct error *err);

/* cli_open() to read only: also where nobody may write. */
int open_to_read(struct cli *cli);

/* A codec by its name in the multicodec table, or its number, "0x71". */
int read_codec(struct cli *cli, const char *option, const char *word,
               uint64_t *out);
/* The same, one that we can decode. */
int read_known_codec(struct cli *cli, const char *option, const char *word,
                     uint64_t *out);
/* A hash by its name in the multicodec table. NULL: sha2-256. */
int read_hash(struct cli *cli, const char *option, const char *word,
              uint64_t *out);

/* Appends what is in a file, or with "-" in standard input. */
Status read_input(const char *path, struct buffer *out, struct error *err);

/* How blocks are to be made. */
struct block_making {
    uint64_t codec;
    uint64_t hash;
    bool v0;        /* a CIDv0 */
    bool allow_big; /* above BLOCK_MADE_MAX */
    bool pin;
};

/* Makes a block of what one input holds: fills `block`. */
typedef Status BlockMaker(void *context, Bytes input, struct buffer *block,
                          struct error *err);

/* Each file of the command line, or standard input, becomes a block in the
 * store, whose CID is printed; with `pin`, a pin as well. All become durable
 * before anything is printed, or none is kept. */
int put_blocks(struct cli *cli, const struct block_making *making,
               BlockMaker *make, void *context);

#endif
