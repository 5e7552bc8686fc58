/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket's frames: what RFC 6455 allows is read in pieces of any size, what
 * it forbids ends the connection with the right code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#undef fail /* base/status.h has a function of this name */

#include "base/arena.h"
#include "homestar/frame.h"

#define HEX_MAX 512

/* "81 05 …": two digits a byte, blanks between. */
static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t len = 0;
    for (; *hex; hex++) {
        if (*hex == ' ')
            continue;
        const char pair[3] = {hex[0], hex[1], '\0'};
        out[len++] = (uint8_t)strtoul(pair, NULL, 16);
        hex++;
    }
    return len;
}

/* Frames masked with 00 00 00 00, so that one can read them. */
static const struct {
    const char *hex;
    FrameKind kind;
    const char *payload;
} good[] = {
    {"81 85 00000000 48656c6c6f", FRAME_TEXT, "Hello"},
    {"81 80 00000000", FRAME_TEXT, ""},
    /* The example of section 5.7. */
    {"81 85 37fa213d 7f9f4d5158", FRAME_TEXT, "Hello"},
    {"82 81 00000000 41", FRAME_BINARY, "A"},
    {"01 83 00000000 48656c 80 82 01010101 6d6e", FRAME_TEXT, "Hello"},
    {"01 80 00000000 00 81 00000000 41 80 80 00000000", FRAME_TEXT, "A"},
    {"89 82 00000000 6869", FRAME_PING, "hi"},
    {"8a 80 00000000", FRAME_PONG, ""},
    {"88 80 00000000", FRAME_CLOSE, ""},
    {"88 83 00000000 03e8 41", FRAME_CLOSE,
     "\x03\xe8"
     "A"},
};

static void reads_what_is_allowed_in_pieces_of_any_size(void **state)
{
    (void)state;
    for (size_t which = 0; which < sizeof good / sizeof *good; which++) {
        uint8_t bytes[HEX_MAX];
        const size_t len = from_hex(good[which].hex, bytes);
        for (size_t piece = 1; piece <= len; piece++) {
            struct frame_reader reader;
            struct frame frame = {0};
            frame_reader_init(&reader);
            for (size_t at = 0; at < len && !frame.is_whole;) {
                const size_t now = piece < len - at ? piece : len - at;
                uint8_t *copy = heap_alloc(now);
                memcpy(copy, bytes + at, now);
                Bytes input = bytes_of(copy, now);
                assert_int_equal(frame_read(&reader, &input, &frame, NULL),
                                 STATUS_OK);
                at += now - input.len;
                free(copy);
                assert_true(frame.is_whole == (at == len));
            }
            assert_int_equal(frame.kind, good[which].kind);
            assert_true(bytes_equal(frame.payload,
                                    text_bytes(text_of(good[which].payload))));
            frame_reader_deinit(&reader);
        }
    }
}

/* Each row breaks one rule. */
static const struct {
    const char *hex;
    uint16_t code;
    const char *what;
} bad[] = {
    {"81 05 00000000", FRAME_PROTOCOL_ERROR, "not masked"},
    {"c1 80 00000000", FRAME_PROTOCOL_ERROR, "reserved"},
    {"91 80 00000000", FRAME_PROTOCOL_ERROR, "reserved"},
    {"83 80 00000000", FRAME_PROTOCOL_ERROR, "unknown kind"},
    {"8b 80 00000000", FRAME_PROTOCOL_ERROR, "unknown kind"},
    {"80 80 00000000", FRAME_PROTOCOL_ERROR, "of nothing"},
    {"01 80 00000000 81 80 00000000", FRAME_PROTOCOL_ERROR, "inside"},
    {"09 80 00000000", FRAME_PROTOCOL_ERROR, "in pieces"},
    {"89 fe 007e 00000000", FRAME_PROTOCOL_ERROR, "125 bytes"},
    {"81 fe 007d 00000000", FRAME_PROTOCOL_ERROR, "shortest"},
    {"81 ff 000000000000ffff 00000000", FRAME_PROTOCOL_ERROR, "shortest"},
    {"81 ff 0000000000a00001 00000000", FRAME_TOO_LARGE, "10485760"},
    {"81 ff ffffffffffffffff 00000000", FRAME_TOO_LARGE, "10485760"},
    {"88 81 00000000 03", FRAME_PROTOCOL_ERROR, "half"},
    {"88 82 00000000 03ed", FRAME_PROTOCOL_ERROR, "that is none"},
    {"88 82 00000000 0000", FRAME_PROTOCOL_ERROR, "that is none"},
    {"88 83 00000000 03e8 ff", FRAME_PROTOCOL_ERROR, "that is none"},
    {"81 81 00000000 ff", FRAME_NOT_TEXT, "UTF-8"},
    {"81 82 00000000 c3 28", FRAME_NOT_TEXT, "UTF-8"},
};

static void refuses_what_is_forbidden(void **state)
{
    (void)state;
    for (size_t which = 0; which < sizeof bad / sizeof *bad; which++) {
        uint8_t bytes[HEX_MAX];
        const size_t len = from_hex(bad[which].hex, bytes);
        uint8_t *copy = heap_alloc(len);
        struct frame_reader reader;
        struct frame frame;
        struct error error = {0};
        Status status = STATUS_OK;
        memcpy(copy, bytes, len);
        Bytes input = bytes_of(copy, len);
        frame_reader_init(&reader);
        do
            status = frame_read(&reader, &input, &frame, &error);
        while (status == STATUS_OK && frame.is_whole);
        assert_int_not_equal(status, STATUS_OK);
        assert_int_equal(reader.code, bad[which].code);
        if (!strstr(error.message, bad[which].what))
            assert_string_equal(error.message, bad[which].what);
        frame_reader_deinit(&reader);
        free(copy);
    }
}

static void a_message_in_pieces_is_bounded_as_a_whole(void **state)
{
    enum { PIECE = 1 << 20 };
    (void)state;
    struct frame_reader reader;
    struct frame frame;
    Status status = STATUS_OK;
    uint8_t *piece = heap_array(PIECE, 1);
    unsigned count = 0;
    frame_reader_init(&reader);
    while (status == STATUS_OK && count < 20) {
        const uint8_t head[] = {
            count == 0 ? 2 : 0, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0};
        Bytes input = bytes_of(head, sizeof head);
        status = frame_read(&reader, &input, &frame, NULL);
        if (status != STATUS_OK)
            break;
        input = bytes_of(piece, PIECE);
        status = frame_read(&reader, &input, &frame, NULL);
        count++;
    }
    assert_int_equal(status, STATUS_LIMIT);
    assert_int_equal(count, FRAME_MESSAGE_MAX / PIECE);
    assert_int_equal(reader.code, FRAME_TOO_LARGE);
    frame_reader_deinit(&reader);
    free(piece);
}

static void writes_the_shortest_head(void **state)
{
    static const struct {
        size_t len;
        const char *head;
    } rows[] = {{0, "81 00"},
                {125, "81 7d"},
                {126, "81 7e 007e"},
                {65535, "81 7e ffff"},
                {65536, "81 7f 0000000000010000"}};
    (void)state;
    for (size_t which = 0; which < sizeof rows / sizeof *rows; which++) {
        struct buffer out;
        uint8_t head[HEX_MAX];
        uint8_t *payload = heap_array(rows[which].len + 1, 1);
        const size_t len = from_hex(rows[which].head, head);
        buffer_init(&out, 1 << 20);
        frame_write(&out, FRAME_TEXT, bytes_of(payload, rows[which].len));
        assert_int_equal(out.len, len + rows[which].len);
        assert_memory_equal(out.data, head, len);
        buffer_deinit(&out);
        free(payload);
    }
}

static void accepts_as_the_standard_says(void **state)
{
    char accept[FRAME_ACCEPT_LEN];
    (void)state;
    /* Section 1.3. */
    assert_int_equal(
        frame_accept(TEXT("dGhlIHNhbXBsZSBub25jZQ=="), accept, NULL),
        STATUS_OK);
    assert_memory_equal(accept,
                        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", FRAME_ACCEPT_LEN);
    static const Text wrong[] = {TEXT_INIT(""),
                                 TEXT_INIT("dGhlIHNhbXBsZSBub25jZQ="),
                                 TEXT_INIT("dGhlIHNhbXBsZSBub25jZQ==="),
                                 TEXT_INIT("dGhlIHNhbXBsZSBub25jZ!=="),
                                 TEXT_INIT("dGhlIHNhbXBsZSBub25jZQAA")};
    for (size_t which = 0; which < sizeof wrong / sizeof *wrong; which++)
        assert_int_equal(frame_accept(wrong[which], accept, NULL),
                         STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_allowed_in_pieces_of_any_size),
        cmocka_unit_test(refuses_what_is_forbidden),
        cmocka_unit_test(a_message_in_pieces_is_bounded_as_a_whole),
        cmocka_unit_test(writes_the_shortest_head),
        cmocka_unit_test(accepts_as_the_standard_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
