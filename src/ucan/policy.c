/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - what a policy says about arguments: true, false, or that it hangs
 * on a value which is not known yet.
 *
 *          and   F U T     or   F U T     not          unknown: U is between
 *           F    F F F      F   F U T      F  T        false and true; and is
 *           U    F U U      U   U U T      U  U        the least, or the
 *           T    F U T      T   T T T      T  F        greatest
 *
 * True and false hold whatever comes in the place of what is unknown. Each
 * statement and each value that is looked at is a step of work; when there is
 * no more of it, the whole policy is false, under `not` too. */
#include "ucan/policy.h"

#include "base/status.h"
#include "ucan/policy_numbers.h"
#include "ucan/policy_parts.h"

static PolicyVerdict verdict_of(bool is_true)
{
    return is_true ? POLICY_TRUE : POLICY_FALSE;
}

static PolicyVerdict inverse(PolicyVerdict verdict)
{
    if (verdict == POLICY_UNKNOWN)
        return POLICY_UNKNOWN;
    return verdict_of(verdict == POLICY_FALSE);
}

/* --- Equality ------------------------------------------------------------ */

static PolicyVerdict equal(const Value *known, const Value *value,
                           struct policy_walk *walk);

static PolicyVerdict lists_equal(const Value *known, const Value *value,
                                 struct policy_walk *walk)
{
    PolicyVerdict verdict = POLICY_TRUE;
    if (known->list.count != value->list.count)
        return POLICY_FALSE;
    for (size_t index = 0; index < known->list.count; index++) {
        const PolicyVerdict one =
            equal(&known->list.items[index], &value->list.items[index], walk);
        if (one == POLICY_FALSE)
            return POLICY_FALSE;
        if (one == POLICY_UNKNOWN)
            verdict = POLICY_UNKNOWN;
    }
    return verdict;
}

static PolicyVerdict maps_equal(const Value *known, const Value *value,
                                struct policy_walk *walk)
{
    PolicyVerdict verdict = POLICY_TRUE;
    if (known->map.count != value->map.count)
        return POLICY_FALSE;
    for (size_t index = 0; index < known->map.count; index++) {
        const struct value_entry *left = &known->map.entries[index];
        const struct value_entry *right = &value->map.entries[index];
        if (!walk_spend(walk, left->key.len / POLICY_BYTES_A_STEP) ||
            !text_equal(left->key, right->key))
            return POLICY_FALSE;
        const PolicyVerdict one = equal(&left->value, &right->value, walk);
        if (one == POLICY_FALSE)
            return POLICY_FALSE;
        if (one == POLICY_UNKNOWN)
            verdict = POLICY_UNKNOWN;
    }
    return verdict;
}

static PolicyVerdict bytes_verdict(Bytes known, Bytes value,
                                   struct policy_walk *walk)
{
    return verdict_of(known.len == value.len &&
                      walk_spend(walk, known.len / POLICY_BYTES_A_STEP) &&
                      bytes_equal(known, value));
}

/* As deep as values go, which codecs bound. */
static PolicyVerdict equal(const Value *known, const Value *value,
                           struct policy_walk *walk)
{
    if (!walk_spend(walk, 1))
        return POLICY_FALSE;
    if (walk_is_unknown(walk, value))
        return POLICY_UNKNOWN;
    if (value_is_number(known) && value_is_number(value))
        return verdict_of(numbers_compare(known, value) == 0);
    if (known->kind != value->kind)
        return POLICY_FALSE;
    switch (known->kind) {
    case VALUE_BOOL:
        return verdict_of(known->boolean == value->boolean);
    case VALUE_TEXT:
        return bytes_verdict(text_bytes(known->text), text_bytes(value->text),
                             walk);
    case VALUE_BYTES:
        return bytes_verdict(known->bytes, value->bytes, walk);
    case VALUE_LINK:
        return bytes_verdict(known->link, value->link, walk);
    case VALUE_LIST:
        return lists_equal(known, value, walk);
    case VALUE_MAP:
        return maps_equal(known, value, walk);
    case VALUE_NULL:
    case VALUE_INT:
    case VALUE_FLOAT:
    default:
        return POLICY_TRUE;
    }
}

/* --- Statements about one value ------------------------------------------ */

static PolicyVerdict check_order(const struct statement *statement,
                                 const Value *value)
{
    if (!value_is_number(value))
        return POLICY_FALSE;
    const int order = numbers_compare(value, statement->value);
    if (order == 0)
        return verdict_of(statement->op == OP_LESS_EQUAL ||
                          statement->op == OP_GREATER_EQUAL);
    if (order < 0)
        return verdict_of(statement->op == OP_LESS ||
                          statement->op == OP_LESS_EQUAL);
    return verdict_of(statement->op == OP_GREATER ||
                      statement->op == OP_GREATER_EQUAL);
}

static PolicyVerdict check_glob(const struct statement *statement,
                                const Value *value, struct policy_walk *walk)
{
    const struct glob *glob = &statement->glob;
    if (value->kind != VALUE_TEXT)
        return POLICY_FALSE;
    const size_t steps = (glob->len + value->text.len) / GLOB_BYTES_A_STEP;
    return verdict_of(walk_spend(walk, steps) &&
                      glob_matches(glob, value->text));
}

/* --- Statements about statements ----------------------------------------- */

static PolicyVerdict check(const struct statement *statement,
                           const Value *value, struct policy_walk *walk);

/* How `and` (all) and `or` (any) take one more verdict: true when it decides.
 * Begin with true for all; for any with false, unless there is nothing. */
static bool is_decided(bool all, PolicyVerdict one, PolicyVerdict *verdict)
{
    if (one == (all ? POLICY_FALSE : POLICY_TRUE)) {
        *verdict = one;
        return true;
    }
    if (one == POLICY_UNKNOWN)
        *verdict = POLICY_UNKNOWN;
    return false;
}

static PolicyVerdict check_parts(const struct statement *statement,
                                 const Value *value, struct policy_walk *walk)
{
    const bool all = statement->op == OP_AND;
    // Nothing to choose from is true by the specification, for `or` as well.
    PolicyVerdict verdict = verdict_of(all || statement->part_count == 0);
    for (size_t index = 0; index < statement->part_count; index++) {
        const PolicyVerdict one = check(&statement->parts[index], value, walk);
        if (walk->is_over || is_decided(all, one, &verdict))
            break;
    }
    return verdict;
}

static PolicyVerdict check_members(const struct statement *statement,
                                   const Value *value,
                                   struct policy_walk *walk)
{
    const bool all = statement->op == OP_ALL;
    if (value->kind != VALUE_LIST && value->kind != VALUE_MAP)
        return POLICY_FALSE;
    const bool is_list = value->kind == VALUE_LIST;
    const size_t count = is_list ? value->list.count : value->map.count;
    // `any` extends `or`, and is true of nothing as that is.
    PolicyVerdict verdict = verdict_of(all || count == 0);
    for (size_t index = 0; index < count; index++) {
        const Value *member = is_list ? &value->list.items[index]
                                      : &value->map.entries[index].value;
        const PolicyVerdict one = check(statement->parts, member, walk);
        if (walk->is_over || is_decided(all, one, &verdict))
            break;
    }
    return verdict;
}

static PolicyVerdict check_selected(const struct statement *statement,
                                    const Value *value,
                                    struct policy_walk *walk)
{
    switch (statement->op) {
    case OP_EQUAL:
    case OP_NOT_EQUAL:
        return equal(statement->value, value, walk);
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_GREATER:
    case OP_GREATER_EQUAL:
        return check_order(statement, value);
    case OP_LIKE:
        return check_glob(statement, value, walk);
    case OP_ALL:
    case OP_ANY:
        return check_members(statement, value, walk);
    case OP_AND:
    case OP_OR:
    case OP_NOT:
    default:
        return POLICY_FALSE;
    }
}

/* `!=` is `not` around `==`, so where the selector leads nowhere, it is
 * true. */
static PolicyVerdict check(const struct statement *statement,
                           const Value *value, struct policy_walk *walk)
{
    PolicyVerdict verdict = POLICY_FALSE;
    if (!walk_spend(walk, 1))
        return POLICY_FALSE;
    if (statement->op == OP_NOT) {
        verdict = check(statement->parts, value, walk);
    } else if (!statement->selector) {
        verdict = check_parts(statement, value, walk);
    } else {
        Value found;
        const Selected selected =
            selector_walk(statement->selector, value, walk, &found);
        if (selected == SELECTED_UNKNOWN)
            verdict = POLICY_UNKNOWN;
        else if (selected == SELECTED_VALUE)
            verdict = check_selected(statement, &found, walk);
    }
    if (statement->op == OP_NOT || statement->op == OP_NOT_EQUAL)
        return inverse(verdict);
    return verdict;
}

PolicyVerdict policy_check(const struct policy *policy, const Value *args,
                           PolicyUnknown *unknown, void *context,
                           size_t *failed)
{
    size_t work = POLICY_WORK_MAX;
    return policy_check_within(policy, args, unknown, context, &work, failed);
}

PolicyVerdict policy_check_within(const struct policy *policy,
                                  const Value *args, PolicyUnknown *unknown,
                                  void *context, size_t *work, size_t *failed)
{
    const size_t may = *work < POLICY_WORK_MAX ? *work : POLICY_WORK_MAX;
    struct arena arena = {0};
    struct policy_walk walk = {
        .unknown = unknown,
        .context = context,
        .arena = &arena,
        .work = may,
    };
    PolicyVerdict verdict = POLICY_TRUE;
    size_t at = 0;

    for (size_t index = 0; index < policy->count; index++) {
        PolicyVerdict one = check(&policy->statements[index], args, &walk);
        if (walk.is_over)
            one = POLICY_FALSE;
        if (one != POLICY_TRUE &&
            (verdict == POLICY_TRUE || one == POLICY_FALSE)) {
            verdict = one;
            at = index;
        }
        if (verdict == POLICY_FALSE)
            break;
    }
    if (failed && verdict != POLICY_TRUE)
        *failed = at;
    *work -= walk.is_over ? may : may - walk.work;
    arena_deinit(&arena);
    return verdict;
}
