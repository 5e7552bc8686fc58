/* SPDX-License-Identifier: Apache-2.0 */
/* node_page.h - the node itself: health, numbers, sessions, quotas, files of
 * the dashboard. Thread: the server's. */
#ifndef IPVM_HTTP_NODE_PAGE_H
#define IPVM_HTTP_NODE_PAGE_H

#include "http/request.h"

Step node_health, node_page, node_metrics;
Step session_begin, session_end, session_invite;
Step quotas_list, quotas_get, quotas_put, quotas_delete;
Step dashboard_get;
Step inspect_get;

#endif
