/* SPDX-License-Identifier: Apache-2.0 */
/* trust_rules.h - whose word counts: rules, read from a file of YAML
 * (docs/formats/trust.md), and what they say of what was said about one
 * computation. Pure: no store, no clock.
 *
 *     version: 1
 *     rules:
 *       - name: the farm
 *         accept: [did:key:z6Mk…, did:key:zDna…, did:key:zQ3s…]
 *         at-least: 2
 *         modules: bafk…
 *       - deny: any
 *         commands: /wasm/run
 *
 * True of every judgement:
 *  1. What a deny rule matches does not exist, whatever accepts it, and
 *     wherever in the file. Our own word cannot be denied.
 *  2. Who is named by no accept rule for the computation is not heard.
 *  3. If two of those that are heard differ, none is believed.
 *  4. Else the result is accepted by our own word, or by the first rule of
 *     which enough distinct issuers gave it.
 * Thread: any; immutable. */
#ifndef IPVM_RUN_TRUST_RULES_H
#define IPVM_RUN_TRUST_RULES_H

#include "crypto/hash.h"
#include "ipld/cid.h"
#include "ucan/did.h"

enum {
    TRUST_FILE_MAX = 1 << 20, /* bytes */
    TRUST_RULES_MAX = 1024,
    TRUST_LIST_MAX = 1024, /* members of a list in a rule */
    TRUST_NAME_MAX = 64,
};

struct trust_rule {
    Text name;             /* may be empty */
    uint32_t line, column; /* in the file, from 1; of its first key */
    bool denies;
    bool is_any; /* deny: whoever it is */
    uint32_t at_least;
    /* Ascending. Empty lists do not restrict. */
    const Did *dids;
    size_t did_count;
    const Text *commands; /* cover what is below them, by segments */
    size_t command_count;
    const Cid *modules;
    size_t module_count;
    const Text *functions;
    size_t function_count;
};

struct trust_rules {
    const struct trust_rule *rules; /* in the order of the file */
    size_t count;
};

/* Reads a file's bytes; all in `arena`. Messages begin "LINE:COLUMN: ". */
Status trust_rules_read(Bytes bytes, struct arena *arena,
                        struct trust_rules *out, struct error *err);

/* "the rule \"the farm\"", "rule 2". */
Text trust_rule_title(const struct trust_rules *rules, size_t index,
                      struct arena *arena);

/* What a computation is, as far as rules ask. */
struct trust_subject {
    Text command;
    const Cid *module; /* NULL: none */
    Text function;     /* empty: none */
};

/* One receipt: who says that the computation came out as what. */
struct trust_said {
    Did issuer;
    Hash result;
    bool is_own;
};

typedef enum {
    TRUST_SILENT,      /* nobody said anything */
    TRUST_ACCEPTED,    /* `result`, by `rule` */
    TRUST_STRANGERS,   /* no rule accepts any of those who said something */
    TRUST_DENIED,      /* the same, and a rule denies one of them */
    TRUST_TOO_FEW,     /* a rule wants more of them to agree */
    TRUST_CONTRADICTED /* those that are heard differ: an alarm */
} TrustVerdict;

enum { TRUST_WHY_MAX = 300, TRUST_OWN = INT32_MAX };

struct trust_judgement {
    TrustVerdict verdict;
    Hash result;             /* TRUST_ACCEPTED */
    uint32_t rule;           /* index of what decided, or TRUST_OWN */
    char why[TRUST_WHY_MAX]; /* one line for people */
};

void trust_judge(const struct trust_rules *rules,
                 const struct trust_subject *subject,
                 const struct trust_said *said, size_t count,
                 struct trust_judgement *out);

/* "accepted", "strangers", …: stable. */
const char *trust_verdict_name(TrustVerdict verdict);

#endif
