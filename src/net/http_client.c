/* SPDX-License-Identifier: Apache-2.0 */
/* http_client.c - one easy handle, reset for each request: what it keeps is
 * the connections. Nothing is followed: who asks decides where to.
 *
 * libcurl brings two dozen libraries along, which would cost every start of
 * the program 3 ms: it is loaded when somebody asks for the first time. */
#include "net/http_client.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"

enum { CONNECT_TIMEOUT_S = 10, BODY_MAX = 64 << 20 };

struct http_client {
    CURL *curl;
    char trouble[CURL_ERROR_SIZE];
};

/* One request under way. */
struct asking {
    struct http_client *client;
    const struct http_client_request *request;
    struct http_client_answer *answer;
    bool is_stopped; /* by who asks */
};

/* --- The library --------------------------------------------------------- */

static struct {
    char trouble[160]; /* why it is not there, or "" */
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *init;
    __typeof__(curl_easy_reset) *reset;
    __typeof__(curl_easy_setopt) *set;
    __typeof__(curl_easy_perform) *perform;
    __typeof__(curl_easy_getinfo) *get;
    __typeof__(curl_easy_strerror) *words;
    __typeof__(curl_easy_cleanup) *cleanup;
    __typeof__(curl_slist_append) *append;
    __typeof__(curl_slist_free_all) *free_all;
} lib;

static void load(void *library, const char *name, void *place)
{
    void *found = library ? dlsym(library, name) : NULL;
    if (!found && !lib.trouble[0]) {
        const char *why = dlerror();
        snprintf(lib.trouble, sizeof lib.trouble, "%.150s", why ? why : name);
    }
    memcpy(place, &found, sizeof found);
}

static void load_library(void)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    load(library, "curl_global_init", &lib.global_init);
    load(library, "curl_easy_init", &lib.init);
    load(library, "curl_easy_reset", &lib.reset);
    load(library, "curl_easy_setopt", &lib.set);
    load(library, "curl_easy_perform", &lib.perform);
    load(library, "curl_easy_getinfo", &lib.get);
    load(library, "curl_easy_strerror", &lib.words);
    load(library, "curl_easy_cleanup", &lib.cleanup);
    load(library, "curl_slist_append", &lib.append);
    load(library, "curl_slist_free_all", &lib.free_all);
    if (!lib.trouble[0])
        ASSERT(lib.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

struct http_client *http_client_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_library);
    struct http_client *client = HEAP_NEW(struct http_client);
    if (lib.trouble[0])
        return client;
    client->curl = lib.init();
    ASSERT(client->curl);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    if (client->curl)
        lib.cleanup(client->curl);
    free(client);
}

/* --- What comes back ----------------------------------------------------- */

static int status_of(const struct asking *asking)
{
    long status = 0;
    lib.get(asking->client->curl, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct asking *asking = context;
    const struct http_client_request *request = asking->request;
    struct buffer *body = &asking->answer->body;
    const size_t len = size * count;
    if (request->sink && status_of(asking) < 400) {
        asking->is_stopped = !request->sink(request->context, data, len);
        return asking->is_stopped ? 0 : len;
    }
    buffer_add(body, data, len);
    return body->status == STATUS_OK ? len : 0;
}

/* The value behind "name:" if the line has that name. */
static bool header_is(Text line, Text name, Text *value)
{
    if (line.len <= name.len || line.data[name.len] != ':' ||
        strncasecmp(line.data, name.data, name.len) != 0)
        return false;
    size_t from = name.len + 1, end = line.len;
    while (from < end && (line.data[from] == ' ' || line.data[from] == '\t'))
        from++;
    while (end > from &&
           (line.data[end - 1] == ' ' || line.data[end - 1] == '\r' ||
            line.data[end - 1] == '\n'))
        end--;
    *value = (Text){line.data + from, end - from};
    return true;
}

static void copy_text(Text value, char *out, size_t room)
{
    const size_t len = value.len < room ? value.len : room - 1;
    memcpy(out, value.data, len);
    out[len] = '\0';
}

/* Seconds only; a date is none. */
static uint32_t read_seconds(Text value)
{
    uint32_t seconds = 0;
    for (size_t index = 0; index < value.len; index++) {
        const char digit = value.data[index];
        if (digit < '0' || digit > '9' || seconds > 100000000)
            return 0;
        seconds = 10 * seconds + (uint32_t)(digit - '0');
    }
    return seconds;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct asking *asking = context;
    struct http_client_answer *answer = asking->answer;
    const Text line = {data, size * count};
    Text value;
    if (header_is(line, TEXT("content-type"), &value))
        copy_text(value, answer->type, sizeof answer->type);
    else if (header_is(line, TEXT("location"), &value))
        copy_text(value, answer->location, sizeof answer->location);
    else if (header_is(line, TEXT("retry-after"), &value))
        answer->retry_after_s = read_seconds(value);
    return line.len;
}

/* --- What goes there ----------------------------------------------------- */

static size_t give_body(char *data, size_t size, size_t count, void *context)
{
    struct asking *asking = context;
    const struct http_client_request *request = asking->request;
    const long len = request->read(request->context, data, size * count);
    asking->is_stopped = len < 0;
    return len < 0 ? CURL_READFUNC_ABORT : (size_t)len;
}

static int ask_if_stopped(void *context, curl_off_t down_total,
                          curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    struct asking *asking = context;
    const struct http_client_request *request = asking->request;
    (void)down_total, (void)down, (void)up_total, (void)up;
    if (request->is_stopped && request->is_stopped(request->context))
        asking->is_stopped = true;
    return asking->is_stopped;
}

static bool has_header(const char *const *headers, const char *name)
{
    const size_t len = strlen(name);
    for (; headers && *headers; headers++)
        if (strncasecmp(*headers, name, len) == 0 && (*headers)[len] == ':')
            return true;
    return false;
}

static void add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = lib.append(*list, line);
    ASSERT(longer);
    *list = longer;
}

/* A body is of the type that the caller says, or of none. */
static struct curl_slist *make_headers(const struct http_client_request *from)
{
    struct curl_slist *list = NULL;
    for (size_t at = 0; from->headers && from->headers[at]; at++)
        add_header(&list, from->headers[at]);
    if (!has_header(from->headers, "content-type"))
        add_header(&list, "Content-Type:");
    return list;
}

/* Whoever asks this machine does not mean a proxy. */
static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host = strstr(url, "://");
    for (size_t at = 0; host && at < sizeof hosts / sizeof *hosts; at++) {
        const size_t len = strlen(hosts[at]);
        if (strncmp(host + 3, hosts[at], len) == 0 &&
            strchr(":/?", host[3 + len]))
            return true;
    }
    return false;
}

static void set_method(CURL *curl, const struct http_client_request *request)
{
    const bool is_head = strcmp(request->method, "HEAD") == 0;
    const bool has_body = request->body.len > 0 ||
                          strcmp(request->method, "POST") == 0 ||
                          strcmp(request->method, "PUT") == 0;
    if (request->read) {
        lib.set(curl, CURLOPT_UPLOAD, 1L);
        lib.set(curl, CURLOPT_INFILESIZE_LARGE,
                request->read_len > INT64_MAX ? (curl_off_t)-1
                                              : (curl_off_t)request->read_len);
    } else if (has_body) {
        lib.set(curl, CURLOPT_POST, 1L);
        lib.set(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                (curl_off_t)request->body.len);
        lib.set(curl, CURLOPT_POSTFIELDS,
                request->body.len > 0 ? (const char *)request->body.data : "");
    } else if (is_head) {
        lib.set(curl, CURLOPT_NOBODY, 1L);
    }
    if (!is_head)
        lib.set(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_options(struct asking *asking, struct curl_slist *headers)
{
    CURL *curl = asking->client->curl;
    const struct http_client_request *request = asking->request;
    lib.reset(curl);
    lib.set(curl, CURLOPT_ERRORBUFFER, asking->client->trouble);
    lib.set(curl, CURLOPT_NOSIGNAL, 1L);
    lib.set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    lib.set(curl, CURLOPT_URL, request->url);
    lib.set(curl, CURLOPT_USERAGENT, "ipvm");
    lib.set(curl, CURLOPT_HTTPHEADER, headers);
    lib.set(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    lib.set(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    lib.set(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    if (is_loopback(request->url))
        lib.set(curl, CURLOPT_NOPROXY, "*");
    // As every program that uses OpenSSL by itself.
    const char *authorities = getenv("SSL_CERT_FILE");
    if (authorities && *authorities)
        lib.set(curl, CURLOPT_CAINFO, authorities);
    lib.set(curl, CURLOPT_WRITEFUNCTION, take_body);
    lib.set(curl, CURLOPT_WRITEDATA, asking);
    lib.set(curl, CURLOPT_HEADERFUNCTION, take_header);
    lib.set(curl, CURLOPT_HEADERDATA, asking);
    lib.set(curl, CURLOPT_READFUNCTION, give_body);
    lib.set(curl, CURLOPT_READDATA, asking);
    lib.set(curl, CURLOPT_XFERINFOFUNCTION, ask_if_stopped);
    lib.set(curl, CURLOPT_XFERINFODATA, asking);
    lib.set(curl, CURLOPT_NOPROGRESS, 0L);
    set_method(curl, request);
}

static Status fail_asking(const struct asking *asking, CURLcode code,
                          struct error *err)
{
    const char *url = asking->request->url;
    const char *why =
        asking->client->trouble[0] ? asking->client->trouble : lib.words(code);
    if (asking->is_stopped)
        return fail(err, STATUS_CANCELLED, "stopped while asking %.100s", url);
    if (asking->answer->body.status != STATUS_OK)
        return buffer_status(&asking->answer->body, "the answer", err);
    // The library's own words are of many kinds: only the codes are told apart.
    switch ((int)code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return fail(err, STATUS_NOT_FOUND, "nobody answers at %.100s", url);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return fail(err, STATUS_INVALID,
                    "%.100s is not an address as http://HOST:PORT", url);
    case CURLE_OPERATION_TIMEDOUT:
        return fail(err, STATUS_IO, "%.100s takes too long to answer", url);
    default:
        return fail(err, STATUS_IO, "cannot ask %.80s: %.80s", url, why);
    }
}

Status http_client_ask(struct http_client *client,
                       const struct http_client_request *request,
                       struct http_client_answer *out, struct error *err)
{
    struct asking asking = {
        .client = client, .request = request, .answer = out};
    *out = (struct http_client_answer){0};
    buffer_init(&out->body, request->body_max ? request->body_max : BODY_MAX);
    if (!client->curl)
        return fail(err, STATUS_HOST,
                    "libcurl cannot be loaded: %.120s (Debian: libcurl4)",
                    lib.trouble);
    client->trouble[0] = '\0';
    struct curl_slist *headers = make_headers(request);
    set_options(&asking, headers);
    const CURLcode code = lib.perform(client->curl);
    out->status = status_of(&asking);
    lib.free_all(headers);
    return code == CURLE_OK ? STATUS_OK : fail_asking(&asking, code, err);
}
