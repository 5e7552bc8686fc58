/* SPDX-License-Identifier: Apache-2.0 */
/* openapi.c - the route table as OpenAPI 3.1. */
#include "http/http.h"
#include "http/route.h"
#include "ipld/dag_json.h"
#include "ipvm.h"

enum { FIELDS_MAX = 16, PARAMS_MAX = 16 };

/* A map that grows; its entries are in the arena. */
struct object {
    struct arena *arena;
    struct value_entry *entries;
    size_t count, room;
};

static void put(struct object *object, Text key, Value value)
{
    if (object->count == object->room) {
        const size_t room = object->room ? object->room * 2 : FIELDS_MAX;
        struct value_entry *entries =
            arena_array(object->arena, room, sizeof *entries);
        if (object->count > 0)
            memcpy(entries, object->entries, object->count * sizeof *entries);
        object->entries = entries;
        object->room = room;
    }
    object->entries[object->count++] = (struct value_entry){key, value};
}

static void put_text(struct object *object, const char *key, const char *text)
{
    put(object, text_of(key), value_text(text_of(text)));
}

static Value object_value(const struct object *object)
{
    return value_map(object->arena, object->entries, object->count);
}

/* {"type": "string"} and the like. */
static Value schema_of(struct arena *arena, const char *kind)
{
    const char *type = strcmp(kind, "int") == 0 ? "integer" : "string";
    return value_map1(arena, TEXT("type"), value_text(text_of(type)));
}

/* --- Parameters ---------------------------------------------------------- */

static Value parameter(struct arena *arena, Text name, const char *in,
                       const char *about, const char *kind)
{
    struct object object = {.arena = arena};
    put(&object, TEXT("name"), value_text(name));
    put_text(&object, "in", in);
    if (about)
        put_text(&object, "description", about);
    put(&object, TEXT("required"), value_bool(strcmp(in, "path") == 0));
    put(&object, TEXT("schema"), schema_of(arena, kind));
    return object_value(&object);
}

/* What stands in braces, without the star. */
static Value parameters(struct arena *arena, const struct route *route)
{
    Value *items = arena_array(arena, PARAMS_MAX, sizeof *items);
    size_t count = 0;
    for (const char *at = strchr(route->path, '{'); at;
         at = strchr(at + 1, '{')) {
        const size_t len = strcspn(at + 1, "*}");
        ASSERT(count < PARAMS_MAX);
        items[count++] =
            parameter(arena, (Text){at + 1, len}, "path", NULL, "text");
    }
    for (const struct route_param *param = route->query; param && param->name;
         param++) {
        ASSERT(count < PARAMS_MAX);
        items[count++] = parameter(arena, text_of(param->name), "query",
                                   param->about, param->kind);
    }
    return value_list(items, count);
}

/* --- Bodies and answers -------------------------------------------------- */

static Value body_of(struct arena *arena, const struct route *route)
{
    struct object types = {.arena = arena};
    for (const char *const *body = route->bodies; *body; body++)
        put(&types, text_of(*body), value_map(arena, NULL, 0));
    return value_map1(arena, TEXT("content"), object_value(&types));
}

static Value problem_answer(struct arena *arena)
{
    const Value schema = value_map1(
        arena, TEXT("$ref"), value_text(TEXT("#/components/schemas/Problem")));
    const Value content =
        value_map1(arena, TEXT("application/problem+json"),
                   value_map1(arena, TEXT("schema"), schema));
    struct object answer = {.arena = arena};
    put_text(&answer, "description", "what went wrong, and where");
    put(&answer, TEXT("content"), content);
    return object_value(&answer);
}

/* Several rows may have one status: then the first says what it means, and all
 * give their types. */
static Value answers(struct arena *arena, const struct route *route)
{
    struct object all = {.arena = arena};
    const struct route_answer *first = route->answers;
    for (const struct route_answer *row = first; row && row->status; row++) {
        struct object one = {.arena = arena}, types = {.arena = arena};
        bool is_known = false;
        for (const struct route_answer *before = first; before < row; before++)
            is_known = is_known || before->status == row->status;
        if (is_known)
            continue;
        put_text(&one, "description", row->about);
        for (const struct route_answer *same = row; same->status; same++)
            if (same->status == row->status && same->type)
                put(&types, text_of(same->type), value_map(arena, NULL, 0));
        if (types.count > 0)
            put(&one, TEXT("content"), object_value(&types));
        put(&all, arena_format(arena, "%d", row->status), object_value(&one));
    }
    put(&all, TEXT("default"), problem_answer(arena));
    return object_value(&all);
}

/* --- Operations ---------------------------------------------------------- */

static Value security_of(struct arena *arena, const struct route *route)
{
    Value *items = arena_array(arena, 3, sizeof *items);
    const Value none = value_list(items, 0);
    if (route->capability == MAY_NOTHING && !route->begin)
        return none;
    items[0] = value_map1(arena, TEXT("bearer"), none);
    items[1] = value_map1(arena, TEXT("session"), none);
    items[2] = value_map(arena, NULL, 0); // A container in the body.
    return value_list(items, route->capability == MAY_NOTHING ? 3 : 2);
}

static Value operation(struct arena *arena, const struct route *route)
{
    struct object object = {.arena = arena};
    const Text command = capability_command(route->capability);
    Value *tags = ARENA_NEW(arena, Value);
    *tags = value_text(text_of(route->group));
    put_text(&object, "operationId", route->id);
    put_text(&object, "summary", route->summary);
    if (route->about)
        put_text(&object, "description", route->about);
    put(&object, TEXT("tags"), value_list(tags, 1));
    put(&object, TEXT("parameters"), parameters(arena, route));
    put(&object, TEXT("responses"), answers(arena, route));
    put(&object, TEXT("security"), security_of(arena, route));
    put(&object, TEXT("x-ipvm-capability"), value_text(command));
    if (route->bodies)
        put(&object, TEXT("requestBody"), body_of(arena, route));
    return object_value(&object);
}

static Text method_key(unsigned method)
{
    switch (method) {
    case METHOD_POST:
        return TEXT("post");
    case METHOD_PUT:
        return TEXT("put");
    case METHOD_DELETE:
        return TEXT("delete");
    case METHOD_HEAD:
        return TEXT("head");
    default:
        return TEXT("get");
    }
}

/* Without stars. */
static Text plain_path(struct arena *arena, const char *path)
{
    char *plain = arena_alloc(arena, strlen(path) + 1);
    size_t len = 0;
    for (; *path; path++)
        if (*path != '*')
            plain[len++] = *path;
    plain[len] = 0;
    return (Text){plain, len};
}

/* --- Paths --------------------------------------------------------------- */

struct paths {
    struct arena *arena;
    struct object all;
    const char *path; /* whose methods are gathered, or NULL */
    struct object methods;
};

static void add_method(void *context, const struct route *route)
{
    struct paths *paths = context;
    if (strcmp(route->path, paths->path) == 0)
        put(&paths->methods, method_key(route->methods),
            operation(paths->arena, route));
}

static void add_path(void *context, const struct route *route)
{
    struct paths *paths = context;
    const Text path = plain_path(paths->arena, route->path);
    for (size_t index = 0; index < paths->all.count; index++)
        if (text_equal(paths->all.entries[index].key, path))
            return;
    paths->path = route->path;
    paths->methods = (struct object){.arena = paths->arena};
    routes_each(add_method, paths);
    put(&paths->all, path, object_value(&paths->methods));
}

/* --- The document -------------------------------------------------------- */

static Value problem_schema(struct arena *arena)
{
    static const char *const texts[] = {"type",     "title", "detail",
                                        "instance", "name",  "where"};
    struct object fields = {.arena = arena}, schema = {.arena = arena};
    for (size_t index = 0; index < sizeof texts / sizeof *texts; index++)
        put(&fields, text_of(texts[index]), schema_of(arena, "text"));
    put(&fields, TEXT("status"), schema_of(arena, "int"));
    put_text(&schema, "type", "object");
    put_text(&schema, "description",
             "RFC 9457; `name` is stable, for programs");
    put(&schema, TEXT("properties"), object_value(&fields));
    return object_value(&schema);
}

static Value components(struct arena *arena)
{
    struct object bearer = {.arena = arena}, session = {.arena = arena};
    struct object schemes = {.arena = arena}, all = {.arena = arena};
    put_text(&bearer, "type", "http");
    put_text(&bearer, "scheme", "bearer");
    put_text(&bearer, "description",
             "a UCAN container (base64url) of an invocation and its proofs");
    put_text(&session, "type", "apiKey");
    put_text(&session, "in", "cookie");
    put_text(&session, "name", SESSION_COOKIE);
    put_text(&session, "description",
             "the owner's; changes need the header X-IPVM: 1");
    put(&schemes, TEXT("bearer"), object_value(&bearer));
    put(&schemes, TEXT("session"), object_value(&session));
    put(&all, TEXT("securitySchemes"), object_value(&schemes));
    put(&all, TEXT("schemas"),
        value_map1(arena, TEXT("Problem"), problem_schema(arena)));
    return object_value(&all);
}

static Value information(struct arena *arena)
{
    struct object info = {.arena = arena};
    put_text(&info, "title", "IPVM node");
    put_text(&info, "version", IPVM_VERSION);
    put_text(&info, "description",
             "Durable jobs of WebAssembly by content address. JSON is "
             "DAG-JSON; docs/http-api.md says the same in words.");
    put(&info, TEXT("license"),
        value_map1(arena, TEXT("name"), value_text(TEXT("Apache-2.0"))));
    return object_value(&info);
}

void http_write_openapi(struct buffer *out)
{
    struct arena arena = {0};
    struct paths paths = {.arena = &arena, .all = {.arena = &arena}};
    struct object document = {.arena = &arena};
    Value server = value_map1(&arena, TEXT("url"),
                              value_text(TEXT("http://127.0.0.1:4747")));
    routes_each(add_path, &paths);
    put_text(&document, "openapi", "3.1.0");
    put(&document, TEXT("info"), information(&arena));
    put(&document, TEXT("servers"), value_list(&server, 1));
    put(&document, TEXT("paths"), object_value(&paths.all));
    put(&document, TEXT("components"), components(&arena));
    const Value value = object_value(&document);
    IGNORE(dag_json_print(&value, out, NULL)); // Fails with `out`, if at all.
    buffer_add_byte(out, '\n');
    arena_deinit(&arena);
}
