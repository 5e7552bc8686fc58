/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_trust.c - rules of trust, and judging by them. */
#include "run/trust_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Everybody whom a rule names says one of two things. */
static size_t gather(const struct trust_rules *rules, struct trust_said *said,
                     size_t max)
{
    size_t count = 0;
    for (size_t rule = 0; rule < rules->count; rule++)
        for (size_t did = 0; did < rules->rules[rule].did_count && count < max;
             did++) {
            said[count].issuer = rules->rules[rule].dids[did];
            said[count].result = (Hash){{(uint8_t)(count % 5 == 4)}};
            count++;
        }
    return count;
}

/* The rules: what is accepted was said by enough of those that the rule names,
 * none of whom any rule denies everywhere, and by nobody else who is heard
 * otherwise. */
static void check(const struct trust_rules *rules,
                  const struct trust_said *said, size_t count,
                  const struct trust_judgement *judgement)
{
    uint32_t agree = 0;
    if (judgement->verdict != TRUST_ACCEPTED)
        return;
    ASSERT(judgement->rule < rules->count);
    const struct trust_rule *rule = &rules->rules[judgement->rule];
    ASSERT(!rule->denies);
    for (size_t at = 0; at < count; at++)
        for (size_t did = 0; did < rule->did_count; did++)
            if (did_equal(&said[at].issuer, &rule->dids[did]))
                agree += hash_equal(&said[at].result, &judgement->result);
    ASSERT(agree >= rule->at_least);
    for (size_t other = 0; other < rules->count; other++)
        ASSERT(!rules->rules[other].is_any ||
               rules->rules[other].command_count +
                       rules->rules[other].module_count +
                       rules->rules[other].function_count >
                   0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = {0};
    struct trust_rules rules;
    struct trust_said said[64];
    struct trust_judgement judgement;
    struct error err = {0};
    Cid module;
    cid_of(CODEC_RAW, bytes_of("M", 1), &module);
    const struct trust_subject subject = {TEXT("/wasm/run"), &module,
                                          TEXT("f")};
    if (trust_rules_read(bytes_of(data, len), &arena, &rules, &err) !=
        STATUS_OK) {
        ASSERT(err.message[0] >= '0' && err.message[0] <= '9');
    } else {
        *said = (struct trust_said){0};
        const size_t count = gather(&rules, said, 64);
        for (size_t at = 0; at < count; at++)
            said[at].is_own = false;
        trust_judge(&rules, &subject, said, count, &judgement);
        ASSERT((judgement.verdict == TRUST_SILENT) == (count == 0));
        check(&rules, said, count, &judgement);
    }
    arena_deinit(&arena);
    return 0;
}
