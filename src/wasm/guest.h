/* SPDX-License-Identifier: Apache-2.0 */
/* guest.h - one call of one guest, from a fresh instance to its result.
 *
 *     guest_start() --> guest_call() … --> guest_finish()
 *
 * Each kind of guest (canonical.c, ipvm_abi.c, numbers.c) is a function of
 * the shape GuestKindCall: it starts the instance, calls, and leaves the
 * result in guest->output. Thread: one at a time.
 */
#ifndef IPVM_WASM_GUEST_H
#define IPVM_WASM_GUEST_H

#include "task/computation.h"
#include "wasm/blob.h"
#include "wasm/description.h"
#include "wasm/lift.h"
#include "wasm/links.h"
#include "wasm/lower.h"
#include "wasm/wit_value.h"

/* How it came out. */
typedef enum {
    GUEST_RETURNED,        /* guest->output is the result */
    GUEST_TRAPPED,         /* {"error": {"ipvm/error": "trap"}} */
    GUEST_UNREPRESENTABLE, /* likewise */
    GUEST_ENDED            /* without a result: guest->end */
} GuestOutcome;

struct guest {
    /* Given. */
    const struct run_request *request;
    const struct run_host *host;
    const struct description *description;
    const struct wasm_function *function;
    const struct wasm_call *call;
    struct engine_module *module;
    struct arena *arena;
    struct links *links;
    struct blobs *content;
    struct buffer *output;

    /* As it runs. */
    struct engine_instance *instance; /* NULL before guest_start() */
    bool may_import; /* imports trap inside cabi_realloc and post-return */
    bool counts_fuel;
    uint64_t random; /* bytes that random_get has given */

    /* How it came out. */
    End end;
    char message[RUN_MESSAGE_MAX]; /* which trap, and where */
    uint64_t memory_peak;
    uint64_t fuel;
};

/* Checked arguments of kinds 1, 2 and 4, one per parameter. */
typedef GuestOutcome GuestTypedCall(struct guest *guest,
                                    const struct wit_value *arguments);

GuestTypedCall canonical_call;
GuestTypedCall component_call;
GuestTypedCall numbers_call;

/* Kind 3. Arguments are in the encoding the guest gets. */
GuestOutcome ipvm_abi_call(struct guest *guest, Bytes arguments);
/* The arguments as that encoding; statuses as in convert.h. `*bad` is the
 * argument that does not fit. */
Status ipvm_abi_arguments(struct links *links, const Value *list, Bytes *out,
                          int *bad, struct error *err);

/* A fresh instance: memory, start function, `_initialize`. */
GuestOutcome guest_start(struct guest *guest);

/* Calls an export that has the given counts by the module's description. */
GuestOutcome guest_call(struct guest *guest, struct engine_function *function,
                        const EngineNumber *params, size_t param_count,
                        EngineNumber *results, size_t result_count);

/* An export that the description promises; NULL and guest->end set if the
 * module does not have it. */
struct engine_function *guest_find(struct guest *guest, Text name);

/* A way to lower values into the guest by its cabi_realloc, or whatever it
 * exports for that; `function` may be NULL until memory is wanted. */
struct guest_allocator {
    struct guest *guest;
    struct engine_function *function;
    GuestOutcome outcome; /* if an allocation did not return */
};
struct guest_memory guest_memory_of(struct guest_allocator *allocator);
/* The outcome of lowering in our words. */
GuestOutcome guest_lowered(struct guest_allocator *allocator,
                           const struct lowering *lowering);

/* What a Status of blob.h is to an import. */
EngineVerdict guest_verdict(struct guest *guest, Status status,
                            const struct error *err);

/* Notes what it cost and drops the instance, if there is one. */
void guest_finish(struct guest *guest);

/* The guest broke a rule: a trap, in words. */
[[gnu::format(printf, 2, 3)]] GuestOutcome guest_trap(struct guest *guest,
                                                      const char *format, ...);
/* No result. */
[[gnu::format(printf, 3, 4)]] GuestOutcome guest_end(struct guest *guest,
                                                     End end,
                                                     const char *format, ...);

/* The outcome of an engine's call in our words. */
GuestOutcome guest_outcome(struct guest *guest, EngineOutcome outcome,
                           const struct engine_fault *fault);

/* The outcome of lifting in our words. */
GuestOutcome guest_lifted(struct guest *guest, const struct lifting *lifting,
                          LiftOutcome outcome);

/* A line the guest wrote. */
void guest_log(struct guest *guest, LogLevel level, Text context, Text line);

#endif
