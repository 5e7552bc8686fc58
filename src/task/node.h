/* SPDX-License-Identifier: Apache-2.0 */
/* node.h - a YAML 1.2 or JSON document as a tree with positions: the only
 * door to libfyaml. Thread: any. */
#ifndef IPVM_TASK_NODE_H
#define IPVM_TASK_NODE_H

#include "base/arena.h"
#include "base/status.h"

typedef enum { NODE_SCALAR, NODE_LIST, NODE_MAP } NodeKind;

struct node {
    NodeKind kind;
    bool plain; /* a scalar without quotes: its type is found from its text */
    Text tag;   /* "!file", …, or empty */
    Text text;  /* NODE_SCALAR; valid UTF-8 */
    uint32_t line, column; /* from 1 */
    uint32_t count;        /* members; a map's keys only */
    struct node *first;    /* members; in a map key, value, key, value, … */
    struct node *next;
};

enum { NODE_DEPTH_MAX = 120, DOCUMENT_BYTES_MAX = 256 << 20 };

/* Reads the one document in `bytes`. Refuses anchors, aliases, a key twice,
 * keys that are no scalars. Messages begin "LINE:COLUMN: ". */
Status node_read(Bytes bytes, struct arena *arena, struct node **out,
                 struct error *err);

/* The value under `key`, or NULL. */
const struct node *node_get(const struct node *map, Text key);

/* "text", "list" or "map", for messages. */
const char *node_kind_name(const struct node *node);

/* Fails with "LINE:COLUMN: " in front. */
[[gnu::format(printf, 3, 4)]] Status node_fail(const struct node *node,
                                               struct error *err,
                                               const char *format, ...);
/* Puts "LINE:COLUMN: " in front of what `err` says. */
Status node_fail_in(const struct node *node, Status status, struct error *err);

#endif
