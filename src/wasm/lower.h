/* SPDX-License-Identifier: Apache-2.0 */
/* lower.h - WIT values into a guest, by the canonical ABI on linear memory.
 *
 * The guest sees every call of its cabi_realloc, so their order, sizes and
 * alignments are exactly those of the component that wit-component would make
 * (component model, CanonicalABI.md: lower_flat_values, store). Thread: one
 * at a time.
 */
#ifndef IPVM_WASM_LOWER_H
#define IPVM_WASM_LOWER_H

#include "wasm/engine.h"
#include "wasm/wit_value.h"

/* The guest's side, behind an interface so that tests need no engine. */
struct guest_memory {
    void *context;
    /* Calls cabi_realloc(0, 0, align, size). False: the run is over. */
    bool (*allocate)(void *context, uint32_t align, uint32_t size,
                     uint32_t *address);
    /* As it is now: valid until guest code runs again. */
    struct engine_memory (*memory)(void *context);
    /* The handle by which the guest knows a blob; NULL: there are none. */
    uint32_t (*handle)(void *context, uint32_t blob, bool is_borrow);
};

typedef enum {
    LOWERED,
    LOWER_OVER,  /* allocate() said so */
    LOWER_BROKEN /* the guest broke the ABI: a trap, `why` says how */
} LowerOutcome;

struct lowering {
    const struct guest_memory *guest;
    struct engine_memory memory;
    LowerOutcome outcome; /* sticky */
    const char *why;
};

/* Lowers the arguments of a call: `values` has one per member of `params`.
 * `*count` is how many of `out` the core function takes. */
LowerOutcome lower_arguments(struct lowering *lowering,
                             const struct wit_type *params,
                             const struct wit_value *values,
                             EngineNumber out[WIT_FLAT_PARAMS_MAX],
                             size_t *count);

/* Lowers one value to an address that the guest gave for it: an import's
 * result. */
LowerOutcome lower_at(struct lowering *lowering, const struct wit_type *type,
                      const struct wit_value *value, uint32_t address);

/* Room for `size` bytes from cabi_realloc; check lowering->outcome. Valid
 * until guest code runs again. */
uint8_t *lower_room(struct lowering *lowering, uint32_t size,
                    uint32_t *address);

#endif
