/* SPDX-License-Identifier: Apache-2.0 */
/* homestar.h - the JSON-RPC interface of the reference implementation, so that
 * its clients run against a node: health, metrics, node, and
 * subscribe_run_workflow over WebSocket; the first three over HTTP, too.
 * docs/formats/homestar-rpc.md. Thread: the one that opened it. */
#ifndef IPVM_HOMESTAR_HOMESTAR_H
#define IPVM_HOMESTAR_HOMESTAR_H

#include "node/node.h"

struct homestar;

/* On 127.0.0.1 and ::1, whatever the node's address, and its configuration's
 * homestar_port (0: any free one): what is asked here is asked by the owner.
 * STATUS_BUSY: the port is taken. The node is borrowed. */
Status homestar_open(struct node *node, struct homestar **out,
                     struct error *err);
/* Ends subscriptions; the jobs go on. NULL is allowed. */
void homestar_close(struct homestar *homestar);
uint16_t homestar_port(const struct homestar *homestar);

#endif
