/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_value.c - arguments: tags, the JSON forms that mean the same, and
 * plain words. */
#include <stdlib.h>

#include "ipld/multibase.h"
#include "task/manifest_parts.h"
#include "task/number.h"
#include "task/reserved.h"
#include "task/workflow_parts.h"

static Status no_host(const struct node *node, const char *what,
                      struct error *err)
{
    return node_fail(node, err, "%s cannot be read here", what);
}

/* --- Links --------------------------------------------------------------- */

static Status call_file(struct manifest *manifest, const struct node *node,
                        Text path, bool directory, Cid *out)
{
    const struct manifest_host *host = manifest->host;

    if (!host->file)
        return no_host(node, directory ? "folders" : "files", manifest->err);
    Status status =
        host->file(host->context, path, directory, out, manifest->err);
    return status == STATUS_OK ? status
                               : node_fail_in(node, status, manifest->err);
}

Status manifest_import(struct manifest *manifest, const struct node *node,
                       Text path, bool directory, Cid *out)
{
    struct map *imports = &manifest->imports[directory];

    if (path.len == 0)
        return node_fail(node, manifest->err, "expected a path");
    const uint64_t *known = map_get(imports, text_bytes(path));
    if (!known) {
        TRY(call_file(manifest, node, path, directory, out));
        Cid *cid = ARENA_NEW(&manifest->scratch, Cid);
        *cid = *out;
        *map_set(imports, text_bytes(path), NULL) = (uintptr_t)cid;
        return STATUS_OK;
    }
    *out = *(const Cid *)(uintptr_t)*known;
    return STATUS_OK;
}

Status manifest_link(struct manifest *manifest, const struct node *node,
                     Text text, Cid *out)
{
    const struct manifest_host *host = manifest->host;
    struct error why;

    Status status = cid_from_text(text, out, &why);
    if (status == STATUS_OK)
        return status;
    if (!cid_is_path(text))
        return node_fail(node, manifest->err, "expected a CID: %s",
                         why.message);
    if (!host->path)
        return no_host(node, "paths into content", manifest->err);
    status = host->path(host->context, text, out, manifest->err);
    return status == STATUS_OK ? status
                               : node_fail_in(node, status, manifest->err);
}

static Value kept_link(struct manifest *manifest, const Cid *cid)
{
    Cid *copy = ARENA_NEW(manifest->arena, Cid);

    *copy = *cid;
    return value_link(copy);
}

static Status file_value(struct manifest *manifest, const struct node *node,
                         bool directory, Value *out)
{
    Cid cid;

    if (node->kind != NODE_SCALAR)
        return node_fail(node, manifest->err, "expected a path, got %s",
                         node_kind_name(node));
    TRY(manifest_import(manifest, node, node->text, directory, &cid));
    *out = kept_link(manifest, &cid);
    return STATUS_OK;
}

static Status link_value(struct manifest *manifest, const struct node *node,
                         Value *out)
{
    Cid cid;

    if (node->kind != NODE_SCALAR)
        return node_fail(node, manifest->err, "expected a CID, got %s",
                         node_kind_name(node));
    TRY(manifest_link(manifest, node, node->text, &cid));
    *out = kept_link(manifest, &cid);
    return STATUS_OK;
}

/* --- Bytes and text ------------------------------------------------------ */

static Status bytes_value(struct manifest *manifest, const struct node *node,
                          Value *out)
{
    struct error why;
    Text text = node->text;
    size_t len = 0, at = 0;

    if (node->kind != NODE_SCALAR)
        return node_fail(node, manifest->err, "expected base64, got %s",
                         node_kind_name(node));
    // A block of text has line breaks, and some write the padding.
    char *packed = arena_alloc(&manifest->scratch, text.len);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != '\n' && text.data[i] != ' ')
            packed[at++] = text.data[i];
    size_t padding = 0;
    while (padding < 2 && at % 4 == 0 && padding < at &&
           packed[at - 1 - padding] == '=')
        padding++;
    uint8_t *bytes = arena_alloc(manifest->arena, at);
    if (base64_decode((Text){packed, at - padding}, bytes, &len, &why) !=
        STATUS_OK)
        return node_fail(node, manifest->err, "expected base64: %s",
                         why.message);
    *out = value_bytes(bytes_of(bytes, len));
    return STATUS_OK;
}

static Status text_value(struct manifest *manifest, const struct node *node,
                         Value *out)
{
    const struct manifest_host *host = manifest->host;
    Text text;

    if (node->kind != NODE_SCALAR)
        return node_fail(node, manifest->err, "expected a path, got %s",
                         node_kind_name(node));
    if (!host->text)
        return no_host(node, "files", manifest->err);
    Status status = host->text(host->context, node->text, manifest->arena,
                               &text, manifest->err);
    if (status != STATUS_OK)
        return node_fail_in(node, status, manifest->err);
    if (!utf8_is_valid(text, NULL))
        return node_fail(node, manifest->err,
                         "the file is not UTF-8: use !file for bytes");
    *out = value_text(text);
    return STATUS_OK;
}

/* --- Promises ------------------------------------------------------------ */

bool manifest_promise_tag(Text tag, Branch *branch)
{
    static const Text tags[] = {
        [BRANCH_OK] = TEXT_INIT("!ok"),
        [BRANCH_ERROR] = TEXT_INIT("!error"),
        [BRANCH_ANY] = TEXT_INIT("!result"),
    };

    for (int i = BRANCH_OK; i <= BRANCH_ANY; i++)
        if (text_equal(tag, tags[i])) {
            *branch = (Branch)i;
            return true;
        }
    return false;
}

static Status no_such_task(struct manifest *manifest, const struct node *node,
                           Text label)
{
    const struct node *tasks = manifest->tasks;
    Text *labels = heap_array(tasks->count, sizeof *labels);
    size_t count = 0;

    for (const struct node *at = tasks->first; at; at = at->next->next)
        labels[count++] = at->text;
    Text near = text_nearest(label, labels, count);
    free(labels);
    if (near.data)
        return node_fail(node, manifest->err,
                         "there is no task '%.*s'; did you mean '%.*s'?",
                         LABEL_ARG(label), LABEL_ARG(near));
    return node_fail(node, manifest->err, "there is no task '%.*s'",
                     LABEL_ARG(label));
}

Status manifest_promise(struct manifest *manifest, const struct node *node,
                        Branch branch, Text label, Value *out)
{
    if (!map_get(&manifest->labels, text_bytes(label)))
        return no_such_task(manifest, node, label);
    *out = promise_make(manifest->arena, branch,
                        value_text(arena_copy_text(manifest->arena, label)));
    return STATUS_OK;
}

/* --- Plain words and tags ------------------------------------------------ */

static Status plain_value(struct manifest *manifest, const struct node *node,
                          Value *out)
{
    static const Text nulls[] = {TEXT_INIT(""), TEXT_INIT("~"),
                                 TEXT_INIT("Null"), TEXT_INIT("NULL")};
    Text word = node->text;

    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
        if (text_equal(word, nulls[i])) {
            *out = value_null();
            return STATUS_OK;
        }
    if (text_equal(word, TEXT("True")) || text_equal(word, TEXT("TRUE")))
        *out = value_bool(true);
    else if (text_equal(word, TEXT("False")) ||
             text_equal(word, TEXT("FALSE")))
        *out = value_bool(false);
    else {
        Status status = value_from_word(word, out, manifest->err);
        if (status != STATUS_OK)
            return node_fail_in(node, status, manifest->err);
        if (out->kind == VALUE_TEXT)
            out->text = arena_copy_text(manifest->arena, word);
    }
    return STATUS_OK;
}

static Status tagged_value(struct manifest *manifest, const struct node *node,
                           Value *out)
{
    static const Text tags[] = {
        TEXT_INIT("!file"),  TEXT_INIT("!dir"),   TEXT_INIT("!cid"),
        TEXT_INIT("!ok"),    TEXT_INIT("!error"), TEXT_INIT("!result"),
        TEXT_INIT("!bytes"), TEXT_INIT("!text"),
    };
    Text tag = node->tag;
    Branch branch;

    if (manifest_promise_tag(tag, &branch)) {
        if (node->kind != NODE_SCALAR)
            return node_fail(node, manifest->err,
                             "expected a task's label, got %s",
                             node_kind_name(node));
        return manifest_promise(manifest, node, branch, node->text, out);
    }
    if (text_equal(tag, TEXT("!file")) || text_equal(tag, TEXT("!dir")))
        return file_value(manifest, node, tag.data[1] == 'd', out);
    if (text_equal(tag, TEXT("!cid")))
        return link_value(manifest, node, out);
    if (text_equal(tag, TEXT("!bytes")))
        return bytes_value(manifest, node, out);
    if (text_equal(tag, TEXT("!text")))
        return text_value(manifest, node, out);
    if (text_equal(tag, TEXT("!!str")) && node->kind == NODE_SCALAR) {
        *out = value_text(arena_copy_text(manifest->arena, node->text));
        return STATUS_OK;
    }
    Text near = text_nearest(tag, tags, sizeof tags / sizeof *tags);
    if (near.data)
        return node_fail(node, manifest->err,
                         "the tag %.*s is unknown; did you mean %.*s?",
                         LABEL_ARG(tag), TEXT_ARG(near));
    return node_fail(node, manifest->err,
                     "the tag %.*s is unknown, expected !file, !dir, !cid, "
                     "!ok, !error, !result, !bytes or !text",
                     LABEL_ARG(tag));
}

/* --- Maps that mean something else --------------------------------------- */

/* {"/": "b…"} and {"/": {"bytes": "…"}}. */
static Status slash_value(struct manifest *manifest, const struct node *inner,
                          Value *out)
{
    if (inner->kind == NODE_SCALAR && inner->tag.len == 0)
        return link_value(manifest, inner, out);
    if (inner->kind == NODE_MAP && inner->count == 1 &&
        text_equal(inner->first->text, TEXT("bytes")))
        return bytes_value(manifest, inner->first->next, out);
    return node_fail(inner, manifest->err,
                     "expected a CID, or a map of 'bytes' to base64");
}

/* {"await/ok": label} or {"await/ok": link}. */
static Status await_value(struct manifest *manifest, const struct node *inner,
                          Branch branch, Value *out)
{
    Value target = value_null();

    if (inner->kind == NODE_SCALAR && inner->tag.len == 0)
        return manifest_promise(manifest, inner, branch, inner->text, out);
    TRY(manifest_value(manifest, inner, &target));
    if (target.kind != VALUE_LINK)
        return node_fail(inner, manifest->err,
                         "expected a task's label or the CID of a "
                         "computation");
    *out = promise_make(manifest->arena, branch, target);
    return STATUS_OK;
}

/* STATUS_NOT_FOUND: an ordinary map. */
static Status special_map(struct manifest *manifest, const struct node *node,
                          Value *out)
{
    Text key = node->first->text;
    const struct node *inner = node->first->next;

    if (text_equal(key, TEXT("/")))
        return slash_value(manifest, inner, out);
    if (text_equal(key, TEXT("ipvm/file")) ||
        text_equal(key, TEXT("ipvm/dir")))
        return file_value(manifest, inner, key.data[5] == 'd', out);
    if (text_equal(key, TEXT("ipvm/text")) && inner->kind == NODE_SCALAR &&
        inner->tag.len == 0)
        return text_value(manifest, inner, out);
    for (int branch = BRANCH_OK; branch <= BRANCH_ANY; branch++)
        if (text_equal(key, branch_key((Branch)branch)))
            return await_value(manifest, inner, (Branch)branch, out);
    return STATUS_NOT_FOUND;
}

static Status map_value(struct manifest *manifest, const struct node *node,
                        Value *out)
{
    if (node->count == 1) {
        Status status = special_map(manifest, node, out);
        if (status != STATUS_NOT_FOUND)
            return status;
    }
    struct value_entry *entries =
        arena_array(&manifest->scratch, node->count, sizeof *entries);
    size_t count = 0;
    for (const struct node *at = node->first; at; at = at->next->next) {
        entries[count].key = arena_copy_text(manifest->arena, at->text);
        TRY(manifest_value(manifest, at->next, &entries[count].value));
        count++;
    }
    *out = value_map(manifest->arena, entries, count);
    if (node->first && value_reserved(out) == RESERVED_OTHER)
        return node_fail(node, manifest->err,
                         "a map whose only key is '%.*s' is reserved; "
                         "expected await/ok, await/error, await/*, ipvm/file "
                         "or ipvm/dir",
                         LABEL_ARG(node->first->text));
    return STATUS_OK;
}

static Status list_value(struct manifest *manifest, const struct node *node,
                         Value *out)
{
    Value *items = arena_array(manifest->arena, node->count, sizeof *items);
    size_t count = 0;

    for (const struct node *at = node->first; at; at = at->next)
        TRY(manifest_value(manifest, at, &items[count++]));
    *out = value_list(items, count);
    return STATUS_OK;
}

// Recursion: no deeper than NODE_DEPTH_MAX.
Status manifest_value(struct manifest *manifest, const struct node *node,
                      Value *out)
{
    if (node->tag.len > 0 && !text_equal(node->tag, TEXT("!")))
        return tagged_value(manifest, node, out);
    if (node->kind == NODE_LIST)
        return list_value(manifest, node, out);
    if (node->kind == NODE_MAP)
        return map_value(manifest, node, out);
    if (node->plain && node->tag.len == 0)
        return plain_value(manifest, node, out);
    *out = value_text(arena_copy_text(manifest->arena, node->text));
    return STATUS_OK;
}
