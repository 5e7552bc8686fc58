/* SPDX-License-Identifier: Apache-2.0 */
#include "run/artifact.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "wasm/call.h"
#include "wasm/engine.h"

Status artifact_name_of(const Cid *module, const struct module_form *form,
                        bool in_process, struct artifact_name *out,
                        struct error *err)
{
    const struct engine_options engine =
        wasm_engine_options(form->engine, form->metered, in_process);
    TRY(engine_identity(&engine, out->identity, err));
    out->key = (struct module_cache_key){
        .identity = text_of(out->identity),
        .module = cid_bytes(module),
    };
    struct buffer both;
    buffer_init(&both, sizeof out->identity + CID_BYTES_MAX);
    buffer_add_text(&both, out->key.identity);
    buffer_add_bytes(&both, out->key.module);
    hash_sha256(buffer_bytes(&both), &out->id);
    buffer_deinit(&both);
    return STATUS_OK;
}

struct module_cache *artifact_cache_open(const struct store *store)
{
    char directory[4096];
    struct module_cache *cache = NULL;
    if (!*store_directory(store)) // A store in memory has no files.
        return NULL;
    snprintf(directory, sizeof directory, "%.4000s/modules",
             store_directory(store));
    // A cache that cannot be used costs time, not the run.
    if (module_cache_open(directory, 0, &cache, NULL) != STATUS_OK)
        return NULL;
    return cache;
}

/* Where there is no cache, or it is too small: a file without a name. */
static Status hold_artifact(Bytes artifact, int *file, struct error *err)
{
    *file = memfd_create("ipvm-artifact", MFD_CLOEXEC);
    if (*file < 0)
        return fail_errno(err, errno, "cannot hold a compiled module");
    if (!file_write_all(*file, artifact)) {
        Status status =
            fail_errno(err, errno, "cannot hold a compiled module");
        close(*file);
        return status;
    }
    return STATUS_OK;
}

Status artifact_keep(struct module_cache *cache,
                     const struct artifact_name *name, Bytes artifact,
                     int *file, struct error *err)
{
    size_t len;
    // A cache that cannot be written to costs time, not the run.
    if (cache &&
        module_cache_put(cache, &name->key, artifact, NULL) == STATUS_OK &&
        module_cache_get(cache, &name->key, file, &len, NULL) == STATUS_OK) {
        if (len == artifact.len)
            return STATUS_OK;
        close(*file);
    }
    return hold_artifact(artifact, file, err);
}
