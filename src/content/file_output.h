/* SPDX-License-Identifier: Apache-2.0 */
/* file_output.h - pieces written to a file, small ones gathered first. Inside
 * src/content only. Thread: one at a time. */
#ifndef IPVM_CONTENT_FILE_OUTPUT_H
#define IPVM_CONTENT_FILE_OUTPUT_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

/* Zeroed but for `file`, it is ready. */
struct file_output {
    int file;
    uint8_t *room; /* owned; NULL until a small piece comes */
    size_t len;
};

Status file_output_add(struct file_output *output, Bytes piece,
                       struct error *err);
/* Writes what was gathered. */
Status file_output_flush(struct file_output *output, struct error *err);
void file_output_deinit(struct file_output *output);

#endif
