/* SPDX-License-Identifier: Apache-2.0 */
/* head.h - the head of an HTTP/1.1 request (RFC 9112), as little of it as a
 * node's Homestar port needs. Thread: any. */
#ifndef IPVM_HOMESTAR_HEAD_H
#define IPVM_HOMESTAR_HEAD_H

#include "base/bytes.h"
#include "base/status.h"

enum { HEAD_BYTES_MAX = 16 << 10, HEAD_FIELDS_MAX = 100 };

/* All borrow from the bytes that were read; fields that are not there are
 * empty. */
struct head {
    Text method, target;
    Text host, origin;
    Text upgrade, connection, key, version; /* of WebSocket */
    bool has_length;
    uint64_t content_length;
    bool expects; /* "100-continue" */
};

/* `*len` is where what follows the head begins. STATUS_NOT_FOUND: it is not
 * whole yet. STATUS_INVALID: not a request; STATUS_UNSUPPORTED: another version
 * or a body in chunks; STATUS_LIMIT: too long. */
Status head_read(Bytes bytes, struct head *out, size_t *len,
                 struct error *err);

/* Is `word` one of the words between commas, in any case? */
bool head_has_word(Text list, Text word);
/* "localhost", "127.0.0.1" or "[::1]", with a port or not: a browser that came
 * by such a name was not led here by somebody else's. */
bool head_host_is_loopback(Text host);
/* The same of "http://HOST" or "https://HOST". */
bool head_origin_is_loopback(Text origin);

#endif
