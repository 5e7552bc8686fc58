/* SPDX-License-Identifier: Apache-2.0 */
/* words.c - map and reduce over texts, with the IPVM ABI.
 *
 *     count(text)          → {word: times}
 *     merge([counts, …])   → {word: times}
 *     top(counts, n)       → [[word, times], …], most frequent first
 */
#include "ipvm_guest.h"

struct word {
    const uint8_t *text;
    uint32_t len;
    int64_t times;
};

/* An open hash table; grows, never shrinks. */
struct table {
    struct word *slots;
    uint32_t room, count; /* room is a power of two */
};

static uint32_t hash(const uint8_t *text, uint32_t len)
{
    uint32_t code = 2166136261U;
    for (uint32_t index = 0; index < len; index++)
        code = (code ^ text[index]) * 16777619U;
    return code;
}

static struct word *find(struct table *table, const uint8_t *text,
                         uint32_t len)
{
    uint32_t index = hash(text, len) & (table->room - 1);
    while (table->slots[index].text &&
           (table->slots[index].len != len ||
            memcmp(table->slots[index].text, text, len) != 0))
        index = (index + 1) & (table->room - 1);
    return &table->slots[index];
}

static void add(struct table *table, const uint8_t *text, uint32_t len,
                int64_t times)
{
    if (table->count >= table->room / 2) {
        struct table old = *table;
        table->room = old.room ? old.room * 2 : 1024;
        table->slots = calloc(table->room, sizeof *table->slots);
        if (!table->slots)
            __builtin_trap();
        for (uint32_t index = 0; index < old.room; index++)
            if (old.slots[index].text)
                *find(table, old.slots[index].text, old.slots[index].len) =
                    old.slots[index];
        free(old.slots);
    }
    struct word *word = find(table, text, len);
    if (!word->text) {
        *word = (struct word){text, len, 0};
        table->count++;
    }
    word->times += times;
}

/* The order of map keys in DAG-CBOR. */
static int by_key(const void *left, const void *right)
{
    const struct word *a = left, *b = right;
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return memcmp(a->text, b->text, a->len);
}

static int by_times(const void *left, const void *right)
{
    const struct word *a = left, *b = right;
    if (a->times != b->times)
        return a->times > b->times ? -1 : 1;
    return by_key(left, right);
}

/* The words, packed to the front of the table and sorted. */
static struct word *sorted(struct table *table,
                           int (*order)(const void *, const void *))
{
    uint32_t count = 0;
    for (uint32_t index = 0; index < table->room; index++)
        if (table->slots[index].text)
            table->slots[count++] = table->slots[index];
    qsort(table->slots, count, sizeof *table->slots, order);
    return table->slots;
}

static uint64_t counts(struct table *table)
{
    IpvmWriter out = ipvm_begin_ok();
    const struct word *words = sorted(table, by_key);
    ipvm_write_map(&out, table->count);
    for (uint32_t index = 0; index < table->count; index++) {
        ipvm_write_text(&out, words[index].text, words[index].len);
        ipvm_write_int(&out, words[index].times);
    }
    return ipvm_end(&out);
}

static int is_letter(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

IPVM_EXPORT(count)
{
    IpvmReader in = ipvm_arguments(data, len);
    IpvmBytes text = ipvm_peek(&in) == IPVM_TEXT ? ipvm_read_text(&in)
                                                 : ipvm_read_bytes(&in);
    struct table table = {0, 0, 0};
    if (in.failed || in.left != 0)
        return ipvm_error("count takes one text");
    uint8_t *lower = ipvm_alloc((uint32_t)text.len);
    uint32_t start = 0;
    for (uint32_t at = 0; at <= text.len; at++) {
        if (at < text.len && is_letter(text.data[at])) {
            lower[at] = text.data[at] | 0x20;
            continue;
        }
        if (at > start)
            add(&table, lower + start, at - start, 1);
        start = at + 1;
    }
    return counts(&table);
}

static void add_all(IpvmReader *in, struct table *table)
{
    uint32_t pairs = ipvm_read_map(in);
    for (; pairs > 0 && !in->failed; pairs--) {
        IpvmBytes word = ipvm_read_text(in);
        int64_t times = ipvm_read_int(in);
        if (!in->failed)
            add(table, word.data, (uint32_t)word.len, times);
    }
}

IPVM_EXPORT(merge)
{
    IpvmReader in = ipvm_arguments(data, len);
    struct table table = {0, 0, 0};
    uint32_t maps = ipvm_read_list(&in);
    for (; maps > 0 && !in.failed; maps--)
        add_all(&in, &table);
    if (in.failed || in.at != in.end)
        return ipvm_error("merge takes a list of counts");
    return counts(&table);
}

IPVM_EXPORT(top)
{
    IpvmReader in = ipvm_arguments(data, len);
    struct table table = {0, 0, 0};
    add_all(&in, &table);
    int64_t wanted = ipvm_read_int(&in);
    if (in.failed || in.at != in.end || wanted < 0)
        return ipvm_error("top takes counts and how many");
    const struct word *words = sorted(&table, by_times);
    uint32_t count = wanted < table.count ? (uint32_t)wanted : table.count;
    IpvmWriter out = ipvm_begin_ok();
    ipvm_write_list(&out, count);
    for (uint32_t index = 0; index < count; index++) {
        ipvm_write_list(&out, 2);
        ipvm_write_text(&out, words[index].text, words[index].len);
        ipvm_write_int(&out, words[index].times);
    }
    return ipvm_end(&out);
}
