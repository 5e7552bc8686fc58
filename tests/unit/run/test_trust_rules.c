/* SPDX-License-Identifier: Apache-2.0 */
#include "run/trust_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"

#include <cmocka.h>

#define assert_ok(call) assert_int_equal((int)(call), (int)STATUS_OK)

/* Whoever signs here: A to E; $A in a file is A's DID. $M, $N are modules. */
enum { A, B, C, D, E, PEOPLE };
static Did people[PEOPLE];
static Cid modules[2];

static int make_people(void **state)
{
    (void)state;
    for (uint8_t index = 0; index < PEOPLE; index++) {
        const uint8_t seed[KEY_SECRET_LEN] = {(uint8_t)(index + 1)};
        struct secret_key *key;
        assert_ok(secret_key_from_bytes(
            KEY_ED25519, bytes_of(seed, sizeof seed), &key, NULL));
        did_of(secret_key_public(key), &people[index]);
        secret_key_free(key);
    }
    cid_of(CODEC_RAW, bytes_of("M", 1), &modules[0]);
    cid_of(CODEC_RAW, bytes_of("N", 1), &modules[1]);
    return 0;
}

/* A heap block of exactly its length, so that a read past it is seen. */
static Bytes fill_in(const char *file, struct buffer *out)
{
    char cid[CID_TEXT_MAX];
    buffer_init(out, 1 << 20);
    for (const char *at = file; *at; at++) {
        if (*at != '$') {
            buffer_add_byte(out, (uint8_t)*at);
            continue;
        }
        at++;
        if (*at == 'M' || *at == 'N') {
            cid_to_text(&modules[*at - 'M'], cid);
            buffer_add_text(out, text_of(cid));
        } else {
            buffer_add_text(out, text_of(people[*at - 'A'].text));
        }
    }
    uint8_t *exact = heap_alloc(out->len + (out->len == 0));
    if (out->len > 0)
        memcpy(exact, out->data, out->len);
    const size_t len = out->len;
    buffer_deinit(out);
    return bytes_of(exact, len);
}

static Status read(const char *file, struct arena *arena,
                   struct trust_rules *out, struct error *err)
{
    struct buffer buffer;
    const Bytes bytes = fill_in(file, &buffer);
    const Status status = trust_rules_read(bytes, arena, out, err);
    free((void *)(uintptr_t)bytes.data);
    return status;
}

/* --- Reading ------------------------------------------------------------- */

static void every_key_is_read(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct trust_rules rules;
    assert_ok(read("version: 1\n"
                   "rules:\n"
                   "  - name: the farm\n"
                   "    accept: [$A, $B]\n"
                   "    at-least: 2\n"
                   "    commands: /wasm/run\n"
                   "    modules: [$M, $N]\n"
                   "    functions: [resize, blur]\n"
                   "  - deny: any\n"
                   "  - {deny: $C, commands: [/, /a]}\n",
                   &arena, &rules, NULL));
    assert_int_equal(rules.count, 3);
    const struct trust_rule *farm = &rules.rules[0];
    assert_true(text_equal(farm->name, TEXT("the farm")));
    assert_int_equal(farm->line, 3);
    assert_int_equal(farm->did_count, 2);
    assert_int_equal(farm->at_least, 2);
    assert_int_equal(farm->command_count, 1);
    assert_int_equal(farm->module_count, 2);
    assert_int_equal(farm->function_count, 2);
    assert_true(text_equal(farm->functions[0], TEXT("blur")));
    assert_false(farm->denies);
    assert_true(rules.rules[1].denies && rules.rules[1].is_any);
    assert_true(rules.rules[2].denies && !rules.rules[2].is_any);
    assert_int_equal(rules.rules[2].command_count, 2);
    arena_deinit(&arena);
}

static void no_rules_are_rules(void **state)
{
    (void)state;
    static const char *const files[] = {"version: 1\n", "version: 1\nrules:\n",
                                        "version: 1\nrules: []\n",
                                        "{\"version\": 1, \"rules\": []}"};
    for (size_t row = 0; row < sizeof files / sizeof *files; row++) {
        struct arena arena = {0};
        struct trust_rules rules;
        assert_ok(read(files[row], &arena, &rules, NULL));
        assert_int_equal(rules.count, 0);
        arena_deinit(&arena);
    }
}

/* Each breaks one rule, and is told where. */
static void a_bad_line_is_told_with_its_position(void **state)
{
    (void)state;
#define V "version: 1\nrules:\n"
    static const struct {
        const char *file, *message;
    } rows[] = {
        {"", "1:1: "},
        {"- a\n", "1:1: expected a map with version and rules"},
        {"rules: []\n", "1:1: version is missing"},
        {"version: 2\n", "1:10: this is not version 1"},
        {"version: [1]\n", "1:10: this is not version 1"},
        {"version: 1\nrule: []\n", "2:1: unknown key rule; did you mean "
                                   "rules?"},
        {"version: 1\nrules: x\n", "2:8: expected a list of rules"},
        {"version: 1\nrules: ''\n", "2:8: expected a list of rules"},
        {"version: 1\nrules: {}\n", "2:8: expected a list of rules"},
        {"version: 1\nversion: 1\n", "2:1: "},
        {V "  - x\n", "3:5: expected a rule, found text"},
        {V "  - {}\n", "3:5: a rule has one of accept and deny"},
        {V "  - name: x\n", "3:5: a rule has one of accept and deny"},
        {V "  - accept: $A\n    deny: $B\n",
         "3:5: a rule has one of accept and deny"},
        {V "  - accept: any\n", "3:13: nobody is believed unless named"},
        {V "  - accept: []\n", "3:13: an empty list"},
        {V "  - accept: {}\n", "3:13: expected a DID, found a map"},
        {V "  - accept: [any]\n", "3:14: "},
        {V "  - accept: did:web:example.org\n", "3:13: "},
        {V "  - accept: did:key:z6Mk\n", "3:13: "},
        {V "  - accept: [$A, $A]\n", "is named twice here"},
        {V "  - accept: !x $A\n", "a tag has no meaning here"},
        {V "  - accept: $A\n    at-least: 0\n", "4:15: at-least is a number"},
        {V "  - accept: $A\n    at-least: 01\n", "4:15: at-least is a number"},
        {V "  - accept: $A\n    at-least: -1\n", "4:15: at-least is a number"},
        {V "  - accept: $A\n    at-least: 99999\n",
         "4:15: at-least is a number"},
        {V "  - accept: $A\n    at-least: 2\n",
         "4:15: at least 2 of 1 can never be"},
        {V "  - at-least: 2\n    accept: $A\n",
         "3:15: at least 2 of 1 can never be"},
        {V "  - deny: $A\n    at-least: 1\n", "4:15: at-least is for accept"},
        {V "  - accept: $A\n    commands: wasm\n", "4:15: "},
        {V "  - accept: $A\n    commands: [/A]\n", "4:16: "},
        {V "  - accept: $A\n    commands: []\n", "4:15: an empty list"},
        {V "  - accept: $A\n    commands:\n", "4:5: expected a command"},
        {V "  - accept: $A\n    modules: resize.wasm\n", "4:14: "},
        {V "  - accept: $A\n    functions: [[a]]\n",
         "4:17: expected the name of a function, found a list"},
        {V "  - accept: $A\n    functions: \"a\\x1b\"\n",
         "4:16: a function's name has no control characters"},
        {V "  - accept: $A\n    module: $M\n",
         "4:5: unknown key module; did you mean modules?"},
        {V "  - accept: $A\n    name: x\n  - deny: $A\n    name: x\n",
         "6:11: rule 1 has the name x, too"},
        {V "  - accept: $A\n    name: \"\\x1b[2J\"\n", "4:11: a name has"},
        {V "  - accept: &a $A\n", "3:16: anchors and aliases"},
    };
#undef V
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct arena arena = {0};
        struct trust_rules rules;
        struct error err = {0};
        if (read(rows[row].file, &arena, &rules, &err) == STATUS_OK ||
            !strstr(err.message, rows[row].message))
            fail_msg("%s: said %s, expected %s", rows[row].file, err.message,
                     rows[row].message);
        arena_deinit(&arena);
    }
}

static void every_truncation_is_read_or_refused(void **state)
{
    (void)state;
    struct buffer buffer;
    const Bytes whole = fill_in("version: 1\nrules:\n"
                                "  - {accept: [$A, $B], at-least: 2}\n"
                                "  - deny: any\n    modules: [$M]\n",
                                &buffer);
    for (size_t len = 0; len < whole.len; len++) {
        struct arena arena = {0};
        struct trust_rules rules;
        struct error err = {0};
        uint8_t *exact = heap_alloc(len + (len == 0));
        memcpy(exact, whole.data, len);
        if (trust_rules_read(bytes_of(exact, len), &arena, &rules, &err) !=
            STATUS_OK)
            assert_true(err.message[0] >= '1' && err.message[0] <= '9');
        free(exact);
        arena_deinit(&arena);
    }
    free((void *)(uintptr_t)whole.data);
}

/* --- Judging ------------------------------------------------------------- */

/* "A1 B1 d2": A and B say 1; D, who is us, says 2. */
static size_t read_said(const char *text, struct trust_said *out)
{
    size_t count = 0;
    for (; *text; text += text[2] ? 3 : 2) {
        const bool is_own = *text >= 'a';
        out[count] = (struct trust_said){
            .issuer = people[*text - (is_own ? 'a' : 'A')], .is_own = is_own};
        hash_sha256(bytes_of(text + 1, 1), &out[count++].result);
    }
    return count;
}

struct row {
    const char *rules; /* behind "rules:" */
    const char *said;
    TrustVerdict verdict;
    const char *result; /* TRUST_ACCEPTED: "1" */
    const char *why;    /* a part of it */
};

static void check_row(const struct row *row)
{
    const struct trust_subject subject = {TEXT("/wasm/run"), &modules[0],
                                          TEXT("resize")};
    char file[1024];
    struct arena arena = {0};
    struct trust_rules rules;
    struct error err = {0};
    struct trust_said said[16];
    struct trust_judgement judgement;
    snprintf(file, sizeof file, "version: 1\nrules:\n%s", row->rules);
    if (read(file, &arena, &rules, &err) != STATUS_OK)
        fail_msg("%s: %s", file, err.message);
    const size_t count = read_said(row->said, said);
    trust_judge(&rules, &subject, said, count, &judgement);
    if (judgement.verdict != row->verdict ||
        !strstr(judgement.why, row->why ? row->why : ""))
        fail_msg("%s of %s: %s (%s)", row->rules, row->said,
                 trust_verdict_name(judgement.verdict), judgement.why);
    if (row->result) {
        Hash result;
        hash_sha256(bytes_of(row->result, 1), &result);
        assert_true(hash_equal(&result, &judgement.result));
    }
    arena_deinit(&arena);
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t row = 0; row < count; row++)
        check_row(&rows[row]);
}

static void nobody_is_believed_unless_named(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", "", TRUST_SILENT, NULL, ""},
        {"", "A1", TRUST_STRANGERS, NULL, "no rule accepts the word of did"},
        {"", "A1 B1 C1", TRUST_STRANGERS, NULL, "or of anybody else"},
        {"  - accept: $B\n", "A1", TRUST_STRANGERS, NULL, ""},
        {"  - accept: $A\n", "A1", TRUST_ACCEPTED, "1", "rule 1 accepts it"},
        {"  - accept: $A\n    name: us\n", "A1", TRUST_ACCEPTED, "1",
         "the rule \"us\""},
        {"  - accept: $B\n  - accept: $A\n", "A1", TRUST_ACCEPTED, "1",
         "rule 2 accepts it"},
        // Who is not named is not heard: neither for it nor against it.
        {"  - accept: $A\n", "A1 B2", TRUST_ACCEPTED, "1", "1 of its 1"},
    };
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void a_rule_is_for_what_it_names(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"  - {accept: $A, commands: /wasm}\n", "A1", TRUST_ACCEPTED, "1", ""},
        {"  - {accept: $A, commands: /}\n", "A1", TRUST_ACCEPTED, "1", ""},
        {"  - {accept: $A, commands: /wasm/run/x}\n", "A1", TRUST_STRANGERS,
         NULL, ""},
        {"  - {accept: $A, commands: /was}\n", "A1", TRUST_STRANGERS, NULL,
         ""},
        {"  - {accept: $A, commands: [/x, /wasm/run]}\n", "A1", TRUST_ACCEPTED,
         "1", ""},
        {"  - {accept: $A, modules: $M}\n", "A1", TRUST_ACCEPTED, "1", ""},
        {"  - {accept: $A, modules: $N}\n", "A1", TRUST_STRANGERS, NULL, ""},
        {"  - {accept: $A, modules: [$N, $M]}\n", "A1", TRUST_ACCEPTED, "1",
         ""},
        {"  - {accept: $A, functions: resize}\n", "A1", TRUST_ACCEPTED, "1",
         ""},
        {"  - {accept: $A, functions: resiz}\n", "A1", TRUST_STRANGERS, NULL,
         ""},
        // All that it names must be so.
        {"  - {accept: $A, modules: $M, functions: blur}\n", "A1",
         TRUST_STRANGERS, NULL, ""},
    };
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void k_of_n_that_agree(void **state)
{
    (void)state;
#define TWO "  - {accept: [$A, $B, $C], at-least: 2}\n"
    static const struct row rows[] = {
        {TWO, "A1", TRUST_TOO_FEW, NULL, "1 of its 3 say so, it asks for 2"},
        {TWO, "A1 B1", TRUST_ACCEPTED, "1", "2 of its 3 say so"},
        {TWO, "C1 D1 A1", TRUST_ACCEPTED, "1", "2 of its 3"},
        // Twice by one is once.
        {TWO, "A1 A1", TRUST_TOO_FEW, NULL, "1 of its 3"},
        {TWO, "A1 D1 E1", TRUST_TOO_FEW, NULL, "1 of its 3"},
        // The third may refuse to agree; then it is not used.
        {TWO, "A1 B1 C2", TRUST_CONTRADICTED, NULL, "alarm"},
        {TWO, "A1 A2 B1", TRUST_CONTRADICTED, NULL, "alarm"},
        // One rule that is content is enough.
        {TWO "  - accept: $C\n", "C1", TRUST_ACCEPTED, "1", "rule 2"},
        {TWO "  - accept: $D\n", "A1 D1", TRUST_ACCEPTED, "1", "rule 2"},
        // Rules do not add up.
        {TWO "  - {accept: [$D, $E], at-least: 2}\n", "A1 D1", TRUST_TOO_FEW,
         NULL, "rule 1"},
    };
#undef TWO
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void deny_wins(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"  - accept: $A\n  - deny: $A\n", "A1", TRUST_DENIED, NULL,
         "rule 2 denies"},
        {"  - deny: $A\n  - accept: $A\n", "A1", TRUST_DENIED, NULL,
         "rule 1 denies"},
        {"  - accept: $A\n  - deny: any\n", "A1", TRUST_DENIED, NULL, ""},
        {"  - accept: $A\n  - {deny: any, modules: $M}\n", "A1", TRUST_DENIED,
         NULL, ""},
        {"  - accept: $A\n  - {deny: any, modules: $N}\n", "A1",
         TRUST_ACCEPTED, "1", ""},
        {"  - accept: [$A, $B]\n  - deny: $A\n", "A1 B1", TRUST_ACCEPTED, "1",
         "1 of its 2"},
        // What is denied does not contradict either.
        {"  - accept: [$A, $B]\n  - deny: $A\n", "A2 B1", TRUST_ACCEPTED, "1",
         ""},
        {"  - {accept: [$A, $B], at-least: 2}\n  - deny: $A\n", "A1 B1",
         TRUST_TOO_FEW, NULL, ""},
        {"  - deny: any\n", "A1", TRUST_DENIED, NULL, ""},
    };
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void our_own_word_always_counts(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", "a1", TRUST_ACCEPTED, "1", "our own"},
        {"  - deny: any\n", "a1", TRUST_ACCEPTED, "1", "our own"},
        {"  - deny: $A\n", "a1 B2", TRUST_ACCEPTED, "1", "our own"},
        {"  - accept: $B\n", "a1 B1", TRUST_ACCEPTED, "1", "our own"},
        {"  - accept: $B\n", "a1 B2", TRUST_CONTRADICTED, NULL, "alarm"},
        // It is no vote in a rule that does not name it.
        {"  - {accept: [$B, $C], at-least: 2}\n", "a1 B1", TRUST_ACCEPTED, "1",
         "our own"},
    };
    check_rows(rows, sizeof rows / sizeof *rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(no_rules_are_rules),
        cmocka_unit_test(a_bad_line_is_told_with_its_position),
        cmocka_unit_test(every_truncation_is_read_or_refused),
        cmocka_unit_test(nobody_is_believed_unless_named),
        cmocka_unit_test(a_rule_is_for_what_it_names),
        cmocka_unit_test(k_of_n_that_agree),
        cmocka_unit_test(deny_wins),
        cmocka_unit_test(our_own_word_always_counts),
    };
    return cmocka_run_group_tests(tests, make_people, NULL);
}
