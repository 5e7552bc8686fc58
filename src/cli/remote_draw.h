/* SPDX-License-Identifier: Apache-2.0 */
/* remote_draw.h - the events of a job of a node, drawn as those of a run are.
 * Thread: main. */
#ifndef IPVM_CLI_REMOTE_DRAW_H
#define IPVM_CLI_REMOTE_DRAW_H

#include "cli/remote_job.h"

struct remote_drawing {
    const char *job;
    const char *name; /* where its workflow has none; NULL: "job" */
    bool as_json;     /* events on stdout, a line for each */
};
/* Draws it on stderr until it is over: `*out`, in `arena`, is what it came to.
 * An exit code: of a job that is over as `ipvm run` has it, else after having
 * said what is wrong. */
int remote_draw(struct node_client *client, const struct remote_drawing *what,
                struct arena *arena, Value *out);

#endif
