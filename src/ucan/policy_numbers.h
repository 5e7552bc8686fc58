/* SPDX-License-Identifier: Apache-2.0 */
/* policy_numbers.h - numbers of the data model compared by what they are: 1 is
 * 1.0, 0.0 is -0.0, and 2^53 + 1 is greater than the float 2^53. Thread: any.
 */
#ifndef IPVM_UCAN_POLICY_NUMBERS_H
#define IPVM_UCAN_POLICY_NUMBERS_H

#include "ipld/value.h"

static inline bool value_is_number(const Value *value)
{
    return value->kind == VALUE_INT || value->kind == VALUE_FLOAT;
}

/* Of two numbers: < 0, 0, > 0. Nothing is rounded. */
int numbers_compare(const Value *a, const Value *b);

#endif
