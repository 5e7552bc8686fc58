/* SPDX-License-Identifier: Apache-2.0 */
/* stats.c - numbers of a node, for metrics and its page. */
#include "base/clock.h"
#include "node/state.h"

void latency_add(struct node_latency *latency, uint64_t ns)
{
    unsigned bucket = 0;
    while (bucket < LATENCY_BUCKETS - 1 && ns >= (uint64_t)16000 << bucket)
        bucket++;
    latency->count++;
    latency->sum_ns += ns;
    latency->buckets[bucket]++;
}

/* The executor answers on this thread only: what it said last is kept. */
void stats_census(struct node *node)
{
    enum { AGAIN_NS = 50 * 1000 * 1000 };
    struct executor_census census;
    struct node_stats *stats = &node->stats;
    const uint64_t now = clock_monotonic_ns();
    if (node->census_ns && now - node->census_ns < AGAIN_NS)
        return;
    node->census_ns = now;
    executor_count(node->executor, &census);
    pthread_mutex_lock(&node->lock);
    stats->tasks_queued = census.waiting;
    stats->tasks_running = census.running;
    stats->memory_used = census.memory;
    stats->memory_total = executor_options(node->executor)->memory_total;
    stats->workers = census.workers;
    stats->workers_busy = census.workers_busy;
    stats->workers_started = census.workers_started;
    stats->workers_killed = census.workers_killed;
    stats->sleepers = node->wall.count;
    stats->lanes = node->subjects.count;
    pthread_mutex_unlock(&node->lock);
}

void node_stats(struct node *node, struct node_stats *out)
{
    pthread_mutex_lock(&node->lock);
    *out = node->stats;
    pthread_mutex_unlock(&node->lock);
}
