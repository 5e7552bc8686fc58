/* SPDX-License-Identifier: Apache-2.0 */
#include "http/at_desk.h"

#include "http/server.h"

static void done(struct desk_work *work)
{
    request_wake(at_desk_of(work)->request);
}

RequestStep at_desk_ask(struct request *request, struct at_desk *at_desk,
                        DeskPerform *perform, Step *then)
{
    struct error err = {0};
    at_desk->request = request;
    at_desk->work.perform = perform;
    at_desk->work.done = done;
    request_wait_as(request, then, 0);
    const Status status =
        desk_ask(server_desk(request->http), &at_desk->work, &err);
    if (status != STATUS_OK)
        return respond_failure(request, NULL, status, &err);
    return REQUEST_WAITS;
}
