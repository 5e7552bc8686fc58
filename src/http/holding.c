/* SPDX-License-Identifier: Apache-2.0 */
#include "http/holding.h"

#include <stdatomic.h>

static atomic_uint holders; /* of this process */

bool holding_begin(void)
{
    if (atomic_fetch_add(&holders, 1) < HOLDERS_MAX)
        return true;
    atomic_fetch_sub(&holders, 1);
    return false;
}

void holding_end(void)
{
    atomic_fetch_sub(&holders, 1);
}
