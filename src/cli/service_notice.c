/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/service_notice.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void service_tell(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof address.sun_path ||
        (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') // in the abstract namespace
        address.sun_path[0] = '\0';
    const int to = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (to < 0)
        return;
    const socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    // Whether anybody listens makes no difference to us.
    const ssize_t sent = sendto(to, state, strlen(state), MSG_NOSIGNAL,
                                (const struct sockaddr *)&address, size);
    (void)sent;
    close(to);
}
