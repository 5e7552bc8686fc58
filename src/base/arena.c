/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"

enum {
    ALIGNMENT = 16,
    CHUNK_MIN = 4096,
    CHUNK_MAX = 1 << 20, /* chunks double up to here */
};

struct arena_chunk {
    struct arena_chunk *older;
    size_t len;
    _Alignas(ALIGNMENT) uint8_t data[];
};

_Noreturn static void out_of_memory(size_t len)
{
    fprintf(stderr, "ipvm: out of memory (asked for %zu bytes)\n", len);
    abort();
}

void *heap_alloc(size_t len)
{
    void *memory = malloc(len ? len : 1);
    if (!memory)
        out_of_memory(len);
    return memory;
}

void *heap_array(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        out_of_memory(count * size);
    return memory;
}

void *heap_resize(void *old, size_t count, size_t size)
{
    void *memory = reallocarray(old, count ? count : 1, size);
    if (!memory)
        out_of_memory(count * size);
    return memory;
}

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

static void free_chunks(struct arena *arena, struct arena_chunk *chunk)
{
    while (chunk) {
        struct arena_chunk *older = chunk->older;
        arena->total -= chunk->len;
        free(chunk);
        chunk = older;
    }
}

void arena_deinit(struct arena *arena)
{
    free_chunks(arena, arena->chunk);
    *arena = (struct arena){0};
}

void arena_reset(struct arena *arena)
{
    if (!arena->chunk)
        return;
    free_chunks(arena, arena->chunk->older);
    arena->chunk->older = NULL;
    arena->next = arena->chunk->data;
}

static void add_chunk(struct arena *arena, size_t need)
{
    size_t len = arena->chunk ? arena->chunk->len * 2 : CHUNK_MIN;
    if (len > CHUNK_MAX)
        len = CHUNK_MAX;
    if (len < need)
        len = need;
    struct arena_chunk *chunk = heap_alloc(sizeof *chunk + len);
    chunk->older = arena->chunk;
    chunk->len = len;
    arena->chunk = chunk;
    arena->next = chunk->data;
    arena->end = chunk->data + len;
    arena->total += len;
}

void *arena_alloc(struct arena *arena, size_t len)
{
    if (len > SIZE_MAX / 2)
        out_of_memory(len);
    size_t need = (len + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (need == 0)
        need = ALIGNMENT;
    if (!arena->chunk || (size_t)(arena->end - arena->next) < need)
        add_chunk(arena, need);
    void *memory = arena->next;
    arena->next += need;
    return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t len;
    if (__builtin_mul_overflow(count, size, &len))
        out_of_memory(SIZE_MAX);
    return memset(arena_alloc(arena, len), 0, len);
}

Bytes arena_copy_bytes(struct arena *arena, Bytes bytes)
{
    uint8_t *copy = arena_alloc(arena, bytes.len);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    return bytes_of(copy, bytes.len);
}

Text arena_copy_text(struct arena *arena, Text text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    if (text.len)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return (Text){copy, text.len};
}

Text arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    ASSERT(len >= 0);
    char *text = arena_alloc(arena, (size_t)len + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)len + 1, format, arguments);
    va_end(arguments);
    return (Text){text, (size_t)len};
}
