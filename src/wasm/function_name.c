/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/function_name.h"

#include <stdio.h>

enum { NAME_MAX_LEN = 256 };

/* --- Spelling: words, and how to join them ------------------------------- */

typedef enum {
    SPELL_UPPER,
    SPELL_KEBAB,
    SPELL_SNAKE,
    SPELL_CAMEL,
    SPELL_PASCAL
} Spelling;

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_upper(c) || is_lower(c) || is_digit(c) ||
           (unsigned char)c >= 0x80;
}

static char to_upper(char c)
{
    return is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

static char to_lower(char c)
{
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

/* A word begins behind a separator, at "aB", and at the B of "ABc". Digits
 * belong to the letter before them. */
static bool begins_word(Text name, size_t index, bool in_word)
{
    if (!in_word)
        return true;
    if (!is_upper(name.data[index]))
        return false;
    size_t letter = index - 1;
    while (letter > 0 && is_digit(name.data[letter]))
        letter--;
    char before = name.data[letter];
    bool lower_next = index + 1 < name.len && is_lower(name.data[index + 1]);
    return is_lower(before) || (is_upper(before) && lower_next);
}

static char cased(char c, Spelling spelling, bool begins, bool is_first)
{
    if (spelling == SPELL_PASCAL || (spelling == SPELL_CAMEL && !is_first))
        return begins ? to_upper(c) : to_lower(c);
    return to_lower(c);
}

static Text spell(Text name, Spelling spelling, char out[2 * NAME_MAX_LEN])
{
    size_t len = 0;
    bool in_word = false, is_first = true;
    if (name.len > NAME_MAX_LEN)
        return TEXT("");
    for (size_t index = 0; index < name.len; index++) {
        char c = name.data[index];
        if (spelling == SPELL_UPPER) {
            out[len++] = to_upper(c);
            continue;
        }
        if (!is_word(c)) {
            in_word = false;
            continue;
        }
        bool begins = begins_word(name, index, in_word);
        if (begins && len > 0) {
            is_first = false;
            if (spelling == SPELL_KEBAB || spelling == SPELL_SNAKE)
                out[len++] = spelling == SPELL_KEBAB ? '-' : '_';
        }
        out[len++] = cased(c, spelling, begins, is_first);
        in_word = true;
    }
    return (Text){out, len};
}

/* --- Finding ------------------------------------------------------------- */

// "crop" of "demo:img/fns#crop".
static Text short_name(Text name)
{
    for (size_t index = name.len; index > 0; index--) {
        if (name.data[index - 1] == '#')
            return (Text){name.data + index, name.len - index};
    }
    return name;
}

/* How many functions have the name as their short one; `*out` is the last. */
static size_t find_short(const struct description *description, Text name,
                         const struct wasm_function **out)
{
    size_t found = 0;
    for (uint32_t index = 0; index < description->function_count; index++) {
        const struct wasm_function *function = &description->functions[index];
        if (!text_equal(short_name(function->name), name))
            continue;
        *out = function;
        found++;
    }
    return found;
}

static void add_name(char *list, size_t size, Text name)
{
    size_t len = strlen(list);
    snprintf(list + len, size - len, "%s%.*s", len ? ", " : "",
             TEXT_ARG(name));
}

static Status fail_several(const struct description *description, Text name,
                           Text spelt, struct error *err)
{
    char list[160] = "";
    for (uint32_t index = 0; index < description->function_count; index++) {
        Text full = description->functions[index].name;
        if (text_equal(short_name(full), spelt))
            add_name(list, sizeof list, full);
    }
    return fail(err, STATUS_INVALID, "function %.*s could be: %s",
                (int)(name.len < 64 ? name.len : 64), name.data, list);
}

static Status fail_none(const struct description *description, Text name,
                        struct error *err)
{
    char list[140] = "";
    Text nearest = {0};
    size_t least = 4;
    for (uint32_t index = 0; index < description->function_count; index++) {
        Text full = description->functions[index].name;
        size_t distance = text_distance(name, short_name(full));
        if (distance < least) {
            least = distance;
            nearest = full;
        }
        add_name(list, sizeof list, full);
    }
    int len = (int)(name.len < 64 ? name.len : 64);
    if (nearest.data)
        return fail(err, STATUS_NOT_FOUND,
                    "no function %.*s, did you mean %.*s?", len, name.data,
                    (int)(nearest.len < 100 ? nearest.len : 100),
                    nearest.data);
    if (description->function_count == 0)
        return fail(err, STATUS_NOT_FOUND, "the module exports no function");
    return fail(err, STATUS_NOT_FOUND, "no function %.*s, the module has: %s",
                len, name.data, list);
}

Status function_name_find(const struct description *description, Text name,
                          const struct wasm_function **out, struct error *err)
{
    static const Spelling order[] = {SPELL_KEBAB, SPELL_SNAKE, SPELL_CAMEL,
                                     SPELL_PASCAL, SPELL_UPPER};
    char buffer[2 * NAME_MAX_LEN];
    *out = description_find(description, name);
    if (*out)
        return STATUS_OK;
    size_t found = find_short(description, name, out);
    if (found > 0)
        return found == 1 ? STATUS_OK
                          : fail_several(description, name, name, err);
    for (size_t index = 0; index < sizeof order / sizeof order[0]; index++) {
        Text spelt = spell(name, order[index], buffer);
        if (spelt.len == 0)
            continue;
        *out = description_find(description, spelt);
        if (*out)
            return STATUS_OK;
        found = find_short(description, spelt, out);
        if (found > 0)
            return found == 1 ? STATUS_OK
                              : fail_several(description, name, spelt, err);
    }
    return fail_none(description, name, err);
}

Status function_name_homestar(const struct description *description, Text name,
                              const struct wasm_function **out,
                              struct error *err)
{
    static const Spelling order[] = {SPELL_UPPER, SPELL_KEBAB, SPELL_SNAKE,
                                     SPELL_CAMEL, SPELL_PASCAL};
    char buffer[2 * NAME_MAX_LEN];
    *out = description_find(description, name);
    for (size_t index = 0; !*out && index < sizeof order / sizeof order[0];
         index++)
        *out =
            description_find(description, spell(name, order[index], buffer));
    return *out ? STATUS_OK : fail_none(description, name, err);
}
