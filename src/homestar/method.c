/* SPDX-License-Identifier: Apache-2.0 */
/* method.c - what can be asked: one table of methods. */
#include "homestar/facts.h"
#include "homestar/server.h"
#include "ipld/dag_json.h"

/* One request, and where its answer goes. */
struct asking {
    struct connection *connection;
    const struct rpc_request *request;
    struct arena *arena;
    struct buffer *out;
    bool is_batch;
};

typedef void Method(struct asking *asking);

static void answer(struct asking *asking, Value result)
{
    rpc_write_result(asking->out, &asking->request->id, &result);
}

static void answer_error(struct asking *asking, int code, const char *message)
{
    rpc_write_error(asking->out, &asking->request->id, code, text_of(message));
}

static struct node *node_of(const struct asking *asking)
{
    return asking->connection->homestar->node;
}

/* --- At once ------------------------------------------------------------- */

static void answer_discover(struct asking *asking)
{
    answer(asking, facts_discover(asking->arena));
}

static void answer_health(struct asking *asking)
{
    answer(asking, facts_health(node_of(asking), asking->arena));
}

/* Of all, or of those whose names begin with {"prefix": text}. */
static void answer_metrics(struct asking *asking)
{
    const Value *one = rpc_one(asking->request, TEXT(""));
    const Value *prefix = one ? value_get(one, TEXT("prefix")) : NULL;
    const Text text =
        prefix && prefix->kind == VALUE_TEXT ? prefix->text : TEXT("");
    answer(asking, facts_metrics(node_of(asking), text, asking->arena));
}

static void answer_node(struct asking *asking)
{
    answer(asking,
           facts_node(node_of(asking), asking->connection->homestar->port,
                      asking->arena));
}

/* --- Subscriptions ------------------------------------------------------- */

static void run_workflow(struct asking *asking)
{
    struct error error = {0};
    const Value *one = rpc_one(asking->request, TEXT(""));
    if (!one)
        answer_error(asking, RPC_INVALID_PARAMS,
                     "the workflow is missing: params must be "
                     "[{\"name\", \"workflow\"}]");
    else if (asking->is_batch)
        answer_error(asking, RPC_INVALID_REQUEST,
                     "a workflow cannot be run in a batch");
    else if (subscription_run(asking->connection, &asking->request->id, one,
                              &error) != STATUS_OK)
        answer_error(asking,
                     error.status == STATUS_INVALID ? RPC_INVALID_PARAMS
                                                    : RPC_BUSY,
                     error.message);
}

static void watch_network(struct asking *asking)
{
    char id[SUBSCRIPTION_ID_LEN + 1];
    struct error error = {0};
    if (subscription_idle(asking->connection, id, &error) != STATUS_OK)
        answer_error(asking, RPC_BUSY, error.message);
    else
        answer(asking, value_text(text_of(id)));
}

static void end_subscription(struct asking *asking)
{
    const Value *id = rpc_one(asking->request, TEXT("subscription"));
    if (!id || id->kind != VALUE_TEXT)
        answer_error(asking, RPC_INVALID_PARAMS,
                     "params must be [subscription]");
    else
        answer(asking,
               value_bool(subscription_end(asking->connection, id->text)));
}

/* --- The table ----------------------------------------------------------- */

static const struct {
    const char *name, *path;
    Method *method;
    bool needs_socket;
} methods[] = {
    {"health", "/health", answer_health, false},
    {"metrics", "/metrics", answer_metrics, false},
    {"node", "/node", answer_node, false},
    {"rpc_discover", "/rpc_discover", answer_discover, false},
    {"rpc.discover", NULL, answer_discover, false},
    {"subscribe_run_workflow", NULL, run_workflow, true},
    {"unsubscribe_run_workflow", NULL, end_subscription, true},
    {"subscribe_network_events", NULL, watch_network, true},
    {"unsubscribe_network_events", NULL, end_subscription, true},
};
enum { METHODS = sizeof methods / sizeof *methods };

static void call(struct asking *asking)
{
    const Text name = asking->request->method;
    for (size_t index = 0; index < METHODS; index++) {
        if (!text_equal(name, text_of(methods[index].name)))
            continue;
        if (methods[index].needs_socket &&
            asking->connection->state != IS_SOCKET)
            answer_error(asking, RPC_METHOD_NOT_FOUND,
                         "subscriptions need a WebSocket");
        else if (!methods[index].needs_socket || asking->request->wants_answer)
            methods[index].method(asking);
        return;
    }
    answer_error(asking, RPC_METHOD_NOT_FOUND, "Method not found");
}

static void answer_item(struct connection *connection, const Value *item,
                        bool is_batch, struct arena *arena, struct buffer *out)
{
    struct rpc_request request;
    struct asking asking = {connection, &request, arena, out, is_batch};
    struct error error = {0};
    const size_t before = out->len;
    if (rpc_request_of(item, &request, &error) != STATUS_OK) {
        answer_error(&asking, RPC_INVALID_REQUEST, error.message);
        return;
    }
    call(&asking);
    // Who gives no id wants no answer, of whatever kind.
    if (!request.wants_answer)
        out->len = before;
}

static void answer_batch(struct connection *connection,
                         const struct rpc_message *message,
                         struct arena *arena, struct buffer *out)
{
    const size_t before = out->len;
    buffer_add_byte(out, '[');
    for (size_t index = 0; index < message->count; index++) {
        const size_t start = out->len;
        answer_item(connection, &message->items[index], true, arena, out);
        if (out->len > start)
            buffer_add_byte(out, ',');
    }
    if (out->len == before + 1)
        out->len = before; // Nobody wants an answer.
    else if (out->status == STATUS_OK)
        out->data[out->len - 1] = ']';
}

void method_answer(struct connection *connection, Bytes text,
                   struct buffer *out)
{
    struct arena arena = {0};
    struct rpc_message message;
    struct error error = {0};
    const Value nobody = value_null();
    int code;
    if (rpc_read(text, &arena, &message, &code, &error) != STATUS_OK)
        rpc_write_error(out, &nobody, code, text_of(error.message));
    else if (message.is_batch)
        answer_batch(connection, &message, &arena, out);
    else
        answer_item(connection, message.items, false, &arena, out);
    arena_deinit(&arena);
}

/* --- By GET -------------------------------------------------------------- */

const char *method_of_path(Text path)
{
    for (size_t index = 0; index < METHODS; index++)
        if (methods[index].path &&
            text_equal(path, text_of(methods[index].path)))
            return methods[index].name;
    return NULL;
}

/* The result alone, as the reference gives it. */
void method_get(struct connection *connection, Text method, struct buffer *out)
{
    struct arena arena = {0};
    struct homestar *homestar = connection->homestar;
    Value result = text_equal(method, TEXT("health"))
                       ? facts_health(homestar->node, &arena)
                   : text_equal(method, TEXT("metrics"))
                       ? facts_metrics(homestar->node, TEXT(""), &arena)
                   : text_equal(method, TEXT("node"))
                       ? facts_node(homestar->node, homestar->port, &arena)
                       : facts_discover(&arena);
    if (dag_json_encode(&result, out, NULL) != STATUS_OK)
        ASSERT(out->status != STATUS_OK);
    arena_deinit(&arena);
}
