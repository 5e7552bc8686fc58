/* SPDX-License-Identifier: Apache-2.0 */
/* trust_judge.c - what rules say of what was said. Each rule looks at each
 * receipt once: rules * receipts * log(DIDs of a rule). */
#include <stdio.h>
#include <stdlib.h>

#include "run/trust_rules.h"
#include "ucan/token.h"

struct judging {
    const struct trust_rules *rules;
    const struct trust_subject *subject;
    const struct trust_said *said;
    size_t count;
    bool *is_denied; /* one a receipt */
    bool *is_heard;
    struct trust_judgement *out;
};

Text trust_rule_title(const struct trust_rules *rules, size_t index,
                      struct arena *arena)
{
    const struct trust_rule *rule = &rules->rules[index];
    if (rule->name.len > 0)
        return arena_format(arena, "the rule \"%.*s\"", TEXT_ARG(rule->name));
    return arena_format(arena, "rule %zu", index + 1);
}

const char *trust_verdict_name(TrustVerdict verdict)
{
    static const char *const names[] = {
        [TRUST_SILENT] = "silent",       [TRUST_ACCEPTED] = "accepted",
        [TRUST_STRANGERS] = "strangers", [TRUST_DENIED] = "denied",
        [TRUST_TOO_FEW] = "too-few",     [TRUST_CONTRADICTED] = "contradicted",
    };
    return names[verdict];
}

/* --- Who and what a rule is about ---------------------------------------- */

static bool names_command(const struct trust_rule *rule, Text command)
{
    for (size_t index = 0; index < rule->command_count; index++)
        if (command_covers(rule->commands[index], command))
            return true;
    return rule->command_count == 0;
}

static bool names_module(const struct trust_rule *rule, const Cid *module)
{
    for (size_t index = 0; module && index < rule->module_count; index++)
        if (cid_equal(&rule->modules[index], module))
            return true;
    return rule->module_count == 0;
}

static bool names_function(const struct trust_rule *rule, Text function)
{
    for (size_t index = 0; index < rule->function_count; index++)
        if (text_equal(rule->functions[index], function))
            return true;
    return rule->function_count == 0;
}

static bool is_about(const struct trust_rule *rule,
                     const struct trust_subject *subject)
{
    return names_command(rule, subject->command) &&
           names_module(rule, subject->module) &&
           names_function(rule, subject->function);
}

static int compare_did(const void *a, const void *b)
{
    return strcmp(((const Did *)a)->text, ((const Did *)b)->text);
}

static bool names_issuer(const struct trust_rule *rule, const Did *issuer)
{
    return rule->is_any ||
           (rule->did_count > 0 && bsearch(issuer, rule->dids, rule->did_count,
                                           sizeof *rule->dids, compare_did));
}

/* --- Judging ------------------------------------------------------------- */

[[gnu::format(printf, 4, 5)]] static void decide(struct judging *judging,
                                                 TrustVerdict verdict,
                                                 size_t rule,
                                                 const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(judging->out->why, sizeof judging->out->why, format, list);
    va_end(list);
    judging->out->verdict = verdict;
    judging->out->rule = (uint32_t)rule;
}

/* Deny first, so that what is denied is not heard. The first rule that denies
 * somebody, or SIZE_MAX. */
static size_t sort_out(struct judging *judging)
{
    size_t denying = SIZE_MAX;
    for (int round = 0; round < 2; round++)
        for (size_t index = 0; index < judging->rules->count; index++) {
            const struct trust_rule *rule = &judging->rules->rules[index];
            if (rule->denies != (round == 0) ||
                !is_about(rule, judging->subject))
                continue;
            for (size_t at = 0; at < judging->count; at++) {
                if (!names_issuer(rule, &judging->said[at].issuer) ||
                    judging->said[at].is_own || judging->is_denied[at])
                    continue;
                if (rule->denies && denying == SIZE_MAX)
                    denying = index;
                judging->is_denied[at] = rule->denies;
                judging->is_heard[at] = !rule->denies;
            }
        }
    for (size_t at = 0; at < judging->count; at++)
        judging->is_heard[at] |= judging->said[at].is_own;
    return denying;
}

/* True if two of those that are heard differ. `*heard`: the first of them. */
static bool is_contradicted(struct judging *judging, size_t *heard)
{
    *heard = SIZE_MAX;
    for (size_t at = 0; at < judging->count; at++) {
        if (!judging->is_heard[at])
            continue;
        if (*heard == SIZE_MAX) {
            *heard = at;
        } else if (!hash_equal(&judging->said[*heard].result,
                               &judging->said[at].result)) {
            decide(judging, TRUST_CONTRADICTED, TRUST_OWN,
                   "alarm: the receipts of %s and of %s contradict each "
                   "other, so none is believed",
                   judging->said[*heard].issuer.text,
                   judging->said[at].issuer.text);
            return true;
        }
    }
    return false;
}

/* Distinct issuers of a rule that are heard: all of one mind by now. */
static uint32_t agreeing(const struct judging *judging,
                         const struct trust_rule *rule)
{
    uint32_t count = 0;
    for (size_t at = 0; at < judging->count; at++) {
        if (!judging->is_heard[at] ||
            !names_issuer(rule, &judging->said[at].issuer))
            continue;
        bool is_new = true;
        for (size_t before = 0; before < at && is_new; before++)
            is_new = !judging->is_heard[before] ||
                     !did_equal(&judging->said[before].issuer,
                                &judging->said[at].issuer);
        count += is_new;
    }
    return count;
}

/* False: no rule is content. The one that lacks least says so. */
static bool accept_by_rule(struct judging *judging, struct arena *arena)
{
    uint32_t lacking = UINT32_MAX;
    for (size_t index = 0; index < judging->rules->count; index++) {
        const struct trust_rule *rule = &judging->rules->rules[index];
        if (rule->denies || !is_about(rule, judging->subject))
            continue;
        const uint32_t count = agreeing(judging, rule);
        const Text title = trust_rule_title(judging->rules, index, arena);
        if (count >= rule->at_least) {
            decide(judging, TRUST_ACCEPTED, index,
                   "%.*s accepts it: %u of its %zu say so", TEXT_ARG(title),
                   count, rule->did_count);
            return true;
        }
        if (count > 0 && rule->at_least - count < lacking) {
            lacking = rule->at_least - count;
            decide(judging, TRUST_TOO_FEW, index,
                   "%.*s does not accept it yet: %u of its %zu say so, it "
                   "asks for %u",
                   TEXT_ARG(title), count, rule->did_count, rule->at_least);
        }
    }
    return false;
}

static void judge(struct judging *judging, struct arena *arena)
{
    size_t heard;
    const size_t denying = sort_out(judging);
    if (is_contradicted(judging, &heard))
        return;
    if (heard == SIZE_MAX && denying != SIZE_MAX) {
        const Text title = trust_rule_title(judging->rules, denying, arena);
        decide(judging, TRUST_DENIED, denying,
               "%.*s denies what is said of it", TEXT_ARG(title));
        return;
    }
    if (heard == SIZE_MAX) {
        decide(judging, TRUST_STRANGERS, TRUST_OWN,
               "no rule accepts the word of %s%s",
               judging->said[0].issuer.text,
               judging->count > 1 ? " or of anybody else who says so" : "");
        return;
    }
    judging->out->result = judging->said[heard].result;
    for (size_t at = 0; at < judging->count; at++)
        if (judging->said[at].is_own) {
            decide(judging, TRUST_ACCEPTED, TRUST_OWN,
                   "a receipt of our own says so");
            return;
        }
    accept_by_rule(judging, arena);
}

void trust_judge(const struct trust_rules *rules,
                 const struct trust_subject *subject,
                 const struct trust_said *said, size_t count,
                 struct trust_judgement *out)
{
    struct arena arena = {0};
    struct judging judging = {.rules = rules,
                              .subject = subject,
                              .said = said,
                              .count = count,
                              .out = out};
    *out = (struct trust_judgement){.rule = TRUST_OWN};
    if (count > 0) {
        judging.is_denied = arena_array(&arena, count, sizeof(bool));
        judging.is_heard = arena_array(&arena, count, sizeof(bool));
        judge(&judging, &arena);
    }
    arena_deinit(&arena);
}
