/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The sanitizers' own memory would count against RLIMIT_DATA. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Kinds that glibc 2.36 has no name for. */
enum { WAIT_PIDFD = 3 };

static int set_files(posix_spawn_file_actions_t *actions,
                     const struct channel *channel, int worker_socket,
                     int errors)
{
    const int files[WORKER_FILE_COUNT] = {
        -1, -1, errors, channel->memory, worker_socket, channel->event};
    int error =
        posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_addopen(actions, 1, "/dev/null",
                                                 O_WRONLY, 0);
    for (int i = 2; i < WORKER_FILE_COUNT && error == 0; i++)
        error = posix_spawn_file_actions_adddup2(actions, files[i], i);
    if (error == 0)
        error = posix_spawn_file_actions_addclosefrom_np(actions,
                                                         WORKER_FILE_COUNT);
    return error;
}

static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    // A session of its own: Ctrl-C on the terminal is the runner's business.
    if (error == 0)
        error = posix_spawnattr_setflags(
            attributes, (short)(POSIX_SPAWN_SETSIGMASK |
                                POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID));
    return error;
}

static int spawn(struct process *process, char *const *argv,
                 const struct channel *channel, int worker_socket, int errors)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        char *environment[] = {NULL};
        error = set_files(&actions, channel, worker_socket, errors);
        if (error == 0)
            error = set_signals(&attributes);
        if (error == 0)
            error = posix_spawn(&process->pid, argv[0], &actions, &attributes,
                                argv, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* The write end comes out above the numbers of WORKER_FILE_*. */
static int make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    int high = fcntl(ends[1], F_DUPFD_CLOEXEC, 10);
    close(ends[1]);
    ends[1] = high;
    if (high >= 0)
        return 0;
    close(ends[0]);
    return -1;
}

Status process_spawn(struct process *process, char *const *argv,
                     struct channel *channel, int worker_socket,
                     struct error *err)
{
    *process = (struct process){.pid = -1, .pidfd = -1, .errors = -1};
    int ends[2];
    if (make_pipe(ends) != 0) {
        int error = errno;
        close(worker_socket);
        return fail_errno(err, error, "cannot make a worker's pipe");
    }
    int error = spawn(process, argv, channel, worker_socket, ends[1]);
    close(worker_socket);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        return fail_errno(err, error, "cannot start worker process '%s'",
                          argv[0]);
    }
    process->errors = ends[0];
    process->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    if (process->pidfd >= 0)
        return STATUS_OK;
    error = errno;
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
    close(process->errors);
    return fail_errno(err, error, "cannot watch worker process '%s'", argv[0]);
}

void process_set_memory_max(const struct process *process, uint64_t bytes)
{
    const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    // Best effort: the engine enforces a task's limit exactly.
    if (!SANITIZED && prlimit(process->pid, RLIMIT_DATA, &limit, NULL) != 0)
        return;
}

static bool tell(const struct process *process, int number)
{
    return process->pidfd >= 0 &&
           syscall(SYS_pidfd_send_signal, process->pidfd, number, NULL, 0) ==
               0;
}

void process_kill(const struct process *process)
{
    tell(process, SIGKILL);
}

bool process_stop(const struct process *process)
{
    return tell(process, SIGSTOP);
}

void process_go_on(const struct process *process)
{
    tell(process, SIGCONT);
}

/* Its last line on standard error, made harmless. */
static void read_last_line(int file, char *out, size_t max)
{
    char tail[1024];
    size_t len = 0;
    ssize_t got;
    for (int i = 0; i < 64; i++) { // A pipe holds no more than 64 KiB.
        char piece[1024];
        got = read(file, piece, sizeof piece);
        if (got <= 0)
            break;
        size_t keep = sizeof tail - (size_t)got;
        if (len > keep) {
            memmove(tail, tail + (len - keep), keep);
            len = keep;
        }
        memcpy(tail + len, piece, (size_t)got);
        len += (size_t)got;
    }
    while (len > 0 && (tail[len - 1] == '\n' || tail[len - 1] == ' '))
        len--;
    size_t start = len;
    while (start > 0 && tail[start - 1] != '\n')
        start--;
    size_t count = 0;
    for (size_t i = start; i < len && count + 1 < max; i++)
        out[count++] =
            (char)(tail[i] >= ' ' && tail[i] <= '~' ? tail[i] : '?');
    out[count] = '\0';
}

static void describe(const siginfo_t *how, int errors, char *words)
{
    char line[200];
    read_last_line(errors, line, sizeof line);
    const char *colon = line[0] ? ": " : "";
    if (how->si_pid == 0)
        snprintf(words, LAST_WORDS_MAX, "ended%s%s", colon, line);
    else if (how->si_code == CLD_EXITED)
        snprintf(words, LAST_WORDS_MAX, "ended with exit code %d%s%s",
                 how->si_status, colon, line);
    else
        snprintf(words, LAST_WORDS_MAX, "was killed by signal SIG%s%s%s",
                 sigabbrev_np(how->si_status) ? sigabbrev_np(how->si_status)
                                              : "?",
                 colon, line);
}

static bool reap(struct process *process, int flags, char *words)
{
    siginfo_t how = {0};
    int result;
    do
        result = waitid((idtype_t)WAIT_PIDFD, (id_t)process->pidfd, &how,
                        WEXITED | flags);
    while (result != 0 && errno == EINTR);
    if (result == 0 && how.si_pid == 0)
        return false; // Still there.
    if (result != 0) {
        // Somebody else reaps this program's children: ask the pidfd.
        struct pollfd item = {.fd = process->pidfd, .events = POLLIN};
        if (poll(&item, 1, flags & WNOHANG ? 0 : -1) == 0)
            return false;
        how = (siginfo_t){0};
    }
    if (words)
        describe(&how, process->errors, words);
    close(process->pidfd);
    close(process->errors);
    *process = (struct process){.pid = -1, .pidfd = -1, .errors = -1};
    return true;
}

bool process_reap(struct process *process, char words[LAST_WORDS_MAX])
{
    return reap(process, WNOHANG, words);
}

void process_await(struct process *process)
{
    reap(process, 0, NULL);
}
