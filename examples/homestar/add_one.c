/* SPDX-License-Identifier: Apache-2.0 */
/* add_one.c - the function that Homestar's test workflows call. */
#include "ipvm_wit.h"

WIT_EXPORT("add-one") int32_t add_one(int32_t number)
{
    return number + 1;
}
