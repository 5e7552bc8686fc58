/* SPDX-License-Identifier: Apache-2.0 */
/* reserved.h - maps with exactly one key that begins "await/" or "ipvm/", and
 * who may write which (FORMATS section 2). Thread: any. */
#ifndef IPVM_TASK_RESERVED_H
#define IPVM_TASK_RESERVED_H

#include "base/status.h"
#include "ipld/value.h"
#include "task/workflow.h"

typedef enum {
    RESERVED_NO,      /* an ordinary value */
    RESERVED_PROMISE, /* one of the three awaits */
    RESERVED_BYTES,   /* {"ipvm/bytes": Link}, a stand-in */
    RESERVED_TEXT,    /* {"ipvm/text": Link}, a stand-in */
    RESERVED_VALUE,   /* {"ipvm/value": Link}, a stand-in */
    RESERVED_ERROR,   /* {"ipvm/error": a known name} */
    RESERVED_OTHER    /* reserved, and nobody may write it */
} Reserved;

/* Which it is. A promise is one whatever its target: a Link, or a Text label
 * in a draft. */
Reserved value_reserved(const Value *value);
static inline bool reserved_is_stand_in(Reserved reserved)
{
    return reserved >= RESERVED_BYTES && reserved <= RESERVED_VALUE;
}

/* The parts of a RESERVED_PROMISE. */
Branch promise_branch(const Value *promise);
const Value *promise_target(const Value *promise);
/* {"await/…": target}. */
Value promise_make(struct arena *arena, Branch branch, Value target);
Text branch_key(Branch branch); /* "await/ok", … */

/* Who a value comes from. */
typedef enum {
    FROM_AUTHOR, /* arguments: promises, stand-ins, known errors */
    FROM_BLOCK,  /* a linked dag-cbor block, a stored value: no promises */
    FROM_GUEST   /* what a guest returned: nothing reserved */
} ValueFrom;

/* Checks reserved maps, that integers are -2^63 … 2^64-1, and that lists and
 * maps are at most `depth_max` deep; a stand-in or promise counts as a leaf.
 * STATUS_INVALID, or STATUS_LIMIT for the depth. */
Status value_check(const Value *value, ValueFrom from, unsigned depth_max,
                   struct error *err);

#endif
