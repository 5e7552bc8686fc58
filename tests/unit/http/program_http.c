/* SPDX-License-Identifier: Apache-2.0 */
/* program_http.c - a node with its API and nothing else, for tests and benches:
 *
 *     program_http STORE [KEY=VALUE …]     settings of the node
 *
 * Prints "PORT DID INVITATION" and serves until its input ends. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "http/http.h"
#include "ucan/keyring.h"

static int trouble(const struct error *err)
{
    fprintf(stderr, "program_http: %s\n", err->message);
    return 1;
}

static Status configure(int count, char **words, struct node_config *config,
                        struct error *err)
{
    node_config_default(config);
    config->port = 0;
    for (int index = 2; index < count; index++) {
        const Text word = text_of(words[index]);
        const char *equals = strchr(words[index], '=');
        if (!equals)
            return fail(err, STATUS_INVALID, "%s is no KEY=VALUE",
                        words[index]);
        const size_t len = (size_t)(equals - words[index]);
        TRY(node_config_set(config, (Text){word.data, len},
                            text_of(equals + 1), err));
    }
    return STATUS_OK;
}

static Status serve(struct store *store, const struct secret_key *key,
                    const struct node_config *config, struct error *err)
{
    char invitation[SECRET_TEXT_MAX], byte;
    struct node *node;
    struct http *http;
    TRY(node_open(store, key, config, &node, err));
    const Status status = http_open(node, &http, err);
    if (status == STATUS_OK) {
        gate_invite(node_gate(node), invitation);
        printf("%u %s %s\n", http_port(http), node_did(node)->text,
               invitation);
        fflush(stdout);
        while (read(STDIN_FILENO, &byte, 1) > 0)
            continue;
        http_close(http);
    }
    node_close(node);
    return status;
}

int main(int count, char **words)
{
    struct error err = {0};
    struct node_config config;
    struct store *store;
    struct secret_key *key;
    char keys[4096];
    bool is_new;
    if (count < 2)
        return 64;
    signal(SIGPIPE, SIG_IGN);
    if (configure(count, words, &config, &err) != STATUS_OK)
        return trouble(&err);
    if (store_open(words[1], NULL, &store, &err) != STATUS_OK)
        return trouble(&err);
    snprintf(keys, sizeof keys, "%s/keys", words[1]);
    const struct keyring ring = {.directory = keys};
    Status status = keyring_self(&ring, &key, &is_new, &err);
    if (status == STATUS_OK) {
        status = serve(store, key, &config, &err);
        secret_key_free(key);
    }
    store_close(store);
    return status == STATUS_OK ? 0 : trouble(&err);
}
