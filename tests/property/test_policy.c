/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy.c - random policies on random arguments, against an evaluator
 * that is written down from the specification without a thought for speed; and
 * that what is decided while a promise stands in the arguments stays so,
 * whatever comes in its place. IPVM_SEED repeats a run, IPVM_ROUNDS makes it
 * longer. */
#include "property/random.h"
#include "ucan/policy.h"
#include "unit/ucan/vectors.h"

static struct random source;

static size_t below(uint32_t bound)
{
    return random_below(&source, bound);
}

static size_t rounds(void)
{
    const char *text = getenv("IPVM_ROUNDS");
    return text ? (size_t)strtoull(text, NULL, 10) : 20000;
}

static int choose_seed(void **state)
{
    (void)state;
    const char *text = getenv("IPVM_SEED");
    const uint64_t seed = text ? strtoull(text, NULL, 10) : 20260105;
    source = random_from(seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    return 0;
}

/* --- Random arguments and policies --------------------------------------- */

// Few different things, so that they meet. A link is a promise.

static const char *const keys[] = {"a", "b", "c"};
static const char *const words[] = {"", "a", "b", "ab", "aab", "*", "a*b"};
static const char *const patterns[] = {"",    "*",     "a*",  "*b", "*a*b",
                                       "\\*", "a\\*b", "a*a", "**", "*\\**"};

#define PICK(table) table[below((uint32_t)(sizeof(table) / sizeof *(table)))]

static Value random_numeral(void)
{
    static const double floats[] = {0.0,  -0.0, 1.0,    -1.0,   0.5,
                                    -1.5, 2.0,  0x1p53, 0x1p64, -0x1p64};
    const uint64_t edge = (uint64_t)1 << 53;
    switch (below(6)) {
    case 0:
    case 1:
        return value_float(PICK(floats));
    case 2:
        return value_uint(edge - 1 + below(3));
    case 3:
        return (Value){.kind = VALUE_INT,
                       .negative = below(2),
                       .magnitude = UINT64_MAX - below(2)};
    default:
        return value_int((int64_t)below(5) - 2);
    }
}

static Value random_value(struct arena *arena, int depth, bool promises)
{
    static const uint8_t link[] = {1, 0x55, 0, 1, 0};
    if (promises && below(5) == 0)
        return (Value){.kind = VALUE_LINK, .link = bytes_of(link, 4)};
    switch (below(depth > 0 ? 9 : 5)) {
    case 0:
        return value_null();
    case 1:
        return value_bool(below(2));
    case 2:
        return value_text(text_of(PICK(words)));
    case 3:
        return value_bytes(bytes_of("\1\2a", below(4)));
    case 4:
        return random_numeral();
    default:
        break;
    }
    const size_t count = below(4);
    if (below(2)) {
        Value *items = arena_array(arena, count, sizeof *items);
        for (size_t index = 0; index < count; index++)
            items[index] = random_value(arena, depth - 1, promises);
        return value_list(items, count);
    }
    struct value_entry entries[3];
    for (size_t index = 0; index < count; index++)
        entries[index] = (struct value_entry){
            text_of(keys[index]), random_value(arena, depth - 1, promises)};
    return value_map(arena, entries, count);
}

static Value random_selector(struct arena *arena)
{
    char text[64] = ".";
    size_t len = 1;
    for (size_t steps = below(4); steps > 0; steps--) {
        if (len > 1)
            text[len++] = '.';
        char *at = text + len;
        const size_t room = sizeof text - len;
        const char *end = below(4) ? "" : "?";
        const int low = (int)below(7) - 3, high = (int)below(7) - 3;
        switch (below(8)) {
        case 0:
            len += (size_t)snprintf(at, room, "[%d]%s", low, end);
            break;
        case 1:
            len += (size_t)snprintf(at, room, "[%d:%d]%s", low, high, end);
            break;
        case 2:
            len += (size_t)snprintf(at, room, "[]%s", end);
            break;
        default:
            len += (size_t)snprintf(at, room, "%s%s", PICK(keys), end);
            break;
        }
    }
    return value_text(arena_copy_text(arena, (Text){text, len}));
}

static bool fits_a_policy(const Value *value)
{
    struct arena arena = {0};
    const Value statement[] = {value_text(TEXT("==")), value_text(TEXT(".")),
                               *value};
    const Value one = value_list(statement, 3), list = value_list(&one, 1);
    const struct policy *policy;
    const bool fits = policy_read(&list, &arena, &policy, NULL) == STATUS_OK;
    arena_deinit(&arena);
    return fits;
}

static Value random_operand(struct arena *arena, bool number)
{
    for (;;) {
        const Value value =
            number ? random_numeral() : random_value(arena, 2, false);
        if (fits_a_policy(&value))
            return value;
    }
}

static Value random_statement(struct arena *arena, int depth)
{
    static const char *const leaves[] = {"==", "==", "!=", "<",
                                         "<=", ">",  ">=", "like"};
    Value *items = arena_array(arena, 3, sizeof *items);
    if (depth == 0 || below(3) == 0) {
        const char *op = PICK(leaves);
        items[0] = value_text(text_of(op));
        items[1] = random_selector(arena);
        if (strcmp(op, "like") == 0)
            items[2] = value_text(text_of(PICK(patterns)));
        else
            items[2] = random_operand(arena, op[0] == '<' || op[0] == '>');
        return value_list(items, 3);
    }
    if (below(2)) {
        items[0] = value_text(below(2) ? TEXT("all") : TEXT("any"));
        items[1] = random_selector(arena);
        items[2] = random_statement(arena, depth - 1);
        return value_list(items, 3);
    }
    if (below(3) == 0) {
        items[0] = value_text(TEXT("not"));
        items[1] = random_statement(arena, depth - 1);
        return value_list(items, 2);
    }
    const size_t count = below(4);
    Value *parts = arena_array(arena, count, sizeof *parts);
    for (size_t index = 0; index < count; index++)
        parts[index] = random_statement(arena, depth - 1);
    items[0] = value_text(below(2) ? TEXT("and") : TEXT("or"));
    items[1] = value_list(parts, count);
    return value_list(items, 2);
}

/* --- The specification, naively ------------------------------------------ */

// 64 bits of mantissa or more hold every int and every float as it is.
static long double exact(const Value *value)
{
    if (value->kind == VALUE_FLOAT)
        return (long double)value->number;
    const long double magnitude = (long double)value->magnitude;
    return value->negative ? -1 - magnitude : magnitude;
}

static bool is_numeric(const Value *value)
{
    return value->kind == VALUE_INT || value->kind == VALUE_FLOAT;
}

static bool same(const Value *a, const Value *b)
{
    if (is_numeric(a) && is_numeric(b))
        return exact(a) == exact(b);
    if (a->kind != b->kind)
        return false;
    if (a->kind == VALUE_LIST) {
        if (a->list.count != b->list.count)
            return false;
        for (size_t index = 0; index < a->list.count; index++)
            if (!same(&a->list.items[index], &b->list.items[index]))
                return false;
        return true;
    }
    if (a->kind == VALUE_MAP) {
        if (a->map.count != b->map.count)
            return false;
        for (size_t index = 0; index < a->map.count; index++) {
            const struct value_entry *entry = &a->map.entries[index];
            const Value *other = value_get(b, entry->key);
            if (!other || !same(&entry->value, other))
                return false;
        }
        return true;
    }
    return value_equal(a, b);
}

static bool naive_glob(const char *pattern, const char *text)
{
    if (*pattern == '\0')
        return *text == '\0';
    if (*pattern == '*')
        return naive_glob(pattern + 1, text) ||
               (*text && naive_glob(pattern, text + 1));
    if (pattern[0] == '\\' && pattern[1] == '*')
        return *text == '*' && naive_glob(pattern + 2, text + 1);
    return *pattern == *text && naive_glob(pattern + 1, text + 1);
}

/* The members of a list, a map or bytes, as a list. */
static bool members(const Value *value, struct arena *arena, Value *out)
{
    const size_t count = value->kind == VALUE_LIST    ? value->list.count
                         : value->kind == VALUE_MAP   ? value->map.count
                         : value->kind == VALUE_BYTES ? value->bytes.len
                                                      : 0;
    Value *items = arena_array(arena, count, sizeof *items);
    for (size_t index = 0; index < count; index++)
        items[index] = value->kind == VALUE_LIST ? value->list.items[index]
                       : value->kind == VALUE_MAP
                           ? value->map.entries[index].value
                           : value_uint(value->bytes.data[index]);
    *out = value_list(items, count);
    return value->kind == VALUE_LIST || value->kind == VALUE_MAP ||
           value->kind == VALUE_BYTES;
}

static long clamp(long index, long count)
{
    if (index < 0)
        index += count;
    return index < 0 ? 0 : index > count ? count : index;
}

/* One step such as "a", "[]", "[-1]" or "[1:2]", without what makes it
 * optional. */
static bool naive_step(const char *step, const Value *value,
                       struct arena *arena, Value *out)
{
    long low, high;
    Value list;
    if (step[0] != '[') {
        const Value *found = value_get(value, text_of(step));
        *out = found ? *found : value_null();
        return value->kind == VALUE_MAP;
    }
    if (!members(value, arena, &list))
        return false;
    const long count = (long)list.list.count;
    if (strcmp(step, "[]") == 0) {
        *out = list;
        return true;
    }
    if (value->kind == VALUE_MAP)
        return false;
    if (sscanf(step, "[%ld:%ld]", &low, &high) == 2) {
        low = clamp(low, count);
        high = clamp(high, count);
        const size_t len = high > low ? (size_t)(high - low) : 0;
        *out = value->kind == VALUE_LIST
                   ? value_list(value->list.items + (len ? low : 0), len)
                   : value_bytes(bytes_of(value->bytes.data + low, len));
        return true;
    }
    assert_int_equal(sscanf(step, "[%ld]", &low), 1);
    if (low < 0)
        low += count;
    if (low < 0 || low >= count)
        return false;
    *out = list.list.items[low];
    return true;
}

static bool naive_select(Text selector, const Value *value,
                         struct arena *arena, Value *out)
{
    char copy[64], *rest = copy, *step;
    memcpy(copy, selector.data, selector.len);
    copy[selector.len] = '\0';
    *out = *value;
    while ((step = strsep(&rest, "."))) {
        const size_t len = strlen(step);
        const bool is_optional = len > 0 && step[len - 1] == '?';
        if (len == 0)
            continue;
        if (is_optional)
            step[len - 1] = '\0';
        const Value here = *out;
        if (naive_step(step, &here, arena, out))
            continue;
        if (!is_optional)
            return false;
        *out = value_null();
    }
    return true;
}

static bool naive(const Value *statement, const Value *value,
                  struct arena *arena);

/* `all` and `any` of statements or of values: one of the two is a list. */
static bool extends(bool all, const Value *statements, const Value *values,
                    struct arena *arena)
{
    const size_t count =
        statements ? statements->list.count : values[1].list.count;
    bool some = count == 0, every = true;
    for (size_t index = 0; index < count; index++) {
        const bool one =
            statements ? naive(&statements->list.items[index], values, arena)
                       : naive(values, &values[1].list.items[index], arena);
        some = some || one;
        every = every && one;
    }
    return all ? every : some;
}

static bool naive(const Value *statement, const Value *value,
                  struct arena *arena)
{
    const Value *items = statement->list.items;
    const char *op = items[0].text.data;
    Value found, pair[2];
    if (strcmp(op, "not") == 0)
        return !naive(&items[1], value, arena);
    if (strcmp(op, "and") == 0 || strcmp(op, "or") == 0)
        return extends(op[0] == 'a', &items[1], value, arena);
    if (!naive_select(items[1].text, value, arena, &found))
        return strcmp(op, "!=") == 0;
    if (strcmp(op, "==") == 0)
        return same(&found, &items[2]);
    if (strcmp(op, "!=") == 0)
        return !same(&found, &items[2]);
    if (strcmp(op, "like") == 0)
        return found.kind == VALUE_TEXT &&
               naive_glob(items[2].text.data, found.text.data);
    if (op[0] == 'a') {
        pair[0] = items[2];
        return found.kind != VALUE_BYTES && members(&found, arena, &pair[1]) &&
               extends(strcmp(op, "all") == 0, NULL, pair, arena);
    }
    if (!is_numeric(&found))
        return false;
    const long double left = exact(&found), right = exact(&items[2]);
    if (left == right)
        return op[1] == '=';
    return op[0] == '<' ? left < right : left > right;
}

/* --- Properties ---------------------------------------------------------- */

static bool is_promise(void *context, const Value *value)
{
    (void)context;
    return value->kind == VALUE_LINK;
}

static PolicyVerdict evaluate(const Value *statement, const Value *args,
                              bool promises, struct arena *arena)
{
    const struct policy *policy;
    struct error err = {0};
    const Value list = value_list(statement, 1);
    if (policy_read(&list, arena, &policy, &err) != STATUS_OK)
        fail_msg("%s: %s", vectors_show(statement, arena), err.message);
    return policy_check(policy, args, promises ? is_promise : NULL, NULL,
                        NULL);
}

static void random_policies_say_what_the_naive_one_says(void **state)
{
    (void)state;
    size_t trues = 0;
    for (size_t round = rounds(); round > 0; round--) {
        struct arena arena = {0};
        const Value args = random_value(&arena, 4, false);
        const Value statement = random_statement(&arena, 4);
        const bool expected = naive(&statement, &args, &arena);
        trues += expected;
        if (evaluate(&statement, &args, false, &arena) !=
            (expected ? POLICY_TRUE : POLICY_FALSE))
            fail_msg("%s of %s is %d", vectors_show(&statement, &arena),
                     vectors_show(&args, &arena), expected);
        arena_deinit(&arena);
    }
    // Neither answer is the rule.
    assert_in_range(trues, rounds() / 10, rounds() - rounds() / 10);
}

/* A copy with a random value in the place of each promise. */
static Value keep_promises(const Value *value, struct arena *arena)
{
    if (value->kind == VALUE_LINK)
        return random_value(arena, 3, false);
    Value copy = value_copy(arena, value);
    if (value->kind == VALUE_LIST) {
        const size_t count = value->list.count;
        Value *items = arena_array(arena, count, sizeof *items);
        for (size_t index = 0; index < count; index++)
            items[index] = keep_promises(&value->list.items[index], arena);
        copy.list.items = items;
    }
    if (value->kind == VALUE_MAP) {
        const size_t count = value->map.count;
        struct value_entry *entries =
            arena_array(arena, count, sizeof *entries);
        for (size_t index = 0; index < count; index++) {
            entries[index].key = value->map.entries[index].key;
            entries[index].value =
                keep_promises(&value->map.entries[index].value, arena);
        }
        copy.map.entries = entries;
    }
    return copy;
}

static void what_is_decided_stays_so_whatever_is_promised(void **state)
{
    (void)state;
    size_t count[3] = {0};
    for (size_t round = rounds(); round > 0; round--) {
        struct arena arena = {0};
        const Value args = random_value(&arena, 4, true);
        const Value statement = random_statement(&arena, 4);
        const PolicyVerdict before = evaluate(&statement, &args, true, &arena);
        count[before]++;
        for (int times = 0; before != POLICY_UNKNOWN && times < 8; times++) {
            const Value kept = keep_promises(&args, &arena);
            if (evaluate(&statement, &kept, false, &arena) != before)
                fail_msg("%s of %s was decided as %d, not of %s",
                         vectors_show(&statement, &arena),
                         vectors_show(&args, &arena), (int)before,
                         vectors_show(&kept, &arena));
        }
        arena_deinit(&arena);
    }
    for (size_t verdict = 0; verdict < 3; verdict++)
        assert_true(count[verdict] > rounds() / 50);
}

static void random_globs_match_as_naive_ones(void **state)
{
    (void)state;
    static const char letters[] = "ab*\\";
    for (size_t round = rounds(); round > 0; round--) {
        char pattern[10] = "", text[12] = "";
        for (size_t at = below(sizeof pattern); at > 0; at--)
            pattern[strlen(pattern)] = letters[below(4)];
        for (size_t at = below(sizeof text); at > 0; at--)
            text[strlen(text)] = letters[below(4)];
        if (policy_glob(text_of(pattern), text_of(text)) !=
            naive_glob(pattern, text))
            fail_msg("\"%s\" on \"%s\"", pattern, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_policies_say_what_the_naive_one_says),
        cmocka_unit_test(what_is_decided_stays_so_whatever_is_promised),
        cmocka_unit_test(random_globs_match_as_naive_ones),
    };
    return cmocka_run_group_tests(tests, choose_seed, NULL);
}
