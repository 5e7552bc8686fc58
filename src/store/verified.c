/* SPDX-License-Identifier: Apache-2.0 */
/* verified.c - a set-associative table of 64-bit keyed hashes:
 *
 *     low bits of SipHash(multihash) choose a row of 4; the row holds the
 *     whole hash, 0 is empty; a full row loses the one its high bits point at
 *
 * Two blocks that share a hash would pass for each other, so that a damaged
 * one would go unnoticed: with a key drawn per process and 2^18 rows, once in
 * 2^44 damaged blocks. Memory is touched only where used.
 */
#include "store/verified.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "base/map.h"
#include "base/status.h"

enum { ROWS = 1 << 18, WAYS = 4 };

struct verified {
    _Atomic uint64_t row[ROWS][WAYS]; /* 8 MiB at most */
};

struct verified *verified_new(void)
{
    // calloc() would clear what it had before; this is clear until touched.
    struct verified *verified =
        mmap(NULL, sizeof *verified, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return verified == MAP_FAILED ? NULL : verified;
}

void verified_free(struct verified *verified)
{
    if (verified)
        munmap(verified, sizeof *verified);
}

static uint64_t mark_of(Bytes multihash)
{
    uint64_t mark = map_hash(multihash);
    return mark ? mark : 1;
}

bool verified_has(struct verified *verified, Bytes multihash)
{
    if (!verified)
        return false;
    uint64_t mark = mark_of(multihash);
    _Atomic uint64_t *row = verified->row[mark % ROWS];
    for (size_t way = 0; way < WAYS; way++)
        if (atomic_load_explicit(&row[way], memory_order_relaxed) == mark)
            return true;
    return false;
}

void verified_add(struct verified *verified, Bytes multihash)
{
    if (!verified)
        return;
    uint64_t mark = mark_of(multihash);
    _Atomic uint64_t *row = verified->row[mark % ROWS];
    size_t victim = mark >> 62;
    for (size_t way = 0; way < WAYS; way++) {
        uint64_t old = atomic_load_explicit(&row[way], memory_order_relaxed);
        if (old == mark)
            return;
        if (old == 0) {
            victim = way;
            break;
        }
    }
    atomic_store_explicit(&row[victim], mark, memory_order_relaxed);
}
