/* SPDX-License-Identifier: Apache-2.0 */
/* keyring.h - secret keys in files: one a name, PKCS#8 in PEM or sealed with a
 * passphrase, 0600 in a folder of 0700.
 *
 * A store's own key is "self" in its folder "keys"; it is made at first use.
 * Thread: any. */
#ifndef IPVM_UCAN_KEYRING_H
#define IPVM_UCAN_KEYRING_H

#include "ucan/did.h"

enum { KEY_NAME_MAX = 64 }; /* [A-Za-z0-9_.-], not beginning with a dot */

/* Asked when a key is sealed: fills `out` (locked memory), returns its length,
 * or -1 to give up. */
typedef int KeyringPassphrase(void *context, const char *name, char *out,
                              size_t max);

struct keyring {
    /* Borrowed; made 0700 when a key is added. NULL: nothing is kept, and
     * keyring_self() makes another key each time. */
    const char *directory;
    KeyringPassphrase *passphrase; /* may be NULL: sealed keys are refused */
    void *context;
};

struct keyring_entry {
    char name[KEY_NAME_MAX + 1];
    bool is_sealed; /* then `did` is from the file's header */
    KeyType type;
    Did did;
};

/* STATUS_BUSY: the name is taken. `passphrase` empty: not sealed. Appears
 * whole, synced. */
Status keyring_add(const struct keyring *ring, const char *name,
                   const struct secret_key *key, Text passphrase,
                   struct error *err);
/* STATUS_NOT_FOUND; STATUS_DENIED: readable by others than the owner, or the
 * wrong passphrase. */
Status keyring_get(const struct keyring *ring, const char *name,
                   struct secret_key **out, struct error *err);
/* By name or DID. */
Status keyring_find(const struct keyring *ring, const char *name_or_did,
                    struct keyring_entry *out, struct error *err);
Status keyring_remove(const struct keyring *ring, const char *name,
                      struct error *err);
/* Sorted by name; with free(). */
Status keyring_list(const struct keyring *ring, struct keyring_entry **out,
                    size_t *count, struct error *err);
/* The store's own: made if there is none, then `*is_new`. Two processes that
 * do this at once end with one key. */
Status keyring_self(const struct keyring *ring, struct secret_key **out,
                    bool *is_new, struct error *err);

#endif
