/* SPDX-License-Identifier: Apache-2.0 */
/* The file of settings: what it says, and each way to say it wrong. */
#include "node/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit/ipld/hex.h"

static Status read_text(const char *text, struct node_config *out,
                        struct error *err)
{
    const Bytes exact = exact_copy(text_bytes(text_of(text)));
    const Status status = node_config_read_bytes(exact, out, err);
    exact_free(exact);
    return status;
}

static void takes_what_a_file_says(void **state)
{
    struct node_config config;
    struct error err = {0};
    (void)state;
    if (read_text("listen: 0.0.0.0\nport: 0\nhomestar_port: 3030\n"
                  "public_gateway: true\nmemory: 2GiB\ntask_time_max: 90s\n"
                  "keep_jobs: 2h # two hours\nqueue_max: 5\n"
                  "otlp: \"http://127.0.0.1:4318/v1/traces\"\n",
                  &config, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_string_equal(config.listen, "0.0.0.0");
    assert_int_equal(config.port, 0);
    assert_int_equal(config.homestar_port, 3030);
    assert_true(config.public_gateway);
    assert_int_equal(config.memory_total, UINT64_C(2) << 30);
    assert_int_equal(config.task_time_ms_max, 90000);
    assert_int_equal(config.keep_jobs_s, 7200);
    assert_int_equal(config.queue_max, 5);
    assert_string_equal(config.otlp, "http://127.0.0.1:4318/v1/traces");
    // What it does not say is as it is by default.
    struct node_config defaults;
    node_config_default(&defaults);
    assert_int_equal(config.active_max, defaults.active_max);
    assert_int_equal(config.workers, defaults.workers);
}

static void a_file_that_says_nothing_changes_nothing(void **state)
{
    static const char *const files[] = {
        "", "\n", "# words\n", "  # words", "\n\n#port: 1\n", "{}"};
    struct node_config config, defaults;
    (void)state;
    node_config_default(&defaults);
    for (size_t index = 0; index < sizeof files / sizeof *files; index++) {
        struct error err = {0};
        if (read_text(files[index], &config, &err) != STATUS_OK)
            fail_msg("%zu: %s", index, err.message);
        assert_memory_equal(&config, &defaults, sizeof config);
    }
}

/* Each setting is printed once, with its words, as a comment; taken out of
 * it, it is what the default is. */
static void prints_what_reads_as_the_defaults(void **state)
{
    struct node_config config, defaults;
    struct buffer printed, plain;
    struct error err = {0};
    unsigned settings = 0;
    (void)state;
    node_config_default(&defaults);
    buffer_init(&printed, 1 << 20);
    buffer_init(&plain, 1 << 20);
    node_config_print(&printed);
    buffer_add_byte(&printed, '\0');
    assert_int_equal(printed.status, STATUS_OK);
    const char *text = (const char *)printed.data;
    assert_int_equal(read_text(text, &config, &err), STATUS_OK);
    assert_memory_equal(&config, &defaults, sizeof config);
    for (const char *at = text; *at; at++) {
        const bool starts = at == text || at[-1] == '\n';
        if (starts && at[0] == '#' && at[1] != ' ')
            settings++; // and the '#' is left out
        else
            buffer_add_byte(&plain, (uint8_t)*at);
    }
    buffer_add_byte(&plain, '\0');
    assert_int_equal(settings, 23);
    if (read_text((const char *)plain.data, &config, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_memory_equal(&config, &defaults, sizeof config);
    buffer_deinit(&printed);
    buffer_deinit(&plain);
}

static void says_what_is_wrong_and_where(void **state)
{
    static const struct row {
        const char *text, *words;
    } rows[] = {
        {"\nprot: 1", "2:1: there is no setting 'prot'; did you mean 'port'?"},
        {"zebra: 1", "1:1: there is no setting 'zebra'"},
        {"port: 65536", "1:1: 'port' must be from 0 to 65535"},
        {"port: -1", "'port': expected a number"},
        {"port: 1KiB", "'port': expected a number"},
        {"port: [1]", "1:7: 'port' must be one value, got a list"},
        {"port: {a: 1}", "'port' must be one value, got a map"},
        {"port: !x 1", "'port' must be one value, got a tag"},
        {"port: ''", "'port': expected a"},
        {"public_gateway: yes", "'public_gateway': expected true or false"},
        {"memory: 1GB", "'memory': expected a size"},
        {"memory: 99999999999999999999", "'memory': the size is above"},
        {"keep_jobs: 1500ms", "'keep_jobs': expected whole seconds"},
        {"keep_jobs: 3y", "'keep_jobs': expected a duration"},
        {"queue_max: 0", "'queue_max' must be from 1 to 4294967295"},
        {"queue_max: 4294967296", "'queue_max' must be"},
        {"listen: ''", "'listen' must be text of 1 to 107 bytes"},
        {"listen: 'a b'", "'listen' has a blank or control character"},
        {"task_memory: 5GiB", "'task_memory' is above 'task_memory_max'"},
        {"- port", "1:1: expected lines of 'key: value'"},
        {"port", "1:1: expected lines of 'key: value'"},
        {"port: 1\nport: 2", "2:1: "},
        {"port: &a 1", "1:"},
        {"port: [", "1:"},
    };
    (void)state;
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        struct node_config config;
        struct error err = {0};
        assert_int_not_equal(read_text(rows[index].text, &config, &err),
                             STATUS_OK);
        if (!strstr(err.message, rows[index].words))
            fail_msg("row %zu: %s", index, err.message);
    }
}

static void refuses_a_text_that_does_not_fit(void **state)
{
    struct node_config config;
    struct error err = {0};
    char text[300];
    (void)state;
    node_config_default(&config);
    memset(text, 'a', sizeof text);
    assert_int_equal(node_config_set(&config, TEXT("listen"),
                                     (Text){text, sizeof config.listen - 1},
                                     &err),
                     STATUS_OK);
    assert_int_equal(strlen(config.listen), sizeof config.listen - 1);
    assert_int_equal(node_config_set(&config, TEXT("listen"),
                                     (Text){text, sizeof config.listen}, &err),
                     STATUS_INVALID);
    assert_int_equal(node_config_set(&config, TEXT("otlp"), TEXT(""), &err),
                     STATUS_OK);
    assert_string_equal(config.otlp, "");
}

static void reads_every_truncation_or_says_no(void **state)
{
    static const char whole[] = "listen: 127.0.0.1\nport: 4747\n"
                                "memory: 2GiB\nkeep_jobs: 30d\notlp: \"x\"\n";
    (void)state;
    for (size_t len = 0; len < sizeof whole; len++) {
        struct node_config config;
        struct error err = {0};
        const Bytes exact = exact_copy(bytes_of(whole, len));
        if (node_config_read_bytes(exact, &config, &err) != STATUS_OK)
            assert_true(err.message[0] != '\0');
        exact_free(exact);
    }
}

static void names_the_file(void **state)
{
    struct node_config config;
    struct error err = {0};
    char path[] = "/tmp/ipvm-config-XXXXXX";
    (void)state;
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, "port: x", 7), 7);
    close(file);
    assert_int_equal(node_config_read(path, &config, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, ":1:1: 'port'"));
    unlink(path);
    assert_int_equal(node_config_read(path, &config, &err), STATUS_NOT_FOUND);
    assert_int_not_equal(node_config_read("/tmp", &config, &err), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_a_file_says),
        cmocka_unit_test(a_file_that_says_nothing_changes_nothing),
        cmocka_unit_test(prints_what_reads_as_the_defaults),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(refuses_a_text_that_does_not_fit),
        cmocka_unit_test(reads_every_truncation_or_says_no),
        cmocka_unit_test(names_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
