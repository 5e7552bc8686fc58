/* SPDX-License-Identifier: Apache-2.0 */
/* modules.c - what a module's functions take and give, for forms; and a call of
 * one as a job of one task. Both at the desk: an unknown module is described
 * by a worker first. */
#include "http/answered.h"
#include "http/at_desk.h"
#include "http/jobs.h"
#include "ipld/dag_json.h"
#include "wasm/description.h"

/* --- Types as JSON ------------------------------------------------------- */

static Value type_value(struct arena *arena, const struct wit_type *type);

static Value member_value(struct arena *arena, const struct wit_member *member)
{
    struct value_entry entries[2];
    size_t count = 0;
    if (member->name.len > 0)
        entries[count++] = (struct value_entry){
            TEXT("name"), value_text(arena_copy_text(arena, member->name))};
    if (member->type)
        entries[count++] = (struct value_entry){
            TEXT("type"), type_value(arena, member->type)};
    return value_map(arena, entries, count);
}

static Value members_value(struct arena *arena, const struct wit_type *type)
{
    Value *items = arena_array(arena, type->count, sizeof *items);
    for (uint32_t index = 0; index < type->count; index++)
        items[index] = member_value(arena, &type->members[index]);
    return value_list(items, type->count);
}

static Value result_value(struct arena *arena, const struct wit_type *type)
{
    struct value_entry entries[3] = {
        {TEXT("kind"), value_text(TEXT("result"))}};
    size_t count = 1;
    if (type->members[0].type)
        entries[count++] = (struct value_entry){
            TEXT("ok"), type_value(arena, type->members[0].type)};
    if (type->members[1].type)
        entries[count++] = (struct value_entry){
            TEXT("error"), type_value(arena, type->members[1].type)};
    return value_map(arena, entries, count);
}

/* {"kind": "list", "of": …}, {"kind": "record", "members": [{name, type}]},
 * {"kind": "u32"}. Types are at most WIT_DEPTH_MAX deep. */
static Value type_value(struct arena *arena, const struct wit_type *type)
{
    struct value_entry entries[3] = {
        {TEXT("kind"), value_text(text_of(wit_kind_name(type->kind)))}};
    size_t count = 1;
    if (type->kind == WIT_RESULT)
        return result_value(arena, type);
    if (type->kind == WIT_LIST || type->kind == WIT_OPTION)
        entries[count++] = (struct value_entry){
            TEXT("of"), type_value(arena, wit_element(type))};
    else if (wit_is_row(type) || type->kind == WIT_VARIANT ||
             type->kind == WIT_ENUM || type->kind == WIT_FLAGS)
        entries[count++] =
            (struct value_entry){TEXT("members"), members_value(arena, type)};
    if (type->refused.len > 0)
        entries[count++] = (struct value_entry){
            TEXT("refused"),
            value_text(arena_copy_text(arena, type->refused))};
    return value_map(arena, entries, count);
}

static Value function_value(struct arena *arena,
                            const struct description *description,
                            const struct wasm_function *function)
{
    struct value_entry entries[4] = {
        {TEXT("name"), value_text(arena_copy_text(arena, function->name))}};
    size_t count = 1;
    const bool is_typed = description->kind != GUEST_IPVM;
    entries[count++] =
        (struct value_entry){TEXT("typed"), value_bool(is_typed)};
    if (is_typed)
        entries[count++] = (struct value_entry){
            TEXT("params"), members_value(arena, function->params)};
    if (is_typed && function->result)
        entries[count++] = (struct value_entry){
            TEXT("result"), type_value(arena, function->result)};
    return value_map(arena, entries, count);
}

static Value description_value(struct arena *arena,
                               const struct description *description)
{
    static const Text kinds[] = {
        [GUEST_COMPONENT] = TEXT_INIT("component"),
        [GUEST_WIT] = TEXT_INIT("wit"),
        [GUEST_IPVM] = TEXT_INIT("ipvm"),
        [GUEST_CORE] = TEXT_INIT("core"),
    };
    const uint32_t functions = description->function_count;
    Value *items = arena_array(arena, functions, sizeof *items);
    for (uint32_t index = 0; index < functions; index++)
        items[index] =
            function_value(arena, description, &description->functions[index]);
    struct value_entry entries[4] = {
        {TEXT("kind"), value_text(kinds[description->kind])},
        {TEXT("functions"), value_list(items, functions)},
    };
    size_t count = 2;
    if (description->refused != END_NONE) {
        entries[count++] = (struct value_entry){
            TEXT("refused"), value_text(end_name(description->refused))};
        entries[count++] = (struct value_entry){
            TEXT("message"),
            value_text(arena_copy_text(arena, description->message))};
    }
    return value_map(arena, entries, count);
}

/* --- Describe ------------------------------------------------------------ */

struct describing {
    struct at_desk at_desk; /* first: see at_desk.h */
    Cid module;
    Status status;
    struct error err;
    Value value;
};

static void describe(struct desk_work *work, const struct loader *loader)
{
    struct describing *describing = (struct describing *)at_desk_of(work);
    struct arena *arena = &describing->at_desk.request->arena;
    struct description description;
    Bytes block = {NULL, 0};
    Status status = modules_describe(loader->modules, &describing->module,
                                     &block, &describing->err);
    if (status == STATUS_OK)
        status =
            description_decode(block, arena, &description, &describing->err);
    if (status == STATUS_OK)
        describing->value = description_value(arena, &description);
    describing->status = status;
}

static RequestStep respond_described(struct request *request)
{
    const struct describing *describing = request->state;
    if (describing->status == STATUS_NOT_FOUND)
        return respond_problem(request, 404, "module-not-found",
                               "this node has no such module");
    if (describing->status != STATUS_OK)
        return respond_failure(request, NULL, describing->status,
                               &describing->err);
    return respond_value(request, 200, &describing->value);
}

RequestStep modules_get(struct request *request)
{
    struct describing *describing =
        ARENA_NEW(&request->arena, struct describing);
    struct error err = {0};
    Text module;
    if (!request_query(request, "module", &module) ||
        cid_from_text(module, &describing->module, &err) != STATUS_OK)
        return respond_problem(request, 400, "bad-cid",
                               "module is the CID of a module");
    request->state = describing;
    return at_desk_ask(request, &describing->at_desk, describe,
                       respond_described);
}

/* --- Call ---------------------------------------------------------------- */

struct calling {
    struct answered answered; /* first: see answered.h */
    struct at_desk at_desk;
    const char *module, *function;
    const char **words;
    size_t word_count;
    struct submission *submission;
    Status status;
    struct error err;
};

static void forget_call(void *state)
{
    struct calling *calling = state;
    if (calling->submission)
        submission_free(calling->submission);
    job_wait_end(&calling->answered.wait);
}

static void make_call(struct desk_work *work, const struct loader *loader)
{
    struct calling *calling =
        (struct calling *)(void *)((char *)work -
                                   offsetof(struct calling, at_desk));
    struct request *request = calling->at_desk.request;
    static const struct call_options options;
    struct workflow *workflow = NULL;
    struct job_terms terms = {0};
    calling->status =
        load_call(loader, calling->module, calling->function, calling->words,
                  calling->word_count, &options, &workflow, &calling->err);
    if (calling->status != STATUS_OK)
        return;
    terms.workflow = workflow->cid;
    workflow_free(workflow);
    calling->status = gate_own_submission(node_gate(request->node), &terms,
                                          bytes_of(NULL, 0),
                                          &calling->submission, &calling->err);
}

static RequestStep give_call(struct request *request)
{
    struct calling *calling = request->state;
    struct submission *submission = calling->submission;
    if (calling->status == STATUS_NOT_FOUND)
        return respond_problem(request, 404, "module-not-found", "%s",
                               calling->err.message[0]
                                   ? calling->err.message
                                   : "this node has no such module");
    if (calling->status != STATUS_OK)
        return respond_failure(request, "bad-call", calling->status,
                               &calling->err);
    calling->submission = NULL;
    return answered_give(request, submission);
}

/* False: it has answered. */
static bool read_call(struct request *request, struct calling *calling)
{
    struct arena *arena = &request->arena;
    Value body;
    const Status status = dag_json_decode(buffer_bytes(&request->body), arena,
                                          &body, &calling->err);
    if (status != STATUS_OK) {
        respond_failure(request, "bad-json", status, &calling->err);
        return false;
    }
    const Value *module = value_get(&body, TEXT("module"));
    const Value *function = value_get(&body, TEXT("function"));
    const Value *words = value_get(&body, TEXT("words"));
    bool is_good = module && module->kind == VALUE_LINK && function &&
                   function->kind == VALUE_TEXT && words &&
                   words->kind == VALUE_LIST;
    for (size_t index = 0; is_good && index < words->list.count; index++)
        is_good = words->list.items[index].kind == VALUE_TEXT;
    if (!is_good) {
        respond_problem(request, 400, "bad-call",
                        "a call is {\"module\": link, \"function\": text, "
                        "\"words\": [text]}");
        return false;
    }
    calling->module =
        arena_copy_text(arena, cid_bytes_to_text(module->link, arena)).data;
    calling->function = arena_copy_text(arena, function->text).data;
    calling->word_count = words->list.count;
    calling->words =
        arena_array(arena, words->list.count, sizeof *calling->words);
    for (size_t index = 0; index < words->list.count; index++)
        calling->words[index] =
            arena_copy_text(arena, words->list.items[index].text).data;
    return true;
}

RequestStep modules_call(struct request *request)
{
    struct calling *calling = ARENA_NEW(&request->arena, struct calling);
    if (!request->principal.is_owner)
        return respond_problem(request, 403, "denied",
                               "only the owner calls by a word; others submit "
                               "an invocation of /workflow/run");
    if (!job_wait_read(request, &calling->answered.wait) ||
        !read_call(request, calling))
        return REQUEST_DONE;
    request->state = calling;
    request->forget = forget_call;
    return at_desk_ask(request, &calling->at_desk, make_call, give_call);
}
