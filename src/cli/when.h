/* SPDX-License-Identifier: Apache-2.0 */
/* when.h - moments as people write them, always UTC, no locale. Thread: any.
 *
 *     90s 30m 12h 7d 2w       from now
 *     2027-01-31              when that day begins
 *     2027-01-31T12:00:00Z    that second */
#ifndef IPVM_CLI_WHEN_H
#define IPVM_CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

enum { WHEN_TEXT_MAX = 32 };

/* Seconds since 1970; false: none of the above, or beyond the year 9999. */
bool when_read(const char *text, int64_t now_s, int64_t *out);
/* "2027-01-31T12:00:00Z", or the number outside of the years 0 to 9999. */
const char *when_show(int64_t seconds, char out[WHEN_TEXT_MAX]);

#endif
