/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h - what a task may use. No part of any computation. Thread: any. */
#ifndef IPVM_TASK_LIMITS_H
#define IPVM_TASK_LIMITS_H

#include "base/bytes.h"
#include "base/status.h"

/* 0 means none was asked for; the host's own limits always hold. */
struct limits {
    uint64_t fuel;    /* engine's units */
    uint64_t memory;  /* bytes of linear memory and tables */
    uint64_t time_ms; /* wall time of one run */
};

/* The host's own, where nothing smaller is asked for. */
enum {
    LIMIT_TIME_DEFAULT_MS = 60 * 60 * 1000,
    LIMIT_RESULT_BYTES = 1 << 30, /* of what a guest returns */
};
#define LIMIT_MEMORY_DEFAULT ((uint64_t)4 << 30)

struct retry {
    uint32_t count;
    uint64_t first_ms;
    uint64_t max_ms;
};

/* "250ms" "30s" "5m" "2h" "1d", a plain number is milliseconds. */
Status duration_parse(Text text, uint64_t *ms, struct error *err);
/* "64KiB" "512MiB" "2GiB", a plain number is bytes. */
Status size_parse(Text text, uint64_t *bytes, struct error *err);

#endif
