/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_selector.c - any text as a selector, followed into a value that has
 * something of everything. */
#include "base/status.h"
#include "ipld/dag_json.h"
#include "ucan/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char world[] =
    "{\"a\":[1,{\"b\":[[2],\"x\",null]},{\"/\":{\"bytes\":\"AQID\"}}],"
    "\"b\":{\"a\":{\"a\":1.5},\"\":true},\"c\":\"abc\"}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = {0};
    struct error err = {0};
    const struct selector *selector;
    const Text text = bytes_text(bytes_of(data, len));
    Value value, first, second;
    if (dag_json_decode(text_bytes(text_of(world)), &arena, &value, &err) !=
        STATUS_OK)
        ASSERT(false);
    if (selector_read(text, &arena, &selector, &err) == STATUS_OK) {
        ASSERT(text.len > 0 && text.data[0] == '.');
        const bool found = selector_get(selector, &value, &arena, &first);
        ASSERT(selector_get(selector, &value, &arena, &second) == found);
        ASSERT(!found || value_equal(&first, &second));
    } else {
        ASSERT(err.offset <= len && err.message[0] != '\0');
        ASSERT(utf8_is_valid(text_of(err.message), NULL));
    }
    arena_deinit(&arena);
    return 0;
}
