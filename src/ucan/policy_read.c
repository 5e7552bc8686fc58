/* SPDX-License-Identifier: Apache-2.0 */
/* policy_read.c - a policy out of a value, each part of it checked once.
 *
 *     [["any", ".to", ["like", ".", "*@example.com"]], …]
 *      ^.pol[0]       ^.pol[0][2]
 *
 * Messages name the place in the value, by the indices on the way to it. */
#include <stdio.h>

#include "base/status.h"
#include "ucan/policy_parts.h"

enum {
    PLACES_MAX = 2 * POLICY_DEPTH_MAX + 4,
    PLACE_TEXT_MAX = 100,
};

static const int64_t NUMBER_MAX = ((int64_t)1 << 53) - 1;

/* What stands behind an operator's word. */
typedef enum {
    WITH_VALUE,      /* selector, value */
    WITH_NUMBER,     /* selector, number */
    WITH_GLOB,       /* selector, text */
    WITH_STATEMENTS, /* list of statements */
    WITH_STATEMENT,  /* statement */
    WITH_MEMBERS     /* selector, statement */
} Shape;

static const struct word {
    Text text;
    PolicyOp op;
    Shape shape;
} operators[] = {
    {TEXT_INIT("=="), OP_EQUAL, WITH_VALUE},
    {TEXT_INIT("!="), OP_NOT_EQUAL, WITH_VALUE},
    {TEXT_INIT("<"), OP_LESS, WITH_NUMBER},
    {TEXT_INIT("<="), OP_LESS_EQUAL, WITH_NUMBER},
    {TEXT_INIT(">"), OP_GREATER, WITH_NUMBER},
    {TEXT_INIT(">="), OP_GREATER_EQUAL, WITH_NUMBER},
    {TEXT_INIT("like"), OP_LIKE, WITH_GLOB},
    {TEXT_INIT("and"), OP_AND, WITH_STATEMENTS},
    {TEXT_INIT("or"), OP_OR, WITH_STATEMENTS},
    {TEXT_INIT("not"), OP_NOT, WITH_STATEMENT},
    {TEXT_INIT("all"), OP_ALL, WITH_MEMBERS},
    {TEXT_INIT("any"), OP_ANY, WITH_MEMBERS},
};

struct reader {
    struct arena *arena;
    struct error *err;
    size_t places[PLACES_MAX]; /* indices from .pol to where we are */
    size_t place_count;
    size_t statement_count;
    size_t depth; /* of statements */
};

/* --- Where we are -------------------------------------------------------- */

static void enter(struct reader *reader, size_t index)
{
    ASSERT(reader->place_count < PLACES_MAX);
    reader->places[reader->place_count++] = index;
}

static void leave(struct reader *reader)
{
    reader->place_count--;
}

/* ".pol[2][1]"; the middle of a long way is left out. */
static const char *place_text(const struct reader *reader,
                              char out[PLACE_TEXT_MAX])
{
    size_t len = (size_t)snprintf(out, PLACE_TEXT_MAX, ".pol");
    const size_t shown = 12, count = reader->place_count;
    for (size_t index = 0; index < count; index++) {
        if (count > shown && index == 1) {
            index = count - shown + 1;
            len += (size_t)snprintf(out + len, PLACE_TEXT_MAX - len, "…");
        }
        len += (size_t)snprintf(out + len, PLACE_TEXT_MAX - len, "[%zu]",
                                reader->places[index]);
    }
    return out;
}

#define FAIL_HERE(reader, status, format, ...)                                \
    fail((reader)->err, (status), "%s: " format,                              \
         place_text((reader), (char[PLACE_TEXT_MAX]){0}), __VA_ARGS__)

/* --- Parts --------------------------------------------------------------- */

static Status read_selector(struct reader *reader, const Value *value,
                            const struct selector **out)
{
    char place[PLACE_TEXT_MAX];
    if (value->kind != VALUE_TEXT)
        return FAIL_HERE(reader, STATUS_INVALID,
                         "%s where a selector belongs, such as \".to[0]\"",
                         value_kind_name(value->kind));
    const Status status =
        selector_read(value->text, reader->arena, out, reader->err);
    if (status != STATUS_OK)
        return fail_in(reader->err, status, "%s", place_text(reader, place));
    return STATUS_OK;
}

/* Integers that every implementation can hold (FORMATS section 7). */
static Status check_numbers(struct reader *reader, const Value *value)
{
    int64_t number;
    if (value->kind == VALUE_INT &&
        (!value_to_int64(value, &number) || number > NUMBER_MAX ||
         number < -NUMBER_MAX))
        return FAIL_HERE(reader, STATUS_INVALID, "%s",
                         "integer beyond plus or minus 2^53-1");
    if (value->kind == VALUE_LIST)
        for (size_t index = 0; index < value->list.count; index++)
            TRY(check_numbers(reader, &value->list.items[index]));
    if (value->kind == VALUE_MAP)
        for (size_t index = 0; index < value->map.count; index++)
            TRY(check_numbers(reader, &value->map.entries[index].value));
    return STATUS_OK;
}

static Status read_operand(struct reader *reader, Shape shape,
                           const Value *value, struct statement *out)
{
    out->value = value;
    if (shape == WITH_GLOB) {
        if (value->kind != VALUE_TEXT)
            return FAIL_HERE(reader, STATUS_INVALID,
                             "%s where a pattern belongs, such as \"a*\"",
                             value_kind_name(value->kind));
        glob_read(value->text, reader->arena, &out->glob);
        return STATUS_OK;
    }
    if (shape == WITH_NUMBER && value->kind != VALUE_INT &&
        value->kind != VALUE_FLOAT)
        return FAIL_HERE(reader, STATUS_INVALID, "%s where a number belongs",
                         value_kind_name(value->kind));
    return check_numbers(reader, value);
}

/* --- Statements ---------------------------------------------------------- */

static Status read_statement(struct reader *reader, const Value *value,
                             struct statement *out);

static Status read_statements(struct reader *reader, const Value *value,
                              const struct statement **out, size_t *count)
{
    if (value->kind != VALUE_LIST)
        return FAIL_HERE(reader, STATUS_INVALID,
                         "%s where a list of statements belongs",
                         value_kind_name(value->kind));
    if (value->list.count > POLICY_STATEMENTS_MAX - reader->statement_count)
        return FAIL_HERE(reader, STATUS_LIMIT,
                         "more than %d statements in one policy",
                         POLICY_STATEMENTS_MAX);
    *count = value->list.count;
    struct statement *statements =
        arena_array(reader->arena, *count, sizeof *statements);
    for (size_t index = 0; index < *count; index++) {
        enter(reader, index);
        TRY(read_statement(reader, &value->list.items[index],
                           &statements[index]));
        leave(reader);
    }
    *out = statements;
    return STATUS_OK;
}

static Status read_one(struct reader *reader, const Value *value,
                       struct statement *out)
{
    struct statement *inner = ARENA_NEW(reader->arena, struct statement);
    out->parts = inner;
    out->part_count = 1;
    return read_statement(reader, value, inner);
}

static Status find_operator(struct reader *reader, const Value *value,
                            const struct word **out)
{
    const size_t count = sizeof operators / sizeof operators[0];
    if (value->kind != VALUE_LIST || value->list.count == 0)
        return FAIL_HERE(reader, STATUS_INVALID,
                         "%s where a statement belongs, such as "
                         "[\"==\", \".a\", 1]",
                         value->kind == VALUE_LIST
                             ? "empty list"
                             : value_kind_name(value->kind));
    const Value *word = &value->list.items[0];
    for (size_t index = 0; index < count; index++) {
        *out = &operators[index];
        if (word->kind == VALUE_TEXT &&
            text_equal(word->text, operators[index].text))
            return STATUS_OK;
    }
    enter(reader, 0);
    return FAIL_HERE(reader, STATUS_INVALID, "%s",
                     "not an operator; these are == != < <= > >= like and or "
                     "not all any");
}

static bool has_selector(Shape shape)
{
    return shape != WITH_STATEMENTS && shape != WITH_STATEMENT;
}

static Status read_inner(struct reader *reader, Shape shape,
                         const Value *value, struct statement *out)
{
    if (shape == WITH_STATEMENTS)
        return read_statements(reader, value, &out->parts, &out->part_count);
    if (shape == WITH_STATEMENT || shape == WITH_MEMBERS)
        return read_one(reader, value, out);
    return read_operand(reader, shape, value, out);
}

static Status read_statement(struct reader *reader, const Value *value,
                             struct statement *out)
{
    const struct word *word;
    if (reader->depth == POLICY_DEPTH_MAX)
        return FAIL_HERE(reader, STATUS_LIMIT,
                         "statements nested deeper than %d", POLICY_DEPTH_MAX);
    if (reader->statement_count == POLICY_STATEMENTS_MAX)
        return FAIL_HERE(reader, STATUS_LIMIT,
                         "more than %d statements in one policy",
                         POLICY_STATEMENTS_MAX);
    TRY(find_operator(reader, value, &word));
    const size_t count = has_selector(word->shape) ? 3 : 2;
    if (value->list.count != count)
        return FAIL_HERE(reader, STATUS_INVALID,
                         "%.*s takes %zu operand%s, not %zu",
                         TEXT_ARG(word->text), count - 1,
                         count == 2 ? "" : "s", value->list.count - 1);
    reader->depth++;
    reader->statement_count++;
    out->op = word->op;
    if (has_selector(word->shape)) {
        enter(reader, 1);
        TRY(read_selector(reader, &value->list.items[1], &out->selector));
        leave(reader);
    }
    enter(reader, count - 1);
    TRY(read_inner(reader, word->shape, &value->list.items[count - 1], out));
    leave(reader);
    reader->depth--;
    return STATUS_OK;
}

Status policy_read(const Value *value, struct arena *arena,
                   const struct policy **out, struct error *err)
{
    struct reader reader = {.arena = arena, .err = err};
    struct policy *policy = ARENA_NEW(arena, struct policy);
    TRY(read_statements(&reader, value, &policy->statements, &policy->count));
    *out = policy;
    return STATUS_OK;
}
