/* SPDX-License-Identifier: Apache-2.0 */
/* remote_job.h - one job of a node: found by the beginning of its id, followed
 * through a node that goes away and comes back. Thread: main. */
#ifndef IPVM_CLI_REMOTE_JOB_H
#define IPVM_CLI_REMOTE_JOB_H

#include "cli/node_client.h"

enum { SHORT_ID_LEN = 18 }; /* what `ipvm jobs` shows of an id */

/* The whole id from a CID, or from the beginning of one that only one of the
 * newest jobs has; "bafyrei" may be left out. An exit code, after having said
 * what is wrong. */
int remote_job_find(struct node_client *client, const char *word,
                    char out[CID_TEXT_MAX]);
/* As node_job() has it (node/node.h); in `arena`. */
int remote_job_get(struct node_client *client, const char *job,
                   struct arena *arena, Value *out);
bool remote_job_is_over(const Value *job);
/* EXIT_OK of one that succeeded; EXIT_FAILED of another that is over. */
int remote_job_code(const Value *job);
/* "/v1/jobs/ID" and what is behind it. */
Text remote_job_path(struct arena *arena, const char *job, const char *rest);

/* Told of each event (node/job.h) in order, once, and with NULL now and then
 * that there is none. False: enough. */
typedef bool RemoteEvent(void *context, const Value *event);
/* Follows it until it is over or `each` has enough. A node that went away is
 * waited for. EXIT_INTERRUPTED: Ctrl-C; nothing is said of that. */
int remote_job_follow(struct node_client *client, const char *job,
                      RemoteEvent *each, void *context);

#endif
