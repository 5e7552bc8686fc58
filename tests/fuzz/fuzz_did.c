/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_did.c - a DID that reads is the one text of its key: as text (first byte
 * even), or made of a key's bytes (odd). */
#include "ucan/did.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_text(Text text)
{
    struct error err = {0};
    PublicKey key;
    Did did, again;
    if (did_read(text, &did, &key, &err) != STATUS_OK) {
        ASSERT(err.message[0] != '\0');
        return;
    }
    ASSERT(text_equal(text, text_of(did.text)));
    did_of(&key, &again);
    ASSERT(memcmp(&did, &again, sizeof did) == 0);
}

static void check_key(KeyType type, Bytes bytes)
{
    PublicKey key, again;
    Did did, same;
    if (public_key_from_bytes(type, bytes, &key, NULL) != STATUS_OK)
        return;
    did_of(&key, &did);
    ASSERT(did_read(text_of(did.text), &same, &again, NULL) == STATUS_OK);
    ASSERT(public_key_equal(&key, &again) && did_equal(&did, &same));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    const Bytes rest = bytes_of(data + 1, len - 1);
    if (data[0] & 1)
        check_key((KeyType)(data[0] / 2 % KEY_TYPE_COUNT), rest);
    else
        check_text(bytes_text(rest));
    return 0;
}
