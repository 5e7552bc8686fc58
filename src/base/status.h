/* SPDX-License-Identifier: Apache-2.0 */
/* status.h - one way to fail.
 *
 * A function that can fail returns a Status and fills a `struct error` once,
 * where the trouble is found. `err` may be NULL where nobody wants the words.
 * Thread: any.
 */
#ifndef IPVM_BASE_STATUS_H
#define IPVM_BASE_STATUS_H

#include <stdarg.h>
#include <stddef.h>

// clang-format 14 cannot read an attribute here.
// clang-format off
typedef enum [[nodiscard]] status {
    // clang-format on
    STATUS_OK = 0,
    STATUS_NOT_FOUND,   /* an answer, not a fault: `err` is left alone */
    STATUS_INVALID,     /* the input breaks a rule; change the input */
    STATUS_UNSUPPORTED, /* well-formed, but nothing here can do it */
    STATUS_LIMIT,       /* a stated bound was passed; the message names it */
    STATUS_CORRUPT,     /* bytes are there but are not what they claim */
    STATUS_IO,          /* the operating system refused or failed */
    STATUS_FULL,        /* no space left to write to */
    STATUS_BUSY,        /* held by somebody else; try again later */
    STATUS_DENIED,      /* no authority or no permission */
    STATUS_CANCELLED,   /* the caller asked to stop */
    STATUS_HOST         /* a helper process or library broke */
} Status;

enum { STATUS_COUNT = STATUS_HOST + 1 };

enum { ERROR_MESSAGE_MAX = 200 };

/* What went wrong. `offset` is a byte position in the input, or
 * ERROR_NO_OFFSET. The message is one line, lower case, no full stop. */
struct error {
    Status status;
    size_t offset;
    char message[ERROR_MESSAGE_MAX];
};

#define ERROR_NO_OFFSET ((size_t)-1)

/* Stable lower-case word for a status, such as "not-found". */
const char *status_name(Status status);

/* Fills `err` (which may be NULL) and returns `status`. */
[[gnu::format(printf, 3, 4)]] Status fail(struct error *err, Status status,
                                          const char *format, ...);

/* The same, with the byte position of the trouble. */
[[gnu::format(printf, 4, 5)]] Status fail_at(struct error *err, Status status,
                                             size_t offset, const char *format,
                                             ...);

/* fail() with the words of `errno_value` behind the message: ENOSPC and
 * EDQUOT become STATUS_FULL, EACCES and EPERM STATUS_DENIED, else STATUS_IO. */
[[gnu::format(printf, 3, 4)]] Status fail_errno(struct error *err,
                                                int errno_value,
                                                const char *format, ...);

/* Puts "context: " in front of the message already in `err` and returns its
 * status. Does nothing but return `status` when `err` is NULL. */
[[gnu::format(printf, 3, 4)]] Status fail_in(struct error *err, Status status,
                                             const char *format, ...);

// No compiler sees for itself that these never return STATUS_OK; knowing it, it
// does not warn of what is set on success only. In tests, fail() is cmocka's.
#ifdef IPVM_BASE_BANNED_H
static inline Status status_not_ok(Status status)
{
    if (status == STATUS_OK)
        __builtin_unreachable();
    return status;
}
#define fail(...) status_not_ok(fail(__VA_ARGS__))
#define fail_at(...) status_not_ok(fail_at(__VA_ARGS__))
#define fail_errno(...) status_not_ok(fail_errno(__VA_ARGS__))
#define fail_in(...) status_not_ok(fail_in(__VA_ARGS__))
#endif

/* Ends the calling function with the status of `call` unless it is OK. */
#define TRY(call)                                                             \
    do {                                                                      \
        Status try_status = (call);                                           \
        if (try_status != STATUS_OK)                                          \
            return try_status;                                                \
    } while (0)

/* Ignores a Status on purpose; say why beside it. */
#define IGNORE(call)                                                          \
    do {                                                                      \
        if ((call) != STATUS_OK) {                                            \
        }                                                                     \
    } while (0)

/* We are wrong: stop at once, in every build. */
#define ASSERT(condition)                                                     \
    ((condition) ? (void)0 : assert_failed(#condition, __FILE__, __LINE__))

_Noreturn void assert_failed(const char *condition, const char *file,
                             int line);

#endif
