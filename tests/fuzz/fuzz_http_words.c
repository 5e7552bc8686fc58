/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_http_words.c - the small grammars of HTTP, all of them on each input:
 * what is taken is in bounds, and reads the same when it is written again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/route.h"
#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CHECK(condition)                                                      \
    do {                                                                      \
        if (!(condition))                                                     \
            abort();                                                          \
    } while (0)

static void check_range(Text text)
{
    uint64_t first = 0, last = 0, again_first = 0, again_last = 0;
    const uint64_t size = 1000;
    char written[64];
    if (range_read(text, size, &first, &last) != RANGE_OK)
        return;
    CHECK(first <= last && last < size);
    snprintf(written, sizeof written, "bytes=%llu-%llu",
             (unsigned long long)first, (unsigned long long)last);
    CHECK(range_read(text_of(written), size, &again_first, &again_last) ==
          RANGE_OK);
    CHECK(again_first == first && again_last == last);
}

static void check_trace(Text text)
{
    struct trace_parent parent;
    if (!trace_parent_read(text, &parent))
        return;
    CHECK(strlen(parent.trace) == 32 && strlen(parent.span) == 16);
    CHECK(text.len >= TRACE_PARENT_LEN);
}

static void check_path(Text text)
{
    struct arena arena = {0};
    Text params[REQUEST_PARAMS_MAX] = {0};
    unsigned allowed;
    const struct route *route =
        route_find(METHOD_GET, text, &arena, params, &allowed);
    for (unsigned index = 0; route && index < REQUEST_PARAMS_MAX; index++)
        CHECK(params[index].len <= text.len &&
              utf8_is_valid(params[index], NULL));
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = {0};
    char type[MEDIA_TYPE_MAX];
    uint64_t number;
    Text out;
    char *copy = malloc(len ? len : 1);
    CHECK(copy);
    memcpy(copy, data, len);
    const Text text = {copy, len};
    if (url_decode(text, &arena, &out))
        CHECK(out.len <= len && utf8_is_valid(out, NULL));
    if (number_read(text, 1000, &number))
        CHECK(number <= 1000);
    CHECK(media_type_read(text, type).len < MEDIA_TYPE_MAX);
    CHECK(accept_quality(text, TEXT("application/json")) <= 1000);
    (void)host_is_local(text, TEXT("127.0.0.1"));
    (void)etag_matches(text, TEXT("\"etag\""));
    check_range(text);
    check_trace(text);
    check_path(text);
    arena_deinit(&arena);
    free(copy);
    return 0;
}
