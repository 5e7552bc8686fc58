/* SPDX-License-Identifier: Apache-2.0 */
/* gate_parts.h - what the gate's files share: the tokens that were given, the
 * visits that it remembers, the sessions. Inside src/node only, by the gate's
 * own. Thread: any, unless a function says otherwise. */
#ifndef IPVM_NODE_GATE_PARTS_H
#define IPVM_NODE_GATE_PARTS_H

#include "node/gate.h"

struct visits;
struct sessions;

struct gate {
    struct store *store;
    const struct secret_key *key;
    const struct node_config *config;
    Did did;
    GateJobSubject *subject;
    void *context;
    struct chain_cache *chains;
    struct visits *visits;
    struct sessions *sessions;
    int64_t now_s; /* for tests; 0: the clock says */
};
int64_t gate_now(const struct gate *gate);

/* Clocks that differ by less than this are forgiven where a token must expire
 * soon; nowhere else. */
enum { AHEAD_SLACK_S = 60 };

/* Fills refusal (may be NULL) and error; STATUS_DENIED. `token` may be NULL. */
[[gnu::format(printf, 6, 7)]] Status gate_refuse(
    struct chain_refusal *refusal, struct error *err, ChainRule rule,
    const struct token *token, const char *field, const char *format, ...);
/* What all of a gate's questions about chains have in common. */
struct chain_options gate_chain_options(const struct gate *gate);
/* An invocation must expire, and within so many seconds. */
Status gate_check_expiry(const struct token *invocation, int64_t now_s,
                         int64_t ahead_max_s, struct chain_refusal *refusal,
                         struct error *err);

/* --- Tokens as they were given ------------------------------------------- */

struct given {
    struct arena arena;
    struct store *store; /* where proofs are that were not given */
    Bytes *tokens;
    Cid *names;
    size_t count;
};
/* Reads a container with one invocation, which is handed over. Bounds: those of
 * a chain. given_free() whatever the outcome. */
Status given_read(struct given *given, const struct gate *gate, Bytes bytes,
                  struct token **invocation, struct chain_refusal *refusal,
                  struct error *err);
void given_free(struct given *given);
ChainProof given_proof; /* the context is a struct given */

/* --- Visits: bearers that were let in ------------------------------------ */

/* One that may come again. Immutable. */
struct visit {
    struct authorised *authorised; /* NULL: only his own jobs */
    struct token *own;             /* then the invocation */
};
static inline const struct token *visit_token(const struct visit *visit)
{
    return visit->authorised ? authorised_invocation(visit->authorised)
                             : visit->own;
}

struct visits *visits_new(size_t count_max);
void visits_free(struct visits *visits);
/* A reference to give back with visit_unref(), or NULL. */
struct visit *visits_get(struct visits *visits, const Hash *bearer);
/* Takes over what `visit` holds; the least recently used goes. A reference. */
struct visit *visits_add(struct visits *visits, const Hash *bearer,
                         struct visit visit);
void visit_unref(struct visit *visit);
size_t visits_count(struct visits *visits);

/* --- Sessions ------------------------------------------------------------ */

enum {
    SESSIONS_MAX = 64, /* the one used least recently is ended by a new one */
    INVITATIONS_MAX = 16,
    INVITATION_S = 600,
    SESSION_IDLE_S = 7 * 86400,
    SESSION_S = 30 * 86400,
};
struct sessions *sessions_new(void);
void sessions_free(struct sessions *sessions);
void sessions_invite(struct sessions *sessions, int64_t now_s,
                     char out[SECRET_TEXT_MAX]);
/* False: unknown, used, or too old. */
bool sessions_begin(struct sessions *sessions, Text invitation, int64_t now_s,
                    char out[SECRET_TEXT_MAX]);
bool sessions_has(struct sessions *sessions, Text cookie, int64_t now_s);
void sessions_end(struct sessions *sessions, Text cookie);

#endif
