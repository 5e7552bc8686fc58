/* SPDX-License-Identifier: Apache-2.0 */
/* test_keyring.c - keys in files: whole, once, and for nobody else. */
#include "ucan/keyring.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct folder {
    char above[64], path[80];
    struct keyring ring;
    const char *words; /* NULL: nobody answers */
    int asked;
};

static int answer(void *context, const char *name, char *out, size_t max)
{
    struct folder *folder = context;
    (void)name;
    folder->asked++;
    if (!folder->words)
        return -1;
    assert_true(strlen(folder->words) <= max);
    memcpy(out, folder->words, strlen(folder->words));
    return (int)strlen(folder->words);
}

static int open_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    snprintf(folder->above, sizeof folder->above, "/tmp/ipvm-keys-XXXXXX");
    if (!mkdtemp(folder->above))
        return -1;
    snprintf(folder->path, sizeof folder->path, "%s/keys", folder->above);
    folder->ring = (struct keyring){folder->path, answer, folder};
    *state = folder;
    return 0;
}

static int close_folder(void **state)
{
    struct folder *folder = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder->above);
    const int code = system(command);
    free(folder);
    return code;
}

static const char *file_of(const struct folder *folder, const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s.key", folder->path, name);
    return path;
}

static void add_new(struct folder *folder, const char *name, KeyType type,
                    Text passphrase)
{
    struct secret_key *key = secret_key_new(type);
    assert_int_equal(keyring_add(&folder->ring, name, key, passphrase, NULL),
                     STATUS_OK);
    secret_key_free(key);
}

static Status get(struct folder *folder, const char *name, struct error *err)
{
    struct secret_key *key;
    const Status status = keyring_get(&folder->ring, name, &key, err);
    if (status == STATUS_OK)
        secret_key_free(key);
    return status;
}

static void what_is_added_comes_back_listed_and_goes(void **state)
{
    struct folder *folder = *state;
    static const char *const names[] = {"a-2.x_Y", "k256", "self"};
    struct keyring_entry *entries, found;
    struct stat info;
    size_t count;
    assert_int_equal(keyring_list(&folder->ring, &entries, &count, NULL),
                     STATUS_OK);
    assert_int_equal(count, 0);
    add_new(folder, "self", KEY_ED25519, (Text){0});
    add_new(folder, "k256", KEY_SECP256K1, (Text){0});
    add_new(folder, "a-2.x_Y", KEY_P256, (Text){0});
    assert_int_equal(stat(folder->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(keyring_list(&folder->ring, &entries, &count, NULL),
                     STATUS_OK);
    assert_int_equal(count, 3);
    for (size_t at = 0; at < count; at++) {
        struct secret_key *key;
        Did did;
        assert_string_equal(entries[at].name, names[at]);
        assert_false(entries[at].is_sealed);
        assert_int_equal(stat(file_of(folder, names[at]), &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
        assert_int_equal(info.st_nlink, 1);
        assert_int_equal(keyring_get(&folder->ring, names[at], &key, NULL),
                         STATUS_OK);
        did_of(secret_key_public(key), &did);
        assert_true(did_equal(&did, &entries[at].did));
        assert_int_equal(keyring_find(&folder->ring, did.text, &found, NULL),
                         STATUS_OK);
        assert_string_equal(found.name, names[at]);
        secret_key_free(key);
    }
    free(entries);
    assert_int_equal(keyring_remove(&folder->ring, "self", NULL), STATUS_OK);
    assert_int_equal(keyring_remove(&folder->ring, "self", NULL),
                     STATUS_NOT_FOUND);
    assert_int_equal(get(folder, "self", NULL), STATUS_NOT_FOUND);
    assert_int_equal(keyring_find(&folder->ring, "did:key:z6Mk", &found, NULL),
                     STATUS_NOT_FOUND);
}

static void a_name_that_is_taken_stays_what_it_was(void **state)
{
    struct folder *folder = *state;
    struct keyring_entry before, after;
    add_new(folder, "one", KEY_P256, (Text){0});
    assert_int_equal(keyring_find(&folder->ring, "one", &before, NULL),
                     STATUS_OK);
    struct secret_key *key = secret_key_new(KEY_ED25519);
    assert_int_equal(keyring_add(&folder->ring, "one", key, (Text){0}, NULL),
                     STATUS_BUSY);
    secret_key_free(key);
    assert_int_equal(keyring_find(&folder->ring, "one", &after, NULL),
                     STATUS_OK);
    assert_true(did_equal(&before.did, &after.did));
}

static void names_cannot_lead_elsewhere(void **state)
{
    struct folder *folder = *state;
    static const char *const bad[] = {
        "",     ".",    "..",  ".hidden",  "../up", "a/b", "-rf",    "a b",
        "a\nb", "a\\b", "a:b", "\xc3\xa4", "a*",    "a%s", "~/self",
    };
    char longest[KEY_NAME_MAX + 2];
    struct secret_key *key = secret_key_new(KEY_ED25519);
    for (size_t at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        assert_int_equal(
            keyring_add(&folder->ring, bad[at], key, (Text){0}, NULL),
            STATUS_INVALID);
        assert_int_equal(get(folder, bad[at], NULL), STATUS_INVALID);
        assert_int_equal(keyring_remove(&folder->ring, bad[at], NULL),
                         STATUS_INVALID);
    }
    memset(longest, 'a', sizeof longest);
    longest[KEY_NAME_MAX + 1] = '\0';
    assert_int_equal(keyring_add(&folder->ring, longest, key, (Text){0}, NULL),
                     STATUS_INVALID);
    longest[KEY_NAME_MAX] = '\0';
    assert_int_equal(keyring_add(&folder->ring, longest, key, (Text){0}, NULL),
                     STATUS_OK);
    secret_key_free(key);
}

static void sealed_keys_need_their_passphrase(void **state)
{
    struct folder *folder = *state;
    struct keyring_entry entry;
    struct error err = {0};
    add_new(folder, "sealed", KEY_P256, TEXT("open sesame"));
    assert_int_equal(keyring_find(&folder->ring, "sealed", &entry, NULL),
                     STATUS_OK);
    assert_true(entry.is_sealed);
    assert_int_equal(folder->asked, 0);
    folder->words = "open sesame";
    assert_int_equal(get(folder, "sealed", NULL), STATUS_OK);
    folder->words = "open, sesame";
    assert_int_equal(get(folder, "sealed", &err), STATUS_DENIED);
    assert_null(strstr(err.message, "sesame"));
    folder->words = NULL;
    assert_int_equal(get(folder, "sealed", &err), STATUS_DENIED);
    assert_int_equal(folder->asked, 3);
    folder->ring.passphrase = NULL;
    assert_int_equal(get(folder, "sealed", &err), STATUS_DENIED);
}

static void a_sealed_key_under_another_did_is_corrupt(void **state)
{
    struct folder *folder = *state;
    struct keyring_entry other;
    char text[2048];
    add_new(folder, "sealed", KEY_ED25519, TEXT("word"));
    add_new(folder, "other", KEY_ED25519, (Text){0});
    assert_int_equal(keyring_find(&folder->ring, "other", &other, NULL),
                     STATUS_OK);
    FILE *file = fopen(file_of(folder, "sealed"), "r+");
    assert_non_null(file);
    const size_t len = fread(text, 1, sizeof text, file);
    memcpy(strstr(text, "did:"), other.did.text, strlen(other.did.text));
    rewind(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
    folder->words = "word";
    assert_int_equal(get(folder, "sealed", NULL), STATUS_CORRUPT);
}

static void what_others_may_read_is_refused(void **state)
{
    struct folder *folder = *state;
    static const mode_t open_modes[] = {0640, 0604, 0620, 0602, 0610, 0644};
    struct keyring_entry *entries;
    struct error err = {0};
    size_t count;
    add_new(folder, "self", KEY_ED25519, (Text){0});
    for (size_t at = 0; at < sizeof open_modes / sizeof open_modes[0]; at++) {
        assert_int_equal(chmod(file_of(folder, "self"), open_modes[at]), 0);
        assert_int_equal(get(folder, "self", &err), STATUS_DENIED);
        assert_non_null(strstr(err.message, "chmod 600"));
        assert_int_equal(keyring_list(&folder->ring, &entries, &count, &err),
                         STATUS_DENIED);
    }
    assert_int_equal(chmod(file_of(folder, "self"), 0600), 0);
    assert_int_equal(get(folder, "self", NULL), STATUS_OK);
    assert_int_equal(chmod(folder->path, 0750), 0);
    assert_int_equal(get(folder, "self", &err), STATUS_DENIED);
    assert_non_null(strstr(err.message, "chmod 700"));
    assert_int_equal(chmod(folder->path, 0700), 0);
}

static void links_and_other_things_are_not_followed(void **state)
{
    struct folder *folder = *state;
    char path[160];
    struct error err = {0};
    add_new(folder, "self", KEY_ED25519, (Text){0});
    snprintf(path, sizeof path, "%s", file_of(folder, "self"));
    assert_int_equal(symlink(path, file_of(folder, "link")), 0);
    assert_int_equal(get(folder, "link", &err), STATUS_DENIED);
    assert_int_equal(mkfifo(file_of(folder, "pipe"), 0600), 0);
    assert_int_equal(get(folder, "pipe", &err), STATUS_DENIED);
    assert_int_equal(mkdir(file_of(folder, "folder"), 0700), 0);
    assert_int_equal(get(folder, "folder", &err), STATUS_DENIED);
    // A new key does not go where a link leads, even to nowhere.
    assert_int_equal(symlink("/tmp/ipvm-nowhere", file_of(folder, "new")), 0);
    struct secret_key *key = secret_key_new(KEY_ED25519);
    assert_int_equal(keyring_add(&folder->ring, "new", key, (Text){0}, &err),
                     STATUS_BUSY);
    secret_key_free(key);
    snprintf(path, sizeof path, "%s/moved", folder->above);
    assert_int_equal(rename(folder->path, path), 0);
    assert_int_equal(symlink(path, folder->path), 0);
    assert_int_equal(get(folder, "self", &err), STATUS_DENIED);
}

static void a_damaged_file_is_refused_with_its_name(void **state)
{
    struct folder *folder = *state;
    static const char *const bytes[] = {
        "",
        "x",
        "ipvm-sealed-key 1 ",
        "ipvm-sealed-key 1 did:key:z\nAAAA\n",
        "ipvm-sealed-key 1 "
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp\n",
        "ipvm-sealed-key 1 "
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp\n????\n",
        "ipvm-sealed-key 1 "
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp\nAAAA\nA\n",
    };
    folder->words = "word";
    add_new(folder, "self", KEY_ED25519, (Text){0});
    for (size_t at = 0; at < sizeof bytes / sizeof bytes[0]; at++) {
        struct error err = {0};
        FILE *file = fopen(file_of(folder, "self"), "w");
        assert_non_null(file);
        fputs(bytes[at], file);
        fclose(file);
        assert_int_equal(get(folder, "self", &err), STATUS_INVALID);
        assert_non_null(strstr(err.message, "self"));
    }
    assert_int_equal(truncate(file_of(folder, "self"), 1 << 20), 0);
    assert_int_equal(get(folder, "self", NULL), STATUS_LIMIT);
}

static void the_stores_own_key_is_made_once(void **state)
{
    struct folder *folder = *state;
    struct secret_key *first, *second;
    bool is_new;
    assert_int_equal(keyring_self(&folder->ring, &first, &is_new, NULL),
                     STATUS_OK);
    assert_true(is_new);
    assert_int_equal(keyring_self(&folder->ring, &second, &is_new, NULL),
                     STATUS_OK);
    assert_false(is_new);
    assert_true(
        public_key_equal(secret_key_public(first), secret_key_public(second)));
    secret_key_free(first);
    secret_key_free(second);
    // A store in memory keeps none.
    const struct keyring nowhere = {0};
    assert_int_equal(keyring_self(&nowhere, &first, &is_new, NULL), STATUS_OK);
    assert_true(is_new);
    secret_key_free(first);
}

enum { AT_ONCE = 8 };

static void those_who_make_it_at_once_get_the_same(void **state)
{
    struct folder *folder = *state;
    for (int round = 0; round < 10; round++) {
        int ends[2];
        Did dids[AT_ONCE];
        assert_int_equal(pipe(ends), 0);
        for (int each = 0; each < AT_ONCE; each++) {
            if (fork() != 0)
                continue;
            struct secret_key *key;
            Did did = {{0}};
            bool is_new;
            if (keyring_self(&folder->ring, &key, &is_new, NULL) == STATUS_OK)
                did_of(secret_key_public(key), &did);
            _exit(write(ends[1], &did, sizeof did) != sizeof did);
        }
        for (int each = 0; each < AT_ONCE; each++) {
            assert_int_equal(read(ends[0], &dids[each], sizeof dids[0]),
                             sizeof dids[0]);
            assert_true(dids[each].text[0] == 'd');
            assert_true(did_equal(&dids[0], &dids[each]));
        }
        while (wait(NULL) > 0)
            continue;
        close(ends[0]);
        close(ends[1]);
        assert_int_equal(keyring_remove(&folder->ring, "self", NULL),
                         STATUS_OK);
    }
}

#define FOLDER_TEST(name)                                                     \
    cmocka_unit_test_setup_teardown(name, open_folder, close_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(what_is_added_comes_back_listed_and_goes),
        FOLDER_TEST(a_name_that_is_taken_stays_what_it_was),
        FOLDER_TEST(names_cannot_lead_elsewhere),
        FOLDER_TEST(sealed_keys_need_their_passphrase),
        FOLDER_TEST(a_sealed_key_under_another_did_is_corrupt),
        FOLDER_TEST(what_others_may_read_is_refused),
        FOLDER_TEST(links_and_other_things_are_not_followed),
        FOLDER_TEST(a_damaged_file_is_refused_with_its_name),
        FOLDER_TEST(the_stores_own_key_is_made_once),
        FOLDER_TEST(those_who_make_it_at_once_get_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
