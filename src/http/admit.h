/* SPDX-License-Identifier: Apache-2.0 */
/* admit.h - what is checked of every request before its handler sees it: host,
 * rate, sizes, route, method, type of the body, and the gate's word.
 * Thread: the connection's. */
#ifndef IPVM_HTTP_ADMIT_H
#define IPVM_HTTP_ADMIT_H

#include "http/request.h"

/* Fills in the request; false: it has its answer. */
bool admit(struct request *request, const char *url, const char *method);
/* Whether who is being answered may still ask: his token has not expired and
 * was not revoked, his session is not over. Of a request that was let in. */
bool admit_still(struct request *request);
/* Bytes of a body that are taken. */
uint64_t admit_body_max(const struct request *request);
RequestStep admit_too_large(struct request *request);

#endif
