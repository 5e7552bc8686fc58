/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - the policy language of UCAN 1.0 delegations (delegation
 * specification, "Policy"), read once and evaluated on arguments.
 *
 *     ["==", ".a.b[0]?", 1]   ["!=", …]   ["<" "<=" ">" ">=", selector, number]
 *     ["like", selector, glob]   ["and" "or", [ … ]]   ["not", statement]
 *     ["all" "any", selector, statement]
 *
 * A policy is a list of statements that must all be true. The text of the
 * specification decides: a missing key is null; an unresolvable selector makes
 * its statement false; != is not ==, hence true there; all and any go over
 * lists and the values of maps; numbers compare exactly across int and float;
 * or [] is true, and any over nothing, which extends it; `*` and `\*` are all
 * that is special in a glob. Everything is bounded and total; a glob never
 * backtracks. docs/formats/policy.md has it all.
 * Thread: any. */
#ifndef IPVM_UCAN_POLICY_H
#define IPVM_UCAN_POLICY_H

#include "ipld/value.h"

enum {
    POLICY_STATEMENTS_MAX = 1024, /* in one policy, nested ones counted */
    POLICY_DEPTH_MAX = 32,
    SELECTOR_STEPS_MAX = 64,
    POLICY_WORK_MAX = 1 << 20, /* steps of one evaluation: past it the whole
                                  policy is false */
};

struct policy;

/* Reads the value of `pol`. The policy is in `arena` and borrows from it.
 * STATUS_INVALID: which statement is wrong (".pol[2][1]: …") and why;
 * STATUS_LIMIT: a bound above. */
Status policy_read(const Value *value, struct arena *arena,
                   const struct policy **out, struct error *err);

/* With promises in the arguments nothing may be known yet. */
typedef enum { POLICY_FALSE, POLICY_TRUE, POLICY_UNKNOWN } PolicyVerdict;

/* Whether a value is not known yet: a promise. NULL: everything is known. */
typedef bool PolicyUnknown(void *context, const Value *value);

/* True or false only if it is so whatever the unknown values will be. `failed`
 * (may be NULL) gets the index of the first statement that is false, or else
 * of the first that is unknown. */
PolicyVerdict policy_check(const struct policy *policy, const Value *args,
                           PolicyUnknown *unknown, void *context,
                           size_t *failed);
/* The same with at most `*work` steps as well, which are taken from it: for
 * several policies that come from one stranger. */
PolicyVerdict policy_check_within(const struct policy *policy,
                                  const Value *args, PolicyUnknown *unknown,
                                  void *context, size_t *work, size_t *failed);

/* A selector alone: ".a.b[0]", ".[\"key\"]", ".a[]", ".a[1:3]", ".a?". It
 * borrows from `text`. STATUS_INVALID, with the byte's offset. */
struct selector;
Status selector_read(Text text, struct arena *arena,
                     const struct selector **out, struct error *err);
/* False: unresolvable. The value is in `arena` if it had to be made. */
bool selector_get(const struct selector *selector, const Value *value,
                  struct arena *arena, Value *out);

/* True if the whole `text` matches. */
bool policy_glob(Text pattern, Text text);

#endif
