/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.h - handlers about jobs. Thread: the server's. */
#ifndef IPVM_HTTP_JOBS_H
#define IPVM_HTTP_JOBS_H

#include "http/request.h"

/* jobs_submit.c */
Step jobs_submit_begin, jobs_submit;
bool jobs_submit_data(struct request *request, Bytes piece);
/* jobs.c */
Step jobs_list, jobs_get, jobs_graph, jobs_explain, jobs_receipts;
/* jobs_control.c */
Step jobs_suspend, jobs_resume, jobs_cancel, jobs_retry, jobs_fork;
/* jobs_result.c */
Step jobs_result;
/* events.c */
Step events_of_job, events_of_all;
/* modules.c */
Step modules_get, modules_call;

#endif
