/* SPDX-License-Identifier: Apache-2.0 */
/* content_ask.c - of the media types in Accept, the form with the highest
 * weight wins, of equal ones the first; but a form by its name always before
 * what stands for anything. Other types, such as those that browsers send, are
 * for a file to have or not, and mean the plain form. */
#include "http/content_ask.h"

#include "http/url.h"

struct form {
    Text name, type;
};

static const struct form forms[CONTENT_FORMS] = {
    [FORM_PLAIN] = {TEXT_INIT(""), TEXT_INIT("application/octet-stream")},
    [FORM_RAW] = {TEXT_INIT("raw"), TEXT_INIT("application/vnd.ipld.raw")},
    [FORM_CAR] = {TEXT_INIT("car"), TEXT_INIT("application/vnd.ipld.car")},
    [FORM_DAG_JSON] = {TEXT_INIT("dag-json"),
                       TEXT_INIT("application/vnd.ipld.dag-json")},
    [FORM_DAG_CBOR] = {TEXT_INIT("dag-cbor"),
                       TEXT_INIT("application/vnd.ipld.dag-cbor")},
    [FORM_JSON] = {TEXT_INIT("json"), TEXT_INIT("application/json")},
    [FORM_CBOR] = {TEXT_INIT("cbor"), TEXT_INIT("application/cbor")},
};

Text content_form_name(ContentForm form)
{
    return forms[form].name;
}

Text content_form_type(ContentForm form)
{
    return forms[form].type;
}

/* --- Lists with quotes ---------------------------------------------------- */

/* Takes what stands before the next `mark` that is not quoted off `rest`;
 * false: nothing is left. */
static bool next_part(Text *rest, char mark, Text *out)
{
    bool is_quoted = false;
    size_t at = 0;
    if (!rest->data)
        return false;
    for (; at < rest->len; at++) {
        const char byte = rest->data[at];
        if (byte == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && byte == '\\' && at + 1 < rest->len)
            at++;
        else if (!is_quoted && byte == mark)
            break;
    }
    *out = text_trim((Text){rest->data, at});
    *rest = at < rest->len ? (Text){rest->data + at + 1, rest->len - at - 1}
                           : (Text){NULL, 0};
    return true;
}

/* NAME=VALUE, the value perhaps in quotes. */
static Text read_parameter(Text parameter, Text *name)
{
    Text value = parameter;
    *name = (Text){NULL, 0};
    if (!next_part(&value, '=', name) || !value.data)
        return (Text){"", 0};
    value = text_trim(value);
    if (value.len >= 2 && value.data[0] == '"' &&
        value.data[value.len - 1] == '"')
        value = (Text){value.data + 1, value.len - 2};
    return value;
}

/* A weight in thousandths: 0, 0.5, 1.000; -1: it is none. */
static int read_weight(Text text)
{
    int weight = 0, unit = 1000;
    if (text.len == 0 || text.len > 5 ||
        (text.data[0] != '0' && text.data[0] != '1') ||
        (text.len > 1 && text.data[1] != '.'))
        return -1;
    for (size_t index = 0; index < text.len; index++) {
        if (index == 1)
            continue;
        if (text.data[index] < '0' || text.data[index] > '9')
            return -1;
        weight += (text.data[index] - '0') * unit;
        unit /= 10;
    }
    return weight <= 1000 ? weight : -1;
}

/* --- The parameters of a CAR ---------------------------------------------- */

/* How a CAR is wanted; empty: no matter. */
struct car_words {
    Text version, order, dups;
};

enum { SHOWN_MAX = 20 }; /* bytes of a wrong word in a message */

static Status fail_word(Status status, const char *what, Text word,
                        const char *known, struct error *err)
{
    if (word.len > SHOWN_MAX)
        word.len = SHOWN_MAX;
    return fail(err, status, "%s \"%.*s\" is not known here, only %s", what,
                TEXT_ARG(word), known);
}

static Text either(Text first, Text second)
{
    return first.len > 0 ? first : second;
}

/* What Accept says, but the query says it first. */
static struct car_words with_query(const struct content_words *words,
                                   struct car_words accept)
{
    return (struct car_words){either(words->car_version, accept.version),
                              either(words->car_order, accept.order),
                              either(words->car_dups, accept.dups)};
}

static bool is_one_of(Text word, const char *one, const char *other)
{
    return word.len == 0 || text_equal(word, text_of(one)) ||
           text_equal(word, text_of(other));
}

static Status check_car(const struct car_words *car, struct error *err)
{
    if (!is_one_of(car->version, "1", "1"))
        return fail_word(STATUS_UNSUPPORTED, "the CAR version", car->version,
                         "1", err);
    if (!is_one_of(car->order, "dfs", "unk"))
        return fail_word(STATUS_UNSUPPORTED, "the CAR order", car->order,
                         "dfs (and unk, which dfs is an answer to)", err);
    if (!is_one_of(car->dups, "y", "n"))
        return fail_word(STATUS_UNSUPPORTED, "the CAR parameter dups",
                         car->dups, "y and n", err);
    return STATUS_OK;
}

/* --- Accept --------------------------------------------------------------- */

/* One media type of the list. */
struct wish {
    Text type;
    int weight;
    struct car_words car;
};

static void read_wish(Text part, struct wish *out)
{
    Text parameter, name;
    *out = (struct wish){.weight = 1000};
    if (!next_part(&part, ';', &out->type))
        return;
    while (next_part(&part, ';', &parameter)) {
        const Text value = read_parameter(parameter, &name);
        if (equal_lower(name, TEXT("q")))
            out->weight = read_weight(value);
        else if (equal_lower(name, TEXT("version")))
            out->car.version = value;
        else if (equal_lower(name, TEXT("order")))
            out->car.order = value;
        else if (equal_lower(name, TEXT("dups")))
            out->car.dups = value;
    }
}

/* False: a form of gateways that is not to be had here. */
static bool form_of_type(Text type, ContentForm *out)
{
    for (int form = FORM_RAW; form < CONTENT_FORMS; form++)
        if (equal_lower(type, forms[form].type)) {
            *out = (ContentForm)form;
            return true;
        }
    *out = FORM_PLAIN;
    return !equal_lower(type, TEXT("application/x-tar")) &&
           !equal_lower(type, TEXT("application/vnd.ipfs.ipns-record"));
}

/* What was found in the list so far. */
struct choice {
    ContentForm form; /* the best by its name, or FORM_PLAIN */
    int weight;       /* its own; 0: there is none */
    int plain_weight;
    struct car_words car; /* the best of a CAR, whatever the form */
    int car_weight;
    bool is_refused; /* something cannot be had here: see the error */
};

static void weigh(struct choice *choice, const struct wish *wish,
                  const struct content_words *words, struct error *err)
{
    ContentForm form;
    if (wish->type.len == 0 || wish->weight <= 0)
        return;
    if (!form_of_type(wish->type, &form)) {
        choice->is_refused = true;
        IGNORE(fail_word(STATUS_UNSUPPORTED, "the media type", wish->type,
                         "raw, car, dag-json, dag-cbor, json and cbor", err));
        return;
    }
    if (form == FORM_PLAIN) {
        if (wish->weight > choice->plain_weight)
            choice->plain_weight = wish->weight;
        return;
    }
    if (form == FORM_CAR) {
        const struct car_words car = with_query(words, wish->car);
        if (check_car(&car, err) != STATUS_OK) {
            choice->is_refused = true;
            return;
        }
        if (wish->weight > choice->car_weight) {
            choice->car_weight = wish->weight;
            choice->car = car;
        }
    }
    if (wish->weight > choice->weight) {
        choice->weight = wish->weight;
        choice->form = form;
    }
}

/* --- The whole ------------------------------------------------------------ */

static Status read_name(Text name, ContentForm *out, struct error *err)
{
    for (int form = FORM_RAW; form < CONTENT_FORMS; form++)
        if (text_equal(name, forms[form].name)) {
            *out = (ContentForm)form;
            return STATUS_OK;
        }
    return fail_word(text_equal(name, TEXT("tar")) ? STATUS_UNSUPPORTED
                                                   : STATUS_INVALID,
                     "the format", name,
                     "raw, car, dag-json, dag-cbor, json and cbor", err);
}

static Status read_scope(const struct content_words *words,
                         struct content_ask *out, struct error *err)
{
    const Text scope = words->dag_scope;
    if (scope.len == 0 || text_equal(scope, TEXT("all")))
        out->scope = SCOPE_ALL;
    else if (text_equal(scope, TEXT("entity")))
        out->scope = SCOPE_ENTITY;
    else if (text_equal(scope, TEXT("block")))
        out->scope = SCOPE_BLOCK;
    else
        return fail_word(STATUS_INVALID, "dag-scope", scope,
                         "block, entity and all", err);
    if (words->entity_bytes.len == 0)
        return STATUS_OK;
    TRY(entity_bytes_read(words->entity_bytes, &out->bytes, err));
    // A block is a block, whatever its bytes are.
    out->has_bytes = out->scope != SCOPE_BLOCK;
    if (out->has_bytes)
        out->scope = SCOPE_ENTITY;
    return STATUS_OK;
}

static Status choose(const struct content_words *words, struct choice *choice,
                     struct content_ask *out, struct error *err)
{
    Text rest = words->accept, part;
    struct wish wish;
    struct error refused = {0};
    while (rest.len > 0 && next_part(&rest, ',', &part)) {
        read_wish(part, &wish);
        weigh(choice, &wish, words, &refused);
    }
    if (words->format.len > 0) {
        out->is_in_query = true;
        return read_name(words->format, &out->form, err);
    }
    if (choice->weight > 0 && choice->weight >= choice->plain_weight) {
        out->form = choice->form;
    } else if (choice->is_refused && choice->plain_weight == 0) {
        if (err)
            *err = refused;
        return STATUS_UNSUPPORTED;
    }
    return STATUS_OK;
}

Status content_ask_read(const struct content_words *words,
                        struct content_ask *out, struct error *err)
{
    struct choice choice = {.form = FORM_PLAIN};
    *out = (struct content_ask){.form = FORM_PLAIN};
    TRY(choose(words, &choice, out, err));
    if (out->form != FORM_CAR)
        return STATUS_OK;
    if (choice.car_weight == 0)
        choice.car = with_query(words, choice.car);
    TRY(check_car(&choice.car, err));
    out->dups = text_equal(choice.car.dups, TEXT("y"));
    return read_scope(words, out, err);
}
