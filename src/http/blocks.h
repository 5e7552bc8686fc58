/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.h - blocks in and out. Thread: the server's. */
#ifndef IPVM_HTTP_BLOCKS_H
#define IPVM_HTTP_BLOCKS_H

#include "http/request.h"

Step blocks_get;

#endif
