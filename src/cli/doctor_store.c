/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_store.c - the store, its key, and the node that serves it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/field.h"
#include "cli/node_file.h"
#include "cli/node_settings.h"
#include "cli/output.h"
#include "ipld/dag_json.h"
#include "ipvm.h"
#include "net/http_client.h"
#include "node/config.h"
#include "store/jobs.h"
#include "store/store.h"
#include "ucan/keyring.h"

/* --- The store ----------------------------------------------------------- */

static void look_inside(struct doctor *doctor, struct store *store)
{
    struct store_stat stat = {0};
    struct error err = {0};
    uint64_t open = 0, all = 0;
    char bytes[SHORT_TEXT_MAX], used[SHORT_TEXT_MAX];
    doctor->has_store = true;
    if (store_stat(store, &stat, &err) != STATUS_OK) {
        doctor_found(doctor, HEALTH_WRONG, "store",
                     "`ipvm fsck` looks closer; a backup helps if it cannot",
                     "%s: %s", doctor->store, err.message);
        return;
    }
    IGNORE(job_count(store, &open, &all, NULL)); // Then they are not told.
    doctor_found(doctor, HEALTH_FINE, "store", NULL,
                 "%s: %llu blocks of %s, %llu results, %llu jobs (%llu open), "
                 "%s on disk",
                 doctor->store, (unsigned long long)stat.blocks,
                 show_bytes(stat.block_bytes, bytes),
                 (unsigned long long)stat.memo, (unsigned long long)all,
                 (unsigned long long)open, show_bytes(stat.used_bytes, used));
}

static void look_at_permissions(struct doctor *doctor)
{
    struct stat there;
    if (stat(doctor->store, &there) != 0)
        return;
    if (there.st_uid != geteuid() && geteuid() != 0)
        doctor_found(doctor, HEALTH_DOUBTFUL, "store",
                     "run as its owner, or name another with --store",
                     "%s belongs to user %u", doctor->store,
                     (unsigned)there.st_uid);
    else if (there.st_mode & 077)
        doctor_found(doctor, HEALTH_DOUBTFUL, "store",
                     "close it: chmod 700, and what is in it is its owner's",
                     "%s may be entered by others (mode %03o)", doctor->store,
                     (unsigned)(there.st_mode & 0777));
}

void doctor_look_at_store(struct doctor *doctor)
{
    const struct store_options options = {.read_only = true};
    struct store *store;
    struct error err = {0};
    if (access(doctor->store, F_OK) != 0 && errno == ENOENT) {
        doctor_found(doctor, HEALTH_FINE, "store", NULL,
                     "%s is not there yet: the first command makes it",
                     doctor->store);
        return;
    }
    const Status status = store_open(doctor->store, &options, &store, &err);
    if (status == STATUS_NOT_FOUND) {
        doctor_found(doctor, HEALTH_FINE, "store", NULL,
                     "%s is empty: the first command makes a store there",
                     doctor->store);
    } else if (status != STATUS_OK) {
        doctor_found(doctor, HEALTH_WRONG, "store",
                     status == STATUS_UNSUPPORTED
                         ? "install the newer version of ipvm that wrote it"
                         : "restore a backup (`ipvm restore`), or begin "
                           "another with --store or IPVM_STORE",
                     "%s", err.message);
    } else {
        look_inside(doctor, store);
        store_close(store);
    }
    look_at_permissions(doctor);
}

/* --- Its key ------------------------------------------------------------- */

static void look_at_self(struct doctor *doctor, const struct keyring *ring,
                         const struct keyring_entry *self)
{
    struct secret_key *key;
    struct error err = {0};
    if (self->is_sealed) {
        doctor_found(doctor, HEALTH_FINE, "key", NULL,
                     "%s, sealed with a passphrase", self->did.text);
        return;
    }
    if (keyring_get(ring, self->name, &key, &err) != STATUS_OK) {
        doctor_found(doctor, HEALTH_WRONG, "key",
                     "chmod 600 the file; if others have read it, make a new "
                     "key and revoke what this one delegated",
                     "%s", err.message);
        return;
    }
    secret_key_free(key);
    doctor_found(doctor, HEALTH_FINE, "key", NULL, "%s", self->did.text);
}

void doctor_look_at_key(struct doctor *doctor)
{
    char path[4096 + 8];
    struct keyring_entry self;
    struct error err = {0};
    snprintf(path, sizeof path, "%s/keys", doctor->store);
    const struct keyring ring = {.directory = path};
    const Status status = access(path, F_OK) == 0
                              ? keyring_find(&ring, "self", &self, &err)
                              : STATUS_NOT_FOUND;
    if (status == STATUS_NOT_FOUND)
        doctor_found(doctor, HEALTH_FINE, "key", NULL,
                     "none yet: it is made when it is needed first");
    else if (status != STATUS_OK)
        doctor_found(doctor, HEALTH_WRONG, "key",
                     "see that the folder and what is in it are yours alone",
                     "%s", err.message);
    else
        look_at_self(doctor, &ring, &self);
}

/* --- The node ------------------------------------------------------------ */

static bool is_same_version(const Value *health)
{
    return text_equal(field_text(health, TEXT("version")),
                      text_of(ipvm_version()));
}

static void look_at_health(struct doctor *doctor, const struct node_file *file,
                           const struct http_client_answer *answer)
{
    Value health = value_null();
    const Bytes body =
        arena_copy_bytes(&doctor->arena, buffer_bytes(&answer->body));
    IGNORE(dag_json_decode(body, &doctor->arena, &health, NULL));
    doctor->has_node = answer->status == 200;
    if (!doctor->has_node)
        doctor_found(doctor, HEALTH_WRONG, "node",
                     "see what it says on stderr (journalctl --user -u "
                     "ipvm-node)",
                     "%s answers %d", file->url, answer->status);
    else if (!is_same_version(&health))
        doctor_found(doctor, HEALTH_DOUBTFUL, "node",
                     "start it again (systemctl --user restart ipvm-node); "
                     "jobs go on",
                     "%s is of version %.*s, this is %s", file->url,
                     TEXT_ARG(field_text(&health, TEXT("version"))),
                     ipvm_version());
    else
        doctor_found(doctor, HEALTH_FINE, "node", NULL,
                     "runs at %s as process %lld", file->url,
                     (long long)file->pid);
}

static void ask_node(struct doctor *doctor, const struct node_file *file)
{
    struct http_client *client = http_client_new();
    struct http_client_answer answer;
    struct error err = {0};
    char url[NODE_URL_MAX + 16];
    snprintf(url, sizeof url, "%s/healthz", file->url);
    const struct http_client_request request = {
        .method = "GET", .url = url, .timeout_ms = 3000};
    if (http_client_ask(client, &request, &answer, &err) == STATUS_OK)
        look_at_health(doctor, file, &answer);
    else
        doctor_found(doctor, HEALTH_WRONG, "node",
                     "start it again: `ipvm node`, or systemctl --user "
                     "restart ipvm-node",
                     "process %lld is there but does not answer: %s",
                     (long long)file->pid, err.message);
    buffer_deinit(&answer.body);
    http_client_free(client);
}

/* As a node would read them. False: it would not start. */
static bool read_settings(struct doctor *doctor, struct node_config *config)
{
    char path[4096];
    struct error err = {0};
    Status status = STATUS_NOT_FOUND;
    node_config_default(config);
    if (node_settings_path(path, sizeof path))
        status = node_config_read(path, config, &err);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        return true;
    doctor_found(doctor, HEALTH_WRONG, "node",
                 "mend it; `ipvm node --print-config` has every setting",
                 "it would not start: %s", err.message);
    return false;
}

/* Zero, or why not. */
static int try_port(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int one = 1;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return errno;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const bool is_free =
        bind(listener, (const struct sockaddr *)&address, sizeof address) == 0;
    const int why = errno;
    close(listener);
    return is_free ? 0 : why;
}

/* Whether one could be started. */
static void look_at_port(struct doctor *doctor)
{
    struct node_config config;
    if (!read_settings(doctor, &config))
        return;
    const int why = try_port(config.port);
    if (why == 0)
        doctor_found(doctor, HEALTH_FINE, "node", NULL,
                     "none runs on this store; port %u is free for one "
                     "(`ipvm node`)",
                     config.port);
    else
        doctor_found(doctor, HEALTH_DOUBTFUL, "node",
                     "give yours another: `ipvm node --port 0`, or port: in "
                     "~/.config/ipvm/node.yaml",
                     "none runs on this store, and port %u is taken: %s",
                     config.port, strerror(why));
}

void doctor_look_at_node(struct doctor *doctor)
{
    struct node_file file;
    struct error err = {0};
    const Status status = node_file_read(doctor->store, &file, &err);
    if (status == STATUS_OK)
        ask_node(doctor, &file);
    else if (status == STATUS_NOT_FOUND)
        look_at_port(doctor);
    else
        doctor_found(doctor, HEALTH_WRONG, "node",
                     "remove the file; a node writes it when it starts", "%s",
                     err.message);
}
