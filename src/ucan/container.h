/* SPDX-License-Identifier: Apache-2.0 */
/* container.h - several tokens as one text or blob (UCAN container 1.0).
 *
 *     header byte, then {"ctn-v1": [bytes, …]} in DAG-CBOR, bytes ascending
 *     '@' as it is   'B' base64, padded   'C' base64url, not padded
 *     'M' gzip       'O' gzip, base64     'P' gzip, base64url
 *
 * Thread: any. */
#ifndef IPVM_UCAN_CONTAINER_H
#define IPVM_UCAN_CONTAINER_H

#include "base/arena.h"
#include "base/buffer.h"

typedef enum {
    CONTAINER_RAW = '@',
    CONTAINER_BASE64 = 'B',
    CONTAINER_BASE64URL = 'C',
    CONTAINER_GZIP = 'M',
    CONTAINER_GZIP_BASE64 = 'O',
    CONTAINER_GZIP_BASE64URL = 'P'
} ContainerForm;

enum {
    CONTAINER_BYTES_MAX = 4 << 20, /* after decompression */
    CONTAINER_TOKENS_MAX = 1024,
};

/* The tokens are in `arena`. STATUS_INVALID: not a container, out of order, a
 * token twice; says where. STATUS_LIMIT: a bound above. */
Status container_read(Bytes bytes, struct arena *arena, Bytes **tokens,
                      size_t *count, struct error *err);
/* Sorts and drops what comes twice. */
Status container_write(ContainerForm form, const Bytes *tokens, size_t count,
                       struct buffer *out, struct error *err);

#endif
