/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    MEMORY_LEN =
        PAGE + 2 * CHANNEL_RING_LEN + CHANNEL_SLOTS * CHANNEL_BLOCK_MAX,
    /* As mapped: each ring's data twice. */
    MAP_LEN = PAGE + 4 * CHANNEL_RING_LEN + CHANNEL_SLOTS * CHANNEL_BLOCK_MAX,
    FIRST_FILE = 10, /* above all WORKER_FILE_*, so that none is hidden */
};

_Static_assert(sizeof(struct channel_shared) <= PAGE, "page 0 is one page");

static bool map_at(uint8_t *address, size_t len, int file, off_t offset)
{
    return mmap(address, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                file, offset) != MAP_FAILED;
}

static Status map_memory(struct channel *channel, struct error *err)
{
    const size_t ring = CHANNEL_RING_LEN;
    uint8_t *base = mmap(NULL, MAP_LEN, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return fail_errno(err, errno, "cannot map a worker's memory");
    int file = channel->memory;
    uint8_t *jobs = base + PAGE;
    uint8_t *results = jobs + 2 * ring;
    uint8_t *slots = results + 2 * ring;
    if (!map_at(base, PAGE, file, 0) || !map_at(jobs, ring, file, PAGE) ||
        !map_at(jobs + ring, ring, file, PAGE) ||
        !map_at(results, ring, file, PAGE + (off_t)ring) ||
        !map_at(results + ring, ring, file, PAGE + (off_t)ring) ||
        !map_at(slots, (size_t)CHANNEL_SLOTS * CHANNEL_BLOCK_MAX, file,
                PAGE + 2 * (off_t)ring)) {
        int error = errno;
        munmap(base, MAP_LEN);
        return fail_errno(err, error, "cannot map a worker's memory");
    }
    channel->shared = (struct channel_shared *)(void *)base;
    channel->slots = slots;
    ring_init(&channel->jobs, &channel->shared->jobs, jobs, ring);
    ring_init(&channel->results, &channel->shared->results, results, ring);
    return STATUS_OK;
}

/* Moves a file out of the way of the numbers a worker's files get. */
static int move_up(int file)
{
    if (file < 0 || file >= FIRST_FILE)
        return file;
    int moved = fcntl(file, F_DUPFD_CLOEXEC, FIRST_FILE);
    int error = errno;
    close(file);
    errno = error;
    return moved;
}

static void close_file(int *file)
{
    if (*file >= 0)
        close(*file);
    *file = -1;
}

static Status make_memory(struct channel *channel, struct error *err)
{
    channel->memory =
        move_up(memfd_create("ipvm-worker", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (channel->memory < 0 || ftruncate(channel->memory, MEMORY_LEN) != 0 ||
        fcntl(channel->memory, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return fail_errno(err, errno, "cannot make a worker's memory");
    TRY(map_memory(channel, err));
    channel->shared->version = CHANNEL_VERSION;
    channel->shared->runner = (int32_t)getpid();
    return STATUS_OK;
}

static Status make_files(struct channel *channel, int *worker_socket,
                         struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return fail_errno(err, errno, "cannot make a worker's socket");
    channel->socket = move_up(pair[0]);
    *worker_socket = move_up(pair[1]);
    channel->event = move_up(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (channel->socket < 0 || *worker_socket < 0 || channel->event < 0)
        return fail_errno(err, errno, "cannot make a worker's files");
    return STATUS_OK;
}

Status channel_make(struct channel *channel, int *worker_socket,
                    struct error *err)
{
    *channel = (struct channel){.memory = -1, .socket = -1, .event = -1};
    *worker_socket = -1;
    Status status = make_memory(channel, err);
    if (status == STATUS_OK)
        status = make_files(channel, worker_socket, err);
    if (status != STATUS_OK) {
        channel_close(channel);
        close_file(worker_socket);
    }
    return status;
}

Status channel_adopt(struct channel *channel, struct error *err)
{
    *channel = (struct channel){.memory = WORKER_FILE_MEMORY,
                                .socket = WORKER_FILE_SOCKET,
                                .event = WORKER_FILE_EVENT};
    if (lseek(channel->memory, 0, SEEK_END) != MEMORY_LEN)
        return fail(err, STATUS_INVALID,
                    "this program is started by ipvm, not by hand");
    TRY(map_memory(channel, err));
    if (channel->shared->version != CHANNEL_VERSION)
        return fail(err, STATUS_UNSUPPORTED,
                    "this worker program is of another version of ipvm: "
                    "install both together");
    close_file(&channel->memory);
    return STATUS_OK;
}

void channel_close(struct channel *channel)
{
    if (channel->shared)
        munmap(channel->shared, MAP_LEN);
    channel->shared = NULL;
    close_file(&channel->memory);
    close_file(&channel->socket);
    close_file(&channel->event);
}

/* Sleeper: says so, looks again, sleeps. Waker: publishes, looks who sleeps.
 * With a full fence between the two steps of each, one of them sees the
 * other. */
bool channel_wake_worker(struct channel *channel)
{
    struct channel_shared *shared = channel->shared;
    atomic_thread_fence(memory_order_seq_cst);
    if (!atomic_load_explicit(&shared->worker_sleeps, memory_order_relaxed) ||
        !atomic_exchange(&shared->worker_sleeps, 0))
        return false;
    syscall(SYS_futex, &shared->worker_sleeps, FUTEX_WAKE, 1, NULL, NULL, 0);
    return true;
}

void channel_wake_runner(struct channel *channel, bool is_urgent)
{
    struct channel_shared *shared = channel->shared;
    atomic_thread_fence(memory_order_seq_cst);
    uint32_t sleep =
        atomic_load_explicit(&shared->runner_sleeps, memory_order_relaxed);
    if (sleep == RUNNER_AWAKE || (sleep == RUNNER_NAPS && !is_urgent))
        return;
    if (atomic_exchange(&shared->runner_sleeps, RUNNER_AWAKE)) {
        uint64_t one = 1;
        ssize_t written = write(channel->event, &one, sizeof one);
        (void)written; // A full counter wakes as well.
    }
}

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

bool channel_send_file(struct channel *channel, int file)
{
    char byte = 'f';
    struct iovec part = {&byte, 1};
    union control control = {0};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof file);
    memcpy(CMSG_DATA(head), &file, sizeof file);
    return sendmsg(channel->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) ==
           1;
}

int channel_receive_file(struct channel *channel)
{
    char byte;
    struct iovec part = {&byte, 1};
    union control control = {0};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(channel->socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *head = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!head || head->cmsg_type != SCM_RIGHTS ||
        head->cmsg_len != CMSG_LEN(sizeof(int)))
        return -1;
    int file;
    memcpy(&file, CMSG_DATA(head), sizeof file);
    return file;
}

bool channel_is_deserted(const struct channel *channel)
{
    // The parent is told apart first: a brother that is just being spawned may
    // hold the socket's other end open until its exec.
    if (getppid() != channel->shared->runner)
        return true;
    struct pollfd item = {.fd = channel->socket};
    return poll(&item, 1, 0) > 0 && (item.revents & (POLLHUP | POLLERR));
}

static Status fill(int file, const Bytes *parts, size_t count,
                   struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        Bytes rest = parts[i];
        while (rest.len > 0) {
            ssize_t wrote = write(file, rest.data, rest.len);
            if (wrote < 0 && errno == EINTR)
                continue;
            if (wrote <= 0)
                return fail_errno(err, errno,
                                  "cannot write a job's input to memory");
            rest = bytes_from(rest, (size_t)wrote);
        }
    }
    if (fcntl(file, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
        return fail_errno(err, errno, "cannot seal a job's input");
    return STATUS_OK;
}

Status channel_file_of(const Bytes *parts, size_t count, int *out,
                       struct error *err)
{
    int file = memfd_create("ipvm-input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0)
        return fail_errno(err, errno, "cannot make memory for a job's input");
    Status status = fill(file, parts, count, err);
    if (status != STATUS_OK)
        close(file);
    else
        *out = file;
    return status;
}
