/* SPDX-License-Identifier: Apache-2.0 */
/* program_broken.c - a worker whose guest has taken it over: it makes any
 * system call, writes all over the shared memory, and lies to the runner. The
 * input is "what number". */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/channel.h"
#include "worker/message.h"
#include "worker/serve.h"

enum { MEMORY_LEN = 4096 + 2 * CHANNEL_RING_LEN + 2 * CHANNEL_BLOCK_MAX };

static struct channel mine; /* a second view of the worker's own channel */
static uint64_t ticket;

_Noreturn static void hang(void)
{
    for (;;) {
    }
}

/* Sends as the worker's honest part would. */
static void say(uint32_t kind, uint64_t about, const void *data, size_t len)
{
    mine.results.head = atomic_load(&mine.shared->results.head);
    uint8_t *at;
    do
        at = ring_reserve(&mine.results, len);
    while (!at);
    if (len > 0)
        memcpy(at, data, len);
    ring_commit(&mine.results, kind, about, len);
    channel_wake_runner(&mine, true);
}

static void lie_head(long number)
{
    uint64_t head = atomic_load(&mine.shared->results.head);
    atomic_store(&mine.shared->results.head, head + (uint64_t)number);
    channel_wake_runner(&mine, true);
}

static void lie_tail(long number)
{
    uint64_t tail = atomic_load(&mine.shared->jobs.tail);
    atomic_store(&mine.shared->jobs.tail, tail + (uint64_t)number);
    say(MESSAGE_DONE, ticket, &(struct done_message){0},
        sizeof(struct done_message));
}

/* A frame that says it is longer than what was written. */
static void lie_length(long number)
{
    uint64_t head = atomic_load(&mine.shared->results.head);
    uint64_t words[2] = {(uint32_t)number | (uint64_t)MESSAGE_LOG << 32,
                         ticket};
    memcpy(mine.results.data + (head & (CHANNEL_RING_LEN - 1)), words, 16);
    lie_head(32);
}

static void lie_ticket(long number)
{
    say(MESSAGE_DONE, ticket + (uint64_t)number, &(struct done_message){0},
        sizeof(struct done_message));
}

static void lie_twice(long number)
{
    for (long i = 0; i <= number; i++)
        lie_ticket(0);
}

static void lie_kind(long number)
{
    say((uint32_t)number, ticket, "", 0);
}

/* An outcome of `number` bytes, all of them 0xff. */
static void lie_done(long number)
{
    uint8_t bytes[256];
    memset(bytes, 0xff, sizeof bytes);
    say(MESSAGE_DONE, ticket, bytes, (size_t)number);
}

static void lie_end(long number)
{
    struct done_message done = {.end = (uint32_t)number};
    say(MESSAGE_DONE, ticket, &done, sizeof done);
}

static void lie_message(long number)
{
    struct done_message done = {.message_len = (uint32_t)number};
    say(MESSAGE_DONE, ticket, &done, sizeof done);
}

static void lie_block(long number)
{
    static uint8_t bytes[8192];
    say(MESSAGE_BLOCK, ticket, bytes, (size_t)number);
}

static void lie_slot(long number)
{
    struct block_message ask = {.slot = (uint32_t)number};
    say(MESSAGE_BLOCK, ticket, &ask, sizeof ask);
}

static void lie_level(long number)
{
    uint32_t level = (uint32_t)number;
    say(MESSAGE_LOG, ticket, &level, sizeof level);
}

static void lie_log(long number)
{
    static uint8_t bytes[8192];
    say(MESSAGE_LOG, ticket, bytes, (size_t)number);
}

/* The whole of the shared memory, again and again. */
static void scribble(long number)
{
    uint64_t word = (uint64_t)number * 2654435761U + 1;
    uint8_t *bases[] = {(uint8_t *)mine.shared, mine.jobs.data,
                        mine.results.data, mine.slots};
    size_t lengths[] = {4096, CHANNEL_RING_LEN, CHANNEL_RING_LEN,
                        CHANNEL_SLOTS * CHANNEL_BLOCK_MAX};
    for (int round = 0; round < 3; round++)
        for (int part = 3; part >= 0; part--)
            for (size_t i = 0; i < lengths[part]; i += 8) {
                word ^= word << 13;
                word ^= word >> 7;
                word ^= word << 17;
                memcpy(bases[part] + i, &word, 8);
            }
    uint64_t one = 1;
    ssize_t written = write(WORKER_FILE_EVENT, &one, sizeof one);
    (void)written;
}

static void flood(long number)
{
    (void)number;
    struct log {
        uint32_t level;
        char line[100];
    } log = {.level = LOG_INFO, .line = "\xff\xfe\x01 flood"};
    for (;;)
        say(MESSAGE_LOG, ticket, &log, sizeof log);
}

static void ask_for_ever(long number)
{
    struct {
        struct block_message ask;
        char cid;
    } ask = {{.slot = (uint32_t)number}, 'm'};
    for (;;)
        say(MESSAGE_BLOCK, ticket, &ask, sizeof ask.ask + 1);
}

/* More output than a result may have, in pieces. */
static void pour(long number)
{
    (void)number;
    static uint8_t piece[1 << 20];
    for (;;)
        say(MESSAGE_RESULT, ticket, piece, sizeof piece);
}

/* Fills standard error, which nobody reads. */
static void shout(long number)
{
    static char piece[4096];
    memset(piece, 'x', sizeof piece);
    for (long i = 0; i < number; i++) {
        ssize_t written = write(2, piece, sizeof piece);
        (void)written;
    }
    _exit(5);
}

static void ring_event(long number)
{
    for (long i = 0; i < number; i++) {
        uint64_t one = UINT64_MAX - 1;
        ssize_t written = write(WORKER_FILE_EVENT, &one, sizeof one);
        (void)written;
    }
    hang();
}

static const struct {
    const char *word;
    void (*lie)(long number);
} lies[] = {
    {"head", lie_head},     {"tail", lie_tail},     {"length", lie_length},
    {"ticket", lie_ticket}, {"twice", lie_twice},   {"kind", lie_kind},
    {"done", lie_done},     {"end", lie_end},       {"message", lie_message},
    {"block", lie_block},   {"slot", lie_slot},     {"level", lie_level},
    {"log", lie_log},       {"scribble", scribble}, {"flood", flood},
    {"ask", ask_for_ever},  {"pour", pour},         {"shout", shout},
    {"event", ring_event},
};

static void try_call(long number, struct buffer *output)
{
    errno = 0;
    long result = syscall(number, 0, 0, 0, 0, 0, 0);
    buffer_format(output, "%s",
                  result < 0 && (errno == EPERM || errno == ENOSYS)
                      ? "refused"
                      : "GOT THROUGH");
}

/* Each way is real: it would work without the sandbox. */
static void try_escape(long number, struct buffer *output)
{
    char bytes[64];
    struct stat how;
    struct iovec part = {bytes, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    long result = -1;
    switch (number) {
    case 0:
        result = open("/proc/self/maps", O_RDONLY);
        break;
    case 1:
        result = open("/etc/passwd", O_RDONLY);
        break;
    case 2:
        result = stat("/etc/passwd", &how);
        break;
    case 3:
        result = open("/tmp/ipvm-escaped", O_CREAT | O_WRONLY, 0600);
        break;
    case 4:
        result = write(1, "x", 1);
        break;
    case 5:
        result = write(WORKER_FILE_SOCKET, "x", 1);
        break;
    case 6:
        result = syscall(SYS_tgkill, getppid(), getppid(), 0);
        break;
    case 7:
        result = recvmsg(STDIN_FILENO, &message, MSG_DONTWAIT);
        result = errno == EPERM ? -1 : 0;
        break;
    case 8:
        result = dup(WORKER_FILE_SOCKET);
        break;
    case 9:
        result = ftruncate(WORKER_FILE_EVENT, 0);
        break;
    case 10:
        result = fcntl(WORKER_FILE_SOCKET, F_SETFL, 0);
        break;
    case 11:
        result = (long)getcwd(bytes, sizeof bytes);
        result = result == 0 ? -1 : 0;
        break;
    case 12:
        result = syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0);
        break;
    case 13:
        result = syscall(SYS_clone, 0x11, 0, 0, 0, 0);
        break;
    case 14:
        result = syscall(SYS_memfd_create, "x", 0);
        break;
    case 15:
        result = syscall(SYS_prlimit64, 0, 2, NULL, bytes);
        break;
    default:
        buffer_add_text(output, TEXT("that is all"));
        return;
    }
    buffer_format(output, "%s", result == -1 ? "refused" : "GOT THROUGH");
}

static void perform(void *state, const struct run_request *request,
                    const struct run_host *host, struct buffer *output,
                    struct run_outcome *outcome)
{
    (void)state;
    (void)host;
    (void)outcome;
    char words[64] = "", what[32] = "";
    memcpy(words, request->input.data,
           request->input.len < 63 ? request->input.len : 63);
    long number = 0;
    char *space = strchr(words, ' ');
    if (space)
        number = strtol(space, NULL, 10);
    size_t len = space ? (size_t)(space - words) : strlen(words);
    memcpy(what, words, len < 31 ? len : 31);
    ticket = request->ticket;
    if (strcmp(what, "call") == 0)
        try_call(number, output);
    if (strcmp(what, "escape") == 0)
        try_escape(number, output);
    if (strcmp(what, "hang") == 0)
        hang();
    if (strcmp(what, "echo") == 0)
        buffer_add_text(output, TEXT("fine"));
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        if (strcmp(lies[i].word, what) == 0) {
            lies[i].lie(number);
            hang();
        }
}

int main(void)
{
    struct error err;
    int copy = dup(WORKER_FILE_MEMORY);
    if (copy < 0 || channel_adopt(&mine, &err) != STATUS_OK)
        return 4;
    dup2(copy, WORKER_FILE_MEMORY);
    const struct performer performer = {NULL, perform};
    return worker_serve(&performer);
}
