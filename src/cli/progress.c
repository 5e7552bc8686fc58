/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "cli/output.h"

enum {
    LINES_PER_TASK_MAX = 400, /* larger workflows get sums instead */
    RUNNING_SHOWN = 8,
    REDRAW_NS = 80 * 1000 * 1000,
};

struct running {
    uint32_t task;
    uint64_t since_ns;
    char label[68];
};

struct progress {
    const struct cli *cli;
    const char *name;
    bool each_task; /* a line for each */
    uint64_t start_ns, drawn_ns;
    unsigned drawn_lines;
    struct running *running;
    uint32_t running_count;
    uint32_t done, wanted, hits, ran, failed, cancelled;
    uint64_t saved_ns;
    bool host_failed; /* a task ended as `host` */
};

struct progress *progress_new(const struct cli *cli, const char *name,
                              uint32_t total)
{
    struct progress *progress = HEAP_NEW(struct progress);
    progress->cli = cli;
    progress->name = name;
    progress->each_task = total <= LINES_PER_TASK_MAX;
    progress->start_ns = clock_monotonic_ns();
    return progress;
}

void progress_free(struct progress *progress)
{
    free(progress->running);
    free(progress);
}

void progress_began(struct progress *progress, uint64_t ago_ns)
{
    progress->start_ns = clock_monotonic_ns() - ago_ns;
}

uint32_t progress_failed(const struct progress *progress)
{
    return progress->failed;
}

bool progress_host_failed(const struct progress *progress)
{
    return progress->host_failed;
}

/* --- The live part ------------------------------------------------------- */

static void erase(struct progress *progress)
{
    for (; progress->drawn_lines > 0; progress->drawn_lines--)
        fputs("\033[1A\033[2K", stderr);
}

/* Lines must not wrap, or they could not be erased: words are cut off, the
 * bar is left out, where the terminal is narrow. */
static void draw_bar(struct progress *progress, unsigned width)
{
    char elapsed[SHORT_TEXT_MAX], words[128];
    bool color = progress->cli->color_errors;
    uint32_t wanted = progress->wanted ? progress->wanted : 1;
    unsigned cells = width > 100 ? 30 : width > 78 ? 12 : 0;
    unsigned full = (unsigned)((uint64_t)cells * progress->done / wanted);
    int name_len = (int)(width > 78 ? 20 : width / 4);
    snprintf(words, sizeof words, " %u/%u  %u ran, %u from the memo  %s",
             progress->done, progress->wanted, progress->ran, progress->hits,
             show_ns(clock_monotonic_ns() - progress->start_ns, elapsed));
    fprintf(stderr, "%s%.*s%s ", style(color, STYLE_BOLD), name_len,
            progress->name, style(color, STYLE_NONE));
    for (unsigned cell = 0; cell < cells; cell++)
        fputs(cell < full ? "█" : "░", stderr);
    int room = (int)width - name_len - (int)cells - 2;
    fprintf(stderr, "%.*s\n", room > 0 ? room : 0, words);
    progress->drawn_lines++;
}

static void draw_running(struct progress *progress, const struct running *one,
                         unsigned width)
{
    char elapsed[SHORT_TEXT_MAX];
    bool color = progress->cli->color_errors;
    int room = (int)width - 18; // "  ▶ ", and " 119.99 s" behind it
    int label = room > 24 ? 24 : room > 1 ? room : 1;
    show_ns(clock_monotonic_ns() - one->since_ns, elapsed);
    fprintf(stderr, "  %s▶%s %-*.*s %s%s%s\n", style(color, STYLE_BLUE),
            style(color, STYLE_NONE), label, label, one->label,
            style(color, STYLE_DIM), elapsed, style(color, STYLE_NONE));
    progress->drawn_lines++;
}

static void draw(struct progress *progress)
{
    unsigned width = output_width(stderr);

    erase(progress);
    for (uint32_t index = 0;
         index < progress->running_count && index < RUNNING_SHOWN; index++)
        draw_running(progress, &progress->running[index], width);
    draw_bar(progress, width);
    progress->drawn_ns = clock_monotonic_ns();
    fflush(stderr);
}

static void draw_if_due(struct progress *progress)
{
    if (progress->cli->live && !progress->cli->quiet &&
        clock_monotonic_ns() - progress->drawn_ns > REDRAW_NS)
        draw(progress);
}

/* --- Events -------------------------------------------------------------- */

static void started(struct progress *progress, const ipvm_event *event)
{
    progress->running =
        heap_resize(progress->running, progress->running_count + 1,
                    sizeof *progress->running);
    struct running *one = &progress->running[progress->running_count++];
    one->task = event->task;
    one->since_ns = clock_monotonic_ns();
    snprintf(one->label, sizeof one->label, "%s", event->label);
}

static void no_longer_running(struct progress *progress, uint32_t task)
{
    for (uint32_t index = 0; index < progress->running_count; index++)
        if (progress->running[index].task == task) {
            memmove(&progress->running[index], &progress->running[index + 1],
                    (progress->running_count - index - 1) *
                        sizeof *progress->running);
            progress->running_count--;
            return;
        }
}

static void print_text(FILE *stream, const char *text)
{
    struct arena arena = {0};
    Text safe = output_safe(text_of(text), &arena);
    fprintf(stream, "%.*s", TEXT_ARG(safe));
    arena_deinit(&arena);
}

/* What a person can do about a limit: an option of one call, a line of a
 * manifest. */
static void print_hint(const struct progress *progress, const char *end)
{
    bool is_call = progress->cli->word_count > 1;
    if (strncmp(end, "limit/", 6) != 0)
        return;
    end += 6;
    if (strcmp(end, "time") != 0 && strcmp(end, "memory") != 0 &&
        strcmp(end, "fuel") != 0)
        return;
    if (is_call)
        fprintf(stderr, "; --%s gives it more", end);
    else
        fprintf(stderr, "; limits: {%s: ...} gives it more", end);
}

static void print_finished(struct progress *progress, const ipvm_event *event)
{
    char took[SHORT_TEXT_MAX];
    bool color = progress->cli->color_errors;
    bool bad = event->end[0] || !event->is_ok;
    Style mark = bad ? STYLE_RED : event->is_hit ? STYLE_DIM : STYLE_GREEN;
    const char *how = event->end[0]   ? event->end
                      : !event->is_ok ? "error"
                      : event->is_hit ? "from memo"
                                      : "ran";
    fprintf(stderr, "  %s%s%s %-24s %-12s", style(color, mark),
            bad             ? "✗"
            : event->is_hit ? "="
                            : "✓",
            style(color, STYLE_NONE), event->label, how);
    if (event->run_ns && event->is_hit)
        fprintf(stderr, " %s(took %s)%s", style(color, STYLE_DIM),
                show_ns(event->run_ns, took), style(color, STYLE_NONE));
    else if (event->run_ns)
        fprintf(stderr, " %s", show_ns(event->run_ns, took));
    fputc('\n', stderr);
    if (bad && event->text[0]) {
        fputs("      ", stderr);
        size_t line = strcspn(event->text, "\n");
        char first[512];
        snprintf(first, sizeof first, "%.*s", (int)line, event->text);
        print_text(stderr, first);
        print_hint(progress, event->end);
        fputc('\n', stderr);
    }
}

static void finished(struct progress *progress, const ipvm_event *event)
{
    no_longer_running(progress, event->task);
    progress->hits += event->is_hit;
    progress->host_failed |= strcmp(event->end, "host") == 0;
    progress->saved_ns += event->is_hit ? event->run_ns : 0;
    bool bad = event->end[0] || !event->is_ok;
    bool cancelled = strcmp(event->end, "cancelled") == 0;
    progress->ran += event->ran && !cancelled;
    progress->cancelled += cancelled;
    progress->failed += bad && !cancelled;
    // A line for each task that did not come to run tells nothing.
    bool is_quiet = progress->cli->quiet || !progress->each_task;
    if (cancelled || (is_quiet && !bad))
        return;
    erase(progress);
    if (!progress->cli->json && (progress->each_task || progress->failed < 50))
        print_finished(progress, event);
}

void progress_event(void *context, const ipvm_event *event)
{
    struct progress *progress = context;
    progress->done = event->done;
    progress->wanted = event->total;
    switch (event->kind) {
    case IPVM_TASK_STARTED:
        started(progress, event);
        break;
    case IPVM_TASK_FINISHED:
        finished(progress, event);
        break;
    case IPVM_TASK_LOG:
    case IPVM_ALARM:
        if (progress->cli->quiet && event->kind == IPVM_TASK_LOG)
            break;
        erase(progress);
        fprintf(stderr, "  %s %s: ", event->kind == IPVM_ALARM ? "ALARM" : "|",
                event->label);
        print_text(stderr, event->text);
        fputc('\n', stderr);
        break;
    case IPVM_TICK:
        break;
    }
    draw_if_due(progress);
}

void progress_restart(struct progress *progress)
{
    progress->running_count = 0;
    progress->done = progress->hits = progress->ran = 0;
    progress->failed = progress->cancelled = 0;
    progress->saved_ns = 0;
    progress->host_failed = false;
}

void progress_note(struct progress *progress, Text words)
{
    erase(progress);
    if (!progress->cli->quiet && !progress->cli->json)
        fprintf(stderr, "  %.*s\n", TEXT_ARG(words));
}

void progress_finish(struct progress *progress, bool succeeded)
{
    char took[SHORT_TEXT_MAX], saved[SHORT_TEXT_MAX];
    bool color = progress->cli->color_errors;
    erase(progress);
    if (progress->cli->quiet || progress->cli->json)
        return;
    fprintf(stderr,
            "%s%s%s: ", style(color, succeeded ? STYLE_GREEN : STYLE_RED),
            progress->name, style(color, STYLE_NONE));
    if (progress->ran == 0 && progress->hits > 0 && progress->failed == 0)
        fprintf(stderr, "all from the memo");
    else
        fprintf(stderr, "%u ran, %u from the memo", progress->ran,
                progress->hits);
    if (progress->failed)
        fprintf(stderr, ", %s%u failed%s", style(color, STYLE_RED),
                progress->failed, style(color, STYLE_NONE));
    if (progress->cancelled)
        fprintf(stderr, ", %u cancelled", progress->cancelled);
    fprintf(stderr, ", %s",
            show_ns(clock_monotonic_ns() - progress->start_ns, took));
    if (progress->saved_ns > 0)
        fprintf(stderr, " (saved %s)", show_ns(progress->saved_ns, saved));
    fputc('\n', stderr);
}

/* --- Imports ------------------------------------------------------------- */

bool bar_progress(void *context, uint64_t done, uint64_t total)
{
    struct bar *bar = context;
    char have[SHORT_TEXT_MAX], all[SHORT_TEXT_MAX], rate[SHORT_TEXT_MAX];
    uint64_t now = clock_monotonic_ns();
    if (bar->start_ns == 0)
        bar->start_ns = bar->last_ns = now;
    if (bar->vm && ipvm_interrupted(bar->vm))
        return false;
    if (!bar->cli->live || bar->cli->quiet || now - bar->last_ns < REDRAW_NS)
        return true;
    bar->last_ns = now;
    bar->drawn = true;
    double seconds = (double)(now - bar->start_ns) / 1e9;
    fprintf(stderr, "\r\033[2K%.40s  %s", bar->name, show_bytes(done, have));
    if (total > 0)
        fprintf(stderr, " of %s (%d %%)", show_bytes(total, all),
                (int)(done * 100 / total));
    fprintf(stderr, "  %s/s",
            show_bytes((uint64_t)((double)done / seconds), rate));
    fflush(stderr);
    return true;
}

void bar_clear(struct bar *bar)
{
    if (bar->drawn)
        fputs("\r\033[2K", stderr);
    bar->drawn = false;
}
