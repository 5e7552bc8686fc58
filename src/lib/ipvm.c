/* SPDX-License-Identifier: Apache-2.0 */
/* ipvm.c - the library's door: stores, content and workflows. Running is in
 * ipvm_run.c. */
#include "ipvm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "content/sources.h"
#include "content/tree.h"
#include "lib/handle.h"

_Static_assert((int)IPVM_HOST == (int)STATUS_HOST,
               "the public statuses are the inner ones");
_Static_assert(IPVM_CID_MAX >= CID_TEXT_MAX, "every CID fits");

const char *ipvm_version(void)
{
    return IPVM_VERSION;
}

ipvm_status lib_fail(Status status, const struct error *err, ipvm_error *error)
{
    if (error && status != STATUS_OK) {
        error->status = (ipvm_status)status;
        snprintf(error->message, sizeof error->message, "%s", err->message);
        if (!error->message[0])
            snprintf(error->message, sizeof error->message, "%s",
                     status_name(status));
    }
    return (ipvm_status)status;
}

/* --- Opening ------------------------------------------------------------- */

Status lib_store_path(const char *asked, char out[4096], struct error *err)
{
    const char *base = asked && *asked ? asked : getenv("IPVM_STORE");
    const char *below = "";
    if (!base || !*base) {
        base = getenv("XDG_DATA_HOME");
        below = "/ipvm";
    }
    if (!base || !*base) {
        base = getenv("HOME");
        below = "/.local/share/ipvm";
    }
    if (!base || !*base)
        return fail(err, STATUS_NOT_FOUND,
                    "no place for the store: set IPVM_STORE, or HOME");
    int len = snprintf(out, 4096, "%s%s", base, below);
    if (len < 0 || len >= 4096)
        return fail(err, STATUS_INVALID, "the store's path is too long");
    return STATUS_OK;
}

static Status open_parts(ipvm *vm, const ipvm_options *options,
                         struct error *err)
{
    char path[4096];
    const struct store_options store_options = {
        .read_only = options->read_only,
    };
    const struct sources_options sources_options = {
        .read_only = options->read_only,
    };
    const struct executor_options executor_options = {
        .worker = options->worker,
        .workers = options->workers,
        .memory_total = options->memory_total,
        .engine = options->engine == IPVM_WASMI ? RUN_ENGINE_WASMI
                                                : RUN_ENGINE_WASMTIME,
        .in_process = options->in_process,
    };
    TRY(lib_store_path(options->store, path, err));
    TRY(store_open(path, &store_options, &vm->store, err));
    TRY(sources_open(vm->store, &sources_options, err));
    TRY(executor_open(vm->store, &executor_options, &vm->executor, err));
    vm->modules = modules_new(vm->executor);
    vm->loader = (struct loader){
        .executor = vm->executor,
        .modules = vm->modules,
        .add = {.rehash = options->rehash},
    };
    return STATUS_OK;
}

ipvm_status ipvm_open(const ipvm_options *options, ipvm **out,
                      ipvm_error *error)
{
    static const ipvm_options defaults;
    struct error err = {0};
    ipvm *vm = HEAP_NEW(ipvm);
    Status status = open_parts(vm, options ? options : &defaults, &err);
    if (status != STATUS_OK) {
        ipvm_close(vm);
        return lib_fail(status, &err, error);
    }
    *out = vm;
    return IPVM_OK;
}

void ipvm_close(ipvm *vm)
{
    if (!vm)
        return;
    // The runner's jobs borrow from the modules: it goes first.
    executor_close(vm->executor);
    modules_free(vm->modules);
    store_close(vm->store);
    free(vm);
}

void ipvm_interrupt(ipvm *vm)
{
    executor_interrupt(vm->executor);
}

bool ipvm_interrupted(const ipvm *vm)
{
    return executor_interrupted(vm->executor);
}

/* --- Content ------------------------------------------------------------- */

ipvm_status ipvm_add_path(ipvm *vm, const char *path,
                          const ipvm_add_options *options,
                          char cid[IPVM_CID_MAX], ipvm_error *error)
{
    struct tree_options tree = {.add = vm->loader.add};
    struct tree_added added;
    struct error err = {0};
    if (options) {
        tree.hidden = options->hidden;
        tree.add.chunk_bytes = options->chunk_size;
        tree.add.only_hash = options->only_hash;
        tree.add.progress = options->on_progress;
        tree.add.context = options->context;
    }
    Status status =
        strcmp(path, "-") == 0
            ? content_add_file(vm->store, STDIN_FILENO, "standard input",
                               &tree.add, &added.cid, &err)
            : tree_add(vm->store, path, &tree, &added, &err);
    if (status == STATUS_OK)
        cid_to_text(&added.cid, cid);
    return lib_fail(status, &err, error);
}

ipvm_status ipvm_add(ipvm *vm, const void *data, size_t size,
                     char cid[IPVM_CID_MAX], ipvm_error *error)
{
    struct error err = {0};
    Cid root;
    Status status =
        content_add_bytes(vm->store, bytes_of(data, size), &root, &err);
    if (status == STATUS_OK)
        cid_to_text(&root, cid);
    return lib_fail(status, &err, error);
}

Status lib_heal(ipvm *vm, const Cid *root, Status status)
{
    struct healer healer = {
        .executor = vm->executor,
        .modules = vm->modules,
        .told = vm->on_healed,
        .context = vm->healed_context,
    };
    if (status != STATUS_NOT_FOUND && status != STATUS_CORRUPT)
        return status;
    return heal_below(&healer, root, NULL) == STATUS_OK && healer.healed > 0
               ? STATUS_OK
               : status;
}

Status lib_resolve(ipvm *vm, const char *path, Cid *out, struct error *err)
{
    Status status = content_resolve(vm->store, text_of(path), out, err);
    while (status != STATUS_OK && out->len > 0 &&
           lib_heal(vm, out, status) == STATUS_OK)
        status = content_resolve(vm->store, text_of(path), out, err);
    return status;
}

struct outer_sink {
    ipvm_sink *sink;
    void *context;
    uint64_t given; /* bytes */
    uint64_t skip;  /* of those to come: given before, by another try */
};

static Status give_piece(void *context, Bytes piece, struct error *err)
{
    struct outer_sink *outer = context;
    const size_t skip =
        outer->skip < piece.len ? (size_t)outer->skip : piece.len;
    outer->skip -= skip;
    if (skip > 0 && skip == piece.len)
        return STATUS_OK;
    piece = bytes_from(piece, skip);
    outer->given += piece.len;
    if (!outer->sink(outer->context, piece.data, piece.len))
        return fail(err, STATUS_CANCELLED, "stopped by the reader");
    return STATUS_OK;
}

ipvm_status ipvm_read(ipvm *vm, const char *cid, ipvm_sink *sink,
                      void *context, ipvm_error *error)
{
    struct outer_sink outer = {.sink = sink, .context = context};
    struct error err = {0};
    Cid root;
    Status status = lib_resolve(vm, cid, &root, &err);
    if (status != STATUS_OK)
        return lib_fail(status, &err, error);
    status = content_read(vm->store, &root, give_piece, &outer, &err);
    if (status != STATUS_OK && lib_heal(vm, &root, status) == STATUS_OK) {
        outer.skip = outer.given;
        status = content_read(vm->store, &root, give_piece, &outer, &err);
    }
    return lib_fail(status, &err, error);
}

ipvm_status ipvm_save(ipvm *vm, const char *cid, const char *path,
                      ipvm_error *error)
{
    struct error err = {0};
    Cid root;
    Status status = lib_resolve(vm, cid, &root, &err);
    if (status != STATUS_OK)
        return lib_fail(status, &err, error);
    status = content_save(vm->store, &root, path, &err);
    if (status != STATUS_OK && lib_heal(vm, &root, status) == STATUS_OK)
        status = content_save(vm->store, &root, path, &err);
    return lib_fail(status, &err, error);
}
