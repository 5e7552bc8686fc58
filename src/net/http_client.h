/* SPDX-License-Identifier: Apache-2.0 */
/* http_client.h - asks HTTP servers: libcurl's only door. Connections are kept
 * and used again. Thread: one at a time. */
#ifndef IPVM_NET_HTTP_CLIENT_H
#define IPVM_NET_HTTP_CLIENT_H

#include "base/buffer.h"
#include "base/status.h"

struct http_client;

struct http_client *http_client_new(void);
/* NULL is allowed. */
void http_client_free(struct http_client *client);

struct http_client_request {
    const char *method; /* "GET" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL at the end; or NULL */
    Bytes body;
    /* Reads a large body in place of `body`: bytes filled, 0 at the end, -1 to
     * give up. */
    long (*read)(void *context, void *data, size_t max);
    uint64_t read_len; /* if it is known, else UINT64_MAX */
    /* Takes the answer's body as it comes, in place of `out->body`; false
     * stops with STATUS_CANCELLED. Not called for a status of 400 and above. */
    bool (*sink)(void *context, const void *data, size_t len);
    /* Asked once a second and after each signal; true stops with
     * STATUS_CANCELLED. May be NULL. */
    bool (*is_stopped)(void *context);
    void *context;
    uint64_t timeout_ms; /* of the whole; 0: none, but 10 s to connect */
    size_t body_max;     /* of `out->body`; 0: 64 MiB */
};
struct http_client_answer {
    int status; /* 200 */
    char type[100];
    char location[400];
    uint32_t retry_after_s;
    struct buffer body; /* owned: buffer_deinit(), whatever is returned */
};
/* STATUS_OK: there is an answer, whatever its status. STATUS_NOT_FOUND: nobody
 * listens there. STATUS_IO: the connection broke, or took too long; says where.
 * STATUS_INVALID: not an address. STATUS_LIMIT: the answer is too long. */
Status http_client_ask(struct http_client *client,
                       const struct http_client_request *request,
                       struct http_client_answer *out, struct error *err);

#endif
