/* SPDX-License-Identifier: Apache-2.0 */
/* fresh.h - which tasks of a fork run though the memo has them. Inside src/node
 * only. */
#ifndef IPVM_NODE_FRESH_H
#define IPVM_NODE_FRESH_H

#include "node/state.h"

/* Those that the terms name and all that await one, but what this job has
 * finished before. `*out`: one for each task, to be freed; NULL: it is no fork.
 * STATUS_INVALID: there is no such task. */
Status fresh_tasks(struct node *node, const struct job *job,
                   const struct job_terms *terms,
                   const struct workflow *workflow, bool **out,
                   struct error *err);

#endif
