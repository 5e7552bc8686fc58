/* SPDX-License-Identifier: Apache-2.0 */
/* place.h - where a value that a guest returned lies, and how to read it
 * there: the one door through which a guest's bytes come in.
 *
 *     flat      core values: a row's members side by side, a case's
 *               discriminant first and its payload behind
 *     memory    linear memory by the canonical ABI
 *     typed     the encoding of docs/formats/typed.md, from the engine
 *
 * A guest may be hostile: whatever it could have chosen is checked here, once;
 * after trouble everything reads as nothing. Thread: one at a time.
 */
#ifndef IPVM_WASM_PLACE_H
#define IPVM_WASM_PLACE_H

#include "wasm/engine.h"
#include "wasm/wit_type.h"

typedef enum { PLACE_FLAT, PLACE_MEMORY, PLACE_TYPED } PlaceKind;

struct place {
    PlaceKind kind;
    const EngineNumber *flat;
    size_t offset; /* into the source's bytes */
};

struct source {
    Bytes bytes; /* linear memory, unmoved while it is read; or the encoding */
    bool is_broken; /* sticky: the guest broke the ABI (typed: the engine its
                       word) */
    const char *why;
};

static inline struct place place_flat(const EngineNumber *flat)
{
    return (struct place){.kind = PLACE_FLAT, .flat = flat};
}

/* The start of a value of `type` at an address the guest chose. */
struct place place_memory(struct source *source, const struct wit_type *type,
                          uint32_t address);

static inline struct place place_typed(size_t offset)
{
    return (struct place){.kind = PLACE_TYPED, .offset = offset};
}

/* Integers sign- or zero-extended, bool 0 or 1, a float's own bits, a valid
 * char's code. */
uint64_t place_scalar(struct source *source, const struct wit_type *type,
                      struct place place);

/* A string, which is UTF-8, or a list<u8>. */
Bytes place_bytes(struct source *source, const struct wit_type *type,
                  struct place place);

/* A list's length and first element; place_next() gives the one behind. */
size_t place_list(struct source *source, const struct wit_type *type,
                  struct place place, struct place *first);
struct place place_next(struct source *source, const struct wit_type *element,
                        struct place place);

/* The members of a row, all at once. */
void place_members(struct source *source, const struct wit_type *type,
                   struct place place, struct place *out);

/* Index of a case, below type->count; `*payload` if that case has one. */
uint32_t place_case(struct source *source, const struct wit_type *type,
                    struct place place, struct place *payload);

/* True if flag `index` is set. */
bool place_flag(struct source *source, const struct wit_type *type,
                struct place place, uint32_t index);

/* --- typed.c: the same for the typed encoding ---------------------------- */

/* Marks the source broken; everything then reads as nothing. */
void source_break(struct source *source, const char *why);

uint64_t typed_scalar(struct source *source, const struct wit_type *type,
                      size_t offset);
Bytes typed_bytes(struct source *source, const struct wit_type *type,
                  size_t offset);
/* An array's count; `*first` is the offset behind its head. */
size_t typed_list(struct source *source, size_t offset, size_t *first);
/* The offset behind the item at `offset`. */
size_t typed_skip(struct source *source, size_t offset);
uint32_t typed_case(struct source *source, const struct wit_type *type,
                    size_t offset, size_t *payload);
bool typed_flag(struct source *source, size_t offset, uint32_t index);

#endif
