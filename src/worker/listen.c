/* SPDX-License-Identifier: Apache-2.0 */
/* listen.c - what a worker process says, read with suspicion. */
#include <stdlib.h>

#include "base/clock.h"
#include "worker/worker.h"

/* One worker's share of a round: others wait. */
enum { FRAMES_PER_ROUND = 256, BYTES_PER_ROUND = 2 << 20 };

/* Keeps the host's memory between jobs small. */
enum { RESULT_KEPT_MAX = 1 << 20 };

/* Valid UTF-8 without what a terminal obeys; '?' stands for the rest. */
static void make_printable(char *text, size_t len)
{
    bool is_utf8 = utf8_is_valid((Text){text, len}, NULL);
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == 0x7f || (byte < ' ' && byte != '\t' && byte != '\n') ||
            (byte >= 0x80 && !is_utf8)) {
            text[i] = '?';
        } else if (byte == 0xc2 && (unsigned char)text[i + 1] < 0xa0) {
            text[i] = text[i + 1] = '?'; // U+0080 to U+009F
        }
    }
}

static const char *hear_log(struct worker *worker, const struct frame *frame)
{
    uint32_t level;
    char line[LOG_LINE_MAX];
    size_t len = frame->payload.len;
    if (len < sizeof level || len > sizeof level + sizeof line)
        return "it sent a log line of wrong length";
    memcpy(&level, frame->payload.data, sizeof level);
    len -= sizeof level;
    memcpy(line, frame->payload.data + sizeof level, len);
    if (level > LOG_CRITICAL)
        return "it sent a log line of no known level";
    make_printable(line, len);
    const struct run_host *host = worker->owner.host;
    if (host->log)
        host->log(host->context, frame->ticket, (LogLevel)level,
                  (Text){line, len});
    return NULL;
}

static void answer(struct worker *worker, uint32_t slot, Status status,
                   size_t len, const struct error *err)
{
    struct channel_shared *shared = worker->channel.shared;
    struct block_answer *mail = &shared->mail[slot];
    mail->status = (uint32_t)status;
    mail->len = len;
    memcpy(mail->message, err->message, ERROR_MESSAGE_MAX);
    atomic_fetch_add_explicit(&shared->answers, 1, memory_order_release);
    channel_wake_worker(&worker->channel);
}

static void fetch_block(struct worker *worker, Bytes cid, uint32_t slot)
{
    const struct run_host *host = worker->owner.host;
    struct error err = {0};
    struct run_block block = {0};
    if (!host->block) {
        answer(worker, slot, STATUS_NOT_FOUND, 0, &err);
        return;
    }
    Status status = host->block(host->context, cid, &block, &err);
    if (status != STATUS_OK) {
        answer(worker, slot, status, 0, &err);
        return;
    }
    size_t len = block.bytes.len;
    if (len > CHANNEL_BLOCK_MAX)
        status = fail(&err, STATUS_LIMIT,
                      "a block of %zu bytes; at most %d are taken", len,
                      CHANNEL_BLOCK_MAX);
    else if (len > 0)
        memcpy(channel_slot(&worker->channel, slot), block.bytes.data, len);
    if (host->release_block)
        host->release_block(host->context, &block);
    worker->round_bytes += len;
    answer(worker, slot, status, len, &err);
}

static const char *hear_block(struct worker *worker, const struct frame *frame)
{
    struct block_message ask;
    uint8_t cid[CID_BYTES_MAX];
    size_t len = frame->payload.len;
    if (len < sizeof ask || len > sizeof ask + sizeof cid)
        return "it asked for a block by a CID of wrong length";
    memcpy(&ask, frame->payload.data, sizeof ask);
    len -= sizeof ask;
    memcpy(cid, frame->payload.data + sizeof ask, len);
    if (ask.slot >= CHANNEL_SLOTS)
        return "it asked for a block at no known place";
    fetch_block(worker, bytes_of(cid, len), ask.slot);
    return NULL;
}

static const char *hear_result(struct worker *worker,
                               const struct frame *frame)
{
    buffer_add_bytes(&worker->result, frame->payload);
    return worker->result.status == STATUS_OK ? NULL
                                              : "it sent too much output";
}

/* Ends a worker may report: what it can know. */
static bool end_is_credible(uint32_t end)
{
    return end < END_COUNT && end != END_UNAUTHORIZED &&
           end != END_CANCELLED && end != END_BLOCKED;
}

static void finish(struct worker *worker, const struct done_message *done,
                   const char *message, uint64_t now_ns)
{
    struct job *job = worker->jobs.first;
    struct run_outcome outcome = {.ticket = job->request.ticket,
                                  .end = (End)done->end,
                                  .argument_index = done->argument_index,
                                  .output = buffer_bytes(&worker->result),
                                  .cost = done->cost,
                                  .worker = worker->number};
    // Several may be heard of at once: begun_ns is the last one's then.
    outcome.worker_ns =
        now_ns > worker->begun_ns ? now_ns - worker->begun_ns : 0;
    outcome.host_ns = worker->host_ns;
    worker->host_ns = 0;
    uint64_t most_ns = now_ns - job->handed_ns;
    if (outcome.cost.wall_ns > most_ns)
        outcome.cost.wall_ns = most_ns;
    if (outcome.cost.cpu_ns > most_ns)
        outcome.cost.cpu_ns = most_ns;
    memcpy(outcome.message, message, done->message_len);
    make_printable(outcome.message, done->message_len);
    job_row_remove(&worker->jobs, job);
    job->worker = NULL;
    worker_resume(worker, now_ns);
    worker_set_deadline(worker, now_ns);
    const uint64_t start_ns = clock_monotonic_ns();
    worker->owner.finish(worker->owner.context, job, &outcome);
    worker->finish_ns += clock_monotonic_ns() - start_ns;
    if (worker->result.capacity > RESULT_KEPT_MAX)
        buffer_deinit(&worker->result);
    buffer_clear(&worker->result);
}

static const char *hear_done(struct worker *worker, const struct frame *frame,
                             uint64_t now_ns)
{
    struct done_message done;
    char message[RUN_MESSAGE_MAX] = "";
    Bytes rest = frame->payload;
    if (rest.len < sizeof done)
        return "it sent an outcome of wrong length";
    memcpy(&done, rest.data, sizeof done);
    rest = bytes_from(rest, sizeof done);
    if (done.message_len >= sizeof message || done.message_len > rest.len)
        return "it sent an outcome with a message of wrong length";
    if (!end_is_credible(done.end) || done.argument_index < RUN_NO_INDEX)
        return "it sent an outcome that cannot be";
    memcpy(message, rest.data, done.message_len);
    buffer_add_bytes(&worker->result, bytes_from(rest, done.message_len));
    if (worker->result.status != STATUS_OK)
        return "it sent too much output";
    finish(worker, &done, message, now_ns);
    return NULL;
}

/* Returns what is wrong with the frame, or NULL. */
static const char *hear(struct worker *worker, const struct frame *frame,
                        uint64_t now_ns)
{
    if (frame->kind == MESSAGE_READY) {
        if (worker->is_live || frame->payload.len > 0)
            return "it said twice that it is ready";
        worker->is_live = true;
        worker_set_deadline(worker, now_ns);
        return NULL;
    }
    const struct job *job = worker->jobs.first;
    if (!worker->is_live || !job || job->request.ticket != frame->ticket)
        return "it spoke of a job that it does not have";
    switch (frame->kind) {
    case MESSAGE_LOG:
        return hear_log(worker, frame);
    case MESSAGE_BLOCK:
        return hear_block(worker, frame);
    case MESSAGE_RESULT:
        return hear_result(worker, frame);
    case MESSAGE_DONE:
        return hear_done(worker, frame, now_ns);
    default:
        return "it sent a message of no known kind";
    }
}

bool worker_listen(struct worker *worker, uint64_t now_ns)
{
    struct ring *ring = &worker->channel.results;
    bool heard = false;
    if (!worker->broken && !ring_has_data(ring))
        return false;
    const uint64_t start_ns = clock_monotonic_ns();
    worker->round_bytes = 0;
    worker->finish_ns = 0;
    for (int i = 0;
         i < FRAMES_PER_ROUND && worker->round_bytes < BYTES_PER_ROUND; i++) {
        struct frame frame;
        RingRead seen = worker->broken ? RING_EMPTY : ring_next(ring, &frame);
        if (seen == RING_EMPTY)
            break;
        heard = true;
        if (seen == RING_BROKEN) {
            worker->broken = "it moved its place in the ring of results";
            break;
        }
        worker->broken = hear(worker, &frame, now_ns);
        ring_release(ring, &frame);
        worker->round_bytes += frame.used;
    }
    // It may wait for room.
    if (heard) {
        channel_wake_worker(&worker->channel);
        worker->is_waking = false;
    }
    worker->host_ns += clock_monotonic_ns() - start_ns - worker->finish_ns;
    return heard;
}
