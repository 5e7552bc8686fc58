/* SPDX-License-Identifier: Apache-2.0 */
/* JSON-RPC: what is a request, what is not, and answers to the letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#undef fail /* base/status.h has a function of this name */

#include "homestar/rpc.h"

static void assert_text(const struct buffer *out, const char *expected)
{
    assert_int_equal(out->status, STATUS_OK);
    assert_int_equal(out->len, strlen(expected));
    assert_memory_equal(out->data, expected, out->len);
}

static const struct {
    const char *text;
    Status status; /* of the message, then of its first item */
    int code;
    const char *what;
} bad[] = {
    {"", STATUS_INVALID, RPC_PARSE_ERROR, ""},
    {"{", STATUS_INVALID, RPC_PARSE_ERROR, ""},
    {"{\"a\":1,\"a\":1}", STATUS_INVALID, RPC_PARSE_ERROR, ""},
    {"{\"/\":\"not a cid\"}", STATUS_INVALID, RPC_PARSE_ERROR, ""},
    {"[]", STATUS_INVALID, RPC_INVALID_REQUEST, "empty"},
    {"1", STATUS_OK, RPC_INVALID_REQUEST, "'jsonrpc'"},
    {"{\"method\":\"a\"}", STATUS_OK, RPC_INVALID_REQUEST, "'jsonrpc'"},
    {"{\"jsonrpc\":\"1.0\",\"method\":\"a\"}", STATUS_OK, RPC_INVALID_REQUEST,
     "'jsonrpc'"},
    {"{\"jsonrpc\":2.0,\"method\":\"a\"}", STATUS_OK, RPC_INVALID_REQUEST,
     "'jsonrpc'"},
    {"{\"jsonrpc\":\"2.0\"}", STATUS_OK, RPC_INVALID_REQUEST, "'method'"},
    {"{\"jsonrpc\":\"2.0\",\"method\":1}", STATUS_OK, RPC_INVALID_REQUEST,
     "'method'"},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"params\":1}", STATUS_OK,
     RPC_INVALID_REQUEST, "'params'"},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":[]}", STATUS_OK,
     RPC_INVALID_REQUEST, "'id'"},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":true}", STATUS_OK,
     RPC_INVALID_REQUEST, "'id'"},
};

static void refuses_what_is_no_request(void **state)
{
    (void)state;
    for (size_t which = 0; which < sizeof bad / sizeof *bad; which++) {
        struct arena arena = {0};
        struct rpc_message message;
        struct rpc_request request;
        struct error error = {0};
        int code;
        const size_t len = strlen(bad[which].text);
        uint8_t *copy = heap_alloc(len > 0 ? len : 1);
        memcpy(copy, bad[which].text, len);
        Status status =
            rpc_read(bytes_of(copy, len), &arena, &message, &code, &error);
        assert_int_equal(status, bad[which].status);
        assert_int_equal(code, bad[which].code);
        if (status == STATUS_OK)
            assert_int_equal(rpc_request_of(message.items, &request, &error),
                             STATUS_INVALID);
        assert_non_null(strstr(error.message, bad[which].what));
        arena_deinit(&arena);
        free(copy);
    }
}

static void a_batch_is_bounded(void **state)
{
    struct arena arena = {0};
    struct rpc_message message;
    struct buffer text;
    int code;
    (void)state;
    buffer_init(&text, 4096);
    buffer_add_text(&text, TEXT("[1"));
    for (unsigned index = 1; index < RPC_BATCH_MAX; index++)
        buffer_add_text(&text, TEXT(",1"));
    buffer_add_byte(&text, ']');
    assert_int_equal(
        rpc_read(buffer_bytes(&text), &arena, &message, &code, NULL),
        STATUS_OK);
    assert_int_equal(message.count, RPC_BATCH_MAX);
    text.len--;
    buffer_add_text(&text, TEXT(",1]"));
    assert_int_equal(
        rpc_read(buffer_bytes(&text), &arena, &message, &code, NULL),
        STATUS_LIMIT);
    assert_int_equal(code, RPC_INVALID_REQUEST);
    buffer_deinit(&text);
    arena_deinit(&arena);
}

/* The number that stands where the parameter is found; -1: nowhere. */
static const struct {
    const char *params;
    int found;
} ones[] = {
    {"[1,2]", 1},           {"[]", -1},   {"{\"key\":3}", 3},
    {"{\"other\":{}}", -2}, {"null", -1},
};

static void finds_the_one_parameter(void **state)
{
    (void)state;
    for (size_t which = 0; which < sizeof ones / sizeof *ones; which++) {
        struct arena arena = {0};
        struct rpc_message message;
        struct rpc_request request;
        int code;
        const Text text = arena_format(
            &arena, "{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"params\":%s}",
            ones[which].params);
        assert_int_equal(
            rpc_read(text_bytes(text), &arena, &message, &code, NULL),
            STATUS_OK);
        assert_int_equal(rpc_request_of(message.items, &request, NULL),
                         STATUS_OK);
        assert_false(request.wants_answer);
        const Value *one = rpc_one(&request, TEXT("key"));
        int64_t number = -1;
        if (one && !value_to_int64(one, &number))
            number = -2;
        assert_int_equal(number, ones[which].found);
        arena_deinit(&arena);
    }
}

static void writes_answers_to_the_letter(void **state)
{
    struct buffer out;
    const Value id = value_int(-7), nobody = value_null();
    const Value yes = value_bool(true);
    (void)state;
    buffer_init(&out, 1 << 20);
    rpc_write_result(&out, &id, &yes);
    assert_text(&out, "{\"jsonrpc\":\"2.0\",\"result\":true,\"id\":-7}");
    buffer_clear(&out);
    rpc_write_error(&out, &nobody, RPC_PARSE_ERROR, TEXT("a \"b\"\n"));
    assert_text(&out, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,"
                      "\"message\":\"a \\\"b\\\"\\n\"},\"id\":null}");
    buffer_clear(&out);
    rpc_write_bytes(&out, TEXT("m"), TEXT("s"),
                    bytes_of("\x00\x09\x0a\x63\x64\xff", 6));
    assert_text(&out, "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{"
                      "\"subscription\":\"s\",\"result\":"
                      "[0,9,10,99,100,255]}}");
    buffer_clear(&out);
    rpc_write_bytes(&out, TEXT("m"), TEXT("s"), (Bytes){NULL, 0});
    assert_text(&out, "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{"
                      "\"subscription\":\"s\",\"result\":[]}}");
    buffer_deinit(&out);
}

/* More than one piece is written at once of. */
static void numbers_are_separated_across_pieces(void **state)
{
    enum { COUNT = 40000 };
    struct buffer out;
    uint8_t *bytes = heap_array(COUNT, 1);
    (void)state;
    memset(bytes, 7, COUNT);
    buffer_init(&out, 1 << 20);
    rpc_write_bytes(&out, TEXT("m"), TEXT("s"), bytes_of(bytes, COUNT));
    assert_int_equal(out.status, STATUS_OK);
    const uint8_t *at = memchr(out.data, '[', out.len);
    assert_non_null(at);
    for (unsigned index = 0; index < COUNT; index++) {
        assert_int_equal(at[1 + 2 * index], '7');
        assert_int_equal(at[2 + 2 * index], index + 1 < COUNT ? ',' : ']');
    }
    buffer_deinit(&out);
    free(bytes);
}

static void what_is_too_long_is_not_cut(void **state)
{
    struct buffer out;
    uint8_t *bytes = heap_array(1000, 1);
    (void)state;
    buffer_init(&out, 1000);
    rpc_write_bytes(&out, TEXT("m"), TEXT("s"), bytes_of(bytes, 1000));
    assert_int_equal(out.status, STATUS_LIMIT);
    buffer_deinit(&out);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_no_request),
        cmocka_unit_test(a_batch_is_bounded),
        cmocka_unit_test(finds_the_one_parameter),
        cmocka_unit_test(writes_answers_to_the_letter),
        cmocka_unit_test(numbers_are_separated_across_pieces),
        cmocka_unit_test(what_is_too_long_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
