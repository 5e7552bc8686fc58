/* SPDX-License-Identifier: Apache-2.0 */
/* float_text.h - floats as decimal text, correctly rounded both ways and
 * independent of the locale. Thread: any. */
#ifndef IPVM_IPLD_FLOAT_TEXT_H
#define IPVM_IPLD_FLOAT_TEXT_H

#include "base/bytes.h"

/* Reads `text`, which is a decimal number as JSON writes it (the caller has
 * checked), to the nearest double. False if that is infinite. */
bool float_from_text(Text text, double *out);

enum { FLOAT_TEXT_MAX = 32 };

/* Writes the shortest decimal that reads back as `number`, which is finite,
 * laid out as ECMAScript does: 1.5, 100000.0, 1e+21, 1.5e-7. A decimal point
 * or an exponent is always there. NUL-ended; returns the length. */
size_t float_to_text(double number, char out[FLOAT_TEXT_MAX]);

#endif
