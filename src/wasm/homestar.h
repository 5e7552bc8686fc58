/* SPDX-License-Identifier: Apache-2.0 */
/* homestar.h - the mapping "homestar/0.2": IPLD to WIT and back as Homestar's
 * source at commit 0f0a4f5b does it, lossy corners included
 * (docs/formats/homestar.md has the table). Thread: one at a time. */
#ifndef IPVM_WASM_HOMESTAR_H
#define IPVM_WASM_HOMESTAR_H

#include "wasm/links.h"
#include "wasm/wit_value.h"

/* As convert_value(), by Homestar's rules. homestar_lift() is in lift.h. */
Status homestar_convert(struct links *links, const Value *value,
                        const struct wit_type *type, struct wit_value *out,
                        struct error *err);

#endif
