/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_glob.c - the first line as a pattern, the rest as text, against a
 * matcher that tries all there is, row by row of a table. */
#include "base/status.h"
#include "ucan/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { TEXT_MAX = 512 };

/* Whether what was read of the pattern matches the first `at` bytes is in
 * reach[at]. */
static bool naive(Text pattern, Text text)
{
    bool reach[TEXT_MAX + 1] = {true};
    for (size_t index = 0; index < pattern.len; index++) {
        char letter = pattern.data[index];
        if (letter == '*') {
            for (size_t at = 1; at <= text.len; at++)
                reach[at] = reach[at] || reach[at - 1];
            continue;
        }
        if (letter == '\\' && index + 1 < pattern.len &&
            pattern.data[index + 1] == '*')
            letter = pattern.data[++index];
        for (size_t at = text.len; at > 0; at--)
            reach[at] = reach[at - 1] && text.data[at - 1] == letter;
        reach[0] = false;
    }
    return reach[text.len];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *line = len ? memchr(data, '\n', len) : NULL;
    if (!line || len > TEXT_MAX)
        return 0;
    const size_t first = (size_t)(line - data);
    const Text pattern = bytes_text(bytes_of(data, first));
    const Text text = bytes_text(bytes_of(line + 1, len - first - 1));
    ASSERT(policy_glob(pattern, text) == naive(pattern, text));
    return 0;
}
