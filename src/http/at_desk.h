/* SPDX-License-Identifier: Apache-2.0 */
/* at_desk.h - the part of a request that is done at the desk (desk.h), while
 * its connection waits. Thread: the request's; `perform` the desk's. */
#ifndef IPVM_HTTP_AT_DESK_H
#define IPVM_HTTP_AT_DESK_H

#include "http/desk.h"
#include "http/request.h"

struct at_desk {
    struct desk_work work; /* first: perform() is given this */
    struct request *request;
};

/* `then` is called when `perform` is through. What is in the arena is the
 * desk's until then. */
RequestStep at_desk_ask(struct request *request, struct at_desk *at_desk,
                        DeskPerform *perform, Step *then);
static inline struct at_desk *at_desk_of(struct desk_work *work)
{
    return (struct at_desk *)work;
}

#endif
