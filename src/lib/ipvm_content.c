/* SPDX-License-Identifier: Apache-2.0 */
/* ipvm_content.c - the library's door to CAR files and to what is kept: pins,
 * names, collection. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "content/car_import.h"
#include "content/path.h"
#include "ipvm.h"
#include "lib/handle.h"
#include "run/export.h"
#include "run/promised.h"
#include "run/receipts.h"
#include "store/gc.h"
#include "ucan/keyring.h"

/* --- CAR files ----------------------------------------------------------- */

static Status resolve_all(ipvm *vm, const char *const *paths, size_t count,
                          Cid *out, struct error *err)
{
    for (size_t index = 0; index < count; index++)
        TRY(content_resolve(vm->store, text_of(paths[index]), &out[index],
                            err));
    return STATUS_OK;
}

ipvm_status ipvm_export(ipvm *vm, const char *const *cids, size_t count,
                        const char *path, const ipvm_car_options *options,
                        ipvm_error *error)
{
    struct export_report report = {.roots = NULL};
    struct error err = {0};
    Cid *roots = heap_array(count, sizeof *roots);
    struct export_request request = {
        .cids = roots,
        .count = count,
        .path = path,
        .file = -1,
    };
    if (options) {
        request.dag_only = options->dag_only;
        request.progress = options->on_progress;
        request.context = options->context;
    }
    Status status = resolve_all(vm, cids, count, roots, &err);
    if (status == STATUS_OK) {
        status = export_car(vm->store, &request, &report, &err);
        export_report_deinit(&report);
    }
    free(roots);
    return lib_fail(status, &err, error);
}

static Status import_path(ipvm *vm, const char *path,
                          const ipvm_car_options *options,
                          char cid[IPVM_CID_MAX], struct error *err)
{
    struct car_imported imported;
    struct car_import_options how = {.no_pin = false};
    if (options)
        how = (struct car_import_options){
            .no_pin = options->no_pin,
            .progress = options->on_progress,
            .context = options->context,
        };
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fail_errno(err, errno, "cannot open %s", path);
    Status status = car_import(vm->store, file, path, &how, &imported, err);
    close(file);
    TRY(status);
    cid[0] = '\0';
    if (imported.root_count > 0)
        cid_to_text(&imported.roots[0], cid);
    car_imported_deinit(&imported);
    return STATUS_OK;
}

ipvm_status ipvm_import(ipvm *vm, const char *path,
                        const ipvm_car_options *options,
                        char cid[IPVM_CID_MAX], ipvm_error *error)
{
    struct error err = {0};
    return lib_fail(import_path(vm, path, options, cid, &err), &err, error);
}

/* --- Pins and names ------------------------------------------------------ */

enum { PINNED, UNPINNED, NAMED };

/* Does one thing to what `path` names, durably. */
static Status change_root(ipvm *vm, const char *path, int what,
                          const char *name, struct error *err)
{
    Cid cid;
    TRY(content_resolve(vm->store, text_of(path), &cid, err));
    if (what != UNPINNED)
        TRY(promised_keep(vm->store, &cid, err));
    struct store_batch *batch = store_batch_new(vm->store);
    if (what == PINNED)
        store_batch_pin(batch, &cid, text_of(name ? name : ""));
    else if (what == UNPINNED)
        store_batch_unpin(batch, &cid);
    else
        store_batch_name(batch, text_of(name), &cid);
    Status status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

ipvm_status ipvm_pin(ipvm *vm, const char *cid, const char *name,
                     ipvm_error *error)
{
    struct error err = {0};
    return lib_fail(change_root(vm, cid, PINNED, name, &err), &err, error);
}

ipvm_status ipvm_unpin(ipvm *vm, const char *cid, ipvm_error *error)
{
    struct error err = {0};
    return lib_fail(change_root(vm, cid, UNPINNED, NULL, &err), &err, error);
}

ipvm_status ipvm_name_set(ipvm *vm, const char *name, const char *cid,
                          ipvm_error *error)
{
    struct error err = {0};
    Status status = name_check(text_of(name), &err);
    if (status == STATUS_OK)
        status = change_root(vm, cid, NAMED, name, &err);
    return lib_fail(status, &err, error);
}

ipvm_status ipvm_name_get(ipvm *vm, const char *name, char cid[IPVM_CID_MAX],
                          ipvm_error *error)
{
    struct error err = {0};
    Cid found;
    Status status = name_get(vm->store, text_of(name), &found, &err);
    if (status == STATUS_OK)
        cid_to_text(&found, cid);
    return lib_fail(status, &err, error);
}

/* --- Collection ---------------------------------------------------------- */

/* What runs left to be sealed is kept as it is, so it is sealed first, with the
 * store's own key. Where that fails, more is kept. */
static void seal_pending(ipvm *vm)
{
    struct arena arena = {0};
    const struct keyring ring = {
        .directory =
            arena_format(&arena, "%s/keys", store_directory(vm->store)).data,
    };
    struct secret_key *key = NULL;
    struct seal_report report;
    bool is_new;
    if (receipts_are_pending(vm->store) &&
        keyring_self(&ring, &key, &is_new, NULL) == STATUS_OK) {
        IGNORE(receipts_seal_pending(vm->store, key, &report, NULL));
        secret_key_free(key);
    }
    arena_deinit(&arena);
}

ipvm_status ipvm_gc(ipvm *vm, const ipvm_gc_options *options,
                    ipvm_gc_report *report, ipvm_error *error)
{
    struct gc_options how = {.keep_s = 0};
    struct gc_report done = {.blocks_kept = 0};
    struct error err = {0};
    if (options) {
        how.keep_s = options->keep_s;
        how.memo_bytes = options->memo_bytes;
        how.dry_run = options->dry_run;
    }
    if (!how.dry_run)
        seal_pending(vm);
    Status status = store_gc(vm->store, &how, &done, &err);
    if (status == STATUS_OK && report)
        *report = (ipvm_gc_report){
            .blocks_kept = done.blocks_kept,
            .bytes_kept = done.bytes_kept,
            .blocks_removed = done.blocks_removed,
            .bytes_removed = done.bytes_removed,
            .results_kept = done.memo_kept,
            .results_removed = done.memo_evicted,
        };
    return lib_fail(status, &err, error);
}
