/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/serve.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "worker/channel.h"
#include "worker/message.h"
#include "worker/pause.h"
#include "worker/sandbox.h"

/* A landing place for blocks.
 *
 *     FREE --asked for--> COMING --wanted and answered--> LENT --given back--+
 *      ^                     | no longer expected, and answered              |
 *      +---------------------+-----------------------------------------------+
 */
typedef enum { SLOT_FREE, SLOT_COMING, SLOT_LENT } SlotState;

struct slot {
    SlotState state;
    bool is_expected; /* COMING: not yet, but soon */
    uint32_t number;  /* COMING: of its asking */
    uint8_t cid_len;
    uint8_t cid[CID_BYTES_MAX];
};

/* Blocks lent in their landing places: others are copied out of them. */
enum { SLOTS_LENT_MAX = 3 };

struct server {
    struct channel channel;
    const struct performer *performer;
    int artifacts[ARTIFACT_SLOTS];
    struct slot slots[CHANNEL_SLOTS];
    uint32_t asked; /* blocks, ever: the runner counts answers likewise */
    struct buffer output;
    struct patience patience;
    uint64_t ticket;
    uint64_t lines_dropped;
    size_t log_room; /* for lines of the job, bytes */
};

/* --- Waiting ------------------------------------------------------------ */

/* What is waited for; `number` is the condition's own. */
typedef bool Condition(struct server *server, uint64_t number);

static bool has_job(struct server *server, uint64_t unused)
{
    (void)unused;
    return ring_has_data(&server->channel.jobs);
}

static bool has_room(struct server *server, uint64_t len)
{
    return ring_reserve(&server->channel.results, (size_t)len) != NULL;
}

/* `number` askings are answered. */
static bool is_answered(struct server *server, uint64_t number)
{
    uint32_t answers = atomic_load_explicit(&server->channel.shared->answers,
                                            memory_order_acquire);
    return (int32_t)(answers - (uint32_t)number) >= 0;
}

static uint64_t spin_max_ns(const struct server *server)
{
    return atomic_load_explicit(&server->channel.shared->spin_ns,
                                memory_order_relaxed);
}

static bool spin_for(struct server *server, Condition *condition,
                     uint64_t number)
{
    uint64_t max_ns = patience_ns(&server->patience, spin_max_ns(server));
    uint64_t start = clock_monotonic_ns();
    do
        for (int i = 0; i < 32; i++) {
            if (condition(server, number))
                return true;
            spin_pause();
        }
    while (clock_monotonic_ns() - start < max_ns);
    return false;
}

/* Spins a little, then sleeps; see channel_wake_worker(). */
static void wait_for(struct server *server, Condition *condition,
                     uint64_t number)
{
    _Atomic uint32_t *sleeps = &server->channel.shared->worker_sleeps;
    uint64_t start = clock_monotonic_ns();
    while (!spin_for(server, condition, number)) {
        atomic_store(sleeps, 1);
        atomic_thread_fence(memory_order_seq_cst);
        if (condition(server, number)) {
            atomic_store(sleeps, 0);
            return;
        }
        syscall(SYS_futex, sleeps, FUTEX_WAIT, 1, NULL, NULL, 0);
        patience_learn(&server->patience, clock_monotonic_ns() - start,
                       spin_max_ns(server));
    }
}

/* --- Speaking ----------------------------------------------------------- */

static uint8_t *reserve(struct server *server, size_t len)
{
    if (!has_room(server, len)) {
        channel_wake_runner(&server->channel, true);
        wait_for(server, has_room, len);
    }
    return ring_reserve(&server->channel.results, len);
}

static void send(struct server *server, MessageKind kind, size_t len)
{
    ring_commit(&server->channel.results, kind, server->ticket, len);
    bool goes_on =
        kind == MESSAGE_LOG ||
        (kind == MESSAGE_DONE && ring_has_data(&server->channel.jobs));
    channel_wake_runner(&server->channel, !goes_on);
}

/* The end of `bytes` that goes with DONE; what is before it is sent. */
static Bytes send_pieces(struct server *server, Bytes bytes)
{
    while (bytes.len > RESULT_PIECE_MAX) {
        memcpy(reserve(server, RESULT_PIECE_MAX), bytes.data,
               RESULT_PIECE_MAX);
        send(server, MESSAGE_RESULT, RESULT_PIECE_MAX);
        bytes = bytes_from(bytes, RESULT_PIECE_MAX);
    }
    return bytes;
}

static void send_done(struct server *server, const struct run_outcome *outcome)
{
    Bytes output = send_pieces(server, buffer_bytes(&server->output));
    struct done_message done = {.end = (uint32_t)outcome->end,
                                .argument_index = outcome->argument_index,
                                .cost = outcome->cost,
                                .message_len = (uint32_t)strnlen(
                                    outcome->message, RUN_MESSAGE_MAX - 1)};
    size_t len = sizeof done + done.message_len + output.len;
    uint8_t *at = reserve(server, len);
    memcpy(at, &done, sizeof done);
    memcpy(at + sizeof done, outcome->message, done.message_len);
    if (output.len > 0)
        memcpy(at + sizeof done + done.message_len, output.data, output.len);
    send(server, MESSAGE_DONE, len);
}

/* --- What a performer may ask ------------------------------------------- */

/* A line is dropped rather than waited for: half of the ring is kept for what
 * matters. And a job has only so much to say: each line takes the runner's
 * time. */
static void log_line(void *context, uint64_t ticket, LogLevel level, Text line)
{
    struct server *server = context;
    (void)ticket;
    if (line.len > LOG_LINE_MAX)
        line.len = LOG_LINE_MAX;
    const size_t cost = LOG_LINE_COST + line.len;
    const bool has_room =
        server->log_room >= cost &&
        ring_backlog(&server->channel.results) < CHANNEL_RING_LEN / 2;
    uint8_t *at = has_room ? ring_reserve(&server->channel.results,
                                          sizeof(uint32_t) + line.len)
                           : NULL;
    if (!at) {
        server->lines_dropped++;
        return;
    }
    server->log_room -= cost;
    uint32_t word = (uint32_t)level;
    memcpy(at, &word, sizeof word);
    if (line.len > 0)
        memcpy(at + sizeof word, line.data, line.len);
    send(server, MESSAGE_LOG, sizeof word + line.len);
}

static void log_dropped(struct server *server)
{
    uint64_t count = server->lines_dropped;
    if (count == 0)
        return;
    server->lines_dropped = 0;
    char line[80];
    int len = snprintf(line, sizeof line, "%llu log lines were dropped",
                       (unsigned long long)count);
    uint32_t level = LOG_WARN;
    uint8_t *at = reserve(server, sizeof level + (size_t)len);
    memcpy(at, &level, sizeof level);
    memcpy(at + sizeof level, line, (size_t)len);
    send(server, MESSAGE_LOG, sizeof level + (size_t)len);
}

/* --- Blocks ------------------------------------------------------------- */

/* Places of blocks that came and that nobody expects any more are free. */
static void reclaim(struct server *server)
{
    for (uint32_t i = 0; i < CHANNEL_SLOTS; i++) {
        struct slot *slot = &server->slots[i];
        if (slot->state == SLOT_COMING && !slot->is_expected &&
            is_answered(server, slot->number))
            slot->state = SLOT_FREE;
    }
}

static uint32_t count_slots(const struct server *server, SlotState state,
                            uint32_t *first)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CHANNEL_SLOTS; i++) {
        if (server->slots[i].state == state && count++ == 0)
            *first = i;
    }
    return count;
}

static struct slot *find_coming(struct server *server, Bytes cid)
{
    for (uint32_t i = 0; i < CHANNEL_SLOTS; i++) {
        struct slot *slot = &server->slots[i];
        if (slot->state == SLOT_COMING && slot->is_expected &&
            bytes_equal(bytes_of(slot->cid, slot->cid_len), cid))
            return slot;
    }
    return NULL;
}

static struct slot *ask_for(struct server *server, uint32_t index, Bytes cid)
{
    struct slot *slot = &server->slots[index];
    struct block_message ask = {.slot = index};
    uint8_t *at = reserve(server, sizeof ask + cid.len);
    memcpy(at, &ask, sizeof ask);
    memcpy(at + sizeof ask, cid.data, cid.len);
    *slot = (struct slot){.state = SLOT_COMING,
                          .is_expected = true,
                          .number = ++server->asked,
                          .cid_len = (uint8_t)cid.len};
    memcpy(slot->cid, cid.data, cid.len);
    send(server, MESSAGE_BLOCK, sizeof ask + cid.len);
    return slot;
}

/* A landing place that nothing will come to: at worst that of a block that
 * was expected. */
static uint32_t free_slot(struct server *server)
{
    uint32_t found = 0;
    reclaim(server);
    if (count_slots(server, SLOT_FREE, &found) > 0)
        return found;
    uint32_t coming = count_slots(server, SLOT_COMING, &found);
    ASSERT(coming > 0); // SLOTS_LENT_MAX are lent at most.
    wait_for(server, is_answered, server->slots[found].number);
    return found;
}

/* Asks for what is expected, one landing place always kept back. */
static void expect_blocks(void *context, const Bytes *cids, size_t count)
{
    struct server *server = context;
    for (uint32_t i = 0; i < CHANNEL_SLOTS; i++) {
        struct slot *slot = &server->slots[i];
        bool is_expected = false;
        for (size_t j = 0; j < count && slot->state == SLOT_COMING; j++)
            is_expected =
                is_expected ||
                bytes_equal(bytes_of(slot->cid, slot->cid_len), cids[j]);
        slot->is_expected = slot->is_expected && is_expected;
    }
    reclaim(server);
    for (size_t j = 0; j < count; j++) {
        uint32_t index;
        if (cids[j].len > CID_BYTES_MAX || find_coming(server, cids[j]))
            continue;
        if (count_slots(server, SLOT_FREE, &index) < 2)
            return;
        ask_for(server, index, cids[j]);
    }
}

/* Lends the landing place itself, or a copy if many are lent. */
static void lend(struct server *server, struct slot *slot, size_t len,
                 struct run_block *out)
{
    uint32_t index = (uint32_t)(slot - server->slots), first;
    uint8_t *at = channel_slot(&server->channel, index);
    if (count_slots(server, SLOT_LENT, &first) < SLOTS_LENT_MAX) {
        slot->state = SLOT_LENT;
        *out = (struct run_block){bytes_of(at, len), at};
        return;
    }
    slot->state = SLOT_FREE;
    void *copy = malloc(len + 1);
    ASSERT(copy);
    memcpy(copy, at, len);
    *out = (struct run_block){bytes_of(copy, len), copy};
}

static Status ask_block(void *context, Bytes cid, struct run_block *out,
                        struct error *err)
{
    struct server *server = context;
    if (cid.len > CID_BYTES_MAX)
        return fail(err, STATUS_LIMIT, "a CID of %zu bytes is too long",
                    cid.len);
    struct slot *slot = find_coming(server, cid);
    if (!slot)
        slot = ask_for(server, free_slot(server), cid);
    wait_for(server, is_answered, slot->number);

    const struct block_answer *mail =
        &server->channel.shared->mail[slot - server->slots];
    Status status = (Status)mail->status;
    if (status == STATUS_OK) {
        lend(server, slot, mail->len, out);
        return STATUS_OK;
    }
    slot->state = SLOT_FREE;
    if (status != STATUS_NOT_FOUND)
        return fail(err, status, "%.*s", ERROR_MESSAGE_MAX - 1, mail->message);
    return status;
}

static void release_block(void *context, struct run_block *block)
{
    struct server *server = context;
    for (uint32_t i = 0; i < CHANNEL_SLOTS; i++)
        if (block->owner == channel_slot(&server->channel, i)) {
            server->slots[i].state = SLOT_FREE;
            return;
        }
    free(block->owner);
}

/* --- One job ------------------------------------------------------------ */

_Noreturn static void leave(const char *why)
{
    fprintf(stderr, "%s\n", why);
    _exit(1);
}

static int receive_file(struct server *server)
{
    int file = channel_receive_file(&server->channel);
    if (file < 0)
        leave("a file of the runner did not arrive");
    return file;
}

/* Files come in the order of jobs, so they are taken even for a job that was
 * taken back. Returns the file of the input, or -1. */
static int receive_files(struct server *server,
                         const struct job_message *message)
{
    if (message->artifact_follows) {
        int *slot = &server->artifacts[message->artifact_slot];
        if (*slot >= 0)
            close(*slot);
        *slot = receive_file(server);
    }
    return message->file_follows ? receive_file(server) : -1;
}

static const uint8_t *map_input(int file, size_t len)
{
    void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (map == MAP_FAILED)
        leave("cannot map a job's input");
    return map;
}

static void perform(struct server *server, const struct job_message *message,
                    const uint8_t *input, struct run_outcome *outcome)
{
    size_t input_len = (size_t)message->input_len;
    struct run_request request = {
        .ticket = server->ticket,
        .verb = (RunVerb)message->verb,
        .engine = (RunEngine)message->engine,
        .metered = message->metered != 0,
        .isolation = message->isolation,
        .limits = message->limits,
        .input = bytes_of(input, input_len),
        .description =
            bytes_of(input + input_len, (size_t)message->description_len),
        .artifact = {.id = message->artifact_id,
                     .file = message->has_artifact
                                 ? server->artifacts[message->artifact_slot]
                                 : -1,
                     .len = (size_t)message->artifact_len},
        .memory_need = message->memory_need,
    };
    const struct run_host host = {.context = server,
                                  .block = ask_block,
                                  .release_block = release_block,
                                  .log = log_line,
                                  .expect = expect_blocks};
    *outcome = (struct run_outcome){.ticket = server->ticket,
                                    .argument_index = RUN_NO_INDEX};
    expect_blocks(server, NULL, 0);
    server->log_room = LOG_JOB_MAX;
    server->performer->perform(server->performer->state, &request, &host,
                               &server->output, outcome);
    if (server->output.status != STATUS_OK && outcome->end == END_NONE)
        outcome->end = END_LIMIT_RESULT;
}

/* Keeps what small outputs need, not what a large one took. */
static void drop_output(struct server *server)
{
    if (server->output.capacity > RESULT_PIECE_MAX)
        buffer_deinit(&server->output);
    buffer_clear(&server->output);
}

static void serve_job(struct server *server, const struct frame *frame)
{
    struct job_message *message =
        (struct job_message *)(uintptr_t)frame->payload.data;
    int file = receive_files(server, message);
    uint32_t claim = JOB_WAITS;
    if (!atomic_compare_exchange_strong(&message->claim, &claim, JOB_BEGUN)) {
        if (file >= 0)
            close(file);
        ring_release(&server->channel.jobs, frame);
        return;
    }
    server->ticket = frame->ticket;
    size_t len = (size_t)(message->input_len + message->description_len);
    const uint8_t *input = file >= 0 ? map_input(file, len)
                                     : frame->payload.data + sizeof *message;
    struct run_outcome outcome;
    perform(server, message, input, &outcome);
    if (file >= 0)
        munmap((void *)(uintptr_t)input, len);
    // Before DONE: who sees it may count on the room.
    ring_release(&server->channel.jobs, frame);
    log_dropped(server);
    send_done(server, &outcome);
    drop_output(server);
}

/* --- The process -------------------------------------------------------- */

static Status set_up(struct server *server, struct error *err)
{
    TRY(sandbox_prepare(err));
    TRY(channel_adopt(&server->channel, err));
    // The runner may have died before PR_SET_PDEATHSIG.
    if (channel_is_deserted(&server->channel))
        return fail(err, STATUS_HOST, "the runner is gone");
    for (int i = 0; i < ARTIFACT_SLOTS; i++)
        server->artifacts[i] = -1;
    buffer_init(&server->output, LIMIT_RESULT_BYTES);
    return sandbox_enter(err);
}

int worker_serve(const struct performer *performer)
{
    struct server server = {.performer = performer};
    struct error err = {0};
    if (set_up(&server, &err) != STATUS_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    reserve(&server, 0);
    send(&server, MESSAGE_READY, 0);
    for (;;) {
        struct frame frame;
        switch (ring_next(&server.channel.jobs, &frame)) {
        case RING_EMPTY:
            wait_for(&server, has_job, 0);
            break;
        case RING_FRAME:
            serve_job(&server, &frame);
            break;
        case RING_BROKEN:
            leave("the ring of jobs is broken");
        }
    }
}
