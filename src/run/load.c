/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - documents into workflows: finds out what they are, gives the reader
 * a way to files, modules and functions, and keeps the workflow's blocks. */
#include "run/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/directory.h"
#include "ipld/dag_cbor.h"
#include "run/load_internal.h"
#include "task/document.h"
#include "task/homestar.h"
#include "task/ipvm_0_1.h"
#include "task/manifest.h"
#include "wasm/function_name.h"

enum { DOCUMENT_MAX = 256 << 20, PATH_ROOM = 4096 };

static Status read_file(const char *path, struct buffer *out,
                        struct error *err)
{
    int file = strcmp(path, "-") == 0 ? STDIN_FILENO
                                      : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return fail(err, STATUS_NOT_FOUND, "there is no file %s", path);
    if (file < 0)
        return fail_errno(err, errno, "cannot open %s", path);
    struct stat stat;
    Status status = STATUS_OK;
    if (fstat(file, &stat) == 0 && S_ISDIR(stat.st_mode))
        status = fail(err, STATUS_INVALID, "%s is a directory", path);
    for (ssize_t len = 1; status == STATUS_OK && len > 0;) {
        uint8_t *room = buffer_reserve(out, 1 << 16);
        status = buffer_status(out, path, err);
        len = status == STATUS_OK ? read(file, room, 1 << 16) : 0;
        if (len < 0 && errno != EINTR)
            status = fail_errno(err, errno, "cannot read %s", path);
        else if (len > 0)
            buffer_advance(out, (size_t)len);
        else if (len < 0)
            len = 1; // Interrupted: nothing was read.
    }
    if (file != STDIN_FILENO)
        close(file);
    return status;
}

/* --- What readers ask for ------------------------------------------------ */

/* A reader's host: the loader, and what paths are relative to. */
struct reading {
    const struct loader *loader;
    const char *directory;
};

static Status whole_path(const struct reading *reading, Text path,
                         char out[PATH_ROOM], struct error *err)
{
    bool absolute = path.len > 0 && path.data[0] == '/';
    int len = absolute || strcmp(reading->directory, ".") == 0
                  ? snprintf(out, PATH_ROOM, "%.*s", TEXT_ARG(path))
                  : snprintf(out, PATH_ROOM, "%s/%.*s", reading->directory,
                             TEXT_ARG(path));
    if (reading->loader->no_files)
        return fail(err, STATUS_INVALID,
                    "files are not read here: add it and name its CID");
    if (path.len == 0 || memchr(path.data, '\0', path.len))
        return fail(err, STATUS_INVALID, "it is no path");
    if (len < 0 || len >= PATH_ROOM)
        return fail(err, STATUS_INVALID, "the path is too long");
    return STATUS_OK;
}

static Status import_file(void *context, Text path, bool directory, Cid *out,
                          struct error *err)
{
    const struct reading *reading = context;
    struct store *store = executor_store(reading->loader->executor);
    char whole[PATH_ROOM];
    TRY(whole_path(reading, path, whole, err));
    if (directory)
        return directory_add(store, whole, &reading->loader->add, out, err);
    return content_add_path(store, whole, &reading->loader->add, out, err);
}

static Status find_function(void *context, const Cid *module, Text name,
                            bool homestar, struct arena *arena, Text *exact,
                            struct error *err)
{
    const struct reading *reading = context;
    struct arena scratch = {0};
    struct description description;
    const struct wasm_function *function;
    Bytes block;

    TRY(modules_describe(reading->loader->modules, module, &block, err));
    Status status = description_decode(block, &scratch, &description, err);
    if (status == STATUS_OK && description.refused != END_NONE)
        status = fail(err, STATUS_INVALID, "the module is refused: %.*s",
                      TEXT_ARG(description.message));
    if (status == STATUS_OK)
        status =
            homestar
                ? function_name_homestar(&description, name, &function, err)
                : function_name_find(&description, name, &function, err);
    if (status == STATUS_OK)
        *exact = arena_copy_text(arena, function->name);
    arena_deinit(&scratch);
    return status;
}

static Status read_text(void *context, Text path, struct arena *arena,
                        Text *out, struct error *err)
{
    struct buffer bytes;
    char whole[PATH_ROOM];
    size_t bad = 0;
    TRY(whole_path(context, path, whole, err));
    buffer_init(&bytes, DOCUMENT_MAX);
    Status status = read_file(whole, &bytes, err);
    if (status == STATUS_OK &&
        !utf8_is_valid(bytes_text(buffer_bytes(&bytes)), &bad))
        status = fail(err, STATUS_INVALID, "%s is not UTF-8 at byte %zu",
                      whole, bad);
    if (status == STATUS_OK)
        *out = arena_copy_text(arena, bytes_text(buffer_bytes(&bytes)));
    buffer_deinit(&bytes);
    return status;
}

/* A path into content (content/path.h). */
static Status resolve_path(void *context, Text path, Cid *out,
                           struct error *err)
{
    const struct reading *reading = context;
    return content_resolve(executor_store(reading->loader->executor), path,
                           out, err);
}

/* --- Keeping ------------------------------------------------------------- */

static Status keep_block(void *context, const Cid *cid, Bytes block,
                         struct error *err)
{
    (void)err;
    store_batch_block(context, cid, block);
    return STATUS_OK;
}

/* Whether the pages that a head block links to are in the store: it may have
 * come without them. */
static bool has_pages(struct store *store, Bytes head)
{
    struct arena arena = {0};
    Value value;
    Cid cid;
    bool all = dag_cbor_decode(head, &arena, &value, NULL) == STATUS_OK;
    const Value *inner =
        all ? value_get(&value, TEXT("ipvm/workflow@1.0.0")) : NULL;
    const Value *pages = inner ? value_get(inner, TEXT("tasks")) : NULL;
    all = pages && pages->kind == VALUE_LIST;
    for (size_t index = 0; all && index < pages->list.count; index++) {
        const Value *page = &pages->list.items[index];
        all = page->kind == VALUE_LINK &&
              cid_from_bytes(page->link, &cid, NULL) == STATUS_OK &&
              store_has(store, &cid);
    }
    arena_deinit(&arena);
    return all;
}

static bool is_kept(struct store *store, const Cid *workflow)
{
    struct block *head;
    if (store_get(store, workflow, &head, NULL) != STATUS_OK)
        return false;
    bool kept = has_pages(store, block_bytes(head));
    block_unref(head);
    return kept;
}

Status load_keep(struct store *store, struct workflow *workflow,
                 struct error *err)
{
    if (is_kept(store, &workflow->cid))
        return STATUS_OK;
    struct store_batch *batch = store_batch_new(store);
    Status status = workflow_encode(workflow, keep_block, batch, err);
    if (status == STATUS_OK)
        status = store_commit(batch, err);
    store_batch_free(batch);
    return status;
}

/* --- Documents ----------------------------------------------------------- */

/* A canonical head block from a file: its pages are in the store, or lost. */
static Status load_head(struct store *store, Bytes bytes,
                        struct workflow **out, struct error *err)
{
    Cid cid;
    cid_of(CODEC_DAG_CBOR, bytes, &cid);
    struct store_batch *batch = store_batch_new(store);
    store_batch_block(batch, &cid, bytes);
    Status status = store_commit(batch, err);
    store_batch_free(batch);
    if (status == STATUS_OK)
        status = workflow_load(store, &cid, out, err);
    return status;
}

/* By the reader of its kind, which puts positions into its messages. */
static Status read_document(struct reading *reading, Bytes bytes,
                            const char *name, struct workflow **out,
                            struct error *err)
{
    struct store *store = executor_store(reading->loader->executor);
    const struct manifest_host host = {
        .context = reading,
        .file = import_file,
        .text = read_text,
        .path = resolve_path,
        .function = find_function,
    };
    enum document_kind kind = document_kind_of(bytes);
    Text words = document_kind_name(kind);
    Status status = STATUS_OK;
    switch (kind) {
    case DOCUMENT_MANIFEST:
    case DOCUMENT_OTHER: // The manifest's reader says what is missing.
        return manifest_read(bytes, name, &host, store, out, err);
    case DOCUMENT_HOMESTAR:
        status = homestar_read(bytes, &host, store, out, err);
        break;
    case DOCUMENT_IPVM_0_1:
        status = ipvm_0_1_read(bytes, &host, store, out, err);
        break;
    case DOCUMENT_WORKFLOW:
        status = load_head(store, bytes, out, err);
        break;
    case DOCUMENT_WASM:
    case DOCUMENT_COMPONENT:
    case DOCUMENT_CAR:
        status = fail(err, STATUS_INVALID, "it is a %.*s, not a workflow",
                      TEXT_ARG(words));
        break;
    }
    return status == STATUS_OK ? status : fail_in(err, status, "%s", name);
}

Status load_document(const struct loader *loader, Bytes bytes,
                     const char *name, const char *directory,
                     struct workflow **out, struct error *err)
{
    struct reading reading = {loader, directory};
    struct workflow *workflow = NULL;
    TRY(read_document(&reading, bytes, name, &workflow, err));
    Status status = load_keep(executor_store(loader->executor), workflow, err);
    if (status != STATUS_OK) {
        workflow_free(workflow);
        return status;
    }
    *out = workflow;
    return STATUS_OK;
}

static Status load_file(const struct loader *loader, const char *path,
                        struct workflow **out, struct error *err)
{
    struct buffer bytes;
    char directory[PATH_ROOM] = ".";
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    const char *slash = strrchr(path, '/');
    if (slash)
        snprintf(directory, sizeof directory, "%.*s",
                 slash == path ? 1 : (int)(slash - path), path);
    buffer_init(&bytes, DOCUMENT_MAX);
    Status status = read_file(path, &bytes, err);
    if (status == STATUS_OK)
        status = load_document(loader, buffer_bytes(&bytes), name, directory,
                               out, err);
    buffer_deinit(&bytes);
    return status;
}

Status load_workflow(const struct loader *loader, const char *path_or_cid,
                     struct workflow **out, struct error *err)
{
    Cid cid;
    // A file whose name is a CID can be given as ./NAME.
    if (!cid_is_path(text_of(path_or_cid)))
        return load_file(loader, path_or_cid, out, err);
    struct store *store = executor_store(loader->executor);
    TRY(content_resolve(store, text_of(path_or_cid), &cid, err));
    Status status = workflow_load(store, &cid, out, err);
    if (status == STATUS_NOT_FOUND)
        return fail(err, status, "%s is not in the store", path_or_cid);
    return status;
}
