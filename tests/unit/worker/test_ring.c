/* SPDX-License-Identifier: Apache-2.0 */
#include "team.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "worker/channel.h"

enum { KIND = 7, LEN = CHANNEL_RING_LEN };

/* A writer and a reader of the same ring of a channel. */
struct pair {
    struct channel channel;
    struct ring writer;
    struct ring reader;
};

static void open_pair(struct pair *pair)
{
    int other;
    assert_int_equal(channel_make(&pair->channel, &other, NULL), STATUS_OK);
    close(other);
    pair->writer = pair->channel.jobs;
    pair->reader = pair->channel.jobs;
}

static void close_pair(struct pair *pair)
{
    channel_close(&pair->channel);
}

static bool put(struct pair *pair, uint8_t byte, size_t len)
{
    uint8_t *at = ring_reserve(&pair->writer, len);
    if (!at)
        return false;
    memset(at, byte, len);
    ring_commit(&pair->writer, KIND, byte, len);
    return true;
}

/* Takes a frame and checks each of its bytes. */
static void take(struct pair *pair, uint8_t byte, size_t len)
{
    struct frame frame;
    assert_int_equal(ring_next(&pair->reader, &frame), RING_FRAME);
    assert_int_equal(frame.kind, KIND);
    assert_int_equal(frame.ticket, byte);
    assert_int_equal(frame.payload.len, len);
    assert_int_equal((uintptr_t)frame.payload.data % RING_ALIGN, 0);
    for (size_t i = 0; i < len; i++)
        assert_true(frame.payload.data[i] == byte);
    ring_release(&pair->reader, &frame);
}

static void frames_come_out_as_they_went_in(void **state)
{
    (void)state;
    static const size_t rows[] = {0,  1,   15,   16,      17,      31,
                                  32, 100, 4096, 1 << 20, 3 << 20, 5};
    struct pair pair;
    open_pair(&pair);
    struct frame frame;
    assert_int_equal(ring_next(&pair.reader, &frame), RING_EMPTY);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(put(&pair, (uint8_t)i, rows[i]));
        take(&pair, (uint8_t)i, rows[i]);
    }
    assert_int_equal(ring_next(&pair.reader, &frame), RING_EMPTY);
    close_pair(&pair);
}

static void a_frame_over_the_end_is_in_one_piece(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair);
    // Two frames are always inside, so that it never starts again at 0.
    assert_true(put(&pair, 0, 1000003));
    for (int i = 1; i < 200; i++) {
        assert_true(put(&pair, (uint8_t)i, 1000003));
        take(&pair, (uint8_t)(i - 1), 1000003);
    }
    close_pair(&pair);
}

static void a_full_ring_waits_for_its_reader(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair);
    assert_null(ring_reserve(&pair.writer, LEN - 15));
    assert_null(ring_reserve(&pair.writer, LEN));
    assert_null(ring_reserve(&pair.writer, SIZE_MAX));
    assert_true(put(&pair, 1, LEN - 16));
    assert_null(ring_reserve(&pair.writer, 0));
    take(&pair, 1, LEN - 16);
    size_t count = 0;
    while (put(&pair, 2, 48))
        count++;
    assert_int_equal(count, LEN / 64);
    take(&pair, 2, 48);
    assert_true(put(&pair, 2, 48));
    assert_false(put(&pair, 2, 0));
    assert_false(pair.writer.broken);
    close_pair(&pair);
}

static void small_traffic_touches_little_memory(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair);
    uint64_t highest = 0;
    for (int i = 0; i < 100000; i++) {
        assert_true(put(&pair, 3, 200));
        struct frame frame;
        assert_int_equal(ring_next(&pair.reader, &frame), RING_FRAME);
        uint64_t offset =
            (uint64_t)(frame.payload.data - pair.reader.data) + 200;
        highest = offset > highest ? offset : highest;
        ring_release(&pair.reader, &frame);
    }
    assert_true(highest < 66 << 10);
    close_pair(&pair);
}

static void a_reader_refuses_what_cannot_be(void **state)
{
    (void)state;
    static const struct {
        uint64_t head;
        uint32_t len;
        RingRead result;
    } rows[] = {
        {32, 16, RING_FRAME},         {16, 0, RING_FRAME},
        {0, 0, RING_EMPTY},           {15, 0, RING_BROKEN},
        {17, 0, RING_BROKEN},         {16, 1, RING_BROKEN},
        {32, 17, RING_BROKEN},        {LEN, LEN - 16, RING_FRAME},
        {LEN, LEN - 15, RING_BROKEN}, {LEN, UINT32_MAX, RING_BROKEN},
        {LEN + 16, 0, RING_BROKEN},   {(uint64_t)-16, 0, RING_BROKEN},
        {UINT64_MAX, 0, RING_BROKEN}, {(uint64_t)1 << 63, 0, RING_BROKEN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pair pair;
        open_pair(&pair);
        uint64_t words[2] = {rows[i].len | (uint64_t)KIND << 32, 0};
        memcpy(pair.reader.data, words, sizeof words);
        atomic_store(&pair.channel.shared->jobs.head, rows[i].head);
        struct frame frame;
        RingRead result = ring_next(&pair.reader, &frame);
        if (result != rows[i].result)
            FAIL("row %zu: %d", i, (int)result);
        // Once broken, always broken.
        atomic_store(&pair.channel.shared->jobs.head, 0);
        if (result == RING_BROKEN)
            assert_int_equal(ring_next(&pair.reader, &frame), RING_BROKEN);
        close_pair(&pair);
    }
}

static void a_writer_refuses_a_reader_that_cannot_be(void **state)
{
    (void)state;
    // Written up to LEN - 64, so that it has to ask where the reader is.
    static const struct {
        uint64_t tail;
        bool broken;
    } rows[] = {
        {0, false},       {16, false},        {LEN - 64, false},
        {LEN - 48, true}, {LEN, true},        {8, true},
        {1, true},        {UINT64_MAX, true}, {(uint64_t)-16, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pair pair;
        open_pair(&pair);
        assert_true(put(&pair, 1, LEN - 80));
        atomic_store(&pair.channel.shared->jobs.tail, rows[i].tail);
        uint8_t *at = ring_reserve(&pair.writer, 64);
        if (pair.writer.broken != rows[i].broken)
            FAIL("row %zu", i);
        if (rows[i].broken)
            assert_null(at);
        close_pair(&pair);
    }
}

enum { ROUNDS = 300000 };

static size_t length_of(size_t round)
{
    return round % 1000 == 999 ? 700001 : round * 7 % 333;
}

static void *write_rounds(void *context)
{
    struct pair *pair = context;
    for (size_t i = 0; i < ROUNDS; i++)
        while (!put(pair, (uint8_t)i, length_of(i)))
            usleep(1);
    return NULL;
}

static void a_writer_and_a_reader_run_at_the_same_time(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair);
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_rounds, &pair), 0);
    for (size_t i = 0; i < ROUNDS; i++) {
        while (!ring_has_data(&pair.reader)) {
        }
        take(&pair, (uint8_t)i, length_of(i));
    }
    pthread_join(writer, NULL);
    close_pair(&pair);
}

static void the_memory_can_neither_shrink_nor_grow(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair);
    assert_int_equal(ftruncate(pair.channel.memory, 4096), -1);
    assert_int_equal(ftruncate(pair.channel.memory, 1 << 30), -1);
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_as_they_went_in),
        cmocka_unit_test(a_frame_over_the_end_is_in_one_piece),
        cmocka_unit_test(a_full_ring_waits_for_its_reader),
        cmocka_unit_test(small_traffic_touches_little_memory),
        cmocka_unit_test(a_reader_refuses_what_cannot_be),
        cmocka_unit_test(a_writer_refuses_a_reader_that_cannot_be),
        cmocka_unit_test(a_writer_and_a_reader_run_at_the_same_time),
        cmocka_unit_test(the_memory_can_neither_shrink_nor_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
