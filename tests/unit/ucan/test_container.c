/* SPDX-License-Identifier: Apache-2.0 */
/* test_container.c - the six forms, what is refused, and how much a hostile
 * container costs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipld/dag_cbor.h"
#include "ipld/multibase.h"
#include "ucan/container.h"
#include "ucan/gzip.h"
#include "unit/ipld/hex.h"

static const ContainerForm forms[] = {
    CONTAINER_RAW,  CONTAINER_BASE64,      CONTAINER_BASE64URL,
    CONTAINER_GZIP, CONTAINER_GZIP_BASE64, CONTAINER_GZIP_BASE64URL,
};

static const Bytes three[] = {
    {(const uint8_t *)"\xff\xfe\xfd", 3},
    {(const uint8_t *)"a", 1},
    {(const uint8_t *)"\xff\xfe", 2},
};

static Status read_exact(Bytes bytes, struct arena *arena, Bytes **tokens,
                         size_t *count, struct error *err)
{
    Bytes exact = exact_copy(bytes);
    *err = (struct error){0};
    Status status = container_read(exact, arena, tokens, count, err);
    exact_free(exact); // What was read does not borrow from it.
    return status;
}

static void reads_what_it_writes_in_each_form(void **state)
{
    (void)state;
    for (size_t index = 0; index < 6; index++) {
        struct arena arena = {0};
        struct buffer out;
        struct error err;
        Bytes *tokens;
        size_t count;
        buffer_init(&out, 4096);
        assert_int_equal(container_write(forms[index], three, 3, &out, NULL),
                         STATUS_OK);
        assert_int_equal(out.data[0], forms[index]);
        assert_int_equal(
            read_exact(buffer_bytes(&out), &arena, &tokens, &count, &err),
            STATUS_OK);
        assert_int_equal(count, 3);
        assert_true(bytes_equal(tokens[0], three[1]));
        assert_true(bytes_equal(tokens[1], three[2]));
        assert_true(bytes_equal(tokens[2], three[0]));
        buffer_deinit(&out);
        arena_deinit(&arena);
    }
}

static void assert_written(ContainerForm form, const Bytes *tokens,
                           size_t count, const char *text)
{
    struct buffer out;
    buffer_init(&out, 4096);
    assert_int_equal(container_write(form, tokens, count, &out, NULL),
                     STATUS_OK);
    if (out.len != strlen(text) || memcmp(out.data, text, out.len) != 0)
        fail_msg("%.*s, not %s", (int)out.len, (const char *)out.data, text);
    buffer_deinit(&out);
}

/* a1 66 63746e2d7631 83 41 61 42 fffe 43 fffefd, with both alphabets. */
static void writes_sorted_without_what_comes_twice(void **state)
{
    const Bytes twice[] = {three[0], three[1], three[0],
                           three[2], three[1], three[2]};
    (void)state;
    assert_written(CONTAINER_BASE64, three, 3, "BoWZjdG4tdjGDQWFC//5D//79");
    assert_written(CONTAINER_BASE64URL, three, 3, "CoWZjdG4tdjGDQWFC__5D__79");
    assert_written(CONTAINER_BASE64, twice, 6, "BoWZjdG4tdjGDQWFC//5D//79");
    assert_written(CONTAINER_RAW, NULL, 0,
                   "@\xa1\x66"
                   "ctn-v1\x80");
    assert_written(CONTAINER_BASE64, NULL, 0, "BoWZjdG4tdjGA");
    assert_written(CONTAINER_BASE64, &three[1], 1, "BoWZjdG4tdjGBQWE=");
    assert_written(CONTAINER_BASE64URL, &three[1], 1, "CoWZjdG4tdjGBQWE");
}

/* RFC 1952: no flags, no time, and no system, so the same bytes anywhere. */
static void gzip_says_nothing_of_when_and_where(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, 4096);
    assert_int_equal(container_write(CONTAINER_GZIP, three, 3, &out, NULL),
                     STATUS_OK);
    assert_memory_equal(out.data, "M\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff",
                        11);
    buffer_deinit(&out);
}

/* --- Bad input ----------------------------------------------------------- */

static void assert_refused(Bytes bytes, Status expected, const char *words)
{
    struct arena arena = {0};
    struct error err;
    Bytes *tokens;
    size_t count;
    Status status = read_exact(bytes, &arena, &tokens, &count, &err);
    if (status != expected || !strstr(err.message, words))
        fail_msg("%s: %s, not %s", status_name(status), err.message, words);
    arena_deinit(&arena);
}

static void refuses_cbor_that_is_no_container(void **state)
{
    static const struct {
        const char *hex, *words;
    } rows[] = {
        {"", "ends"},
        {"80", "not a map of ctn-v1"},
        {"a0", "not a map of ctn-v1"},
        {"a1 66 63746e2d7632 80", "not a map of ctn-v1"},
        {"a1 66 63746e2d7631 a0", "not a map of ctn-v1"},
        {"a1 66 63746e2d7631 f6", "not a map of ctn-v1"},
        {"a2 61 61 80 66 63746e2d7631 80", "not a map of ctn-v1"},
        {"a2 66 63746e2d7631 80 66 63746e2d7631 80", "twice"},
        {"a1 66 63746e2d7631 81 61 61", "entry 0 is text, not bytes"},
        {"a1 66 63746e2d7631 82 41 61 01", "entry 1 is int, not bytes"},
        {"a1 66 63746e2d7631 82 41 62 41 61", "token 1 is out of order"},
        {"a1 66 63746e2d7631 82 42 6161 41 61", "token 1 is out of order"},
        {"a1 66 63746e2d7631 82 41 61 41 61", "token 1 is there twice"},
        {"a1 66 63746e2d7631 82 40 40", "token 1 is there twice"},
        {"a1 66 63746e2d7631 80 00", "byte 9"},
        {"a1 66 63746e2d7631 98 00", "shortest"},
        {"b8 01 66 63746e2d7631 80", "shortest"},
        {"bf 66 63746e2d7631 80 ff", "indefinite"},
        {"a1 66 63746e2d7631 81 58 01 61", "shortest"},
    };
    (void)state;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        char hex[200];
        snprintf(hex, sizeof hex, "40 %s", rows[index].hex);
        Bytes bytes = exact_from_hex(hex);
        assert_refused(bytes, STATUS_INVALID, rows[index].words);
        exact_free(bytes);
    }
}

static void refuses_text_that_is_not_its_base64(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"", "it is empty"},
        {"A", "begins with none of"},
        {"boWZjdG4tdjGA", "begins with none of"},
        {"D", "begins with none of"},
        {"N", "begins with none of"},
        {"\xff", "begins with none of"},
        {"{\"ctn-v1\":[]}", "begins with none of"},
        {" BoWZjdG4tdjGA", "begins with none of"},
        {"BoWZjdG4tdjGA\n", "container: "}, /* blanks are the caller's */
        {"BoWZjdG4tdjG", "container: "},
        {"BoWZjdG4tdjGBQWE", "container: "},  /* no padding */
        {"CoWZjdG4tdjGBQWE=", "container: "}, /* padding */
        {"BoWZjdG4tdjGBQWF=", "container: "}, /* bits left over */
        {"BoWZjdG4tdjGDQWFC__5D__79", "'_'"}, /* the other alphabet */
        {"CoWZjdG4tdjGDQWFC//5D//79", "'/'"},
        {"BoWZj dG4tdjGA", "container: "},
    };
    (void)state;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++)
        assert_refused(text_bytes(text_of(rows[index].text)), STATUS_INVALID,
                       rows[index].words);
}

static void refuses_every_truncation_and_every_byte_behind(void **state)
{
    (void)state;
    for (size_t index = 0; index < 6; index++) {
        struct buffer out;
        buffer_init(&out, 4096);
        assert_int_equal(container_write(forms[index], three, 3, &out, NULL),
                         STATUS_OK);
        for (size_t len = 0; len < out.len; len++)
            assert_refused(bytes_of(out.data, len), STATUS_INVALID, "");
        // 'A' is a character of base64, and a byte.
        buffer_add_byte(&out, 'A');
        assert_refused(buffer_bytes(&out), STATUS_INVALID, "");
        buffer_deinit(&out);
    }
}

static void refuses_damaged_gzip(void **state)
{
    struct buffer out, two;
    (void)state;
    buffer_init(&out, 4096);
    buffer_init(&two, 4096);
    assert_int_equal(container_write(CONTAINER_GZIP, three, 3, &out, NULL),
                     STATUS_OK);
    // Each bit of the method, the flags' meaning, the data and the checksum.
    const size_t behind = out.len;
    for (size_t at = 1; at < behind; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct arena arena = {0};
            struct error err;
            Bytes *tokens = NULL;
            size_t count = 0;
            out.data[at] ^= (uint8_t)(1u << bit);
            Status status =
                read_exact(buffer_bytes(&out), &arena, &tokens, &count, &err);
            // What is not data may differ: time, system, a text flag. What
            // comes out is the same.
            if (status == STATUS_OK) {
                assert_int_equal(count, 3);
                assert_true(bytes_equal(tokens[2], three[0]));
            }
            if (at > 10)
                assert_int_equal(status, STATUS_INVALID);
            out.data[at] ^= (uint8_t)(1u << bit);
            arena_deinit(&arena);
        }
    // A second member behind the first.
    buffer_add_bytes(&two, buffer_bytes(&out));
    buffer_add_bytes(&two, bytes_from(buffer_bytes(&out), 1));
    assert_refused(buffer_bytes(&two), STATUS_INVALID, "behind its end");
    buffer_deinit(&two);
    buffer_deinit(&out);
}

/* --- Bounds -------------------------------------------------------------- */

/* `len` zeros as gzip, in the form: some 1000 times smaller. */
static Bytes bomb(ContainerForm form, size_t len)
{
    struct buffer packed, out;
    uint8_t *zeros = calloc(1, len);
    buffer_init(&packed, 2 * len + 100);
    buffer_init(&out, len + 100);
    assert_int_equal(gzip_pack(bytes_of(zeros, len), &packed, NULL),
                     STATUS_OK);
    free(zeros);
    if (form == CONTAINER_GZIP_BASE64) {
        uint8_t *text =
            buffer_reserve(&out, multibase_length_max('M', packed.len));
        buffer_advance(
            &out, multibase_encode('M', buffer_bytes(&packed), (char *)text));
        out.data[0] = 'O';
    } else {
        buffer_add_byte(&out, 'M');
        buffer_add_bytes(&out, buffer_bytes(&packed));
    }
    Bytes exact = exact_copy(buffer_bytes(&out));
    buffer_deinit(&packed);
    buffer_deinit(&out);
    return exact;
}

static void a_bomb_costs_no_more_than_the_bound(void **state)
{
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        struct arena arena = {0};
        struct error err;
        Bytes *tokens;
        size_t count;
        Bytes bytes = bomb(packed ? CONTAINER_GZIP_BASE64 : CONTAINER_GZIP,
                           (size_t)64 << 20);
        assert_in_range(bytes.len, 1000, 1 << 20);
        assert_int_equal(container_read(bytes, &arena, &tokens, &count, &err),
                         STATUS_LIMIT);
        assert_non_null(strstr(err.message, "more than 4194304 bytes"));
        assert_in_range(arena.total, 0, 2 << 20);
        exact_free(bytes);
        arena_deinit(&arena);
    }
}

/* The bound itself: exactly that many bytes are unpacked and then read. */
static void unpacks_up_to_the_bound(void **state)
{
    (void)state;
    Bytes bytes = bomb(CONTAINER_GZIP, CONTAINER_BYTES_MAX);
    assert_refused(bytes, STATUS_INVALID, "at byte");
    exact_free(bytes);
    bytes = bomb(CONTAINER_GZIP, CONTAINER_BYTES_MAX + 1);
    assert_refused(bytes, STATUS_LIMIT, "more than 4194304 bytes");
    exact_free(bytes);
}

/* Each byte an item: a tree of them would have 100 MB. */
static void many_small_items_cost_no_more_than_the_bytes(void **state)
{
    enum { ITEMS = 4000000 };
    struct arena arena = {0};
    struct error err;
    struct buffer out;
    Bytes *tokens;
    size_t count;
    (void)state;
    for (int nested = 0; nested < 2; nested++) {
        buffer_init(&out, CONTAINER_BYTES_MAX);
        buffer_add_byte(&out, '@');
        cbor_add_map(&out, 1);
        cbor_add_text(&out, TEXT("ctn-v1"));
        if (nested)
            cbor_add_list(&out, 1);
        cbor_add_list(&out, ITEMS);
        uint8_t *zeros = buffer_reserve(&out, ITEMS);
        assert_non_null(zeros);
        memset(zeros, 0, ITEMS);
        buffer_advance(&out, ITEMS);
        assert_int_equal(
            container_read(buffer_bytes(&out), &arena, &tokens, &count, &err),
            STATUS_LIMIT);
        assert_in_range(arena.total, 0, 5 << 20);
        buffer_deinit(&out);
        arena_deinit(&arena);
        arena_init(&arena);
    }
}

static void holds_1024_tokens_and_no_more(void **state)
{
    static uint8_t data[CONTAINER_TOKENS_MAX + 1][2];
    static Bytes tokens[CONTAINER_TOKENS_MAX + 1];
    struct buffer out;
    struct arena arena = {0};
    struct error err;
    Bytes *read;
    size_t count;
    (void)state;
    for (size_t index = 0; index <= CONTAINER_TOKENS_MAX; index++) {
        data[index][0] = (uint8_t)(index >> 8);
        data[index][1] = (uint8_t)index;
        tokens[index] = bytes_of(data[index], 2);
    }
    buffer_init(&out, 1 << 20);
    assert_int_equal(container_write(CONTAINER_RAW, tokens,
                                     CONTAINER_TOKENS_MAX, &out, NULL),
                     STATUS_OK);
    assert_int_equal(
        read_exact(buffer_bytes(&out), &arena, &read, &count, &err),
        STATUS_OK);
    assert_int_equal(count, CONTAINER_TOKENS_MAX);
    buffer_clear(&out);
    assert_int_equal(container_write(CONTAINER_RAW, tokens,
                                     CONTAINER_TOKENS_MAX + 1, &out, NULL),
                     STATUS_LIMIT);
    // By hand: a list of 1025.
    buffer_clear(&out);
    buffer_add_byte(&out, '@');
    cbor_add_map(&out, 1);
    cbor_add_text(&out, TEXT("ctn-v1"));
    cbor_add_list(&out, CONTAINER_TOKENS_MAX + 1);
    for (size_t index = 0; index <= CONTAINER_TOKENS_MAX; index++)
        cbor_add_bytes(&out, tokens[index]);
    assert_refused(buffer_bytes(&out), STATUS_LIMIT, "1025 tokens");
    buffer_deinit(&out);
    arena_deinit(&arena);
}

static void refuses_more_bytes_than_any_form_needs(void **state)
{
    (void)state;
    for (size_t index = 0; index < 6; index++) {
        const size_t len = (size_t)8 << 20;
        uint8_t *data = malloc(len);
        memset(data, 'A', len);
        data[0] = (uint8_t)forms[index];
        assert_refused(bytes_of(data, len), STATUS_LIMIT, "are more than");
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_writes_in_each_form),
        cmocka_unit_test(writes_sorted_without_what_comes_twice),
        cmocka_unit_test(gzip_says_nothing_of_when_and_where),
        cmocka_unit_test(refuses_cbor_that_is_no_container),
        cmocka_unit_test(refuses_text_that_is_not_its_base64),
        cmocka_unit_test(refuses_every_truncation_and_every_byte_behind),
        cmocka_unit_test(refuses_damaged_gzip),
        cmocka_unit_test(a_bomb_costs_no_more_than_the_bound),
        cmocka_unit_test(unpacks_up_to_the_bound),
        cmocka_unit_test(many_small_items_cost_no_more_than_the_bytes),
        cmocka_unit_test(holds_1024_tokens_and_no_more),
        cmocka_unit_test(refuses_more_bytes_than_any_form_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
