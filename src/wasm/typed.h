/* SPDX-License-Identifier: Apache-2.0 */
/* typed.h - arguments in the typed encoding (docs/formats/typed.md), for
 * components that only the engine's component API can call. Reading results
 * is in place.h. Thread: any. */
#ifndef IPVM_WASM_TYPED_H
#define IPVM_WASM_TYPED_H

#include "base/buffer.h"
#include "wasm/wit_value.h"

/* Appends an array of the values: one per member of `params`. */
void typed_encode_arguments(const struct wit_type *params,
                            const struct wit_value *values,
                            struct buffer *out);

#endif
