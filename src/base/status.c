/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[STATUS_COUNT] = {
    [STATUS_OK] = "ok",
    [STATUS_NOT_FOUND] = "not-found",
    [STATUS_INVALID] = "invalid",
    [STATUS_UNSUPPORTED] = "unsupported",
    [STATUS_LIMIT] = "limit",
    [STATUS_CORRUPT] = "corrupt",
    [STATUS_IO] = "io",
    [STATUS_FULL] = "full",
    [STATUS_BUSY] = "busy",
    [STATUS_DENIED] = "denied",
    [STATUS_CANCELLED] = "cancelled",
    [STATUS_HOST] = "host",
};

const char *status_name(Status status)
{
    ASSERT((unsigned)status < STATUS_COUNT);
    return names[status];
}

[[gnu::format(printf, 4, 0)]] static void fill(struct error *err,
                                               Status status, size_t offset,
                                               const char *format,
                                               va_list arguments)
{
    ASSERT(status != STATUS_OK);
    if (!err)
        return;
    err->status = status;
    err->offset = offset;
    int len = vsnprintf(err->message, sizeof err->message, format, arguments);
    if (len < 0)
        err->message[0] = '\0';
}

#undef fail
#undef fail_at
#undef fail_errno
#undef fail_in

Status fail(struct error *err, Status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(err, status, ERROR_NO_OFFSET, format, arguments);
    va_end(arguments);
    return status;
}

Status fail_at(struct error *err, Status status, size_t offset,
               const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(err, status, offset, format, arguments);
    va_end(arguments);
    return status;
}

static Status status_of_errno(int value)
{
    switch (value) {
    case ENOSPC:
    case EDQUOT:
        return STATUS_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return STATUS_DENIED;
    default:
        return STATUS_IO;
    }
}

Status fail_errno(struct error *err, int errno_value, const char *format, ...)
{
    Status status = status_of_errno(errno_value);
    va_list arguments;
    va_start(arguments, format);
    fill(err, status, ERROR_NO_OFFSET, format, arguments);
    va_end(arguments);
    if (err) {
        size_t len = strlen(err->message);
        snprintf(err->message + len, sizeof err->message - len, ": %s",
                 strerrordesc_np(errno_value) ? strerrordesc_np(errno_value)
                                              : "unknown error");
    }
    return status;
}

Status fail_in(struct error *err, Status status, const char *format, ...)
{
    if (!err)
        return status;
    char context[ERROR_MESSAGE_MAX], message[2 * ERROR_MESSAGE_MAX + 2];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
    if (len < 0)
        return status;
    snprintf(message, sizeof message, "%s: %s", context, err->message);
    memcpy(err->message, message, sizeof err->message - 1);
    err->message[sizeof err->message - 1] = '\0';
    return status;
}

void assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "ipvm: internal error: %s:%d: %s\n", file, line,
            condition);
    abort();
}
