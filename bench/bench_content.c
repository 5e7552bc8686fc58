/* SPDX-License-Identifier: Apache-2.0 */
/* bench_content.c - content as a person handles it, each row a whole command
 * from process start to exit; where there is a Kubo (IPVM_KUBO=path, or `ipfs`
 * on PATH), the same with it, offline, in the same run and on the same disk.
 *
 * Sizes are a tenth to a quarter of what is promised unless IPVM_BENCH_FULL is
 * set; `make bench-content` sets it. Ours is durable when it returns. Kubo's
 * flat files are set to be synced too, unless IPVM_KUBO_SYNC=0; it imports with
 * the same parameters, so that both make the same CIDs, which is checked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "bench.h"
#include "crypto/hash.h"
#include "ipld/car.h"

enum {
    MIB = 1 << 20,
    SMALL_LEN = 1 << 10, /* of a file in the tree, of a garbage block */
    CHUNK = 4096,
    TREE_WIDTH = 1000, /* files in a directory of the tree */
    WORDS_MAX = 16,
};

/* How much of it. */
static struct {
    size_t file_bytes, tree_files, chunked_bytes, sharded, garbage;
    int rounds;
} size;

static double sha_rate;         /* MB/s of one core */
static const char *ipvm, *kubo; /* kubo: NULL if there is none */
static struct arena names;
static const char *only; /* part of a row's group, or NULL */

static const char *below(const char *name)
{
    return arena_format(&names, "%s/%s", bench_directory(), name).data;
}

static bool is_wanted(const char *group)
{
    return !only || strstr(group, only);
}

/* --- The two programs ---------------------------------------------------- */

/* One command; the words end with NULL. Nanoseconds. */
static uint64_t run(const char *program, const char *const *rest,
                    const char *out, uint64_t *memory)
{
    const char *words[WORDS_MAX] = {program};
    size_t count = 1;
    if (program == kubo)
        words[count++] = "--offline";
    while (*rest)
        words[count++] = *rest++;
    return bench_run(words, out, memory);
}
#define RUN(program, out, memory, ...)                                        \
    run(program, (const char *const[]){__VA_ARGS__, NULL}, out, memory)

/* The first word that the last command wrote. */
static const char *first_word(const char *path)
{
    char line[256] = "";
    FILE *file = fopen(path, "r");
    if (file && fgets(line, sizeof line, file))
        line[strcspn(line, " \t\n")] = '\0';
    if (file)
        fclose(file);
    return arena_format(&names, "%s", line).data;
}

static void remove_tree(const char *path)
{
    uint64_t memory;
    bench_run((const char *const[]){"/bin/rm", "-rf", path, NULL}, NULL,
              &memory);
}

/* Kubo's repository, made anew. */
static void fresh_kubo(void)
{
    uint64_t memory;
    const char *repository = getenv("IPFS_PATH");
    const char *sync = getenv("IPVM_KUBO_SYNC");
    remove_tree(repository);
    RUN(kubo, NULL, &memory, "init", "--empty-repo", "--profile",
        "test-cid-v1");
    RUN(kubo, NULL, &memory, "config", "--json", "Import.UnixFSFileMaxLinks",
        "1024");
    if (sync && strcmp(sync, "0") == 0)
        return;
    const char *config = arena_format(&names, "%s/config", repository).data;
    bench_run((const char *const[]){"/bin/sed", "-i",
                                    "s/\"sync\": false/\"sync\": true/",
                                    config, NULL},
              NULL, &memory);
}

/* --- Rows ---------------------------------------------------------------- */

struct row {
    const char *name; /* of what is done */
    const char *unit;
    double amount; /* bytes for "MB/s", things for "per second"; else 0 */
    double target; /* of ours */
};

static double value_of(const struct row *row, uint64_t ns)
{
    if (strcmp(row->unit, "MB/s") == 0)
        return row->amount * 1e3 / (double)ns;
    if (strcmp(row->unit, "per second") == 0)
        return row->amount * 1e9 / (double)ns;
    return (double)ns / (strcmp(row->unit, "ms") == 0 ? 1e6 : 1e9);
}

static void print_side(const struct row *row, const char *who,
                       struct samples *samples, uint64_t memory, double target)
{
    const uint64_t ns = samples_percentile(samples, 50);
    bar_print(&(struct bar){
        .name = arena_format(&names, "%s: %s", who, row->name).data,
        .unit = row->unit,
        .value = value_of(row, ns),
        .target = target,
        .memory = memory});
}

/* What each of the two is measured on; `kubos` may be empty. */
struct sides {
    struct samples ours, kubos;
    uint64_t our_memory, kubo_memory;
};

static void print_row(const struct row *row, struct sides *sides)
{
    print_side(row, "ipvm", &sides->ours, sides->our_memory, row->target);
    if (sides->kubos.count > 0) {
        print_side(row, "kubo", &sides->kubos, sides->kubo_memory, 0);
        bar_print(&(struct bar){
            .name = arena_format(&names, "than kubo: %s", row->name).data,
            .unit = "times faster",
            .value = (double)samples_percentile(&sides->kubos, 50) /
                     (double)samples_percentile(&sides->ours, 50),
            .target = 3});
    }
    samples_free(&sides->ours);
    samples_free(&sides->kubos);
    *sides = (struct sides){0};
}

#define OURS(sides, out, ...)                                                 \
    samples_add(&(sides)->ours,                                               \
                RUN(ipvm, out, &(sides)->our_memory, __VA_ARGS__))
/* Once is enough for what takes long. */
static bool is_kubos_turn(const struct sides *sides)
{
    const uint64_t long_ns = 5000000000;
    const size_t count = sides->kubos.count;
    return kubo && (count == 0 || sides->kubos.ns[count - 1] < long_ns);
}
#define KUBOS(sides, out, ...)                                                \
    do {                                                                      \
        if (is_kubos_turn(sides))                                             \
            samples_add(&(sides)->kubos,                                      \
                        RUN(kubo, out, &(sides)->kubo_memory, __VA_ARGS__));  \
    } while (0)

/* Empty stores; Kubo keeps what it has where it is not asked again. */
static void fresh(const struct sides *sides)
{
    remove_tree(getenv("IPVM_STORE"));
    if (is_kubos_turn(sides))
        fresh_kubo();
}

/* Both must have named it alike. */
static const char *same_cid(const char *our_out, const char *kubo_out)
{
    const char *cid = first_word(our_out);
    if (kubo && strcmp(cid, first_word(kubo_out)) != 0) {
        fprintf(stderr, "bench: %s, but Kubo says %s\n", cid,
                first_word(kubo_out));
        exit(1);
    }
    return cid;
}

/* --- Files --------------------------------------------------------------- */

static double hash_rate(void)
{
    static uint8_t piece[MIB];
    struct samples samples = {0};
    Hash hash;
    for (int time = 0; time < 100; time++) {
        const uint64_t start = clock_monotonic_ns();
        hash_sha256(bytes_of(piece, sizeof piece), &hash);
        samples_add(&samples, clock_monotonic_ns() - start);
    }
    const double rate =
        sizeof piece * 1e3 / (double)samples_percentile(&samples, 50);
    samples_free(&samples);
    return rate;
}

/* What the disk takes, written by one who does nothing else. */
static void bench_disk(const char *from)
{
    struct samples samples = {0};
    uint64_t memory;
    const char *to = arena_format(&names, "of=%s", below("copy")).data;
    const char *input = arena_format(&names, "if=%s", from).data;
    for (int round = 0; round < size.rounds; round++) {
        remove(below("copy"));
        samples_add(
            &samples,
            bench_run((const char *const[]){"/bin/dd", input, to, "bs=1M",
                                            "conv=fdatasync", NULL},
                      NULL, &memory));
    }
    remove(below("copy"));
    bar_print(
        &(struct bar){.name = "dd of the same file, synced",
                      .unit = "MB/s",
                      .value = (double)size.file_bytes * 1e3 /
                               (double)samples_percentile(&samples, 50)});
    samples_free(&samples);
}

static void bench_file(void)
{
    const char *file = below("file"), *car = below("file.car");
    const char *out = below("out"), *kubo_out = below("kubo.out");
    const double bytes = (double)size.file_bytes;
    struct sides sides = {0};
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    fresh(&sides);
    for (int round = 0; round < size.rounds; round++) {
        bench_write_file(file, size.file_bytes, (uint64_t)round + 1);
        OURS(&sides, out, "add", "--only-hash", "--rehash", "-q", file);
        KUBOS(&sides, NULL, "add", "--only-hash", "-Q", file);
    }
    print_row(&(struct row){"add --only-hash, a large file", "MB/s", bytes,
                            0.8 * sha_rate * (double)cores},
              &sides);
    bench_disk(file);
    for (int round = 0; round < size.rounds; round++) {
        bench_write_file(file, size.file_bytes, (uint64_t)round + 1);
        OURS(&sides, out, "add", "-q", file);
        KUBOS(&sides, kubo_out, "add", "-Q", file);
    }
    print_row(&(struct row){"add a large file", "MB/s", bytes, 0.8 * sha_rate},
              &sides);
    const char *cid = same_cid(out, kubo_out);
    for (int round = 0; round < size.rounds; round++) {
        OURS(&sides, NULL, "export", cid, "-o", car);
        KUBOS(&sides, below("kubo.car"), "dag", "export", "--progress=false",
              cid);
        remove(below("kubo.car"));
        if (round + 1 < size.rounds)
            remove(car);
    }
    print_row(&(struct row){"export it as CAR", "MB/s", bytes, 0}, &sides);
    for (int round = 0; round < size.rounds; round++) {
        fresh(&sides);
        OURS(&sides, NULL, "import", car);
        KUBOS(&sides, NULL, "dag", "import", car);
    }
    print_row(&(struct row){"import the CAR", "MB/s", bytes, 0}, &sides);
    for (int round = 0; round < size.rounds; round++) {
        OURS(&sides, NULL, "cat", cid);
        KUBOS(&sides, NULL, "cat", cid);
    }
    print_row(&(struct row){"cat it", "MB/s", bytes, 0}, &sides);
    remove(car);
    remove(file);
}

/* --- Many small things --------------------------------------------------- */

static void write_small(const char *path, uint64_t number)
{
    uint8_t bytes[SMALL_LEN];
    FILE *file = fopen(path, "wb");
    for (size_t index = 0; index < sizeof bytes; index++)
        bytes[index] = (uint8_t)(number >> 8 * (index % 8));
    if (!file || fwrite(bytes, 1, sizeof bytes, file) != sizeof bytes ||
        fclose(file) != 0)
        exit(1);
}

/* `count` small files, `width` to a directory. */
static void write_tree(const char *path, size_t count, size_t width)
{
    char name[4096];
    mkdir(path, 0700);
    for (size_t number = 0; number < count; number++) {
        snprintf(name, sizeof name, "%s/%05zu", path, number / width);
        if (number % width == 0)
            mkdir(name, 0700);
        const size_t len = strlen(name);
        snprintf(name + len, sizeof name - len, "/%06zu", number);
        write_small(name, number);
    }
}

static void bench_tree(void)
{
    const char *tree = below("tree"), *out = below("out");
    const char *kubo_out = below("kubo.out"), *car = below("tree.car");
    const double count = (double)size.tree_files;
    struct sides sides = {0};
    write_tree(tree, size.tree_files, TREE_WIDTH);
    for (int round = 0; round < size.rounds; round++) {
        fresh(&sides);
        OURS(&sides, out, "add", "-q", tree);
        KUBOS(&sides, kubo_out, "add", "-r", "-Q", tree);
    }
    print_row(
        &(struct row){"add a tree of small files", "s", count, 5e-5 * count},
        &sides);
    const char *cid = same_cid(out, kubo_out);
    for (int round = 0; round < size.rounds; round++) {
        remove(car);
        OURS(&sides, NULL, "export", cid, "-o", car);
        KUBOS(&sides, below("kubo.car"), "dag", "export", "--progress=false",
              cid);
    }
    print_row(&(struct row){"export the tree as CAR", "s", count, 0}, &sides);
    for (int round = 0; round < size.rounds; round++) {
        fresh(&sides);
        OURS(&sides, NULL, "import", car);
        KUBOS(&sides, NULL, "dag", "import", car);
    }
    print_row(&(struct row){"import that CAR", "s", count, 0}, &sides);
    // ext4 is slow to make files for some seconds after others were removed:
    // nothing is, before the last round.
    mkdir(below("got"), 0700);
    for (int round = 0; round < size.rounds; round++) {
        const char *ours = arena_format(&names, "got/ipvm-%d", round).data;
        const char *kubos = arena_format(&names, "got/kubo-%d", round).data;
        OURS(&sides, NULL, "get", cid, "-o", below(ours));
        KUBOS(&sides, NULL, "get", "--progress=false", cid, "-o",
              below(kubos));
    }
    print_row(&(struct row){"get the tree", "s", count, 0}, &sides);
    remove_tree(below("got"));
    for (int round = 0; round < size.rounds; round++) {
        OURS(&sides, NULL, "fsck");
        KUBOS(&sides, NULL, "repo", "verify");
    }
    print_row(&(struct row){"fsck, repo verify: the tree", "s", count, 0},
              &sides);
    remove_tree(tree);
}

/* The same blocks out of a CAR that is not imported. */
static void bench_source(const char *cid, double blocks)
{
    const char *car = below("chunked.car");
    struct sides sides = {0};
    uint64_t memory;
    RUN(ipvm, NULL, &memory, "export", cid, "-o", car);
    fresh(&sides);
    OURS(&sides, NULL, "source", "add", car);
    print_row(
        &(struct row){"index a CAR as a source", "per second", blocks, 0},
        &sides);
    for (int round = 0; round < size.rounds; round++)
        OURS(&sides, NULL, "cat", cid);
    print_row(&(struct row){"get blocks of 4 KiB from a CAR", "per second",
                            blocks, 0},
              &sides);
    remove(car);
}

static void bench_chunks(void)
{
    const char *file = below("chunked"), *out = below("out");
    const char *kubo_out = below("kubo.out");
    const double blocks = (double)(size.chunked_bytes / CHUNK);
    struct sides sides = {0};
    fresh(&sides);
    bench_write_file(file, size.chunked_bytes, 99);
    OURS(&sides, out, "add", "-q", "--chunk-size", "4KiB", file);
    KUBOS(&sides, kubo_out, "add", "-Q", "--chunker=size-4096", file);
    print_row(&(struct row){"add in blocks of 4 KiB", "per second", blocks, 0},
              &sides);
    const char *cid = same_cid(out, kubo_out);
    for (int round = 0; round < size.rounds; round++) {
        OURS(&sides, NULL, "cat", cid);
        KUBOS(&sides, NULL, "cat", cid);
    }
    print_row(&(struct row){"get blocks of 4 KiB", "per second", blocks, 0},
              &sides);
    for (int round = 0; round < 20; round++) {
        OURS(&sides, NULL, "block", "get", cid);
        KUBOS(&sides, NULL, "block", "get", cid);
    }
    print_row(&(struct row){"block get of one block", "ms", 0, 0}, &sides);
    bench_source(cid, blocks);
    remove(file);
}

static void bench_sharded(void)
{
    const char *tree = below("flat"), *out = below("out");
    const char *kubo_out = below("kubo.out");
    struct sides sides = {0};
    fresh(&sides);
    write_tree(tree, size.sharded, size.sharded);
    const char *flat = arena_format(&names, "%s/00000", tree).data;
    OURS(&sides, out, "add", "-q", flat);
    KUBOS(&sides, kubo_out, "add", "-r", "-Q", flat);
    print_row(&(struct row){"add one large directory", "s", 0, 0}, &sides);
    const char *cid = same_cid(out, kubo_out);
    for (int round = 0; round < size.rounds; round++) {
        OURS(&sides, NULL, "ls", cid);
        KUBOS(&sides, NULL, "ls", cid);
    }
    print_row(&(struct row){"ls of a sharded directory", "ms", 0, 0}, &sides);
    for (int round = 0; round < size.rounds; round++) {
        OURS(&sides, NULL, "ls", "--fast", cid);
        KUBOS(&sides, NULL, "ls", "--size=false", "--resolve-type=false", cid);
    }
    print_row(&(struct row){"ls of its names and CIDs", "ms", 0, 0}, &sides);
    remove_tree(tree);
}

/* --- Collection ---------------------------------------------------------- */

static Status write_car(void *context, Bytes bytes, struct error *err)
{
    if (fwrite(bytes.data, 1, bytes.len, context) == bytes.len)
        return STATUS_OK;
    return fail(err, STATUS_IO, "cannot write a CAR");
}

/* Blocks that nothing leads to. */
static void write_garbage(const char *path)
{
    struct error err = {0};
    uint8_t bytes[SMALL_LEN] = {0};
    FILE *file = fopen(path, "wb");
    if (!file)
        exit(1);
    bench_check(car_write_header(write_car, file, NULL, 0, &err), &err);
    for (size_t number = 0; number < size.garbage; number++) {
        Cid cid;
        memcpy(bytes, &number, sizeof number);
        cid_of(CODEC_RAW, bytes_of(bytes, 256), &cid);
        bench_check(
            car_write_block(write_car, file, &cid, bytes_of(bytes, 256), &err),
            &err);
    }
    if (fclose(file) != 0)
        exit(1);
}

/* What was put just now stays: the collector is told that this is long ago. */
static void bench_collection(void)
{
    const char *car = below("garbage.car"), *file = below("kept");
    const double count = (double)size.garbage;
    struct sides sides = {0}, imports = {0};
    write_garbage(car);
    bench_write_file(file, 16 * MIB, 7);
    for (int round = 0; round < size.rounds; round++) {
        uint64_t memory;
        fresh(&sides);
        RUN(ipvm, NULL, &memory, "add", "-q", file);
        OURS(&imports, NULL, "import", "--no-pin", car);
        OURS(&sides, NULL, "gc", "--grace", "0");
        if (kubo)
            RUN(kubo, NULL, &memory, "add", "-Q", file);
        KUBOS(&imports, NULL, "dag", "import", "--pin-roots=false", car);
        KUBOS(&sides, NULL, "repo", "gc", "-q");
    }
    print_row(&(struct row){"import small blocks", "per second", count, 0},
              &imports);
    print_row(&(struct row){"gc of blocks", "per second", count, 0}, &sides);
    remove(car);
    remove(file);
}

/* --- All ----------------------------------------------------------------- */

static const char *find_kubo(void)
{
    const char *asked = getenv("IPVM_KUBO");
    char *path = getenv("PATH");
    if (asked)
        return *asked && access(asked, X_OK) == 0 ? asked : NULL;
    while (path && *path) {
        const size_t len = strcspn(path, ":");
        const char *at =
            arena_format(&names, "%.*s/ipfs", (int)len, path).data;
        if (access(at, X_OK) == 0)
            return at;
        path += len + (path[len] == ':');
    }
    return NULL;
}

static void choose_sizes(void)
{
    const bool full = getenv("IPVM_BENCH_FULL") != NULL;
    size.file_bytes = (size_t)(full ? 1024 : 256) * MIB;
    size.tree_files = full ? 100000 : 10000;
    size.chunked_bytes = (size_t)(full ? 256 : 64) * MIB;
    size.sharded = full ? 100000 : 20000;
    size.garbage = full ? 1000000 : 100000;
    size.rounds = 3;
}

int main(int count, char **words)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } groups[] = {
        {"file", bench_file},     {"tree", bench_tree},
        {"chunks", bench_chunks}, {"sharded", bench_sharded},
        {"gc", bench_collection},
    };
    only = count > 1 ? words[1] : NULL;
    ipvm = arena_format(&names, "%s", bench_program("ipvm")).data;
    kubo = find_kubo();
    setenv("IPVM_STORE", below("store"), 1);
    setenv("IPFS_PATH", below("ipfs"), 1);
    setenv("IPFS_TELEMETRY", "off", 1);
    choose_sizes();
    sha_rate = hash_rate();
    for (size_t index = 0; index < sizeof groups / sizeof *groups; index++)
        if (is_wanted(groups[index].name))
            groups[index].run();
    arena_deinit(&names);
    return 0;
}
