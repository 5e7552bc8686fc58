/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_pem.c - a private key that reads is written in a form that reads as the
 * same key; and what a sealed key file tells without its passphrase. */
#include "ucan/keyring_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_again(const struct secret_key *key)
{
    struct secret_key *again;
    struct buffer pem;
    buffer_init(&pem, PEM_MAX);
    ASSERT(secret_key_to_pem(key, &pem, NULL) == STATUS_OK);
    ASSERT(secret_key_from_pem(bytes_text(buffer_bytes(&pem)), &again, NULL) ==
           STATUS_OK);
    ASSERT(public_key_equal(secret_key_public(key), secret_key_public(again)));
    secret_key_free(again);
    secret_buffer_wipe(&pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const Text text = {(const char *)data, len};
    struct error err = {0};
    struct secret_key *key;
    PublicKey public;
    bool is_sealed;

    if (secret_key_from_pem(text, &key, &err) == STATUS_OK) {
        check_again(key);
        secret_key_free(key);
    } else {
        ASSERT(err.message[0] != '\0');
    }
    if (len <= KEY_FILE_MAX)
        IGNORE(key_file_look(text, &is_sealed, &public, &err)); // Any answer.
    return 0;
}
