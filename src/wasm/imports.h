/* SPDX-License-Identifier: Apache-2.0 */
/* imports.h - the pure world: what a guest may import, and nothing that
 * varies (FORMATS section 5). The meaning of each is fixed for ever.
 * Thread: any.
 */
#ifndef IPVM_WASM_IMPORTS_H
#define IPVM_WASM_IMPORTS_H

#include "base/arena.h"
#include "wasm/description.h"
#include "wasm/engine.h"

/* STATUS_OK if everything the module imports is in the pure world; else
 * STATUS_DENIED naming the first that is not and what to use instead:
 * refused/import. */
Status imports_check(const struct description *description, struct error *err);

/* The functions a core module asks for, in `arena`; their context is the
 * struct guest. Call imports_check() first. */
const struct engine_import *imports_for(const struct description *description,
                                        struct arena *arena, size_t *count);

/* --- Shared with preview1.c ---------------------------------------------- */

struct guest;

/* The `len` bytes of guest memory at `address`, or NULL. */
uint8_t *import_memory(struct engine_instance *caller, uint64_t address,
                       uint64_t len);
/* A trap because the guest broke an import's contract. */
EngineVerdict import_trap(struct guest *guest, const char *why);
/* Stores `bits` little-endian; false if out of memory's bounds. */
bool import_store(struct engine_instance *caller, uint64_t address,
                  uint64_t bits, unsigned size);

/* One import: parameters and result spelt "i" i32, "I" i64, "f" f32,
 * "F" f64, "ii>i". */
struct import_entry {
    const char *module;
    const char *name;
    const char *signature;
    EngineHostFunction *function;
};
extern const struct import_entry preview1_imports[];
extern const size_t preview1_import_count;
extern const struct import_entry content_imports[];
extern const size_t content_import_count;

#endif
