/* SPDX-License-Identifier: Apache-2.0 */
/* ipvm_run.c - running workflows through the library's door. */
#include <stdlib.h>

#include "ipld/dag_json.h"
#include "lib/handle.h"

enum { TICK_MS = 100 };
#define JSON_MAX ((size_t)64 << 20)

struct outer_event {
    const ipvm_run_options *options;
    struct arena arena; /* strings of one event, ended by NUL */
};

/* The error itself, on one line. */
static const char *words_of_error(const struct run *run, uint32_t task,
                                  struct arena *arena)
{
    struct result result;
    struct buffer json;
    const char *words = "";
    if (run_result(run, task, arena, &result, NULL) != STATUS_OK)
        return words;
    const Value *value = value_get(&result.value, TEXT("error"));
    if (value && value->kind == VALUE_TEXT)
        return arena_copy_text(arena, value->text).data;
    buffer_init(&json, JSON_MAX);
    if (value && dag_json_encode(value, &json, NULL) == STATUS_OK)
        words = arena_copy_text(arena, bytes_text(buffer_bytes(&json))).data;
    buffer_deinit(&json);
    return words;
}

/* Why it came to this, for people; a task that did not run names the one
 * where that began. */
static const char *words_about(const struct run *run, uint32_t task,
                               const struct run_task_report *report,
                               struct arena *arena)
{
    const struct workflow *workflow = run_of_workflow(run);
    const struct schedule_task_state *state = &report->state;
    struct run_task_report cause;

    bool has_cause = (state->by == BY_UPSTREAM || state->by == BY_BLOCKING) &&
                     state->cause < workflow->count;
    if (!report->message[0] && has_cause) {
        Text label = workflow->tasks[state->cause].label;
        run_report(run, state->cause, &cause);
        if (state->by == BY_BLOCKING)
            return arena_format(
                       arena, "blocked by %.*s, which ended without a result",
                       TEXT_ARG(label))
                .data;
        return arena_format(arena, "because %.*s gave %s error",
                            TEXT_ARG(label),
                            cause.state.out == OUT_OK ? "no" : "an")
            .data;
    }
    if (!report->message[0] && state->out == OUT_END)
        return end_sentence(state->end).data;
    if (!report->message[0] && state->out == OUT_ERROR)
        return words_of_error(run, task, arena);
    return report->message;
}

static void fill_finished(ipvm_event *event,
                          const struct run_task_report *report)
{
    const struct schedule_task_state *state = &report->state;
    event->is_hit = state->by == BY_SYMBOLIC || state->by == BY_CONCRETE;
    event->is_ok = state->out == OUT_OK;
    event->end = state->out == OUT_END ? end_name(state->end).data : "";
    // What was refused began, but no guest ran for it.
    event->ran = state->by == BY_RUNNING &&
                 !text_starts_with(text_of(event->end), TEXT("refused/"));
    event->run_ns = report->cost.wall_ns;
}

static void on_event(void *context, const struct run *run,
                     const struct run_event *inner)
{
    struct outer_event *outer = context;
    static const ipvm_event_kind kinds[] = {
        [RUN_TASK_STARTED] = IPVM_TASK_STARTED,
        [RUN_TASK_FINISHED] = IPVM_TASK_FINISHED,
        [RUN_TASK_LOG] = IPVM_TASK_LOG,
        [RUN_ALARM] = IPVM_ALARM,
        [RUN_TICK] = IPVM_TICK,
    };
    const struct workflow *workflow = run_of_workflow(run);
    struct schedule_counts counts;

    if (inner->kind == RUN_TASK_COMPILING)
        return; // Its users see it start later.
    arena_reset(&outer->arena);
    run_counts(run, &counts);
    ipvm_event event = {
        .kind = kinds[inner->kind],
        .task = inner->task,
        .label = "",
        .end = "",
        .text = "",
        .done = counts.done,
        .total = counts.wanted,
    };
    if (inner->task < workflow->count)
        event.label =
            arena_copy_text(&outer->arena, workflow->tasks[inner->task].label)
                .data;
    if (inner->kind == RUN_TASK_FINISHED) {
        fill_finished(&event, inner->report);
        event.text =
            words_about(run, inner->task, inner->report, &outer->arena);
    } else if (inner->text.len > 0) {
        event.text = arena_copy_text(&outer->arena, inner->text).data;
    }
    outer->options->on_event(outer->options->context, &event);
}

/* --- Answered by the root ------------------------------------------------ */

static void tell_answers(const ipvm_run_options *options, const ipvm_run *run)
{
    const struct root *root = run->workflow->root;
    for (uint32_t index = 0; index < root->output_count; index++) {
        const struct root_answer *answer = &run->answers[index];
        const ipvm_event event = {
            .kind = IPVM_TASK_FINISHED,
            .task = index,
            .label = root->outputs[index].label.data,
            .is_hit = true,
            .is_ok = !answer->is_upstream && answer->entry.is_ok,
            .end = "",
            .text = "",
            .run_ns = answer->entry.run_ns,
            .done = index + 1,
            .total = root->output_count,
        };
        options->on_event(options->context, &event);
    }
}

/* True if the memo knows every output: then nothing else is looked at. */
static bool answer_by_root(ipvm *vm, ipvm_workflow *workflow,
                           const ipvm_run_options *options, ipvm_run **out)
{
    struct root *root = workflow->root;
    if (!root || options->no_memo || options->cross_check)
        return false;
    ipvm_run *run = HEAP_NEW(ipvm_run);
    run->vm = vm;
    run->workflow = workflow;
    run->answers =
        arena_array(&run->arena, root->output_count, sizeof *run->answers);
    if (!root_answered(vm->store, root, run->answers)) {
        ipvm_run_free(run);
        return false;
    }
    if (options->on_event)
        tell_answers(options, run);
    *out = run;
    return true;
}

/* --- Running ------------------------------------------------------------- */

ipvm_status ipvm_run_workflow(ipvm *vm, ipvm_workflow *workflow,
                              const ipvm_run_options *options, ipvm_run **out,
                              ipvm_error *error)
{
    static const ipvm_run_options defaults;
    struct error err = {0};
    struct outer_event outer = {.options = options ? options : &defaults};
    const struct run_options inner = {
        .event = outer.options->on_event ? on_event : NULL,
        .context = &outer,
        .no_memo = outer.options->no_memo,
        .metered = outer.options->metered,
        .cross_check = outer.options->cross_check,
        .tick_ms = TICK_MS,
        .remember_as = text_of(workflow->remember_as),
    };
    struct workflow *loaded;
    struct run *run;
    if (answer_by_root(vm, workflow, outer.options, out))
        return IPVM_OK;
    Status status = lib_workflow(workflow, &loaded, &err);
    if (status == STATUS_OK)
        status = run_workflow(vm->executor, vm->modules, loaded, &inner, &run,
                              &err);
    arena_deinit(&outer.arena);
    if (status != STATUS_OK)
        return lib_fail(status, &err, error);
    *out = HEAP_NEW(ipvm_run);
    (*out)->vm = vm;
    (*out)->workflow = workflow;
    (*out)->run = run;
    return IPVM_OK;
}

void ipvm_run_free(ipvm_run *run)
{
    if (!run)
        return;
    run_free(run->run);
    arena_deinit(&run->arena);
    free(run);
}

bool ipvm_run_succeeded(const ipvm_run *run)
{
    if (run->run)
        return run_succeeded(run->run);
    for (uint32_t index = 0; index < run->workflow->root->output_count;
         index++)
        if (run->answers[index].is_upstream ||
            !run->answers[index].entry.is_ok)
            return false;
    return true;
}

uint32_t ipvm_run_output_count(const ipvm_run *run)
{
    return run->run ? run_of_workflow(run->run)->output_count
                    : run->workflow->root->output_count;
}

/* --- Outputs ------------------------------------------------------------- */

static Text text_of_cid(ipvm_run *run, Bytes cid)
{
    return arena_copy_text(&run->arena, cid_bytes_to_text(cid, &run->arena));
}

/* Bytes are read by CID: a link to a file, a stand-in, or bytes in place. */
static Status fill_bytes(ipvm_run *run, const Value *value, ipvm_output *out,
                         struct error *err)
{
    // With other keys beside it, it is a map like others.
    const Value *stand_in = NULL;
    if (value->kind == VALUE_MAP && value->map.count == 1)
        stand_in = value_get(value, TEXT("ipvm/bytes"));
    if (value->kind == VALUE_MAP && value->map.count == 1 && !stand_in)
        stand_in = value_get(value, TEXT("ipvm/text")); // Long text.
    if (value->kind == VALUE_LINK) {
        Cid cid;
        uint64_t size;
        // Links to other things are values, not content.
        out->is_bytes =
            cid_from_bytes(value->link, &cid, NULL) == STATUS_OK &&
            content_size(run->vm->store, &cid, &size, NULL) == STATUS_OK;
        if (out->is_bytes)
            out->cid = text_of_cid(run, value->link).data;
    } else if (stand_in && stand_in->kind == VALUE_LINK) {
        out->is_bytes = true;
        out->cid = text_of_cid(run, stand_in->link).data;
    } else if (value->kind == VALUE_BYTES) {
        Cid cid;
        TRY(content_add_bytes(run->vm->store, value->bytes, &cid, err));
        out->is_bytes = true;
        out->cid = text_of_cid(run, cid_bytes(&cid)).data;
    }
    return STATUS_OK;
}

static Status fill_result(ipvm_run *run, const struct result *result,
                          ipvm_output *out, struct error *err)
{
    struct buffer json;
    const Value *value =
        value_get(&result->value, result->is_ok ? TEXT("ok") : TEXT("error"));
    out->is_ok = result->is_ok;
    out->cid = text_of_cid(run, cid_bytes(&result->cid)).data;
    TRY(fill_bytes(run, value, out, err));
    buffer_init(&json, JSON_MAX);
    // A map that only looks like a link has no DAG-JSON: show it all the same.
    Status status = dag_json_encode(value, &json, err);
    if (status == STATUS_INVALID) {
        buffer_clear(&json);
        status = dag_json_print(value, &json, err);
    }
    if (status == STATUS_OK)
        out->json =
            arena_copy_text(&run->arena, bytes_text(buffer_bytes(&json))).data;
    buffer_deinit(&json);
    return status;
}

static Status output_of_answer(ipvm_run *run, uint32_t index, ipvm_output *out,
                               struct error *err)
{
    const struct root_answer *answer = &run->answers[index];
    struct result result;
    struct block *block;
    out->label = run->workflow->root->outputs[index].label.data;
    if (answer->is_upstream) {
        result_error(TEXT("upstream"), &run->arena, &result);
        return fill_result(run, &result, out, err);
    }
    TRY(store_get(run->vm->store, &answer->entry.result, &block, err));
    Bytes bytes = arena_copy_bytes(&run->arena, block_bytes(block));
    block_unref(block);
    TRY(result_decode(bytes, &run->arena, &result, err));
    return fill_result(run, &result, out, err);
}

static Status output_of_run(ipvm_run *run, uint32_t index, ipvm_output *out,
                            struct error *err)
{
    const struct workflow *workflow = run_of_workflow(run->run);
    uint32_t task = workflow->outputs[index];
    struct run_task_report report;
    struct result result;
    run_report(run->run, task, &report);
    out->label =
        arena_copy_text(&run->arena, workflow->tasks[task].label).data;
    out->message = words_about(run->run, task, &report, &run->arena);
    if (report.state.out == OUT_END)
        out->end = end_name(report.state.end).data;
    if (!report.has_result)
        return STATUS_OK;
    TRY(run_result(run->run, task, &run->arena, &result, err));
    return fill_result(run, &result, out, err);
}

ipvm_status ipvm_run_output(ipvm_run *run, uint32_t index, ipvm_output *out,
                            ipvm_error *error)
{
    struct error err = {0};
    *out = (ipvm_output){
        .label = "", .end = "", .cid = "", .json = "", .message = ""};
    Status status =
        index >= ipvm_run_output_count(run)
            ? fail(&err, STATUS_NOT_FOUND, "there is no output %u", index)
        : run->run ? output_of_run(run, index, out, &err)
                   : output_of_answer(run, index, out, &err);
    return lib_fail(status, &err, error);
}
