/* SPDX-License-Identifier: Apache-2.0 */
/* node_file.h - STORE/node.json: where the node that has the store open is to
 * be found. {"did", "pid", "url"}, 0600. Thread: any. */
#ifndef IPVM_CLI_NODE_FILE_H
#define IPVM_CLI_NODE_FILE_H

#include "ucan/did.h"

enum { NODE_URL_MAX = 512 };

struct node_file {
    char url[NODE_URL_MAX]; /* "http://127.0.0.1:4747", no slash behind */
    Did did;
    int64_t pid;
};

/* STATUS_NOT_FOUND: no node runs on that store, as far as one can see.
 * STATUS_INVALID: the file is not what a node writes. */
Status node_file_read(const char *store, struct node_file *out,
                      struct error *err);
/* Appears whole. */
Status node_file_write(const char *store, const struct node_file *file,
                       struct error *err);
/* Only this process's. */
void node_file_remove(const char *store);

/* "http://HOST:PORT" or https, with a path where a proxy wants one;
 * STATUS_INVALID says why not. Slashes at the end are left out. */
Status node_url_read(const char *word, char out[NODE_URL_MAX],
                     struct error *err);

#endif
