/* SPDX-License-Identifier: Apache-2.0 */
/* test_vectors.c - the data files of the IPLD and multiformats projects: each
 * value in every codec that can say it, each with the CID of its name. */
#include <dirent.h>
#include <stdio.h>

#include "crypto/hash.h"
#include "ipld/codec.h"
#include "ipld/dag_json.h"
#include "ipld/dag_pb.h"
#include "ipld/multibase.h"
#include "ipld/multihash.h"
#include "unit/ipld/hex.h"

static const char *vectors(void)
{
    const char *path = getenv("IPVM_VECTORS");
    return path ? path : "../shared/vectors";
}

/* The file in a heap block of its length, or skips the test. */
static Bytes read_vector(const char *name)
{
    char path[512];
    static uint8_t data[1 << 20];

    snprintf(path, sizeof path, "%s/%s", vectors(), name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_message("no test data at %s: skipped\n", path);
        skip();
    }
    size_t len = fread(data, 1, sizeof data, file);
    assert_true(len < sizeof data);
    fclose(file);
    return exact_copy(bytes_of(data, len));
}

/* --- Codecs ------------------------------------------------------------- */

struct fixture {
    char path[512];
    Cid cid;
};

/* The files of one folder; each is named CID.codec. */
static size_t list_fixture(const char *folder, struct fixture out[4])
{
    char path[400];
    size_t count = 0;

    snprintf(path, sizeof path, "%s/ipld/fixtures/%s", vectors(), folder);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *file; (file = readdir(directory));) {
        const char *dot = strchr(file->d_name, '.');
        if (!dot || dot == file->d_name)
            continue;
        assert_true(count < 4);
        struct fixture *fixture = &out[count++];
        snprintf(fixture->path, sizeof fixture->path,
                 "ipld/fixtures/%.120s/%.200s", folder, file->d_name);
        Text name = {file->d_name, (size_t)(dot - file->d_name)};
        assert_int_equal(cid_from_text(name, &fixture->cid, NULL), STATUS_OK);
    }
    closedir(directory);
    return count;
}

static void check_encodes_to(const Value *value, const struct fixture *to)
{
    struct error err = {0};
    struct buffer out;

    buffer_init(&out, 1 << 20);
    if (codec_encode(cid_codec(&to->cid), value, &out, &err) != STATUS_OK)
        fail_msg("%s: %s", to->path, err.message);
    if (cid_verify(&to->cid, buffer_bytes(&out), &err) != STATUS_OK)
        fail_msg("%s: %s", to->path, err.message);
    buffer_deinit(&out);
}

static Status count_link(void *context, Bytes cid, struct error *err)
{
    *(size_t *)context += 1;
    return cid_check_bytes(cid, err);
}

/* In every codec a value has as many links. */
static void check_links(const struct fixture *from, Bytes bytes, size_t *links)
{
    size_t count = 0;
    assert_int_equal(
        codec_links(cid_codec(&from->cid), bytes, count_link, &count, NULL),
        STATUS_OK);
    if (*links != SIZE_MAX && *links != count)
        fail_msg("%s: %zu links, %zu before", from->path, count, *links);
    *links = count;
}

static void check_value(const char *folder)
{
    struct fixture files[4];
    size_t count = list_fixture(folder, files), links = SIZE_MAX;

    assert_true(count >= 2);
    for (size_t from = 0; from < count; from++) {
        struct arena arena = {0};
        struct error err = {0};
        Value value;
        Bytes bytes = read_vector(files[from].path);
        assert_int_equal(cid_verify(&files[from].cid, bytes, NULL), STATUS_OK);
        if (codec_decode(cid_codec(&files[from].cid), bytes, &arena, &value,
                         &err) != STATUS_OK)
            fail_msg("%s: %s", files[from].path, err.message);
        check_links(&files[from], bytes, &links);
        for (size_t to = 0; to < count; to++)
            check_encodes_to(&value, &files[to]);
        arena_deinit(&arena);
        exact_free(bytes);
    }
}

static void every_value_keeps_its_cid_through_every_pair_of_codecs(
    void **state)
{
    (void)state;
    char path[400];
    size_t count = 0;

    snprintf(path, sizeof path, "%s/ipld/fixtures", vectors());
    DIR *directory = opendir(path);
    if (!directory) {
        print_message("no test data at %s: skipped\n", path);
        skip();
    }
    for (struct dirent *folder; (folder = readdir(directory));) {
        if (folder->d_type != DT_DIR || folder->d_name[0] == '.')
            continue;
        check_value(folder->d_name);
        count++;
    }
    closedir(directory);
    assert_int_equal(count, 128);
}

/* --- What must be refused ----------------------------------------------- */

static Text text_field(const Value *map, const char *key)
{
    const Value *field = value_get(map, text_of(key));
    assert_non_null(field);
    assert_int_equal(field->kind, VALUE_TEXT);
    return field->text;
}

static void check_refuses_bytes(const char *name, uint64_t codec, size_t least)
{
    struct arena arena = {0};
    Value cases, value;
    size_t count = 0;
    Bytes json = read_vector(name);

    assert_int_equal(dag_json_decode(json, &arena, &cases, NULL), STATUS_OK);
    assert_true(cases.list.count >= least);
    for (size_t index = 0; index < cases.list.count; index++) {
        const Value *row = &cases.list.items[index];
        Text hex = text_field(row, "hex"), words = text_field(row, "name");
        Text copy = arena_copy_text(&arena, hex);
        Bytes bytes = exact_from_hex(copy.data);
        if (codec_decode(codec, bytes, &arena, &value, NULL) !=
                STATUS_INVALID ||
            codec_links(codec, bytes, count_link, &count, NULL) !=
                STATUS_INVALID)
            fail_msg("%s: %.*s was not refused", name, TEXT_ARG(words));
        exact_free(bytes);
    }
    arena_deinit(&arena);
    exact_free(json);
}

static void refuses_the_blocks_of_the_negative_fixtures(void **state)
{
    (void)state;
    check_refuses_bytes(
        "ipld/negative-fixtures/dag-cbor/decode/duplicate-keys.json",
        CODEC_DAG_CBOR, 1);
    check_refuses_bytes(
        "ipld/negative-fixtures/dag-json/decode/duplicate-keys.json",
        CODEC_DAG_JSON, 1);
    check_refuses_bytes("ipld/negative-fixtures/dag-pb/decode/edges.json",
                        CODEC_DAG_PB, 9);
}

static void check_refuses_forms(const char *name, size_t least)
{
    struct arena arena = {0};
    Value cases;
    struct dag_pb_node node;
    Bytes json = read_vector(name);

    assert_int_equal(dag_json_decode(json, &arena, &cases, NULL), STATUS_OK);
    assert_true(cases.list.count >= least);
    for (size_t index = 0; index < cases.list.count; index++) {
        const Value *row = &cases.list.items[index];
        const Value *form = value_get(row, TEXT("dag-json"));
        if (dag_pb_from_value(form, &arena, &node, NULL) != STATUS_INVALID)
            fail_msg("%s: %.*s was not refused", name,
                     TEXT_ARG(text_field(row, "name")));
    }
    arena_deinit(&arena);
    exact_free(json);
}

static void refuses_values_that_dag_pb_cannot_say(void **state)
{
    (void)state;
    check_refuses_forms(
        "ipld/negative-fixtures/dag-pb/encode/basic-datamodel-kinds.json", 11);
    check_refuses_forms(
        "ipld/negative-fixtures/dag-pb/encode/invalid-forms.json", 50);
}

/* --- Tables of multiformats --------------------------------------------- */

/* Cuts the next line off `*rest`. */
static bool next_line(Text *rest, Text *line)
{
    if (rest->len == 0)
        return false;
    const char *end = memchr(rest->data, '\n', rest->len);
    size_t len = end ? (size_t)(end - rest->data) : rest->len;
    *line = (Text){rest->data, len};
    size_t used = end ? len + 1 : len;
    *rest = (Text){rest->data + used, rest->len - used};
    return true;
}

/* A line such as: sha2-256,80,<input in hex>,<multihash in hex> */
static bool check_multihash(Text line)
{
    char name[32], input[600], expected[200];
    int bits;
    struct multihash hash;
    struct error err = {0};
    char copy[900];

    assert_true(line.len < sizeof copy);
    memcpy(copy, line.data, line.len);
    copy[line.len] = '\0';
    if (sscanf(copy, "%31[^,],%d,%599[^,],%199s", name, &bits, input,
               expected) != 4)
        return false;
    Bytes data = text_bytes(text_of(input));
    Bytes bytes = exact_from_hex(expected);
    assert_int_equal(multihash_read(bytes, &hash, &err), STATUS_OK);
    assert_int_equal(hash.digest.len, bits / 8);
    if (!hash_is_supported(hash.code)) {
        assert_string_equal(name, "sha1");
        assert_int_equal(multihash_verify(&hash, data, NULL),
                         STATUS_UNSUPPORTED);
    } else {
        uint8_t digest[HASH_DIGEST_MAX];
        size_t len;
        assert_int_equal(hash_digest(hash.code, data, digest, &len, NULL),
                         STATUS_OK);
        assert_memory_equal(digest, hash.digest.data, hash.digest.len);
        // A digest cut short is read, but it is no proof.
        assert_int_equal(multihash_verify(&hash, data, NULL),
                         hash.digest.len == len ? STATUS_OK
                                                : STATUS_UNSUPPORTED);
    }
    exact_free(bytes);
    return true;
}

static void makes_the_digests_of_the_multihash_table(void **state)
{
    (void)state;
    size_t count = 0;
    Bytes file = read_vector("multihash/test_cases.csv");
    Text rest = bytes_text(file), line;

    assert_true(next_line(&rest, &line)); // The names of the columns.
    while (next_line(&rest, &line))
        count += check_multihash(line);
    assert_int_equal(count, 260);
    exact_free(file);
}

/* The letter of a base that we have, or 0. */
static char letter_of(Text name)
{
    static const struct {
        const char *name;
        char letter;
    } bases[] = {{"base16", 'f'},    {"base16upper", 'F'},
                 {"base32", 'b'},    {"base32upper", 'B'},
                 {"base36", 'k'},    {"base58btc", 'z'},
                 {"base64", 'm'},    {"base64pad", 'M'},
                 {"base64url", 'u'}, {"base64urlpad", 'U'}};
    for (size_t index = 0; index < sizeof bases / sizeof bases[0]; index++)
        if (text_equal(name, text_of(bases[index].name)))
            return bases[index].letter;
    return 0;
}

/* Text in quotes behind a comma; "\x00" becomes a zero byte. */
static Bytes quoted(Text line, uint8_t *out)
{
    const char *from = memchr(line.data, '"', line.len);
    size_t len = 0;
    assert_non_null(from);
    for (from++; *from != '"'; from++) {
        if (memcmp(from, "\\x00", 4) == 0) {
            out[len++] = 0;
            from += 3;
        } else {
            out[len++] = (uint8_t)*from;
        }
    }
    return bytes_of(out, len);
}

static size_t check_multibase_file(const char *name, bool encodes)
{
    uint8_t plain_room[64], text_room[256], decoded[256];
    size_t count = 0, len;
    Bytes file = read_vector(name);
    Text rest = bytes_text(file), line;

    assert_true(next_line(&rest, &line));
    Bytes plain = quoted(line, plain_room);
    while (next_line(&rest, &line)) {
        const char *comma = memchr(line.data, ',', line.len);
        if (!comma)
            continue;
        char letter =
            letter_of((Text){line.data, (size_t)(comma - line.data)});
        if (!letter)
            continue;
        Bytes text = quoted(line, text_room);
        struct error err = {0};
        if (multibase_decode(bytes_text(text), decoded, &len, &err) !=
            STATUS_OK)
            fail_msg("%.*s: %s", TEXT_ARG(line), err.message);
        assert_true(bytes_equal(bytes_of(decoded, len), plain));
        char again[256];
        len = multibase_encode(letter, plain, again);
        assert_true(len <= multibase_length_max(letter, plain.len));
        if (encodes)
            assert_true(bytes_equal(bytes_of(again, len), text));
        count++;
    }
    exact_free(file);
    return count;
}

static void reads_and_writes_the_multibase_tables(void **state)
{
    (void)state;
    assert_int_equal(check_multibase_file("multibase/basic.csv", true), 10);
    assert_int_equal(check_multibase_file("multibase/leading_zero.csv", true),
                     10);
    assert_int_equal(
        check_multibase_file("multibase/two_leading_zeros.csv", true), 10);
    assert_int_equal(
        check_multibase_file("multibase/case_insensitivity.csv", false), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            every_value_keeps_its_cid_through_every_pair_of_codecs),
        cmocka_unit_test(refuses_the_blocks_of_the_negative_fixtures),
        cmocka_unit_test(refuses_values_that_dag_pb_cannot_say),
        cmocka_unit_test(makes_the_digests_of_the_multihash_table),
        cmocka_unit_test(reads_and_writes_the_multibase_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
