/* SPDX-License-Identifier: Apache-2.0 */
/* policy_parts.h - what policy.c, policy_read.c, selector.c and glob.c share:
 * a policy after reading, and the work that an evaluation may still do.
 * Thread: what was read is immutable; a struct policy_walk has one owner. */
#ifndef IPVM_UCAN_POLICY_PARTS_H
#define IPVM_UCAN_POLICY_PARTS_H

#include "ucan/policy.h"

/* --- Selectors ----------------------------------------------------------- */

typedef enum { STEP_FIELD, STEP_INDEX, STEP_SLICE, STEP_VALUES } StepKind;

struct selector_step {
    StepKind kind;
    bool is_optional;
    bool has_from, has_to; /* STEP_SLICE */
    int64_t from, to;      /* STEP_INDEX has its index in `from` */
    Text field;
};

struct selector {
    const struct selector_step *steps;
    size_t count;
};

/* --- Globs --------------------------------------------------------------- */

/* The literals around the wildcards, at least one; n wildcards, n + 1 pieces,
 * escapes gone. */
struct glob {
    const Text *pieces;
    size_t count;
    size_t len; /* of the pattern */
};

void glob_read(Text pattern, struct arena *arena, struct glob *out);
bool glob_matches(const struct glob *glob, Text text);

/* --- Statements ---------------------------------------------------------- */

typedef enum {
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_LIKE,
    OP_AND,
    OP_OR,
    OP_NOT,
    OP_ALL,
    OP_ANY
} PolicyOp;

struct statement {
    PolicyOp op;
    const struct selector *selector; /* all but and, or, not */
    const Value *value;              /* what == to >= compare with */
    struct glob glob;                /* OP_LIKE */
    const struct statement *parts; /* and, or: any number; not, all, any: 1 */
    size_t part_count;
};

struct policy {
    const struct statement *statements;
    size_t count;
};

/* --- Evaluation ---------------------------------------------------------- */

/* What a step of work buys, so that all kinds of it take the same time. */
enum {
    POLICY_BYTES_A_STEP = 32, /* compared */
    GLOB_BYTES_A_STEP = 4,    /* searched, at the worst */
    POLICY_STEPS_AN_ITEM = 4, /* of a list that a selector makes */
};

/* One evaluation. Once `work` is used up it stays so, and every answer from
 * then on is void. */
struct policy_walk {
    PolicyUnknown *unknown;
    void *context;
    struct arena *arena; /* for lists that a selector makes */
    size_t work;         /* steps left */
    bool is_over;        /* more were asked for */
};

/* Takes `steps`, or says false from now on. */
static inline bool walk_spend(struct policy_walk *walk, size_t steps)
{
    if (walk->is_over || steps > walk->work) {
        walk->is_over = true;
        return false;
    }
    walk->work -= steps;
    return true;
}

static inline bool walk_is_unknown(const struct policy_walk *walk,
                                   const Value *value)
{
    return walk->unknown && walk->unknown(walk->context, value);
}

typedef enum { SELECTED_NOTHING, SELECTED_VALUE, SELECTED_UNKNOWN } Selected;

/* SELECTED_UNKNOWN: a value on the way, or at the end, is not known yet. */
Selected selector_walk(const struct selector *selector, const Value *value,
                       struct policy_walk *walk, Value *out);

#endif
