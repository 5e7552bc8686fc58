/* SPDX-License-Identifier: Apache-2.0 */
#include "http/address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static union any_address address_of(const char *text)
{
    union any_address out = {0};
    if (inet_pton(AF_INET, text, &out.v4.sin_addr) == 1) {
        out.v4.sin_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &out.v6.sin6_addr), 1);
        out.v6.sin6_family = AF_INET6;
    }
    return out;
}

static void knows_this_machine(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_local;
    } rows[] = {
        {"127.0.0.1", true},
        {"127.9.9.9", true},
        {"::1", true},
        {"::ffff:127.0.0.1", true},
        {"128.0.0.1", false},
        {"0.0.0.0", false},
        {"::ffff:10.0.0.1", false},
        {"fe80::1", false},
        {"2001:db8::127:0:1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const union any_address from = address_of(rows[i].text);
        assert_int_equal(address_is_local(&from.any), rows[i].is_local);
    }
}

static void an_address_has_so_many_connections(void **state)
{
    (void)state;
    struct addresses *addresses = addresses_new(2, 100);
    const union any_address one = address_of("10.0.0.1");
    const union any_address other = address_of("10.0.0.2");
    struct address *first = address_open(addresses, &one.any, 0);
    struct address *second = address_open(addresses, &one.any, 0);
    assert_non_null(first);
    assert_ptr_equal(first, second);
    assert_null(address_open(addresses, &one.any, 0));
    assert_non_null(address_open(addresses, &other.any, 0));
    address_close(addresses, first);
    assert_non_null(address_open(addresses, &one.any, 0));
    addresses_free(addresses);
}

/* A customer of a provider has 2^64 addresses, and counts once. */
static void a_network_of_ipv6_is_one_address(void **state)
{
    (void)state;
    struct addresses *addresses = addresses_new(1, 100);
    const union any_address one = address_of("2001:db8:1:2::1");
    const union any_address same = address_of("2001:db8:1:2:ffff::9");
    const union any_address other = address_of("2001:db8:1:3::1");
    assert_non_null(address_open(addresses, &one.any, 0));
    assert_null(address_open(addresses, &same.any, 0));
    assert_non_null(address_open(addresses, &other.any, 0));
    addresses_free(addresses);
}

static void requests_are_paid_for_by_time(void **state)
{
    (void)state;
    const uint64_t second_ns = 1000000000;
    struct addresses *addresses = addresses_new(10, 10);
    const union any_address from = address_of("10.0.0.1");
    struct address *address = address_open(addresses, &from.any, 0);
    unsigned taken = 0;
    for (int i = 0; i < 100; i++)
        taken += address_may_ask(addresses, address, second_ns);
    assert_int_equal(taken, 20); // Two seconds' worth at once.
    assert_false(address_may_ask(addresses, address, second_ns + 1));
    // A tenth of a second later, there is room for one.
    assert_true(
        address_may_ask(addresses, address, second_ns + second_ns / 10 + 1));
    assert_false(
        address_may_ask(addresses, address, second_ns + second_ns / 10 + 1));
    // Who is quiet for long does not save up.
    taken = 0;
    for (int i = 0; i < 100; i++)
        taken += address_may_ask(addresses, address, 100 * second_ns);
    assert_int_equal(taken, 20);
    // This machine is not counted.
    for (int i = 0; i < 100; i++)
        assert_true(address_may_ask(addresses, NULL, second_ns));
    addresses_free(addresses);
}

static void forgets_who_is_quiet(void **state)
{
    (void)state;
    struct addresses *addresses = addresses_new(10, 10);
    union any_address from = address_of("10.0.0.1");
    for (uint32_t i = 0; i < ADDRESSES_MAX; i++) {
        from.v4.sin_addr.s_addr = htonl(0x0a000000 + i);
        struct address *address = address_open(addresses, &from.any, 1);
        assert_non_null(address);
        // The first one stays.
        if (i > 0)
            address_close(addresses, address);
    }
    from.v4.sin_addr.s_addr = htonl(0x0b000000);
    assert_non_null(address_open(addresses, &from.any, 2));
    addresses_free(addresses);

    addresses = addresses_new(10, 10);
    for (uint32_t i = 0; i < ADDRESSES_MAX; i++) {
        from.v4.sin_addr.s_addr = htonl(0x0a000000 + i);
        assert_non_null(address_open(addresses, &from.any, 1));
    }
    // All of them are still here: there is no room for another.
    from.v4.sin_addr.s_addr = htonl(0x0b000000);
    assert_null(address_open(addresses, &from.any, 2));
    addresses_free(addresses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_this_machine),
        cmocka_unit_test(an_address_has_so_many_connections),
        cmocka_unit_test(a_network_of_ipv6_is_one_address),
        cmocka_unit_test(requests_are_paid_for_by_time),
        cmocka_unit_test(forgets_who_is_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
