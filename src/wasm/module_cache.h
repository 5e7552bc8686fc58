/* SPDX-License-Identifier: Apache-2.0 */
/* module_cache.h - compiled modules, kept as files in a directory of ours.
 *
 *     <key>.head    header: magic, key, artifact's hash and length
 *     <hash>.code   exactly the artifact, named by its sha2-256
 *
 * An artifact is machine code that is run, so a file counts only if it is ours
 * alone (owner, mode) and its hash was checked just now; whatever is wrong is
 * removed and was never there. Both files appear by rename, the code first, so
 * any number of processes may share a directory. Nothing is synced: a cache
 * that a power cut damages is found out by its hashes.
 *
 * Thread: any.
 */
#ifndef IPVM_WASM_MODULE_CACHE_H
#define IPVM_WASM_MODULE_CACHE_H

#include "base/bytes.h"
#include "base/status.h"

enum { MODULE_CACHE_FORMAT = 1 };
#define MODULE_CACHE_SIZE_MAX ((uint64_t)1 << 30) /* bytes, by default */

struct module_cache;

/* What an artifact was made from. */
struct module_cache_key {
    Text identity; /* engine_identity() */
    Bytes module;  /* binary CID of the module */
};

/* Opens `directory`, made with mode 0700 if need be. `size_max` bytes of
 * artifacts are kept, the least recently used go first; 0 is the default.
 * STATUS_DENIED: the directory belongs to or may be written by others. */
Status module_cache_open(const char *directory, uint64_t size_max,
                         struct module_cache **out, struct error *err);
void module_cache_close(struct module_cache *cache);

/* On STATUS_OK `*file` is an open file of exactly the artifact, `*len` bytes,
 * read-only, to be closed by the caller. STATUS_NOT_FOUND: compile it. */
Status module_cache_get(struct module_cache *cache,
                        const struct module_cache_key *key, int *file,
                        size_t *len, struct error *err);

/* Keeps a copy of `artifact`, then makes room. An artifact larger than the
 * cache is not kept, which is STATUS_OK. */
Status module_cache_put(struct module_cache *cache,
                        const struct module_cache_key *key, Bytes artifact,
                        struct error *err);

#endif
