/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/ring.h"

#include "base/status.h"

/* A frame: its length and kind in one word, its ticket in the next, payload,
 * padding to 16. RING_SKIP fills up to the end of the data. */
enum { RING_SKIP = 0x736b6970 };

/* An empty ring starts again at offset 0 once it has come this far, so that
 * small traffic stays in the cache and touches little memory. */
enum { REWIND_AT = 64 << 10 };

static uint64_t frame_size(uint64_t len)
{
    return RING_HEAD_LEN + ((len + RING_ALIGN - 1) & ~(uint64_t)15);
}

static uint8_t *byte_at(const struct ring *ring, uint64_t position)
{
    return ring->data + (position & (ring->capacity - 1));
}

static void write_head(struct ring *ring, uint32_t kind, uint64_t ticket,
                       uint64_t len)
{
    uint64_t words[2] = {len | (uint64_t)kind << 32, ticket};
    memcpy(byte_at(ring, ring->head), words, sizeof words);
}

void ring_init(struct ring *ring, struct ring_shared *shared, uint8_t *data,
               uint64_t capacity)
{
    ASSERT((capacity & (capacity - 1)) == 0 && capacity <= UINT32_MAX);
    *ring =
        (struct ring){.shared = shared, .data = data, .capacity = capacity};
}

/* Takes over the reader's position, if it can be true. */
static void see_tail(struct ring *ring)
{
    uint64_t tail =
        atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
    if (tail - ring->tail > ring->head - ring->tail || tail % RING_ALIGN != 0)
        ring->broken = true;
    else
        ring->tail = tail;
}

static void rewind_if_empty(struct ring *ring, uint64_t size)
{
    uint64_t offset = ring->head & (ring->capacity - 1);
    if (offset < REWIND_AT)
        return;
    see_tail(ring);
    uint64_t rest = ring->capacity - offset;
    if (ring->broken || ring->tail != ring->head ||
        size > ring->capacity - rest)
        return;
    write_head(ring, RING_SKIP, 0, rest - RING_HEAD_LEN);
    ring->head += rest;
}

uint8_t *ring_reserve(struct ring *ring, size_t len)
{
    if (ring->broken || len > ring->capacity - RING_HEAD_LEN)
        return NULL;
    uint64_t size = frame_size(len);
    rewind_if_empty(ring, size);
    if (size > ring->capacity - (ring->head - ring->tail)) {
        see_tail(ring);
        if (ring->broken || size > ring->capacity - (ring->head - ring->tail))
            return NULL;
    }
    return byte_at(ring, ring->head) + RING_HEAD_LEN;
}

void ring_commit(struct ring *ring, uint32_t kind, uint64_t ticket, size_t len)
{
    write_head(ring, kind, ticket, len);
    ring->head += frame_size(len);
    atomic_store_explicit(&ring->shared->head, ring->head,
                          memory_order_release);
}

uint64_t ring_backlog(struct ring *ring)
{
    see_tail(ring);
    return ring->head - ring->tail;
}

bool ring_has_data(const struct ring *ring)
{
    return ring->head != ring->tail ||
           atomic_load_explicit(&ring->shared->head, memory_order_acquire) !=
               ring->tail;
}

/* Takes over the writer's position, if it can be true. */
static RingRead see_head(struct ring *ring)
{
    uint64_t head =
        atomic_load_explicit(&ring->shared->head, memory_order_acquire);
    if (head == ring->tail)
        return RING_EMPTY;
    if (head - ring->tail > ring->capacity || head % RING_ALIGN != 0)
        return RING_BROKEN;
    ring->head = head;
    return RING_FRAME;
}

RingRead ring_next(struct ring *ring, struct frame *out)
{
    while (!ring->broken) {
        if (ring->head == ring->tail) {
            RingRead seen = see_head(ring);
            if (seen == RING_EMPTY)
                return RING_EMPTY;
            if (seen == RING_BROKEN)
                break;
        }
        // Read once: the writer may change its mind between two looks.
        const uint8_t *at = byte_at(ring, ring->tail);
        const volatile uint64_t *words =
            (const volatile uint64_t *)(const void *)at;
        uint64_t first = words[0];
        uint32_t len = (uint32_t)first;
        *out = (struct frame){.kind = (uint32_t)(first >> 32),
                              .ticket = words[1],
                              .payload = bytes_of(at + RING_HEAD_LEN, len),
                              .used = frame_size(len)};
        if (out->used > ring->head - ring->tail)
            break;
        if (out->kind != RING_SKIP)
            return RING_FRAME;
        ring_release(ring, out);
    }
    ring->broken = true;
    return RING_BROKEN;
}

void ring_release(struct ring *ring, const struct frame *frame)
{
    ring->tail += frame->used;
    atomic_store_explicit(&ring->shared->tail, ring->tail,
                          memory_order_release);
}
