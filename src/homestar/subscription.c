/* SPDX-License-Identifier: Apache-2.0 */
/* subscription.c - a workflow that was handed in by value.
 *
 *     server's thread        desk                   node
 *     run ─────────────────▶ read, keep, submit ──▶ durable
 *      ◀────────────────── landed ◀─────────────────┘ told
 *     answer, watch ◀──────────── events ───────────┘
 *
 * In flight it belongs to the desk or the node; a connection that goes then
 * only takes its name off, and whoever lands it frees it.
 *
 * The reference tells of every task, in an order in which each stands behind
 * what it awaits; here what nobody needs is not looked at. So what is told is
 * held back until all before it is told, and at the end the memo is asked for
 * the rest. */
#include <stdlib.h>

#include "base/clock.h"
#include "homestar/notice.h"
#include "homestar/server.h"
#include "ipld/dag_cbor.h"
#include "task/homestar.h"

enum { NAME_MAX_LEN = 255, MESSAGE_MAX_LEN = 512 };

static const Text run_method = TEXT_INIT("subscribe_run_workflow");

/* What is known of a task. */
struct known {
    bool is_over, is_told, is_replayed, has_result;
    Cid result;
    Text message; /* in the subscription's arena */
};

struct subscription {
    struct desk_work work;          /* first: the desk gives it back */
    struct subscription *work_next; /* among those that landed */
    struct subscription *next;
    struct homestar *homestar;
    struct connection *connection; /* NULL: it is gone */
    char id[SUBSCRIPTION_ID_LEN + 1];
    struct arena arena;
    Value request_id;
    Text name;
    Bytes document; /* {"name", "workflow"} in DAG-CBOR */

    bool is_idle; /* nothing runs */
    bool is_in_flight;
    atomic_uint hands; /* in flight: the desk's, and the node's or nobody's */
    /* Of the desk, then of the node, then of the server. */
    Status status;
    struct error error;
    Hash job;
    struct workflow *workflow; /* owned */
    struct homestar_names names;

    uint64_t answered_ns;
    struct node_watch *watch;
    atomic_bool is_woken;
    struct known *tasks; /* as many as names.count */
    uint64_t after;      /* events behind that are not read */
    size_t first_untold;
    bool is_over;
};

/* --- Life ---------------------------------------------------------------- */

static struct subscription *make(struct connection *connection)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    struct subscription *subscription = HEAP_NEW(struct subscription);
    uint8_t random[SUBSCRIPTION_ID_LEN];
    random_bytes(random, sizeof random);
    for (unsigned index = 0; index < SUBSCRIPTION_ID_LEN; index++)
        subscription->id[index] =
            letters[random[index] % (sizeof letters - 1)];
    subscription->homestar = connection->homestar;
    subscription->connection = connection;
    subscription->next = connection->subscriptions;
    connection->subscriptions = subscription;
    connection->subscription_count++;
    return subscription;
}

static void release(struct subscription *subscription)
{
    node_unwatch(subscription->watch);
    workflow_free(subscription->workflow);
    arena_deinit(&subscription->arena);
    free(subscription);
}

/* Off its connection's list. */
static void take_off(struct subscription *subscription)
{
    struct connection *connection = subscription->connection;
    struct subscription **place = &connection->subscriptions;
    while (*place != subscription)
        place = &(*place)->next;
    *place = subscription->next;
    subscription->next = NULL;
    subscription->connection = NULL;
    connection->subscription_count--;
}

static void end(struct subscription *subscription)
{
    take_off(subscription);
    if (!subscription->is_in_flight)
        release(subscription);
}

void subscription_end_all(struct connection *connection)
{
    struct subscription *each = connection->subscriptions;
    connection->subscriptions = NULL;
    connection->subscription_count = 0;
    while (each) {
        struct subscription *next = each->next;
        each->next = NULL;
        each->connection = NULL;
        if (!each->is_in_flight)
            release(each);
        each = next;
    }
}

bool subscription_end(struct connection *connection, Text id)
{
    for (struct subscription *each = connection->subscriptions; each;
         each = each->next)
        if (text_equal(text_of(each->id), id) && !each->is_in_flight) {
            end(each);
            return true;
        }
    return false;
}

static Status check_room(const struct connection *connection,
                         struct error *err)
{
    if (connection->subscription_count < SUBSCRIPTIONS_MAX)
        return STATUS_OK;
    return fail(err, STATUS_LIMIT,
                "at most %d subscriptions of one connection: end one first",
                SUBSCRIPTIONS_MAX);
}

Status subscription_idle(struct connection *connection,
                         char out[SUBSCRIPTION_ID_LEN + 1], struct error *err)
{
    TRY(check_room(connection, err));
    struct subscription *subscription = make(connection);
    subscription->is_idle = true;
    memcpy(out, subscription->id, sizeof subscription->id);
    return STATUS_OK;
}

/* --- What is asked for --------------------------------------------------- */

/* A list of numbers below 256, as its clients send bytes. */
static Status read_numbers(const Value *list, struct arena *arena, Bytes *out,
                           struct error *err)
{
    uint8_t *bytes = arena_alloc(arena, list->list.count);
    for (size_t index = 0; index < list->list.count; index++) {
        uint64_t number;
        if (!value_to_uint64(&list->list.items[index], &number) ||
            number > UINT8_MAX)
            return fail(err, STATUS_INVALID,
                        "a workflow as a list must be bytes of DAG-CBOR");
        bytes[index] = (uint8_t)number;
    }
    *out = bytes_of(bytes, list->list.count);
    return STATUS_OK;
}

/* {"name"?, "workflow"}, or {"tasks": [ … ]} alone, also under "tasks"; or the
 * bytes of it. */
static Status read_run(const Value *run, struct subscription *out,
                       struct error *err)
{
    struct arena *arena = &out->arena;
    Value decoded;
    Bytes bytes;
    if (run->kind == VALUE_LIST || run->kind == VALUE_BYTES) {
        bytes = run->bytes;
        if (run->kind == VALUE_LIST)
            TRY(read_numbers(run, arena, &bytes, err));
        TRY(dag_cbor_decode(bytes, arena, &decoded, err));
        run = &decoded;
    }
    const Value *tasks = value_get(run, TEXT("tasks"));
    if (tasks && tasks->kind == VALUE_MAP)
        run = tasks;
    const Value *name = value_get(run, TEXT("name"));
    out->name = name && name->kind == VALUE_TEXT ? name->text : TEXT("");
    if (out->name.len > NAME_MAX_LEN)
        return fail(err, STATUS_INVALID, "'name' is longer than %d bytes",
                    NAME_MAX_LEN);
    if (out->name.len == 0)
        out->name = TEXT("workflow");
    out->name = arena_copy_text(arena, out->name);
    Cid cid;
    out->document = dag_cbor_block(run, arena, &cid);
    return STATUS_OK;
}

/* --- In flight ----------------------------------------------------------- */

/* One of two hands lets go: the desk looks at its work after it is done, the
 * node may tell before that. */
static void land(struct subscription *subscription)
{
    if (atomic_fetch_sub(&subscription->hands, 1) > 1)
        return;
    struct homestar *homestar = subscription->homestar;
    pthread_mutex_lock(&homestar->lock);
    struct subscription **place = &homestar->answered;
    while (*place)
        place = &(*place)->work_next;
    *place = subscription;
    homestar->in_flight--;
    // Under the lock: then nobody waits for it and takes all this away.
    homestar_wake(homestar);
    pthread_cond_signal(&homestar->landed);
    pthread_mutex_unlock(&homestar->lock);
}

/* On the node's thread, or the store's writer. */
static void told(void *context, const struct node_answer *answer)
{
    struct subscription *subscription = context;
    subscription->status = answer->status;
    subscription->error = answer->error;
    subscription->job = answer->job;
    land(subscription);
}

static Status read_and_submit(struct subscription *subscription,
                              const struct loader *loader)
{
    struct node *node = subscription->homestar->node;
    struct error *err = &subscription->error;
    struct submission *submission;
    TRY(homestar_name(subscription->document, &subscription->arena,
                      &subscription->names, err));
    TRY(load_document(loader, subscription->document, "workflow", ".",
                      &subscription->workflow, err));
    const struct job_terms terms = {.workflow = subscription->workflow->cid};
    TRY(gate_own_submission(node_gate(node), &terms, (Bytes){NULL, 0},
                            &submission, err));
    node_submit(node, submission, told, subscription);
    return STATUS_OK;
}

/* On the desk's thread. */
static void perform(struct desk_work *work, const struct loader *loader)
{
    struct subscription *subscription = (struct subscription *)work;
    const Status status = read_and_submit(subscription, loader);
    if (status == STATUS_OK)
        return; // The node lets go when it tells.
    subscription->status = status;
    land(subscription);
}

static void done(struct desk_work *work)
{
    land((struct subscription *)work);
}

static void set_in_flight(struct homestar *homestar, int by)
{
    pthread_mutex_lock(&homestar->lock);
    homestar->in_flight += (unsigned)by;
    pthread_mutex_unlock(&homestar->lock);
}

Status subscription_run(struct connection *connection, const Value *id,
                        const Value *run, struct error *err)
{
    struct homestar *homestar = connection->homestar;
    TRY(check_room(connection, err));
    struct subscription *subscription = make(connection);
    subscription->request_id = value_copy(&subscription->arena, id);
    subscription->work = (struct desk_work){.perform = perform, .done = done};
    Status status = read_run(run, subscription, err);
    if (status == STATUS_OK) {
        subscription->is_in_flight = true;
        atomic_store(&subscription->hands, 2);
        set_in_flight(homestar, 1);
        status = desk_ask(homestar->desk, &subscription->work, err);
        if (status != STATUS_OK) {
            subscription->is_in_flight = false;
            set_in_flight(homestar, -1);
        }
    }
    if (status != STATUS_OK)
        end(subscription);
    return status;
}

/* --- Landed -------------------------------------------------------------- */

/* On the node's thread, where nothing may block. */
static void woken(void *context)
{
    struct subscription *subscription = context;
    atomic_store(&subscription->is_woken, true);
    homestar_wake(subscription->homestar);
}

static void answer_error(struct subscription *subscription)
{
    struct connection *connection = subscription->connection;
    const Status status = subscription->status;
    struct buffer text;
    buffer_init(&text, 4096);
    rpc_write_error(&text, &subscription->request_id,
                    status == STATUS_INVALID || status == STATUS_UNSUPPORTED ||
                            status == STATUS_NOT_FOUND
                        ? RPC_INVALID_PARAMS
                    : status == STATUS_BUSY || status == STATUS_LIMIT
                        ? RPC_BUSY
                        : RPC_INTERNAL_ERROR,
                    text_of(subscription->error.message));
    connection_send(connection, buffer_bytes(&text));
    buffer_deinit(&text);
    end(subscription);
}

static void answer_id(struct subscription *subscription)
{
    struct connection *connection = subscription->connection;
    const Value id = value_text(text_of(subscription->id));
    struct buffer text;
    ASSERT(subscription->workflow->count == subscription->names.count);
    subscription->tasks =
        arena_array(&subscription->arena, subscription->names.count,
                    sizeof *subscription->tasks);
    subscription->answered_ns = clock_monotonic_ns();
    atomic_store(&subscription->is_woken, true);
    subscription->watch = node_watch(subscription->homestar->node,
                                     &subscription->job, woken, subscription);
    buffer_init(&text, 4096);
    rpc_write_result(&text, &subscription->request_id, &id);
    connection_send(connection, buffer_bytes(&text));
    buffer_deinit(&text);
}

void subscription_land(struct homestar *homestar)
{
    pthread_mutex_lock(&homestar->lock);
    struct subscription *each = homestar->answered;
    homestar->answered = NULL;
    pthread_mutex_unlock(&homestar->lock);
    while (each) {
        struct subscription *next = each->work_next;
        each->work_next = NULL;
        each->is_in_flight = false;
        if (!each->connection)
            release(each);
        else if (each->status != STATUS_OK)
            answer_error(each);
        else
            answer_id(each);
        each = next;
    }
}

/* --- Events -------------------------------------------------------------- */

static Text get_text(const Value *map, Text key)
{
    const Value *value = value_get(map, key);
    return value && value->kind == VALUE_TEXT ? value->text : TEXT("");
}

static void note_finished(struct subscription *subscription,
                          const Value *event)
{
    const Value *index = value_get(event, TEXT("index"));
    const Value *result = value_get(event, TEXT("result"));
    uint64_t number;
    if (!index || !value_to_uint64(index, &number) ||
        number >= subscription->names.count)
        return;
    struct known *known = &subscription->tasks[number];
    Text message = get_text(event, TEXT("message"));
    if (message.len == 0)
        message = get_text(event, TEXT("end"));
    if (message.len > MESSAGE_MAX_LEN)
        message.len = MESSAGE_MAX_LEN;
    while (!utf8_is_valid(message, NULL))
        message.len--; // Cut in the middle of a letter.
    known->has_result =
        result && result->kind == VALUE_LINK &&
        cid_from_bytes(result->link, &known->result, NULL) == STATUS_OK;
    known->is_replayed = !text_equal(get_text(event, TEXT("by")), TEXT("run"));
    known->message = arena_copy_text(&subscription->arena, message);
    // Nobody needed it: the memo may know it, at the end.
    known->is_over = known->has_result || known->message.len > 0;
}

static bool take_event(void *context, [[maybe_unused]] uint64_t seq,
                       Bytes bytes)
{
    struct subscription *subscription = context;
    struct arena arena = {0};
    Value event;
    if (dag_cbor_decode(bytes, &arena, &event, NULL) == STATUS_OK &&
        text_equal(get_text(&event, TEXT("kind")), TEXT("task/finished")))
        note_finished(subscription, &event);
    arena_deinit(&arena);
    return true;
}

static void read_events(struct subscription *subscription)
{
    uint64_t last = subscription->after;
    if (subscription->is_over ||
        !atomic_exchange(&subscription->is_woken, false))
        return;
    if (node_events(subscription->homestar->node, &subscription->job,
                    subscription->after, take_event, subscription, &last,
                    &subscription->is_over, NULL) != STATUS_OK) {
        // The job was removed: what it came to is in the memo, or nowhere.
        subscription->is_over = true;
        return;
    }
    subscription->after = last;
}

/* --- Telling ------------------------------------------------------------- */

/* What was not needed in this run may have run before. */
static void ask_memo(struct subscription *subscription, size_t index)
{
    struct store *store = node_store(subscription->homestar->node);
    struct known *known = &subscription->tasks[index];
    Hash concrete = subscription->workflow->tasks[index].symbolic;
    struct memo_entry entry;
    bool is_upstream = false;
    known->is_over = known->is_replayed = true;
    const Status status =
        memo_get_symbolic(store, &concrete, &concrete, &is_upstream, NULL);
    if ((status == STATUS_OK || status == STATUS_NOT_FOUND) && !is_upstream &&
        memo_get(store, &concrete, &entry, NULL) == STATUS_OK) {
        known->has_result = true;
        known->result = entry.result;
    } else {
        known->message = is_upstream ? TEXT("what it awaits failed")
                                     : TEXT("the workflow ended without it");
    }
}

static bool may_be_told(struct subscription *subscription, size_t index)
{
    const struct task *task = &subscription->workflow->tasks[index];
    struct known *known = &subscription->tasks[index];
    if (!known->is_over && subscription->is_over)
        ask_memo(subscription, index);
    for (uint32_t each = 0; each < task->await_count; each++)
        if (task->awaits[each].task != TASK_OUTSIDE &&
            !subscription->tasks[task->awaits[each].task].is_told)
            return false;
    return known->is_over && !known->is_told;
}

static void tell_task(struct subscription *subscription, size_t index)
{
    struct known *known = &subscription->tasks[index];
    struct store *store = node_store(subscription->homestar->node);
    struct notice notice = {
        .name = subscription->name,
        .workflow = &subscription->names.workflow,
        .is_replayed = known->is_replayed,
        .function = subscription->names.tasks[index].function,
        .invocation = &subscription->names.tasks[index].invocation,
        .result = known->has_result ? &known->result : NULL,
        .message = known->message,
    };
    struct buffer bytes, text;
    struct error error = {0};
    buffer_init(&bytes, NOTICE_BYTES_MAX);
    buffer_init(&text, OUT_MAX / 2 + OUT_MAX / 4);
    known->is_told = true;
    if (notice_write(store, &notice, &bytes, &error) != STATUS_OK) {
        buffer_clear(&bytes);
        notice.result = NULL;
        notice.message = error.message[0]
                             ? text_of(error.message)
                             : TEXT("its result is not in the store");
        IGNORE(notice_write(store, &notice, &bytes, NULL));
    }
    rpc_write_bytes(&text, run_method, text_of(subscription->id),
                    buffer_bytes(&bytes));
    connection_send(subscription->connection, buffer_bytes(&text));
    buffer_deinit(&bytes);
    buffer_deinit(&text);
}

/* True if one was told. */
static bool tell_next(struct subscription *subscription)
{
    const size_t count = subscription->names.count;
    while (subscription->first_untold < count &&
           subscription->tasks[subscription->first_untold].is_told)
        subscription->first_untold++;
    for (size_t index = subscription->first_untold; index < count; index++)
        if (may_be_told(subscription, index)) {
            tell_task(subscription, index);
            return true;
        }
    return false;
}

/* Clients listen for notices once they have read the answer; a notice that
 * comes in the same packet is lost on some. */
static bool is_too_early(const struct subscription *subscription,
                         uint64_t now_ns)
{
    return now_ns <
           subscription->answered_ns + (uint64_t)FIRST_NOTICE_MS * 1000000;
}

void subscription_tell(struct connection *connection, uint64_t now_ns)
{
    for (struct subscription *each = connection->subscriptions; each;
         each = each->next) {
        if (each->is_in_flight || each->is_idle)
            continue;
        if (is_too_early(each, now_ns)) {
            connection->homestar->is_soon = true;
            continue;
        }
        read_events(each);
        while (connection_has_room(connection) && tell_next(each))
            ;
    }
}
