/* SPDX-License-Identifier: Apache-2.0 */
/* number.h - how words become values, in manifests and on the command line
 * alike (FORMATS section 4, Numbers). Thread: any. */
#ifndef IPVM_TASK_NUMBER_H
#define IPVM_TASK_NUMBER_H

#include "base/status.h"
#include "ipld/value.h"

/* Reads a number: an integer if written without '.' and exponent (decimal, or
 * 0x), else the correctly rounded float, whatever the locale. STATUS_NOT_FOUND:
 * the word is no number. STATUS_INVALID: infinity, NaN, octal, out of range. */
Status number_from_word(Text word, Value *out, struct error *err);

/* What parses as a number is one, `true`, `false` and `null` are themselves,
 * all else is text, borrowed from `word`. STATUS_INVALID as above, and for
 * text that is not UTF-8. */
Status value_from_word(Text word, Value *out, struct error *err);

#endif
