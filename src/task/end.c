/* SPDX-License-Identifier: Apache-2.0 */
/* end.c - one table for the names of ends and their sentences. */
#include "task/end.h"

#include "base/status.h"

struct end_row {
    Text name;
    Text sentence;
};

static const struct end_row ends[END_COUNT] = {
    [END_NONE] = {{"", 0}, {"", 0}},
    [END_REFUSED_MODULE] = {TEXT_INIT("refused/module"),
                            TEXT_INIT(
                                "the module is not Wasm, or uses features "
                                "outside the determinism profile")},
    [END_REFUSED_IMPORT] = {TEXT_INIT("refused/import"),
                            TEXT_INIT("the module imports what the pure world "
                                      "does not offer")},
    [END_REFUSED_FUNCTION] = {TEXT_INIT("refused/function"),
                              TEXT_INIT(
                                  "the module has no such function, or its "
                                  "types cannot be called")},
    [END_REFUSED_ARGUMENT] = {TEXT_INIT("refused/argument"),
                              TEXT_INIT(
                                  "an argument does not fit the function")},
    [END_REFUSED_PROFILE] = {TEXT_INIT("refused/profile"),
                             TEXT_INIT("the determinism profile is not known "
                                       "here")},
    [END_REFUSED_COMMAND] = {TEXT_INIT("refused/command"),
                             TEXT_INIT("nobody here performs this command")},
    [END_LIMIT_FUEL] = {TEXT_INIT("limit/fuel"),
                        TEXT_INIT("the fuel was used up")},
    [END_LIMIT_MEMORY] = {TEXT_INIT("limit/memory"),
                          TEXT_INIT("more memory was needed than the limit "
                                    "allows")},
    [END_LIMIT_TIME] = {TEXT_INIT("limit/time"),
                        TEXT_INIT("the time limit was reached")},
    [END_LIMIT_STACK] = {TEXT_INIT("limit/stack"),
                         TEXT_INIT("the stack was used up")},
    [END_LIMIT_RESULT] = {TEXT_INIT("limit/result"),
                          TEXT_INIT("the result is too big to keep")},
    [END_LIMIT_COMPILE] = {TEXT_INIT("limit/compile"),
                           TEXT_INIT("compiling the module took too much")},
    [END_UNAVAILABLE] = {TEXT_INIT("unavailable"),
                         TEXT_INIT("a block is missing, or its hash is not "
                                   "supported")},
    [END_UNAUTHORIZED] = {TEXT_INIT("unauthorized"),
                          TEXT_INIT("no proof allows this task")},
    [END_CANCELLED] = {TEXT_INIT("cancelled"), TEXT_INIT("it was cancelled")},
    [END_BLOCKED] = {TEXT_INIT("blocked"),
                     TEXT_INIT("what it awaits ended without a result")},
    [END_HOST] = {TEXT_INIT("host"),
                  TEXT_INIT("the host failed, not the task")},
};

Text end_name(End end)
{
    ASSERT((unsigned)end < END_COUNT);
    return ends[end].name;
}

End end_from_name(Text name)
{
    for (int end = END_NONE + 1; end < END_COUNT; end++)
        if (text_equal(ends[end].name, name))
            return (End)end;
    return (End)END_COUNT;
}

Text end_sentence(End end)
{
    ASSERT((unsigned)end < END_COUNT);
    return ends[end].sentence;
}

bool end_is_retried(End end)
{
    return end == END_UNAVAILABLE || end == END_HOST;
}
