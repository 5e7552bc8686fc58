/* SPDX-License-Identifier: Apache-2.0 */
#include "http/request.h"

#include "http/exchange.h"

/* --- The query ----------------------------------------------------------- */

struct query_search {
    struct request *request;
    const char *name;
    RequestEach *each;
    void *context;
};

/* The library has put blanks for '+'; the rest is decoded here. */
static enum MHD_Result query_value(void *context, enum MHD_ValueKind kind,
                                   const char *key, size_t key_len,
                                   const char *value, size_t len)
{
    const struct query_search *search = context;
    struct arena *arena = &search->request->arena;
    Text name, text;
    (void)kind;
    if (!url_decode((Text){key, key_len}, arena, &name) ||
        !text_equal(name, text_of(search->name)) ||
        !url_decode((Text){value ? value : "", value ? len : 0}, arena, &text))
        return MHD_YES;
    return search->each(search->context, text) ? MHD_YES : MHD_NO;
}

void request_query_each(struct request *request, const char *name,
                        RequestEach *each, void *context)
{
    struct query_search search = {request, name, each, context};
    MHD_get_connection_values_n(request->own->connection,
                                MHD_GET_ARGUMENT_KIND, query_value, &search);
}

struct query_first {
    Text value;
    bool is_there;
};

static bool take_first(void *context, Text value)
{
    struct query_first *first = context;
    first->value = value;
    first->is_there = true;
    return false;
}

bool request_query(struct request *request, const char *name, Text *out)
{
    struct query_first first = {0};
    request_query_each(request, name, take_first, &first);
    if (first.is_there)
        *out = first.value;
    return first.is_there;
}

bool request_query_number(struct request *request, const char *name,
                          uint64_t max, uint64_t *out)
{
    Text text;
    if (!request_query(request, name, &text) || number_read(text, max, out))
        return true;
    respond_problem(request, 400, "bad-query", "%s is a number from 0 to %llu",
                    name, (unsigned long long)max);
    return false;
}

/* --- Headers ------------------------------------------------------------- */

static Text lookup(struct request *request, enum MHD_ValueKind kind,
                   const char *name)
{
    const char *value = NULL;
    size_t len = 0;
    if (MHD_lookup_connection_value_n(request->own->connection, kind, name,
                                      strlen(name), &value, &len) != MHD_YES ||
        !value)
        return (Text){"", 0};
    return (Text){value, len};
}

Text request_header(struct request *request, const char *name)
{
    return lookup(request, MHD_HEADER_KIND, name);
}

Text request_cookie(struct request *request)
{
    return lookup(request, MHD_COOKIE_KIND, SESSION_COOKIE);
}

Text request_bearer(struct request *request)
{
    const Text header = request_header(request, "Authorization");
    static const char scheme[] = "bearer ";
    const size_t len = sizeof scheme - 1;
    if (header.len <= len)
        return (Text){"", 0};
    for (size_t index = 0; index < len; index++) {
        const char letter = header.data[index];
        const char small = letter >= 'A' && letter <= 'Z'
                               ? (char)(letter + ('a' - 'A'))
                               : letter;
        if (small != scheme[index])
            return (Text){"", 0};
    }
    return (Text){header.data + len, header.len - len};
}

bool request_is_unforged(struct request *request)
{
    if (!request->principal.is_session || request->method == METHOD_GET ||
        text_equal(request_header(request, "X-IPVM"), TEXT("1")))
        return true;
    respond_problem(request, 403, "forged",
                    "a session changes nothing without the header X-IPVM: 1");
    return false;
}

Text request_type(struct request *request)
{
    struct request_private *own = request->own;
    const Text header = request_header(request, "Content-Type");
    return media_type_read(header, own->type);
}

/* --- Parameters ---------------------------------------------------------- */

bool request_cid(struct request *request, unsigned index, Cid *out)
{
    struct error err = {0};
    if (cid_from_text(request->params[index], out, &err) == STATUS_OK)
        return true;
    respond_problem(request, 400, "bad-cid", "%s", err.message);
    return false;
}

bool request_job(struct request *request, Hash *out)
{
    Cid cid;
    // The gate was asked about it: it is a job's CID.
    return request_cid(request, 0, &cid) && job_id_of_cid(&cid, out);
}
