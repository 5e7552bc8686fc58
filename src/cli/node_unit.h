/* SPDX-License-Identifier: Apache-2.0 */
/* node_unit.h - a systemd user unit for `ipvm node`. Thread: main. */
#ifndef IPVM_CLI_NODE_UNIT_H
#define IPVM_CLI_NODE_UNIT_H

#include "cli/command.h"

/* Writes ~/.config/systemd/user/ipvm-node.service with the options of the
 * command line, and says what to run next. An exit code. */
int node_unit_install(struct cli *cli);

#endif
