/* SPDX-License-Identifier: Apache-2.0 */
/* echo.c - bytes in, the same bytes out: see echo.wit. */
#include "ipvm_wit.h"

WIT_EXPORT("echo") const WitBytes *echo(const uint8_t *data, uint32_t len)
{
    static WitBytes result;
    result = (WitBytes){data, len};
    return &result;
}
