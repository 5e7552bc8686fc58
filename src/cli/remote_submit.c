/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/remote_submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/block_input.h"
#include "cli/field.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "content/walk.h"
#include "ipld/car.h"
#include "ipld/dag_json.h"
#include "ipld/varint.h"
#include "ucan/container.h"

enum { ASKED_AT_ONCE = 5000, TRIES = 3, BEARER_LEN_MAX = 16 << 10 };

/* --- Which blocks -------------------------------------------------------- */

struct cids {
    Cid *items; /* owned */
    size_t count, capacity;
};

static void add_cid(struct cids *cids, const Cid *cid)
{
    if (cids->count == cids->capacity) {
        cids->capacity = 2 * cids->capacity + 64;
        cids->items =
            heap_resize(cids->items, cids->capacity, sizeof *cids->items);
    }
    cids->items[cids->count++] = *cid;
}

struct walking {
    struct store *store;
    struct cids cids;
};

/* Promises name computations, which are no blocks; what else is not here, the
 * node may have. What carries its own bytes is everywhere. */
static Status visit(void *context, const struct walk_visit *visit,
                    struct error *err)
{
    struct walking *walking = context;
    (void)err;
    if (cid_hash_code(visit->cid) != HASH_IDENTITY &&
        (visit->block || store_has(walking->store, visit->cid)))
        add_cid(&walking->cids, visit->cid);
    return STATUS_OK;
}

static void take_missing(const Value *answer, struct cids *missing)
{
    const Value *list = field(answer, TEXT("missing"));
    Cid cid;
    for (size_t at = 0;
         list && list->kind == VALUE_LIST && at < list->list.count; at++)
        if (list->list.items[at].kind == VALUE_LINK &&
            cid_from_bytes(list->list.items[at].link, &cid, NULL) == STATUS_OK)
            add_cid(missing, &cid);
}

/* Of some of them, those that the node lacks: all, where it does not say. */
static int ask_missing(struct node_client *client, const Cid *cids,
                       size_t count, struct cids *missing)
{
    struct arena arena = {0};
    struct buffer body;
    struct http_client_answer answer;
    struct error err = {0};
    Value *links = arena_array(&arena, count, sizeof *links);
    Value said = value_null();
    for (size_t index = 0; index < count; index++)
        links[index] = value_link(&cids[index]);
    const Value list =
        value_map1(&arena, TEXT("cids"), value_list(links, count));
    buffer_init(&body, (size_t)16 << 20);
    IGNORE(dag_json_encode(&list, &body, NULL)); // Links only.
    const struct node_ask ask = {
        .method = "POST",
        .path = "/v1/missing",
        .cmd = "/content/read",
        .type = "application/json",
        .body = buffer_bytes(&body),
    };
    Status status = node_try(client, &ask, &answer, &err);
    const Bytes bytes = arena_copy_bytes(&arena, buffer_bytes(&answer.body));
    const bool is_said =
        status == STATUS_OK && answer.status < 400 &&
        dag_json_decode(bytes, &arena, &said, NULL) == STATUS_OK;
    if (is_said)
        take_missing(&said, missing);
    for (size_t index = 0; !is_said && index < count; index++)
        add_cid(missing, &cids[index]);
    buffer_deinit(&answer.body);
    buffer_deinit(&body);
    arena_deinit(&arena);
    return status == STATUS_OK
               ? EXIT_OK
               : say_failed(node_client_cli(client), status, &err);
}

static int find_missing(struct node_client *client,
                        const struct remote_submission *submission,
                        struct cids *missing)
{
    struct walking walking = {.store = submission->store};
    const struct cids *all = &walking.cids;
    struct error err = {0};
    const struct walk_options options = {
        .missing_too = true,
        .skip_leaves = true,
        .context = &walking,
    };
    const Status status =
        content_walk(submission->store, &submission->terms->workflow, 1,
                     &options, visit, &err);
    int code = status == STATUS_OK
                   ? EXIT_OK
                   : say_failed(node_client_cli(client), status, &err);
    for (size_t at = 0; code == EXIT_OK && at < all->count;
         at += ASKED_AT_ONCE) {
        const size_t left = all->count - at;
        code =
            ask_missing(client, &all->items[at],
                        left < ASKED_AT_ONCE ? left : ASKED_AT_ONCE, missing);
    }
    free(all->items);
    return code;
}

/* --- Giving them --------------------------------------------------------- */

/* A CAR that is made as it is read: a section at a time. */
struct giving {
    struct store *store;
    const struct cids *cids;
    size_t next;         /* of the cids */
    struct buffer ready; /* not yet given */
    size_t given;        /* of it */
    uint64_t done, total;
    struct bar bar;
    struct error err;
};

static Status write_ready(void *context, Bytes bytes, struct error *err)
{
    struct giving *giving = context;
    buffer_add_bytes(&giving->ready, bytes);
    return buffer_status(&giving->ready, "a section of a CAR", err);
}

/* A block was here a moment ago. */
static Status check_block(struct giving *giving, const Cid *cid, Status status)
{
    char name[CID_TEXT_MAX];
    if (status != STATUS_NOT_FOUND)
        return status;
    cid_to_text(cid, name);
    return fail(&giving->err, status, "block %.64s was collected meanwhile",
                name);
}

static Status make_ready(struct giving *giving)
{
    struct block *block;
    const Cid *cid = &giving->cids->items[giving->next++];
    TRY(check_block(giving, cid,
                    store_get(giving->store, cid, &block, &giving->err)));
    const Status status = car_write_block(write_ready, giving, cid,
                                          block_bytes(block), &giving->err);
    block_unref(block);
    return status;
}

/* For struct node_ask. */
static long give(void *context, void *data, size_t max)
{
    struct giving *giving = context;
    if (giving->given == giving->ready.len) {
        buffer_clear(&giving->ready);
        giving->given = 0;
        if (giving->next < giving->cids->count &&
            make_ready(giving) != STATUS_OK)
            return -1;
    }
    const size_t left = giving->ready.len - giving->given;
    const size_t len = left < max ? left : max;
    memcpy(data, giving->ready.data + giving->given, len);
    giving->given += len;
    giving->done += len;
    bar_progress(&giving->bar, giving->done, giving->total);
    return (long)len;
}

/* How long all of it will be, of which the header is ready. */
static Status add_up(struct giving *giving)
{
    uint8_t varint[16];
    giving->total = giving->ready.len;
    for (size_t index = 0; index < giving->cids->count; index++) {
        const Cid *cid = &giving->cids->items[index];
        uint64_t len;
        TRY(check_block(giving, cid,
                        store_length(giving->store, cid, &len, &giving->err)));
        len += cid->len;
        giving->total += varint_write(len, varint) + len;
    }
    return STATUS_OK;
}

static Status send_car(struct node_client *client, struct giving *giving,
                       const char *bearer, struct http_client_answer *answer)
{
    const struct node_ask ask = {
        .method = "POST",
        .path = "/v1/jobs",
        .bearer = bearer,
        .type = "application/vnd.ipld.car",
        .read = give,
        .read_len = giving->total,
        .context = giving,
    };
    struct error err = {0};
    const Status status = node_try(client, &ask, answer, &err);
    bar_clear(&giving->bar);
    // Where a block could not be read, that is the reason.
    if (status != STATUS_OK && giving->err.status == STATUS_OK)
        giving->err = err;
    return status == STATUS_OK ? STATUS_OK : giving->err.status;
}

/* From the first block on. */
static Status give_all(struct node_client *client,
                       const struct remote_submission *submission,
                       struct giving *giving, const char *bearer,
                       struct http_client_answer *answer)
{
    giving->next = giving->given = 0;
    giving->done = 0;
    giving->err = (struct error){0};
    buffer_clear(&giving->ready);
    TRY(car_write_header(write_ready, giving, &submission->terms->workflow, 1,
                         &giving->err));
    TRY(add_up(giving));
    return send_car(client, giving, bearer, answer);
}

/* A connection that broke is no reason to give up: the job stays one. */
static int send_with_blocks(struct node_client *client,
                            const struct remote_submission *submission,
                            const struct cids *missing, const char *bearer,
                            struct arena *arena, Value *answer)
{
    struct giving giving = {
        .store = submission->store,
        .cids = missing,
        .bar = {.cli = node_client_cli(client),
                .name = "giving the node what it lacks"},
    };
    struct http_client_answer said = {0};
    buffer_init(&giving.ready, CAR_BLOCK_MAX + CAR_HEADER_MAX);
    Status status = give_all(client, submission, &giving, bearer, &said);
    for (int tries = 1; tries < TRIES && status == STATUS_IO; tries++) {
        buffer_deinit(&said.body);
        node_client_find_again(client);
        status = give_all(client, submission, &giving, bearer, &said);
    }
    const int code = status == STATUS_OK
                         ? node_answer_value(client, &said, arena, answer)
                         : node_say_trouble(client, status, &giving.err);
    buffer_deinit(&said.body);
    buffer_deinit(&giving.ready);
    return code;
}

/* --- The submission ------------------------------------------------------ */

static int send(struct node_client *client,
                const struct remote_submission *submission, const char *bearer,
                struct arena *arena, Value *answer)
{
    struct cids missing = {0};
    // With many proofs it is too long for a header.
    const bool is_long = strlen(bearer) > BEARER_LEN_MAX;
    const struct node_ask ask = {
        .method = "POST",
        .path = "/v1/jobs",
        .bearer = bearer,
        .is_in_body = is_long,
        .type = is_long ? "application/vnd.ucan.container" : NULL,
        .body = is_long ? text_bytes(text_of(bearer)) : (Bytes){0},
    };
    int code = EXIT_OK;
    if (submission->store)
        code = find_missing(client, submission, &missing);
    if (code == EXIT_OK && missing.count > 0)
        code = send_with_blocks(client, submission, &missing, bearer, arena,
                                answer);
    else if (code == EXIT_OK)
        code = node_ask_value(client, &ask, arena, answer);
    free(missing.items);
    return code;
}

int remote_submit(struct node_client *client,
                  const struct remote_submission *submission,
                  struct arena *arena, Value *answer)
{
    struct buffer bearer;
    buffer_init(&bearer, (size_t)2 * CONTAINER_BYTES_MAX);
    int code = node_mint(client, TEXT("/workflow/run"),
                         job_terms_value(submission->terms, arena),
                         submission->nonce, &bearer);
    buffer_add_byte(&bearer, '\0');
    if (code == EXIT_OK)
        code =
            send(client, submission, (const char *)bearer.data, arena, answer);
    buffer_deinit(&bearer);
    return code;
}
