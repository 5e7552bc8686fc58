/* SPDX-License-Identifier: Apache-2.0 */
/* keyring_file.h - the bytes of one key file: PEM, or sealed PEM behind a line
 * with the DID (docs/formats/keys.md). Pure. Thread: any. */
#ifndef IPVM_UCAN_KEYRING_FILE_H
#define IPVM_UCAN_KEYRING_FILE_H

#include "crypto/key.h"

enum { KEY_FILE_MAX = 16 << 10 };

/* `passphrase` empty: PEM as it is. */
Status key_file_write(const struct secret_key *key, Text passphrase,
                      struct buffer *out, struct error *err);
bool key_file_is_sealed(Text file);
/* A sealed one. STATUS_DENIED: the wrong passphrase. STATUS_CORRUPT: the key is
 * not the one its first line names. */
Status key_file_open(Text file, Text passphrase, struct secret_key **out,
                     struct error *err);
/* Whose key it is; of a sealed one, whose it says to be. */
Status key_file_look(Text file, bool *is_sealed, PublicKey *out,
                     struct error *err);

#endif
