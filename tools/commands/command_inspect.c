/* limner inspect: what a model is, and what it would take to run it. */
#include "onnx/load/load.h"
#include "tools/cli/json.h"
#include "tools/cli/output.h"
#include "tools/commands/commands.h"
#include "tools/engine/census.h"
#include "tools/engine/machine.h"
#include "tools/engine/shapes.h"

#include <stddef.h>
#include <string.h>

struct inspect_settings {
    struct shape_list shapes;
    bool json, machine;
};
static const struct inspect_settings defaults;

/* All that is found out, before any of it is printed. */
struct inspect_findings {
    const char *path;
    struct onnx_model *model;
    struct census census;
    struct engine engine;
    bool runs;             /* the engine holds the model */
    struct error refusal;  /* why it does not */
    limner_tensor *inputs; /* of the plan */
    size_t input_count;
    bool planned;
    limner_plan_info plan;
    char no_plan[ERROR_MESSAGE_BYTES]; /* why there is none */
};

/* ---- finding out ---- */

static status find_plan(struct inspect_findings *found, const struct inspect_settings *settings, struct pool *pool,
                        struct error *err) {
    found->inputs = pool_array(pool, limner_model_input_count(found->engine.model) + 1, sizeof *found->inputs);
    if (!found->inputs)
        return fail_memory(err, "the inputs");
    char open[OPEN_TEXT_BYTES];
    const status code =
        shapes_resolve(&found->engine, &settings->shapes, found->inputs, &found->input_count, open, err);
    if (code)
        return code;
    if (open[0]) {
        snprintf(found->no_plan, sizeof found->no_plan, "%s", open);
        return STATUS_OK;
    }
    limner_error problem = {0};
    const limner_status planned =
        limner_session_plan(found->engine.session, found->inputs, found->input_count, &found->plan, &problem);
    if (planned == LIMNER_NO_MEMORY || (planned && settings->shapes.count))
        return engine_status(planned, &problem, err);
    if (planned)
        snprintf(found->no_plan, sizeof found->no_plan, "%s", problem.message);
    found->planned = !planned;
    return STATUS_OK;
}

static status find_all(struct inspect_findings *found, const struct inspect_settings *settings, struct pool *pool,
                       struct error *err) {
    static const struct engine_options automatic;
    status code = engine_load_onnx(found->path, &found->model, err);
    if (code)
        return code;
    code = census_take(found->model, pool, &found->census, err);
    if (code)
        return code;
    found->runs = !engine_take(&found->engine, found->model, found->path, &automatic, &found->refusal);
    if (found->refusal.code == STATUS_NO_MEMORY)
        return fail(err, STATUS_NO_MEMORY, "%s", found->refusal.message);
    return found->runs ? find_plan(found, settings, pool, err) : STATUS_OK;
}

/* ---- for people ---- */

static const char *domain_text(const char *domain) {
    return domain[0] ? domain : "ai.onnx";
}

static void print_type(const struct declared_type *type) {
    if (type->other) {
        char text[DECLARED_TEXT_BYTES];
        say(stdout, "%s", declared_text(type, text));
        return;
    }
    say(stdout, "%s", dtype_name(type->dtype));
    if (type->rank <= 0)
        printf(type->rank ? " of any shape" : " scalar");
    for (int d = 0; d < type->rank; d++) {
        const struct dim *dim = &type->dims[d];
        fputs(d ? "," : " [", stdout);
        if (dim->size >= 0)
            printf("%lld", (long long)dim->size);
        else
            say(stdout, "%s", dim->name ? dim->name : "?");
    }
    fputs(type->rank > 0 ? "]" : "", stdout);
}

static bool has_default(const struct value *value) {
    return value->initializer && value->is_input;
}

/* Old exporters list every weight as an input with a default: those are only counted. */
static void print_values(const char *title, const struct graph *graph, const int *values, int count) {
    int optional = 0;
    printf("%s\n", title);
    for (int i = 0; i < count; i++) {
        const struct value *value = &graph->values[values[i]];
        if (has_default(value)) {
            optional++;
            continue;
        }
        say(stdout, "  %s  ", value->name);
        print_type(&value->type);
        putchar('\n');
    }
    if (optional)
        printf("  and %d with a default (named by --json)\n", optional);
}

static void print_operators(const struct census *census) {
    printf("nodes        %zu\n", census->nodes);
    printf("operators    %zu\n", census->row_count);
    for (size_t i = 0; i < census->row_count; i++) {
        const struct census_row *row = &census->rows[i];
        say(stdout, "  %6zu  %s%s%s\n", row->count, row->domain, row->domain[0] ? "." : "", row->name);
    }
    if (!census->unsupported)
        return;
    printf("not supported by limner\n");
    for (size_t i = 0; i < census->row_count; i++) {
        const struct census_row *row = &census->rows[i];
        if (!row->supported)
            say(stdout, "  %6zu  %s of %s, opset %lld\n", row->count, row->name, domain_text(row->domain),
                (long long)row->opset);
    }
}

static void print_plan(const struct inspect_findings *found) {
    if (!found->planned) {
        say(stdout, "plan         none: %s\n", found->no_plan);
        return;
    }
    printf("plan         for");
    for (size_t i = 0; i < found->input_count; i++) {
        const struct tensor input = engine_view(&found->inputs[i]);
        char text[SHAPE_TEXT_BYTES];
        say(stdout, " %s %s", found->inputs[i].name, shape_text(&input.shape, text));
    }
    char size[SIZE_TEXT_BYTES];
    printf("\n  steps      %zu\n", found->plan.steps);
    if (found->plan.macs < 1e6)
        printf("  work       %.0f multiply-accumulates\n", found->plan.macs);
    else
        printf("  work       %.4g G multiply-accumulates (%.0f)\n", found->plan.macs / 1e9, found->plan.macs);
    printf("  memory     %s for activations", size_text(found->plan.arena_bytes, size));
    printf(", %s for packed weights\n", size_text(found->plan.weight_bytes, size));
}

static void print_people(const struct inspect_findings *found) {
    const struct onnx_model *model = found->model;
    char size[SIZE_TEXT_BYTES];
    say(stdout, "file         %s, %s\n", found->path, size_text(model->file_bytes, size));
    say(stdout, "producer     %s%s%s, IR version %lld\n", model->producer_name[0] ? model->producer_name : "unknown",
        model->producer_version[0] ? " " : "", model->producer_version, (long long)model->ir_version);
    printf("opsets      ");
    for (int i = 0; i < model->opset_count; i++)
        say(stdout, "%s %s %lld", i ? "," : "", domain_text(model->opsets[i].domain),
            (long long)model->opsets[i].version);
    putchar('\n');
    for (int i = 0; i < model->metadata_count; i++)
        say(stdout, "metadata     %s: %s\n", model->metadata[i].key, model->metadata[i].value);
    print_values("inputs", model->graph, model->graph->inputs, model->graph->input_count);
    print_values("outputs", model->graph, model->graph->outputs, model->graph->output_count);
    print_operators(&found->census);
    printf("parameters   %llu, %s\n", (unsigned long long)found->census.parameters,
           size_text(found->census.parameter_bytes, size));
    if (found->runs)
        print_plan(found);
    else
        say(stdout, "limner cannot run this model\n  %s\n", found->refusal.message);
}

/* ---- for programs ---- */

static void json_value(struct json *json, const struct value *value) {
    const struct declared_type *type = &value->type;
    json_object(json, NULL);
    json_text(json, "name", value->name);
    char text[DECLARED_TEXT_BYTES];
    json_text(json, "type", type->other ? declared_text(type, text) : dtype_name(type->dtype));
    if (type->rank < 0) {
        json_text(json, "dims", NULL);
    } else {
        json_array(json, "dims");
        for (int d = 0; d < type->rank; d++) {
            if (type->dims[d].size >= 0)
                json_integer(json, NULL, type->dims[d].size);
            else
                json_text(json, NULL, type->dims[d].name);
        }
        json_close(json, ']');
    }
    json_bool(json, "optional", has_default(value));
    json_close(json, '}');
}

static void json_values(struct json *json, const char *key, const struct graph *graph, const int *values, int count) {
    json_array(json, key);
    for (int i = 0; i < count; i++)
        json_value(json, &graph->values[values[i]]);
    json_close(json, ']');
}

static void json_header(struct json *json, const struct inspect_findings *found) {
    const struct onnx_model *model = found->model;
    json_text(json, "file", found->path);
    json_integer(json, "bytes", (int64_t)model->file_bytes);
    json_integer(json, "ir_version", model->ir_version);
    json_text(json, "producer", model->producer_name);
    json_text(json, "producer_version", model->producer_version);
    json_array(json, "opsets");
    for (int i = 0; i < model->opset_count; i++) {
        json_object(json, NULL);
        json_text(json, "domain", model->opsets[i].domain);
        json_integer(json, "version", model->opsets[i].version);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_object(json, "metadata");
    for (int i = 0; i < model->metadata_count; i++)
        json_text(json, model->metadata[i].key, model->metadata[i].value);
    json_close(json, '}');
}

static void json_census(struct json *json, const struct census *census) {
    json_integer(json, "nodes", (int64_t)census->nodes);
    json_array(json, "operators");
    for (size_t i = 0; i < census->row_count; i++) {
        const struct census_row *row = &census->rows[i];
        json_object(json, NULL);
        json_text(json, "domain", row->domain);
        json_text(json, "operator", row->name);
        json_integer(json, "opset", row->opset);
        json_integer(json, "count", (int64_t)row->count);
        json_bool(json, "supported", row->supported);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_integer(json, "unsupported", (int64_t)census->unsupported);
    json_integer(json, "parameters", (int64_t)census->parameters);
    json_integer(json, "parameter_bytes", (int64_t)census->parameter_bytes);
}

static void json_plan(struct json *json, const struct inspect_findings *found) {
    json_bool(json, "runs", found->runs);
    json_text(json, "refusal", found->runs ? NULL : found->refusal.message);
    if (!found->planned) {
        json_text(json, "plan", NULL);
        json_text(json, "no_plan", found->no_plan[0] ? found->no_plan : NULL);
        return;
    }
    json_object(json, "plan");
    json_shapes(json, "shapes", found->inputs, found->input_count);
    json_number(json, "macs", found->plan.macs, 0);
    json_integer(json, "arena_bytes", (int64_t)found->plan.arena_bytes);
    json_integer(json, "weight_bytes", (int64_t)found->plan.weight_bytes);
    json_integer(json, "steps", (int64_t)found->plan.steps);
    json_close(json, '}');
}

static void print_json(const struct inspect_findings *found) {
    struct json json = {stdout, false};
    const struct graph *graph = found->model->graph;
    json_object(&json, NULL);
    json_header(&json, found);
    json_values(&json, "inputs", graph, graph->inputs, graph->input_count);
    json_values(&json, "outputs", graph, graph->outputs, graph->output_count);
    json_census(&json, &found->census);
    json_plan(&json, found);
    json_close(&json, '}');
    putchar('\n');
}

/* ---- the command ---- */

static status inspect_model(const struct command_call *call, struct error *err) {
    const struct inspect_settings *settings = call->settings;
    struct inspect_findings *found = pool_alloc(call->pool, sizeof *found);
    if (!found)
        return fail_memory(err, "the model");
    found->path = call->arguments[0];
    found->plan.size = sizeof found->plan;
    progress("reading %s", found->path);
    const status code = find_all(found, settings, call->pool, err);
    progress_clear();
    if (!code && settings->json)
        print_json(found);
    else if (!code)
        print_people(found);
    if (!found->engine.model)
        onnx_close(found->model);
    engine_close(&found->engine);
    return code;
}

static status run(const struct command_call *call, bool *good, struct error *err) {
    (void)good;
    const struct inspect_settings *settings = call->settings;
    if (settings->machine && call->argument_count > 0)
        return fail(err, STATUS_USAGE, "--machine takes no MODEL");
    if (!settings->machine && call->argument_count == 0)
        return fail(err, STATUS_USAGE, "MODEL is missing (or --machine)");
    if (!settings->machine)
        return inspect_model(call, err);
    print_machine(settings->json);
    return STATUS_OK;
}

static const char *const arguments[] = {"[MODEL]", NULL};
static const struct command_option options[] = {
    {"shape", 0, "NAME=1x3x256x256",
     "plan for this size of the input NAME; without NAME=, of the first input that is not named; may be given for "
     "several inputs",
     set_shapes, offsetof(struct inspect_settings, shapes)},
    {"machine", 0, NULL,
     "show instead what this process may use: processors, memory, instruction set, with the limits of its container",
     set_flag, offsetof(struct inspect_settings, machine)},
    {"json", 0, NULL, "print one JSON object on one line", set_flag, offsetof(struct inspect_settings, json)},
    OPTIONS_END};

const struct command inspect_command = {
    .name = "inspect",
    .summary = "show what a model consists of and what it takes to run it",
    .arguments = arguments,
    .about =
        "Prints the model's versions, inputs, outputs, operators (naming every one that limner does not run) and "
        "parameters, and for a size of its inputs the multiply-accumulates and the memory of one run. Sizes come from "
        "--shape, else from the model; a free first size (the batch) is taken as 1. A name that one --shape settles "
        "holds for the other inputs, too. Models that limner cannot run can be inspected as well.",
    .examples = "  limner inspect generator.onnx --shape 1x3x256x256\n"
                "  limner inspect inpaint.onnx --shape rgb_edge=1x4x512x512 --json\n"
                "  limner inspect --machine\n",
    .options = options,
    .defaults = &defaults,
    .settings_size = sizeof defaults,
    .run = run,
};
