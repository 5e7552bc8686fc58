/* SPDX-License-Identifier: Apache-2.0 */
/* gate.h - who asks, and whether he may: the one door to a node.
 *
 *     a bearer      a UCAN container: an invocation and its proofs
 *     a session     a secret in a cookie; the owner's, from a one-time link
 *     nobody        may ask for what is public (health, the dashboard's files)
 *
 * Deny by default. The owner's key, which is the node's own, is root on its
 * node. Others may do what delegations from it say, and see and control the
 * jobs that they submitted themselves. docs/formats/node-authority.md has the
 * commands and the arguments. Thread: any. */
#ifndef IPVM_NODE_GATE_H
#define IPVM_NODE_GATE_H

#include "node/config.h"
#include "node/job.h"
#include "task/workflow.h"
#include "ucan/chain.h"

/* What a request needs; the commands of UCAN tokens. */
typedef enum {
    MAY_NOTHING,       /* public */
    MAY_SUBMIT,        /* /workflow/run */
    MAY_READ_JOB,      /* /job/read; of one's own: always */
    MAY_CONTROL_JOB,   /* /job/control; of one's own: always */
    MAY_READ_CONTENT,  /* /content/read */
    MAY_WRITE_CONTENT, /* /content/write */
    MAY_READ_NODE,     /* /node/read: metrics, log, receipts, stats */
    MAY_ADMINISTER     /* /node/admin: quotas, gc */
} Capability;
enum { CAPABILITIES = MAY_ADMINISTER + 1 };
Text capability_command(
    Capability capability); /* "/job/read"; "" of NOTHING */

struct gate;
/* Whose a job is: STATUS_NOT_FOUND where there is no such job. */
typedef Status GateJobSubject(void *context, const Hash *job, Did *out,
                              struct error *err);
/* The node opens its gate, see node_gate(). All are borrowed. */
Status gate_open(struct store *store, const struct secret_key *key,
                 const struct node_config *config, GateJobSubject *subject,
                 void *context, struct gate **out, struct error *err);
void gate_close(struct gate *gate);

/* One request as the gate sees it. */
struct gate_request {
    Capability capability;
    Text bearer;     /* of "Authorization: Bearer …", or empty */
    Text cookie;     /* the session's, or empty */
    const Hash *job; /* the one it is about, or NULL */
    const Cid *cid;  /* the content it is about, or NULL */
};
/* Who asks. All zero where nobody does and nobody need. */
struct principal {
    Did did;
    bool is_owner;
    bool is_session; /* by a cookie: changes need the header against CSRF */
    bool all_jobs;   /* may read (or control) anybody's, as the capability
                        says; else only those that are of `did` */
};
/* STATUS_DENIED: `refusal->rule` and its words say why; with nobody asking,
 * CHAIN_INVALID_CLAIM. STATUS_INVALID: the bearer is no container of tokens.
 * A token that was let in before is looked up by its hash; revocation and time
 * are checked again. The arguments of a token that is no submission may name
 * "job" or "cid": then it is about those only; one to control a job must. It
 * expires, within BEARER_AHEAD_MAX_S; one that changes a job or the node, or
 * brings a submission of the owner's, is taken once. Without a job,
 * MAY_READ_JOB is for lists: of one's own where !all_jobs. */
enum { BEARER_BYTES_MAX = 64 << 10, BEARER_AHEAD_MAX_S = 3600 };
Status gate_enter(struct gate *gate, const struct gate_request *request,
                  struct principal *out, struct chain_refusal *refusal,
                  struct error *err);

/* --- Sessions of a browser ----------------------------------------------- */

enum { SECRET_TEXT_MAX = 64 };
/* A secret for one visit, good for ten minutes or until it is used. */
void gate_invite(struct gate *gate, char out[SECRET_TEXT_MAX]);
/* Takes it for a session's. STATUS_DENIED: unknown, used, or too old. */
Status gate_begin_session(struct gate *gate, Text invitation,
                          char out[SECRET_TEXT_MAX], struct error *err);
void gate_end_session(struct gate *gate, Text cookie);

/* --- Submissions --------------------------------------------------------- */

struct submission;

/* By a container: an invocation of /workflow/run, which expires within a day
 * unless it is the owner's without proofs, and its proofs. The workflow is
 * loaded and each task checked against the chain (FORMATS section 7); its
 * blocks must be here. STATUS_NOT_FOUND names a block that is not: by then the
 * chain itself was found good, so that blocks that came with it may be
 * imported, and it be asked again. STATUS_INVALID: what cannot be read, and
 * where; STATUS_LIMIT: a bound, named. Whoever was let in pays with his quota
 * when tasks run. */
enum { SUBMISSION_BYTES_MAX = 256 << 10, SUBMISSION_AHEAD_MAX_S = 86400 };
Status gate_submission(struct gate *gate, Bytes container,
                       struct submission **out, struct chain_refusal *refusal,
                       struct error *err);
/* By the owner without a token (dashboard, library): the node mints it. With
 * `nonce` equal, so is the job; empty: a new one each time. */
Status gate_own_submission(struct gate *gate, const struct job_terms *terms,
                           Bytes nonce, struct submission **out,
                           struct error *err);

/* What the node keeps of it; all borrowed from the submission. */
struct root;
struct submission_facts {
    Hash id;
    Did subject; /* who invoked it: whose job it is */
    Did lane;    /* whose share it takes: the owner's, or of him to whom the
                        owner delegated, however many he passed it on to */
    uint32_t weight; /* of the lane; from the configuration */
    struct job_terms terms;
    Bytes container;           /* with all proofs; kept as a raw block */
    struct workflow *workflow; /* loaded, or NULL where its root was known, or
                                  the job */
    struct root *root;         /* or NULL */
    Text trace;                /* a W3C traceparent, or empty: for events */
};
const struct submission_facts *submission_facts(const struct submission *of);
/* A traceparent that came with it, well-formed; copied. */
void submission_set_trace(struct submission *submission, Text trace);
/* The loaded workflow, handed over: the caller frees it. */
struct workflow *submission_take_workflow(struct submission *submission);
/* The proof that it may, handed over, for rechecks when tasks run; NULL for the
 * owner. Free with authorised_free(). */
struct authorised *submission_take_authorised(struct submission *submission);
void submission_free(struct submission *submission);

/* After a restart: the same from what was kept, but for the workflow, which is
 * left to be loaded when it is run. No signature is verified twice; revocations
 * are asked when tasks run. */
Status gate_restore(struct gate *gate, Bytes container,
                    struct submission **out, struct error *err);

/* A task that is about to run, its arguments resolved: policies and revocations
 * once more. `authorised` NULL: the owner's. STATUS_DENIED with the words. */
Status gate_recheck(struct gate *gate, const struct authorised *authorised,
                    Text cmd, const Value *args, struct error *err);

#endif
