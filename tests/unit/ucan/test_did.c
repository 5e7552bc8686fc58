/* SPDX-License-Identifier: Apache-2.0 */
/* test_did.c - one text for a key, one key for a text. */
#include "ucan/did.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ipld/multibase.h"

/* From a heap block of exactly its length. */
static Status read_did(Text text, Did *out, PublicKey *key, struct error *err)
{
    char *copy = malloc(text.len ? text.len : 1);
    memcpy(copy, text.data, text.len);
    const Status status = did_read((Text){copy, text.len}, out, key, err);
    free(copy);
    return status;
}

/* Examples of the did:key specification, and keys of the public vectors. */
static const struct {
    const char *did;
    KeyType type;
} known[] = {
    {"did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp", KEY_ED25519},
    {"did:key:z6MkmT9j6fVZqzXV8u2wVVSu49gYSRYGSQnduWXF6foAJrqz", KEY_ED25519},
    {"did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169", KEY_P256},
    {"did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
     KEY_SECP256K1},
};

static void reads_the_specifications_examples_and_writes_the_same(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof known / sizeof known[0]; at++) {
        struct error err = {0};
        PublicKey key;
        Did did, again;
        assert_int_equal(read_did(text_of(known[at].did), &did, &key, &err),
                         STATUS_OK);
        assert_int_equal(key.type, known[at].type);
        assert_string_equal(did.text, known[at].did);
        did_of(&key, &again);
        assert_memory_equal(&did, &again, sizeof did);
        assert_true(did_equal(&did, &again));
        assert_int_equal(read_did(text_of(known[at].did), &did, NULL, NULL),
                         STATUS_OK);
    }
}

/* docs/formats/keys.md: the secret 000102…1f. */
static void the_documented_keys_are_what_is_said(void **state)
{
    (void)state;
    static const char *const documented[] = {
        "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd",
        "did:key:zDnaeYfZfiffsp9P613kuCTYTMCH8YcyedYrhVajvhGxLasUM",
        "did:key:zQ3shn1FfvyDvKs9D8UsJ9M2TrUZe3ndhaBoaZuPLeR5qLvx1",
    };
    static const char pem_written[] =
        "-----BEGIN PRIVATE KEY-----\n"
        "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
        "-----END PRIVATE KEY-----\n";
    uint8_t secret[KEY_SECRET_LEN];
    for (uint8_t at = 0; at < sizeof secret; at++)
        secret[at] = at;
    for (KeyType type = 0; type < KEY_TYPE_COUNT; type++) {
        struct secret_key *key;
        struct buffer pem;
        Did did;
        assert_int_equal(secret_key_from_bytes(type,
                                               bytes_of(secret, sizeof secret),
                                               &key, NULL),
                         STATUS_OK);
        did_of(secret_key_public(key), &did);
        assert_string_equal(did.text, documented[type]);
        buffer_init(&pem, PEM_MAX);
        assert_int_equal(secret_key_to_pem(key, &pem, NULL), STATUS_OK);
        if (type == KEY_ED25519)
            assert_true(text_equal(bytes_text(buffer_bytes(&pem)),
                                   text_of(pem_written)));
        secret_buffer_wipe(&pem);
        secret_key_free(key);
    }
}

static void new_keys_come_back(void **state)
{
    (void)state;
    for (KeyType type = 0; type < KEY_TYPE_COUNT; type++)
        for (int round = 0; round < 20; round++) {
            struct secret_key *secret = secret_key_new(type);
            PublicKey key;
            Did did, again;
            did_of(secret_key_public(secret), &did);
            assert_int_equal(read_did(text_of(did.text), &again, &key, NULL),
                             STATUS_OK);
            assert_true(public_key_equal(&key, secret_key_public(secret)));
            assert_true(did_equal(&did, &again));
            secret_key_free(secret);
        }
}

static const struct {
    const char *text;
    Status status;
} bad[] = {
    {"", STATUS_INVALID},
    {"did", STATUS_INVALID},
    {"did:", STATUS_INVALID},
    {"did:key", STATUS_INVALID},
    {"did:key:", STATUS_INVALID},
    {"did:key:z", STATUS_INVALID},
    /* another method; not a method */
    {"did:web:example.com", STATUS_UNSUPPORTED},
    {"did:plc:z72i7hdynmk6r22z27h6tvur", STATUS_UNSUPPORTED},
    {"did:WEB:example.com", STATUS_INVALID},
    {"did::z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp", STATUS_INVALID},
    {"DID:KEY:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
     STATUS_INVALID},
    {"did:Key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
     STATUS_INVALID},
    /* blanks, a fragment, a query, a path, a version */
    {" did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
     STATUS_INVALID},
    {"did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp ",
     STATUS_INVALID},
    {"did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp\n",
     STATUS_INVALID},
    {"did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp#z6",
     STATUS_INVALID},
    {"did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp?a",
     STATUS_INVALID},
    {"did:key:1.1:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
     STATUS_INVALID},
    /* the letter of the alphabet in another case, and no such letters */
    {"did:key:Z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
     STATUS_INVALID},
    {"did:key:z0MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
     STATUS_INVALID},
    {"did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWl",
     STATUS_INVALID},
    /* a zero byte in front is a key type of its own; too long */
    {"did:key:z16MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
     STATUS_UNSUPPORTED},
    {"did:key:z11111111111111111111111111111111111111111111111111111111111",
     STATUS_INVALID},
};

static void refuses_what_is_not_in_the_one_form(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        struct error err = {0};
        Did did;
        PublicKey key;
        const Status status =
            read_did(text_of(bad[at].text), &did, &key, &err);
        if (status != bad[at].status || err.message[0] == '\0')
            fail_msg("%s: status %d, %s", bad[at].text, (int)status,
                     err.message);
    }
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof known / sizeof known[0]; at++)
        for (size_t len = 0; len < strlen(known[at].did); len++) {
            Did did;
            // A shorter number in base58 may begin with any key type.
            assert_int_not_equal(
                read_did((Text){known[at].did, len}, &did, NULL, NULL),
                STATUS_OK);
        }
}

/* --- Other bytes inside -------------------------------------------------- */

/* The key of the specification's first example behind other heads. */
static const struct {
    const char *what;
    char base;
    uint8_t head[4];
    size_t head_len, cut, more;
    Status status;
} inside[] = {
    {"as it should be", 'z', {0xed, 0x01}, 2, 0, 0, STATUS_OK},
    {"base16", 'f', {0xed, 0x01}, 2, 0, 0, STATUS_INVALID},
    {"base32", 'b', {0xed, 0x01}, 2, 0, 0, STATUS_INVALID},
    {"base36", 'k', {0xed, 0x01}, 2, 0, 0, STATUS_INVALID},
    {"base64", 'm', {0xed, 0x01}, 2, 0, 0, STATUS_INVALID},
    {"base64url", 'u', {0xed, 0x01}, 2, 0, 0, STATUS_INVALID},
    {"a longer varint", 'z', {0xed, 0x81, 0x00}, 3, 0, 0, STATUS_INVALID},
    {"a varint without its end", 'z', {0xed, 0x81}, 2, 32, 0, STATUS_INVALID},
    {"31 bytes", 'z', {0xed, 0x01}, 2, 1, 0, STATUS_INVALID},
    {"33 bytes", 'z', {0xed, 0x01}, 2, 0, 1, STATUS_INVALID},
    {"none", 'z', {0xed, 0x01}, 2, 32, 0, STATUS_INVALID},
    {"X25519", 'z', {0xec, 0x01}, 2, 0, 0, STATUS_UNSUPPORTED},
    {"P-384", 'z', {0x81, 0x24}, 2, 0, 0, STATUS_UNSUPPORTED},
    {"RSA", 'z', {0x85, 0x24}, 2, 0, 0, STATUS_UNSUPPORTED},
    {"an Ed25519 secret", 'z', {0x80, 0x26}, 2, 0, 0, STATUS_UNSUPPORTED},
    {"P-256 of 32 bytes", 'z', {0x80, 0x24}, 2, 0, 0, STATUS_INVALID},
    {"secp256k1 of 32 bytes", 'z', {0xe7, 0x01}, 2, 0, 0, STATUS_INVALID},
};

static void refuses_other_bytes_inside(void **state)
{
    (void)state;
    PublicKey key;
    Did did;
    assert_int_equal(did_read(text_of(known[0].did), &did, &key, NULL),
                     STATUS_OK);
    for (size_t at = 0; at < sizeof inside / sizeof inside[0]; at++) {
        uint8_t bytes[64] = {0};
        char text[160] = "did:key:";
        size_t len = inside[at].head_len;
        memcpy(bytes, inside[at].head, len);
        memcpy(bytes + len, key.bytes, 32);
        len += 32 - inside[at].cut + inside[at].more;
        const size_t used =
            8 +
            multibase_encode(inside[at].base, bytes_of(bytes, len), text + 8);
        const Status status = read_did((Text){text, used}, &did, NULL, NULL);
        if (status != inside[at].status)
            fail_msg("%s: status %d", inside[at].what, (int)status);
    }
}

static void a_key_that_anybody_can_sign_for_has_no_did(void **state)
{
    (void)state;
    PublicKey key = {.type = KEY_ED25519, .len = 32, .bytes = {1}};
    Did did, again;
    struct error err = {0};
    did_of(&key, &did);
    assert_int_equal(did_read(text_of(did.text), &again, NULL, &err),
                     STATUS_INVALID);
    assert_non_null(strstr(err.message, "small order"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            reads_the_specifications_examples_and_writes_the_same),
        cmocka_unit_test(the_documented_keys_are_what_is_said),
        cmocka_unit_test(new_keys_come_back),
        cmocka_unit_test(refuses_what_is_not_in_the_one_form),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_other_bytes_inside),
        cmocka_unit_test(a_key_that_anybody_can_sign_for_has_no_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
