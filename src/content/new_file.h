/* SPDX-License-Identifier: Apache-2.0 */
/* new_file.h - a file that is written beside its place and appears there by
 * rename, whole or not at all. A place that is a pipe or a device is written
 * to as it is. Thread: one at a time. */
#ifndef IPVM_CONTENT_NEW_FILE_H
#define IPVM_CONTENT_NEW_FILE_H

#include <stdbool.h>

#include "base/status.h"

enum { NEW_FILE_PATH_MAX = 4096 };

struct new_file {
    int file; /* open for writing */
    bool is_beside;
    const char *path; /* borrowed */
    char temp[NEW_FILE_PATH_MAX];
};

/* With the permissions that open() gives. STATUS_INVALID: `path` is a
 * directory. `path` is borrowed until the end. */
Status new_file_open(struct new_file *out, const char *path,
                     struct error *err);
/* Ends it: with `status` STATUS_OK the file appears, else nothing is left.
 * Gives `status`, or what went wrong now. */
Status new_file_close(struct new_file *file, Status status, struct error *err);

#endif
