/* SPDX-License-Identifier: Apache-2.0 */
/* command.c - commands: paths of segments, the shorter proves the longer (UCAN
 * specification 1.0, "Command").
 *
 * "Lower case" is ASCII's: what is lower case beyond it depends on the version
 * of Unicode, and two commands that differ in one byte are two commands. */
#include "ucan/token.h"

Status command_check(Text cmd, struct error *err)
{
    if (cmd.len == 0 || cmd.len > COMMAND_LEN_MAX || cmd.data[0] != '/')
        return fail(err, STATUS_INVALID,
                    "command: it begins with / and has at most %d bytes",
                    COMMAND_LEN_MAX);
    if (cmd.len == 1)
        return STATUS_OK;
    for (size_t index = 1; index <= cmd.len; index++) {
        if ((index == cmd.len || cmd.data[index] == '/') &&
            cmd.data[index - 1] == '/')
            return fail(err, STATUS_INVALID,
                        "command: %.*s has an empty segment", TEXT_ARG(cmd));
        if (index < cmd.len && cmd.data[index] >= 'A' &&
            cmd.data[index] <= 'Z')
            return fail(err, STATUS_INVALID,
                        "command: %.*s has an upper case letter",
                        TEXT_ARG(cmd));
    }
    return STATUS_OK;
}

bool command_covers(Text parent, Text child)
{
    if (parent.len == 1)
        return true; // "/" is all of them.
    return text_starts_with(child, parent) &&
           (child.len == parent.len || child.data[parent.len] == '/');
}
