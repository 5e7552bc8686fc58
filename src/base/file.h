/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - the little that POSIX leaves to everybody. Thread: any. */
#ifndef IPVM_BASE_FILE_H
#define IPVM_BASE_FILE_H

#include "base/bytes.h"

/* Writes all of `bytes`, whatever interrupts it. False: errno says why, and a
 * part may have been written. */
bool file_write_all(int file, Bytes bytes);

/* Makes what was done to a file or directory survive a power cut; of the
 * parent, that the name is there. False: errno says why. */
bool file_sync_path(const char *path);
bool file_sync_parent(const char *path);

#endif
