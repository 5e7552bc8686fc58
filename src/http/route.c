/* SPDX-License-Identifier: Apache-2.0 */
#include "http/route.h"

#include "http/url.h"

/* --- One template against one path --------------------------------------- */

typedef enum { SEGMENT_LITERAL, SEGMENT_PARAM, SEGMENT_REST } Segment;

/* The next segment of `*text`, without its slash. */
static Text next_segment(Text *text)
{
    Text segment = {text->data + 1, text->len - 1};
    const char *slash =
        segment.len ? memchr(segment.data, '/', segment.len) : NULL;
    if (slash)
        segment.len = (size_t)(slash - segment.data);
    *text = (Text){segment.data + segment.len, text->len - 1 - segment.len};
    return segment;
}

static Segment segment_kind(Text segment)
{
    if (segment.len < 2 || segment.data[0] != '{')
        return SEGMENT_LITERAL;
    return segment.data[segment.len - 2] == '*' ? SEGMENT_REST : SEGMENT_PARAM;
}

/* How well it fits: 0 not at all; the more is literal, the better. */
static unsigned fit(Text pattern, Text path, Text params[REQUEST_PARAMS_MAX])
{
    unsigned score = 1, count = 0;
    while (pattern.len > 0) {
        const Text wanted = next_segment(&pattern);
        const Segment kind = segment_kind(wanted);
        if (kind == SEGMENT_REST) {
            params[count] = path.len > 0 ? (Text){path.data + 1, path.len - 1}
                                         : (Text){"", 0};
            return score * 4;
        }
        if (path.len == 0)
            return 0;
        const Text segment = next_segment(&path);
        if (kind == SEGMENT_PARAM) {
            if (segment.len == 0)
                return 0;
            params[count++] = segment;
            score = score * 4 + 1;
        } else if (text_equal(segment, wanted)) {
            score = score * 4 + 2;
        } else {
            return 0;
        }
    }
    return path.len == 0 ? score * 4 + 3 : 0;
}

/* --- All of them --------------------------------------------------------- */

void routes_each(RouteEach *each, void *context)
{
    for (size_t index = 0; index < http_routes_api_count; index++)
        each(context, &http_routes_api[index]);
    for (size_t index = 0; index < http_routes_content_count; index++)
        each(context, &http_routes_content[index]);
}

struct search {
    Method method;
    Text path;
    const struct route *best;
    unsigned best_score, any_score;
    unsigned allowed; /* by the best templates, whatever their method */
    Text params[REQUEST_PARAMS_MAX];
};

static void try_route(void *context, const struct route *route)
{
    struct search *search = context;
    Text params[REQUEST_PARAMS_MAX] = {0};
    const unsigned score = fit(text_of(route->path), search->path, params);
    if (score == 0)
        return;
    if (score > search->any_score) {
        search->any_score = score;
        search->allowed = 0;
        search->best = NULL;
    }
    if (score < search->any_score)
        return;
    search->allowed |= route->methods;
    if (!(route->methods & search->method))
        return;
    search->best = route;
    memcpy(search->params, params, sizeof params);
}

const struct route *route_find(Method method, Text path, struct arena *arena,
                               Text params[REQUEST_PARAMS_MAX],
                               unsigned *allowed)
{
    struct search search = {.method = method, .path = path};
    *allowed = 0;
    if (path.len == 0 || path.data[0] != '/')
        return NULL;
    routes_each(try_route, &search);
    if (!search.best) {
        // What only the dashboard's files could be is not there at all.
        if (search.any_score > 4)
            *allowed = search.allowed;
        return NULL;
    }
    for (unsigned index = 0; index < REQUEST_PARAMS_MAX; index++)
        if (!url_decode(search.params[index], arena, &params[index]))
            return NULL;
    return search.best;
}
