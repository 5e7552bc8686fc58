/* SPDX-License-Identifier: Apache-2.0 */
/* description.h - what a module is, as its description says
 * (docs/formats/module-description.md). The block comes from the engine by
 * way of the store's notes, so it is checked like any other input.
 * Thread: any; a description is immutable.
 */
#ifndef IPVM_WASM_DESCRIPTION_H
#define IPVM_WASM_DESCRIPTION_H

#include "base/arena.h"
#include "base/status.h"
#include "task/end.h"
#include "wasm/wit_type.h"

typedef enum {
    GUEST_COMPONENT, /* kind 1 of FORMATS section 5 */
    GUEST_WIT,       /* kind 2 */
    GUEST_IPVM,      /* kind 3 */
    GUEST_CORE       /* kind 4 */
} GuestKind;

enum {
    DESCRIPTION_FORMAT = 2,
    DESCRIPTION_FUNCTIONS_MAX = 4096,
    DESCRIPTION_TYPES_MAX = 16384,
    DESCRIPTION_IMPORTS_MAX = 1000,
};

struct wasm_function {
    Text name;                     /* exact export name */
    const struct wit_type *params; /* a WIT_TUPLE whose members have names */
    const struct wit_type *result; /* NULL: none */
    bool has_core;                 /* the three below say how to call it */
    Text core_export;
    Text core_realloc; /* or empty */
    Text core_post;    /* or empty */
};

struct wasm_import {
    Text module;
    Text name;
    const Text *params; /* "i32", …; none for a component's imports */
    uint32_t param_count;
    const Text *results;
    uint32_t result_count;
};

struct description {
    GuestKind kind;
    End refused; /* END_NONE, or why the module cannot be run */
    Text message;
    const struct wasm_import *imports;
    uint32_t import_count;
    const struct wit_type *types;
    uint32_t type_count;
    const struct wasm_function *functions;
    uint32_t function_count;
    bool has_core; /* a component with one core module to be called directly */
    uint64_t core_offset;
    uint64_t core_len;
    bool has_memory;
    bool has_initialize;
    Text world;
};

/* Reads a description; views borrow from `block`. STATUS_INVALID: not a
 * description; STATUS_LIMIT: past a bound; STATUS_UNSUPPORTED: of another
 * format, make it anew. */
Status description_decode(Bytes block, struct arena *arena,
                          struct description *out, struct error *err);

/* By exact export name, or NULL. */
const struct wasm_function *description_find(
    const struct description *description, Text name);

/* True if functions are called by our own canonical ABI on linear memory:
 * kind 2, and components whose every function has a core form. */
bool description_uses_core(const struct description *description);

/* True if it imports anything of ipvm:content. */
bool description_imports_content(const struct description *description);

/* The bytes to compile: the module, or the one core module in a component
 * that is called by our own canonical ABI. STATUS_INVALID: the description
 * is of some other module. */
Status description_code(const struct description *description, Bytes module,
                        Bytes *out, struct error *err);

#endif
