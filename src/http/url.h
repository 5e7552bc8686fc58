/* SPDX-License-Identifier: Apache-2.0 */
/* url.h - the small grammars of HTTP: percent-encoding, numbers, ranges, hosts,
 * media types, trace contexts. Strict: what does not fit is not guessed at.
 * Thread: any. */
#ifndef IPVM_HTTP_URL_H
#define IPVM_HTTP_URL_H

#include "base/arena.h"

/* Percent-decodes; borrows where there is nothing to decode. False: a broken
 * escape, a NUL, or not UTF-8. */
bool url_decode(Text text, struct arena *arena, Text *out);

/* Equal but for capitals; `word` has none. */
bool equal_lower(Text text, Text word);

/* Decimal digits only; false: none, others, or beyond `max`. */
bool number_read(Text text, uint64_t max, uint64_t *out);

/* One range of bytes (RFC 9110, 14). Several, or another unit: RANGE_NONE, the
 * whole is sent. */
typedef enum { RANGE_NONE, RANGE_OK, RANGE_UNSATISFIABLE } Range;
Range range_read(Text header, uint64_t size, uint64_t *first, uint64_t *last);

/* The media type of a Content-Type, without parameters, lower case, in `out`;
 * empty: none, or malformed. */
enum { MEDIA_TYPE_MAX = 100 };
Text media_type_read(Text header, char out[MEDIA_TYPE_MAX]);
/* What an Accept header says of a type, "application/json": its q in
 * thousandths, that of the most exact range that fits; 1000 without header. */
unsigned accept_quality(Text header, Text type);

/* A Host header names this machine itself, or `listen`: "localhost",
 * "127.0.0.1:4747", "[::1]". */
bool host_is_local(Text host, Text listen);

/* A traceparent of the W3C: version, trace id, span id, flags. What a later
 * version has behind them is left out. */
enum { TRACE_PARENT_LEN = 55 };
struct trace_parent {
    char trace[33];
    char span[17];
    bool is_sampled;
};
bool trace_parent_read(Text header, struct trace_parent *out);

/* An entity tag in a list, "*" included (If-None-Match): weakly compared. */
bool etag_matches(Text header, Text etag);

#endif
