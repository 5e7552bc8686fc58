/* SPDX-License-Identifier: Apache-2.0 */
#include "run/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/map.h"
#include "content/content.h"
#include "run/artifact.h"
#include "wasm/call.h"
#include "wasm/description.h"
#include "wasm/module_cache.h"

enum {
    MODULE_BYTES_MAX = 64 << 20,
    DESCRIBE_TIME_MS = 10 * 1000,
    COMPILE_TIME_MS = 120 * 1000,
    /* Before other tasks of the lane: a module may be what others wait for. */
    COMPILE_PRIORITY = INT32_MAX,
    /* What compiling may take and what it is expected to, for each byte of
     * the module. */
    COMPILE_MEMORY_FACTOR = 512,
    COMPILE_MEMORY_LIKELY = 128,
    COMPILE_MEMORY_LEAST = 64 << 20,
    /* Artifacts whose files are open; more are closed, the longest unused
     * first. */
    READY_MAX = 128,
};
#define COMPILE_MEMORY_MIN ((uint64_t)512 << 20)
#define COMPILE_MEMORY_MAX ((uint64_t)4 << 30)

struct waiter {
    ModuleReady *told;
    void *context;
    struct lane *lane;
    struct waiter *next;
};

/* One compiled form of a module. */
struct form {
    struct module *module;
    struct module_form want;
    bool is_ready;
    bool is_busy;
    uint64_t ticket; /* while it is busy */
    uint64_t used;   /* when somebody was told of it last */
    struct run_artifact artifact;
    End end; /* once refused, such as a component by wasmi */
    char message[RUN_MESSAGE_MAX];
    struct waiter *waiters; /* oldest first */
    struct form *next;
};

struct module {
    struct modules *modules;
    Cid cid;
    Bytes description;   /* heap, or data NULL */
    struct buffer bytes; /* the module, while something needs it */
    End end;             /* once refused */
    char message[RUN_MESSAGE_MAX];
    bool is_describing;
    struct form *forms;
};

struct modules {
    struct executor *executor;
    struct module_cache *cache; /* NULL before the first artifact */
    struct map by_cid;          /* CID bytes → struct module * */
    size_t ready_count;         /* forms with an artifact */
    uint64_t clock;             /* of their use */
};

struct modules *modules_new(struct executor *executor)
{
    struct modules *modules = HEAP_NEW(struct modules);
    modules->executor = executor;
    return modules;
}

static void free_form(struct form *form)
{
    if (form->artifact.file >= 0)
        close(form->artifact.file);
    for (struct waiter *waiter = form->waiters, *next; waiter; waiter = next) {
        next = waiter->next;
        free(waiter);
    }
    free(form);
}

static void free_module(struct module *module)
{
    for (struct form *form = module->forms, *next; form; form = next) {
        next = form->next;
        free_form(form);
    }
    buffer_deinit(&module->bytes);
    free((void *)(uintptr_t)module->description.data);
    free(module);
}

void modules_free(struct modules *modules)
{
    if (!modules)
        return;
    size_t cursor = 0;
    const struct map_entry *entry;
    while ((entry = map_next(&modules->by_cid, &cursor)))
        free_module((struct module *)(uintptr_t)entry->value);
    map_deinit(&modules->by_cid);
    module_cache_close(modules->cache);
    free(modules);
}

static struct module *find(struct modules *modules, const Cid *cid)
{
    uint64_t *place = map_get(&modules->by_cid, cid_bytes(cid));
    if (place)
        return (struct module *)(uintptr_t)*place;
    struct module *module = HEAP_NEW(struct module);
    module->modules = modules;
    module->cid = *cid;
    buffer_init(&module->bytes, MODULE_BYTES_MAX);
    *map_set(&modules->by_cid, cid_bytes(&module->cid), NULL) =
        (uintptr_t)module;
    return module;
}

/* --- Telling ------------------------------------------------------------ */

static void tell(struct form *form, End end, const char *message)
{
    struct module_ready ready = {
        .end = end,
        .message = message,
        .description = form->module->description,
        .artifact = form->artifact,
    };
    struct waiter *waiter = form->waiters;
    form->waiters = NULL;
    form->used = ++form->module->modules->clock;
    while (waiter) {
        struct waiter *next = waiter->next;
        waiter->told(waiter->context, &ready);
        free(waiter);
        waiter = next;
    }
}

/* A lost helper or a missing block may be there at the next try. */
static bool is_final(End end)
{
    return !end_is_retried(end) && end != END_CANCELLED;
}

static void refuse_form(struct form *form, End end, const char *message)
{
    snprintf(form->message, sizeof form->message, "%s", message);
    form->end = is_final(end) ? end : END_NONE;
    tell(form, end, form->message);
}

static void refuse(struct module *module, End end, const char *message)
{
    if (message != module->message)
        snprintf(module->message, sizeof module->message, "%s", message);
    module->end = is_final(end) ? end : END_NONE;
    for (struct form *form = module->forms; form; form = form->next)
        tell(form, end, module->message);
}

/* Nobody needs the module's own bytes: they may be many. */
static void let_go_of_bytes(struct module *module)
{
    bool needed = module->is_describing;
    for (struct form *form = module->forms; form; form = form->next)
        needed |= form->is_busy;
    if (needed)
        return;
    buffer_deinit(&module->bytes);
    buffer_init(&module->bytes, MODULE_BYTES_MAX);
}

/* --- Describing --------------------------------------------------------- */

static bool take_description(struct module *module, Bytes description)
{
    uint8_t *copy = heap_alloc(description.len);
    memcpy(copy, description.data, description.len);
    module->description = bytes_of(copy, description.len);

    struct arena arena = {0};
    struct description parsed;
    struct error err;
    Status status =
        description_decode(module->description, &arena, &parsed, &err);
    bool good = status == STATUS_OK;
    if (!good) {
        free(copy);
        module->description = (Bytes){0};
    } else if (parsed.refused != END_NONE) {
        module->end = parsed.refused;
        snprintf(module->message, sizeof module->message, "%.*s",
                 TEXT_ARG(parsed.message));
    }
    arena_deinit(&arena);
    return good;
}

static Status load_bytes(struct module *module, struct error *err)
{
    if (module->bytes.len > 0)
        return STATUS_OK;
    return content_load(executor_store(module->modules->executor),
                        &module->cid, &module->bytes, err);
}

static bool noted_description(struct module *module)
{
    struct arena arena = {0};
    Bytes note;
    Status status =
        note_get(executor_store(module->modules->executor), NOTE_MODULE,
                 cid_bytes(&module->cid), &arena, &note, NULL);
    bool good = status == STATUS_OK && take_description(module, note);
    arena_deinit(&arena);
    return good;
}

static void note_description(struct module *module)
{
    struct store_batch *batch =
        store_batch_new(executor_store(module->modules->executor));
    store_batch_note(batch, NOTE_MODULE, cid_bytes(&module->cid),
                     module->description);
    // Lost, it is made again.
    store_commit_async(batch, NULL, NULL);
}

static void go_on(struct module *module);

static End end_of_compiling(End end)
{
    return end == END_LIMIT_TIME || end == END_LIMIT_MEMORY ? END_LIMIT_COMPILE
                                                            : end;
}

static void described(void *context, const struct run_outcome *outcome)
{
    struct module *module = context;
    module->is_describing = false;
    if (outcome->end != END_NONE) {
        refuse(module, end_of_compiling(outcome->end), outcome->message);
    } else if (!take_description(module, outcome->output)) {
        refuse(module, END_HOST, "the module's description is not one");
    } else {
        // A later version may accept what is refused now.
        if (module->end == END_NONE)
            note_description(module);
        go_on(module);
    }
    let_go_of_bytes(module);
}

static uint64_t memory_to_compile(const struct module *module)
{
    uint64_t memory = module->bytes.len * (uint64_t)COMPILE_MEMORY_FACTOR;
    if (memory < COMPILE_MEMORY_MIN)
        return COMPILE_MEMORY_MIN;
    return memory < COMPILE_MEMORY_MAX ? memory : COMPILE_MEMORY_MAX;
}

/* The lane of whoever asked first. */
static struct lane *lane_for(const struct module *module)
{
    for (const struct form *form = module->forms; form; form = form->next)
        if (form->waiters)
            return form->waiters->lane;
    return NULL;
}

/* The input of a job about the module itself. */
static struct run_request job_of(struct module *module, RunVerb verb)
{
    // A compiler that a hostile module has taken over must not make the machine
    // code or the description of another: one process for each module.
    Hash isolation;
    hash_sha256(cid_bytes(&module->cid), &isolation);
    return (struct run_request){
        .verb = verb,
        .isolation = isolation,
        .engine = executor_options(module->modules->executor)->engine,
        .limits = {.memory = memory_to_compile(module),
                   .time_ms = verb == RUN_COMPILE ? COMPILE_TIME_MS
                                                  : DESCRIBE_TIME_MS},
        .input = buffer_bytes(&module->bytes),
        .artifact = {.file = -1},
        .memory_need = COMPILE_MEMORY_LEAST +
                       module->bytes.len * (uint64_t)COMPILE_MEMORY_LIKELY,
    };
}

static End end_of_status(Status status)
{
    switch (status) {
    case STATUS_NOT_FOUND:
    case STATUS_CORRUPT: // A damaged block is a missing one.
    case STATUS_UNSUPPORTED:
        return END_UNAVAILABLE;
    case STATUS_INVALID:
    case STATUS_LIMIT:
        return END_REFUSED_MODULE;
    case STATUS_OK:
    case STATUS_IO:
    case STATUS_FULL:
    case STATUS_BUSY:
    case STATUS_DENIED:
    case STATUS_CANCELLED:
    case STATUS_HOST:
        break;
    }
    return END_HOST;
}

static void describe(struct module *module)
{
    struct error err = {0};
    uint64_t ticket;
    if (module->is_describing)
        return;
    Status status = load_bytes(module, &err);
    if (status != STATUS_OK) {
        char text[CID_TEXT_MAX], message[RUN_MESSAGE_MAX];
        cid_to_text(&module->cid, text);
        if (status == STATUS_NOT_FOUND)
            snprintf(message, sizeof message,
                     "the module %s is not in the store: add its file with "
                     "`ipvm add`",
                     text);
        else
            snprintf(message, sizeof message, "module %s: %s", text,
                     err.message);
        refuse(module, end_of_status(status), message);
        return;
    }
    struct run_request request = job_of(module, RUN_DESCRIBE);
    module->is_describing = true;
    const struct executor_client client = {.done = described,
                                           .context = module,
                                           .lane = lane_for(module),
                                           .priority = COMPILE_PRIORITY};
    status = executor_submit(module->modules->executor, &request, &client,
                             &ticket, &err);
    if (status != STATUS_OK) {
        module->is_describing = false;
        refuse(module, END_HOST, err.message);
    }
}

/* --- Compiling ---------------------------------------------------------- */

static Status name_artifact(const struct form *form, struct artifact_name *out,
                            struct error *err)
{
    const bool in_process =
        executor_options(form->module->modules->executor)->in_process;
    return artifact_name_of(&form->module->cid, &form->want, in_process, out,
                            err);
}

static struct module_cache *open_cache(struct modules *modules)
{
    if (!modules->cache)
        modules->cache =
            artifact_cache_open(executor_store(modules->executor));
    return modules->cache;
}

static struct form *longest_unused(const struct modules *modules)
{
    struct form *found = NULL;
    const struct map_entry *entry;
    for (size_t cursor = 0; (entry = map_next(&modules->by_cid, &cursor));) {
        const struct module *module = (const void *)(uintptr_t)entry->value;
        for (struct form *form = module->forms; form; form = form->next)
            if (form->is_ready && !form->waiters &&
                (!found || form->used < found->used) &&
                !executor_uses(modules->executor, &form->artifact.id))
                found = form;
    }
    return found;
}

/* Many modules are no reason for many open files: what is closed is found in
 * the cache again. */
static void make_room(struct modules *modules)
{
    while (modules->ready_count >= READY_MAX) {
        struct form *form = longest_unused(modules);
        if (!form)
            return;
        close(form->artifact.file);
        form->artifact = (struct run_artifact){.file = -1};
        form->is_ready = false;
        modules->ready_count--;
    }
}

static void take_artifact(struct form *form, const Hash *id, int file,
                          size_t len)
{
    make_room(form->module->modules);
    form->artifact =
        (struct run_artifact){.id = *id, .file = file, .len = len};
    form->is_ready = true;
    form->module->modules->ready_count++;
    form->is_busy = false;
    tell(form, END_NONE, "");
}

/* Where there is no cache, or it is too small: a file without a name. */
static void submit_compile(struct form *form);

static void compiled(void *context, const struct run_outcome *outcome)
{
    struct form *form = context;
    struct error err = {0};
    struct artifact_name name;
    int file = -1;

    form->is_busy = false;
    let_go_of_bytes(form->module);
    if (outcome->end == END_CANCELLED && form->waiters) {
        submit_compile(form); // Somebody came after it was given up.
        return;
    }
    if (outcome->end != END_NONE) {
        refuse_form(form, end_of_compiling(outcome->end), outcome->message);
        return;
    }
    Status status = name_artifact(form, &name, &err);
    if (status == STATUS_OK)
        status = artifact_keep(form->module->modules->cache, &name,
                               outcome->output, &file, &err);
    if (status == STATUS_OK)
        take_artifact(form, &name.id, file, outcome->output.len);
    else
        refuse_form(form, END_HOST, err.message);
}

static void submit_compile(struct form *form)
{
    struct module *module = form->module;
    struct error err = {0};
    Status status = load_bytes(module, &err);
    if (status == STATUS_OK) {
        struct run_request request = job_of(module, RUN_COMPILE);
        request.engine = form->want.engine;
        request.metered = form->want.metered;
        request.description = module->description;
        form->is_busy = true;
        const struct executor_client client = {
            .done = compiled,
            .context = form,
            .lane = form->waiters ? form->waiters->lane : NULL,
            .priority = COMPILE_PRIORITY,
        };
        status = executor_submit(module->modules->executor, &request, &client,
                                 &form->ticket, &err);
    }
    if (status != STATUS_OK) {
        form->is_busy = false;
        refuse_form(form, end_of_status(status), err.message);
    }
}

static void compile(struct form *form)
{
    struct module_cache *cache = open_cache(form->module->modules);
    struct error err = {0};
    struct artifact_name name;
    int file;
    size_t len;

    if (form->is_busy)
        return;
    if (name_artifact(form, &name, &err) != STATUS_OK)
        refuse_form(form, END_HOST, err.message);
    else if (cache && module_cache_get(cache, &name.key, &file, &len, NULL) ==
                          STATUS_OK)
        take_artifact(form, &name.id, file, len);
    else
        submit_compile(form);
}

static void go_on(struct module *module)
{
    if (!module->description.data && !noted_description(module)) {
        describe(module);
        return;
    }
    if (module->end != END_NONE) {
        refuse(module, module->end, module->message);
        return;
    }
    for (struct form *form = module->forms; form; form = form->next) {
        if (!form->waiters)
            continue;
        if (form->is_ready)
            tell(form, END_NONE, "");
        else if (form->end != END_NONE)
            tell(form, form->end, form->message);
        else
            compile(form);
    }
}

static bool waits(const struct form *form, const void *context)
{
    const struct waiter *waiter = form->waiters;
    while (waiter && waiter->context != context)
        waiter = waiter->next;
    return waiter != NULL;
}

bool modules_want(struct modules *modules, const Cid *cid,
                  const struct module_form *want, ModuleReady *told,
                  void *context)
{
    struct module *module = find(modules, cid);
    struct form *form = module->forms;
    while (form && (form->want.engine != want->engine ||
                    form->want.metered != want->metered))
        form = form->next;
    if (!form) {
        form = HEAP_NEW(struct form);
        form->module = module;
        form->want = *want;
        form->artifact.file = -1;
        form->next = module->forms;
        module->forms = form;
    }
    struct waiter **place = &form->waiters;
    while (*place)
        place = &(*place)->next;
    *place = HEAP_NEW(struct waiter);
    **place = (struct waiter){told, context, want->lane, NULL};
    go_on(module);
    return !waits(form, context);
}

void modules_forget(struct modules *modules, const Cid *cid, void *context)
{
    struct module *module = find(modules, cid);
    for (struct form *form = module->forms; form; form = form->next) {
        for (struct waiter **place = &form->waiters; *place;) {
            struct waiter *waiter = *place;
            if (waiter->context != context) {
                place = &waiter->next;
                continue;
            }
            *place = waiter->next;
            free(waiter);
        }
        if (form->is_busy && !form->waiters)
            executor_cancel(modules->executor, form->ticket, END_CANCELLED);
    }
}

Status modules_describe(struct modules *modules, const Cid *cid, Bytes *out,
                        struct error *err)
{
    struct module *module = find(modules, cid);
    if (!module->description.data && !noted_description(module)) {
        if (!store_has(executor_store(modules->executor), cid)) {
            char text[CID_TEXT_MAX];
            cid_to_text(cid, text);
            return fail(err, STATUS_NOT_FOUND,
                        "the module %s is not in the store: add its file "
                        "with `ipvm add`",
                        text);
        }
        describe(module);
        while (module->is_describing) {
            executor_poll(modules->executor, 100);
            if (executor_interrupted(modules->executor))
                return fail(err, STATUS_CANCELLED, "interrupted");
        }
    }
    if (!module->description.data)
        return fail(err,
                    module->end == END_REFUSED_MODULE ? STATUS_INVALID
                                                      : STATUS_HOST,
                    "%.180s", module->message);
    *out = module->description;
    return STATUS_OK;
}
