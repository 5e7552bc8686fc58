/* SPDX-License-Identifier: Apache-2.0 */
/* artifact.h - compiled modules in files: named after all that they depend on,
 * kept in the cache beside the store, or in a file without a name.
 * Thread: any. */
#ifndef IPVM_RUN_ARTIFACT_H
#define IPVM_RUN_ARTIFACT_H

#include "run/module.h"
#include "wasm/module_cache.h"

/* `key` refers to the rest, and to the module's CID. */
struct artifact_name {
    char identity[256]; /* of the engine */
    struct module_cache_key key;
    Hash id;
};
Status artifact_name_of(const Cid *module, const struct module_form *form,
                        bool in_process, struct artifact_name *out,
                        struct error *err);

/* NULL: the store has no files, or the cache cannot be used. */
struct module_cache *artifact_cache_open(const struct store *store);
/* `cache` may be NULL. `*file` is the caller's. */
Status artifact_keep(struct module_cache *cache,
                     const struct artifact_name *name, Bytes artifact,
                     int *file, struct error *err);

#endif
