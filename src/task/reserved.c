/* SPDX-License-Identifier: Apache-2.0 */
/* reserved.c - tells reserved maps apart and checks values by their origin. */
#include "task/reserved.h"

static const Text branch_keys[] = {
    [BRANCH_OK] = TEXT_INIT("await/ok"),
    [BRANCH_ERROR] = TEXT_INIT("await/error"),
    [BRANCH_ANY] = TEXT_INIT("await/*"),
};

static const Text error_names[] = {
    TEXT_INIT("trap"),
    TEXT_INIT("unrepresentable"),
    TEXT_INIT("upstream"),
};

static bool is_known_error(const Value *value)
{
    if (value->kind != VALUE_TEXT)
        return false;
    for (size_t i = 0; i < sizeof error_names / sizeof *error_names; i++)
        if (text_equal(value->text, error_names[i]))
            return true;
    return false;
}

static Reserved await_kind(Text key, const Value *target)
{
    for (int branch = BRANCH_OK; branch <= BRANCH_ANY; branch++)
        if (text_equal(key, branch_keys[branch]))
            return target->kind == VALUE_LINK || target->kind == VALUE_TEXT
                       ? RESERVED_PROMISE
                       : RESERVED_OTHER;
    return RESERVED_OTHER;
}

Reserved value_reserved(const Value *value)
{
    if (value->kind != VALUE_MAP || value->map.count != 1)
        return RESERVED_NO;
    Text key = value->map.entries[0].key;
    const Value *inner = &value->map.entries[0].value;
    if (text_starts_with(key, TEXT("await/")))
        return await_kind(key, inner);
    if (!text_starts_with(key, TEXT("ipvm/")))
        return RESERVED_NO;
    if (text_equal(key, TEXT("ipvm/error")))
        return is_known_error(inner) ? RESERVED_ERROR : RESERVED_OTHER;
    if (inner->kind != VALUE_LINK)
        return RESERVED_OTHER;
    if (text_equal(key, TEXT("ipvm/bytes")))
        return RESERVED_BYTES;
    if (text_equal(key, TEXT("ipvm/text")))
        return RESERVED_TEXT;
    return text_equal(key, TEXT("ipvm/value")) ? RESERVED_VALUE
                                               : RESERVED_OTHER;
}

Branch promise_branch(const Value *promise)
{
    Text key = promise->map.entries[0].key;

    if (text_equal(key, branch_keys[BRANCH_OK]))
        return BRANCH_OK;
    return text_equal(key, branch_keys[BRANCH_ERROR]) ? BRANCH_ERROR
                                                      : BRANCH_ANY;
}

const Value *promise_target(const Value *promise)
{
    return &promise->map.entries[0].value;
}

Text branch_key(Branch branch)
{
    return branch_keys[branch];
}

Value promise_make(struct arena *arena, Branch branch, Value target)
{
    return value_map1(arena, branch_keys[branch], target);
}

static Status refuse_reserved(const Value *value, struct error *err)
{
    Text key = value->map.entries[0].key;
    int len = key.len > 40 ? 40 : (int)key.len;

    return fail(err, STATUS_INVALID,
                "a map whose only key is '%.*s' is reserved and not allowed "
                "here",
                len, key.data);
}

/* True if the map is one of those that count as a leaf. */
static Status check_reserved(const Value *value, ValueFrom from, bool *leaf,
                             struct error *err)
{
    Reserved reserved = value_reserved(value);

    *leaf = reserved != RESERVED_NO;
    if (reserved == RESERVED_NO)
        return STATUS_OK;
    if (reserved == RESERVED_OTHER || from == FROM_GUEST ||
        (reserved == RESERVED_PROMISE && from == FROM_BLOCK))
        return refuse_reserved(value, err);
    return STATUS_OK;
}

// Recursion is bounded by depth_max, which is checked before going down.
static Status check(const Value *value, ValueFrom from, unsigned depth_left,
                    struct error *err)
{
    bool leaf = false;

    if (value->kind == VALUE_INT && value->negative &&
        value->magnitude > INT64_MAX)
        return fail(err, STATUS_INVALID,
                    "an integer is below -2^63, the smallest a value holds");
    if (value->kind != VALUE_LIST && value->kind != VALUE_MAP)
        return STATUS_OK;
    TRY(check_reserved(value, from, &leaf, err));
    if (leaf)
        return STATUS_OK;
    if (depth_left == 0)
        return fail(err, STATUS_LIMIT,
                    "lists and maps are nested too deep, at most %d levels",
                    VALUE_DEPTH_MAX);
    if (value->kind == VALUE_LIST)
        for (size_t i = 0; i < value->list.count; i++)
            TRY(check(&value->list.items[i], from, depth_left - 1, err));
    else
        for (size_t i = 0; i < value->map.count; i++)
            TRY(check(&value->map.entries[i].value, from, depth_left - 1,
                      err));
    return STATUS_OK;
}

Status value_check(const Value *value, ValueFrom from, unsigned depth_max,
                   struct error *err)
{
    return check(value, from, depth_max, err);
}
