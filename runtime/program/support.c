#include "runtime/program/support.h"

#include "onnx/model.h"
#include "ops/core/attributes.h"
#include "ops/core/op_infer.h"
#include "ops/registry.h"
#include "runtime/program/program.h"
#include "runtime/program/types.h"

#include <stdlib.h>
#include <string.h>

#define MAX_GROUPS 64   /* different unsupported operators that the message names */
#define MAX_PROBLEMS 16 /* other problems that it spells out */

/* Nodes of one unsupported operator. */
struct group {
    const struct node *first;
    int opset; /* 0: no version is known; else the operator is, but not this version of it */
    int nodes;
};

struct survey {
    const struct onnx_model *model;
    const struct graph *graph;
    enum dtype *types;
    void *params;
    size_t params_bytes;
    struct group groups[MAX_GROUPS];
    int group_count, further_groups_nodes;
    struct error problems; /* other problems, joined */
    int problem_count;
};

#define MOST_SHOWN 64 /* arguments of a node; what lies beyond is of the kind of the last one */

/* The arguments that are there, as tensors of which nothing is known. */
static int show_present(struct tensor *shown[MOST_SHOWN], const int *values, int count) {
    static struct tensor present = {.bytes = 1};
    const int most = count < MOST_SHOWN ? count : MOST_SHOWN;
    for (int i = 0; i < most; i++)
        shown[i] = values[i] == NO_VALUE ? NULL : &present;
    return most;
}

status support_parse(const struct node *node, const struct op *op, int opset, void *params, struct error *err) {
    struct tensor *inputs[MOST_SHOWN], *outputs[MOST_SHOWN];
    const struct op_call call = {.op = op,
                                 .node = node,
                                 .opset = opset,
                                 .params = params,
                                 .input_count = show_present(inputs, node->inputs, node->input_count),
                                 .inputs = (const struct tensor *const *)inputs,
                                 .output_count = show_present(outputs, node->outputs, node->output_count),
                                 .outputs = outputs};
    const status code = op_parse(&call, params, err);
    return code == STATUS_OK ? op_check_counts(&call, err) : code;
}

static const char *domain_prefix(const struct node *node) {
    return node->domain[0] ? ":" : "";
}

static void survey_group(struct survey *survey, const struct node *node, int opset) {
    for (int i = 0; i < survey->group_count; i++) {
        struct group *group = &survey->groups[i];
        if (strcmp(group->first->op_type, node->op_type) == 0 && strcmp(group->first->domain, node->domain) == 0) {
            group->nodes++;
            return;
        }
    }
    if (survey->group_count == MAX_GROUPS)
        survey->further_groups_nodes++;
    else
        survey->groups[survey->group_count++] = (struct group){node, opset, 1};
}

static void survey_problem(struct survey *survey, const struct node *node, const struct error *problem) {
    if (survey->problem_count++ >= MAX_PROBLEMS)
        return;
    struct pool *pool = pool_create();
    const char *label = pool ? program_label(pool, survey->graph, node) : NULL;
    if (survey->problems.code != STATUS_UNSUPPORTED)
        survey->problems.code = problem->code;
    error_append(&survey->problems, "%s%s: %s", survey->problem_count > 1 ? "; " : "", label ? label : node->op_type,
                 problem->message);
    pool_destroy(pool);
}

static bool survey_params(struct survey *survey, const struct op *op) {
    if (op->params_size >= survey->params_bytes) {
        void *grown = realloc(survey->params, op->params_size + 1);
        if (!grown)
            return false;
        survey->params = grown;
        survey->params_bytes = op->params_size + 1;
    }
    memset(survey->params, 0, op->params_size + 1);
    return true;
}

static status survey_node(struct survey *survey, const struct node *node, struct error *err) {
    const bool internal = strcmp(node->domain, INTERNAL_DOMAIN) == 0;
    const int opset = program_opset(survey->model, node);
    const struct op *op = internal ? NULL : op_find(node->domain, node->op_type, opset);
    if (!op) {
        survey_group(survey, node, !internal && op_find_any(node->domain, node->op_type) ? opset : 0);
        return STATUS_OK;
    }
    if (!survey_params(survey, op))
        return fail_memory(err, "a node");
    struct error problem = {0};
    if (support_parse(node, op, opset, survey->params, &problem) == STATUS_NO_MEMORY)
        return fail_memory(err, "a node");
    if (problem.code != STATUS_OK)
        survey_problem(survey, node, &problem);
    const struct op_call call = {
        .op = op, .node = node, .opset = opset, .params = problem.code == STATUS_OK ? survey->params : NULL};
    if (types_step(&call, survey->types, &problem) != STATUS_OK)
        survey_problem(survey, node, &problem);
    return STATUS_OK;
}

static void say_group(struct error *err, const struct group *group) {
    const struct node *node = group->first;
    error_append(err, "%.60s%s%.60s (", node->domain, domain_prefix(node), node->op_type);
    if (group->opset)
        error_append(err, "opset %d; ", group->opset);
    error_append(err, group->nodes == 1 ? "%d node" : "%d nodes, first", group->nodes);
    if (node->name && node->name[0])
        error_append(err, " \"%.80s\"", node->name);
    else
        error_append(err, " without a name");
    error_append(err, ")");
}

static void say_groups(const struct survey *survey, struct error *err) {
    const int count = survey->group_count;
    fail(err, STATUS_UNSUPPORTED,
         count == 1 ? "%d operator is not supported: " : "%d operators are not supported: ", count);
    for (int i = 0; i < count; i++) {
        if (i > 0)
            error_append(err, ", ");
        say_group(err, &survey->groups[i]);
    }
    if (survey->further_groups_nodes > 0)
        error_append(err, ", and those of %d further nodes", survey->further_groups_nodes);
}

/* What was found, as one message. */
static status survey_result(const struct survey *survey, struct error *err) {
    if (survey->group_count > 0)
        say_groups(survey, err);
    if (survey->problem_count == 0)
        return survey->group_count > 0 ? err->code : STATUS_OK;
    if (survey->group_count > 0)
        error_append(err, "; ");
    else
        fail(err, survey->problems.code, "%s", "");
    if (survey->problem_count > 1)
        error_append(err, "%d nodes cannot run: ", survey->problem_count);
    error_append(err, "%s", survey->problems.message);
    if (survey->problem_count > MAX_PROBLEMS)
        error_append(err, "; and %d more", survey->problem_count - MAX_PROBLEMS);
    return err->code;
}

static bool uses_domain(const struct graph *graph, const char *domain) {
    for (int i = 0; i < graph->node_count; i++)
        if (strcmp(graph->nodes[i].domain, domain) == 0)
            return true;
    return false;
}

static status check_opset(const struct onnx_model *model, const struct graph *graph, struct error *err) {
    if (!uses_domain(graph, ""))
        return STATUS_OK;
    const long long version = onnx_opset(model, "");
    if (version == 0)
        return fail(err, STATUS_INVALID_MODEL, "the model does not say which version of ONNX's operator set it uses");
    if (version < OPSET_OLDEST || version > OPSET_NEWEST)
        return fail(err, STATUS_UNSUPPORTED, "the model uses ONNX operator set %lld; %d to %d are supported", version,
                    OPSET_OLDEST, OPSET_NEWEST);
    return STATUS_OK;
}

/* Inputs and outputs that are no tensors. */
static status check_ports(const struct graph *graph, struct error *err) {
    for (int i = 0; i < graph->input_count + graph->output_count; i++) {
        const bool input = i < graph->input_count;
        const struct value *value = &graph->values[input ? graph->inputs[i] : graph->outputs[i - graph->input_count]];
        if (value->type.other)
            return fail(err, STATUS_UNSUPPORTED, "%s \"%s\" is a %s, only tensors are supported",
                        input ? "input" : "output", value->name, value->type.other);
        if (input && value->type.dtype == DTYPE_STRING)
            return fail(err, STATUS_UNSUPPORTED, "input \"%s\" is a string tensor, which a run cannot be given",
                        value->name);
    }
    return STATUS_OK;
}

/* What the nodes make, as far as it can be told without shapes, against what the file says that its outputs are. */
static status check_output_types(const struct survey *survey, struct error *err) {
    for (int i = 0; i < survey->graph->output_count; i++) {
        const int output = survey->graph->outputs[i];
        const struct value *value = &survey->graph->values[output];
        if (support_output_type(value, survey->types[output], err) != STATUS_OK)
            return err->code;
    }
    return STATUS_OK;
}

status support_output_type(const struct value *output, enum dtype made, struct error *err) {
    const enum dtype declared = output->type.dtype;
    if (declared == DTYPE_UNDEFINED || made == DTYPE_UNDEFINED || declared == made)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_MODEL, "output \"%.200s\" is declared as %s, but what makes it gives %s",
                output->name, dtype_name(declared), dtype_name(made));
}

status support_check(const struct onnx_model *model, const struct graph *graph, struct error *err) {
    struct survey *survey = calloc(1, sizeof *survey);
    status code = check_opset(model, graph, err);
    if (code == STATUS_OK)
        code = check_ports(graph, err);
    if (code != STATUS_OK)
        goto done;
    if (!survey || !(survey->types = calloc((size_t)graph->value_count + 1, sizeof *survey->types))) {
        code = fail_memory(err, "the check of the nodes");
        goto done;
    }
    survey->model = model;
    survey->graph = graph;
    types_start(graph, survey->types);
    for (int i = 0; code == STATUS_OK && i < graph->node_count; i++)
        code = survey_node(survey, &graph->nodes[i], err);
    if (code == STATUS_OK)
        code = survey_result(survey, err);
    if (code == STATUS_OK)
        code = check_output_types(survey, err);
done:
    if (survey) {
        free(survey->types);
        free(survey->params);
    }
    free(survey);
    return code;
}
