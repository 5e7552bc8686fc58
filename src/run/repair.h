/* SPDX-License-Identifier: Apache-2.0 */
/* repair.h - checks all of a store, says what is wrong and who suffers from
 * it, and repairs what can be.
 *
 *     blocks    hash to their names
 *     rows      docs/formats/store.md
 *     memo      each entry leads to a result that reads strictly, and the long
 *               values that were split off it are here
 *     pins and names lead to all that is below them
 *
 * A memo entry whose result as a whole is not here is no finding: it was
 * collected, and is a miss. Nor is a link in a result that a guest made: it
 * may lead anywhere.
 *
 * Repair never removes what can still be read. Blocks are computed again
 * (heal.h) or imported again from the file they came from; a damaged one that
 * cannot be had is removed, so that it can be added again; an entry whose
 * result cannot be had is withdrawn. Each step is durable by itself, and right
 * if it is the last one: runs may go on, and so may another repair.
 * Thread: the executor's. */
#ifndef IPVM_RUN_REPAIR_H
#define IPVM_RUN_REPAIR_H

#include "content/file_index.h"
#include "run/heal.h"
#include "store/fsck.h"

typedef enum {
    FINDING_DAMAGED,   /* a block that does not hash to its name */
    FINDING_MISSING,   /* a block that something leads to */
    FINDING_MALFORMED, /* a block that its codec cannot read */
    FINDING_RESULT,    /* a memo entry whose result is none */
    FINDING_ROW        /* a row of a table */
} FindingKind;

/* "damaged", "missing", … */
const char *finding_kind_name(FindingKind kind);

enum { DEPENDENTS_SHOWN = 8 };

struct finding {
    FindingKind kind;
    Cid cid;           /* the block; RESULT: the computation. ROW: len 0 */
    Text words;        /* of RESULT and ROW: what is wrong */
    const char *table; /* of ROW */
    Bytes key;         /* of ROW */
    int table_number;  /* of ROW */
    /* What leads to it: the first few, and how many there are. */
    Text dependents[DEPENDENTS_SHOWN];
    uint64_t dependent_count;
    bool is_rooted;           /* a pin or a name is among them */
    struct indexed_file file; /* it came from this one; path "" if from none */
    /* What can be done, or was. */
    bool can_mend, is_mended;
    Text mend; /* "run bafy… again" */
};

struct repair_options {
    bool repair;
    unsigned threads; /* 0: one per core */
    /* `phase` is a word for people; bytes of blocks, then things. False stops
     * with STATUS_CANCELLED. */
    bool (*progress)(void *context, const char *phase, uint64_t done,
                     uint64_t total);
    void *context;
};

struct repair {
    struct fsck_counts counts;
    uint64_t memo, collected, pins, names;
    struct finding *findings; /* owned */
    size_t count;
    size_t left;   /* of them: not mended */
    bool differed; /* something was computed again and came out differently */
    struct arena arena; /* what the findings point to */
};

/* STATUS_OK: the store was looked at; `*out` says what was found. Free it with
 * repair_free() in any case. */
Status repair_store(struct executor *executor, struct modules *modules,
                    const struct repair_options *options, struct repair **out,
                    struct error *err);
void repair_free(struct repair *repair);

#endif
