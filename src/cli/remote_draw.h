/* SPDX-License-Identifier: Apache-2.0 */
/* remote_draw.h - the events of a job of a node, drawn as those of a run are.
 * Thread: main. */
#ifndef IPVM_CLI_REMOTE_DRAW_H
#define IPVM_CLI_REMOTE_DRAW_H

#include "cli/remote_job.h"

/* Draws it on stderr, or with `as_json` prints its events on stdout, a line for
 * each, until it is over: `*out` is what it came to. An exit code: of a job
 * that is over as `ipvm run` has it, else after having said what is wrong. */
int remote_draw(struct node_client *client, const char *job, bool as_json,
                struct arena *arena, Value *out);

#endif
