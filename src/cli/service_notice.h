/* SPDX-License-Identifier: Apache-2.0 */
/* service_notice.h - tells the service manager, if there is one, how far we
 * are: sd_notify(3) without its library. Thread: any. */
#ifndef IPVM_CLI_SERVICE_NOTICE_H
#define IPVM_CLI_SERVICE_NOTICE_H

/* "READY=1", "STOPPING=1". Nothing happens without NOTIFY_SOCKET. */
void service_tell(const char *state);

#endif
