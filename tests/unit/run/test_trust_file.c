/* SPDX-License-Identifier: Apache-2.0 */
#include "run/trust_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/status.h"

#include <cmocka.h>

#define assert_ok(call) assert_int_equal((int)(call), (int)STATUS_OK)
#define assert_status(call, expected)                                         \
    assert_int_equal((int)(call), (int)(expected))

static char folder[] = "/tmp/ipvm-trust.XXXXXX";
static char template_of[] = "/tmp/ipvm-trust.XXXXXX";
static Did people[3];

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder, template_of, sizeof folder);
    assert_non_null(mkdtemp(folder));
    for (uint8_t index = 0; index < 3; index++) {
        const uint8_t seed[KEY_SECRET_LEN] = {(uint8_t)(index + 1)};
        struct secret_key *key;
        assert_ok(secret_key_from_bytes(
            KEY_ED25519, bytes_of(seed, sizeof seed), &key, NULL));
        did_of(secret_key_public(key), &people[index]);
        secret_key_free(key);
    }
    return 0;
}

static const char *path(void)
{
    static char out[64];
    snprintf(out, sizeof out, "%s/trust.yaml", folder);
    return out;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path());
    assert_int_equal(rmdir(folder), 0); // And nothing else was left there.
    return 0;
}

/* $A is the first of people. */
static void write_file(const char *text)
{
    FILE *file = fopen(path(), "we");
    assert_non_null(file);
    for (const char *at = text; *at; at++)
        if (*at == '$')
            fputs(people[*++at - 'A'].text, file);
        else
            fputc(*at, file);
    fclose(file);
}

static void assert_file(const char *text)
{
    char is[4096], wanted[4096];
    size_t len = 0;
    FILE *file = fopen(path(), "re");
    assert_non_null(file);
    is[fread(is, 1, sizeof is - 1, file)] = '\0';
    fclose(file);
    for (const char *at = text; *at; at++)
        if (*at == '$')
            len += (size_t)snprintf(wanted + len, sizeof wanted - len, "%s",
                                    people[*++at - 'A'].text);
        else
            wanted[len++] = *at;
    wanted[len] = '\0';
    assert_string_equal(is, wanted);
}

static size_t count_rules(void)
{
    struct arena arena = {0};
    struct trust_rules rules;
    struct error err = {0};
    if (trust_file_read(folder, &arena, &rules, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    arena_deinit(&arena);
    return rules.count;
}

static struct trust_rule accept(int who)
{
    return (struct trust_rule){
        .dids = &people[who], .did_count = 1, .at_least = 1};
}

static bool is_number(void *context, const struct trust_rule *rule,
                      size_t index)
{
    (void)rule;
    return index == *(const size_t *)context;
}

static Status remove_number(size_t index, struct error *err)
{
    size_t removed;
    return trust_file_remove(folder, is_number, &index, &removed, err);
}

/* --- The tests ----------------------------------------------------------- */

static void no_file_is_no_rules(void **state)
{
    (void)state;
    assert_false(trust_file_exists(folder));
    assert_int_equal(count_rules(), 0);
    assert_false(trust_file_exists(""));
    assert_ok(remove_number(0, NULL));
    assert_false(trust_file_exists(folder));
}

static void a_rule_is_written_so_that_it_is_read_again(void **state)
{
    (void)state;
    Cid module;
    struct stat stat_of;
    static const Text commands[] = {TEXT_INIT("/a"), TEXT_INIT("/b/c")};
    static const Text functions[] = {TEXT_INIT("\"[#: \\")};
    cid_of(CODEC_RAW, bytes_of("M", 1), &module);
    struct trust_rule rule = {
        .name = TEXT("yes: #1 \"x\" \\"),
        .dids = people,
        .did_count = 1,
        .at_least = 1,
        .commands = commands,
        .command_count = 2,
        .modules = &module,
        .module_count = 1,
        .functions = functions,
        .function_count = 1,
    };
    struct error err = {0};
    if (trust_file_add(folder, &rule, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(count_rules(), 1);
    // A name is had by one.
    assert_status(trust_file_add(folder, &rule, &err), STATUS_INVALID);
    rule = (struct trust_rule){.denies = true, .is_any = true, .at_least = 1};
    assert_ok(trust_file_add(folder, &rule, NULL));
    assert_int_equal(count_rules(), 2);
    assert_int_equal(stat(path(), &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
}

#define FILE_OF_TWO                                                           \
    "# mine\nversion: 1\nrules:\n  # first\n  - accept: $A # a\n"             \
    "    at-least: 1\n\n  # second\n  - deny: any\n"                          \
    "    functions:\n      - x\n# end\n"

static void what_the_author_wrote_stays(void **state)
{
    (void)state;
    const struct trust_rule rule = accept(1);
    write_file(FILE_OF_TWO);
    assert_ok(trust_file_add(folder, &rule, NULL));
    assert_file(FILE_OF_TWO "  - accept: [\"$B\"]\n");
    assert_ok(remove_number(0, NULL));
    assert_file("# mine\nversion: 1\nrules:\n  # first\n\n  # second\n"
                "  - deny: any\n    functions:\n      - x\n# end\n"
                "  - accept: [\"$B\"]\n");
    assert_ok(remove_number(0, NULL));
    assert_ok(remove_number(0, NULL));
    assert_int_equal(count_rules(), 0);
    // From nothing it begins anew.
    assert_ok(trust_file_add(folder, &rule, NULL));
    assert_int_equal(count_rules(), 1);
}

/* What cannot be changed by lines is left alone, byte for byte. */
static void a_file_in_another_form_is_its_authors(void **state)
{
    (void)state;
    static const char *const files[] = {
        "{\"version\": 1, \"rules\": [{\"accept\": \"$A\"}]}\n",
        "version: 1\nrules: [{accept: $A}, {deny: $B}]\n",
        "rules:\n  - accept: $A\nversion: 1\n",
        "version: 1\nrules:\n  -\n    accept: $A\n  - deny: $B\n",
    };
    const struct trust_rule rule = accept(2);
    for (size_t row = 0; row < sizeof files / sizeof *files; row++) {
        struct error err = {0};
        write_file(files[row]);
        const Status added = trust_file_add(folder, &rule, &err);
        if (added != STATUS_OK) {
            assert_int_equal((int)added, (int)STATUS_UNSUPPORTED);
            assert_non_null(strstr(err.message, "change it by hand"));
            assert_file(files[row]);
        }
        write_file(files[row]);
        if (remove_number(0, &err) != STATUS_OK)
            assert_file(files[row]);
    }
}

static void a_bad_file_is_told_with_its_place_and_not_changed(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct trust_rules rules;
    struct error err = {0};
    const struct trust_rule rule = accept(0);
    write_file("version: 1\nrules:\n  - accept: nobody\n");
    assert_status(trust_file_read(folder, &arena, &rules, &err),
                  STATUS_INVALID);
    assert_non_null(strstr(err.message, "/trust.yaml:3:13: "));
    assert_status(trust_file_add(folder, &rule, &err), STATUS_INVALID);
    assert_status(remove_number(0, &err), STATUS_INVALID);
    assert_file("version: 1\nrules:\n  - accept: nobody\n");
    arena_deinit(&arena);
}

/* Two processes add 20 each: none is lost. */
static void two_at_once_lose_nothing(void **state)
{
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    for (int round = 0; round < 20; round++) {
        const struct trust_rule rule = accept(child == 0);
        if (trust_file_add(folder, &rule, NULL) != STATUS_OK)
            _exit(1);
    }
    if (child == 0)
        _exit(0);
    int code;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    assert_int_equal(count_rules(), 40);
}

int main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(no_file_is_no_rules),
        TEST(a_rule_is_written_so_that_it_is_read_again),
        TEST(what_the_author_wrote_stays),
        TEST(a_file_in_another_form_is_its_authors),
        TEST(a_bad_file_is_told_with_its_place_and_not_changed),
        TEST(two_at_once_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
