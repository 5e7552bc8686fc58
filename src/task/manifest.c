/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.c - the document around the arguments: tasks, defaults, outputs. */
#include "task/manifest.h"

#include <stdio.h>

#include "task/computation.h"
#include "task/manifest_parts.h"
#include "task/reserved.h"
#include "task/workflow_parts.h"

/* --- The whole ----------------------------------------------------------- */

static Status read_text(const struct node *node, const char *what,
                        struct arena *arena, Text *out, struct error *err)
{
    if (node->kind != NODE_SCALAR || node->tag.len > 0 || node->text.len == 0)
        return node_fail(node, err, "'%s' must be a text", what);
    *out = arena_copy_text(arena, node->text);
    return STATUS_OK;
}

static Status read_sub(const struct node *node, struct arena *arena, Text *out,
                       struct error *err)
{
    TRY(read_text(node, "sub", arena, out, err));
    if (!text_starts_with(*out, TEXT("did:")))
        return node_fail(node, err, "'sub' must be a DID, such as did:key:z…");
    return STATUS_OK;
}

/* "module#function": where the first '#' is. */
static Status split_run(const struct node *node, Text *module, Text *function,
                        struct error *err)
{
    const char *hash = node->text.len > 0
                           ? memchr(node->text.data, '#', node->text.len)
                           : NULL;
    size_t len = hash ? (size_t)(hash - node->text.data) : 0;

    if (len == 0 || len + 1 == node->text.len)
        return node_fail(node, err,
                         "expected MODULE#FUNCTION, such as "
                         "./image.wasm#crop");
    *module = (Text){node->text.data, len};
    *function = (Text){hash + 1, node->text.len - len - 1};
    return STATUS_OK;
}

static Status import_module(struct manifest *manifest, const struct node *node,
                            Text module, Cid *out)
{
    if (cid_is_path(module) || text_starts_with(module, TEXT("/ipfs/")))
        return manifest_link(manifest, node, module, out);
    return manifest_import(manifest, node, module, false, out);
}

static Status find_function(struct manifest *manifest, const struct node *node,
                            const Cid *module, Text loose, Text *exact)
{
    const struct manifest_host *host = manifest->host;

    if (!host->function) {
        *exact = arena_copy_text(manifest->arena, loose);
        return STATUS_OK;
    }
    Status status = host->function(host->context, module, loose, false,
                                   manifest->arena, exact, manifest->err);
    return status == STATUS_OK ? status
                               : node_fail_in(node, status, manifest->err);
}

/* `run: MODULE#FUNCTION`; the same text again costs one look-up. */
static Status read_known(struct manifest *manifest, const struct node *node,
                         Value *module, Text *name)
{
    uint64_t *slot =
        map_set(&manifest->functions, text_bytes(node->text), NULL);
    struct manifest_function *found =
        (struct manifest_function *)(uintptr_t)*slot;
    Text path = TEXT(""), loose = TEXT("");

    if (!found) {
        found = ARENA_NEW(manifest->arena, struct manifest_function);
        TRY(split_run(node, &path, &loose, manifest->err));
        TRY(import_module(manifest, node, path, &found->module));
        TRY(find_function(manifest, node, &found->module, loose,
                          &found->name));
        *slot = (uintptr_t)found;
    }
    *module = value_link(&found->module);
    *name = found->name;
    return STATUS_OK;
}

/* `run: !ok build#function`, in JSON {"await/ok": "build#function"}: the
 * module is what another task makes. */
static Status read_made(struct manifest *manifest, const struct node *node,
                        Branch branch, Value *module, Text *name)
{
    Text label = TEXT(""), function = TEXT("");

    if (node->kind != NODE_SCALAR)
        return node_fail(node, manifest->err, "expected LABEL#FUNCTION");
    TRY(split_run(node, &label, &function, manifest->err));
    TRY(manifest_promise(manifest, node, branch, label, module));
    *name = arena_copy_text(manifest->arena, function);
    return STATUS_OK;
}

static Status read_module(struct manifest *manifest, const struct node *node,
                          Value *module, Text *name)
{
    Branch branch;

    if (manifest_promise_tag(node->tag, &branch))
        return read_made(manifest, node, branch, module, name);
    if (node->kind == NODE_MAP && node->count == 1)
        for (int i = BRANCH_OK; i <= BRANCH_ANY; i++)
            if (text_equal(node->first->text, branch_key((Branch)i)))
                return read_made(manifest, node->first->next, (Branch)i,
                                 module, name);
    if (node->kind != NODE_SCALAR || node->tag.len > 0)
        return node_fail(node, manifest->err,
                         "expected MODULE#FUNCTION, such as "
                         "./image.wasm#crop");
    return read_known(manifest, node, module, name);
}

/* --- Tasks --------------------------------------------------------------- */

static Status read_run(struct manifest *manifest, const struct node *run,
                       const struct node *args, struct task_draft *draft)
{
    Value module, list = value_list(NULL, 0);
    Text name;

    TRY(read_module(manifest, run, &module, &name));
    if (args && (args->kind != NODE_LIST || args->tag.len > 0))
        return node_fail(args, manifest->err,
                         "the arguments of 'run' are a list, got %s",
                         node_kind_name(args));
    if (args)
        TRY(manifest_value(manifest, args, &list));
    draft->cmd = TEXT("/wasm/run");
    draft->args = wasm_call_args(manifest->arena, &module, name, &list, false);
    return STATUS_OK;
}

static Status read_command(struct manifest *manifest, const struct node *cmd,
                           const struct node *args, struct task_draft *draft)
{
    TRY(read_text(cmd, "cmd", manifest->arena, &draft->cmd, manifest->err));
    draft->args = (Value){.kind = VALUE_MAP};
    if (args && (args->kind != NODE_MAP || args->tag.len > 0))
        return node_fail(args, manifest->err,
                         "the arguments of 'cmd' are a map, got %s",
                         node_kind_name(args));
    if (!args)
        return STATUS_OK;
    TRY(manifest_value(manifest, args, &draft->args));
    if (draft->args.kind != VALUE_MAP ||
        value_reserved(&draft->args) != RESERVED_NO)
        return node_fail(args, manifest->err,
                         "the arguments of 'cmd' are a map by name");
    return STATUS_OK;
}

static Status read_nonce(struct manifest *manifest, const struct node *node,
                         Bytes *out)
{
    Value value;

    TRY(manifest_value(manifest, node, &value));
    if (value.kind == VALUE_TEXT)
        *out = text_bytes(value.text);
    else if (value.kind == VALUE_BYTES)
        *out = value.bytes;
    else
        return node_fail(node, manifest->err,
                         "the nonce must be text or !bytes, got %s",
                         value_kind_name(value.kind));
    return STATUS_OK;
}

static Status read_options(struct manifest *manifest, const struct node *node,
                           struct task_draft *draft)
{
    const struct node *nonce = node_get(node, TEXT("nonce"));
    const struct node *sub = node_get(node, TEXT("sub"));
    const struct node *limits = node_get(node, TEXT("limits"));
    const struct node *retry = node_get(node, TEXT("retry"));

    draft->limits = manifest->limits;
    draft->retry = manifest->retry;
    draft->sub = manifest->sub;
    if (nonce)
        TRY(read_nonce(manifest, nonce, &draft->nonce));
    if (sub)
        TRY(read_sub(sub, manifest->arena, &draft->sub, manifest->err));
    if (limits)
        TRY(manifest_limits(limits, &draft->limits, manifest->err));
    if (retry)
        TRY(manifest_retry(retry, &draft->retry, manifest->err));
    return STATUS_OK;
}

static Status read_task(struct manifest *manifest, const struct node *label,
                        struct task_draft *draft)
{
    static const Text words[] = {
        TEXT_INIT("run"),   TEXT_INIT("cmd"), TEXT_INIT("args"),
        TEXT_INIT("nonce"), TEXT_INIT("sub"), TEXT_INIT("limits"),
        TEXT_INIT("retry"),
    };
    const struct node *node = label->next;
    const struct node *run = node_get(node, TEXT("run"));
    const struct node *cmd = node_get(node, TEXT("cmd"));
    const struct node *args = node_get(node, TEXT("args"));

    if (!label_is_legal(label->text))
        return node_fail(label, manifest->err,
                         "'%.*s' is no label: use 1 to 64 of A-Z a-z 0-9 _ . "
                         "-",
                         LABEL_ARG(label->text));
    *draft = (struct task_draft){
        .label = arena_copy_text(manifest->arena, label->text),
        .line = label->line,
        .column = label->column};
    TRY(manifest_keys(node, "a task", words, sizeof words / sizeof *words,
                      manifest->err));
    if (!run == !cmd)
        return node_fail(label, manifest->err,
                         "a task needs 'run' or 'cmd', %s",
                         run ? "not both" : "and has neither");
    if (run)
        TRY(read_run(manifest, run, args, draft));
    else
        TRY(read_command(manifest, cmd, args, draft));
    return read_options(manifest, node, draft);
}

static Status read_tasks(struct manifest *manifest, struct task_draft **out)
{
    const struct node *tasks = manifest->tasks;
    struct task_draft *drafts =
        arena_array(&manifest->scratch, tasks->count, sizeof *drafts);
    size_t count = 0;

    for (const struct node *at = tasks->first; at; at = at->next->next)
        map_set(&manifest->labels, text_bytes(at->text), NULL);
    for (const struct node *at = tasks->first; at; at = at->next->next)
        TRY(read_task(manifest, at, &drafts[count++]));
    *out = drafts;
    return STATUS_OK;
}

/* --- The document -------------------------------------------------------- */

static Status read_defaults(struct manifest *manifest, const struct node *node)
{
    static const Text words[] = {TEXT_INIT("limits"), TEXT_INIT("retry"),
                                 TEXT_INIT("sub")};
    const struct node *limits = node_get(node, TEXT("limits"));
    const struct node *retry = node_get(node, TEXT("retry"));
    const struct node *sub = node_get(node, TEXT("sub"));

    TRY(manifest_keys(node, "'defaults'", words, 3, manifest->err));
    if (limits)
        TRY(manifest_limits(limits, &manifest->limits, manifest->err));
    if (retry)
        TRY(manifest_retry(retry, &manifest->retry, manifest->err));
    if (sub)
        TRY(read_sub(sub, manifest->arena, &manifest->sub, manifest->err));
    return STATUS_OK;
}

static Status read_outputs(struct manifest *manifest, const struct node *node,
                           Text **out, size_t *count)
{
    if (node->kind != NODE_LIST)
        return node_fail(node, manifest->err,
                         "'outputs' must be a list of labels, got %s",
                         node_kind_name(node));
    Text *labels =
        arena_array(&manifest->scratch, node->count, sizeof *labels);
    for (const struct node *at = node->first; at; at = at->next) {
        Value promise;
        if (at->kind != NODE_SCALAR || at->tag.len > 0)
            return node_fail(at, manifest->err, "expected a task's label");
        TRY(manifest_promise(manifest, at, BRANCH_OK, at->text, &promise));
        for (size_t i = 0; i < *count; i++)
            if (text_equal(labels[i], at->text))
                return node_fail(at, manifest->err,
                                 "the output '%.*s' is there twice",
                                 LABEL_ARG(at->text));
        labels[(*count)++] = at->text;
    }
    *out = labels;
    return STATUS_OK;
}

static Status read_version(const struct node *root, struct error *err)
{
    static const Text words[] = {
        TEXT_INIT("ipvm"),     TEXT_INIT("name"),  TEXT_INIT("description"),
        TEXT_INIT("defaults"), TEXT_INIT("tasks"), TEXT_INIT("outputs"),
    };
    const struct node *version = node_get(root, TEXT("ipvm"));

    TRY(manifest_keys(root, "a manifest", words, sizeof words / sizeof *words,
                      err));
    if (!version)
        return node_fail(root, err,
                         "not a manifest: expected the key 'ipvm' with "
                         "\"1.0\"");
    if (version->kind != NODE_SCALAR ||
        !text_equal(version->text, TEXT("1.0")))
        return node_fail(version, err,
                         "this version reads manifests of ipvm \"1.0\" only");
    return STATUS_OK;
}

static Status read_document(struct manifest *manifest, const struct node *root,
                            struct workflow *workflow, struct store *memo)
{
    const struct node *name = node_get(root, TEXT("name"));
    const struct node *description = node_get(root, TEXT("description"));
    const struct node *defaults = node_get(root, TEXT("defaults"));
    const struct node *outputs = node_get(root, TEXT("outputs"));
    struct error *err = manifest->err;
    struct task_draft *drafts = NULL;
    Text *labels = NULL;
    size_t count = 0;

    TRY(read_version(root, err));
    if (name)
        TRY(read_text(name, "name", manifest->arena, &workflow->name, err));
    if (description)
        TRY(read_text(description, "description", manifest->arena,
                      &workflow->description, err));
    if (defaults)
        TRY(read_defaults(manifest, defaults));
    manifest->tasks = node_get(root, TEXT("tasks"));
    if (!manifest->tasks)
        return node_fail(root, err, "expected the key 'tasks'");
    if (manifest->tasks->kind != NODE_MAP || manifest->tasks->count == 0)
        return node_fail(manifest->tasks, err,
                         "'tasks' must be a map of labels to tasks, not "
                         "empty");
    TRY(read_tasks(manifest, &drafts));
    if (outputs)
        TRY(read_outputs(manifest, outputs, &labels, &count));
    return workflow_finish(workflow, drafts, manifest->tasks->count, labels,
                           count, memo, err);
}

/* "NAME:" in front of "LINE:COLUMN: …", or "NAME: " of anything else. */
static Status fail_name(const char *name, Status status, struct error *err)
{
    struct error inner;

    if (!err)
        return status;
    inner = *err;
    bool position = inner.message[0] >= '0' && inner.message[0] <= '9';
    Status same = fail(err, status, "%.100s:%s%s", name, position ? "" : " ",
                       inner.message);
    err->offset = inner.offset;
    return same;
}

Status manifest_read(Bytes bytes, const char *name,
                     const struct manifest_host *host, struct store *memo,
                     struct workflow **out, struct error *err)
{
    struct workflow *workflow = workflow_new();
    struct manifest manifest = {
        .host = host, .arena = &workflow->arena, .err = err};
    struct node *root = NULL;

    Status status = node_read(bytes, &manifest.scratch, &root, err);
    if (status == STATUS_OK)
        status = read_document(&manifest, root, workflow, memo);
    map_deinit(&manifest.labels);
    map_deinit(&manifest.imports[0]);
    map_deinit(&manifest.imports[1]);
    map_deinit(&manifest.functions);
    arena_deinit(&manifest.scratch);
    if (status != STATUS_OK) {
        workflow_free(workflow);
        return fail_name(name, status, err);
    }
    *out = workflow;
    return STATUS_OK;
}
