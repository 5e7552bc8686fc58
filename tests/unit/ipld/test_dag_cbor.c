/* SPDX-License-Identifier: Apache-2.0 */
/* test_dag_cbor.c - one form for each value, and no other form accepted. */
#include "ipld/dag_cbor.h"

#include "unit/ipld/hex.h"

/* --- What decodes, and encodes to the same bytes ------------------------ */

#define ZEROS_16 "00000000000000000000000000000000"
#define ZEROS_32 ZEROS_16 ZEROS_16

static const char *const good[] = {
    "f6", /* null */
    "f4",
    "f5", /* false, true */
    "00",
    "17", /* 0, 23 */
    "1818",
    "18ff", /* 24, 255 */
    "190100",
    "19ffff",             /* 256, 65535 */
    "1a00010000",         /* 65536 */
    "1affffffff",         /* 2^32 - 1 */
    "1b0000000100000000", /* 2^32 */
    "1bffffffffffffffff", /* 2^64 - 1 */
    "20",
    "3bffffffffffffffff", /* -1, -2^64 */
    "fb3ff0000000000000", /* 1.0 is not 1 */
    "fb8000000000000000", /* -0.0 is kept */
    "fb0000000000000001", /* the smallest subnormal */
    "fb7fefffffffffffff", /* the largest */
    "40",
    "43010203", /* bytes */
    "60",
    "6161",
    "63e6b0b4",
    "64f0908591", /* text */
    "80",
    "83010203",
    "8180",
    "a0",                           /* lists, the empty map */
    "a26161016162 02",              /* sorted by bytes … */
    "a2617a01626161 02",            /* … after the length */
    "d82a58250001551220" ZEROS_32,  /* a link: raw, sha2-256 */
    "d82a5823001220" ZEROS_32,      /* version 0 */
    "d82a450001550000",             /* identity of nothing */
    "d82a4b0001b0ea0181e00302aabb", /* codec and hash nobody knows */
    "98186060606060606060606060606060606060606060606060 60",
    "a1613fd82a450001550000",
};

static void what_decodes_encodes_to_the_same_bytes(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof good / sizeof good[0]; index++) {
        struct arena arena = {0};
        struct buffer out;
        struct error err = {0};
        Value value;
        Bytes bytes = exact_from_hex(good[index]);

        if (dag_cbor_decode(bytes, &arena, &value, &err) != STATUS_OK)
            fail_msg("%s: %s", good[index], err.message);
        assert_int_equal(dag_cbor_length(&value), bytes.len);
        buffer_init(&out, bytes.len);
        dag_cbor_encode(&value, &out);
        assert_int_equal(out.status, STATUS_OK);
        assert_true(bytes_equal(buffer_bytes(&out), bytes));
        buffer_deinit(&out);
        arena_deinit(&arena);
        exact_free(bytes);
    }
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof good / sizeof good[0]; index++) {
        Bytes whole = exact_from_hex(good[index]);
        for (size_t len = 0; len < whole.len; len++) {
            struct arena arena = {0};
            Value value;
            Bytes part = exact_copy(bytes_of(whole.data, len));
            assert_int_not_equal(dag_cbor_decode(part, &arena, &value, NULL),
                                 STATUS_OK);
            arena_deinit(&arena);
            exact_free(part);
        }
        exact_free(whole);
    }
}

/* --- What is refused ---------------------------------------------------- */

/* Each row breaks one rule; `offset` is the byte that breaks it. */
static const struct bad {
    const char *hex;
    size_t offset;
    const char *words;
} bad[] = {
    {"", 0, "ends before a value"},
    {"0000", 1, "bytes after the value"},
    {"1817", 0, "shortest form"},
    {"190017", 0, "shortest form"},
    {"1900ff", 0, "shortest form"},
    {"1a0000ffff", 0, "shortest form"},
    {"1b00000000ffffffff", 0, "shortest form"},
    {"3817", 0, "shortest form"},
    {"5800", 0, "shortest form"},
    {"7801 61", 0, "shortest form"},
    {"9800", 0, "shortest form"},
    {"b800", 0, "shortest form"},
    {"1c", 0, "reserved head"},
    {"1d", 0, "reserved head"},
    {"1e", 0, "reserved head"},
    {"1f", 0, "indefinite length"},
    {"9fff", 0, "indefinite length"},
    {"bfff", 0, "indefinite length"},
    {"5fff", 0, "indefinite length"},
    {"7f6161ff", 0, "indefinite length"},
    {"ff", 0, "simple value"},
    {"f7", 0, "simple value"},
    {"f814", 0, "simple value"},
    {"e0", 0, "simple value"},
    {"f90000", 0, "not 64 bits"},
    {"fa00000000", 0, "not 64 bits"},
    {"fb7ff8000000000000", 0, "not finite"},
    {"fb7ff0000000000000", 0, "not finite"},
    {"fbfff0000000000000", 0, "not finite"},
    {"61ff", 1, "not UTF-8"},
    {"62c080", 1, "not UTF-8"},
    {"63eda080", 1, "not UTF-8"},
    {"64f4908080", 1, "not UTF-8"},
    {"6aaaaaaaaaaaaaaaaaaaaa", 1, "not UTF-8"},
    {"6a616161616161616161ff", 10, "not UTF-8"},
    {"70616161616161616161616161616161ff", 16, "not UTF-8"},
    {"6861616161616161ff", 8, "not UTF-8"},
    {"67616161616161ff", 7, "not UTF-8"},
    {"71ff61616161616161616161616161616161", 1, "not UTF-8"},
    {"a2616201616102", 4, "out of order"},
    {"a262616101617a02", 5, "out of order"},
    {"a2616101616102", 4, "twice"},
    {"a10101", 1, "not text"},
    {"a1416101", 1, "not text"},
    {"a16161", 3, "before a value"},
    {"82f6", 2, "promises"},
    {"9bffffffffffffffff", 9, "promises"},
    {"bbffffffffffffffff", 9, "promises"},
    {"bb8000000000000000", 9, "promises"},
    {"5bffffffffffffffff", 9, "inside bytes"},
    {"d82b40", 1, "tag other than 42"},
    {"c0 60", 0, "tag other than 42"},
    {"da0000002a40", 0, "shortest form"},
    {"d82a60", 2, "not bytes"},
    {"d82a40", 2, "begin with a zero"},
    {"d82a4101", 2, "begin with a zero"},
    {"d82a4100", 4, "not a CID"},
    {"d82a450002550000", 4, "not a CID"},
    {"d82a450001550001", 7, "digest has 0 bytes"},
    {"d82a46000155800000", 6, "hash code is not a minimal"},
    {"d82a46000181000000", 5, "codec"},
    {"d82a46000155000000", 7, "digest has 1 bytes"},
    {"d82ad82a450001550000", 2, "not bytes"},
};

static void refuses_what_breaks_a_rule_and_says_where(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        struct arena arena = {0};
        struct error err = {0};
        Value value;
        Bytes bytes = exact_from_hex(bad[index].hex);

        Status status = dag_cbor_decode(bytes, &arena, &value, &err);
        if (status != STATUS_INVALID || err.offset != bad[index].offset ||
            !strstr(err.message, bad[index].words))
            fail_msg("%s: %s, offset %zu, \"%s\"", bad[index].hex,
                     status_name(status), err.offset, err.message);
        arena_deinit(&arena);
        exact_free(bytes);
    }
}

static Status decode_nested(unsigned depth, struct arena *arena)
{
    Value value;
    uint8_t *data = heap_alloc(depth + 1);
    memset(data, 0x81, depth);
    data[depth] = 0xf6;
    Status status =
        dag_cbor_decode(bytes_of(data, depth + 1), arena, &value, NULL);
    free(data);
    return status;
}

static void takes_a_depth_of_128_and_no_more(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_int_equal(decode_nested(CODEC_DEPTH_MAX, &arena), STATUS_OK);
    assert_int_equal(decode_nested(CODEC_DEPTH_MAX + 1, &arena), STATUS_LIMIT);
    assert_int_equal(decode_nested(1 << 20, &arena), STATUS_LIMIT);
    arena_deinit(&arena);
}

static void a_small_block_cannot_claim_a_big_tree(void **state)
{
    (void)state;
    enum { LEN = 1 << 20 };
    struct arena arena = {0};
    Value value;
    uint8_t *data = heap_alloc(LEN);
    memset(data, 0xf6, LEN);
    // A hundred lists in each other, each claiming all that is left.
    for (size_t index = 0; index < 100; index++) {
        const uint8_t head[5] = {0x9a, 0, 0x0f, 0xf0, 0};
        memcpy(data + 5 * index, head, sizeof head);
    }
    assert_int_equal(
        dag_cbor_decode(bytes_of(data, LEN), &arena, &value, NULL),
        STATUS_INVALID);
    assert_true(arena.total < 40 * (size_t)LEN);
    arena_deinit(&arena);
    free(data);
}

/* --- Writing ------------------------------------------------------------ */

static void pieces_and_trees_give_the_same_bytes(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buffer tree, pieces;
    Cid cid;
    cid_of(CODEC_RAW, bytes_of("x", 1), &cid);
    const Value items[] = {
        value_null(),
        value_bool(true),
        value_uint(UINT64_MAX),
        value_int(INT64_MIN),
        value_float(2.5),
        value_text(TEXT("text")),
        value_bytes(bytes_of("\0\1", 2)),
        value_link(&cid),
    };
    const struct value_entry entries[] = {
        {TEXT("long"), value_list(items, 8)},
        {TEXT("b"), value_bool(false)},
    };
    Value value = value_map(&arena, entries, 2);

    buffer_init(&tree, 4096);
    buffer_init(&pieces, 4096);
    dag_cbor_encode(&value, &tree);
    cbor_add_map(&pieces, 2);
    cbor_add_text(&pieces, TEXT("b"));
    cbor_add_bool(&pieces, false);
    cbor_add_text(&pieces, TEXT("long"));
    cbor_add_list(&pieces, 8);
    cbor_add_null(&pieces);
    cbor_add_bool(&pieces, true);
    cbor_add_uint(&pieces, UINT64_MAX);
    cbor_add_int(&pieces, INT64_MIN);
    cbor_add_float(&pieces, 2.5);
    cbor_add_text(&pieces, TEXT("text"));
    cbor_add_bytes(&pieces, bytes_of("\0\1", 2));
    cbor_add_link(&pieces, cid_bytes(&cid));
    assert_true(bytes_equal(buffer_bytes(&tree), buffer_bytes(&pieces)));

    Cid block_cid, expected;
    Bytes block = dag_cbor_block(&value, &arena, &block_cid);
    assert_true(bytes_equal(block, buffer_bytes(&tree)));
    cid_of(CODEC_DAG_CBOR, block, &expected);
    assert_true(cid_equal(&block_cid, &expected));
    buffer_deinit(&tree);
    buffer_deinit(&pieces);
    arena_deinit(&arena);
}

static void a_full_buffer_is_a_limit_and_nothing_half_written(void **state)
{
    (void)state;
    struct buffer out;
    Value value = value_text(TEXT("longer than the buffer"));
    buffer_init(&out, 8);
    dag_cbor_encode(&value, &out);
    assert_int_equal(out.status, STATUS_LIMIT);
    assert_int_equal(out.len, 0);
    buffer_deinit(&out);
}

static void refuses_more_items_than_memory_should_hold(void **state)
{
    (void)state;
    /* Two lists of half the bound each, and one item more. */
    const size_t half = CODEC_ITEMS_MAX / 2;
    struct arena arena = {0};
    struct buffer bytes;
    struct error err;
    Value value;
    buffer_init(&bytes, (size_t)CODEC_ITEMS_MAX + 64);
    cbor_add_list(&bytes, 2);
    for (int list = 0; list < 2; list++) {
        cbor_add_list(&bytes, half);
        memset(buffer_reserve(&bytes, half), 0x00, half);
        buffer_advance(&bytes, half);
    }
    assert_int_equal(
        dag_cbor_decode(buffer_bytes(&bytes), &arena, &value, &err),
        STATUS_INVALID);
    assert_non_null(strstr(err.message, "more items"));
    buffer_deinit(&bytes);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_decodes_encodes_to_the_same_bytes),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_what_breaks_a_rule_and_says_where),
        cmocka_unit_test(takes_a_depth_of_128_and_no_more),
        cmocka_unit_test(a_small_block_cannot_claim_a_big_tree),
        cmocka_unit_test(pieces_and_trees_give_the_same_bytes),
        cmocka_unit_test(a_full_buffer_is_a_limit_and_nothing_half_written),
        cmocka_unit_test(refuses_more_items_than_memory_should_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
