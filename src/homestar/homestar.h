/* SPDX-License-Identifier: Apache-2.0 */
/* homestar.h - the JSON-RPC interface of the reference implementation, so that
 * its clients run against a node: health, metrics, node, and
 * subscribe_run_workflow over WebSocket; the first three over HTTP, too.
 * docs/formats/homestar-rpc.md. Thread: the one that opened it. */
#ifndef IPVM_HOMESTAR_HOMESTAR_H
#define IPVM_HOMESTAR_HOMESTAR_H

#include "node/node.h"

struct homestar;

/* On the node's address and its configuration's homestar_port. What is asked
 * here is asked by the owner: it listens on loopback only. STATUS_BUSY: the
 * port is taken. STATUS_DENIED: not a loopback address. */
Status homestar_open(struct node *node, struct homestar **out,
                     struct error *err);
void homestar_close(struct homestar *homestar);
uint16_t homestar_port(const struct homestar *homestar);

#endif
