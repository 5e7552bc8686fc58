/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - how a node is set up: a YAML file of which every key has a
 * default. One table makes the reader, `ipvm node --print-config` (each default
 * as a comment) and the man page. Thread: any. */
#ifndef IPVM_NODE_CONFIG_H
#define IPVM_NODE_CONFIG_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/status.h"

/* Zero never means "unbounded" here; the table has the defaults. Texts are
 * owned by the struct, ended by NUL. */
struct node_config {
    char listen[108];         /* "127.0.0.1" */
    uint16_t port;            /* 4747; 0: any free one */
    uint16_t homestar_port;   /* 0: not served */
    bool public_gateway;      /* anybody may read content */
    uint32_t workers;         /* 0: one per core */
    uint64_t memory_total;    /* bytes of running tasks; 0: 3/4 of the
                                  machine's */
    uint64_t task_memory;     /* bytes of a task that asks for none */
    uint64_t task_memory_max; /* and at most */
    uint64_t task_time_ms_max;
    uint32_t queue_max;         /* open jobs; beyond: 429 */
    uint32_t subject_queue_max; /* of one subject that is not the owner */
    uint32_t subject_tasks_max; /* in a workflow of such a subject */
    uint32_t active_max;        /* jobs with a run in memory */
    uint32_t owner_weight;      /* of lanes; others have 1 */
    uint64_t body_max;          /* bytes of a request */
    uint32_t connections_max;
    uint32_t connections_per_address_max;
    uint32_t requests_per_second; /* of one address that is not loopback */
    uint64_t keep_jobs_s;         /* retention; 0: for ever */
    uint64_t keep_jobs_max;       /* 0: no bound */
    uint64_t gc_every_s;          /* 0: never by itself */
    uint64_t seal_after_s;        /* receipts are sealed when idle so long */
    char otlp[256];               /* "http://127.0.0.1:4318/v1/traces" or "" */
};

void node_config_default(struct node_config *out);
/* Reads a file over the defaults; a missing file is STATUS_NOT_FOUND. Errors
 * name file, line, key. */
Status node_config_read(const char *path, struct node_config *out,
                        struct error *err);
/* The same of a file's bytes; errors begin "LINE:COLUMN: ". */
Status node_config_read_bytes(Bytes bytes, struct node_config *out,
                              struct error *err);
/* One setting by its key, as `--set key=value` gives it. */
Status node_config_set(struct node_config *config, Text key, Text value,
                       struct error *err);
/* The whole file with every default commented, and words for each: with the
 * "#" before the keys taken away, it reads as the defaults. */
void node_config_print(struct buffer *out);

#endif
