/* SPDX-License-Identifier: Apache-2.0 */
/* node_client.h - what the commands that talk to a node share: which node, who
 * asks, requests with their invocation, and the answer or clear words.
 *
 * The node is that of --node, or the one that has the store open
 * (node_file.h). The key is the store's own, which is root on its own node, or
 * that of --key; then --proof leads from it to the node. Thread: main. */
#ifndef IPVM_CLI_NODE_CLIENT_H
#define IPVM_CLI_NODE_CLIENT_H

#include "cli/command.h"
#include "ipld/value.h"
#include "net/http_client.h"
#include "ucan/did.h"

/* The first options of each of these commands. */
enum { NODE_OPTION_URL, NODE_OPTION_KEY, NODE_OPTION_PROOF, NODE_OPTIONS };
#define NODE_OPTION_ROWS                                                      \
    [NODE_OPTION_URL] = {0, "node", "URL",                                    \
                         "ask this node, not the one on the store"},          \
    [NODE_OPTION_KEY] = {0, "key", "NAME",                                    \
                         "ask as this key instead of self"},                  \
    [NODE_OPTION_PROOF] = {0, "proof", "FILE|TEXT",                           \
                           "by what the key may; may be repeated"}

struct node_client;

/* Finds the node and the key. An exit code, after having said what is wrong;
 * with EXIT_OK, close it. From here on Ctrl-C is told by
 * node_client_interrupted(). */
int node_client_open(struct cli *cli, struct node_client **out);
/* NULL is allowed. */
void node_client_close(struct node_client *client);

struct cli *node_client_cli(const struct node_client *client);
const char *node_client_url(const struct node_client *client);
const Did *node_client_did(const struct node_client *client);
/* The node has our own store open: what is in it, it has. */
bool node_client_shares_store(const struct node_client *client);
bool node_client_interrupted(void);
/* How long invocations are good from now on; five minutes unless said. */
void node_client_set_lifetime(struct node_client *client, int64_t seconds);

struct node_ask {
    const char *method; /* "GET" */
    const char *path;   /* "/v1/jobs" and what is behind it */
    const char *cmd;    /* "/job/read"; NULL: asked without authority */
    const Value *args;  /* NULL: {}, or with `job` {"job": link} */
    const char *job;    /* the only one that the invocation is good for, or
                           NULL */
    /* Another word than one minted now: a submission, which is always the
     * same; NULL. */
    const char *bearer;
    bool is_in_body;  /* the bearer: it is not a header, too */
    const char *type; /* of the body, or NULL */
    Bytes body;
    /* As struct http_client_request has them. */
    long (*read)(void *context, void *data, size_t max);
    uint64_t read_len;
    bool (*sink)(void *context, const void *data, size_t len);
    void (*tick)(void *context); /* called once a second, or NULL */
    void *context;
    const char *accept;  /* NULL: application/json */
    const char *last_id; /* of an event stream, or NULL */
    uint64_t wait_ms;    /* how long the node itself may take, beyond 60 s */
};
/* Asks; an answer of 400 and above is an exit code, after having said what the
 * node says. The body is owned by the caller whatever comes. */
int node_ask(struct node_client *client, const struct node_ask *ask,
             struct http_client_answer *out);
/* The same once, with a failure as a status: for those who try again. */
Status node_try(struct node_client *client, const struct node_ask *ask,
                struct http_client_answer *out, struct error *err);
/* That there was no answer, in words; an exit code. */
int node_say_trouble(struct node_client *client, Status status,
                     const struct error *err);
/* What an answer of 400 and above says, on stderr; its exit code. */
int node_refused(struct node_client *client,
                 const struct http_client_answer *answer);
/* The answer is DAG-JSON; it lives in `arena`. */
int node_ask_value(struct node_client *client, const struct node_ask *ask,
                   struct arena *arena, Value *out);
/* The same of an answer that is here. */
int node_answer_value(struct node_client *client,
                      const struct http_client_answer *answer,
                      struct arena *arena, Value *out);

/* A container with an invocation of `cmd` on this node, as text; `nonce` empty:
 * another one each time, and good for some minutes only; else the same, for
 * ever or, of others than the owner, for the day. */
int node_mint(struct node_client *client, Text cmd, const Value *args,
              Bytes nonce, struct buffer *out);

/* Adds a word to a URL, every byte that is not plain as %XX. */
void url_add(struct buffer *url, Text word);

/* After a connection broke: finds a node that was started again, on another
 * port maybe. */
void node_client_find_again(struct node_client *client);

#endif
