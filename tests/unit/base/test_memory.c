/* SPDX-License-Identifier: Apache-2.0 */
/* test_memory.c - arenas and buffers. */
#include "base/arena.h"
#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void an_arena_hands_out_aligned_memory_that_does_not_overlap(
    void **state)
{
    (void)state;
    struct arena arena = {0};
    uint8_t *last = NULL;
    for (size_t len = 0; len < 3000; len++) {
        uint8_t *memory = arena_alloc(&arena, len);
        assert_int_equal((uintptr_t)memory % 16, 0);
        memset(memory, 0xaa, len);
        assert_ptr_not_equal(memory, last);
        last = memory;
    }
    size_t before = arena.total;
    memset(arena_alloc(&arena, 5 << 20), 1, 5 << 20);
    assert_true(arena.total >= before + (5 << 20));
    arena_deinit(&arena);
    assert_int_equal(arena.total, 0);
    arena_deinit(&arena);
}

static void an_arena_can_be_used_again_after_a_reset(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    arena_reset(&arena);
    for (int round = 0; round < 100; round++) {
        for (int index = 0; index < 100; index++)
            memset(arena_alloc(&arena, 1000), round, 1000);
        arena_reset(&arena);
    }
    // One chunk is kept, whatever the rounds.
    assert_true(arena.total < 1 << 20);
    arena_deinit(&arena);
}

static void arrays_are_zeroed_and_copies_end_in_a_nul(void **state)
{
    (void)state;
    struct arena arena = {0};
    memset(arena_alloc(&arena, 512), 0xff, 512);
    arena_reset(&arena);
    const uint64_t *numbers = arena_array(&arena, 64, sizeof *numbers);
    for (size_t index = 0; index < 64; index++)
        assert_int_equal(numbers[index], 0);
    Text copy = arena_copy_text(&arena, TEXT("text"));
    assert_int_equal(copy.len, 4);
    assert_string_equal(copy.data, "text");
    assert_int_equal(arena_copy_bytes(&arena, bytes_of(NULL, 0)).len, 0);
    Text made = arena_format(&arena, "%d-%s", 42, "x");
    assert_int_equal(made.len, 4);
    assert_string_equal(made.data, "42-x");
    arena_deinit(&arena);
}

static void a_buffer_grows_up_to_its_maximum(void **state)
{
    (void)state;
    struct buffer buffer;
    struct error err = {0};
    buffer_init(&buffer, 1000);
    for (int index = 0; index < 1000; index++)
        buffer_add_byte(&buffer, (uint8_t)index);
    assert_int_equal(buffer_status(&buffer, "thing", &err), STATUS_OK);
    assert_int_equal(buffer.len, 1000);
    assert_int_equal(buffer.data[999], 999 & 0xff);
    buffer_add_byte(&buffer, 0);
    assert_int_equal(buffer_status(&buffer, "thing", &err), STATUS_LIMIT);
    assert_string_equal(err.message, "thing is longer than 1000 bytes");
    // The status stays, and nothing is added any more.
    buffer_add_text(&buffer, TEXT(""));
    buffer_format(&buffer, "%d", 1);
    assert_null(buffer_reserve(&buffer, 0));
    assert_int_equal(buffer.len, 1000);
    buffer_clear(&buffer);
    assert_int_equal(buffer_status(&buffer, "thing", &err), STATUS_OK);
    buffer_deinit(&buffer);
}

static void a_buffer_refuses_what_would_overflow(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100);
    buffer_add_byte(&buffer, 1);
    assert_null(buffer_reserve(&buffer, SIZE_MAX));
    assert_int_equal(buffer.status, STATUS_LIMIT);
    buffer_deinit(&buffer);
}

static void no_bytes_fit_into_an_empty_buffer(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 0);
    buffer_add(&buffer, NULL, 0);
    assert_non_null(buffer_reserve(&buffer, 0));
    assert_int_equal(buffer.status, STATUS_OK);
    buffer_add_byte(&buffer, 1);
    assert_int_equal(buffer.status, STATUS_LIMIT);
    buffer_deinit(&buffer);
}

static void a_buffer_gives_its_memory_away(void **state)
{
    (void)state;
    struct buffer buffer;
    size_t len;
    buffer_init(&buffer, 1000);
    buffer_format(&buffer, "%s %d", "number", 7);
    buffer_add_bytes(&buffer, bytes_of("!", 1));
    uint8_t *data = buffer_take(&buffer, &len);
    assert_int_equal(len, 9);
    assert_memory_equal(data, "number 7!", 9);
    free(data);
    assert_int_equal(buffer.len, 0);
    buffer_add_byte(&buffer, 1);
    buffer_deinit(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            an_arena_hands_out_aligned_memory_that_does_not_overlap),
        cmocka_unit_test(an_arena_can_be_used_again_after_a_reset),
        cmocka_unit_test(arrays_are_zeroed_and_copies_end_in_a_nul),
        cmocka_unit_test(a_buffer_grows_up_to_its_maximum),
        cmocka_unit_test(a_buffer_refuses_what_would_overflow),
        cmocka_unit_test(no_bytes_fit_into_an_empty_buffer),
        cmocka_unit_test(a_buffer_gives_its_memory_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
