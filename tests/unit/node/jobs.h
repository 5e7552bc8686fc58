/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.h - a node on a store in a directory of its own, with real workers, and
 * short ways to submit manifests and to wait for jobs. Thread: one. */
#ifndef IPVM_TESTS_UNIT_NODE_JOBS_H
#define IPVM_TESTS_UNIT_NODE_JOBS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// Before cmocka, which has a macro fail().
#include "base/status.h"

#include <cmocka.h>
#include <pthread.h>

#include "node/node.h"
#include "run/load.h"

struct jobs {
    char directory[256];
    struct store *store;
    struct secret_key *key;
    struct node_config config;
    struct node *node;
    struct store_options how; /* of the store, at the next jobs_open() */
};

/* For cmocka. */
int jobs_setup(void **state);
int jobs_teardown(void **state);
void jobs_open(struct jobs *jobs);
void jobs_close(struct jobs *jobs);
/* The node is closed and opened again. */
void jobs_reopen(struct jobs *jobs);
const char *jobs_path(const struct jobs *jobs, const char *name);

/* The CID of a manifest's workflow, which is stored: "tasks:" and all below. */
Cid jobs_workflow(struct jobs *jobs, const char *manifest);
/* What was answered, waited for. */
struct node_answer jobs_submit_terms(struct jobs *jobs,
                                     const struct job_terms *terms,
                                     const char *nonce);
struct node_answer jobs_submit(struct jobs *jobs, const char *manifest);
struct node_answer jobs_control(struct jobs *jobs, NodeVerb verb,
                                const Hash *job);
/* Waits until the job is over, or in this state; fails after ten seconds. */
JobState jobs_wait(struct jobs *jobs, const Hash *job);
void jobs_wait_for(struct jobs *jobs, const Hash *job, JobState state);
JobState jobs_state(struct jobs *jobs, const Hash *job);
/* Of the job's map, as DAG-JSON. */
void jobs_have(struct jobs *jobs, const Hash *job, const char *key,
               const char *json);
/* The kinds of its events, joined by spaces; valid until the next call. */
const char *jobs_events(struct jobs *jobs, const Hash *job);
/* How often the text is in the events, as DAG-JSON. */
unsigned jobs_count(struct jobs *jobs, const Hash *job, const char *text);
/* Waits until it is there so often. */
void jobs_wait_count(struct jobs *jobs, const Hash *job, const char *text,
                     unsigned count);

#define assert_ok(call) assert_int_equal((int)(call), (int)STATUS_OK)
#define assert_status(call, expected)                                         \
    assert_int_equal((int)(call), (int)(expected))
#define assert_state(is, expected) assert_int_equal((int)(is), (int)(expected))

#endif
