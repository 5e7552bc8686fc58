/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.c - four walls, outermost first: resource limits, Landlock,
 * seccomp; and no files beyond those the runner hands in.
 *
 * A system call falls into one of four classes:
 *     needed      allowed, with its file or flag pinned down where that says
 *                 something
 *     emulated    fstat by way of newfstatat: see emulate_fstat()
 *     dangerous   kills the process: no library calls these by chance
 *     the rest    EPERM: a library may ask in vain and cope
 */
#include "worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/channel.h"
#include "worker/sandbox_calls.h"

/* Artifacts, and the engine's own of each module it has loaded. */
enum { FILES_MAX = 1024 };

static const int allowed_calls[] = {
    // Memory: the engine maps, protects and drops it.
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(brk),
    SCMP_SYS(membarrier),
    // Traps are signals.
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    // Waiting, the time it took, the end.
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(sched_yield),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    // Files that were handed in.
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(close),
};

/* Not by chance, ever. */
static const int deadly_calls[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(rt_tgsigqueueinfo),
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(fsconfig),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setfsgid),
    SCMP_SYS(capset),
    SCMP_SYS(personality),
    SCMP_SYS(syslog),
};

/* Libraries take these to mean that the kernel is older, and do without. */
static const int unknown_calls[] = {
    SCMP_SYS(clone3),
    SCMP_SYS(statx),
    SCMP_SYS(rseq),
    SCMP_SYS(openat2),
};

static int add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls,
                     size_t count)
{
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        result = seccomp_rule_add(filter, action, calls[i], 0);
        // The call does not exist on this machine.
        if (result == -EDOM || result == -EINVAL)
            result = 0;
    }
    return result;
}

#define ADD_CALLS(filter, action, calls)                                      \
    add_calls(filter, action, calls, sizeof(calls) / sizeof *(calls))

/* Allowed for one file, or for one use, only. */
static int add_pinned_calls(scmp_filter_ctx filter)
{
    const struct {
        int call;
        unsigned argument;
        int value;
    } pinned[] = {
        {SCMP_SYS(write), 0, WORKER_FILE_EVENT},
        {SCMP_SYS(write), 0, STDERR_FILENO},
        {SCMP_SYS(recvmsg), 0, WORKER_FILE_SOCKET},
        // abort() signals itself.
        {SCMP_SYS(tgkill), 0, getpid()},
        // The engine keeps a file of its own of an artifact.
        {SCMP_SYS(fcntl), 1, F_DUPFD_CLOEXEC},
    };
    int result = 0;
    for (size_t i = 0; i < sizeof pinned / sizeof *pinned && result == 0;
         i++) {
        const struct scmp_arg_cmp is_value = {
            .arg = pinned[i].argument,
            .op = SCMP_CMP_EQ,
            .datum_a = (scmp_datum_t)pinned[i].value};
        result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, pinned[i].call,
                                        1, &is_value);
    }
    return result;
}

static int load_filter(scmp_filter_ctx filter)
{
    int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
                                  SCMP_ACT_KILL_PROCESS);
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (result == 0)
        result = add_pinned_calls(filter);
    if (result == 0)
        result = ADD_CALLS(filter, SCMP_ACT_ALLOW, allowed_calls);
    if (result == 0)
        result = ADD_CALLS(filter, SCMP_ACT_KILL_PROCESS, deadly_calls);
    if (result == 0)
        result = ADD_CALLS(filter, SCMP_ACT_ERRNO(ENOSYS), unknown_calls);
    if (result == 0)
        result =
            seccomp_rule_add(filter, SCMP_ACT_TRAP, SCMP_SYS(newfstatat), 0);
    if (result == 0)
        result = seccomp_load(filter);
    return result;
}

static Status enter_seccomp(struct error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return fail(err, STATUS_HOST, "cannot make a system call filter");
    int result = load_filter(filter);
    seccomp_release(filter);
    if (result != 0)
        return fail_errno(err, -result, "cannot filter system calls");
    return STATUS_OK;
}

/* glibc and Rust ask for the length of an open file by newfstatat(file, "",
 * …), which a filter cannot tell from a look at any path. So the call traps,
 * and this does it by fstat, which takes no path. */
static void emulate_fstat(int signal, siginfo_t *what, void *state)
{
    (void)signal;
    long arguments[SANDBOX_ARGUMENTS];
    sandbox_call_arguments(state, arguments);
    long result = -EPERM;
    const char *path = (const char *)arguments[1];
    if (what->si_syscall == SYS_newfstatat && path && path[0] == '\0')
        result =
            syscall(SYS_fstat, arguments[0], arguments[2]) == 0 ? 0 : -EBADF;
    sandbox_call_result(state, result);
}

static Status catch_traps(struct error *err)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER};
    action.sa_sigaction = emulate_fstat;
    if (sigaction(SIGSYS, &action, NULL) != 0)
        return fail_errno(err, errno, "cannot catch SIGSYS");
    return STATUS_OK;
}

/* Denies every way into the file system. An older kernel knows fewer ways;
 * seccomp stands behind it. */
static void enter_landlock(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return;
    // Rights of version 1; one more each in 2 and 3.
    unsigned bits = version == 1 ? 13 : version == 2 ? 14 : 15;
    struct landlock_ruleset_attr rules = {.handled_access_fs =
                                              ((uint64_t)1 << bits) - 1};
    int file =
        (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    if (file < 0)
        return;
    syscall(SYS_landlock_restrict_self, file, 0);
    close(file);
}

/* One that is lower already cannot be raised, and need not be. */
static Status set_limit(int which, uint64_t value, struct error *err)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)which, &limit) == 0 &&
        limit.rlim_max < value)
        value = limit.rlim_max;
    limit = (struct rlimit){.rlim_cur = value, .rlim_max = value};
    if (setrlimit((__rlimit_resource_t)which, &limit) != 0)
        return fail_errno(err, errno, "cannot set resource limit %d", which);
    return STATUS_OK;
}

Status sandbox_prepare(struct error *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, 0) != 0)
        return fail_errno(err, errno, "cannot give up privileges");
    return set_limit(RLIMIT_CORE, 0, err);
}

Status sandbox_enter(struct error *err)
{
    // What the engine opened while it was set up is not for guests.
    if (syscall(SYS_close_range, WORKER_FILE_COUNT, ~0U, 0) != 0)
        return fail_errno(err, errno, "cannot close files");
    TRY(set_limit(RLIMIT_FSIZE, 0, err));
    TRY(set_limit(RLIMIT_NPROC, 0, err));
    TRY(set_limit(RLIMIT_NOFILE, FILES_MAX, err));
    TRY(set_limit(RLIMIT_MEMLOCK, 0, err));
    TRY(catch_traps(err));
    enter_landlock();
    return enter_seccomp(err);
}
