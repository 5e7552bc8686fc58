/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.h - blocks in and out, and which are not here. Thread: the server's.
 */
#ifndef IPVM_HTTP_BLOCKS_H
#define IPVM_HTTP_BLOCKS_H

#include "http/request.h"

Step blocks_get;
/* Under the CID that is given, and under the one that it has. */
Step blocks_begin, blocks_put, blocks_post;
bool blocks_data(struct request *request, Bytes piece);
Step missing_post;

#endif
