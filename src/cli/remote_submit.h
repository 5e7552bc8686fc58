/* SPDX-License-Identifier: Apache-2.0 */
/* remote_submit.h - gives a node a job: an invocation of /workflow/run and, in
 * one CAR with it, the blocks that the node lacks. Thread: main. */
#ifndef IPVM_CLI_REMOTE_SUBMIT_H
#define IPVM_CLI_REMOTE_SUBMIT_H

#include "cli/node_client.h"
#include "node/job.h"

struct remote_submission {
    const struct job_terms *terms;
    Bytes nonce; /* the same with the same terms is the same job; empty: a new
                    one */
    /* Where the blocks of its workflow are; NULL: the node has them. */
    struct store *store;
};

/* `*answer`, in `arena`, is {"job": link, "state"}. It may be asked again after
 * trouble: the job stays one. */
int remote_submit(struct node_client *client,
                  const struct remote_submission *submission,
                  struct arena *arena, Value *answer);

#endif
