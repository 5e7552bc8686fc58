/* SPDX-License-Identifier: Apache-2.0 */
/* ipvm_workflow.c - workflows through the library's door. One that is named by
 * CID and was validated on this store before is loaded only when somebody
 * looks inside. */
#include <stdlib.h>
#include <string.h>

#include "lib/handle.h"

/* A workflow with a name is remembered by it, others by their file's. */
static char *remembered_name(Text name, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (name.len == 0)
        name = text_of(slash ? slash + 1 : path);
    char *copy = heap_alloc(name.len + 1);
    memcpy(copy, name.data, name.len);
    copy[name.len] = '\0';
    return copy;
}

static ipvm_workflow *wrap(ipvm *vm, const Cid *cid, Text name,
                           const char *path)
{
    ipvm_workflow *wrapped = HEAP_NEW(ipvm_workflow);
    wrapped->vm = vm;
    wrapped->cid = *cid;
    cid_to_text(cid, wrapped->cid_text);
    wrapped->remember_as = remembered_name(name, path);
    return wrapped;
}

static void wrap_loaded(ipvm *vm, struct workflow *workflow, const char *path,
                        ipvm_workflow **out)
{
    *out = wrap(vm, &workflow->cid, workflow->name, path);
    (*out)->workflow = workflow;
}

Status lib_workflow(ipvm_workflow *workflow, struct workflow **out,
                    struct error *err)
{
    if (!workflow->workflow)
        TRY(workflow_load(workflow->vm->store, &workflow->cid,
                          &workflow->workflow, err));
    *out = workflow->workflow;
    return STATUS_OK;
}

ipvm_status ipvm_workflow_load(ipvm *vm, const char *path_or_cid,
                               ipvm_workflow **out, ipvm_error *error)
{
    struct workflow *workflow;
    struct root *root;
    struct error err = {0};
    Cid cid;
    bool is_cid = cid_from_text(text_of(path_or_cid), &cid, NULL) == STATUS_OK;
    if (is_cid && root_get(vm->store, &cid, &root) == STATUS_OK) {
        *out = wrap(vm, &cid, root->name, path_or_cid);
        (*out)->root = root;
        return IPVM_OK;
    }
    Status status = load_workflow(&vm->loader, path_or_cid, &workflow, &err);
    if (status == STATUS_OK) {
        root_put(vm->store, workflow);
        wrap_loaded(vm, workflow, path_or_cid, out);
    }
    return lib_fail(status, &err, error);
}

ipvm_status ipvm_workflow_parse(ipvm *vm, const void *data, size_t size,
                                const char *directory, ipvm_workflow **out,
                                ipvm_error *error)
{
    struct workflow *workflow;
    struct error err = {0};
    Status status = load_document(&vm->loader, bytes_of(data, size),
                                  "workflow", directory, &workflow, &err);
    if (status == STATUS_OK)
        wrap_loaded(vm, workflow, "", out);
    return lib_fail(status, &err, error);
}

ipvm_status ipvm_workflow_call(ipvm *vm, const char *module,
                               const char *function, const char *const *words,
                               size_t count, const ipvm_call_options *options,
                               ipvm_workflow **out, ipvm_error *error)
{
    struct workflow *workflow;
    struct error err = {0};
    struct call_options call = {0};
    if (options)
        call = (struct call_options){
            .limits = {.fuel = options->fuel,
                       .memory = options->memory,
                       .time_ms = options->time_ms},
            .all_text = options->all_text,
        };
    Status status = load_call(&vm->loader, module, function, words, count,
                              &call, &workflow, &err);
    if (status == STATUS_OK)
        wrap_loaded(vm, workflow, module, out);
    return lib_fail(status, &err, error);
}

void ipvm_workflow_free(ipvm_workflow *workflow)
{
    if (!workflow)
        return;
    if (workflow->labels)
        for (uint32_t index = 0; index < workflow->workflow->count; index++)
            free(workflow->labels[index]);
    free(workflow->labels);
    free(workflow->remember_as);
    workflow_free(workflow->workflow);
    root_free(workflow->root);
    free(workflow);
}

const char *ipvm_workflow_cid(const ipvm_workflow *workflow)
{
    return workflow->cid_text;
}

uint32_t ipvm_workflow_task_count(const ipvm_workflow *workflow)
{
    return workflow->workflow ? workflow->workflow->count
                              : workflow->root->task_count;
}

const char *ipvm_workflow_label(ipvm_workflow *workflow, uint32_t index)
{
    struct workflow *loaded;
    struct error err;
    if (lib_workflow(workflow, &loaded, &err) != STATUS_OK ||
        index >= loaded->count)
        return "";
    if (!workflow->labels)
        workflow->labels = heap_array(loaded->count, sizeof *workflow->labels);
    if (!workflow->labels[index]) {
        Text label = loaded->tasks[index].label;
        workflow->labels[index] = heap_alloc(label.len + 1);
        memcpy(workflow->labels[index], label.data, label.len);
        workflow->labels[index][label.len] = '\0';
    }
    return workflow->labels[index];
}
