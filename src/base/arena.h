/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory for one task or one request, given back as a whole.
 *
 * Thread: one at a time. malloc() failing stops the program with a message:
 * all input is bounded, so that is the machine's end, not an input's.
 */
#ifndef IPVM_BASE_ARENA_H
#define IPVM_BASE_ARENA_H

#include "base/bytes.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* the one being filled, linked to the older */
    uint8_t *next;
    uint8_t *end;
    size_t total; /* bytes taken from malloc */
};

/* A zeroed struct arena is an empty arena. */
void arena_init(struct arena *arena);
void arena_deinit(struct arena *arena);
/* Forgets what was handed out and keeps one chunk for the next round. */
void arena_reset(struct arena *arena);

/* `len` bytes aligned for anything, not zeroed. len 0 gives a valid pointer. */
[[gnu::alloc_size(2), gnu::returns_nonnull]] void *arena_alloc(
    struct arena *arena, size_t len);
/* `count` things of `size` bytes, zeroed; stops the program on overflow. */
[[gnu::returns_nonnull]] void *arena_array(struct arena *arena, size_t count,
                                           size_t size);
#define ARENA_NEW(arena, type) ((type *)arena_array((arena), 1, sizeof(type)))

Bytes arena_copy_bytes(struct arena *arena, Bytes bytes);
/* The copy has a NUL behind it, not counted in len. */
Text arena_copy_text(struct arena *arena, Text text);
/* As printf; the result is ended by NUL. */
[[gnu::format(printf, 2, 3)]] Text arena_format(struct arena *arena,
                                                const char *format, ...);

/* malloc, calloc and realloc that stop the program when memory runs out. */
[[gnu::returns_nonnull, gnu::malloc]] void *heap_alloc(size_t len);
[[gnu::returns_nonnull]] void *heap_array(size_t count, size_t size);
[[gnu::returns_nonnull]] void *heap_resize(void *old, size_t count,
                                           size_t size);
#define HEAP_NEW(type) ((type *)heap_array(1, sizeof(type)))

#endif
