/* SPDX-License-Identifier: Apache-2.0 */
/* test_unixfs_directory.c - directories and symlinks get the CIDs that Kubo
 * gives them under the profile unixfs-v1-2025. */
#include "ipld/unixfs_directory.h"

#include "unit/ipld/block_map.h"

static void assert_cid(const Cid *cid, const char *expected)
{
    char text[CID_TEXT_MAX];
    cid_to_text(cid, text);
    assert_string_equal(text, expected);
}

static void an_empty_directory_has_its_known_cid(void **state)
{
    (void)state;
    struct block_map blocks = {.on_loan = 0};
    struct unixfs_block_sink sink = block_map_sink(&blocks);
    uint64_t tsize;
    Cid root;

    assert_int_equal(
        unixfs_write_directory(NULL, 0, NULL, &sink, &root, &tsize, NULL),
        STATUS_OK);
    assert_cid(&root,
               "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
    assert_int_equal(tsize, 4);
    block_map_deinit(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_directory_has_its_known_cid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
