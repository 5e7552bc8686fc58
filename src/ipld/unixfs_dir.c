/* SPDX-License-Identifier: Apache-2.0 */
/* unixfs_dir.c - directories: one node of names, or a HAMT.
 *
 *     HAMT, fanout 256: the hash of a name, eight bits at a time from the top,
 *     says which link to take at each level. A link is named by that place in
 *     hexadecimal: "3F" leads a level down, "3Fname" is the entry itself.
 *
 * Every name is checked to stand where its hash leads. That makes listing and
 * looking up agree, and keeps a small set of blocks that share children from
 * unfolding into an endless directory. */
#include <stdlib.h>

#include "ipld/murmur3.h"
#include "ipld/unixfs.h"
#include "ipld/unixfs_load.h"

static Status malformed(const char *what, struct error *err)
{
    return fail(err, STATUS_INVALID, "malformed UnixFS directory: %s", what);
}

static Status check_name(Text name, struct error *err)
{
    if (name.len == 0 || text_equal(name, TEXT(".")) ||
        text_equal(name, TEXT("..")) || memchr(name.data, '/', name.len) ||
        memchr(name.data, '\0', name.len))
        return malformed("a name that no file can have", err);
    return STATUS_OK;
}

/* --- HAMT --------------------------------------------------------------- */

/* Where we are in a trie. */
struct place {
    unsigned bits;   /* per level */
    unsigned level;  /* from 0 */
    uint64_t prefix; /* the bits taken so far */
};

static size_t digits_of(uint64_t fanout)
{
    return fanout <= 16 ? 1 : fanout <= 256 ? 2 : 3;
}

/* The place in front of a link's name, below `fanout`, or UINT64_MAX. */
static uint64_t read_place(Text name, uint64_t fanout)
{
    uint64_t place = 0;
    if (name.len < digits_of(fanout))
        return UINT64_MAX;
    for (size_t index = 0; index < digits_of(fanout); index++) {
        char letter = name.data[index];
        unsigned digit;
        if (letter >= '0' && letter <= '9')
            digit = (unsigned)(letter - '0');
        else if (letter >= 'A' && letter <= 'F')
            digit = (unsigned)(letter - 'A') + 10;
        else
            return UINT64_MAX;
        place = place << 4 | digit;
    }
    return place < fanout ? place : UINT64_MAX;
}

static bool bit_is_set(Bytes bits, uint64_t place)
{
    uint64_t byte = place / 8;
    return byte < bits.len &&
           (bits.data[bits.len - 1 - byte] >> (place % 8) & 1);
}

/* The bits of `hash` that lead through `level` levels and one more. */
static uint64_t hash_prefix(uint64_t hash, const struct place *place)
{
    return hash >> (64 - place->bits * (place->level + 1));
}

/* Calls `entry` for each entry, `shard` for each way down. */
struct hamt_visitor {
    Status (*entry)(void *context, Text name, const struct dag_pb_link *link,
                    struct error *err);
    Status (*shard)(void *context, const struct place *below,
                    const struct dag_pb_link *link, struct error *err);
    void *context;
};

static Status visit_link(const struct dag_pb_link *link, uint64_t here,
                         size_t digits, const struct place *place,
                         const struct hamt_visitor *visitor, struct error *err)
{
    Text name = {link->name.data + digits, link->name.len - digits};
    uint64_t prefix = place->prefix << place->bits | here;

    if (name.len == 0) {
        struct place below = {place->bits, place->level + 1, prefix};
        if (below.bits * (below.level + 1) > 64)
            return malformed("HAMT deeper than its hash", err);
        return visitor->shard(visitor->context, &below, link, err);
    }
    TRY(check_name(name, err));
    if (hash_prefix(murmur3_64(text_bytes(name)), place) != prefix)
        return malformed("a name in a HAMT where its hash does not lead", err);
    return visitor->entry(visitor->context, name, link, err);
}

static Status visit_hamt(const struct unixfs_node *node,
                         const struct place *place,
                         const struct hamt_visitor *visitor, struct error *err)
{
    uint64_t last = UINT64_MAX;

    if (node->type != UNIXFS_NODE_HAMT || node->fanout != 1U << place->bits)
        return malformed("parts of a HAMT that do not fit together", err);
    if (place->level > 0 && node->dag.count == 0)
        return malformed("an empty part of a HAMT", err);
    for (size_t index = 0; index < node->dag.count; index++) {
        const struct dag_pb_link *link = &node->dag.links[index];
        uint64_t here = read_place(link->name, node->fanout);
        if (here == UINT64_MAX || !bit_is_set(node->data, here) ||
            (last != UINT64_MAX && here <= last))
            return malformed("links of a HAMT are not those of its bits", err);
        last = here;
        TRY(visit_link(link, here, digits_of(node->fanout), place, visitor,
                       err));
    }
    return STATUS_OK;
}

static struct place top_of(const struct unixfs_node *node)
{
    return (struct place){.bits = (unsigned)__builtin_ctzll(node->fanout)};
}

/* --- Each entry --------------------------------------------------------- */

struct walk {
    const struct unixfs_source *source;
    UnixfsEach *each;
    void *context;
};

static Status give_entry(void *context, Text name,
                         const struct dag_pb_link *link, struct error *err)
{
    const struct walk *walk = context;
    const struct unixfs_entry entry = {name, link->cid, link->tsize};
    return walk->each(walk->context, &entry, err);
}

/* Names are checked to lead here, so no node is walked twice with success:
 * the work is bounded by the entries given, times the depth of a trie. */
static Status walk_shard(void *context, const struct place *below,
                         const struct dag_pb_link *link, struct error *err)
{
    struct walk *walk = context;
    struct hamt_visitor visitor = {give_entry, walk_shard, walk};
    struct unixfs_loaded loaded;

    TRY(unixfs_load(walk->source, link->cid, &loaded, err));
    Status status = visit_hamt(&loaded.node, below, &visitor, err);
    unixfs_unload(walk->source, &loaded);
    return status;
}

static int compare_names(const void *left, const void *right)
{
    const Text *a = left, *b = right;
    return bytes_compare(text_bytes(*a), text_bytes(*b));
}

/* The names of a directory in one node; nothing makes them stand in order. */
static Status check_names(const struct dag_pb_node *dag, struct error *err)
{
    Text *names = heap_array(dag->count, sizeof *names);
    Status status = STATUS_OK;

    for (size_t index = 0; index < dag->count && status == STATUS_OK;
         index++) {
        names[index] = dag->links[index].name;
        status = check_name(names[index], err);
    }
    if (status == STATUS_OK && dag->count > 1)
        qsort(names, dag->count, sizeof *names, compare_names);
    for (size_t index = 1; index < dag->count && status == STATUS_OK; index++)
        if (text_equal(names[index - 1], names[index]))
            status = malformed("a name comes twice", err);
    free(names);
    return status;
}

static Status walk_directory(struct walk *walk, const struct unixfs_node *node,
                             struct error *err)
{
    if (node->type == UNIXFS_NODE_HAMT) {
        struct hamt_visitor visitor = {give_entry, walk_shard, walk};
        struct place top = top_of(node);
        return visit_hamt(node, &top, &visitor, err);
    }
    if (node->type != UNIXFS_NODE_DIRECTORY)
        return fail(err, STATUS_INVALID, "not a directory");
    TRY(check_names(&node->dag, err));
    for (size_t index = 0; index < node->dag.count; index++) {
        const struct dag_pb_link *link = &node->dag.links[index];
        TRY(give_entry(walk, link->name, link, err));
    }
    return STATUS_OK;
}

Status unixfs_each(const struct unixfs_source *source, Bytes cid,
                   UnixfsEach *each, void *context, struct error *err)
{
    struct walk walk = {source, each, context};
    struct unixfs_loaded loaded;

    TRY(unixfs_load(source, cid, &loaded, err));
    Status status = walk_directory(&walk, &loaded.node, err);
    unixfs_unload(source, &loaded);
    return status;
}

/* --- All entries -------------------------------------------------------- */

struct listing {
    struct arena *arena;
    struct unixfs_entry *items; /* on the heap while it grows */
    size_t count;
    size_t capacity;
};

static Status keep_entry(void *context, const struct unixfs_entry *entry,
                         struct error *err)
{
    struct listing *listing = context;
    (void)err;
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity ? listing->capacity * 2 : 64;
        listing->items = heap_resize(listing->items, listing->capacity,
                                     sizeof *listing->items);
    }
    listing->items[listing->count++] = (struct unixfs_entry){
        arena_copy_text(listing->arena, entry->name),
        arena_copy_bytes(listing->arena, entry->cid), entry->tsize};
    return STATUS_OK;
}

static int compare_entries(const void *left, const void *right)
{
    const struct unixfs_entry *a = left, *b = right;
    return bytes_compare(text_bytes(a->name), text_bytes(b->name));
}

Status unixfs_list(const struct unixfs_source *source, Bytes cid,
                   struct arena *arena, struct unixfs_entries *out,
                   struct error *err)
{
    struct listing listing = {.arena = arena};

    Status status = unixfs_each(source, cid, keep_entry, &listing, err);
    if (status == STATUS_OK) {
        size_t count = listing.count;
        struct unixfs_entry *items = arena_array(arena, count, sizeof *items);
        if (count > 0)
            memcpy(items, listing.items, count * sizeof *items);
        if (count > 1)
            qsort(items, count, sizeof *items, compare_entries);
        *out = (struct unixfs_entries){items, count};
    }
    free(listing.items);
    return status;
}

/* --- Looking up --------------------------------------------------------- */

struct search {
    const struct unixfs_source *source;
    struct arena *arena;
    Text name;
    uint64_t hash;
    Bytes *out;
    bool found;
};

static Status match_entry(void *context, Text name,
                          const struct dag_pb_link *link, struct error *err)
{
    struct search *search = context;
    if (!text_equal(name, search->name))
        return STATUS_OK;
    if (search->found)
        return malformed("a name comes twice", err);
    search->found = true;
    *search->out = arena_copy_bytes(search->arena, link->cid);
    return STATUS_OK;
}

static Status search_shard(void *context, const struct place *below,
                           const struct dag_pb_link *link, struct error *err)
{
    struct search *search = context;
    struct hamt_visitor visitor = {match_entry, search_shard, search};
    struct unixfs_loaded loaded;

    // Only one way down can hold the name.
    if (search->hash >> (64 - below->bits * below->level) != below->prefix)
        return STATUS_OK;
    TRY(unixfs_load(search->source, link->cid, &loaded, err));
    Status status = visit_hamt(&loaded.node, below, &visitor, err);
    unixfs_unload(search->source, &loaded);
    return status;
}

static Status search_node(struct search *search,
                          const struct unixfs_node *node, struct error *err)
{
    if (node->type == UNIXFS_NODE_HAMT) {
        struct hamt_visitor visitor = {match_entry, search_shard, search};
        struct place top = top_of(node);
        return visit_hamt(node, &top, &visitor, err);
    }
    if (node->type != UNIXFS_NODE_DIRECTORY)
        return fail(err, STATUS_INVALID,
                    "\"%.*s\" is looked for in what is no directory",
                    search->name.len < 80 ? (int)search->name.len : 80,
                    search->name.data);
    for (size_t index = 0; index < node->dag.count; index++) {
        const struct dag_pb_link *link = &node->dag.links[index];
        TRY(check_name(link->name, err));
        TRY(match_entry(search, link->name, link, err));
    }
    return STATUS_OK;
}

static Status find_name(const struct unixfs_source *source, Bytes cid,
                        Text name, struct arena *arena, Bytes *out,
                        struct error *err)
{
    struct search search = {source, arena, name, murmur3_64(text_bytes(name)),
                            out,    false};
    struct unixfs_loaded loaded;

    TRY(unixfs_load(source, cid, &loaded, err));
    Status status = search_node(&search, &loaded.node, err);
    unixfs_unload(source, &loaded);
    if (status == STATUS_OK && !search.found)
        return STATUS_NOT_FOUND;
    return status;
}

Status unixfs_resolve(const struct unixfs_source *source, Bytes cid, Text path,
                      struct arena *arena, Bytes *out, struct error *err)
{
    *out = arena_copy_bytes(arena, cid);
    size_t at = 0;
    while (at < path.len) {
        const char *from = path.data + at;
        const char *slash = memchr(from, '/', path.len - at);
        size_t len = slash ? (size_t)(slash - from) : path.len - at;
        if (len > 0)
            TRY(find_name(source, *out, (Text){from, len}, arena, out, err));
        at += len + (slash != NULL);
    }
    return STATUS_OK;
}
