/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_policy.c - any value as a policy, any other as arguments: two lengths
 * of DAG-JSON, with a newline between. Maps of one key are promises as well. */
#include "ucan/policy.h"

#include "base/status.h"
#include "ipld/dag_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool is_promise(void *context, const Value *value)
{
    (void)context;
    return value->kind == VALUE_MAP && value->map.count == 1;
}

static void check(const struct policy *policy, const Value *args)
{
    size_t failed = SIZE_MAX;
    const PolicyVerdict known =
        policy_check(policy, args, NULL, NULL, &failed);
    ASSERT(known != POLICY_UNKNOWN);
    ASSERT((known == POLICY_TRUE) == (failed == SIZE_MAX));
    const PolicyVerdict open =
        policy_check(policy, args, is_promise, NULL, NULL);
    // A promise may also be what it looks like.
    ASSERT(open == POLICY_UNKNOWN || open == known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = {0};
    struct error err = {0};
    const struct policy *policy;
    Value pol, args = value_null();
    const uint8_t *line = len ? memchr(data, '\n', len) : NULL;
    const size_t first = line ? (size_t)(line - data) : len;
    if (line)
        IGNORE(dag_json_decode(bytes_of(line, len - first), &arena, &args,
                               NULL)); // Or null.
    if (dag_json_decode(bytes_of(data, first), &arena, &pol, NULL) ==
        STATUS_OK) {
        if (policy_read(&pol, &arena, &policy, &err) == STATUS_OK) {
            check(policy, &args);
        } else {
            ASSERT(text_starts_with(text_of(err.message), TEXT(".pol")));
            ASSERT(utf8_is_valid(text_of(err.message), NULL));
        }
    }
    arena_deinit(&arena);
    return 0;
}
