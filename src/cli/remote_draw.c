/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/remote_draw.h"

#include <stdio.h>

#include "cli/field.h"
#include "cli/output.h"
#include "cli/progress.h"

struct drawing {
    struct cli *cli;
    struct progress *progress;
    bool as_json;
    uint32_t done, total;
};

/* --- One event ----------------------------------------------------------- */

/* What a node says may be meant for the terminal. */
static const char *safe_text(Text text, struct arena *arena)
{
    return arena_copy_text(arena, output_safe(text, arena)).data;
}

/* How a task came out, in the words of a run. */
static void read_finished(const Value *event, struct arena *arena,
                          ipvm_event *out)
{
    const Text by = field_text(event, TEXT("by"));
    const Text end = field_text(event, TEXT("end"));
    out->is_hit =
        text_equal(by, TEXT("memo")) || text_equal(by, TEXT("believed"));
    out->ran = text_equal(by, TEXT("run")) &&
               !text_starts_with(end, TEXT("refused/"));
    out->is_ok = field_true(event, TEXT("ok"));
    out->end = safe_text(end, arena);
    out->run_ns = field_uint(event, TEXT("run_ns"));
    out->text =
        arena_copy_text(arena, field_text(event, TEXT("message"))).data;
}

/* False: nothing to draw. */
static bool read_event(struct drawing *drawing, const Value *event,
                       struct arena *arena, ipvm_event *out)
{
    const Text kind = field_text(event, TEXT("kind"));
    *out = (ipvm_event){
        .task = (uint32_t)field_uint(event, TEXT("index")),
        .label = safe_text(field_text(event, TEXT("task")), arena),
        .end = "",
        .text = arena_copy_text(arena, field_text(event, TEXT("text"))).data,
    };
    if (text_equal(kind, TEXT("task/started"))) {
        out->kind = IPVM_TASK_STARTED;
    } else if (text_equal(kind, TEXT("task/finished"))) {
        out->kind = IPVM_TASK_FINISHED;
        read_finished(event, arena, out);
        drawing->done++;
    } else if (text_equal(kind, TEXT("log"))) {
        out->kind = IPVM_TASK_LOG;
    } else if (text_equal(kind, TEXT("alarm"))) {
        out->kind = IPVM_ALARM;
    } else {
        return false;
    }
    return true;
}

/* A job that starts again begins to count again. */
static void take_other(struct drawing *drawing, const Value *event)
{
    const struct cli *cli = drawing->cli;
    const Text kind = field_text(event, TEXT("kind"));
    if (text_equal(kind, TEXT("started"))) {
        drawing->done = 0;
        drawing->total = (uint32_t)field_uint(event, TEXT("tasks"));
        progress_restart(drawing->progress);
    } else if (!cli->quiet && (text_equal(kind, TEXT("suspended")) ||
                               text_equal(kind, TEXT("resumed")) ||
                               text_equal(kind, TEXT("retried")))) {
        progress_note(drawing->progress, kind);
    }
}

static bool draw_event(void *context, const Value *event)
{
    struct drawing *drawing = context;
    struct arena arena = {0};
    ipvm_event drawn = {
        .kind = IPVM_TICK, .done = drawing->done, .total = drawing->total};
    if (!event) {
        progress_event(drawing->progress, &drawn);
        return true;
    }
    if (drawing->as_json) {
        output_json(event);
        fflush(stdout);
    } else if (read_event(drawing, event, &arena, &drawn)) {
        if (drawing->total < drawing->done)
            drawing->total = drawing->done;
        drawn.done = drawing->done;
        drawn.total = drawing->total;
        progress_event(drawing->progress, &drawn);
    } else {
        take_other(drawing, event);
    }
    arena_deinit(&arena);
    return true;
}

/* One that the memo answered at once has outputs, and no events of tasks. */
static void draw_answers(struct drawing *drawing, const Value *job)
{
    const Value *outputs = field(job, TEXT("outputs"));
    struct arena arena = {0};
    const size_t count =
        outputs && outputs->kind == VALUE_MAP ? outputs->map.count : 0;
    for (size_t at = 0; drawing->done == 0 && at < count; at++) {
        const struct value_entry *entry = &outputs->map.entries[at];
        const ipvm_event event = {
            .kind = IPVM_TASK_FINISHED,
            .task = (uint32_t)at,
            .label = safe_text(entry->key, &arena),
            .is_hit = true,
            .is_ok = field_true(&entry->value, TEXT("ok")),
            .end = "",
            .text = "",
            .done = (uint32_t)at + 1,
            .total = (uint32_t)count,
        };
        if (field(&entry->value, TEXT("result")))
            progress_event(drawing->progress, &event);
    }
    arena_deinit(&arena);
}

/* --- All of them --------------------------------------------------------- */

/* Of one that is over: what it took, not how long we have looked. */
static void set_time(struct progress *progress, const Value *job)
{
    const uint64_t started = field_uint(job, TEXT("started"));
    const uint64_t ended = field_uint(job, TEXT("ended"));
    if (started > 0 && ended >= started)
        progress_began(progress, (ended - started) * 1000000);
}

static int say_how(struct drawing *drawing, const Value *job)
{
    struct cli *cli = drawing->cli;
    const Text message = field_text(job, TEXT("message"));
    int code = remote_job_code(job);
    if (code == EXIT_FAILED &&
        text_equal(field_text(job, TEXT("state")), TEXT("cancelled")))
        return cli_error(cli, EXIT_FAILED, "the job was cancelled");
    if (code == EXIT_FAILED && progress_host_failed(drawing->progress))
        code = EXIT_TROUBLE;
    // Tasks that failed have said why.
    if (code != EXIT_OK && message.len > 0 &&
        progress_failed(drawing->progress) == 0)
        return cli_error(cli, code, "%.*s", TEXT_ARG(message));
    return code;
}

/* Ctrl-C ends the watching. */
static int leave(struct drawing *drawing, const char *job)
{
    progress_note(drawing->progress, TEXT("no longer watched"));
    return cli_error(drawing->cli, EXIT_INTERRUPTED,
                     "the job goes on without us: `ipvm watch %.18s` looks "
                     "again, `ipvm cancel %.18s` stops it",
                     job, job);
}

static struct progress *start(struct drawing *drawing, const Value *job,
                              const char *otherwise, struct arena *arena)
{
    const char *name = safe_text(field_text(job, TEXT("name")), arena);
    drawing->total =
        (uint32_t)field_uint(field(job, TEXT("counts")), TEXT("total"));
    if (name[0])
        otherwise = name;
    return progress_new(drawing->cli, otherwise ? otherwise : "job",
                        drawing->total);
}

int remote_draw(struct node_client *client, const struct remote_drawing *what,
                struct arena *arena, Value *out)
{
    struct drawing drawing = {.cli = node_client_cli(client),
                              .as_json = what->as_json};
    int code = remote_job_get(client, what->job, arena, out);
    if (code != EXIT_OK)
        return code;
    drawing.progress = start(&drawing, out, what->name, arena);
    code = remote_job_follow(client, what->job, draw_event, &drawing);
    if (code == EXIT_INTERRUPTED)
        code = leave(&drawing, what->job);
    else if (code == EXIT_OK)
        code = remote_job_get(client, what->job, arena, out);
    if (code == EXIT_OK) {
        set_time(drawing.progress, out);
        if (!what->as_json)
            draw_answers(&drawing, out);
        if (!what->as_json)
            progress_finish(drawing.progress, remote_job_code(out) == EXIT_OK);
        code = say_how(&drawing, out);
    }
    progress_free(drawing.progress);
    return code;
}
