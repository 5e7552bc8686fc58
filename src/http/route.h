/* SPDX-License-Identifier: Apache-2.0 */
/* route.h - what the API consists of: one table. Routing, the capability that
 * is asked of the gate, docs/http-api.md and the OpenAPI file come from it.
 *
 * A path template has parameters for a whole segment, "{job}", and at its end
 * for all the rest, slashes included and maybe empty, "{path*}". What is
 * literal wins over a parameter. Thread: any; constant. */
#ifndef IPVM_HTTP_ROUTE_H
#define IPVM_HTTP_ROUTE_H

#include "http/request.h"

enum {
    ROUTE_BODY_SMALL = 1 << 20, /* bytes of a body, unless it says more */
};

struct route_param {
    const char *name;
    const char *about;
    const char *kind; /* "cid", "int", "text"; more for documents */
};
struct route_answer {
    int status;
    const char *type; /* NULL: no body */
    const char *about;
};

struct route {
    unsigned methods; /* one Method; GET answers HEAD, too */
    Capability capability;
    const char *path;
    const char *id;    /* "getJob": operationId */
    const char *group; /* "jobs", "content": chapter, tag */
    const char *summary;
    const char *about;               /* more words, or NULL */
    const struct route_param *query; /* ended by a NULL name; or NULL */
    /* Media types it takes, NULL at the end; NULL: no body. One may stand for
     * all, as in an Accept header. */
    const char *const *bodies;
    const struct route_answer *answers; /* ended by status 0; problems are
                                           implied */
    /* The job, or the content, that it is about is params[0], a CID: the gate
     * is told. */
    bool is_about_job, is_about_cid;
    bool body_is_large; /* up to the configuration's body_max */
    /* NULL: nothing to do before the body. REQUEST_WAITS: go on reading. */
    Step *begin;
    /* NULL: the body is collected. False: it has answered, no more is read. */
    bool (*data)(struct request *request, Bytes piece);
    Step *end;
};

/* All of them; the parts of the table are in routes*.c. */
extern const struct route http_routes_api[], http_routes_content[];
extern const size_t http_routes_api_count, http_routes_content_count;

/* Finds the route and fills in `params`, decoded into `arena`. NULL: there is
 * none; then `*allowed` has the methods that the path has (0: no such path). */
const struct route *route_find(Method method, Text path, struct arena *arena,
                               Text params[REQUEST_PARAMS_MAX],
                               unsigned *allowed);
/* Calls `each` for every route, in the order of the documents. */
typedef void RouteEach(void *context, const struct route *route);
void routes_each(RouteEach *each, void *context);

#endif
