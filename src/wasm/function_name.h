/* SPDX-License-Identifier: Apache-2.0 */
/* function_name.h - a service for front ends: the exact export that somebody
 * means. Computations hold exact names only. Thread: any. */
#ifndef IPVM_WASM_FUNCTION_NAME_H
#define IPVM_WASM_FUNCTION_NAME_H

#include "wasm/description.h"

/* What people write: the exact name; else the part behind '#' where only one
 * function has it; else either of these in kebab, snake, camel, Pascal or
 * upper case. STATUS_NOT_FOUND: none, STATUS_INVALID: several; either way
 * `err` has the nearest name or the candidates. */
Status function_name_find(const struct description *description, Text name,
                          const struct wasm_function **out, struct error *err);

/* Homestar's order: exact, upper, kebab, snake, camel, Pascal case. */
Status function_name_homestar(const struct description *description, Text name,
                              const struct wasm_function **out,
                              struct error *err);

#endif
