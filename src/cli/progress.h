/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h - what a person sees while something runs, on stderr.
 *
 * On a terminal: finished tasks scroll by, running ones stand below with their
 * clocks and are redrawn. Off a terminal: a line for each finished task, or
 * one now and then for large workflows. Thread: main. */
#ifndef IPVM_CLI_PROGRESS_H
#define IPVM_CLI_PROGRESS_H

#include "base/bytes.h"
#include "cli/command.h"

struct progress;

/* `name`, which is borrowed, stands before the counts; the workflow has `total`
 * tasks. */
struct progress *progress_new(const struct cli *cli, const char *name,
                              uint32_t total);
/* It began earlier than progress_new() was called. */
void progress_began(struct progress *progress, uint64_t ago_ns);
/* Counts from zero: the workflow is run once more. */
void progress_restart(struct progress *progress);
/* A line of words between those of tasks. */
void progress_note(struct progress *progress, Text words);
/* An ipvm_on_event. */
void progress_event(void *context, const ipvm_event *event);
/* Takes the live part away and prints the line that sums it up. */
void progress_finish(struct progress *progress, bool succeeded);
void progress_free(struct progress *progress);
/* Tasks whose failure was told. */
uint32_t progress_failed(const struct progress *progress);
/* True if a task ended as `host`: the machine's fault, not the workflow's. */
bool progress_host_failed(const struct progress *progress);

/* An ipvm_progress for imports: a bar. `context` is a struct bar. */
struct bar {
    const struct cli *cli;
    const char *name;
    ipvm *vm; /* an interrupted one stops the import; may be NULL */
    uint64_t last_ns;
    uint64_t start_ns;
    bool drawn;
};
bool bar_progress(void *context, uint64_t done, uint64_t total);
void bar_clear(struct bar *bar);

#endif
