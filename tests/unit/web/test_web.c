/* SPDX-License-Identifier: Apache-2.0 */
#include "web/web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *ending_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot : "";
}

static const char *type_of(const char *ending)
{
    return strcmp(ending, ".html") == 0  ? "text/html; charset=utf-8"
           : strcmp(ending, ".css") == 0 ? "text/css; charset=utf-8"
           : strcmp(ending, ".js") == 0  ? "text/javascript; charset=utf-8"
           : strcmp(ending, ".svg") == 0 ? "image/svg+xml"
                                         : NULL;
}

static void holds_the_bytes_of(const struct web_file *file, const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "src/web/%s", name);
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    unsigned char *bytes = malloc(file->len + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, file->len + 1, stream), file->len);
    assert_memory_equal(bytes, file->data, file->len);
    free(bytes);
    fclose(stream);
}

static void every_file_is_served_as_it_lies_in_the_directory(void **state)
{
    (void)state;
    DIR *directory = opendir("src/web");
    size_t count = 0;
    if (!directory)
        skip(); // Run from elsewhere than the clone.
    for (struct dirent *entry; (entry = readdir(directory));) {
        const char *type = type_of(ending_of(entry->d_name));
        char path[300];
        if (!type)
            continue;
        snprintf(path, sizeof path, "/%s", entry->d_name);
        const struct web_file *file =
            web_find(strcmp(path, "/index.html") == 0 ? "/" : path);
        assert_non_null(file);
        assert_string_equal(file->type, type);
        holds_the_bytes_of(file, entry->d_name);
        count++;
    }
    closedir(directory);
    assert_true(count >= 3);
}

static void an_etag_is_quoted_and_another_for_other_bytes(void **state)
{
    (void)state;
    const struct web_file *page = web_find("/"), *api = web_find("/api.js");
    assert_non_null(page);
    assert_non_null(api);
    assert_int_equal(strlen(page->etag), 34);
    assert_int_equal(page->etag[0], '"');
    assert_int_equal(page->etag[33], '"');
    assert_string_not_equal(page->etag, api->etag);
}

static void finds_nothing_else(void **state)
{
    static const char *const paths[] = {
        "",         "api.js",     "/index.html", "/web.c",      "/web.h",
        "/api.js/", "//api.js",   "/API.js",     "/../web.c",   "/api.j",
        "/api.jss", "/web/files", "/.",          "/%61pi.js",   "/api.js?",
        "/api.js#", "index.html", "/ipfs",       "/src/web/api"};
    (void)state;
    for (size_t row = 0; row < sizeof paths / sizeof *paths; row++)
        assert_null(web_find(paths[row]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_is_served_as_it_lies_in_the_directory),
        cmocka_unit_test(an_etag_is_quoted_and_another_for_other_bytes),
        cmocka_unit_test(finds_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
