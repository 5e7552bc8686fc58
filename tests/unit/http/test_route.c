/* SPDX-License-Identifier: Apache-2.0 */
/* test_route.c - the table finds what it should, says of each route what a
 * reader needs, and the documents in docs/ say the same. */
#include "http/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/http.h"
#include "ipld/dag_json.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static void finds_the_route_of_a_path(void **state)
{
    (void)state;
    static const struct {
        Method method;
        const char *path, *id; /* NULL: none */
        const char *first, *second;
    } rows[] = {
        {METHOD_GET, "/healthz", "getHealth", "", ""},
        {METHOD_GET, "/v1/jobs", "listJobs", "", ""},
        {METHOD_POST, "/v1/jobs", "submitJob", "", ""},
        {METHOD_GET, "/v1/jobs/events", "watchJobs", "", ""},
        {METHOD_GET, "/v1/jobs/bafy1", "getJob", "bafy1", ""},
        {METHOD_GET, "/v1/jobs/bafy1/events", "watchJob", "bafy1", ""},
        {METHOD_GET, "/v1/quotas/a%2Fb", "getQuota", "a/b", ""},
        {METHOD_GET, "/", "getDashboard", "", ""},
        {METHOD_GET, "/app.js", "getDashboard", "app.js", ""},
        {METHOD_GET, "/v1/nothing", "getDashboard", "v1/nothing", ""},
        {METHOD_POST, "/v1/nothing", NULL, NULL, NULL},
        {METHOD_DELETE, "/", NULL, NULL, NULL},
        {METHOD_PUT, "/v1/jobs", NULL, NULL, NULL},
        {METHOD_POST, "/v1/jobs//cancel", NULL, NULL, NULL},
        {METHOD_POST, "/v1/jobs/x/cancel/", NULL, NULL, NULL},
        {METHOD_GET, "/v1/quotas/%ff", NULL, NULL, NULL},
        {METHOD_GET, "/v1/quotas/%00", NULL, NULL, NULL},
        {METHOD_GET, "", NULL, NULL, NULL},
        {METHOD_GET, "v1/jobs", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena = {0};
        Text params[REQUEST_PARAMS_MAX] = {0};
        unsigned allowed;
        const struct route *route = route_find(
            rows[i].method, text_of(rows[i].path), &arena, params, &allowed);
        if (!rows[i].id) {
            assert_null(route);
        } else {
            assert_non_null(route);
            assert_string_equal(route->id, rows[i].id);
            assert_true(text_equal(params[0], text_of(rows[i].first)));
            assert_true(text_equal(params[1], text_of(rows[i].second)));
        }
        arena_deinit(&arena);
    }
}

static void says_which_methods_a_path_has(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        unsigned allowed;
    } rows[] = {
        {"/v1/jobs", METHOD_GET | METHOD_POST},
        {"/v1/session", METHOD_POST | METHOD_DELETE},
        {"/v1/quotas/x", METHOD_GET | METHOD_PUT | METHOD_DELETE},
        {"/v1/jobs/x/cancel", METHOD_POST},
        {"/no/such/path", 0},
        {"/", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena = {0};
        Text params[REQUEST_PARAMS_MAX];
        unsigned allowed = 77;
        assert_null(route_find(METHOD_OPTIONS, text_of(rows[i].path), &arena,
                               params, &allowed));
        assert_int_equal(allowed, rows[i].allowed);
        arena_deinit(&arena);
    }
}

static bool is_one_bit(unsigned bits)
{
    return bits != 0 && (bits & (bits - 1)) == 0;
}

struct table {
    const char *ids[200];
    size_t count;
};

static void check_route(void *context, const struct route *route)
{
    struct table *table = context;
    assert_non_null(route->id);
    assert_non_null(route->group);
    assert_non_null(route->summary);
    assert_non_null(route->end);
    assert_true(is_one_bit(route->methods));
    assert_int_equal(route->path[0], '/');
    assert_true(route->answers && route->answers->status);
    if (route->is_about_job || route->is_about_cid)
        assert_non_null(strchr(route->path, '{'));
    for (size_t i = 0; i < table->count; i++)
        assert_string_not_equal(table->ids[i], route->id);
    assert_true(table->count < COUNT(table->ids));
    table->ids[table->count++] = route->id;
    // Bytes that come need a type that is taken.
    if (route->data)
        assert_non_null(route->bodies);
}

static void every_route_says_what_a_reader_needs(void **state)
{
    (void)state;
    struct table table = {0};
    routes_each(check_route, &table);
    assert_true(table.count > 20);
}

/* What changes something, or shows what is not public, asks the gate. */
static void check_public(void *context, const struct route *route)
{
    static const char *const public[] = {
        "getHealth", "beginSession", "endSession", "submitJob", "getDashboard",
    };
    (void)context;
    if (route->capability != MAY_NOTHING)
        return;
    for (size_t i = 0; i < COUNT(public); i++)
        if (strcmp(route->id, public[i]) == 0)
            return;
    fail_msg("%s asks for no capability", route->id);
}

static void few_routes_are_public(void **state)
{
    (void)state;
    routes_each(check_public, NULL);
}

/* --- Documents ----------------------------------------------------------- */

static void compare(const char *path, void (*write)(struct buffer *))
{
    struct buffer made, kept;
    buffer_init(&made, 1 << 20);
    buffer_init(&kept, 1 << 20);
    write(&made);
    assert_int_equal(made.status, STATUS_OK);
    FILE *file = fopen(path, "re");
    if (!file)
        fail_msg("there is no %s", path);
    for (size_t len = 1; len > 0;) {
        uint8_t *room = buffer_reserve(&kept, 4096);
        assert_non_null(room);
        len = fread(room, 1, 4096, file);
        buffer_advance(&kept, len);
    }
    fclose(file);
    if (!bytes_equal(buffer_bytes(&made), buffer_bytes(&kept)))
        fail_msg("%s is not what the route table says: make api", path);
    buffer_deinit(&made);
    buffer_deinit(&kept);
}

static void the_pages_in_docs_are_those_of_the_table(void **state)
{
    (void)state;
    compare("docs/http-api.md", http_write_markdown);
    compare("docs/openapi.json", http_write_openapi);
}

struct in_document {
    const Value *paths;
    size_t found;
};

static void find_operation(void *context, const struct route *route)
{
    struct in_document *in = context;
    static const char *const names[] = {
        [METHOD_GET] = "get",       [METHOD_HEAD] = "head",
        [METHOD_POST] = "post",     [METHOD_PUT] = "put",
        [METHOD_DELETE] = "delete",
    };
    char path[200];
    size_t len = 0;
    for (const char *at = route->path; *at; at++)
        if (*at != '*')
            path[len++] = *at;
    const Value *methods = value_get(in->paths, (Text){path, len});
    const Value *operation =
        value_get(methods, text_of(names[route->methods]));
    assert_non_null(operation);
    const Value *id = value_get(operation, TEXT("operationId"));
    assert_true(text_equal(id->text, text_of(route->id)));
    in->found++;
}

static void openapi_has_every_route(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buffer json;
    Value document;
    buffer_init(&json, 1 << 20);
    http_write_openapi(&json);
    assert_int_equal(json.status, STATUS_OK);
    assert_int_equal(
        dag_json_decode(buffer_bytes(&json), &arena, &document, NULL),
        STATUS_OK);
    const Value *version = value_get(&document, TEXT("openapi"));
    assert_true(text_equal(version->text, TEXT("3.1.0")));
    struct in_document in = {.paths = value_get(&document, TEXT("paths"))};
    assert_non_null(in.paths);
    routes_each(find_operation, &in);
    assert_true(in.found > 20);
    arena_deinit(&arena);
    buffer_deinit(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_route_of_a_path),
        cmocka_unit_test(says_which_methods_a_path_has),
        cmocka_unit_test(every_route_says_what_a_reader_needs),
        cmocka_unit_test(few_routes_are_public),
        cmocka_unit_test(the_pages_in_docs_are_those_of_the_table),
        cmocka_unit_test(openapi_has_every_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
