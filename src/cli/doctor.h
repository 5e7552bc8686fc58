/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h - what `ipvm doctor` looks at, and what it finds. Each look adds
 * one finding or more; none changes anything that stays. Thread: main. */
#ifndef IPVM_CLI_DOCTOR_H
#define IPVM_CLI_DOCTOR_H

#include "base/arena.h"
#include "cli/command.h"

typedef enum { HEALTH_FINE, HEALTH_DOUBTFUL, HEALTH_WRONG } Health;

struct finding {
    Health health;
    const char *name; /* "store" */
    Text words;
    Text advice; /* what to do, or empty */
};

enum { FINDINGS_MAX = 64 };

struct doctor {
    struct cli *cli;
    char store[4096]; /* its directory */
    bool has_store;   /* it is there and can be opened */
    bool has_node;    /* one answers on it */
    struct arena arena;
    struct finding findings[FINDINGS_MAX];
    size_t count;
};

/* Adds a finding; words as printf, for one line. */
[[gnu::format(printf, 5, 6)]] void doctor_found(struct doctor *doctor,
                                                Health health,
                                                const char *name,
                                                const char *advice,
                                                const char *format, ...);

/* In this order: later ones build on what the earlier found. */
void doctor_look_at_store(struct doctor *doctor);
void doctor_look_at_key(struct doctor *doctor);
void doctor_look_at_node(struct doctor *doctor);
void doctor_look_at_disk(struct doctor *doctor);
void doctor_look_at_limits(struct doctor *doctor);
void doctor_look_at_clock(struct doctor *doctor);
void doctor_look_at_worker(struct doctor *doctor);

#endif
