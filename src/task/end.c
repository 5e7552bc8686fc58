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
    [END_REFUSED_MODULE] = {TEXT("refused/module"),
                            TEXT("the module is not Wasm, or uses features "
                                 "outside the determinism profile")},
    [END_REFUSED_IMPORT] = {TEXT("refused/import"),
                            TEXT("the module imports what the pure world "
                                 "does not offer")},
    [END_REFUSED_FUNCTION] = {TEXT("refused/function"),
                              TEXT("the module has no such function, or its "
                                   "types cannot be called")},
    [END_REFUSED_ARGUMENT] = {TEXT("refused/argument"),
                              TEXT("an argument does not fit the function")},
    [END_REFUSED_PROFILE] = {TEXT("refused/profile"),
                             TEXT("the determinism profile is not known "
                                  "here")},
    [END_REFUSED_COMMAND] = {TEXT("refused/command"),
                             TEXT("nobody here performs this command")},
    [END_LIMIT_FUEL] = {TEXT("limit/fuel"), TEXT("the fuel was used up")},
    [END_LIMIT_MEMORY] = {TEXT("limit/memory"),
                          TEXT("more memory was needed than the limit "
                               "allows")},
    [END_LIMIT_TIME] = {TEXT("limit/time"),
                        TEXT("the time limit was reached")},
    [END_LIMIT_STACK] = {TEXT("limit/stack"), TEXT("the stack was used up")},
    [END_LIMIT_RESULT] = {TEXT("limit/result"),
                          TEXT("the result is too big to keep")},
    [END_LIMIT_COMPILE] = {TEXT("limit/compile"),
                           TEXT("compiling the module took too much")},
    [END_UNAVAILABLE] = {TEXT("unavailable"),
                         TEXT("a block is missing, or its hash is not "
                              "supported")},
    [END_UNAUTHORIZED] = {TEXT("unauthorized"),
                          TEXT("no proof allows this task")},
    [END_CANCELLED] = {TEXT("cancelled"), TEXT("it was cancelled")},
    [END_BLOCKED] = {TEXT("blocked"),
                     TEXT("what it awaits ended without a result")},
    [END_HOST] = {TEXT("host"), TEXT("the host failed, not the task")},
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
