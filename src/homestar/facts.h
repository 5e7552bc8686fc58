/* SPDX-License-Identifier: Apache-2.0 */
/* facts.h - what is answered at once: health, metrics, node, and which methods
 * there are. Values are in the arena. Thread: any. */
#ifndef IPVM_HOMESTAR_FACTS_H
#define IPVM_HOMESTAR_FACTS_H

#include "node/node.h"

/* {"healthy": bool}: can the store be read? */
Value facts_health(struct node *node, struct arena *arena);
/* {"metrics": [{"metric_type": "gauge", "metric_name", "help", "data": [
 *     {"type": "metric", "labels": null, "value": text}]}]} */
Value facts_metrics(struct node *node, Text prefix, struct arena *arena);
/* {"static": {"peer_id"},
 *  "dynamic": {"listeners": [text], "connections": {}}} */
Value facts_node(struct node *node, uint16_t port, struct arena *arena);
/* The methods, as an OpenRPC document. */
Value facts_discover(struct arena *arena);

/* The name that libp2p gives to a key. */
Text facts_peer_id(const PublicKey *key, struct arena *arena);

#endif
