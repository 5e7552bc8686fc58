/* SPDX-License-Identifier: Apache-2.0 */
/* content_ask.h - in which form content is asked for: the Accept header and
 * the query of a path gateway (specs.ipfs.tech: path gateway, trustless
 * gateway, IPIP-402, IPIP-412, IPIP-523). Pure. Thread: any. */
#ifndef IPVM_HTTP_CONTENT_ASK_H
#define IPVM_HTTP_CONTENT_ASK_H

#include "http/entity_bytes.h"

typedef enum {
    FORM_PLAIN, /* a file's bytes; no form was named */
    FORM_RAW,   /* the block */
    FORM_CAR,
    FORM_DAG_JSON,
    FORM_DAG_CBOR,
    FORM_JSON,
    FORM_CBOR,
} ContentForm;
enum { CONTENT_FORMS = FORM_CBOR + 1 };

/* As ?format= names it, "" for plain; and its media type. */
Text content_form_name(ContentForm form);
Text content_form_type(ContentForm form);

typedef enum { SCOPE_ALL, SCOPE_ENTITY, SCOPE_BLOCK } DagScope;

/* What a request says; what it does not say is empty. */
struct content_words {
    Text accept; /* all Accept headers, joined by commas */
    Text format, dag_scope, entity_bytes;
    Text car_version, car_order, car_dups;
};

struct content_ask {
    ContentForm form;
    bool is_in_query; /* ?format= names it */
    /* Of a CAR. The order is always depth first. */
    bool dups;
    DagScope scope;
    bool has_bytes; /* scope is SCOPE_ENTITY then */
    struct entity_bytes bytes;
};

/* STATUS_INVALID: a parameter that is none (400). STATUS_UNSUPPORTED: a form
 * that is not to be had here (406). Says which. */
Status content_ask_read(const struct content_words *words,
                        struct content_ask *out, struct error *err);

#endif
