/* SPDX-License-Identifier: Apache-2.0 */
/* document.c - first bytes, then keys. */
#include "task/document.h"

#include "base/arena.h"
#include "base/status.h"
#include "ipld/varint.h"
#include "task/foreign.h"
#include "task/workflow_parts.h"

static bool begins(Bytes bytes, const char *magic, size_t len)
{
    return bytes.len >= len && memcmp(bytes.data, magic, len) == 0;
}

/* A varint, then the map of a CAR's header with its key "version". */
static bool is_car(Bytes bytes)
{
    static const char version_2[] = "\x0a\xa1\x67version\x02";
    uint64_t len;

    if (begins(bytes, version_2, sizeof version_2 - 1))
        return true;
    size_t at = varint_read(bytes, &len);
    if (at == 0 || len < 10 || len > bytes.len - at)
        return false;
    Bytes header = {bytes.data + at, (size_t)len};
    return begins(header, "\xa2\x65roots", 7) ||
           begins(header, "\xa1\x67version", 9);
}

/* By keys, where the bytes are a whole value. */
static enum document_kind kind_of_value(Bytes bytes)
{
    struct arena arena = {0};
    enum document_kind kind = DOCUMENT_OTHER;
    Value value;

    if (foreign_decode(bytes, &arena, &value, NULL) == STATUS_OK) {
        const Value *inner = value_get(&value, TEXT("workflow"));
        const Value *tasks = value_get(inner ? inner : &value, TEXT("tasks"));
        if (value_get(&value, WORKFLOW_KEY))
            kind = DOCUMENT_WORKFLOW;
        else if (value_get(&value, TEXT("ipvm/workflow")))
            kind = DOCUMENT_IPVM_0_1;
        else if (value_get(&value, TEXT("ipvm")))
            kind = DOCUMENT_MANIFEST;
        else if (tasks && tasks->kind == VALUE_LIST)
            kind = DOCUMENT_HOMESTAR;
    }
    arena_deinit(&arena);
    return kind;
}

/* Has "ipvm" as a key where a manifest has it: at the beginning of a line, or
 * quoted anywhere, in the first 64 KiB of text. */
static bool looks_like_manifest(Bytes bytes)
{
    Text text = {(const char *)bytes.data,
                 bytes.len > 65536 ? 65536 : bytes.len};

    for (size_t i = 0; i + 5 <= text.len; i++) {
        Text rest = {text.data + i, text.len - i};
        if (rest.data[0] == '\0')
            return false;
        char before = i > 0 ? text.data[i - 1] : '\n';
        if ((before == '\n' && text_starts_with(rest, TEXT("ipvm:"))) ||
            (before == '{' && text_starts_with(rest, TEXT("ipvm:"))) ||
            (before == '"' && text_starts_with(rest, TEXT("ipvm\""))))
            return true;
    }
    return false;
}

enum document_kind document_kind_of(Bytes bytes)
{
    if (begins(bytes, "\0asm\x01\0\0\0", 8))
        return DOCUMENT_WASM;
    if (begins(bytes, "\0asm", 4))
        return DOCUMENT_COMPONENT;
    if (bytes.len == 0)
        return DOCUMENT_OTHER;
    if (is_car(bytes))
        return DOCUMENT_CAR;
    enum document_kind kind = kind_of_value(bytes);
    if (kind == DOCUMENT_OTHER && looks_like_manifest(bytes))
        kind = DOCUMENT_MANIFEST;
    return kind;
}

Text document_kind_name(enum document_kind kind)
{
    static const Text names[] = {
        [DOCUMENT_OTHER] = TEXT_INIT("other"),
        [DOCUMENT_MANIFEST] = TEXT_INIT("manifest"),
        [DOCUMENT_WORKFLOW] = TEXT_INIT("workflow"),
        [DOCUMENT_HOMESTAR] = TEXT_INIT("Homestar 0.2 workflow"),
        [DOCUMENT_IPVM_0_1] = TEXT_INIT("IPVM 0.1.0 workflow"),
        [DOCUMENT_WASM] = TEXT_INIT("Wasm module"),
        [DOCUMENT_COMPONENT] = TEXT_INIT("Wasm component"),
        [DOCUMENT_CAR] = TEXT_INIT("CAR"),
    };

    return names[kind];
}
