/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request: its fields, each byte of it missing, and what is no
 * request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#undef fail /* base/status.h has a function of this name */

#include "base/arena.h"
#include "base/buffer.h"
#include "homestar/head.h"

static Status read_text(const char *text, size_t len, struct head *out,
                        size_t *head_len, struct error *err)
{
    static uint8_t *copy; // What was read borrows from it.
    free(copy);
    copy = heap_alloc(len > 0 ? len : 1);
    memcpy(copy, text, len);
    return head_read(bytes_of(copy, len), out, head_len, err);
}

static const char handshake[] =
    "GET /a HTTP/1.1\r\n"
    "host: localhost:8060\r\n"
    "ORIGIN:http://127.0.0.1:5173 \r\n"
    "Upgrade: WebSocket\r\n"
    "Connection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Key: \t dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "X-Other: \xc3\xa9\r\n"
    "\r\nrest";

static void reads_the_fields_it_needs(void **state)
{
    struct head head;
    size_t len;
    (void)state;
    assert_int_equal(
        read_text(handshake, sizeof handshake - 1, &head, &len, NULL),
        STATUS_OK);
    assert_int_equal(len, sizeof handshake - 1 - 4);
    assert_true(text_equal(head.method, TEXT("GET")));
    assert_true(text_equal(head.target, TEXT("/a")));
    assert_true(text_equal(head.host, TEXT("localhost:8060")));
    assert_true(text_equal(head.origin, TEXT("http://127.0.0.1:5173")));
    assert_true(text_equal(head.key, TEXT("dGhlIHNhbXBsZSBub25jZQ==")));
    assert_true(text_equal(head.version, TEXT("13")));
    assert_true(head_has_word(head.connection, TEXT("upgrade")));
    assert_true(head_has_word(head.upgrade, TEXT("websocket")));
    assert_false(head_has_word(head.connection, TEXT("keep")));
    assert_false(head.has_length);
}

static void every_truncation_wants_more(void **state)
{
    struct head head;
    size_t len;
    (void)state;
    for (size_t cut = 0; cut < sizeof handshake - 1 - 4; cut++)
        assert_int_equal(read_text(handshake, cut, &head, &len, NULL),
                         STATUS_NOT_FOUND);
}

static const struct {
    const char *text;
    Status status;
    const char *what;
} bad[] = {
    {"\r\n\r\n", STATUS_INVALID, "not an HTTP request"},
    {"GET\r\n\r\n", STATUS_INVALID, "not an HTTP request"},
    {"GET / HTTP/1.0\r\n\r\n", STATUS_UNSUPPORTED, "HTTP/1.1"},
    {"GET  / HTTP/1.1\r\n\r\n", STATUS_INVALID, "not an HTTP request"},
    {"G(T / HTTP/1.1\r\n\r\n", STATUS_INVALID, "not an HTTP request"},
    {"GET http://a/ HTTP/1.1\r\n\r\n", STATUS_INVALID, "not an HTTP"},
    {"GET /\x01 HTTP/1.1\r\n\r\n", STATUS_INVALID, "not an HTTP request"},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", STATUS_INVALID, "malformed"},
    {"GET / HTTP/1.1\r\nHost\r\n\r\n", STATUS_INVALID, "malformed"},
    {"GET / HTTP/1.1\r\n: a\r\n\r\n", STATUS_INVALID, "malformed"},
    {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", STATUS_INVALID, "malformed"},
    {"GET / HTTP/1.1\r\nHost: a\nb: c\r\n\r\n", STATUS_INVALID, "malformed"},
    {"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", STATUS_INVALID, "two"},
    {"GET / HTTP/1.1\r\nHost:\r\nhost: a\r\n\r\n", STATUS_INVALID, "two"},
    {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", STATUS_INVALID,
     "number"},
    {"POST / HTTP/1.1\r\nContent-Length: \r\n\r\n", STATUS_INVALID, "number"},
    {"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", STATUS_INVALID,
     "number"},
    {"POST / HTTP/1.1\r\nContent-Length: 99999999999999999\r\n\r\n",
     STATUS_INVALID, "number"},
    {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
     STATUS_INVALID, "two"},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
     STATUS_UNSUPPORTED, "Content-Length"},
};

static void refuses_what_is_no_request(void **state)
{
    (void)state;
    for (size_t which = 0; which < sizeof bad / sizeof *bad; which++) {
        struct head head;
        struct error error = {0};
        size_t len;
        assert_int_equal(read_text(bad[which].text, strlen(bad[which].text),
                                   &head, &len, &error),
                         bad[which].status);
        if (!strstr(error.message, bad[which].what))
            assert_string_equal(error.message, bad[which].what);
    }
}

static void a_head_is_bounded(void **state)
{
    struct head head;
    size_t len;
    struct buffer text;
    (void)state;
    buffer_init(&text, 1 << 20);
    buffer_add_text(&text, TEXT("GET / HTTP/1.1\r\n"));
    for (unsigned index = 0; index <= HEAD_FIELDS_MAX; index++)
        buffer_add_text(&text, TEXT("a: b\r\n"));
    assert_int_equal(head_read(buffer_bytes(&text), &head, &len, NULL),
                     STATUS_LIMIT);
    buffer_clear(&text);
    while (text.len <= HEAD_BYTES_MAX)
        buffer_add_byte(&text, 'a');
    assert_int_equal(head_read(buffer_bytes(&text), &head, &len, NULL),
                     STATUS_LIMIT);
    buffer_deinit(&text);
}

static void only_this_machine_s_names_are_loopback(void **state)
{
    static const char *const near[] = {"localhost", "LOCALHOST:1",
                                       "127.0.0.1", "127.0.0.1:65535",
                                       "[::1]:80",  "[::1]"};
    static const char *const far[] = {"",
                                      "localhost.evil.example",
                                      "localhost:",
                                      "localhost:a",
                                      "127.0.0.1.",
                                      "127.0.0.2",
                                      "example",
                                      "::1",
                                      "localhost:1:2"};
    (void)state;
    for (size_t index = 0; index < sizeof near / sizeof *near; index++)
        assert_true(head_host_is_loopback(text_of(near[index])));
    for (size_t index = 0; index < sizeof far / sizeof *far; index++)
        assert_false(head_host_is_loopback(text_of(far[index])));
    assert_true(head_origin_is_loopback(TEXT("http://localhost:5173")));
    assert_true(head_origin_is_loopback(TEXT("https://[::1]")));
    assert_false(head_origin_is_loopback(TEXT("null")));
    assert_false(head_origin_is_loopback(TEXT("file://localhost")));
    assert_false(head_origin_is_loopback(TEXT("http://localhost@evil")));
    assert_false(head_origin_is_loopback(TEXT("http://evil/localhost")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_fields_it_needs),
        cmocka_unit_test(every_truncation_wants_more),
        cmocka_unit_test(refuses_what_is_no_request),
        cmocka_unit_test(a_head_is_bounded),
        cmocka_unit_test(only_this_machine_s_names_are_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
