/* SPDX-License-Identifier: Apache-2.0 */
/* web.h - the dashboard's files, part of the program. Thread: any. */
#ifndef IPVM_WEB_WEB_H
#define IPVM_WEB_WEB_H

#include <stddef.h>

struct web_file {
    const char *path; /* "/", "/app.js" */
    const char *type; /* "text/html; charset=utf-8" */
    const char *etag; /* quoted; changes with the bytes */
    const unsigned char *data;
    size_t len;
};

/* NULL: there is none. */
const struct web_file *web_find(const char *path);

#endif
