/* SPDX-License-Identifier: Apache-2.0 */
/* facts.h - what is said of a thing, as lines for people or as one JSON map,
 * from the same calls. Thread: main. */
#ifndef IPVM_CLI_FACTS_H
#define IPVM_CLI_FACTS_H

#include "base/arena.h"
#include "cli/command.h"
#include "ipld/value.h"

enum { FACTS_MAX = 32 };

struct facts {
    struct arena arena;
    struct value_entry entries[FACTS_MAX]; /* in the order they were said */
    size_t count;
};

/* Keys are literals; texts are copied, values are borrowed. */
void fact(struct facts *facts, Text key, Value value);
void fact_text(struct facts *facts, Text key, Text text);
[[gnu::format(printf, 3, 4)]] void fact_format(struct facts *facts, Text key,
                                               const char *format, ...);
void fact_cid(struct facts *facts, Text key, const Cid *cid);

/* Prints them on stdout, as the command line asks, and forgets them. */
void facts_print(struct facts *facts, const struct cli *cli);

#endif
