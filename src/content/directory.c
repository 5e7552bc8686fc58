/* SPDX-License-Identifier: Apache-2.0 */
#include "content/directory.h"

#include "content/tree.h"

Status directory_add(struct store *store, const char *path,
                     const struct content_add_options *options, Cid *out,
                     struct error *err)
{
    struct tree_options tree = {.plain = true};
    struct tree_added added;
    if (options)
        tree.add = *options;
    TRY(tree_add(store, path, &tree, &added, err));
    *out = added.cid;
    return STATUS_OK;
}
