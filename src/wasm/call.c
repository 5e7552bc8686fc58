/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "ipld/dag_cbor.h"
#include "wasm/convert.h"
#include "wasm/guest.h"
#include "wasm/homestar.h"
#include "wasm/imports.h"
#include "wasm/modules.h"

/* Converted arguments are larger here than in the guest: what they may take
 * beyond the task's memory limit. */
#define ARGUMENTS_EXTRA ((uint64_t)512 << 20)

/* One job. */
struct job {
    struct modules *modules;
    const struct run_request *request;
    const struct run_host *host;
    struct buffer *output;
    struct run_outcome *outcome;
    struct arena arena;
};

[[gnu::format(printf, 3, 4)]] static void end_job(struct job *job, End end,
                                                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(job->outcome->message, sizeof job->outcome->message, format,
              arguments);
    va_end(arguments);
    job->outcome->end = end;
    buffer_clear(job->output);
}

/* Trouble before the guest ran. */
static End end_of(Status status)
{
    return status == STATUS_INVALID ? END_REFUSED_ARGUMENT
           : status == STATUS_NOT_FOUND || status == STATUS_UNSUPPORTED
               ? END_UNAVAILABLE
           : status == STATUS_LIMIT ? END_LIMIT_MEMORY
                                    : END_HOST;
}

/* --- Describing and compiling -------------------------------------------- */

static void describe(struct job *job)
{
    struct error err = {.message = ""};
    if (engine_describe(job->request->input, job->output, &err) != STATUS_OK)
        end_job(job, END_HOST, "%s", err.message);
}

static bool read_description(struct job *job, struct description *out)
{
    struct error err = {.message = ""};
    if (description_decode(job->request->description, &job->arena, out,
                           &err) != STATUS_OK) {
        end_job(job, END_HOST, "%s", err.message);
        return false;
    }
    if (out->refused == END_NONE)
        return true;
    end_job(job, out->refused, "%.*s", TEXT_ARG(out->message));
    return false;
}

static void compile(struct job *job)
{
    struct error err = {.message = ""};
    struct description description;
    struct engine *engine;
    Bytes code;
    if (!read_description(job, &description))
        return;
    if (description_code(&description, job->request->input, &code, &err) !=
            STATUS_OK ||
        modules_engine(job->modules, job->request, &engine, &err) !=
            STATUS_OK) {
        end_job(job, END_HOST, "%s", err.message);
        return;
    }
    Status status = engine_compile(engine, code, job->output, &err);
    if (status == STATUS_LIMIT)
        end_job(job, END_LIMIT_COMPILE, "%s", err.message);
    else if (status == STATUS_INVALID || status == STATUS_UNSUPPORTED)
        // Unsupported: a component, and an engine without components.
        end_job(job, END_REFUSED_MODULE, "%s", err.message);
    else if (status != STATUS_OK)
        end_job(job, END_HOST, "%s", err.message);
}

/* --- Calling ------------------------------------------------------------- */

static bool read_call(struct job *job, struct wasm_call *call)
{
    struct error err = {.message = ""};
    struct computation *computation =
        ARENA_NEW(&job->arena, struct computation);
    Status status = computation_decode(job->request->input, &job->arena,
                                       computation, &err);
    if (status == STATUS_OK &&
        !text_equal(computation->cmd, TEXT("/wasm/run"))) {
        end_job(job, END_REFUSED_COMMAND, "%.*s is not /wasm/run",
                TEXT_ARG(computation->cmd));
        return false;
    }
    if (status == STATUS_OK)
        status = wasm_call_read(&computation->args, call, &err);
    if (status == STATUS_OK)
        return true;
    end_job(job,
            status == STATUS_UNSUPPORTED ? END_REFUSED_PROFILE
                                         : END_REFUSED_ARGUMENT,
            "%s", err.message);
    return false;
}

static bool has_blobs(const struct guest *guest)
{
    return guest->function->params->has_blob ||
           description_imports_content(guest->description);
}

static Text first_refused(const struct guest *guest)
{
    const struct wasm_function *function = guest->function;
    if (function->params->refused.len > 0)
        return function->params->refused;
    if (function->params->has_blob && guest->call->homestar)
        return TEXT("a blob, by the mapping homestar/0.2");
    if (function->result && function->result->has_blob)
        return TEXT("a blob as a result");
    return function->result ? function->result->refused : TEXT("");
}

static bool find_function(struct job *job, struct guest *guest)
{
    struct error err = {.message = ""};
    if (imports_check(guest->description, &err) != STATUS_OK) {
        end_job(job, END_REFUSED_IMPORT, "%s", err.message);
        return false;
    }
    Text name = guest->call->function;
    guest->function = description_find(guest->description, name);
    if (!guest->function) {
        end_job(job, END_REFUSED_FUNCTION,
                "the module exports no function %.*s",
                (int)(name.len < 200 ? name.len : 200), name.data);
        return false;
    }
    Text refused = first_refused(guest);
    if (refused.len > 0) {
        end_job(job, END_REFUSED_FUNCTION,
                "function %.*s has a type that cannot be converted: %.*s",
                (int)(name.len < 200 ? name.len : 200), name.data,
                (int)(refused.len < 100 ? refused.len : 100), refused.data);
        return false;
    }
    // Kind 2 has no other way to be called.
    if (guest->description->kind == GUEST_WIT && !guest->function->has_core) {
        end_job(job, END_REFUSED_FUNCTION,
                "function %.*s takes strings in another encoding than UTF-8",
                (int)(name.len < 200 ? name.len : 200), name.data);
        return false;
    }
    return true;
}

static void refuse_argument(struct job *job, int index, Status status,
                            const struct error *err)
{
    End end = end_of(status);
    if (index == RUN_NO_INDEX)
        end_job(job, end, "%s", err->message);
    else // People count from one, as on the command line.
        end_job(job, end, "argument %d: %s", index + 1, err->message);
    job->outcome->argument_index =
        end == END_REFUSED_ARGUMENT ? index : RUN_NO_INDEX;
}

/* One WIT value per parameter, or NULL and the job is over. */
static const struct wit_value *convert(struct job *job, struct guest *guest)
{
    struct error err = {.message = ""};
    const Value *args = guest->call->args;
    const struct wit_type *params = guest->function->params;
    if (args->list.count != params->count) {
        end_job(job, END_REFUSED_ARGUMENT,
                "the function takes %u arguments, %zu were given",
                params->count, args->list.count);
        return NULL;
    }
    struct wit_value *values =
        arena_array(&job->arena, params->count, sizeof *values);
    for (uint32_t index = 0; index < params->count; index++) {
        const Value *arg = &args->list.items[index];
        const struct wit_type *type = params->members[index].type;
        Status status =
            guest->call->homestar
                ? homestar_convert(guest->links, arg, type, &values[index],
                                   &err)
                : convert_value(guest->links, arg, type, &values[index], &err);
        if (status != STATUS_OK) {
            refuse_argument(job, (int)index, status, &err);
            return NULL;
        }
    }
    return values;
}

static GuestOutcome call_typed(struct job *job, struct guest *guest)
{
    const struct wit_value *values = convert(job, guest);
    if (!values)
        return GUEST_ENDED;
    struct error err = {.message = ""};
    if (modules_load(job->modules, job->request, &guest->module, &err) !=
        STATUS_OK)
        return guest_end(guest, END_HOST, "%s", err.message);
    if (guest->description->kind == GUEST_CORE)
        return numbers_call(guest, values);
    if (description_uses_core(guest->description))
        return canonical_call(guest, values);
    return component_call(guest, values);
}

static GuestOutcome call_ipvm(struct job *job, struct guest *guest)
{
    struct error err = {.message = ""};
    Bytes arguments;
    int bad;
    Status status = ipvm_abi_arguments(guest->links, guest->call->args,
                                       &arguments, &bad, &err);
    if (status != STATUS_OK) {
        refuse_argument(job, bad, status, &err);
        return GUEST_ENDED;
    }
    if (modules_load(job->modules, job->request, &guest->module, &err) !=
        STATUS_OK)
        return guest_end(guest, END_HOST, "%s", err.message);
    return ipvm_abi_call(guest, arguments);
}

/* What the guest's call came out as becomes the job's outcome. */
static void conclude(struct job *job, const struct guest *guest,
                     GuestOutcome outcome)
{
    // refuse_argument() and its like have said everything already.
    if (outcome == GUEST_ENDED && guest->end == END_NONE)
        return;
    snprintf(job->outcome->message, sizeof job->outcome->message, "%s",
             guest->message);
    if (outcome == GUEST_ENDED) {
        buffer_clear(job->output);
        job->outcome->end = guest->end;
    } else if (outcome != GUEST_RETURNED) {
        buffer_clear(job->output);
        cbor_add_map(job->output, 1);
        cbor_add_text(job->output, TEXT("error"));
        cbor_add_map(job->output, 1);
        cbor_add_text(job->output, TEXT("ipvm/error"));
        cbor_add_text(job->output, outcome == GUEST_TRAPPED
                                       ? TEXT("trap")
                                       : TEXT("unrepresentable"));
    }
}

/* Lets the guest open what stands in its arguments, if it may open anything;
 * false and the job is over. */
static bool allow_arguments(struct job *job, struct guest *guest,
                            struct blobs *content)
{
    struct error err = {.message = ""};
    if (!has_blobs(guest))
        return true;
    guest->links->content = content;
    Status status = blob_allow(content, guest->call->args, &err);
    if (status != STATUS_OK)
        end_job(job, end_of(status), "%s", err.message);
    return status == STATUS_OK;
}

static void perform_call(struct job *job)
{
    const struct run_request *request = job->request;
    struct description description;
    struct wasm_call call;
    struct links links;
    struct blobs content;
    if (!read_call(job, &call) || !read_description(job, &description))
        return;
    uint64_t memory =
        request->limits.memory ? request->limits.memory : LIMIT_MEMORY_DEFAULT;
    links_init(&links, job->host, &job->arena, memory + ARGUMENTS_EXTRA);
    blob_init(&content, &links);
    struct guest guest = {
        .request = request,
        .host = job->host,
        .description = &description,
        .call = &call,
        .arena = &job->arena,
        .links = &links,
        .content = &content,
        .output = job->output,
        .counts_fuel = wasm_is_metered(request->metered, &request->limits),
        .end = END_NONE,
    };
    if (find_function(job, &guest) && allow_arguments(job, &guest, &content)) {
        GuestOutcome outcome = description.kind == GUEST_IPVM
                                   ? call_ipvm(job, &guest)
                                   : call_typed(job, &guest);
        guest_finish(&guest);
        conclude(job, &guest, outcome);
        job->outcome->cost.memory_peak = guest.memory_peak;
        job->outcome->cost.fuel = guest.fuel;
        job->outcome->cost.bytes_in =
            request->input.len + links.bytes + content.bytes_read;
    }
    blob_deinit(&content);
    links_release(&links);
}

static uint64_t cpu_ns(void)
{
    struct timespec time;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void perform(void *state, const struct run_request *request,
                    const struct run_host *host, struct buffer *output,
                    struct run_outcome *outcome)
{
    struct job job = {.modules = state,
                      .request = request,
                      .host = host,
                      .output = output,
                      .outcome = outcome};
    uint64_t wall = clock_monotonic_ns(), cpu = cpu_ns();
    *outcome = (struct run_outcome){.ticket = request->ticket,
                                    .end = END_NONE,
                                    .argument_index = RUN_NO_INDEX};
    arena_init(&job.arena);
    switch (request->verb) {
    case RUN_CALL:
        perform_call(&job);
        break;
    case RUN_DESCRIBE:
        describe(&job);
        break;
    case RUN_COMPILE:
        compile(&job);
        break;
    }
    arena_deinit(&job.arena);
    if (outcome->end == END_NONE && output->status != STATUS_OK)
        end_job(&job, END_LIMIT_RESULT, "more than %zu bytes came out",
                output->max);
    outcome->output = buffer_bytes(output);
    outcome->cost.bytes_out = output->len;
    outcome->cost.wall_ns = clock_monotonic_ns() - wall;
    outcome->cost.cpu_ns = cpu_ns() - cpu;
}

void wasm_performer_open(const struct wasm_performer_options *options,
                         struct performer *out)
{
    struct modules *modules = HEAP_NEW(struct modules);
    modules->in_process = options && options->in_process;
    *out = (struct performer){.state = modules, .perform = perform};
}

void wasm_performer_close(struct performer *performer)
{
    if (!performer->state)
        return;
    modules_deinit(performer->state);
    free(performer->state);
    performer->state = NULL;
}

void wasm_performer_interrupt(struct performer *performer)
{
    modules_interrupt(performer->state);
}
