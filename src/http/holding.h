/* SPDX-License-Identifier: Apache-2.0 */
/* holding.h - who may keep blocks in memory while his client reads. So many
 * that they are the fast ones as a rule, so few that thousands of clients that
 * do not read cost little: the others give their blocks back each time, and
 * get them again. Thread: any. */
#ifndef IPVM_HTTP_HOLDING_H
#define IPVM_HTTP_HOLDING_H

#include <stdbool.h>

enum { HOLDERS_MAX = 128 };

/* False: not now; else to be given back with holding_end(). */
bool holding_begin(void);
void holding_end(void);

#endif
