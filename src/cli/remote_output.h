/* SPDX-License-Identifier: Apache-2.0 */
/* remote_output.h - what a job of a node came to. Thread: main. */
#ifndef IPVM_CLI_REMOTE_OUTPUT_H
#define IPVM_CLI_REMOTE_OUTPUT_H

#include "cli/node_client.h"

/* Prints the outputs of `job`, which is over, or with a path writes them: a
 * file for one, a directory for several. `code` is that of the job, which is
 * given back unless something goes wrong. */
int remote_outputs(struct node_client *client, const char *id,
                   const Value *job, const char *path, int code);

#endif
