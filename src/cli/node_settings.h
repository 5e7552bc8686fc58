/* SPDX-License-Identifier: Apache-2.0 */
/* node_settings.h - where a node's settings are by default. Thread: any. */
#ifndef IPVM_CLI_NODE_SETTINGS_H
#define IPVM_CLI_NODE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* $XDG_CONFIG_HOME/ipvm/node.yaml, else ~/.config/ipvm/node.yaml. False: there
 * is no home. */
bool node_settings_path(char *out, size_t room);

#endif
