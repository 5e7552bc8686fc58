/* SPDX-License-Identifier: Apache-2.0 */
/* lift.h - what a guest returned, straight to DAG-CBOR: no tree in between,
 * so the host needs no more memory than the result's own bytes.
 * Thread: one at a time.
 */
#ifndef IPVM_WASM_LIFT_H
#define IPVM_WASM_LIFT_H

#include "base/buffer.h"
#include "wasm/place.h"

typedef enum {
    LIFTED,
    LIFT_BROKEN, /* the guest broke the ABI: a trap; source.why says how */
    LIFT_LIMIT,  /* longer than `out` may get: limit/result */
    LIFT_UNREPRESENTABLE /* NaN, infinity, reserved map; `out` means nothing */
} LiftOutcome;

enum {
    /* Values in one result: a bound on what whoever decodes it needs, since a
     * value in memory is forty times what its encoding may be. */
    RESULT_VALUES_MAX = 16 << 20,
};

struct lifting {
    struct source source;
    uint64_t values; /* in lists, so far */
    struct buffer *out;
    bool unrepresentable; /* sticky; the rest is checked all the same, since
                             a broken ABI is a trap first */
    bool is_over;         /* sticky: longer than `out` may get */
};

/* A whole result, {"ok": v} or {"error": e}, appended to lifting->out. `type`
 * NULL gives {"ok": null}. `homestar`: by the mapping "homestar/0.2". */
LiftOutcome lift_result(struct lifting *lifting, const struct wit_type *type,
                        struct place place, bool homestar);

/* --- Shared with homestar_lift.c ----------------------------------------- */

/* False once there is no point in going on. */
static inline bool lift_goes_on(const struct lifting *lifting)
{
    return !lifting->source.is_broken && !lifting->is_over &&
           lifting->out->status == STATUS_OK;
}

/* A list's length and first element. A count past what a result may hold is
 * over at once, however little memory its elements take. */
size_t lift_list(struct lifting *lifting, const struct wit_type *type,
                 struct place place, struct place *first);

/* bool, integers, char, floats. */
void lift_scalar(struct lifting *lifting, const struct wit_type *type,
                 struct place place);
/* A float that has to be finite. */
void lift_float(struct lifting *lifting, double number);
/* The text of a string. */
Text lift_text(struct lifting *lifting, const struct wit_type *type,
               struct place place);
/* The names of the flags that are set, in declared order. */
void lift_flags(struct lifting *lifting, const struct wit_type *type,
                struct place place);

/* The members' places of a row, in `few` if they fit there, else on the heap:
 * give them back with lift_members_free(). */
enum { LIFT_FEW = 16 };
struct place *lift_members(struct lifting *lifting,
                           const struct wit_type *type, struct place place,
                           struct place few[LIFT_FEW]);
void lift_members_free(struct place *members, struct place few[LIFT_FEW]);

/* As lift_value by "homestar/0.2". */
void homestar_lift(struct lifting *lifting, const struct wit_type *type,
                   struct place place);

#endif
