/* SPDX-License-Identifier: Apache-2.0 */
/* preview1.c - wasi_snapshot_preview1 for guests whose C library insists: a
 * process without arguments, environment or files, whose standard output and
 * error are the log, whose clock stands at zero and whose random numbers are
 * the same for everybody (FORMATS section 5). */
#include "wasm/chacha20.h"
#include "wasm/guest.h"
#include "wasm/imports.h"

// wasi_snapshot_preview1 `errno`.
enum { OK = 0, EBADF = 8, ENOSYS = 52 };

enum { LINE_MAX_BYTES = 4096 };

static const char out_of_bounds[] =
    "wasi_snapshot_preview1: pointer out of bounds";

static EngineVerdict not_now(struct guest *guest)
{
    return import_trap(guest, "an import was called while lowering or after "
                              "returning");
}

#define PREVIEW1(name)                                                        \
    static EngineVerdict name(                                                \
        void *context, [[maybe_unused]] struct engine_instance *caller,       \
        [[maybe_unused]] const EngineNumber *params, EngineNumber *results)

PREVIEW1(no_system)
{
    struct guest *guest = context;
    if (!guest->may_import)
        return not_now(guest);
    results[0] = ENOSYS;
    return ENGINE_GO_ON;
}

PREVIEW1(succeed)
{
    struct guest *guest = context;
    if (!guest->may_import)
        return not_now(guest);
    results[0] = OK;
    return ENGINE_GO_ON;
}

PREVIEW1(proc_exit)
{
    (void)results;
    return import_trap(context, "proc_exit was called");
}

/* args_sizes_get, environ_sizes_get: no strings, no bytes. */
PREVIEW1(empty_sizes)
{
    struct guest *guest = context;
    if (!guest->may_import)
        return not_now(guest);
    if (!import_store(caller, (uint32_t)params[0], 0, 4) ||
        !import_store(caller, (uint32_t)params[1], 0, 4))
        return import_trap(guest, out_of_bounds);
    results[0] = OK;
    return ENGINE_GO_ON;
}

PREVIEW1(clock_time_get)
{
    struct guest *guest = context;
    if (!guest->may_import)
        return not_now(guest);
    if (!import_store(caller, (uint32_t)params[2], 0, 8))
        return import_trap(guest, out_of_bounds);
    results[0] = OK;
    return ENGINE_GO_ON;
}

PREVIEW1(random_get)
{
    struct guest *guest = context;
    if (!guest->may_import)
        return not_now(guest);
    uint32_t len = (uint32_t)params[1];
    uint8_t *bytes = import_memory(caller, (uint32_t)params[0], len);
    if (!bytes)
        return import_trap(guest, out_of_bounds);
    chacha20_zero_stream(guest->random, bytes, len);
    guest->random += len;
    results[0] = OK;
    return ENGINE_GO_ON;
}

static uint32_t load32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
           (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Bytes that are not UTF-8 are shown as '?': they are a log line. */
static void log_bytes(struct guest *guest, LogLevel level, char *line,
                      size_t len)
{
    size_t bad, good = 0;
    while (len > 0 && line[len - 1] == '\n')
        len--;
    while (!utf8_is_valid((Text){line + good, len - good}, &bad)) {
        good += bad;
        line[good] = '?';
    }
    if (len > 0)
        guest_log(guest, level, TEXT(""), (Text){line, len});
}

/* fd_write(fd, iovs, count, written): to 1 and 2, the log. */
PREVIEW1(fd_write)
{
    struct guest *guest = context;
    char line[LINE_MAX_BYTES];
    size_t shown = 0;
    uint64_t written = 0;
    uint32_t count = (uint32_t)params[2];
    if (!guest->may_import)
        return not_now(guest);
    results[0] =
        (uint32_t)params[0] == 1 || (uint32_t)params[0] == 2 ? OK : EBADF;
    if (results[0] != OK)
        return ENGINE_GO_ON;
    const uint8_t *vectors =
        import_memory(caller, (uint32_t)params[1], (uint64_t)count * 8);
    for (size_t index = 0; vectors && index < count; index++) {
        uint32_t len = load32(vectors + 8 * index + 4);
        const uint8_t *bytes =
            import_memory(caller, load32(vectors + 8 * index), len);
        if (!bytes)
            return import_trap(guest, out_of_bounds);
        size_t some = len < sizeof line - shown ? len : sizeof line - shown;
        memcpy(line + shown, bytes, some);
        shown += some;
        written += len;
    }
    if (!vectors ||
        !import_store(caller, (uint32_t)params[3], written & UINT32_MAX, 4))
        return import_trap(guest, out_of_bounds);
    log_bytes(guest, (uint32_t)params[0] == 2 ? LOG_WARN : LOG_INFO, line,
              shown);
    return ENGINE_GO_ON;
}

/* fd_read(fd, iovs, count, read): 0 is at its end. */
PREVIEW1(fd_read)
{
    struct guest *guest = context;
    if (!guest->may_import)
        return not_now(guest);
    results[0] = (uint32_t)params[0] == 0 ? OK : EBADF;
    if (results[0] == OK && !import_store(caller, (uint32_t)params[3], 0, 4))
        return import_trap(guest, out_of_bounds);
    return ENGINE_GO_ON;
}

/* Descriptors 0 to 2 are there, others are not; nothing more is known of
 * them. */
PREVIEW1(on_file)
{
    struct guest *guest = context;
    if (!guest->may_import)
        return not_now(guest);
    results[0] = (uint32_t)params[0] <= 2 ? ENOSYS : EBADF;
    return ENGINE_GO_ON;
}

/* path_symlink(old path, length, fd, …) has its descriptor third. */
PREVIEW1(on_third)
{
    return on_file(context, caller, params + 2, results);
}

#define WASI "wasi_snapshot_preview1"

const struct import_entry preview1_imports[] = {
    {WASI, "args_get", "ii>i", succeed},
    {WASI, "args_sizes_get", "ii>i", empty_sizes},
    {WASI, "environ_get", "ii>i", succeed},
    {WASI, "environ_sizes_get", "ii>i", empty_sizes},
    {WASI, "clock_res_get", "ii>i", no_system},
    {WASI, "clock_time_get", "iIi>i", clock_time_get},
    {WASI, "random_get", "ii>i", random_get},
    {WASI, "proc_exit", "i", proc_exit},
    {WASI, "proc_raise", "i>i", no_system},
    {WASI, "sched_yield", ">i", succeed},
    {WASI, "poll_oneoff", "iiii>i", no_system},
    {WASI, "fd_write", "iiii>i", fd_write},
    {WASI, "fd_read", "iiii>i", fd_read},
    {WASI, "fd_advise", "iIIi>i", on_file},
    {WASI, "fd_allocate", "iII>i", on_file},
    {WASI, "fd_close", "i>i", on_file},
    {WASI, "fd_datasync", "i>i", on_file},
    {WASI, "fd_fdstat_get", "ii>i", on_file},
    {WASI, "fd_fdstat_set_flags", "ii>i", on_file},
    {WASI, "fd_fdstat_set_rights", "iII>i", on_file},
    {WASI, "fd_filestat_get", "ii>i", on_file},
    {WASI, "fd_filestat_set_size", "iI>i", on_file},
    {WASI, "fd_filestat_set_times", "iIIi>i", on_file},
    {WASI, "fd_pread", "iiiIi>i", on_file},
    {WASI, "fd_prestat_get", "ii>i", on_file},
    {WASI, "fd_prestat_dir_name", "iii>i", on_file},
    {WASI, "fd_pwrite", "iiiIi>i", on_file},
    {WASI, "fd_readdir", "iiiIi>i", on_file},
    {WASI, "fd_renumber", "ii>i", on_file},
    {WASI, "fd_seek", "iIii>i", on_file},
    {WASI, "fd_sync", "i>i", on_file},
    {WASI, "fd_tell", "ii>i", on_file},
    {WASI, "path_create_directory", "iii>i", on_file},
    {WASI, "path_filestat_get", "iiiii>i", on_file},
    {WASI, "path_filestat_set_times", "iiiiIIi>i", on_file},
    {WASI, "path_link", "iiiiiii>i", on_file},
    {WASI, "path_open", "iiiiiIIii>i", on_file},
    {WASI, "path_readlink", "iiiiii>i", on_file},
    {WASI, "path_remove_directory", "iii>i", on_file},
    {WASI, "path_rename", "iiiiii>i", on_file},
    {WASI, "path_symlink", "iiiii>i", on_third},
    {WASI, "path_unlink_file", "iii>i", on_file},
    {WASI, "sock_accept", "iii>i", on_file},
    {WASI, "sock_recv", "iiiiii>i", on_file},
    {WASI, "sock_send", "iiiii>i", on_file},
    {WASI, "sock_shutdown", "ii>i", on_file},
};
const size_t preview1_import_count =
    sizeof preview1_imports / sizeof preview1_imports[0];
