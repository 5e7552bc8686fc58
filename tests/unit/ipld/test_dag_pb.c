/* SPDX-License-Identifier: Apache-2.0 */
/* test_dag_pb.c - strict where protobuf is not. */
#include "ipld/dag_pb.h"

#include "unit/ipld/hex.h"

/* An identity CID of nothing, the shortest there is: 01 55 00 00. */
#define HASH "0a0401550000"

static const char *const good[] = {
    "",
    "0a00",                               /* data of no bytes */
    "0a03010203",                         /* data */
    "1206" HASH,                          /* a link */
    "1208" HASH "1200",                   /* with an empty name */
    "120b" HASH "1203616263",             /* with a name */
    "1208" HASH "1800",                   /* with a size of 0 */
    "1211" HASH "18ffffffffffffffffff01", /* of 2^64 - 1 */
    "120c" HASH "12026162 1805"
    "1206" HASH "0a0161", /* links, then data */
};

static void what_decodes_encodes_to_the_same_bytes(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof good / sizeof good[0]; index++) {
        struct arena arena = {0};
        struct dag_pb_node node, again;
        struct buffer out;
        struct error err = {0};
        Bytes bytes = exact_from_hex(good[index]);
        if (dag_pb_decode(bytes, &arena, &node, &err) != STATUS_OK)
            fail_msg("%s: %s", good[index], err.message);
        buffer_init(&out, 1024);
        dag_pb_encode(&node, &out);
        assert_true(bytes_equal(buffer_bytes(&out), bytes));

        // Not sorted by name is read, but cannot be said as a value.
        Value value = dag_pb_to_value(&node, &arena);
        if (node.count < 2) {
            assert_int_equal(dag_pb_from_value(&value, &arena, &again, NULL),
                             STATUS_OK);
            buffer_clear(&out);
            dag_pb_encode(&again, &out);
            assert_true(bytes_equal(buffer_bytes(&out), bytes));
        }
        buffer_deinit(&out);
        arena_deinit(&arena);
        exact_free(bytes);
    }
}

static void data_may_stand_before_the_links(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct dag_pb_node node;
    Bytes bytes = exact_from_hex("0a0161 1206" HASH "1206" HASH);
    assert_int_equal(dag_pb_decode(bytes, &arena, &node, NULL), STATUS_OK);
    assert_int_equal(node.count, 2);
    assert_true(node.has_data);
    arena_deinit(&arena);
    exact_free(bytes);
}

static const struct {
    const char *hex;
    size_t offset;
    const char *words;
} bad[] = {
    {"0a0161 0a0161", 3, "data twice"},
    {"1206" HASH "0a0161 1206" HASH, 11, "data between links"},
    {"0a0161 1206" HASH "0a0161", 11, "data twice"},
    {"1a00", 0, "unknown field in a node"},
    {"0801", 0, "unknown field in a node"},
    {"1001", 0, "unknown field in a node"},
    {"1200", 2, "without a CID"},
    {"1202 1200", 2, "without a CID"},
    {"1202 0a00", 2, "link: not a CID"},
    {"1206 0a0402550000", 2, "not a CID"},
    {"120e" HASH "1800" HASH, 10, "out of order"},
    {"1208 1200" HASH, 4, "out of order"},
    {"120c" HASH HASH, 8, "out of order"},
    {"120a" HASH "1800 1200", 10, "out of order"},
    {"1208" HASH "2000", 8, "unknown field in a link"},
    {"1208" HASH "1001", 8, "unknown field in a link"},
    {"1208" HASH "1a00", 8, "unknown field in a link"},
    {"1209" HASH "1201ff", 8, "not UTF-8"},
    {"1209" HASH "188000", 9, "shortest form"},
    {"1212" HASH "18ffffffffffffffffffff01", 9, "shortest form"},
    {"1211" HASH "18ffffffffffffffffff02", 9, "shortest form"},
    {"0a800000", 1, "shortest form"},
    {"0a05 61", 2, "ends inside a field"},
    {"0affffffffffffffffff01", 11, "ends inside a field"},
    {"0a", 1, "varint"},
    {"02", 0, "field number 0"},
    {"0b", 0, "wire type"},
};

static void refuses_what_breaks_a_rule_and_says_where(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        struct arena arena = {0};
        struct dag_pb_node node;
        struct error err = {0};
        Bytes bytes = exact_from_hex(bad[index].hex);
        Status status = dag_pb_decode(bytes, &arena, &node, &err);
        if (status != STATUS_INVALID || err.offset != bad[index].offset ||
            !strstr(err.message, bad[index].words))
            fail_msg("%s: %s, offset %zu, \"%s\"", bad[index].hex,
                     status_name(status), err.offset, err.message);
        arena_deinit(&arena);
        exact_free(bytes);
    }
}

static void refuses_truncations_inside_a_field(void **state)
{
    (void)state;
    Bytes whole = exact_from_hex(good[8]);
    for (size_t len = 0; len < whole.len; len++) {
        struct arena arena = {0};
        struct dag_pb_node node;
        Bytes part = exact_copy(bytes_of(whole.data, len));
        // After a whole field the rest is a node as well.
        bool between = len == 0 || len == 14 || len == 22;
        assert_int_equal(dag_pb_decode(part, &arena, &node, NULL),
                         between ? STATUS_OK : STATUS_INVALID);
        arena_deinit(&arena);
        exact_free(part);
    }
    exact_free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_decodes_encodes_to_the_same_bytes),
        cmocka_unit_test(data_may_stand_before_the_links),
        cmocka_unit_test(refuses_what_breaks_a_rule_and_says_where),
        cmocka_unit_test(refuses_truncations_inside_a_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
