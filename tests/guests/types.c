/* SPDX-License-Identifier: Apache-2.0 */
/* types.c - a guest with a function for every type of WIT, see types.wit. Most
 * give back what they got: by hand, in the canonical ABI's own layout.
 *
 * With -DLOGS it has an import, so that its component has more than one core
 * instance and is called through an engine's component API. */
#include "ipvm_wit.h"

#include <stddef.h>

#define EXPORT(name) WIT_EXPORT("ipvm:types/fns@1.0.0#" name)

typedef WitBytes List; /* data and the number of elements */

#ifdef LOGS
__attribute__((import_module("wasi:logging/logging"), import_name("log"))) void
log_line(uint32_t level, const char *context, uint32_t context_len,
         const char *line, uint32_t len);
#endif

EXPORT("nothing") void nothing(void)
{
#ifdef LOGS
    log_line(2, "types", 5, "hello", 5);
#endif
}

/* --- Numbers ------------------------------------------------------------ */

/* Small integers come and go in an i32. */
EXPORT("bools") int32_t bools(int32_t a)
{
    return a;
}
EXPORT("one-s8") int32_t one_s8(int32_t a)
{
    return a;
}
EXPORT("one-s64") int64_t one_s64(int64_t a)
{
    return a;
}
EXPORT("one-u64") uint64_t one_u64(uint64_t a)
{
    return a;
}
EXPORT("one-f32") float one_f32(float a)
{
    return a;
}
EXPORT("one-f64") double one_f64(double a)
{
    return a;
}
EXPORT("one-char") uint32_t one_char(uint32_t c)
{
    return c;
}
EXPORT("one-colour") uint32_t one_colour(uint32_t c)
{
    return c;
}
EXPORT("few-flags") uint32_t few_flags(uint32_t f)
{
    return f;
}
EXPORT("some-flags") uint32_t some_flags(uint32_t f)
{
    return f;
}
EXPORT("most-flags") uint32_t most_flags(uint32_t f)
{
    return f;
}

struct small {
    int8_t a;
    uint8_t b;
    int16_t c;
    uint16_t d;
};

EXPORT("small")
const struct small *small(int32_t a, uint32_t b, int32_t c, uint32_t d)
{
    static struct small out;
    out = (struct small){(int8_t)a, (uint8_t)b, (int16_t)c, (uint16_t)d};
    return &out;
}

struct wide {
    int32_t a;
    uint32_t b;
    int64_t c;
    uint64_t d;
};

EXPORT("wide")
const struct wide *wide(int32_t a, uint32_t b, int64_t c, uint64_t d)
{
    static struct wide out;
    out = (struct wide){a, b, c, d};
    return &out;
}

struct floats {
    float a;
    double b;
};

EXPORT("floats") const struct floats *floats(float a, double b)
{
    static struct floats out;
    out = (struct floats){a, b};
    return &out;
}

/* --- Lists: what lies in memory is given back as it lies ---------------- */

static const List *list(const void *data, uint32_t len)
{
    static List out;
    out = (List){data, len};
    return &out;
}

#define GIVES_BACK(name, function)                                            \
    EXPORT(name) const List *function(const void *data, uint32_t len)         \
    {                                                                         \
        return list(data, len);                                               \
    }

GIVES_BACK("text", text)
GIVES_BACK("bytes", bytes)
GIVES_BACK("chunks", chunks)
GIVES_BACK("shapes", shapes)
GIVES_BACK("maybes", maybes)
GIVES_BACK("results", results)
GIVES_BACK("empty-results", empty_results)
GIVES_BACK("people", people)
GIVES_BACK("deep", deep)
GIVES_BACK("pairs", pairs)

EXPORT("sum") int64_t sum(const int64_t *items, uint32_t count)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += (uint64_t)items[i];
    return (int64_t)total;
}

EXPORT("sum-floats") double sum_floats(const double *items, uint32_t count)
{
    double total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += items[i];
    return total;
}

EXPORT("reverse") const List *reverse(const List *items, uint32_t count)
{
    List *out = malloc(count * sizeof *out + 1);
    if (!out)
        __builtin_trap();
    for (uint32_t i = 0; i < count; i++)
        out[i] = items[count - 1 - i];
    return list(out, count);
}

/* --- Variants ----------------------------------------------------------- */

struct shape {
    uint8_t which;
    union {
        double circle;
        uint32_t rect[2];
        List name;
        uint64_t number;
        float small;
    } as;
};
_Static_assert(offsetof(struct shape, as) == 8, "as the canonical ABI has it");

/* The cases' payloads share i64 and i32. */
EXPORT("one-shape")
const struct shape *one_shape(uint32_t which, uint64_t first, uint32_t second)
{
    static struct shape out;
    const uint32_t low = (uint32_t)first;
    out.which = (uint8_t)which;
    switch (which) {
    case 1:
        memcpy(&out.as.circle, &first, sizeof first);
        break;
    case 2:
        out.as.rect[0] = low;
        out.as.rect[1] = second;
        break;
    case 3:
        out.as.name = (List){(const void *)(uintptr_t)low, second};
        break;
    case 4:
        out.as.number = first;
        break;
    case 5:
        memcpy(&out.as.small, &low, sizeof low);
        break;
    default:
        break;
    }
    return &out;
}

struct maybe {
    uint8_t is_some;
    uint32_t value;
};

EXPORT("maybe")
const struct maybe *maybe(uint32_t is_some, uint32_t value)
{
    static struct maybe out;
    out = (struct maybe){(uint8_t)is_some, value};
    return &out;
}

struct maybe_maybe {
    uint8_t is_some;
    struct maybe inner;
};

EXPORT("maybe-maybe")
const struct maybe_maybe *maybe_maybe(uint32_t is_some, uint32_t inner,
                                      uint32_t value)
{
    static struct maybe_maybe out;
    out = (struct maybe_maybe){(uint8_t)is_some, {(uint8_t)inner, value}};
    return &out;
}

struct quotient {
    uint8_t is_error;
    union {
        int32_t ok;
        uint8_t colour;
    } as;
};

EXPORT("divide") const struct quotient *divide(int32_t a, int32_t b)
{
    static struct quotient out;
    out.is_error = b == 0;
    if (b == 0)
        out.as.colour = 2;
    else
        out.as.ok = a / b;
    return &out;
}

EXPORT("check") uint32_t check(uint32_t ok)
{
    return !ok;
}

/* --- Records ------------------------------------------------------------ */

struct person {
    List name;
    uint8_t age;
    List tags;
    float x, y;
    uint8_t has_nick;
    List nick;
};

EXPORT("one-person")
const struct person *one_person(const char *name, uint32_t name_len,
                                uint32_t age, const List *tags,
                                uint32_t tag_count, float x, float y,
                                uint32_t has_nick, const char *nick,
                                uint32_t nick_len)
{
    static struct person out;
    out = (struct person){
        {name, name_len},  (uint8_t)age,    {tags, tag_count}, x, y,
        (uint8_t)has_nick, {nick, nick_len}};
    return &out;
}

EXPORT("oldest")
const struct maybe_text {
    uint8_t is_some;
    List text;
} * oldest(const struct person *people_list, uint32_t count)
{
    static struct maybe_text out;
    uint32_t age = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!out.is_some || people_list[i].age > age) {
            out.is_some = 1;
            out.text = people_list[i].name;
            age = people_list[i].age;
        }
    return &out;
}

/* Too many for parameters: they lie in memory, as the result does. */
EXPORT("many") const void *many(const void *all)
{
    return all;
}
