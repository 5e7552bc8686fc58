/* SPDX-License-Identifier: Apache-2.0 */
#include "content/path.h"

#include "content/content.h"

Status content_resolve(struct store *store, Text path, Cid *out,
                       struct error *err)
{
    struct arena arena = {0};
    Cid root;
    Bytes found;
    Text prefix = TEXT("/ipfs/");

    if (text_starts_with(path, prefix))
        path = (Text){path.data + prefix.len, path.len - prefix.len};
    const char *slash = path.len > 0 ? memchr(path.data, '/', path.len) : NULL;
    if (!slash)
        return cid_from_text(path, out, err);
    size_t head = (size_t)(slash - path.data);
    TRY(cid_from_text((Text){path.data, head}, &root, err));
    const struct unixfs_source source = content_source(store);
    Status status =
        unixfs_resolve(&source, cid_bytes(&root),
                       (Text){slash, path.len - head}, &arena, &found, err);
    if (status == STATUS_OK)
        status = cid_from_bytes(found, out, err);
    else if (status == STATUS_NOT_FOUND)
        status = fail(err, status,
                      "%.*s names no file, or a block on the way is missing",
                      TEXT_ARG(path));
    arena_deinit(&arena);
    return status;
}
