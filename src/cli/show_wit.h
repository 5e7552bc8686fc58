/* SPDX-License-Identifier: Apache-2.0 */
/* show_wit.h - WIT types in WIT's own words. Thread: any. */
#ifndef IPVM_CLI_SHOW_WIT_H
#define IPVM_CLI_SHOW_WIT_H

#include "base/buffer.h"
#include "wasm/description.h"

/* Appends "list<u8>", "record { x: s32, y: s32 }", … */
void show_type(const struct wit_type *type, struct buffer *out);

/* Appends "blur: func(image: list<u8>, sigma: f32) -> list<u8>". */
void show_function(const struct description *description,
                   const struct wasm_function *function, struct buffer *out);

#endif
