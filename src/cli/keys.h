/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h - the store's keys, for commands: where they are, who is asked for a
 * passphrase, and the store's own key, made at first use. Thread: main. */
#ifndef IPVM_CLI_KEYS_H
#define IPVM_CLI_KEYS_H

#include "cli/command.h"
#include "ucan/keyring.h"

/* Not to be moved: the ring points into it. */
struct keys {
    struct keyring ring;
    const struct cli *cli;
    const char *passphrase_file; /* NULL: IPVM_PASSPHRASE_FILE, or the
                                    terminal is asked */
    char path[4096];
    bool has_complained; /* of its passphrase file, on stderr */
};

/* The folder "keys" of the store, which need not be open. From now on no other
 * process of this user may look into this one. An exit code, after having said
 * what is wrong. */
int keys_open(struct cli *cli, struct keys *out);

/* The secret key by name or DID. NULL: the store's own, "self"; if there is
 * none it is made, and that is said on stderr. An exit code. Free with
 * secret_key_free(). */
int keys_get(struct keys *keys, const char *name_or_did,
             struct secret_key **out);
/* keys_open() and keys_get() in one. */
int cli_key(struct cli *cli, const char *name_or_did, struct secret_key **out);

/* A new passphrase from the file, or asked for twice. `out` has PASSPHRASE_MAX
 * bytes. Its length, or -1 after having said what is wrong. */
int keys_new_passphrase(struct keys *keys, const char *name, char *out);

#endif
