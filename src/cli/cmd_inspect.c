/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_inspect.c - `ipvm inspect`: what is this? Files and CIDs; workflows of
 * each kind, modules with their functions and verdict, values, blocks. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/facts.h"
#include "cli/output.h"
#include "cli/show_token.h"
#include "cli/show_wit.h"
#include "cli/tables.h"
#include "content/path.h"
#include "ipld/cbor_print.h"
#include "ipld/codec.h"
#include "ipld/dag_cbor.h"
#include "ipld/dag_json.h"
#include "ipld/unixfs.h"
#include "lib/handle.h"
#include "task/computation.h"
#include "task/document.h"
#include "task/homestar.h"
#include "task/ipvm_0_1.h"
#include "wasm/imports.h"

enum { READ_MAX = 256 << 20 };

struct inspection {
    struct cli *cli;
    struct facts facts;
    const char *what; /* as it was typed */
    Cid cid;          /* of the content */
    struct buffer bytes;
    bool is_file;   /* by path, not by CID */
    bool is_inside; /* a value in a block: all is said */
};

/* --- Modules ------------------------------------------------------------- */

static const char *kind_words(GuestKind kind)
{
    switch (kind) {
    case GUEST_COMPONENT:
        return "component";
    case GUEST_WIT:
        return "core module with WIT types";
    case GUEST_IPVM:
        return "core module, IPVM ABI";
    case GUEST_CORE:
        return "core module";
    }
    return "module";
}

static Value list_of_functions(struct facts *facts,
                               const struct description *description)
{
    Value *items =
        arena_array(&facts->arena, description->function_count, sizeof *items);
    struct buffer line;
    buffer_init(&line, 1 << 16);
    for (uint32_t index = 0; index < description->function_count; index++) {
        buffer_clear(&line);
        show_function(description, &description->functions[index], &line);
        items[index] = value_text(
            arena_copy_text(&facts->arena, bytes_text(buffer_bytes(&line))));
    }
    buffer_deinit(&line);
    return value_list(items, description->function_count);
}

static Value list_of_imports(struct facts *facts,
                             const struct description *description)
{
    Value *items =
        arena_array(&facts->arena, description->import_count, sizeof *items);
    for (uint32_t index = 0; index < description->import_count; index++)
        items[index] = value_text(
            arena_format(&facts->arena, "%.*s %.*s",
                         TEXT_ARG(description->imports[index].module),
                         TEXT_ARG(description->imports[index].name)));
    return value_list(items, description->import_count);
}

static int inspect_module(struct inspection *inspection)
{
    struct facts *facts = &inspection->facts;
    struct error err = {0};
    struct description description;
    Bytes block;

    if (modules_describe(inspection->cli->vm->modules, &inspection->cid,
                         &block, &err) != STATUS_OK ||
        description_decode(block, &facts->arena, &description, &err) !=
            STATUS_OK)
        return cli_error(inspection->cli, EXIT_TROUBLE, "%s: %s",
                         inspection->what, err.message);
    bool is_refused = description.refused != END_NONE;
    fact_text(
        facts, TEXT("kind"),
        text_of(is_refused ? "WebAssembly" : kind_words(description.kind)));
    if (is_refused)
        fact_format(facts, TEXT("verdict"), "refused because %.*s (%.*s)",
                    TEXT_ARG(description.message),
                    TEXT_ARG(end_name(description.refused)));
    else if (imports_check(&description, &err) != STATUS_OK)
        fact_format(facts, TEXT("verdict"), "refused because %s (%.*s)",
                    err.message, TEXT_ARG(end_name(END_REFUSED_IMPORT)));
    else
        fact_text(facts, TEXT("verdict"), TEXT("pure"));
    fact(facts, TEXT("functions"), list_of_functions(facts, &description));
    if (description.import_count > 0)
        fact(facts, TEXT("imports"), list_of_imports(facts, &description));
    return EXIT_OK;
}

/* --- Workflows ----------------------------------------------------------- */

static Value list_of_tasks(struct facts *facts,
                           const struct workflow *workflow)
{
    Value *items = arena_array(&facts->arena, workflow->count, sizeof *items);
    for (uint32_t index = 0; index < workflow->count; index++) {
        const struct task *task = &workflow->tasks[index];
        const Text function = task_function(task);
        char cid[CID_TEXT_MAX];
        Cid symbolic;
        cid_from_hash(CODEC_DAG_CBOR, &task->symbolic, &symbolic);
        cid_to_text(&symbolic, cid);
        items[index] = value_text(arena_format(
            &facts->arena, "%.*s  %.*s  %s", TEXT_ARG(task->label),
            TEXT_ARG(function.len > 0 ? function : task->cmd), cid));
    }
    return value_list(items, workflow->count);
}

static Value list_of_outputs(struct facts *facts,
                             const struct workflow *workflow)
{
    Value *items =
        arena_array(&facts->arena, workflow->output_count, sizeof *items);
    for (uint32_t index = 0; index < workflow->output_count; index++)
        items[index] =
            value_text(workflow->tasks[workflow->outputs[index]].label);
    return value_list(items, workflow->output_count);
}

static void say_workflow(struct inspection *inspection,
                         const struct workflow *workflow)
{
    struct facts *facts = &inspection->facts;
    fact_cid(facts, TEXT("workflow"), &workflow->cid);
    if (workflow->name.len > 0)
        fact_text(facts, TEXT("name"), workflow->name);
    if (workflow->description.len > 0)
        fact_text(facts, TEXT("description"), workflow->description);
    fact(facts, TEXT("tasks"), list_of_tasks(facts, workflow));
    fact(facts, TEXT("outputs"), list_of_outputs(facts, workflow));
}

static void say_homestar(struct inspection *inspection,
                         const struct homestar_names *names)
{
    struct facts *facts = &inspection->facts;
    Value *items = arena_array(&facts->arena, names->count, sizeof *items);
    for (size_t index = 0; index < names->count; index++) {
        char instruction[CID_TEXT_MAX];
        cid_to_text(&names->tasks[index].instruction, instruction);
        items[index] = value_text(
            arena_format(&facts->arena, "%.*s  instruction %s",
                         TEXT_ARG(names->tasks[index].function), instruction));
    }
    fact_cid(facts, TEXT("homestar workflow"), &names->workflow);
    fact(facts, TEXT("homestar tasks"), value_list(items, names->count));
}

/* The workflow in a document, if there is one; why not, as a fact. */
static void try_workflow(struct inspection *inspection)
{
    ipvm_workflow *workflow;
    ipvm_error error;
    struct workflow *loaded;
    if (ipvm_workflow_load(inspection->cli->vm, inspection->what, &workflow,
                           &error) == IPVM_OK) {
        if (lib_workflow(workflow, &loaded, NULL) == STATUS_OK)
            say_workflow(inspection, loaded);
        // Facts borrow from it until they are printed.
        facts_print(&inspection->facts, inspection->cli);
        ipvm_workflow_free(workflow);
    } else {
        fact_format(&inspection->facts, TEXT("cannot be run"), "%s",
                    error.message);
    }
}

/* --- Other content ------------------------------------------------------- */

static bool is_computation(Bytes bytes, struct arena *arena)
{
    struct computation computation;
    return computation_decode(bytes, arena, &computation, NULL) == STATUS_OK;
}

static bool is_result(Bytes bytes, struct arena *arena)
{
    struct result result;
    return result_decode(bytes, arena, &result, NULL) == STATUS_OK;
}

/* What strict DAG-CBOR refuses is shown all the same. */
static void say_malformed(struct inspection *inspection,
                          const struct error *err)
{
    struct facts *facts = &inspection->facts;
    struct buffer text;
    fact_format(facts, TEXT("malformed"), "%s, at byte %zu", err->message,
                err->offset);
    buffer_init(&text, READ_MAX);
    if (cbor_print(buffer_bytes(&inspection->bytes), &text, NULL) == STATUS_OK)
        fact_text(facts, TEXT("cbor"), bytes_text(buffer_bytes(&text)));
    buffer_deinit(&text);
}

/* A dag-cbor block: what it is to us, and its value. */
static int inspect_cbor(struct inspection *inspection)
{
    struct facts *facts = &inspection->facts;
    Bytes bytes = buffer_bytes(&inspection->bytes);
    struct error err = {0};
    Value value;
    if (dag_cbor_decode(bytes, &facts->arena, &value, &err) != STATUS_OK) {
        say_malformed(inspection, &err);
        return EXIT_INPUT;
    }
    if (value_get(&value, TEXT("ipvm/workflow@1.0.0"))) {
        fact_text(facts, TEXT("kind"), TEXT("workflow"));
        try_workflow(inspection);
        return EXIT_OK;
    }
    const char *kind = bytes_equal(bytes, profile_block())
                           ? "determinism profile"
                       : is_computation(bytes, &facts->arena) ? "computation"
                       : is_result(bytes, &facts->arena)      ? "result"
                                                              : "value";
    fact_text(facts, TEXT("kind"), text_of(kind));
    fact(facts, TEXT("value"), value);
    return EXIT_OK;
}

static void say_unixfs(struct inspection *inspection)
{
    struct facts *facts = &inspection->facts;
    const struct unixfs_source source =
        content_source(inspection->cli->vm->store);
    struct unixfs_info info;
    struct error err = {0};
    static const char *const kinds[] = {"file", "directory", "symlink"};
    if (unixfs_open(&source, cid_bytes(&inspection->cid), &info, &err) !=
        STATUS_OK) {
        fact_format(facts, TEXT("malformed"), "%s", err.message);
        return;
    }
    fact_text(facts, TEXT("kind"), text_of(kinds[info.kind]));
    if (info.kind == UNIXFS_FILE)
        fact(facts, TEXT("bytes"), value_uint(info.size));
}

/* Text or CBOR that may be a workflow of some kind. */
static void say_document(struct inspection *inspection)
{
    struct facts *facts = &inspection->facts;
    Bytes bytes = buffer_bytes(&inspection->bytes);
    enum document_kind kind = document_kind_of(bytes);
    struct homestar_names names;
    Cid envelope;

    if (kind == DOCUMENT_OTHER || kind == DOCUMENT_CAR) {
        fact_text(facts, TEXT("kind"),
                  kind == DOCUMENT_CAR ? document_kind_name(kind)
                                       : TEXT("file"));
        fact(facts, TEXT("bytes"), value_uint(bytes.len));
        return;
    }
    fact_text(facts, TEXT("kind"), document_kind_name(kind));
    if (kind == DOCUMENT_HOMESTAR &&
        homestar_name(bytes, &facts->arena, &names, NULL) == STATUS_OK)
        say_homestar(inspection, &names);
    if (kind == DOCUMENT_IPVM_0_1) {
        ipvm_0_1_cid(bytes, &envelope);
        fact_cid(facts, TEXT("envelope"), &envelope);
    }
    try_workflow(inspection);
}

/* --- The command --------------------------------------------------------- */

/* Down a path; a value inside of a block is said at once. */
static Status find(struct inspection *inspection, Text path, struct error *err)
{
    struct facts *facts = &inspection->facts;
    struct content_found found;
    TRY(content_find(inspection->cli->vm->store, path, NULL, &facts->arena,
                     &found, err));
    inspection->cid = found.cid;
    inspection->is_inside = found.is_inside;
    if (found.is_inside) {
        fact_cid(facts, TEXT("inside of block"), &found.cid);
        fact_text(facts, TEXT("at"), found.rest);
        fact_text(facts, TEXT("kind"),
                  text_of(value_kind_name(found.value.kind)));
        fact(facts, TEXT("value"), found.value);
    }
    return STATUS_OK;
}

/* The content behind the word, and its CID. */
static int fetch(struct inspection *inspection)
{
    struct ipvm *vm = inspection->cli->vm;
    struct error err = {0};
    struct block *block;
    const Text what = text_of(inspection->what);
    Status status = STATUS_OK;
    inspection->is_file = !cid_is_path(what);
    buffer_init(&inspection->bytes, READ_MAX);
    if (inspection->is_file)
        status = content_add_path(vm->store, inspection->what, NULL,
                                  &inspection->cid, &err);
    else
        status = find(inspection, what, &err);
    if (status == STATUS_OK && inspection->is_inside)
        return EXIT_OK;
    if (status == STATUS_OK)
        status = store_get(vm->store, &inspection->cid, &block, &err);
    if (status == STATUS_NOT_FOUND && err.message[0] == '\0')
        return cli_error(inspection->cli, EXIT_NOT_FOUND,
                         "%s is not in the store", inspection->what);
    if (status != STATUS_OK)
        return cli_error(inspection->cli,
                         status == STATUS_NOT_FOUND ? EXIT_NOT_FOUND
                                                    : EXIT_INPUT,
                         "%s", err.message);
    // Long files are looked at by their root alone.
    bool whole = cid_codec(&inspection->cid) == CODEC_RAW ||
                 cid_codec(&inspection->cid) == CODEC_DAG_PB;
    if (!whole || content_load(vm->store, &inspection->cid, &inspection->bytes,
                               NULL) != STATUS_OK) {
        buffer_clear(&inspection->bytes);
        buffer_add_bytes(&inspection->bytes, block_bytes(block));
    }
    const char *name = codec_name(cid_codec(&inspection->cid));
    fact_cid(&inspection->facts, TEXT("cid"), &inspection->cid);
    fact_text(&inspection->facts, TEXT("codec"),
              text_of(name ? name : "unknown"));
    fact(&inspection->facts, TEXT("block bytes"),
         value_uint(block_bytes(block).len));
    block_unref(block);
    return EXIT_OK;
}

int command_inspect(struct cli *cli)
{
    struct inspection inspection = {.cli = cli, .what = cli->words[0]};
    if (show_tokens_of_text(cli, &inspection.facts, inspection.what))
        return EXIT_OK;
    int code = cli_open(cli, NULL);
    if (code == EXIT_OK)
        code = fetch(&inspection);
    if (code == EXIT_OK && inspection.is_inside) {
        facts_print(&inspection.facts, cli);
    } else if (code == EXIT_OK &&
               !show_tokens(cli, &inspection.facts,
                            buffer_bytes(&inspection.bytes))) {
        enum document_kind kind =
            document_kind_of(buffer_bytes(&inspection.bytes));
        if (kind == DOCUMENT_WASM || kind == DOCUMENT_COMPONENT)
            code = inspect_module(&inspection);
        else if (cid_codec(&inspection.cid) == CODEC_DAG_CBOR)
            code = inspect_cbor(&inspection);
        else if (inspection.is_file)
            say_document(&inspection);
        else
            say_unixfs(&inspection);
        if (inspection.facts.count > 0)
            facts_print(&inspection.facts, cli);
    }
    arena_deinit(&inspection.facts.arena);
    buffer_deinit(&inspection.bytes);
    return code;
}

const struct command inspect_command = {
    .name = "inspect",
    .synopsis = "FILE | CID[/PATH] | CONTAINER",
    .summary = "say what something is",
    .description =
        "Says what a file or block is: a module with its functions, types,\n"
        "imports and verdict; a workflow (a manifest, Homestar 0.2, IPVM\n"
        "0.1, or a workflow block) with its CIDs; a computation, a result, a\n"
        "value, a file; a UCAN token, or a container of them, also as text.",
    .examples = "  ipvm inspect image.wasm\n"
                "  ipvm inspect examples/photo/photo.yaml\n",
    .run = command_inspect,
    .words_min = 1,
    .words_max = 1,
};
