/* SPDX-License-Identifier: Apache-2.0 */
/* test_cid.c - names of blocks, binary and as text. */
#include "ipld/cid.h"

#include "ipld/multibase.h"
#include "ipld/varint.h"
#include "unit/ipld/hex.h"

/* sha2-256 of nothing, as raw. */
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define EMPTY "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
#define EMPTY_V0 "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n"

static void names_bytes(void **state)
{
    (void)state;
    char text[CID_TEXT_MAX];
    Cid cid;
    cid_of(CODEC_RAW, bytes_of(NULL, 0), &cid);
    assert_int_equal(cid.len, CID_OURS_LEN);
    assert_int_equal(cid_to_text(&cid, text), strlen(EMPTY));
    assert_string_equal(text, EMPTY);
    assert_int_equal(cid_codec(&cid), CODEC_RAW);
    assert_int_equal(cid_hash_code(&cid), HASH_SHA2_256);

    Hash hash;
    assert_true(cid_sha256(&cid, CODEC_RAW, &hash));
    assert_true(cid_sha256(&cid, 0, &hash));
    assert_false(cid_sha256(&cid, CODEC_DAG_PB, &hash));
    Cid again;
    cid_from_hash(CODEC_RAW, &hash, &again);
    assert_true(cid_equal(&cid, &again));
    cid_from_hash(CODEC_DAG_JSON, &hash, &again);
    assert_int_equal(cid_codec(&again), CODEC_DAG_JSON);
    assert_false(cid_equal(&cid, &again));
}

static void names_bytes_under_other_hashes(void **state)
{
    (void)state;
    char text[CID_TEXT_MAX];
    Cid cid, ours;
    // {} as dag-cbor: "bafyrmi…" is sha3-256.
    assert_int_equal(cid_of_hashed(CODEC_DAG_CBOR, HASH_SHA3_256,
                                   bytes_of("\xa0", 1), &cid, NULL),
                     STATUS_OK);
    cid_to_text(&cid, text);
    assert_memory_equal(text, "bafyrmi", 7);
    assert_int_equal(cid_verify(&cid, bytes_of("\xa0", 1), NULL), STATUS_OK);
    assert_int_equal(cid_of_hashed(CODEC_RAW, HASH_BLAKE2B_256,
                                   bytes_of("x", 1), &cid, NULL),
                     STATUS_OK);
    assert_int_equal(cid_hash_code(&cid), HASH_BLAKE2B_256);
    assert_int_equal(
        cid_of_hashed(CODEC_RAW, HASH_SHA2_256, bytes_of("x", 1), &cid, NULL),
        STATUS_OK);
    cid_of(CODEC_RAW, bytes_of("x", 1), &ours);
    assert_true(cid_equal(&cid, &ours));
    assert_int_equal(
        cid_of_hashed(CODEC_RAW, 0x11, bytes_of("x", 1), &cid, NULL),
        STATUS_UNSUPPORTED);
}

/* Spellings of the same CID. */
static void reads_every_spelling(void **state)
{
    (void)state;
    static const char letters[] = "bBzkfFmMuU";
    char text[CID_TEXT_MAX], spelt[2 * CID_BYTES_MAX];
    Cid cid, read;
    cid_of(CODEC_RAW, bytes_of(NULL, 0), &cid);
    for (const char *letter = letters; *letter; letter++) {
        size_t len = multibase_encode(*letter, cid_bytes(&cid), spelt);
        assert_int_equal(cid_from_text((Text){spelt, len}, &read, NULL),
                         STATUS_OK);
        assert_true(cid_equal(&cid, &read));
    }
    static const char *const prefixed[] = {"/ipfs/" EMPTY, "ipfs://" EMPTY,
                                           "/ipfs/" EMPTY_V0};
    for (size_t index = 0; index < 3; index++)
        assert_int_equal(cid_from_text(text_of(prefixed[index]), &read, NULL),
                         STATUS_OK);
    cid_to_text(&read, text);
    assert_string_equal(text, EMPTY_V0);
    assert_int_equal(cid_codec(&read), CODEC_DAG_PB);
}

static const char *const bad_text[] = {
    "",
    "b",
    "Q",
    "x",
    "bafy",
    "/ipfs/",
    "ipfs://",
    EMPTY "/",
    EMPTY "a",
    " " EMPTY,
    "/ipfs/" EMPTY "/file",
    "/ipns/" EMPTY,
    "a" EMPTY,
    "z" EMPTY_V0, /* version 0 has no base prefix */
    "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1",  /* too short */
    "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR10", /* 0 is no digit */
    "Qm1111111111111111111111111111111111111111111O",
    "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvykv", /* bits */
    "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk1",
    "MAVUSIA",
    "mAVUSIA==",
};

static void refuses_text_that_is_no_cid(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof bad_text / sizeof bad_text[0];
         index++) {
        Cid cid;
        struct error err = {0};
        Bytes exact = exact_copy(text_bytes(text_of(bad_text[index])));
        if (cid_from_text(bytes_text(exact), &cid, &err) == STATUS_OK)
            fail_msg("\"%s\" was taken for a CID", bad_text[index]);
        assert_true(err.message[0] != '\0');
        exact_free(exact);
    }
    char long_text[2000];
    Cid cid;
    memset(long_text, 'b', sizeof long_text);
    assert_int_equal(
        cid_from_text((Text){long_text, sizeof long_text}, &cid, NULL),
        STATUS_LIMIT);
}

static const char *const bad_bytes[] = {
    "",
    "01",
    "0155",
    "015512",
    "01551220",
    "00",
    "02551200",
    "0055120100",
    "81005512 0100",    /* version not minimal */
    "01 d500 12 01 00", /* codec not minimal */
    "0155 9200 01 00",  /* hash code not minimal */
    "0155 12 8100 00",  /* length not minimal */
    "0155 12 02 00",    /* shorter than it says */
    "0155 12 01 0000",  /* longer */
    "1220 " HEX "00",   /* version 0, a byte too long */
    "1221 " HEX "00",
    "ffffffffffffffffffff", /* more than nine bytes of varint */
    "01 ffffffffffffffffff7f 12 00",
    "01 80808080808080808001 12 00", /* 2^63 */
};

static void refuses_bytes_that_are_no_cid(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof bad_bytes / sizeof bad_bytes[0];
         index++) {
        Cid cid;
        Bytes bytes = exact_from_hex(bad_bytes[index]);
        if (cid_from_bytes(bytes, &cid, NULL) != STATUS_INVALID ||
            cid_check_bytes(bytes, NULL) != STATUS_INVALID)
            fail_msg("%s was taken for a CID", bad_bytes[index]);
        exact_free(bytes);
    }
}

static void bounds_what_it_copies(void **state)
{
    (void)state;
    uint8_t bytes[300] = {1, 0x55, 0, 0x81, 1};
    Cid cid;
    // Identity of 129 bytes: a link, but no Cid.
    assert_int_equal(cid_check_bytes(bytes_of(bytes, 5 + 129), NULL),
                     STATUS_OK);
    assert_int_equal(cid_from_bytes(bytes_of(bytes, 5 + 129), &cid, NULL),
                     STATUS_LIMIT);
    bytes[3] = 0x80;
    assert_int_equal(cid_from_bytes(bytes_of(bytes, 5 + 128), &cid, NULL),
                     STATUS_OK);
    assert_int_equal(cid_verify(&cid, bytes_of(bytes + 5, 128), NULL),
                     STATUS_OK);
    // A digest of 200 bytes of a hash nobody knows.
    bytes[2] = 0x7f;
    bytes[3] = 0xc8;
    assert_int_equal(cid_from_bytes(bytes_of(bytes, 5 + 200), &cid, NULL),
                     STATUS_LIMIT);
}

static void the_longest_cid_fits_its_text(void **state)
{
    (void)state;
    // Identity of 128 bytes, a codec of nine: what CID_BYTES_MAX is for.
    uint8_t bytes[CID_BYTES_MAX] = {1};
    char text[CID_TEXT_MAX];
    struct arena arena = {0};
    Cid cid, read;
    size_t len = 1 + varint_write((1ULL << 63) - 1, bytes + 1);
    bytes[len++] = HASH_IDENTITY;
    len += varint_write(CID_IDENTITY_MAX, bytes + len);
    len += CID_IDENTITY_MAX;
    assert_int_equal(cid_from_bytes(bytes_of(bytes, len), &cid, NULL),
                     STATUS_OK);
    size_t text_len = cid_to_text(&cid, text);
    assert_true(text_len < CID_TEXT_MAX);
    assert_int_equal(cid_from_text((Text){text, text_len}, &read, NULL),
                     STATUS_OK);
    assert_true(cid_equal(&cid, &read));
    Text other = cid_bytes_to_text(cid_bytes(&cid), &arena);
    assert_true(text_equal(other, (Text){text, text_len}));
    arena_deinit(&arena);
}

static void verifies_bytes(void **state)
{
    (void)state;
    struct error err = {0};
    Cid cid;
    cid_of(CODEC_RAW, bytes_of("abc", 3), &cid);
    assert_int_equal(cid_verify(&cid, bytes_of("abc", 3), &err), STATUS_OK);
    assert_int_equal(cid_verify(&cid, bytes_of("abd", 3), &err),
                     STATUS_CORRUPT);
    assert_non_null(strstr(err.message, "bafkrei"));
    // sha1, and a digest cut short.
    Bytes sha1 =
        exact_from_hex("01551114a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_int_equal(cid_from_bytes(sha1, &cid, NULL), STATUS_OK);
    assert_int_equal(cid_verify(&cid, bytes_of("abc", 3), NULL),
                     STATUS_UNSUPPORTED);
    exact_free(sha1);
    Bytes cut = exact_from_hex("0155 12 04 ba7816bf");
    assert_int_equal(cid_from_bytes(cut, &cid, NULL), STATUS_OK);
    assert_int_equal(cid_verify(&cid, bytes_of("abc", 3), NULL),
                     STATUS_UNSUPPORTED);
    exact_free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_bytes),
        cmocka_unit_test(names_bytes_under_other_hashes),
        cmocka_unit_test(reads_every_spelling),
        cmocka_unit_test(refuses_text_that_is_no_cid),
        cmocka_unit_test(refuses_bytes_that_are_no_cid),
        cmocka_unit_test(bounds_what_it_copies),
        cmocka_unit_test(the_longest_cid_fits_its_text),
        cmocka_unit_test(verifies_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
