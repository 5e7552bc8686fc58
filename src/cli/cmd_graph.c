/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_graph.c - `ipvm graph`: the dataflow as SVG or DOT, coloured by what the
 * memo knows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "cli/command.h"
#include "cli/layout.h"
#include "cli/output.h"
#include "cli/tables.h"
#include "ipld/dag_json.h"
#include "lib/handle.h"
#include "run/explain.h"

enum { GRAPH_OUTPUT, GRAPH_FORMAT };

static const struct option graph_options[] = {
    [GRAPH_OUTPUT] = {'o', "output", "FILE",
                      "where to; the ending .svg or .dot tells the format"},
    [GRAPH_FORMAT] = {'f', "format", "NAME",
                      "svg, dot or json (default: dot, with --json json)"},
    {0, NULL, NULL, NULL},
};

typedef enum { FORMAT_DOT, FORMAT_SVG, FORMAT_JSON } Format;

enum {
    BOX_WIDTH = 150,
    BOX_HEIGHT = 40,
    GAP_X = 70,
    GAP_Y = 16,
    MARGIN = 20,
    TASKS_DRAWN_MAX = 20000,
};
#define GRAPH_BYTES_MAX ((size_t)256 << 20)

/* XML text; also right inside DOT's quoted strings but for the quote. */
static void add_escaped(struct buffer *out, Text text)
{
    for (size_t index = 0; index < text.len; index++) {
        char at = text.data[index];
        if (at == '<')
            buffer_add_text(out, TEXT("&lt;"));
        else if (at == '>')
            buffer_add_text(out, TEXT("&gt;"));
        else if (at == '&')
            buffer_add_text(out, TEXT("&amp;"));
        else if (at == '"')
            buffer_add_text(out, TEXT("&quot;"));
        else if ((unsigned char)at >= 0x20)
            buffer_add_byte(out, (uint8_t)at);
    }
}

/* What a task does, in a word: its function, else its command. */
static Text what_it_does(const struct task *task)
{
    Text name = task_function(task);
    if (name.len == 0)
        name = task->cmd;
    const char *hash = memrchr(name.data, '#', name.len);
    if (hash)
        name = (Text){hash + 1, name.len - (size_t)(hash + 1 - name.data)};
    if (name.len > 22)
        name.len = 22;
    return name;
}

static const char *fill_of(const struct explained *task)
{
    switch (task->verdict) {
    case EXPLAIN_HIT_SYMBOLIC:
    case EXPLAIN_HIT_CONCRETE:
        return task->is_ok ? "#d7f0dc" : "#f8d7da";
    case EXPLAIN_UPSTREAM:
        return "#f8d7da";
    case EXPLAIN_WOULD_RUN:
    case EXPLAIN_WAITS:
        return "#e8eefc";
    case EXPLAIN_REFUSED:
        return "#f5c2c7";
    }
    return "#ffffff";
}

/* --- SVG ----------------------------------------------------------------- */

struct drawing {
    const struct workflow *workflow;
    const struct explanation *explanation;
    struct layout layout;
    struct buffer out;
};

static uint32_t x_of(const struct drawing *drawing, uint32_t task)
{
    return MARGIN + drawing->layout.places[task].layer * (BOX_WIDTH + GAP_X);
}

static uint32_t y_of(const struct drawing *drawing, uint32_t task)
{
    const struct place *place = &drawing->layout.places[task];
    uint32_t all = drawing->layout.slots_max;
    uint32_t mine = drawing->layout.layer_sizes[place->layer];
    return MARGIN + (all - mine) * (BOX_HEIGHT + GAP_Y) / 2 +
           place->slot * (BOX_HEIGHT + GAP_Y);
}

static void svg_edge(struct drawing *drawing, uint32_t from, uint32_t to,
                     Branch branch)
{
    uint32_t x1 = x_of(drawing, from) + BOX_WIDTH, x2 = x_of(drawing, to);
    uint32_t y1 = y_of(drawing, from) + BOX_HEIGHT / 2;
    uint32_t y2 = y_of(drawing, to) + BOX_HEIGHT / 2;
    buffer_format(&drawing->out,
                  "<path d=\"M%u %uC%u %u %u %u %u %u\" class=\"e%s\"/>\n", x1,
                  y1, x1 + GAP_X / 2, y1, x2 - GAP_X / 2, y2, x2, y2,
                  branch == BRANCH_OK ? "" : " other");
}

static void svg_box(struct drawing *drawing, uint32_t index)
{
    const struct task *task = &drawing->workflow->tasks[index];
    uint32_t x = x_of(drawing, index), y = y_of(drawing, index);
    Text label = task->label;
    if (label.len > 20)
        label.len = 20;
    buffer_format(&drawing->out, "<g><title>");
    add_escaped(&drawing->out, task->label);
    buffer_add_text(&drawing->out, TEXT(": "));
    add_escaped(&drawing->out,
                text_of(drawing->explanation->tasks[index].why));
    buffer_format(&drawing->out,
                  "</title><rect x=\"%u\" y=\"%u\" width=\"%d\" height=\"%d\" "
                  "rx=\"7\" fill=\"%s\"/>\n<text x=\"%u\" y=\"%u\" "
                  "class=\"l\">",
                  x, y, BOX_WIDTH, BOX_HEIGHT,
                  fill_of(&drawing->explanation->tasks[index]),
                  x + BOX_WIDTH / 2, y + 17);
    add_escaped(&drawing->out, label);
    buffer_format(&drawing->out, "</text>\n<text x=\"%u\" y=\"%u\">",
                  x + BOX_WIDTH / 2, y + 32);
    add_escaped(&drawing->out, what_it_does(task));
    buffer_add_text(&drawing->out, TEXT("</text></g>\n"));
}

static void draw_svg(struct drawing *drawing)
{
    const struct workflow *workflow = drawing->workflow;
    layout_init(&drawing->layout, workflow);
    uint32_t width =
        2 * MARGIN + drawing->layout.layer_count * (BOX_WIDTH + GAP_X) - GAP_X;
    uint32_t height =
        2 * MARGIN + drawing->layout.slots_max * (BOX_HEIGHT + GAP_Y) - GAP_Y;
    buffer_format(
        &drawing->out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
        "viewBox=\"0 0 %u %u\">\n<style>text{font:12px sans-serif;"
        "text-anchor:middle;fill:#555}.l{font-weight:600;fill:#111}"
        "rect{stroke:#8a94a6}.e{fill:none;stroke:#8a94a6;stroke-width:1.5;"
        "marker-end:url(#a)}.other{stroke-dasharray:4 3}</style>\n"
        "<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
        "markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">"
        "<path d=\"M0 0L8 4L0 8z\" fill=\"#8a94a6\"/></marker></defs>\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\" "
        "style=\"stroke:none\"/>\n",
        width, height, width, height);
    for (uint32_t index = 0; index < workflow->count; index++)
        for (uint32_t await = 0; await < workflow->tasks[index].await_count;
             await++) {
            const struct await *edge = &workflow->tasks[index].awaits[await];
            if (edge->task != TASK_OUTSIDE)
                svg_edge(drawing, edge->task, index, edge->branch);
        }
    for (uint32_t index = 0; index < workflow->count; index++)
        svg_box(drawing, index);
    buffer_add_text(&drawing->out, TEXT("</svg>\n"));
    layout_deinit(&drawing->layout);
}

/* --- DOT ----------------------------------------------------------------- */

static void draw_dot(struct drawing *drawing)
{
    const struct workflow *workflow = drawing->workflow;
    struct buffer *out = &drawing->out;
    buffer_add_text(out, TEXT("digraph workflow {\n  rankdir=LR;\n"
                              "  node [shape=box, style=\"rounded,filled\", "
                              "fontname=\"sans-serif\"];\n"));
    for (uint32_t index = 0; index < workflow->count; index++) {
        const struct task *task = &workflow->tasks[index];
        // Labels are of [A-Za-z0-9_.-]: nothing to escape.
        buffer_format(out, "  \"%.*s\" [fillcolor=\"%s\", label=\"%.*s\\n",
                      TEXT_ARG(task->label),
                      fill_of(&drawing->explanation->tasks[index]),
                      TEXT_ARG(task->label));
        add_escaped(out, what_it_does(task));
        buffer_add_text(out, TEXT("\"];\n"));
        for (uint32_t await = 0; await < task->await_count; await++) {
            uint32_t below = task->awaits[await].task;
            if (below != TASK_OUTSIDE)
                buffer_format(out, "  \"%.*s\" -> \"%.*s\"%s;\n",
                              TEXT_ARG(workflow->tasks[below].label),
                              TEXT_ARG(task->label),
                              task->awaits[await].branch == BRANCH_OK
                                  ? ""
                                  : " [style=dashed]");
        }
    }
    buffer_add_text(out, TEXT("}\n"));
}

/* --- JSON ---------------------------------------------------------------- */

static Value json_edge(struct arena *arena, const struct workflow *workflow,
                       uint32_t to, const struct await *await)
{
    static const char *const branches[] = {
        [BRANCH_OK] = "ok", [BRANCH_ERROR] = "error", [BRANCH_ANY] = "*"};
    struct value_entry entries[] = {
        {TEXT("await"), value_text(text_of(branches[await->branch]))},
        {TEXT("from"), value_text(workflow->tasks[await->task].label)},
        {TEXT("to"), value_text(workflow->tasks[to].label)},
    };
    return value_map(arena, entries, 3);
}

static Value json_node(struct arena *arena, const struct drawing *drawing,
                       uint32_t index)
{
    const struct task *task = &drawing->workflow->tasks[index];
    struct value_entry entries[] = {
        {TEXT("does"), value_text(what_it_does(task))},
        {TEXT("label"), value_text(task->label)},
        {TEXT("why"),
         value_text(text_of(drawing->explanation->tasks[index].why))},
    };
    return value_map(arena, entries, 3);
}

static void draw_json(struct drawing *drawing)
{
    const struct workflow *workflow = drawing->workflow;
    struct arena arena = {0};
    size_t edge_count = 0, edges_max = 0;
    for (uint32_t index = 0; index < workflow->count; index++)
        edges_max += workflow->tasks[index].await_count;
    Value *edges = arena_array(&arena, edges_max, sizeof *edges);
    Value *nodes = arena_array(&arena, workflow->count, sizeof *nodes);
    for (uint32_t index = 0; index < workflow->count; index++) {
        const struct task *task = &workflow->tasks[index];
        nodes[index] = json_node(&arena, drawing, index);
        for (uint32_t await = 0; await < task->await_count; await++)
            if (task->awaits[await].task != TASK_OUTSIDE)
                edges[edge_count++] =
                    json_edge(&arena, workflow, index, &task->awaits[await]);
    }
    struct value_entry entries[] = {
        {TEXT("edges"), value_list(edges, edge_count)},
        {TEXT("tasks"), value_list(nodes, workflow->count)},
    };
    Value whole = value_map(&arena, entries, 2);
    IGNORE(dag_json_encode(&whole, &drawing->out, NULL));
    buffer_add_byte(&drawing->out, '\n');
    arena_deinit(&arena);
}

static void draw(struct drawing *drawing, Format format)
{
    switch (format) {
    case FORMAT_SVG:
        draw_svg(drawing);
        break;
    case FORMAT_JSON:
        draw_json(drawing);
        break;
    case FORMAT_DOT:
        draw_dot(drawing);
        break;
    }
}

/* --- The command --------------------------------------------------------- */

static int read_format(struct cli *cli, Format *out)
{
    static const char *const names[] = {
        [FORMAT_DOT] = "dot", [FORMAT_SVG] = "svg", [FORMAT_JSON] = "json"};
    const char *format = cli_value(cli, GRAPH_FORMAT);
    const char *path = cli_value(cli, GRAPH_OUTPUT);
    *out = cli->json && !path ? FORMAT_JSON : FORMAT_DOT;
    if (path && text_ends_with(text_of(path), TEXT(".svg")))
        *out = FORMAT_SVG;
    if (path && text_ends_with(text_of(path), TEXT(".json")))
        *out = FORMAT_JSON;
    for (unsigned index = 0; format && index < 3; index++)
        if (strcmp(format, names[index]) == 0) {
            *out = (Format)index;
            return EXIT_OK;
        }
    if (!format)
        return EXIT_OK;
    return cli_error(cli, EXIT_USAGE,
                     "graph: --format: %s is not svg, dot or json", format);
}

static int write_drawing(struct cli *cli, const struct buffer *out)
{
    const char *path = cli_value(cli, GRAPH_OUTPUT);
    char temp[4096];
    if (out->status != STATUS_OK)
        return cli_error(cli, EXIT_INPUT, "graph: the picture is too large");
    if (!path || strcmp(path, "-") == 0) {
        fwrite(out->data, 1, out->len, stdout);
        return EXIT_OK;
    }
    snprintf(temp, sizeof temp, "%s.%d", path, (int)getpid());
    FILE *file = fopen(temp, "wxe");
    bool good = file && fwrite(out->data, 1, out->len, file) == out->len;
    good = file && fclose(file) == 0 && good;
    if (good && rename(temp, path) == 0)
        return EXIT_OK;
    int trouble = errno;
    unlink(temp);
    return cli_error(cli, EXIT_TROUBLE, "graph: cannot write %s: %s", path,
                     strerror(trouble));
}

int command_graph(struct cli *cli)
{
    ipvm_workflow *workflow;
    ipvm_error error;
    struct error err = {0};
    Format format;

    int code = read_format(cli, &format);
    if (code == EXIT_OK)
        code = cli_open(cli, NULL);
    if (code != EXIT_OK)
        return code;
    if (ipvm_workflow_load(cli->vm, cli->words[0], &workflow, &error) !=
        IPVM_OK)
        return cli_fail(cli, &error);
    struct drawing drawing = {.explanation = NULL};
    struct explanation *explanation = NULL;
    struct workflow *loaded = NULL;
    buffer_init(&drawing.out, GRAPH_BYTES_MAX);
    Status status = lib_workflow(workflow, &loaded, &err);
    if (status == STATUS_OK && format == FORMAT_SVG &&
        loaded->count > TASKS_DRAWN_MAX)
        status = fail(&err, STATUS_LIMIT,
                      "graph: %u tasks are too many for a picture (%d); try "
                      "--format dot",
                      loaded->count, TASKS_DRAWN_MAX);
    if (status == STATUS_OK)
        status = explain_workflow(cli->vm->store, loaded,
                                  text_of(workflow->remember_as), &explanation,
                                  &err);
    if (status != STATUS_OK) {
        code = cli_error(cli, EXIT_INPUT, "%s", err.message);
    } else {
        drawing.workflow = loaded;
        drawing.explanation = explanation;
        draw(&drawing, format);
        code = write_drawing(cli, &drawing.out);
    }
    explanation_free(explanation);
    buffer_deinit(&drawing.out);
    ipvm_workflow_free(workflow);
    return code;
}

const struct command graph_command = {
    .name = "graph",
    .synopsis = "WORKFLOW [-o FILE.svg]",
    .summary = "draw the dataflow as SVG or DOT",
    .description =
        "Draws the tasks of a workflow and what they await, coloured by what\n"
        "the memo knows: green has a result, blue would run, red failed.\n"
        "Dashed edges await an error.",
    .options = graph_options,
    .examples = "  ipvm graph photo.yaml -o photo.svg\n"
                "  ipvm graph photo.yaml | dot -Tpdf > photo.pdf\n",
    .run = command_graph,
    .words_min = 1,
    .words_max = 1,
};
