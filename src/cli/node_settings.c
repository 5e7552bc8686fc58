/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/node_settings.h"

#include <stdio.h>
#include <stdlib.h>

bool node_settings_path(char *out, size_t room)
{
    const char *base = getenv("XDG_CONFIG_HOME"), *below = "/ipvm/node.yaml";
    if (!base || !*base) {
        base = getenv("HOME");
        below = "/.config/ipvm/node.yaml";
    }
    if (!base || !*base)
        return false;
    const int len = snprintf(out, room, "%s%s", base, below);
    return len >= 0 && (size_t)len < room;
}
