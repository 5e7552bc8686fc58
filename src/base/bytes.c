/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

bool bytes_equal(Bytes a, Bytes b)
{
    return a.len == b.len &&
           (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool text_equal(Text a, Text b)
{
    return bytes_equal(text_bytes(a), text_bytes(b));
}

bool text_starts_with(Text text, Text prefix)
{
    return text.len >= prefix.len &&
           memcmp(text.data, prefix.data, prefix.len) == 0;
}

Text text_trim(Text text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = (Text){text.data + 1, text.len - 1};
    while (text.len > 0 &&
           (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

bool text_ends_with(Text text, Text suffix)
{
    return text.len >= suffix.len && memcmp(text.data + text.len - suffix.len,
                                            suffix.data, suffix.len) == 0;
}

int bytes_compare(Bytes a, Bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.data, b.data, len) : 0;
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

/* Length of the well-formed sequence at `at`, or 0. */
static size_t utf8_sequence(const uint8_t *at, size_t left)
{
    uint8_t first = at[0];
    size_t len = first < 0xc2   ? 0
                 : first < 0xe0 ? 2
                 : first < 0xf0 ? 3
                 : first < 0xf5 ? 4
                                : 0;
    if (len == 0 || len > left)
        return 0;
    uint8_t low = 0x80, high = 0xbf;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t index = 2; index < len; index++)
        if ((at[index] & 0xc0) != 0x80)
            return 0;
    return len;
}

bool utf8_is_valid(Text text, size_t *bad)
{
    const uint8_t *data = (const uint8_t *)text.data;
    size_t index = 0;
    while (index < text.len) {
        uint64_t word;
        // Eight ASCII bytes at a time: most text is nothing else.
        if (text.len - index >= sizeof word) {
            memcpy(&word, data + index, sizeof word);
            if ((word & 0x8080808080808080U) == 0) {
                index += sizeof word;
                continue;
            }
        }
        size_t len = data[index] < 0x80
                         ? 1
                         : utf8_sequence(data + index, text.len - index);
        if (len == 0) {
            if (bad)
                *bad = index;
            return false;
        }
        index += len;
    }
    return true;
}

enum { DISTANCE_MAX = 64 };

size_t text_distance(Text a, Text b)
{
    size_t rows[3][DISTANCE_MAX + 1];

    if (a.len > DISTANCE_MAX || b.len > DISTANCE_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                a.data[i - 2] == b.data[j - 1] && above2[j - 2] + 1 < best)
                best = above2[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a.len % 3][b.len];
}

Text text_nearest(Text word, const Text *words, size_t count)
{
    Text nearest = {NULL, 0};
    size_t best = word.len / 3 + 2;
    for (size_t index = 0; index < count; index++) {
        size_t distance = text_distance(word, words[index]);
        if (distance < best) {
            best = distance;
            nearest = words[index];
        }
    }
    return nearest;
}
