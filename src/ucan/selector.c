/* SPDX-License-Identifier: Apache-2.0 */
/* selector.c - a path into arguments, read and followed.
 *
 *     selector = "." [ first { step } ]
 *     first    = name opt | bracket opt
 *     step     = "." name opt | [ "." ] bracket opt
 *     bracket  = "[]" | "[" int "]" | "[" [ int ] ":" [ int ] "]"
 *              | "[" json "]"
 *     opt      = { "?" }
 *     int      = "0" | [ "-" ] digit without leading zero, within ±(2^53-1)
 *     json     = a JSON text in quotes
 *     name     = a letter, "_" or any character beyond ASCII, then also digits,
 *                "-" and "$"
 *
 * A step that leads nowhere ends the walk, unless it is optional: then it leads
 * to null, and the walk goes on from there. */
#include "base/status.h"
#include "ipld/dag_json.h"
#include "ucan/policy_parts.h"

static const int64_t INDEX_MAX = ((int64_t)1 << 53) - 1;

/* --- Reading ------------------------------------------------------------- */

struct reader {
    Text text;
    size_t at;
    struct arena *arena;
    struct error *err;
};

/* The byte ahead, or 0 at the end: a zero in the text is refused before. */
static char peek(const struct reader *reader)
{
    return reader->at < reader->text.len ? reader->text.data[reader->at]
                                         : '\0';
}

static bool take(struct reader *reader, char wanted)
{
    if (peek(reader) != wanted)
        return false;
    reader->at++;
    return true;
}

#define FAIL_READ(reader, format, ...)                                        \
    fail_at((reader)->err, STATUS_INVALID, (reader)->at,                      \
            "selector byte %zu: " format, (reader)->at, __VA_ARGS__)

/* Once is as good as often. */
static bool take_optional(struct reader *reader)
{
    const size_t begin = reader->at;
    while (take(reader, '?'))
        ;
    return reader->at > begin;
}

static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

static bool is_name_start(char letter)
{
    return (letter >= 'a' && letter <= 'z') ||
           (letter >= 'A' && letter <= 'Z') || letter == '_' ||
           (unsigned char)letter >= 0x80;
}

static bool is_name(char letter)
{
    return is_name_start(letter) || is_digit(letter) || letter == '-' ||
           letter == '$';
}

static Status read_int(struct reader *reader, int64_t *out)
{
    const bool is_negative = take(reader, '-');
    const size_t begin = reader->at;
    int64_t number = 0;
    for (; is_digit(peek(reader)); reader->at++) {
        number = number * 10 + (peek(reader) - '0');
        if (number > INDEX_MAX)
            return FAIL_READ(reader, "%s", "index beyond 2^53-1");
    }
    const size_t digits = reader->at - begin;
    if (digits == 0)
        return FAIL_READ(reader, "%s", "expected a digit");
    if (reader->text.data[begin] == '0' && (digits > 1 || is_negative))
        return FAIL_READ(reader, "%s",
                         "index with a zero in front, or minus zero");
    *out = is_negative ? -number : number;
    return STATUS_OK;
}

/* At the quote that opens. */
static Status read_quoted(struct reader *reader, Text *out)
{
    const size_t begin = reader->at++;
    Value value;
    while (reader->at < reader->text.len && peek(reader) != '"')
        reader->at += peek(reader) == '\\' ? 2 : 1;
    if (reader->at >= reader->text.len) {
        reader->at = begin;
        return FAIL_READ(reader, "%s", "quote that is not closed");
    }
    reader->at++;
    const Bytes json = bytes_of(reader->text.data + begin, reader->at - begin);
    struct error inner = {0};
    if (dag_json_decode(json, reader->arena, &value, &inner) != STATUS_OK) {
        reader->at = begin;
        return FAIL_READ(reader, "field in quotes: %s", inner.message);
    }
    *out = value.text;
    return STATUS_OK;
}

static bool at_int(const struct reader *reader)
{
    return peek(reader) == '-' || is_digit(peek(reader));
}

/* Behind "[": an index or a slice. */
static Status read_numbers(struct reader *reader, struct selector_step *step)
{
    step->has_from = at_int(reader);
    if (step->has_from)
        TRY(read_int(reader, &step->from));
    if (!take(reader, ':')) {
        if (!step->has_from)
            return FAIL_READ(reader, "%s",
                             "expected ], an index, a slice or a field in "
                             "double quotes behind [");
        step->kind = STEP_INDEX;
        return STATUS_OK;
    }
    step->kind = STEP_SLICE;
    step->has_to = at_int(reader);
    if (step->has_to)
        TRY(read_int(reader, &step->to));
    if (!step->has_from && !step->has_to)
        return FAIL_READ(reader, "%s", "slice without a bound");
    return STATUS_OK;
}

/* Behind "[". */
static Status read_bracket(struct reader *reader, struct selector_step *step)
{
    if (take(reader, ']')) {
        step->kind = STEP_VALUES;
        return STATUS_OK;
    }
    if (peek(reader) == '"') {
        step->kind = STEP_FIELD;
        TRY(read_quoted(reader, &step->field));
    } else {
        TRY(read_numbers(reader, step));
    }
    if (!take(reader, ']'))
        return FAIL_READ(reader, "%s", "expected ]");
    return STATUS_OK;
}

static void read_name(struct reader *reader, struct selector_step *step)
{
    const size_t begin = reader->at;
    while (is_name(peek(reader)))
        reader->at++;
    step->kind = STEP_FIELD;
    step->field = (Text){reader->text.data + begin, reader->at - begin};
}

static Status read_step(struct reader *reader, bool has_dot,
                        struct selector_step *step)
{
    if (take(reader, '['))
        TRY(read_bracket(reader, step));
    else if (has_dot && is_name_start(peek(reader)))
        read_name(reader, step);
    else if (has_dot && reader->at == reader->text.len)
        return FAIL_READ(reader, "%s", "nothing behind the dot");
    else if (has_dot && peek(reader) == '.')
        return FAIL_READ(reader, "%s", "two dots in a row");
    else if (has_dot)
        return FAIL_READ(reader, "%s",
                         "no field begins so; write it as [\"field\"]");
    else
        return FAIL_READ(reader, "%s", "expected a dot, [ or ?");
    step->is_optional = take_optional(reader);
    return STATUS_OK;
}

Status selector_read(Text text, struct arena *arena,
                     const struct selector **out, struct error *err)
{
    struct selector_step steps[SELECTOR_STEPS_MAX] = {0};
    struct reader reader = {.text = text, .arena = arena, .err = err};
    size_t count = 0;

    if (!utf8_is_valid(text, &reader.at))
        return FAIL_READ(&reader, "%s", "not UTF-8");
    reader.at = 0;
    if (!take(&reader, '.'))
        return FAIL_READ(&reader, "%s", "a selector begins with a dot");
    if (take_optional(&reader) && reader.at < text.len)
        return FAIL_READ(&reader, "%s", "nothing may stand behind .?");
    for (bool has_dot = true; reader.at < text.len || (has_dot && count > 0);
         has_dot = take(&reader, '.')) {
        if (count == SELECTOR_STEPS_MAX)
            return fail_at(err, STATUS_LIMIT, reader.at,
                           "selector byte %zu: more than %d steps", reader.at,
                           SELECTOR_STEPS_MAX);
        TRY(read_step(&reader, has_dot, &steps[count++]));
    }

    struct selector *selector = ARENA_NEW(arena, struct selector);
    struct selector_step *kept = arena_array(arena, count, sizeof *kept);
    memcpy(kept, steps, count * sizeof *kept);
    *selector = (struct selector){kept, count};
    *out = selector;
    return STATUS_OK;
}

/* --- Following ----------------------------------------------------------- */

/* Where `index`, counted from the end if it is negative, is in `count`. */
static bool place_of(int64_t index, size_t count, size_t *out)
{
    if (index < 0) {
        const size_t back = (size_t)-index;
        if (back > count)
            return false;
        *out = count - back;
        return true;
    }
    *out = (size_t)index;
    return *out < count;
}

static bool select_index(const struct selector_step *step, const Value *value,
                         Value *out)
{
    size_t place;
    if (value->kind == VALUE_LIST) {
        if (!place_of(step->from, value->list.count, &place))
            return false;
        *out = value->list.items[place];
        return true;
    }
    if (value->kind != VALUE_BYTES ||
        !place_of(step->from, value->bytes.len, &place))
        return false;
    *out = value_uint(value->bytes.data[place]);
    return true;
}

/* A bound of a slice: what lies outside is as good as the end there. */
static size_t bound_of(int64_t index, size_t count)
{
    size_t place;
    if (place_of(index, count, &place))
        return place;
    return index < 0 ? 0 : count;
}

static bool select_slice(const struct selector_step *step, const Value *value,
                         Value *out)
{
    if (value->kind != VALUE_LIST && value->kind != VALUE_BYTES)
        return false;
    const size_t count =
        value->kind == VALUE_LIST ? value->list.count : value->bytes.len;
    const size_t from = step->has_from ? bound_of(step->from, count) : 0;
    const size_t to = step->has_to ? bound_of(step->to, count) : count;
    const size_t len = to > from ? to - from : 0;
    if (len == 0)
        *out = value->kind == VALUE_LIST ? value_list(NULL, 0)
                                         : value_bytes(bytes_of("", 0));
    else if (value->kind == VALUE_LIST)
        *out = value_list(value->list.items + from, len);
    else
        *out = value_bytes(bytes_of(value->bytes.data + from, len));
    return true;
}

/* A list of its own, which is the more work the more items it has. */
static bool select_values(const Value *value, struct policy_walk *walk,
                          Value *out)
{
    if (value->kind == VALUE_LIST) {
        *out = *value;
        return true;
    }
    if (value->kind != VALUE_MAP && value->kind != VALUE_BYTES)
        return false;
    const bool is_map = value->kind == VALUE_MAP;
    const size_t count = is_map ? value->map.count : value->bytes.len;
    if (!walk_spend(walk, POLICY_STEPS_AN_ITEM * count))
        return false;
    Value *items = arena_array(walk->arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++)
        items[index] = is_map ? value->map.entries[index].value
                              : value_uint(value->bytes.data[index]);
    *out = value_list(items, count);
    return true;
}

/* A map answers for every key: with null for those it does not have. */
static bool select_field(const struct selector_step *step, const Value *value,
                         Value *out)
{
    if (value->kind != VALUE_MAP)
        return false;
    const Value *found = value_get(value, step->field);
    *out = found ? *found : value_null();
    return true;
}

static bool select_step(const struct selector_step *step, const Value *value,
                        struct policy_walk *walk, Value *out)
{
    switch (step->kind) {
    case STEP_FIELD:
        return select_field(step, value, out);
    case STEP_INDEX:
        return select_index(step, value, out);
    case STEP_SLICE:
        return select_slice(step, value, out);
    case STEP_VALUES:
    default:
        return select_values(value, walk, out);
    }
}

Selected selector_walk(const struct selector *selector, const Value *value,
                       struct policy_walk *walk, Value *out)
{
    *out = *value;
    for (size_t index = 0; index < selector->count; index++) {
        const struct selector_step *step = &selector->steps[index];
        const Value here = *out;
        if (walk_is_unknown(walk, &here))
            return SELECTED_UNKNOWN;
        if (!walk_spend(walk, 1 + step->field.len / POLICY_BYTES_A_STEP))
            return SELECTED_NOTHING;
        if (select_step(step, &here, walk, out))
            continue;
        if (!step->is_optional || walk->is_over)
            return SELECTED_NOTHING;
        *out = value_null();
    }
    return walk_is_unknown(walk, out) ? SELECTED_UNKNOWN : SELECTED_VALUE;
}

bool selector_get(const struct selector *selector, const Value *value,
                  struct arena *arena, Value *out)
{
    struct policy_walk walk = {.arena = arena, .work = POLICY_WORK_MAX};
    return selector_walk(selector, value, &walk, out) == SELECTED_VALUE;
}
