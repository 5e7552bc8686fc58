/* SPDX-License-Identifier: Apache-2.0 */
/* in_process.c - threads, each with its own performer.
 *
 *   submit ─▶ waiting ─▶ a thread performs ─▶ over ─▶ poll: done()
 *
 * The mutex guards the lists and each thread's current job. Time limits and
 * cancels: poll() interrupts the performer of the thread whose job is late. */
#include "run/in_process.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <poll.h>

#include "base/arena.h"
#include "base/clock.h"
#include "wasm/call.h"

struct line {
    uint64_t ticket;
    LogLevel level;
    char *text; /* owned */
    size_t len;
    struct line *next;
};

struct job {
    struct run_request request;
    struct buffer output;
    struct run_outcome outcome;
    End stop; /* END_NONE, or what a cancel asked for */
    uint64_t deadline_ns;
    struct job *next;
};

struct list {
    struct job *first, *last;
};

struct thread {
    struct in_process *pool;
    pthread_t id;
    struct performer performer;
    struct job *job; /* being performed, or NULL */
};

enum { THREADS_MAX = 256, LINES_MAX = 10000 };

struct in_process {
    struct runner runner; /* first: a runner is an in_process */
    int file;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t work;
    struct list waiting, over;
    struct line *lines, **lines_end;
    unsigned line_count;
    unsigned thread_count, thread_max;
    bool closing;
    struct thread threads[THREADS_MAX];
};

static struct in_process *pool_of(struct runner *runner)
{
    return (struct in_process *)runner;
}

static void list_add(struct list *list, struct job *job)
{
    job->next = NULL;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
}

static struct job *list_take(struct list *list)
{
    struct job *job = list->first;
    if (job) {
        list->first = job->next;
        if (!list->first)
            list->last = NULL;
    }
    return job;
}

static void ring_bell(struct in_process *pool)
{
    uint64_t one = 1;
    ssize_t len = write(pool->file, &one, sizeof one);
    ASSERT(len == sizeof one);
}

/* --- On the threads ------------------------------------------------------ */

static void on_log(void *context, uint64_t ticket, LogLevel level, Text text)
{
    struct in_process *pool = context;
    struct line *line = HEAP_NEW(struct line);
    line->ticket = ticket;
    line->level = level;
    line->len = text.len;
    line->text = heap_alloc(text.len);
    memcpy(line->text, text.data, text.len);
    pthread_mutex_lock(&pool->mutex);
    bool kept = pool->line_count < LINES_MAX;
    if (kept) {
        *pool->lines_end = line;
        pool->lines_end = &line->next;
        pool->line_count++;
    }
    pthread_mutex_unlock(&pool->mutex);
    if (!kept) {
        free(line->text);
        free(line);
    }
}

static Status on_block(void *context, Bytes cid, struct run_block *out,
                       struct error *err)
{
    const struct run_host *host = &((struct in_process *)context)->runner.host;
    return host->block(host->context, cid, out, err);
}

static void on_release(void *context, struct run_block *block)
{
    const struct run_host *host = &((struct in_process *)context)->runner.host;
    host->release_block(host->context, block);
}

static uint64_t deadline_of(const struct job *job)
{
    const uint64_t now = clock_monotonic_ns();
    const uint64_t ms = job->request.limits.time_ms;
    return ms < (UINT64_MAX - now) / 1000000 ? now + ms * 1000000 : UINT64_MAX;
}

static void *thread_main(void *argument)
{
    struct thread *thread = argument;
    struct in_process *pool = thread->pool;
    const struct run_host host = {.context = pool,
                                  .block = on_block,
                                  .release_block = on_release,
                                  .log = on_log};

    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool->closing && !pool->waiting.first)
            pthread_cond_wait(&pool->work, &pool->mutex);
        if (pool->closing)
            break;
        struct job *job = list_take(&pool->waiting);
        thread->job = job;
        job->deadline_ns = deadline_of(job);
        pthread_mutex_unlock(&pool->mutex);
        thread->performer.perform(thread->performer.state, &job->request,
                                  &host, &job->output, &job->outcome);
        pthread_mutex_lock(&pool->mutex);
        thread->job = NULL;
        if (job->stop != END_NONE && job->outcome.end == END_LIMIT_TIME)
            job->outcome.end = job->stop;
        list_add(&pool->over, job);
        ring_bell(pool);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* --- The runner's verbs -------------------------------------------------- */

static bool start_thread(struct in_process *pool)
{
    struct thread *thread = &pool->threads[pool->thread_count];
    const struct wasm_performer_options options = {.in_process = true};
    wasm_performer_open(&options, &thread->performer);
    thread->pool = pool;
    if (pthread_create(&thread->id, NULL, thread_main, thread) != 0) {
        wasm_performer_close(&thread->performer);
        return false;
    }
    pool->thread_count++;
    return true;
}

static struct job *job_new(const struct run_request *request)
{
    struct job *job = HEAP_NEW(struct job);
    job->request = *request;
    job->outcome.ticket = request->ticket;
    job->outcome.argument_index = RUN_NO_INDEX;
    buffer_init(&job->output, LIMIT_RESULT_BYTES);
    return job;
}

static void submit(struct runner *runner, const struct run_request *request)
{
    struct in_process *pool = pool_of(runner);
    struct job *job = job_new(request);
    pthread_mutex_lock(&pool->mutex);
    bool idle = pool->thread_count > 0 && !pool->waiting.first;
    for (unsigned index = 0; idle && index < pool->thread_count; index++)
        idle = !pool->threads[index].job;
    bool can_run = idle || pool->thread_count >= pool->thread_max ||
                   start_thread(pool) || pool->thread_count > 0;
    if (can_run) {
        list_add(&pool->waiting, job);
        pthread_cond_signal(&pool->work);
    } else {
        job->outcome.end = END_HOST;
        snprintf(job->outcome.message, sizeof job->outcome.message,
                 "no thread could be started to run it");
        list_add(&pool->over, job);
        ring_bell(pool);
    }
    pthread_mutex_unlock(&pool->mutex);
}

static void interrupt(struct thread *thread, End end)
{
    if (thread->job->stop == END_NONE)
        thread->job->stop = end;
    wasm_performer_interrupt(&thread->performer);
}

static void cancel(struct runner *runner, uint64_t ticket, End end)
{
    struct in_process *pool = pool_of(runner);
    pthread_mutex_lock(&pool->mutex);
    for (unsigned index = 0; index < pool->thread_count; index++) {
        struct thread *thread = &pool->threads[index];
        if (thread->job && thread->job->request.ticket == ticket)
            interrupt(thread, end);
    }
    struct list kept = {0};
    for (struct job *job; (job = list_take(&pool->waiting));) {
        if (job->request.ticket != ticket) {
            list_add(&kept, job);
            continue;
        }
        job->outcome.end = end;
        list_add(&pool->over, job);
        ring_bell(pool);
    }
    pool->waiting = kept;
    pthread_mutex_unlock(&pool->mutex);
}

/* Interrupts what is late or cancelled, again and again: an interrupt that
 * comes before the guest's first instruction is lost. Milliseconds to the next
 * time, or -1. */
static int watch_deadlines(struct in_process *pool)
{
    uint64_t now = clock_monotonic_ns();
    int next = -1;
    pthread_mutex_lock(&pool->mutex);
    for (unsigned index = 0; index < pool->thread_count; index++) {
        struct thread *thread = &pool->threads[index];
        if (!thread->job)
            continue;
        uint64_t deadline = thread->job->deadline_ns;
        bool stop = thread->job->stop != END_NONE || deadline <= now;
        if (stop)
            interrupt(thread, END_LIMIT_TIME);
        uint64_t left = stop ? 10 : (deadline - now) / 1000000 + 1;
        if (next < 0 || left < (uint64_t)next)
            next = left < 100000 ? (int)left : 100000;
    }
    pthread_mutex_unlock(&pool->mutex);
    return next;
}

static void report(struct in_process *pool)
{
    pthread_mutex_lock(&pool->mutex);
    struct line *lines = pool->lines;
    pool->lines = NULL;
    pool->lines_end = &pool->lines;
    pool->line_count = 0;
    struct job *job = pool->over.first;
    pool->over = (struct list){0};
    pthread_mutex_unlock(&pool->mutex);
    for (struct line *next; lines; lines = next) {
        next = lines->next;
        pool->runner.host.log(pool->runner.host.context, lines->ticket,
                              lines->level, (Text){lines->text, lines->len});
        free(lines->text);
        free(lines);
    }
    for (struct job *next; job; job = next) {
        next = job->next;
        job->outcome.output = buffer_bytes(&job->output);
        pool->runner.done(pool->runner.done_context, &job->outcome);
        buffer_deinit(&job->output);
        free(job);
    }
}

static void poll_runner(struct runner *runner, int timeout_ms)
{
    struct in_process *pool = pool_of(runner);
    uint64_t end_ns =
        timeout_ms < 0 ? UINT64_MAX
                       : clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
    for (;;) {
        int wait_ms = watch_deadlines(pool);
        uint64_t now = clock_monotonic_ns();
        int left = end_ns == UINT64_MAX ? -1
                   : now >= end_ns      ? 0
                                        : (int)((end_ns - now) / 1000000) + 1;
        if (wait_ms < 0 || (left >= 0 && left < wait_ms))
            wait_ms = left;
        struct pollfd poll_file = {.fd = pool->file, .events = POLLIN};
        if (poll(&poll_file, 1, wait_ms) > 0) {
            uint64_t bells;
            ssize_t len = read(pool->file, &bells, sizeof bells);
            ASSERT(len == sizeof bells || errno == EAGAIN);
            report(pool);
            return;
        }
        if (left == 0)
            return;
    }
}

static void wake(struct runner *runner)
{
    ring_bell(pool_of(runner));
}

static int file_of(struct runner *runner)
{
    return pool_of(runner)->file;
}

static unsigned capacity(struct runner *runner)
{
    return pool_of(runner)->thread_max;
}

static void free_jobs(struct list *list)
{
    for (struct job *job; (job = list_take(list));) {
        buffer_deinit(&job->output);
        free(job);
    }
}

/* Interrupts the threads until none of them has a job. */
static void stop_threads(struct in_process *pool)
{
    for (bool busy = true; busy;) {
        busy = false;
        pthread_mutex_lock(&pool->mutex);
        pool->closing = true;
        pthread_cond_broadcast(&pool->work);
        for (unsigned index = 0; index < pool->thread_count; index++)
            if (pool->threads[index].job) {
                busy = true;
                interrupt(&pool->threads[index], END_CANCELLED);
            }
        pthread_mutex_unlock(&pool->mutex);
        struct pollfd bell = {.fd = pool->file, .events = POLLIN};
        uint64_t bells;
        if (busy && poll(&bell, 1, 10) > 0) {
            ssize_t len = read(pool->file, &bells, sizeof bells);
            ASSERT(len == sizeof bells || errno == EAGAIN);
        }
    }
}

static void close_runner(struct runner *runner)
{
    struct in_process *pool = pool_of(runner);
    stop_threads(pool);
    for (unsigned index = 0; index < pool->thread_count; index++) {
        pthread_join(pool->threads[index].id, NULL);
        wasm_performer_close(&pool->threads[index].performer);
    }
    free_jobs(&pool->waiting);
    free_jobs(&pool->over);
    for (struct line *line = pool->lines, *next; line; line = next) {
        next = line->next;
        free(line->text);
        free(line);
    }
    close(pool->file);
    pthread_mutex_destroy(&pool->mutex);
    pthread_cond_destroy(&pool->work);
    free(pool);
}

Status in_process_open(unsigned threads, const struct run_host *host,
                       RunDone *done, void *context, struct runner **out,
                       struct error *err)
{
    static const struct runner_verbs verbs = {
        .submit = submit,
        .cancel = cancel,
        .poll = poll_runner,
        .file = file_of,
        .capacity = capacity,
        .close = close_runner,
        .wake = wake,
    };
    int file = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (file < 0)
        return fail_errno(err, errno, "cannot make an eventfd");
    struct in_process *pool = HEAP_NEW(struct in_process);
    pool->runner = (struct runner){&verbs, done, context, *host};
    pool->file = file;
    pool->thread_max = threads < THREADS_MAX ? threads : THREADS_MAX;
    pool->lines_end = &pool->lines;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    *out = &pool->runner;
    return STATUS_OK;
}
