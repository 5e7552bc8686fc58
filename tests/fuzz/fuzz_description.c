/* SPDX-License-Identifier: Apache-2.0 */
/* Module descriptions: any bytes are read or refused. What is read is then
 * asked the questions that calls and front ends ask. */
#include "wasm/description.h"
#include "wasm/function_name.h"
#include "wasm/imports.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct description description;
    const struct wasm_function *function;
    Bytes code;
    if (description_decode(bytes_of(data, size), &arena, &description, NULL) ==
        STATUS_OK) {
        IGNORE(imports_check(&description, NULL));
        IGNORE(
            function_name_find(&description, TEXT("toPng"), &function, NULL));
        IGNORE(
            description_code(&description, bytes_of(data, size), &code, NULL));
    }
    arena_deinit(&arena);
    return 0;
}
