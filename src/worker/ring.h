/* SPDX-License-Identifier: Apache-2.0 */
/* ring.h - messages through shared memory, one way, one writer, one reader,
 * two processes that need not trust each other.
 *
 *     tail                     head
 *      v                        v
 *     |frame|frame|frame........|        positions only ever grow; the byte
 *                                        of position p is data[p % capacity]
 *
 * The data is mapped twice in a row, so each frame is in one piece and is read
 * where it lies. Each side keeps its own position in private memory and
 * believes the other's only after checking it: whatever the peer writes, a
 * ring stays inside its memory. The payload itself may change under the
 * reader at any time: who does not trust the writer copies it first.
 *
 * Thread: one for each side.
 */
#ifndef IPVM_WORKER_RING_H
#define IPVM_WORKER_RING_H

#include <stdatomic.h>

#include "base/bytes.h"

enum { RING_ALIGN = 16, RING_HEAD_LEN = 16 };

/* What both processes see, besides the data. */
struct ring_shared {
    _Alignas(64) _Atomic uint64_t head; /* written up to here */
    _Alignas(64) _Atomic uint64_t tail; /* read up to here */
};

/* One side's view; a reader or a writer, never both. */
struct ring {
    struct ring_shared *shared;
    uint8_t *data; /* twice `capacity` bytes of address space */
    uint64_t capacity;
    uint64_t head; /* writer: own; reader: the last one seen and checked */
    uint64_t tail; /* reader: own; writer: the last one seen and checked */
    bool broken;   /* the peer wrote what cannot be */
};

struct frame {
    uint32_t kind;
    uint64_t ticket;
    Bytes payload; /* in the ring, until ring_release() */
    uint64_t used; /* of the ring, head and padding included */
};

typedef enum { RING_EMPTY, RING_FRAME, RING_BROKEN } RingRead;

/* `capacity` is a power of two and a multiple of the page size. */
void ring_init(struct ring *ring, struct ring_shared *shared, uint8_t *data,
               uint64_t capacity);

/* Writer: room for a payload of `len` bytes, 16-byte aligned, or NULL while
 * there is none. Nothing is shown to the reader before ring_commit(), which
 * takes the `len` used, at most what was reserved. */
uint8_t *ring_reserve(struct ring *ring, size_t len);
void ring_commit(struct ring *ring, uint32_t kind, uint64_t ticket,
                 size_t len);
/* Writer: bytes written and not yet released by the reader. */
uint64_t ring_backlog(struct ring *ring);

/* Reader: looks at the next frame; the same one until it is released. */
RingRead ring_next(struct ring *ring, struct frame *out);
void ring_release(struct ring *ring, const struct frame *frame);
/* Reader: true if ring_next() has something to say; cheap, for spinning. */
bool ring_has_data(const struct ring *ring);

#endif
