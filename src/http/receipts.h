/* SPDX-License-Identifier: Apache-2.0 */
/* receipts.h - what the node states about results. Thread: the server's. */
#ifndef IPVM_HTTP_RECEIPTS_H
#define IPVM_HTTP_RECEIPTS_H

#include "http/request.h"

Step receipts_of_job, receipts_get, receipts_log;

#endif
