/* SPDX-License-Identifier: Apache-2.0 */
/* gateway.h - content by CID and path, as the path gateway and the trustless
 * gateway of specs.ipfs.tech give it. Only what is here: nothing is fetched,
 * and what was lost is not computed again. Thread: the server's. */
#ifndef IPVM_HTTP_GATEWAY_H
#define IPVM_HTTP_GATEWAY_H

#include "http/request.h"

/* /ipfs/{cid} and /ipfs/{cid}/{path*}. */
Step gateway_get;

#endif
