/* SPDX-License-Identifier: Apache-2.0 */
/* http.h - a node's HTTP API: libmicrohttpd's only door.
 *
 * Everything that a stranger sends is bounded: headers, bodies, connections,
 * rates; who reads slowly holds no thread. TLS is a proxy's.
 * docs/http-api.md, made from routes.c, describes it. Thread: the one that
 * opened it; requests are served on threads of its own. */
#ifndef IPVM_HTTP_HTTP_H
#define IPVM_HTTP_HTTP_H

#include "node/node.h"

struct http;

/* Listens as the node's configuration says. The node is borrowed.
 * STATUS_BUSY: the port is taken. */
Status http_open(struct node *node, struct http **out, struct error *err);
void http_close(struct http *http);
uint16_t http_port(const struct http *http);

/* The documents that the route table makes. */
void http_write_markdown(struct buffer *out); /* docs/http-api.md */
void http_write_openapi(struct buffer *out);  /* OpenAPI 3.1, JSON */

#endif
