/* SPDX-License-Identifier: Apache-2.0 */
#include "homestar/facts.h"

#include "crypto/hash.h"
#include "ipld/multibase.h"

/* --- Health -------------------------------------------------------------- */

Value facts_health(struct node *node, struct arena *arena)
{
    struct store_stat stat;
    const bool is_healthy =
        store_stat(node_store(node), &stat, NULL) == STATUS_OK;
    return value_map1(arena, TEXT("healthy"), value_bool(is_healthy));
}

/* --- Metrics ------------------------------------------------------------- */

enum { GAUGES_MAX = 40 };

struct gauges {
    struct arena *arena;
    Text prefix;
    Value items[GAUGES_MAX];
    size_t count;
};

static void add(struct gauges *gauges, const char *name, const char *help,
                uint64_t number)
{
    struct arena *arena = gauges->arena;
    if (!text_starts_with(text_of(name), gauges->prefix))
        return;
    const struct value_entry datum[] = {
        {TEXT("type"), value_text(TEXT("metric"))},
        {TEXT("value"),
         value_text(arena_format(arena, "%llu", (unsigned long long)number))},
        {TEXT("labels"), value_null()},
    };
    Value *data = ARENA_NEW(arena, Value);
    *data = value_map(arena, datum, 3);
    const struct value_entry gauge[] = {
        {TEXT("data"), value_list(data, 1)},
        {TEXT("help"), value_text(text_of(help))},
        {TEXT("metric_name"), value_text(text_of(name))},
        {TEXT("metric_type"), value_text(TEXT("gauge"))},
    };
    ASSERT(gauges->count < GAUGES_MAX);
    gauges->items[gauges->count++] = value_map(arena, gauge, 4);
}

static void add_jobs(struct gauges *gauges, const struct node_stats *stats)
{
    for (unsigned state = 0; state < JOB_STATES; state++)
        add(gauges,
            arena_format(gauges->arena, "ipvm_jobs_%.*s",
                         TEXT_ARG(job_state_name((JobState)state)))
                .data,
            state < JOB_SUCCEEDED ? "jobs in this state"
                                  : "jobs that came to this since the start",
            stats->jobs[state]);
    add(gauges, "ipvm_jobs_refused", "submissions that were refused",
        stats->jobs_refused);
}

static void add_tasks(struct gauges *gauges, const struct node_stats *stats)
{
    add(gauges, "ipvm_tasks_queued", "tasks that wait for a worker",
        stats->tasks_queued);
    add(gauges, "ipvm_tasks_running", "tasks that run", stats->tasks_running);
    add(gauges, "ipvm_tasks_run", "tasks that were run", stats->tasks_run);
    add(gauges, "ipvm_tasks_hit", "tasks that the memo answered",
        stats->tasks_hit);
    add(gauges, "ipvm_tasks_failed", "tasks that failed", stats->tasks_failed);
    add(gauges, "ipvm_fuel", "fuel that metered tasks took", stats->fuel);
    add(gauges, "ipvm_cpu_ns", "processor time of tasks", stats->cpu_ns);
    add(gauges, "ipvm_saved_ns", "what hits would have taken",
        stats->saved_ns);
    add(gauges, "ipvm_memory_used_bytes", "what running tasks asked for",
        stats->memory_used);
    add(gauges, "ipvm_memory_total_bytes", "what running tasks may ask for",
        stats->memory_total);
    add(gauges, "ipvm_workers", "worker processes", stats->workers);
    add(gauges, "ipvm_workers_busy", "those that run a task",
        stats->workers_busy);
}

static void add_store(struct gauges *gauges, struct store *store)
{
    struct store_stat stat = {0};
    if (store_stat(store, &stat, NULL) != STATUS_OK)
        return;
    add(gauges, "ipvm_store_blocks", "blocks in the store", stat.blocks);
    add(gauges, "ipvm_store_used_bytes", "what the store's file takes",
        stat.used_bytes);
    add(gauges, "ipvm_memo_entries", "results that are remembered", stat.memo);
}

Value facts_metrics(struct node *node, Text prefix, struct arena *arena)
{
    struct gauges *gauges = ARENA_NEW(arena, struct gauges);
    struct node_stats stats;
    gauges->arena = arena;
    gauges->prefix = prefix;
    node_stats(node, &stats);
    add_jobs(gauges, &stats);
    add_tasks(gauges, &stats);
    add_store(gauges, node_store(node));
    return value_map1(arena, TEXT("metrics"),
                      value_list(gauges->items, gauges->count));
}

/* --- The node ------------------------------------------------------------ */

/* base58btc of the multihash of {1: type, 2: key} in protocol buffers; the
 * identity up to 42 bytes (libp2p's specification of peer ids). P-256 keys have
 * another form there: those are named by their digest. */
Text facts_peer_id(const PublicKey *key, struct arena *arena)
{
    enum { ED25519 = 1, SECP256K1 = 2, ECDSA = 3, HEAD = 4, ID_MAX = 64 };
    uint8_t message[HEAD + KEY_LEN_MAX], id[2 + HEAD + KEY_LEN_MAX];
    const uint8_t type = key->type == KEY_ED25519 ? ED25519
                         : key->type == KEY_P256  ? ECDSA
                                                  : SECP256K1;
    const uint8_t head[HEAD] = {0x08, type, 0x12, key->len};
    const size_t len = HEAD + key->len;
    memcpy(message, head, HEAD);
    memcpy(message + HEAD, key->bytes, key->len);
    size_t id_len = 2 + len;
    id[0] = HASH_IDENTITY;
    id[1] = (uint8_t)len;
    memcpy(id + 2, message, len);
    if (type == ECDSA) {
        Hash digest;
        hash_sha256(bytes_of(message, len), &digest);
        id[0] = HASH_SHA2_256;
        id[1] = SHA256_LEN;
        memcpy(id + 2, digest.bytes, SHA256_LEN);
        id_len = 2 + SHA256_LEN;
    }
    char text[ID_MAX];
    ASSERT(multibase_length_max('z', id_len) <= sizeof text);
    const size_t text_len = multibase_encode('z', bytes_of(id, id_len), text);
    return arena_copy_text(arena, (Text){text + 1, text_len - 1});
}

Value facts_node(struct node *node, uint16_t port, struct arena *arena)
{
    Value *listener = ARENA_NEW(arena, Value);
    const PublicKey *key = secret_key_public(node_key(node));
    *listener = value_text(
        arena_format(arena, "/ip4/127.0.0.1/tcp/%u/ws", (unsigned)port));
    const struct value_entry dynamic[] = {
        {TEXT("listeners"), value_list(listener, 1)},
        {TEXT("connections"), value_map(arena, NULL, 0)},
    };
    const struct value_entry entries[] = {
        {TEXT("static"), value_map1(arena, TEXT("peer_id"),
                                    value_text(facts_peer_id(key, arena)))},
        {TEXT("dynamic"), value_map(arena, dynamic, 2)},
    };
    return value_map(arena, entries, 2);
}

/* --- Discovery ----------------------------------------------------------- */

static const struct {
    Text name, result, summary;
} methods[] = {
    {TEXT_INIT("rpc.discover"), TEXT_INIT("OpenRPC Schema"),
     TEXT_INIT("this document")},
    {TEXT_INIT("health"), TEXT_INIT("health"),
     TEXT_INIT("whether the store can be read")},
    {TEXT_INIT("metrics"), TEXT_INIT("metrics"),
     TEXT_INIT("numbers of the node")},
    {TEXT_INIT("node"), TEXT_INIT("node_info"),
     TEXT_INIT("its name and where it listens")},
    {TEXT_INIT("subscribe_network_events"), TEXT_INIT("subscription_id"),
     TEXT_INIT("a subscription that stays silent")},
    {TEXT_INIT("unsubscribe_network_events"), TEXT_INIT("unsubscribe result"),
     TEXT_INIT("ends it")},
    {TEXT_INIT("subscribe_run_workflow"), TEXT_INIT("subscription_id"),
     TEXT_INIT("runs a workflow and tells of each task")},
    {TEXT_INIT("unsubscribe_run_workflow"), TEXT_INIT("unsubscribe result"),
     TEXT_INIT("ends it; the workflow goes on")},
};

static Value method_value(size_t index, struct arena *arena)
{
    const struct value_entry result[] = {
        {TEXT("name"), value_text(methods[index].result)},
        {TEXT("schema"), value_map(arena, NULL, 0)},
    };
    const struct value_entry entries[] = {
        {TEXT("name"), value_text(methods[index].name)},
        {TEXT("params"), value_list(NULL, 0)},
        {TEXT("result"), value_map(arena, result, 2)},
        {TEXT("summary"), value_text(methods[index].summary)},
    };
    return value_map(arena, entries, 4);
}

Value facts_discover(struct arena *arena)
{
    enum { COUNT = sizeof methods / sizeof *methods };
    Value *items = arena_array(arena, COUNT, sizeof *items);
    for (size_t index = 0; index < COUNT; index++)
        items[index] = method_value(index, arena);
    const struct value_entry info[] = {
        {TEXT("title"), value_text(TEXT("homestar"))},
        {TEXT("version"), value_text(TEXT("0.3.0"))},
    };
    const struct value_entry entries[] = {
        {TEXT("info"), value_map(arena, info, 2)},
        {TEXT("methods"), value_list(items, COUNT)},
        {TEXT("openrpc"), value_text(TEXT("1.2.6"))},
    };
    return value_map(arena, entries, 3);
}
