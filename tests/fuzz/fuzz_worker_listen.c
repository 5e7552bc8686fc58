/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_worker_listen.c - what a worker process may say, as the runner hears it.
 *
 * The first byte chooses: 0 lays the rest into the ring as it is and moves the
 * head to what the next four bytes say; else the rest is a row of frames, each
 * of kind, ticket, length (two bytes) and payload. */
#include <stdlib.h>

#include "base/clock.h"
#include "worker/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct job job;

static Status block(void *context, Bytes cid, struct run_block *out,
                    struct error *err)
{
    (void)context;
    if (cid.len == 0)
        return fail(err, STATUS_INVALID, "no CID");
    if (cid.data[0] % 2)
        return STATUS_NOT_FOUND;
    *out = (struct run_block){cid, NULL};
    return STATUS_OK;
}

static void release_block(void *context, struct run_block *lent)
{
    (void)context;
    (void)lent;
}

static void log_line(void *context, uint64_t ticket, LogLevel level, Text line)
{
    (void)context;
    ASSERT(ticket == 1 && level <= LOG_CRITICAL);
    ASSERT(utf8_is_valid(line, NULL));
    ASSERT(!line.len || !memchr(line.data, 0x1b, line.len));
}

static void finish(void *context, struct job *over,
                   struct run_outcome *outcome)
{
    struct worker *worker = context;
    ASSERT(over == &job && outcome->end <= END_HOST);
    ASSERT(strnlen(outcome->message, RUN_MESSAGE_MAX) < RUN_MESSAGE_MAX);
    static volatile uint8_t sum; // Touches every byte.
    for (size_t i = 0; i < outcome->output.len; i++)
        sum = (uint8_t)(sum ^ outcome->output.data[i]);
    job_row_append(&worker->jobs, &job);
}

static void lay_raw(struct ring *ring, const uint8_t *data, size_t size)
{
    uint32_t head = 0;
    size_t len = size < sizeof head ? size : sizeof head;
    memcpy(&head, data, len);
    memcpy(ring->data, data + len, size - len);
    atomic_store(&ring->shared->head, head);
}

static void lay_frames(struct ring *ring, const uint8_t *data, size_t size)
{
    while (size >= 4) {
        size_t len = (size_t)data[2] | (size_t)data[3] << 8;
        if (len > size - 4)
            len = size - 4;
        uint8_t *at = ring_reserve(ring, len);
        if (!at)
            return;
        memcpy(at, data + 4, len);
        ring_commit(ring, data[0], data[1], len);
        data += 4 + len;
        size -= 4 + len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct channel channel;
    int other;
    if (!channel.shared && channel_make(&channel, &other, NULL) != STATUS_OK)
        abort();
    if (size == 0 || size > CHANNEL_RING_LEN / 2)
        return 0;

    const struct run_host host = {
        .block = block, .release_block = release_block, .log = log_line};
    struct worker worker = {.owner = {&worker, &host, finish},
                            .channel = channel,
                            .is_live = data[0] < 128};
    atomic_store(&channel.shared->results.head, 0);
    atomic_store(&channel.shared->results.tail, 0);
    buffer_init(&worker.result, 1 << 20);
    job = (struct job){.request = {.ticket = 1}};
    job_row_append(&worker.jobs, &job);
    struct ring writer = channel.results;
    if (data[0] == 0)
        lay_raw(&writer, data + 1, size - 1);
    else
        lay_frames(&writer, data + 1, size - 1);
    uint64_t now = clock_monotonic_ns();
    while (!worker.broken && worker_listen(&worker, now)) {
    }
    buffer_deinit(&worker.result);
    return 0;
}
