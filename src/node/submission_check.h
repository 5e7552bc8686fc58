/* SPDX-License-Identifier: Apache-2.0 */
/* submission_check.h - what delegations say of a submission's terms and of each
 * of its tasks. Inside src/node only, by the gate's own. Thread: any.
 *
 * A policy sees one map: the task's arguments, and in it, in place of whatever
 * the task has there, the terms of its submission. The names of terms are never
 * taken from a task, whether the submission has them or not. */
#ifndef IPVM_NODE_SUBMISSION_CHECK_H
#define IPVM_NODE_SUBMISSION_CHECK_H

#include "node/gate_parts.h"

/* While nothing is known but the terms: every value is unknown. */
PolicyUnknown submission_unknown;

/* The quota is registered, and asked for by a delegation (`authorised` NULL:
 * the owner may name any); the job to fork from is his own. */
Status submission_check_terms(struct gate *gate,
                              const struct token *invocation,
                              const struct job_terms *terms,
                              struct chain_refusal *refusal,
                              struct error *err);
/* Each task against the chain, promised arguments unknown. `authorised` NULL:
 * the owner's. */
Status submission_check_tasks(struct gate *gate,
                              const struct authorised *authorised,
                              const struct workflow *workflow,
                              struct chain_refusal *refusal,
                              struct error *err);
/* The workflow's blocks as far as they tell how many tasks it has. */
Status submission_check_size(const struct gate *gate, const Cid *workflow,
                             struct error *err);

#endif
