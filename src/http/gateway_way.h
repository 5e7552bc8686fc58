/* SPDX-License-Identifier: Apache-2.0 */
/* gateway_way.h - one request to the gateway, its path gone down: what the
 * forms in gateway*.c share. Thread: the server's. */
#ifndef IPVM_HTTP_GATEWAY_WAY_H
#define IPVM_HTTP_GATEWAY_WAY_H

#include "content/car_part.h"
#include "http/content_ask.h"
#include "http/request.h"

struct gateway {
    struct request *request;
    struct content_ask ask;
    Cid root;          /* as it was asked for */
    Text path;         /* below it, decoded; may be empty */
    Cid cid;           /* where that leads */
    bool is_inside;    /* it ends inside of that block */
    struct buffer way; /* Cids of the blocks that prove it, without the end */
    struct buffer roots; /* what X-Ipfs-Roots says */
};

/* True: it is here. False: the request has the problem as its answer. */
bool gateway_is_here(struct gateway *gateway);
/* The problem of content that is not here: 404, or 412 for those who want only
 * what is at hand. */
RequestStep gateway_missing(struct gateway *gateway, const char *detail);

/* The headers of what is found, `etag` in quotes. True: the client has it
 * already, and that is the answer. Not before all that can fail. */
bool gateway_is_known(struct gateway *gateway, const char *etag);
/* Content-Disposition: as ?filename= and ?download= say, or else, if `name` is
 * not empty, an attachment of that name. */
void gateway_disposition(struct gateway *gateway, Text name);

/* One form each. */
RequestStep gateway_block(struct gateway *gateway);
RequestStep gateway_plain(struct gateway *gateway);
RequestStep gateway_value(struct gateway *gateway);
RequestStep gateway_car(struct gateway *gateway);

#endif
