/* SPDX-License-Identifier: Apache-2.0 */
/* test_cbor_print.c - any CBOR as people read it; most rows are from RFC 8949
 * appendix A. */
#include "ipld/cbor_print.h"

#include "unit/ipld/hex.h"

static const char *const good[][2] = {
    {"00", "0"},
    {"1bffffffffffffffff", "18446744073709551615"},
    {"3bffffffffffffffff", "-18446744073709551616"},
    {"1817", "23_0"},
    {"1b0000000000000001", "1_3"},
    {"f93c00", "1.0_1"},
    {"f90001", "5.960464477539063e-8_1"},
    {"f97bff", "65504.0_1"},
    {"f98000", "-0.0_1"},
    {"f97c00", "Infinity_1"},
    {"f97e00", "NaN_1"},
    {"fa47c35000", "100000.0_2"},
    {"fb3ff199999999999a", "1.1"},
    {"fbfff0000000000000", "-Infinity"},
    {"f4", "false"},
    {"f7", "undefined"},
    {"f0", "simple(16)"},
    {"f8ff", "simple(255)"},
    {"c074323031332d30332d32315432303a30343a30305a",
     "0(\"2013-03-21T20:04:00Z\")"},
    {"d74401020304", "23(h'01020304')"},
    {"40", "h''"},
    {"62225c", "\"\\\"\\\\\""},
    {"83010203", "[1, 2, 3]"},
    {"a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}"},
    {"a20102 0304", "{1: 2, 3: 4}"},
    {"5f42010243030405ff", "(_ h'0102', h'030405')"},
    {"7f657374726561646d696e67ff", "(_ \"strea\", \"ming\")"},
    {"9fff", "[_ ]"},
    {"9f018202039f0405ffff", "[_ 1, [2, 3], [_ 4, 5]]"},
    {"bf61610161629f0203ffff", "{_ \"a\": 1, \"b\": [_ 2, 3]}"},
    {"0102", "1, 2"},
    {"d82a450001550000", "42(h'0001550000') / bafkqaaa /"},
};

static void prints_what_strict_dag_cbor_refuses(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof good / sizeof good[0]; index++) {
        struct buffer out;
        struct error err = {0};
        Bytes bytes = exact_from_hex(good[index][0]);
        buffer_init(&out, 4096);
        if (cbor_print(bytes, &out, &err) != STATUS_OK)
            fail_msg("%s: %s", good[index][0], err.message);
        buffer_add_byte(&out, 0);
        assert_string_equal((const char *)out.data, good[index][1]);
        buffer_deinit(&out);
        exact_free(bytes);
    }
}

static const char *const bad[] = {
    "",         "18",     "1c",
    "1f",       "3f",     "df00",
    "ff",       "41",     "61ff",
    "8201",     "a101",   "5f6161ff",
    "5f5f4100", "5f4100", "9f01",
    "bf01",     "bf01ff", "f800",
    "f81f",     "c1",     "9bffffffffffffffff",
};

static void refuses_what_is_no_cbor(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        struct buffer out;
        Bytes bytes = exact_from_hex(bad[index]);
        buffer_init(&out, 4096);
        if (cbor_print(bytes, &out, NULL) != STATUS_INVALID)
            fail_msg("%s was not refused", bad[index]);
        buffer_deinit(&out);
        exact_free(bytes);
    }
}

static void depth_and_length_are_bounded(void **state)
{
    (void)state;
    uint8_t deep[1000];
    struct buffer out;
    memset(deep, 0x81, sizeof deep);
    buffer_init(&out, 4096);
    assert_int_equal(cbor_print(bytes_of(deep, sizeof deep), &out, NULL),
                     STATUS_LIMIT);
    memset(deep, 0x9f, sizeof deep);
    buffer_clear(&out);
    assert_int_equal(cbor_print(bytes_of(deep, sizeof deep), &out, NULL),
                     STATUS_LIMIT);
    memset(deep, 0x00, sizeof deep);
    buffer_deinit(&out);
    buffer_init(&out, 100);
    assert_int_equal(cbor_print(bytes_of(deep, sizeof deep), &out, NULL),
                     STATUS_LIMIT);
    buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_what_strict_dag_cbor_refuses),
        cmocka_unit_test(refuses_what_is_no_cbor),
        cmocka_unit_test(depth_and_length_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
