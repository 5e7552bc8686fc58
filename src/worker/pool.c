/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/pool.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "worker/pause.h"
#include "worker/pool_state.h"

enum { NS_PER_MS = 1000 * 1000, NS_PER_S = 1000 * NS_PER_MS };
enum { NAP_NS = NS_PER_MS };

/* --- Jobs --------------------------------------------------------------- */

static Bytes ticket_key(const uint64_t *ticket)
{
    return bytes_of(ticket, sizeof *ticket);
}

void pool_report(struct pool *pool, struct job *job,
                 const struct run_outcome *outcome)
{
    map_remove(&pool->jobs, ticket_key(&job->request.ticket));
    pool->runner.done(pool->runner.done_context, outcome);
    job_free(job);
}

static struct job *find_job(const struct pool *pool, uint64_t ticket)
{
    const uint64_t *place = map_get(&pool->jobs, ticket_key(&ticket));
    return place ? (struct job *)(uintptr_t)*place : NULL;
}

static void nudge(struct pool *pool)
{
    uint64_t one = 1;
    ssize_t written = write(pool->nudge, &one, sizeof one);
    (void)written; // A full counter is readable as well.
}

/* Leaves it to poll(), which first hears what came of the job. */
static void cancel(struct runner *runner, uint64_t ticket, End end)
{
    struct pool *pool = pool_of(runner);
    struct job *job = find_job(pool, ticket);
    if (!job || job->stop != END_NONE)
        return;
    job->stop = end == END_NONE ? END_CANCELLED : end;
    if (pool->stop_count == pool->stop_capacity) {
        pool->stop_capacity = pool->stop_capacity * 2 + 8;
        pool->stops =
            heap_resize(pool->stops, pool->stop_capacity, sizeof *pool->stops);
    }
    pool->stops[pool->stop_count++] = ticket;
    if (pool->file_is_used && !pool->is_polling)
        nudge(pool);
}

/* Listens to who has the job until it is the first of his, or over. */
static struct job *hear_up_to(struct pool *pool, uint64_t ticket,
                              uint64_t now_ns)
{
    for (;;) {
        struct job *job = find_job(pool, ticket);
        if (!job || !job->worker || job->worker->jobs.first == job ||
            !worker_listen(job->worker, now_ns))
            return job;
    }
}

static void stop(struct pool *pool, uint64_t ticket, uint64_t now_ns)
{
    struct job *job = find_job(pool, ticket);
    if (!job || job->outcome)
        return;
    const char *why = job->stop == END_LIMIT_TIME ? "stopped at its time limit"
                                                  : "stopped as asked";
    struct worker *worker = job->worker;
    if (worker && !worker_take_back(worker, job)) {
        job = hear_up_to(pool, ticket, now_ns);
        if (!job)
            return;
        // Begun, but not the first: the worker lies.
        bool is_first = worker->jobs.first == job;
        crew_lose(pool, worker, is_first ? job->stop : END_HOST, why);
        if (is_first)
            return;
        worker = NULL;
    }
    if (!worker)
        job_row_remove(&pool->waiting, job);
    job_end(job, job->stop, "%s", why);
    job_row_append(&pool->over, job);
}

static bool stop_jobs(struct pool *pool, uint64_t now_ns)
{
    bool acted = pool->stop_count > 0;
    while (pool->stop_count > 0)
        stop(pool, pool->stops[--pool->stop_count], now_ns);
    return acted;
}

static bool report_over(struct pool *pool)
{
    bool acted = false;
    while (pool->over.first) {
        struct job *job = pool->over.first;
        job_row_remove(&pool->over, job);
        pool_report(pool, job, job->outcome);
        acted = true;
    }
    return acted;
}

/* --- Waiting ------------------------------------------------------------ */

static bool anyone_speaks(const struct pool *pool)
{
    for (unsigned i = 0; i < pool->worker_count; i++)
        if (ring_has_data(&pool->workers[i]->channel.results))
            return true;
    return false;
}

/* Only while a processor is free for it; and not while a worker wakes up: it
 * often does so on this very processor, once that is free. */
static bool spin_is_worth_it(const struct pool *pool)
{
    unsigned busy = 0;
    for (unsigned i = 0; i < pool->worker_count; i++) {
        const struct worker *worker = pool->workers[i];
        if (worker->is_waking || !worker->is_live)
            return false;
        busy += worker_is_busy(worker);
    }
    return busy > 0 && busy < pool->processors;
}

static bool is_woken(const struct pool *pool)
{
    return atomic_load_explicit(&pool->is_woken, memory_order_relaxed);
}

static bool spin(const struct pool *pool)
{
    if (!spin_is_worth_it(pool))
        return anyone_speaks(pool);
    uint64_t start = clock_monotonic_ns();
    do
        for (int i = 0; i < 32; i++) {
            if (anyone_speaks(pool) || is_woken(pool))
                return true;
            spin_pause();
        }
    while (clock_monotonic_ns() - start <
           patience_ns(&pool->patience, pool->spin_ns));
    return false;
}

/* True if it just began a job and has more: what it does is short, or we find
 * out at the next look. */
static bool may_nap(const struct worker *worker, uint64_t now_ns)
{
    return worker->jobs.count > 1 && now_ns - worker->begun_ns < NAP_NS;
}

/* Asks workers to wake us; false if one has spoken meanwhile. With `now_ns`,
 * those with jobs ahead need not for what can wait, and `*naps` is set. */
static bool arm(struct pool *pool, uint64_t now_ns, bool *naps)
{
    pool->is_armed = true;
    for (unsigned i = 0; i < pool->worker_count; i++) {
        struct worker *worker = pool->workers[i];
        bool nap = naps && may_nap(worker, now_ns);
        if (nap)
            *naps = true;
        atomic_store_explicit(&worker->channel.shared->runner_sleeps,
                              nap ? RUNNER_NAPS : RUNNER_SLEEPS,
                              memory_order_relaxed);
    }
    atomic_thread_fence(memory_order_seq_cst);
    return !anyone_speaks(pool);
}

static void disarm(struct pool *pool)
{
    pool->is_armed = false;
    for (unsigned i = 0; i < pool->worker_count; i++)
        atomic_store_explicit(&pool->workers[i]->channel.shared->runner_sleeps,
                              RUNNER_AWAKE, memory_order_relaxed);
}

/* False if a signal came. */
static bool take_events(struct pool *pool, int timeout_ms)
{
    struct epoll_event events[32];
    int count = epoll_wait(pool->epoll, events, 32, timeout_ms);
    if (count < 0)
        return errno != EINTR;
    for (int i = 0; i < count; i++) {
        uint64_t number;
        ssize_t got = 0;
        switch (events[i].data.u32) {
        case EVENT_DEATH:
            pool->someone_died = true;
            break;
        case EVENT_TIMER:
            got = read(pool->timer, &number, sizeof number);
            pool->timer_ns = UINT64_MAX;
            break;
        case EVENT_NUDGE:
            got = read(pool->nudge, &number, sizeof number);
            break;
        default:
            break; // A worker spoke, or died: its ring tells.
        }
        (void)got; // What woke us is of no interest, only that it did.
    }
    return true;
}

/* Milliseconds until `when_ns`, rounded up. */
static int wait_ms(uint64_t now_ns, uint64_t when_ns)
{
    uint64_t span = when_ns > now_ns ? when_ns - now_ns : 0;
    uint64_t ms = span / NS_PER_MS + (span % NS_PER_MS != 0);
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* False if a signal came. */
static bool sleep_until(struct pool *pool, uint64_t until_ns)
{
    if (spin(pool))
        return true;
    bool goes_on = true, naps = false;
    uint64_t now = clock_monotonic_ns();
    if (arm(pool, now, &naps)) {
        uint64_t deadline = crew_deadline(pool);
        uint64_t wake_ns = deadline < until_ns ? deadline : until_ns;
        if (naps && wake_ns > now + NAP_NS)
            wake_ns = now + NAP_NS;
        goes_on = take_events(pool, wait_ms(clock_monotonic_ns(), wake_ns));
        patience_learn(&pool->patience, clock_monotonic_ns() - now,
                       pool->spin_ns);
    }
    disarm(pool);
    return goes_on;
}

/* Makes file() readable at the first deadline. */
static void set_timer(struct pool *pool)
{
    uint64_t deadline = crew_deadline(pool);
    if (deadline >= pool->timer_ns || deadline == UINT64_MAX)
        return; // It fires early: that wakes us once for nothing.
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(deadline / NS_PER_S),
                     .tv_nsec = (long)(deadline % NS_PER_S)}};
    timerfd_settime(pool->timer, TFD_TIMER_ABSTIME, &when, NULL);
    pool->timer_ns = deadline;
}

/* Somebody waits on file(): all that may happen must make it readable. */
static void leave_armed(struct pool *pool)
{
    if (!arm(pool, 0, NULL) || pool->over.first || pool->stop_count > 0)
        nudge(pool);
    set_timer(pool);
}

static void submit(struct runner *runner, const struct run_request *request)
{
    struct pool *pool = pool_of(runner);
    struct job *job = HEAP_NEW(struct job);
    job->request = *request;
    bool is_new;
    uint64_t *place =
        map_set(&pool->jobs, ticket_key(&job->request.ticket), &is_new);
    ASSERT(is_new);
    *place = (uint64_t)(uintptr_t)job;
    job_row_append(&pool->waiting, job);
    if (pool->is_polling)
        return; // poll() does it when it is through.
    pool_dispatch(pool, clock_monotonic_ns());
    if (pool->file_is_used)
        leave_armed(pool);
}

/* --- One round ---------------------------------------------------------- */

static bool step(struct pool *pool)
{
    uint64_t now = clock_monotonic_ns();
    bool acted = false;
    for (unsigned i = 0; i < pool->worker_count; i++)
        acted |= worker_listen(pool->workers[i], now);
    if (pool->someone_died) {
        pool->someone_died = false;
        acted |= crew_reap(pool, now);
    }
    acted |= crew_check(pool, now);
    acted |= stop_jobs(pool, now);
    pool_dispatch(pool, now);
    acted |= report_over(pool);
    // Done callbacks may have brought more.
    if (acted)
        pool_dispatch(pool, now);
    return acted;
}

static void poll_pool(struct runner *runner, int timeout_ms)
{
    struct pool *pool = pool_of(runner);
    uint64_t start = clock_monotonic_ns();
    uint64_t until =
        timeout_ms < 0 ? UINT64_MAX : start + (uint64_t)timeout_ms * NS_PER_MS;
    ASSERT(!pool->is_polling);
    pool->is_polling = true;
    if (pool->is_armed)
        disarm(pool);
    if (pool->file_is_used || timeout_ms == 0)
        take_events(pool, 0);
    while (!step(pool) && until > start &&
           !atomic_exchange(&pool->is_woken, false)) {
        if (!sleep_until(pool, until) ||
            (timeout_ms >= 0 && clock_monotonic_ns() >= until)) {
            step(pool);
            break;
        }
    }
    pool->is_polling = false;
    if (pool->file_is_used)
        leave_armed(pool);
}

/* --- Turns of others ----------------------------------------------------- */

static void wake(struct runner *runner)
{
    struct pool *pool = pool_of(runner);
    atomic_store(&pool->is_woken, true);
    nudge(pool);
}

static uint64_t elapsed_ns(struct runner *runner, uint64_t ticket)
{
    const struct job *job = find_job(pool_of(runner), ticket);
    if (!job || !job->worker || job->worker->jobs.first != job)
        return 0;
    return worker_spent_ns(job->worker);
}

static bool pause_job(struct runner *runner, uint64_t ticket)
{
    struct pool *pool = pool_of(runner);
    const struct job *job = find_job(pool, ticket);
    if (!job || !job->worker || job->worker->jobs.first != job)
        return false;
    struct job_row taken = {0};
    bool is_paused = worker_pause(job->worker, &taken, clock_monotonic_ns());
    while (taken.last) {
        struct job *last = taken.last;
        job_row_remove(&taken, last);
        job_row_prepend(&pool->waiting, last);
    }
    return is_paused;
}

static void resume_job(struct runner *runner, uint64_t ticket)
{
    const struct job *job = find_job(pool_of(runner), ticket);
    if (job && job->worker)
        worker_resume(job->worker, clock_monotonic_ns());
}

static bool take_back(struct runner *runner, uint64_t ticket)
{
    struct pool *pool = pool_of(runner);
    struct job *job = find_job(pool, ticket);
    if (!job || job->outcome || job->stop != END_NONE)
        return false;
    if (!job->worker)
        job_row_remove(&pool->waiting, job);
    else if (!worker_take_back(job->worker, job))
        return false;
    map_remove(&pool->jobs, ticket_key(&job->request.ticket));
    job_free(job);
    return true;
}

static int file(struct runner *runner)
{
    struct pool *pool = pool_of(runner);
    if (!pool->file_is_used) {
        pool->file_is_used = true;
        leave_armed(pool);
    }
    return pool->epoll;
}

static unsigned capacity(struct runner *runner)
{
    const struct pool *pool = pool_of(runner);
    return pool->worker_max * (1 + pool->ahead_max);
}

void pool_count(const struct runner *runner, struct pool_census *out)
{
    const struct pool *pool = (const struct pool *)(const void *)runner;
    *out = (struct pool_census){.workers = pool->worker_count,
                                .busy = crew_busy(pool),
                                .started = pool->started,
                                .paused = crew_paused(pool),
                                .killed = pool->killed,
                                .waiting = pool->waiting.count};
}

/* --- Life --------------------------------------------------------------- */

static void free_arguments(char **arguments)
{
    for (size_t i = 0; arguments && arguments[i]; i++)
        free(arguments[i]);
    free(arguments);
}

static void close_pool(struct runner *runner)
{
    struct pool *pool = pool_of(runner);
    ASSERT(!pool->is_polling);
    crew_dismiss_all(pool);
    const struct map_entry *entry;
    for (size_t cursor = 0; (entry = map_next(&pool->jobs, &cursor));)
        job_free((struct job *)(uintptr_t)entry->value);
    map_deinit(&pool->jobs);
    for (int role = 0; role < 2; role++)
        free_arguments(pool->arguments[role]);
    if (pool->epoll >= 0)
        close(pool->epoll);
    if (pool->timer >= 0)
        close(pool->timer);
    if (pool->nudge >= 0)
        close(pool->nudge);
    free(pool->workers);
    free(pool->stops);
    free(pool->dying);
    free(pool);
}

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(heap_alloc(size), text, size);
}

static char **make_arguments(const struct pool_options *options,
                             const char *role)
{
    size_t count = 0;
    while (options->args && options->args[count])
        count++;
    char **arguments = heap_array(count + 3, sizeof *arguments);
    arguments[0] = copy_text(options->helper);
    for (size_t i = 0; i < count; i++)
        arguments[i + 1] = copy_text(options->args[i]);
    arguments[count + 1] = copy_text(role);
    return arguments;
}

static unsigned count_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    return (unsigned)CPU_COUNT(&set);
}

static uint64_t idle_ns(uint64_t ms, uint64_t default_ms)
{
    if (ms == 0)
        ms = default_ms;
    return ms > UINT64_MAX / 2 / NS_PER_MS ? UINT64_MAX / 2 : ms * NS_PER_MS;
}

static struct pool *make_pool(const struct pool_options *options)
{
    struct pool *pool = HEAP_NEW(struct pool);
    pool->processors = count_processors();
    pool->worker_max =
        options->workers > 0 ? options->workers : pool->processors;
    pool->ahead_max = options->ahead > 0 ? options->ahead : 32;
    pool->idle_ns[ROLE_GUEST] = idle_ns(options->idle_ms, 60000);
    pool->idle_ns[ROLE_COMPILER] = idle_ns(options->idle_compiler_ms, 5000);
    pool->arguments[ROLE_GUEST] = make_arguments(options, "guest");
    pool->arguments[ROLE_COMPILER] = make_arguments(options, "compiler");
    pool->idle_max = options->idle > 0 ? options->idle : pool->worker_max * 4;
    pool->timer_ns = UINT64_MAX;
    pool->epoll = epoll_create1(EPOLL_CLOEXEC);
    pool->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    pool->nudge = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return pool;
}

static const struct runner_verbs verbs = {
    .submit = submit,
    .cancel = cancel,
    .poll = poll_pool,
    .file = file,
    .capacity = capacity,
    .close = close_pool,
    .wake = wake,
    .elapsed_ns = elapsed_ns,
    .pause = pause_job,
    .resume = resume_job,
    .take_back = take_back,
};

Status pool_open(const struct pool_options *options, struct run_host host,
                 RunDone *done, void *context, struct runner **out,
                 struct error *err)
{
    struct pool *pool = make_pool(options);
    pool->runner = (struct runner){
        .verbs = &verbs, .done = done, .done_context = context, .host = host};
    Status status = STATUS_OK;
    if (pool->epoll < 0 || pool->timer < 0 || pool->nudge < 0)
        status = fail_errno(err, errno, "cannot make a pool's files");
    if (status == STATUS_OK)
        status = crew_watch(pool, pool->timer, EPOLLIN, EVENT_TIMER, err);
    if (status == STATUS_OK)
        status = crew_watch(pool, pool->nudge, EPOLLIN, EVENT_NUDGE, err);
    if (status == STATUS_OK)
        *out = &pool->runner;
    else
        close_pool(&pool->runner);
    return status;
}
