/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - what handlers may know of the server. Thread: any. */
#ifndef IPVM_HTTP_SERVER_H
#define IPVM_HTTP_SERVER_H

#include "http/desk.h"
#include "http/http.h"
#include "http/otlp.h"

/* It closes: nobody waits any more for what may not come soon. */
bool server_stops(const struct http *http);
struct desk *server_desk(const struct http *http);
/* NULL: nobody wants traces. */
struct otlp *server_otlp(const struct http *http);

struct server_counts {
    uint64_t requests, by_class[6], rate_limited;
    uint64_t connections, connections_refused, connections_cut, watchers;
    struct otlp_counts otlp;
};
void server_count(const struct http *http, struct server_counts *out);
/* An event stream begins (1) or ends (-1). */
void server_watches(struct http *http, int change);

#endif
