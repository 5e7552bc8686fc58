/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/imports.h"

#include "wasm/guest.h"

uint8_t *import_memory(struct engine_instance *caller, uint64_t address,
                       uint64_t len)
{
    static uint8_t nothing;
    struct engine_memory memory = engine_memory_of(caller);
    if (address > memory.len || len > memory.len - address)
        return NULL;
    return memory.data ? memory.data + address : &nothing;
}

bool import_store(struct engine_instance *caller, uint64_t address,
                  uint64_t bits, unsigned size)
{
    uint8_t *place = import_memory(caller, address, size);
    for (unsigned index = 0; place && index < size; index++)
        place[index] = (uint8_t)(bits >> 8 * index);
    return place != NULL;
}

EngineVerdict import_trap(struct guest *guest, const char *why)
{
    guest_trap(guest, "%s", why);
    return ENGINE_TRAP;
}

/* A string argument by the canonical ABI. */
static bool read_text(struct engine_instance *caller,
                      const EngineNumber *pointer, Text *out)
{
    uint32_t len = (uint32_t)pointer[1];
    uint8_t *bytes = import_memory(caller, (uint32_t)pointer[0], len);
    *out = (Text){(const char *)bytes, len};
    return bytes && utf8_is_valid(*out, NULL);
}

/* --- wasi:logging/logging ------------------------------------------------ */

static EngineVerdict logging_log(void *context, struct engine_instance *caller,
                                 const EngineNumber *params,
                                 EngineNumber *results)
{
    (void)results;
    struct guest *guest = context;
    Text name, line;
    if (!guest->may_import)
        return import_trap(guest, "an import was called while lowering or "
                                  "after returning");
    uint32_t level = (uint32_t)params[0];
    if (level > LOG_CRITICAL)
        return import_trap(guest, "wasi:logging log: unknown level");
    if (!read_text(caller, &params[1], &name) ||
        !read_text(caller, &params[3], &line))
        return import_trap(guest, "wasi:logging log: text out of bounds or "
                                  "not UTF-8");
    guest_log(guest, (LogLevel)level, name, line);
    return ENGINE_GO_ON;
}

/* --- homestar:host/helpers@0.1.1 ----------------------------------------- */

static EngineVerdict helpers_print(void *context,
                                   struct engine_instance *caller,
                                   const EngineNumber *params,
                                   EngineNumber *results)
{
    (void)results;
    struct guest *guest = context;
    Text line;
    if (!guest->may_import)
        return import_trap(guest, "an import was called while lowering or "
                                  "after returning");
    if (!read_text(caller, params, &line))
        return import_trap(guest, "homestar:host print: text out of bounds "
                                  "or not UTF-8");
    guest_log(guest, LOG_INFO, TEXT(""), line);
    return ENGINE_GO_ON;
}

/* record time { seconds: u64, milliseconds: u32, nanoseconds: u32 }, spilled
 * to memory: the clock stands still at zero. */
static EngineVerdict helpers_time(void *context,
                                  struct engine_instance *caller,
                                  const EngineNumber *params,
                                  EngineNumber *results)
{
    (void)results;
    struct guest *guest = context;
    uint32_t address = (uint32_t)params[0];
    if (!guest->may_import)
        return import_trap(guest, "an import was called while lowering or "
                                  "after returning");
    uint8_t *time = import_memory(caller, address, 16);
    if (!time || address % 8 != 0)
        return import_trap(guest, "homestar:host get-current-time: pointer "
                                  "misaligned or out of bounds");
    memset(time, 0, 16);
    return ENGINE_GO_ON;
}

static const struct import_entry own_imports[] = {
    {"wasi:logging/logging", "log", "iiiii", logging_log},
    {"homestar:host/helpers@0.1.1", "print", "ii", helpers_print},
    {"homestar:host/helpers@0.1.1", "get-current-time", "i", helpers_time},
};
enum { OWN_IMPORTS = sizeof own_imports / sizeof own_imports[0] };

static const struct import_entry *find(Text module, Text name)
{
    const struct {
        const struct import_entry *entries;
        size_t count;
    } tables[] = {{own_imports, OWN_IMPORTS},
                  {content_imports, content_import_count},
                  {preview1_imports, preview1_import_count}};
    for (size_t table = 0; table < sizeof tables / sizeof *tables; table++) {
        for (size_t index = 0; index < tables[table].count; index++) {
            const struct import_entry *entry = &tables[table].entries[index];
            if (text_equal(text_of(entry->module), module) &&
                text_equal(text_of(entry->name), name))
                return entry;
        }
    }
    return NULL;
}

/* --- Checking ------------------------------------------------------------ */

static const struct {
    const char *prefix;
    const char *instead;
} advice[] = {
    {"ipvm:content/types", "it has another version, signature or name; take "
                           "it from guest/wit/ipvm-content.wit"},
    {"ipvm:content", "types@1.0.0 is for WIT, core@1.0.0 for the IPVM ABI "
                     "(guest/c/ipvm_guest.h)"},
    {"wasi:clocks", "take the time as an argument"},
    {"wasi:random", "take random bytes as an argument"},
    {"wasi:filesystem", "take files as arguments: links to them"},
    {"wasi:sockets", "fetch in a task of its own (/http/get) and await it"},
    {"wasi:http", "fetch in a task of its own (/http/get) and await it"},
    {"wasi:cli", "take input as arguments, return output; log through "
                 "wasi:logging/logging"},
    {"wasi:io", "take input as arguments, return output; log through "
                "wasi:logging/logging"},
    {"wasi:logging", "import it without a version: wasi:logging/logging"},
    {"homestar:host", "homestar:host/helpers@0.1.1 has print and "
                      "get-current-time"},
    {"wasi_snapshot_preview1", "this function has another signature in "
                               "preview 1, or is none of it"},
    {"wasi_unstable", "build for wasi_snapshot_preview1, or without WASI"},
    {"env", "link the function into the module (wasm-ld --no-allow-undefined "
            "shows what is missing)"},
};

static const char *advice_for(Text module)
{
    for (size_t index = 0; index < sizeof advice / sizeof advice[0]; index++) {
        if (text_starts_with(module, text_of(advice[index].prefix)))
            return advice[index].instead;
    }
    return "take what it gives as an argument";
}

static char letter_of(Text type)
{
    return text_equal(type, TEXT("i32"))   ? 'i'
           : text_equal(type, TEXT("i64")) ? 'I'
           : text_equal(type, TEXT("f32")) ? 'f'
           : text_equal(type, TEXT("f64")) ? 'F'
                                           : '?';
}

static bool signature_fits(const struct wasm_import *import,
                           const char *signature)
{
    size_t params = strcspn(signature, ">");
    size_t results =
        signature[params] == '>' ? strlen(signature + params) - 1 : 0;
    if (import->param_count != params || import->result_count != results)
        return false;
    for (size_t index = 0; index < params; index++) {
        if (letter_of(import->params[index]) != signature[index])
            return false;
    }
    for (size_t index = 0; index < results; index++) {
        if (letter_of(import->results[index]) != signature[params + 1 + index])
            return false;
    }
    return true;
}

// A component's imports carry no core signature: the engine checks types.
static bool is_offered(const struct description *description,
                       const struct wasm_import *import)
{
    const struct import_entry *entry = find(import->module, import->name);
    if (!entry)
        return false;
    return description->kind == GUEST_COMPONENT ||
           signature_fits(import, entry->signature);
}

Status imports_check(const struct description *description, struct error *err)
{
    for (uint32_t index = 0; index < description->import_count; index++) {
        const struct wasm_import *import = &description->imports[index];
        if (is_offered(description, import))
            continue;
        return fail(err, STATUS_DENIED,
                    "import %.*s %.*s is not in the pure world: %s",
                    (int)(import->module.len < 48 ? import->module.len : 48),
                    import->module.data,
                    (int)(import->name.len < 48 ? import->name.len : 48),
                    import->name.data, advice_for(import->module));
    }
    return STATUS_OK;
}

/* --- Linking ------------------------------------------------------------- */

static EngineType type_of(char letter)
{
    return letter == 'i'   ? ENGINE_I32
           : letter == 'I' ? ENGINE_I64
           : letter == 'f' ? ENGINE_F32
                           : ENGINE_F64;
}

static void fill(struct engine_import *out, const struct wasm_import *import,
                 const struct import_entry *entry)
{
    out->module = import->module;
    out->name = import->name;
    out->function = entry->function;
    const char *letter = entry->signature;
    for (; *letter && *letter != '>'; letter++)
        out->params[out->param_count++] = type_of(*letter);
    if (*letter == '>') {
        out->result_count = 1;
        out->result = type_of(letter[1]);
    }
}

const struct engine_import *imports_for(const struct description *description,
                                        struct arena *arena, size_t *count)
{
    struct engine_import *imports =
        arena_array(arena, description->import_count, sizeof *imports);
    *count = 0;
    for (uint32_t index = 0; index < description->import_count; index++) {
        const struct wasm_import *import = &description->imports[index];
        const struct import_entry *entry = find(import->module, import->name);
        ASSERT(entry);
        fill(&imports[(*count)++], import, entry);
    }
    return imports;
}
