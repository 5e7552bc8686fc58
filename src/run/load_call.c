/* SPDX-License-Identifier: Apache-2.0 */
/* load_call.c - one function on the words of a command line, as a workflow of
 * one task. */
#include <stdlib.h>
#include <unistd.h>

#include "ipld/dag_json.h"
#include "run/load.h"
#include "run/load_internal.h"
#include "task/computation.h"
#include "task/number.h"
#include "wasm/function_name.h"

static bool is_text_type(const struct wit_type *type)
{
    while (type && type->kind == WIT_OPTION)
        type = wit_element(type);
    return type && (type->kind == WIT_STRING || type->kind == WIT_CHAR ||
                    type->kind == WIT_ENUM);
}

/* Rows, lists and cases are written as DAG-JSON. */
static bool is_json_word(const struct wit_type *type, Text word)
{
    return word.len > 0 && (word.data[0] == '[' || word.data[0] == '{') &&
           !is_text_type(type);
}

static Status link_of(struct workflow *workflow, const Cid *cid, Value *out)
{
    Cid *kept = ARENA_NEW(&workflow->arena, Cid);
    *kept = *cid;
    *out = value_link(kept);
    return STATUS_OK;
}

/* "@FILE", "-" or a path into content behind "@". */
static Status content_word(const struct loader *loader,
                           struct workflow *workflow, const char *word,
                           Value *out, struct error *err)
{
    struct store *store = executor_store(loader->executor);
    Cid cid;
    if (loader->no_files && !cid_is_path(text_of(word + 1)))
        return fail(err, STATUS_INVALID,
                    "files are not read here: add it and name its CID");
    if (strcmp(word, "-") == 0)
        TRY(content_add_file(store, STDIN_FILENO, "standard input",
                             &loader->add, &cid, err));
    else if (cid_is_path(text_of(word + 1)))
        TRY(content_resolve(store, text_of(word + 1), &cid, err));
    else
        TRY(content_add_path(store, word + 1, &loader->add, &cid, err));
    return link_of(workflow, &cid, out);
}

static Status one_word(const struct loader *loader, struct workflow *workflow,
                       const struct wit_type *type, const char *word,
                       Value *out, struct error *err)
{
    Text text = text_of(word);
    if (word[0] == '@' || strcmp(word, "-") == 0)
        return content_word(loader, workflow, word, out, err);
    if (!utf8_is_valid(text, NULL))
        return fail(err, STATUS_INVALID, "it is not UTF-8");
    *out = value_text(text);
    if (is_text_type(type))
        return STATUS_OK;
    if (is_json_word(type, text))
        return dag_json_decode(text_bytes(text), &workflow->arena, out, err);
    return value_from_word(text, out, err);
}

/* The function's parameter types, or NULL for kinds without. */
static const struct wit_type *params_of(const struct description *description,
                                        const struct wasm_function *function)
{
    return description->kind == GUEST_IPVM ? NULL : function->params;
}

static Status read_words(const struct loader *loader,
                         struct workflow *workflow,
                         const struct wit_type *params,
                         const struct call_words *words, Value *items,
                         struct error *err)
{
    if (params && params->count != words->count)
        return fail(err, STATUS_INVALID,
                    "the function takes %u argument%s, %zu %s given",
                    params->count, params->count == 1 ? "" : "s", words->count,
                    words->count == 1 ? "is" : "are");
    for (size_t index = 0; index < words->count; index++) {
        const char *word = words->words[index];
        Status status = STATUS_OK;
        if (words->all_text)
            items[index] = value_text(text_of(word));
        else
            status = one_word(loader, workflow,
                              params ? params->members[index].type : NULL,
                              word, &items[index], err);
        if (status != STATUS_OK)
            return fail_in(err, status, "argument %zu", index + 1);
    }
    return STATUS_OK;
}

static Status build(const struct loader *loader, const Cid *module,
                    const char *name, const struct call_words *words,
                    struct workflow *workflow, struct task_draft *draft,
                    struct error *err)
{
    struct arena *arena = &workflow->arena;
    struct description description;
    const struct wasm_function *function;
    Bytes block;
    Value link;

    TRY(modules_describe(loader->modules, module, &block, err));
    TRY(description_decode(block, arena, &description, err));
    if (description.refused != END_NONE)
        return fail(err, STATUS_INVALID, "the module is refused: %.*s",
                    TEXT_ARG(description.message));
    TRY(function_name_find(&description, text_of(name), &function, err));
    Value *items = arena_array(arena, words->count, sizeof *items);
    TRY(read_words(loader, workflow, params_of(&description, function), words,
                   items, err));
    TRY(link_of(workflow, module, &link));
    Value list = value_list(items, words->count);
    draft->label = TEXT("call");
    draft->cmd = TEXT("/wasm/run");
    draft->args = wasm_call_args(
        arena, &link, arena_copy_text(arena, function->name), &list, false);
    return STATUS_OK;
}

Status load_module(const struct loader *loader, const char *path_or_cid,
                   Cid *out, struct error *err)
{
    struct store *store = executor_store(loader->executor);
    // A file whose name is a CID can be given as ./NAME.
    if (cid_is_path(text_of(path_or_cid)))
        return content_resolve(store, text_of(path_or_cid), out, err);
    if (loader->no_files)
        return fail(err, STATUS_INVALID, "a module is named by its CID here");
    return content_add_path(store, path_or_cid, &loader->add, out, err);
}

Status load_call(const struct loader *loader, const char *module,
                 const char *function, const char *const *words, size_t count,
                 const struct call_options *options, struct workflow **out,
                 struct error *err)
{
    struct call_words given = {words, count, options->all_text};
    struct task_draft draft = {.limits = options->limits};
    Cid cid;
    TRY(load_module(loader, module, &cid, err));
    struct workflow *workflow = workflow_new();
    Status status =
        build(loader, &cid, function, &given, workflow, &draft, err);
    if (status == STATUS_OK)
        status = workflow_finish(workflow, &draft, 1, NULL, 0,
                                 executor_store(loader->executor), err);
    if (status == STATUS_OK)
        status = load_keep(executor_store(loader->executor), workflow, err);
    if (status != STATUS_OK) {
        workflow_free(workflow);
        return status;
    }
    *out = workflow;
    return STATUS_OK;
}
