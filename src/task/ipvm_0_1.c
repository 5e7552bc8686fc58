/* SPDX-License-Identifier: Apache-2.0 */
/* ipvm_0_1.c - from {"ipvm/workflow": {…, "tasks": {"run": {label: {with, do,
 * inputs, meta}}}}} to a workflow of ours. */
#include "task/ipvm_0_1.h"

#include "task/computation.h"
#include "task/foreign.h"
#include "task/reserved.h"
#include "task/workflow_parts.h"

struct envelope {
    const struct manifest_host *host;
    struct arena *arena;
    struct limits defaults;
};

void ipvm_0_1_cid(Bytes bytes, Cid *out)
{
    // No DAG-CBOR map begins as JSON does.
    bool cbor = bytes.len > 0 && bytes.data[0] >= 0xa0;

    cid_of(cbor ? CODEC_DAG_CBOR : CODEC_DAG_JSON, bytes, out);
}

/* --- Configuration ------------------------------------------------------- */

struct unit {
    Text name;
    double factor;
};

static double find_unit(const struct unit *units, size_t count, Text name)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(units[i].name, name))
            return units[i].factor;
    return 0;
}

static const struct unit scales[] = {
    {TEXT_INIT("nano"), 1e-9},    {TEXT_INIT("micro"), 1e-6},
    {TEXT_INIT("milli"), 1e-3},   {TEXT_INIT("kilo"), 1e3},
    {TEXT_INIT("mega"), 1e6},     {TEXT_INIT("giga"), 1e9},
    {TEXT_INIT("tera"), 1e12},    {TEXT_INIT("kibi"), 1024},
    {TEXT_INIT("mebi"), 1048576}, {TEXT_INIT("gibi"), 1073741824},
};
static const struct unit times[] = {
    /* in ms */
    {TEXT_INIT("seconds"), 1e3},
    {TEXT_INIT("minutes"), 6e4},
    {TEXT_INIT("hours"), 3.6e6},
    {TEXT_INIT("days"), 8.64e7},
};
static const struct unit sizes[] = {
    {TEXT_INIT("bits"), 0.125},
    {TEXT_INIT("bytes"), 1},
};

/* [number, unit] or [number, scale, unit]; rounded up to a whole. */
static Status read_units(const Value *value, const struct unit *units,
                         size_t count, Text what, uint64_t *out,
                         struct error *err)
{
    const Value *items = value->kind == VALUE_LIST ? value->list.items : NULL;
    size_t len = items ? value->list.count : 0;
    double number = 0, factor = 0;

    if (len >= 2 && items[0].kind == VALUE_INT && !items[0].negative)
        number = (double)items[0].magnitude;
    else if (len >= 2 && items[0].kind == VALUE_FLOAT)
        number = items[0].number;
    if ((len == 2 || len == 3) && items[len - 1].kind == VALUE_TEXT)
        factor = find_unit(units, count, items[len - 1].text);
    if (len == 3)
        factor *= items[1].kind == VALUE_TEXT
                      ? find_unit(scales, sizeof scales / sizeof *scales,
                                  items[1].text)
                      : 0;
    number *= factor;
    if (!(number > 0 && number < 9e18))
        return fail(err, STATUS_INVALID,
                    "'%.*s' must be a number above zero with its unit, such "
                    "as %s",
                    TEXT_ARG(what),
                    units == times ? "[400, \"milli\", \"seconds\"]"
                                   : "[10, \"mega\", \"bytes\"]");
    *out = (uint64_t)number;
    // 0.4 + 0.2 is no reason for another millisecond.
    if (number - (double)*out > 1e-6)
        ++*out;
    return STATUS_OK;
}

static Status read_gas(const Value *value, uint64_t *out, struct error *err)
{
    int64_t gas;

    if (!value_to_int64(value, &gas) || gas < 0)
        return fail(err, STATUS_INVALID,
                    "'gas' must be an integer, not negative");
    *out = (uint64_t)gas;
    return STATUS_OK;
}

static Status read_config(const Value *config, struct limits *out,
                          struct error *err)
{
    const Value *time = value_get(config, TEXT("time"));
    const Value *memory = value_get(config, TEXT("memory"));
    const Value *gas = value_get(config, TEXT("gas"));
    const Value *secret = value_get(config, TEXT("secret"));

    if (config->kind != VALUE_MAP)
        return fail(err, STATUS_INVALID, "the configuration must be a map");
    if (secret && secret->kind == VALUE_BOOL && secret->boolean)
        return fail(err, STATUS_UNSUPPORTED,
                    "'secret' tasks are not supported: results are stored "
                    "under their hash");
    if (time)
        TRY(read_units(time, times, sizeof times / sizeof *times, TEXT("time"),
                       &out->time_ms, err));
    if (memory)
        TRY(read_units(memory, sizes, sizeof sizes / sizeof *sizes,
                       TEXT("memory"), &out->memory, err));
    return gas ? read_gas(gas, &out->fuel, err) : STATUS_OK;
}

/* --- Tasks --------------------------------------------------------------- */

/* {"ucan/promise": ["/", label]} becomes {"await/ok": label}. */
static Status rewrite_promise(void *context, const Value *map, Value *out,
                              struct error *err)
{
    struct envelope *envelope = context;
    const Value *path = value_get(map, TEXT("ucan/promise"));

    if (!path || map->map.count != 1)
        return STATUS_NOT_FOUND;
    if (path->kind != VALUE_LIST || path->list.count != 2 ||
        path->list.items[0].kind != VALUE_TEXT ||
        !text_equal(path->list.items[0].text, TEXT("/")) ||
        path->list.items[1].kind != VALUE_TEXT)
        return fail(err, STATUS_INVALID,
                    "a promise must be [\"/\", label]: other workflows cannot "
                    "be awaited");
    *out = promise_make(envelope->arena, BRANCH_OK, path->list.items[1]);
    return STATUS_OK;
}

/* "wasm:1:CID", "wasm:CID", "ipfs://CID" or "/ipfs/CID". */
static Status read_module(Text uri, Cid *out, struct error *err)
{
    Text rest = uri;

    if (text_starts_with(rest, TEXT("wasm:")))
        rest = (Text){rest.data + 5, rest.len - 5};
    if (text_starts_with(rest, TEXT("1:")))
        rest = (Text){rest.data + 2, rest.len - 2};
    Status status = cid_from_text(rest, out, err);
    return status == STATUS_OK
               ? status
               : fail_in(err, status, "'with' must name a Wasm module");
}

static Status convert_wasm(struct envelope *envelope, Text with,
                           const Value *inputs, struct task_draft *draft,
                           struct error *err)
{
    const struct manifest_host *host = envelope->host;
    const Value *function = value_get(inputs, TEXT("func"));
    const Value *args = value_get(inputs, TEXT("args"));
    Cid *cid = ARENA_NEW(envelope->arena, Cid);

    TRY(read_module(with, cid, err));
    if (!function || function->kind != VALUE_TEXT || !args ||
        args->kind != VALUE_LIST || inputs->map.count != 2)
        return fail(err, STATUS_INVALID,
                    "'inputs' of Wasm must hold the text 'func' and the list "
                    "'args'");
    Text name = function->text;
    if (host->function)
        TRY(host->function(host->context, cid, function->text, false,
                           envelope->arena, &name, err));
    Value module = value_link(cid);
    draft->cmd = TEXT("/wasm/run");
    draft->args = wasm_call_args(envelope->arena, &module, name, args, false);
    return STATUS_OK;
}

/* Any other ability is a command with its resource as an argument. */
static void convert_effect(struct envelope *envelope, Text with, Text ability,
                           const Value *inputs, struct task_draft *draft)
{
    const struct value_entry entries[] = {
        {TEXT("with"), value_text(with)},
        {TEXT("inputs"), *inputs},
    };

    draft->cmd = arena_format(envelope->arena, "/%.*s", TEXT_ARG(ability));
    draft->args = value_map(envelope->arena, entries, 2);
}

static const Value *task_config(const Value *task)
{
    const Value *meta = value_get(task, TEXT("meta"));
    const Value *config = meta ? value_get(meta, TEXT("ipvm/config")) : NULL;

    return config ? config : value_get(task, TEXT("ipvm/config"));
}

static Status convert_task(struct envelope *envelope, const Value *task,
                           struct task_draft *draft, struct error *err)
{
    const Value *with = value_get(task, TEXT("with"));
    const Value *ability = value_get(task, TEXT("do"));
    const Value *inputs = value_get(task, TEXT("inputs"));
    const Value *config = task_config(task);
    Value rewritten;

    if (!with || with->kind != VALUE_TEXT || !ability ||
        ability->kind != VALUE_TEXT || !inputs)
        return fail(err, STATUS_INVALID,
                    "a task needs the texts 'with' and 'do', and 'inputs'");
    draft->limits = envelope->defaults;
    if (config)
        TRY(read_config(config, &draft->limits, err));
    TRY(foreign_rewrite(inputs, rewrite_promise, envelope, envelope->arena,
                        &rewritten, err));
    if (text_equal(ability->text, TEXT("ipvm/run")) ||
        text_equal(ability->text, TEXT("wasm/run")))
        return convert_wasm(envelope, with->text, &rewritten, draft, err);
    convert_effect(envelope, with->text, ability->text, &rewritten, draft);
    return STATUS_OK;
}

/* --- The envelope -------------------------------------------------------- */

/* `tasks` holds the UCAN invocation, as it is or under its tag. */
static const Value *find_tasks(const Value *body)
{
    const Value *tasks = value_get(body, TEXT("tasks"));
    const Value *tagged = tasks ? value_get(tasks, TEXT("ucan/invoke")) : NULL;
    const Value *run =
        tasks ? value_get(tagged ? tagged : tasks, TEXT("run")) : NULL;

    return run && run->kind == VALUE_MAP ? run : NULL;
}

static void read_name(const Value *body, struct workflow *workflow)
{
    const Value *meta = value_get(body, TEXT("meta"));
    const Value *name = meta ? value_get(meta, TEXT("name")) : NULL;

    if (name && name->kind == VALUE_TEXT)
        workflow->name = name->text;
}

static Status read_body(struct envelope *envelope, const Value *body,
                        struct store *memo, struct workflow *workflow,
                        struct error *err)
{
    static const Text configs[] = {TEXT_INIT("config"), TEXT_INIT("global"),
                                   TEXT_INIT("defaults")};
    const Value *version = value_get(body, TEXT("v"));
    const Value *run = find_tasks(body);

    if (!version || version->kind != VALUE_TEXT ||
        !text_equal(version->text, TEXT("0.1.0")))
        return fail(err, STATUS_UNSUPPORTED, "'v' must be \"0.1.0\"");
    if (!run)
        return fail(err, STATUS_INVALID,
                    "'tasks' must hold the map 'run' of labels to tasks");
    for (size_t i = 0; i < 3; i++) {
        const Value *config = value_get(body, configs[i]);
        if (config)
            TRY(read_config(config, &envelope->defaults, err));
    }
    size_t count = run->map.count;
    struct task_draft *drafts =
        arena_array(envelope->arena, count, sizeof *drafts);
    for (size_t i = 0; i < count; i++) {
        const struct value_entry *entry = &run->map.entries[i];
        drafts[i].label = entry->key;
        Status status = convert_task(envelope, &entry->value, &drafts[i], err);
        if (status != STATUS_OK)
            return fail_in(err, status, "task '%.*s'", LABEL_ARG(entry->key));
    }
    read_name(body, workflow);
    return workflow_finish(workflow, drafts, count, NULL, 0, memo, err);
}

Status ipvm_0_1_read(Bytes bytes, const struct manifest_host *host,
                     struct store *memo, struct workflow **out,
                     struct error *err)
{
    struct workflow *workflow = workflow_new();
    struct envelope envelope = {.host = host, .arena = &workflow->arena};
    Value value;

    // The workflow outlives the caller's bytes.
    Bytes kept = arena_copy_bytes(&workflow->arena, bytes);
    Status status = foreign_decode(kept, &workflow->arena, &value, err);
    if (status == STATUS_OK) {
        const Value *body = value_get(&value, TEXT("ipvm/workflow"));
        status = body && body->kind == VALUE_MAP
                     ? read_body(&envelope, body, memo, workflow, err)
                     : fail(err, STATUS_INVALID,
                            "not an IPVM 0.1.0 workflow: expected the map "
                            "'ipvm/workflow'");
    }
    if (status != STATUS_OK) {
        workflow_free(workflow);
        return status;
    }
    *out = workflow;
    return STATUS_OK;
}
