/* SPDX-License-Identifier: Apache-2.0 */
/* idle.c - what can wait until nothing runs, on a thread of its own: receipts
 * are sealed, old jobs forgotten, blocks that nothing needs removed. */
#include <time.h>

#include "base/clock.h"
#include "node/state.h"
#include "run/receipts.h"
#include "store/gc.h"

enum { LOOK_MS = 250, FORGET_EVERY_S = 3600 };

struct helping {
    struct node *node;
    uint64_t idle_ns; /* since when; 0: it is not */
    uint64_t collected_ns, forgot_ns;
    bool has_sealed; /* since it is idle */
};

static bool seconds_since(uint64_t since_ns, uint64_t seconds)
{
    return clock_monotonic_ns() - since_ns >= seconds * 1000000000U;
}

static bool goes_on(void *context, const char *phase, uint64_t done,
                    uint64_t total)
{
    const struct node *node = context;
    (void)phase;
    (void)done;
    (void)total;
    return !atomic_load(&node->is_closing);
}

static void seal(struct helping *helping)
{
    struct node *node = helping->node;
    struct seal_report report;
    const uint64_t after_s = node->config.seal_after_s;
    if (!atomic_load(&node->is_idle)) {
        helping->idle_ns = 0;
        helping->has_sealed = false;
        return;
    }
    if (helping->idle_ns == 0)
        helping->idle_ns = clock_monotonic_ns();
    if (after_s == 0 || helping->has_sealed ||
        !seconds_since(helping->idle_ns, after_s))
        return;
    helping->has_sealed = true;
    // Trouble is told when somebody asks for receipts.
    if (receipts_are_pending(node->store))
        IGNORE(receipts_seal_pending(node->store, node->key, &report, NULL));
}

/* What cannot be done now is done the next time. */
static void forget(struct helping *helping)
{
    const struct node *node = helping->node;
    const struct job_retention retention = {
        .keep_s = node->config.keep_jobs_s,
        .count_max = node->config.keep_jobs_max,
    };
    uint64_t forgotten;
    helping->forgot_ns = clock_monotonic_ns();
    if (retention.keep_s || retention.count_max)
        IGNORE(job_forget(node->store, &retention, &forgotten, NULL));
}

static void collect(struct helping *helping)
{
    struct node *node = helping->node;
    const uint64_t every_s = node->config.gc_every_s;
    const struct gc_options options = {.progress = goes_on, .context = node};
    struct gc_report report;
    const bool is_due =
        every_s > 0 && seconds_since(helping->collected_ns, every_s);
    if (is_due || seconds_since(helping->forgot_ns, FORGET_EVERY_S))
        forget(helping);
    if (!is_due)
        return;
    helping->collected_ns = clock_monotonic_ns();
    IGNORE(store_gc(node->store, &options, &report, NULL));
}

static void *help(void *context)
{
    struct helping helping = {
        .node = context,
        .collected_ns = clock_monotonic_ns(),
        .forgot_ns = clock_monotonic_ns(),
    };
    struct node *node = context;
    pthread_mutex_lock(&node->helper_lock);
    while (!atomic_load(&node->is_closing)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (pthread_cond_timedwait(&node->helper_wake, &node->helper_lock,
                                   &until) == 0)
            continue;
        pthread_mutex_unlock(&node->helper_lock);
        seal(&helping);
        collect(&helping);
        pthread_mutex_lock(&node->helper_lock);
    }
    pthread_mutex_unlock(&node->helper_lock);
    return NULL;
}

void idle_start(struct node *node)
{
    pthread_condattr_t how;
    pthread_condattr_init(&how);
    pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
    pthread_cond_init(&node->helper_wake, &how);
    pthread_condattr_destroy(&how);
    pthread_mutex_init(&node->helper_lock, NULL);
    // Without it nothing is sealed or collected by itself.
    node->has_helper = node_start_thread(&node->helper, help, node);
}

void idle_stop(struct node *node)
{
    if (!node->has_helper)
        return;
    pthread_mutex_lock(&node->helper_lock);
    atomic_store(&node->is_closing, true);
    pthread_cond_signal(&node->helper_wake);
    pthread_mutex_unlock(&node->helper_lock);
    pthread_join(node->helper, NULL);
    pthread_mutex_destroy(&node->helper_lock);
    pthread_cond_destroy(&node->helper_wake);
    node->has_helper = false;
}
