/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c - numbers of the node as Prometheus reads them (text format 0.0.4).
 * One table for each kind; a name is never reused for another meaning. */
#include "base/clock.h"
#include "http/node_page.h"
#include "http/server.h"
#include "ipvm.h"

enum { METRICS_MAX = 1 << 20 };

static void head(struct buffer *out, const char *name, const char *kind,
                 const char *help)
{
    buffer_format(out, "# HELP ipvm_%s %s\n# TYPE ipvm_%s %s\n", name, help,
                  name, kind);
}

/* --- Single numbers ------------------------------------------------------ */

struct metric {
    const char *name, *kind, *help;
    size_t offset; /* of a uint64_t in its struct */
    bool is_ns;    /* shown in seconds */
};
#define OF_NODE(field) offsetof(struct node_stats, field)
#define OF_STORE(field) offsetof(struct store_stat, field)
#define OF_SERVER(field) offsetof(struct server_counts, field)

static const struct metric of_node[] = {
    {"jobs_refused_total", "counter", "submissions not taken",
     OF_NODE(jobs_refused), false},
    {"sleepers", "gauge", "timers that are set", OF_NODE(sleepers), false},
    {"tasks_queued", "gauge", "tasks that wait for a worker",
     OF_NODE(tasks_queued), false},
    {"tasks_running", "gauge", "tasks on workers", OF_NODE(tasks_running),
     false},
    {"tasks_run_total", "counter", "tasks that were run", OF_NODE(tasks_run),
     false},
    {"tasks_hit_total", "counter", "tasks answered by the memo",
     OF_NODE(tasks_hit), false},
    {"tasks_merged_total", "counter", "tasks that shared another's run",
     OF_NODE(tasks_merged), false},
    {"tasks_failed_total", "counter", "tasks that were run and failed",
     OF_NODE(tasks_failed), false},
    {"fuel_total", "counter", "fuel of metered runs", OF_NODE(fuel), false},
    {"cpu_seconds_total", "counter", "processor time of runs", OF_NODE(cpu_ns),
     true},
    {"run_seconds_total", "counter", "time of runs", OF_NODE(run_ns), true},
    {"saved_seconds_total", "counter", "time that hits once took",
     OF_NODE(saved_ns), true},
    {"stored_bytes_total", "counter", "new bytes of results",
     OF_NODE(stored_bytes), false},
    {"memory_bytes", "gauge", "memory that running tasks asked for",
     OF_NODE(memory_used), false},
    {"memory_limit_bytes", "gauge", "memory that running tasks may have",
     OF_NODE(memory_total), false},
    {"workers", "gauge", "worker processes", OF_NODE(workers), false},
    {"workers_busy", "gauge", "worker processes with a task",
     OF_NODE(workers_busy), false},
    {"workers_started_total", "counter", "worker processes ever started",
     OF_NODE(workers_started), false},
    {"workers_killed_total", "counter", "worker processes that were killed",
     OF_NODE(workers_killed), false},
    {"lanes", "gauge", "subjects that share the workers", OF_NODE(lanes),
     false},
    {"alarms_total", "counter", "pure computations with two results",
     OF_NODE(alarms), false},
};
static const struct metric of_store[] = {
    {"store_blocks", "gauge", "blocks in the store", OF_STORE(blocks), false},
    {"store_block_bytes", "gauge", "bytes of blocks", OF_STORE(block_bytes),
     false},
    {"store_memo_entries", "gauge", "results that are known", OF_STORE(memo),
     false},
    {"store_pins", "gauge", "pins", OF_STORE(pins), false},
    {"store_names", "gauge", "names", OF_STORE(names), false},
    {"store_file_bytes", "gauge", "size of the store's file",
     OF_STORE(used_bytes), false},
    {"store_free_bytes", "gauge", "bytes of the file to be used again",
     OF_STORE(free_bytes), false},
};
static const struct metric of_server[] = {
    {"http_requests_total", "counter", "requests", OF_SERVER(requests), false},
    {"http_rate_limited_total", "counter",
     "requests answered with 429 by address", OF_SERVER(rate_limited), false},
    {"http_connections", "gauge", "open connections", OF_SERVER(connections),
     false},
    {"http_connections_refused_total", "counter",
     "connections beyond those of one address", OF_SERVER(connections_refused),
     false},
    {"http_connections_cut_total", "counter",
     "connections that sent too slowly", OF_SERVER(connections_cut), false},
    {"http_watchers", "gauge", "open event streams", OF_SERVER(watchers),
     false},
    {"otlp_spans_total", "counter", "spans that a collector took",
     OF_SERVER(otlp.sent), false},
    {"otlp_spans_dropped_total", "counter", "spans that no collector took",
     OF_SERVER(otlp.dropped), false},
};

static void add_metrics(struct buffer *out, const struct metric *metrics,
                        size_t count, const void *of)
{
    for (size_t index = 0; index < count; index++) {
        const struct metric *metric = &metrics[index];
        uint64_t number;
        memcpy(&number, (const char *)of + metric->offset, sizeof number);
        head(out, metric->name, metric->kind, metric->help);
        if (metric->is_ns)
            buffer_format(out, "ipvm_%s %.9f\n", metric->name,
                          (double)number / 1e9);
        else
            buffer_format(out, "ipvm_%s %llu\n", metric->name,
                          (unsigned long long)number);
    }
}
#define ADD_METRICS(out, metrics, of)                                         \
    add_metrics(out, metrics, sizeof(metrics) / sizeof *(metrics), of)

/* --- By a label ---------------------------------------------------------- */

static void add_jobs(struct buffer *out, const struct node_stats *stats)
{
    head(out, "jobs", "gauge", "jobs that are not over, by state");
    for (int state = 0; state < JOB_SUCCEEDED; state++)
        buffer_format(out, "ipvm_jobs{state=\"%.*s\"} %llu\n",
                      TEXT_ARG(job_state_name((JobState)state)),
                      (unsigned long long)stats->jobs[state]);
    head(out, "jobs_over_total", "counter",
         "jobs that came to their end since the start, by state");
    for (int state = JOB_SUCCEEDED; state < JOB_STATES; state++)
        buffer_format(out, "ipvm_jobs_over_total{state=\"%.*s\"} %llu\n",
                      TEXT_ARG(job_state_name((JobState)state)),
                      (unsigned long long)stats->jobs[state]);
}

static void add_ends(struct buffer *out, const struct node_stats *stats)
{
    head(out, "tasks_ended_total", "counter",
         "tasks that stopped without a result, by their end");
    for (int end = 1; end < END_COUNT; end++)
        buffer_format(out, "ipvm_tasks_ended_total{end=\"%.*s\"} %llu\n",
                      TEXT_ARG(end_name((End)end)),
                      (unsigned long long)stats->tasks_ended[end]);
}

static void add_classes(struct buffer *out, const struct server_counts *counts)
{
    head(out, "http_answers_total", "counter", "answers, by class of status");
    for (int index = 1; index < 6; index++)
        buffer_format(out, "ipvm_http_answers_total{class=\"%dxx\"} %llu\n",
                      index, (unsigned long long)counts->by_class[index]);
}

/* --- Latencies ----------------------------------------------------------- */

static void add_latency(struct buffer *out, const char *name, const char *help,
                        const struct node_latency *latency)
{
    uint64_t sum = 0;
    head(out, name, "histogram", help);
    for (int index = 0; index < LATENCY_BUCKETS; index++) {
        sum += latency->buckets[index];
        if (index == LATENCY_BUCKETS - 1)
            break; // What is beyond all others is in +Inf.
        buffer_format(out, "ipvm_%s_bucket{le=\"%.6f\"} %llu\n", name,
                      (double)((uint64_t)16 << index) / 1e6,
                      (unsigned long long)sum);
    }
    buffer_format(out,
                  "ipvm_%s_bucket{le=\"+Inf\"} %llu\nipvm_%s_sum %.9f\n"
                  "ipvm_%s_count %llu\n",
                  name, (unsigned long long)latency->count, name,
                  (double)latency->sum_ns / 1e9, name,
                  (unsigned long long)latency->count);
}

RequestStep node_metrics(struct request *request)
{
    struct node_stats stats;
    struct store_stat store = {0};
    struct server_counts counts;
    struct buffer out;
    buffer_init(&out, METRICS_MAX);
    node_stats(request->node, &stats);
    server_count(request->http, &counts);
    // A store that cannot be counted shows as empty; the rest is told.
    IGNORE(store_stat(request->store, &store, NULL));
    head(&out, "info", "gauge", "1; the version is in the label");
    buffer_format(&out, "ipvm_info{version=\"%s\"} 1\n", IPVM_VERSION);
    head(&out, "start_time_seconds", "gauge", "when the node was started");
    buffer_format(&out, "ipvm_start_time_seconds %.3f\n",
                  (double)stats.started_ms / 1e3);
    add_jobs(&out, &stats);
    add_ends(&out, &stats);
    ADD_METRICS(&out, of_node, &stats);
    add_latency(&out, "submit_seconds",
                "from a submission taken in to its being durable",
                &stats.submit);
    add_latency(&out, "queue_seconds", "a task's wait for a worker",
                &stats.queue);
    add_latency(&out, "task_seconds", "a task's run", &stats.run);
    add_latency(&out, "job_seconds", "from submission to the end of a job",
                &stats.job_time);
    ADD_METRICS(&out, of_store, &store);
    ADD_METRICS(&out, of_server, &counts);
    add_classes(&out, &counts);
    return respond_buffer(request, 200, "text/plain; version=0.0.4", &out);
}
