/* SPDX-License-Identifier: Apache-2.0 */
#include "ucan/policy_numbers.h"

#include <math.h>

static int sign_of(bool is_greater, bool is_less)
{
    return (is_greater ? 1 : 0) - (is_less ? 1 : 0);
}

static int compare_ints(const Value *a, const Value *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    const int order =
        sign_of(a->magnitude > b->magnitude, a->magnitude < b->magnitude);
    // -1 - magnitude: the greater one is the lesser number.
    return a->negative ? -order : order;
}

/* The float's whole part is an int, exactly, or lies beyond all of them. */
static int compare_int_float(const Value *integer, double number)
{
    const double beyond = 0x1p64;
    if (number >= beyond)
        return -1;
    if (number < -beyond)
        return 1;
    const double whole = trunc(number);
    Value other = {.kind = VALUE_INT, .negative = whole < 0};
    if (whole == -beyond)
        other.magnitude = UINT64_MAX;
    else if (whole < 0)
        other.magnitude = (uint64_t)-whole - 1;
    else
        other.magnitude = (uint64_t)whole;
    const int order = compare_ints(integer, &other);
    return order != 0 ? order : sign_of(whole > number, whole < number);
}

int numbers_compare(const Value *a, const Value *b)
{
    if (a->kind == VALUE_INT && b->kind == VALUE_INT)
        return compare_ints(a, b);
    if (a->kind == VALUE_INT)
        return compare_int_float(a, b->number);
    if (b->kind == VALUE_INT)
        return -compare_int_float(b, a->number);
    return sign_of(a->number > b->number, a->number < b->number);
}
