#include "runtime/program/support.h"

#include "onnx/model.h"
#include "ops/core/op_facts.h"
#include "ops/registry.h"
#include "runtime/program/program.h"
#include "runtime/program/program_graph.h"
#include "runtime/program/types.h"
#include "runtime/program/types_subgraph.h"

#include <stdlib.h>
#include <string.h>

#define MAX_GROUPS 64   /* different unsupported operators that the message names */
#define MAX_PROBLEMS 16 /* other problems that it spells out */

/* Nodes of one unsupported operator. */
struct unsupported_nodes {
    const struct node *first;
    int opset; /* 0: no version is known; else the operator is, but not this version of it */
    int nodes;
    const char *path;
};

/* Nodes that cannot run for one reason. */
struct node_problem {
    const char *where, *what; /* the first node, and the reason */
    int nodes;
};

struct support_survey {
    const struct onnx_model *model;
    struct pool *pool;
    const struct graph *graph;
    enum dtype *types; /* of its values */
    const char *path;  /* to it: "", or 'If "x": then_branch: ' */
    void *params;
    size_t params_bytes;
    struct unsupported_nodes groups[MAX_GROUPS];
    int group_count, further_groups_nodes;
    struct node_problem problems[MAX_PROBLEMS]; /* other problems */
    int problem_count, further_problem_nodes, problem_nodes;
    status problem_code;
};

static const char *domain_prefix(const struct node *node) {
    return node->domain[0] ? ":" : "";
}

static void survey_group(struct support_survey *survey, const struct node *node, int opset) {
    for (int i = 0; i < survey->group_count; i++) {
        struct unsupported_nodes *group = &survey->groups[i];
        if (strcmp(group->first->op_type, node->op_type) == 0 && strcmp(group->first->domain, node->domain) == 0) {
            group->nodes++;
            return;
        }
    }
    if (survey->group_count == MAX_GROUPS)
        survey->further_groups_nodes++;
    else
        survey->groups[survey->group_count++] = (struct unsupported_nodes){node, opset, 1, survey->path};
}

static struct node_problem *find_problem(struct support_survey *survey, const char *what) {
    for (int i = 0; i < survey->problem_count; i++)
        if (strcmp(survey->problems[i].what, what) == 0)
            return &survey->problems[i];
    return NULL;
}

/* One reason is said once, however many nodes have it. */
static status survey_problem(struct support_survey *survey, const struct node *node, const struct error *problem,
                             struct error *err) {
    struct node_problem *known = find_problem(survey, problem->message);
    survey->problem_nodes++;
    if (survey->problem_code != STATUS_UNSUPPORTED)
        survey->problem_code = problem->code;
    if (known) {
        known->nodes++;
        return STATUS_OK;
    }
    if (survey->problem_count == MAX_PROBLEMS) {
        survey->further_problem_nodes++;
        return STATUS_OK;
    }
    const char *label = program_label(survey->pool, survey->graph, node);
    known = &survey->problems[survey->problem_count++];
    known->where = pool_format(survey->pool, "%s%s", survey->path, label ? label : node->op_type);
    known->what = pool_string(survey->pool, problem->message, strlen(problem->message));
    known->nodes = 1;
    return known->where && known->what ? STATUS_OK : fail_memory(err, "a node");
}

static bool survey_params(struct support_survey *survey, const struct op *op) {
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

/* ---- subgraphs ---- */

static status survey_graph(struct support_survey *survey, struct error *err);

/* The survey goes into the subgraph and comes back. */
static status survey_body(struct support_survey *survey, const struct node *node, const struct op_control *control,
                          int body, const struct op_mapping *mapping, struct error *err) {
    const struct support_survey around = *survey;
    const struct types_scope outer = {survey->model, survey->pool, survey->graph, survey->types};
    const char *label = program_label(survey->pool, survey->graph, node);
    struct types_scope inner;
    if (!label)
        return fail_memory(err, "a subgraph");
    if (types_enter(&outer, node, control, body, mapping, &inner, err) != STATUS_OK)
        return err->code;
    survey->graph = inner.graph;
    survey->types = inner.types;
    survey->path = pool_format(survey->pool, "%s%s: %s: ", around.path, label, control->bodies[body]);
    const status code = survey->path ? survey_graph(survey, err) : fail_memory(err, "a subgraph");
    survey->graph = around.graph;
    survey->types = around.types;
    survey->path = around.path;
    if (code == STATUS_OK)
        types_leave(&outer, node, mapping, &inner);
    return code;
}

/* The call was parsed; its params are gone afterwards. */
static status survey_bodies(struct support_survey *survey, const struct op_call *call, struct error *err) {
    const struct op_control *control = op_facts(call->op)->control;
    struct op_mapping mapping;
    if (!control)
        return STATUS_OK;
    control->map(call, &mapping);
    for (int i = 0; control->bodies[i]; i++)
        if (program_subgraph(call->node, control->bodies[i]) &&
            survey_body(survey, call->node, control, i, &mapping, err) != STATUS_OK)
            return err->code;
    return STATUS_OK;
}

/* ---- subgraphs of nodes that cannot run themselves: what is missing in them, too ---- */

static status survey_names(struct support_survey *survey, const struct node *node, struct error *err);

static status survey_names_of(struct support_survey *survey, const struct node *node, const char *name,
                              const struct graph *graph, struct error *err) {
    const struct support_survey around = *survey;
    const char *label = program_label(survey->pool, survey->graph, node);
    survey->path = pool_format(survey->pool, "%s%s: %s: ", around.path, label ? label : node->op_type, name);
    survey->graph = graph;
    status code = survey->path ? STATUS_OK : fail_memory(err, "a subgraph");
    for (int i = 0; code == STATUS_OK && i < graph->node_count; i++) {
        const struct node *inner = &graph->nodes[i];
        const int opset = program_opset(survey->model, inner);
        if (!op_find(inner->domain, inner->op_type, opset))
            survey_group(survey, inner, op_find_any(inner->domain, inner->op_type) ? opset : 0);
        code = survey_names(survey, inner, err);
    }
    survey->path = around.path;
    survey->graph = around.graph;
    return code;
}

static status survey_names(struct support_survey *survey, const struct node *node, struct error *err) {
    status code = STATUS_OK;
    for (int i = 0; code == STATUS_OK && i < node->attribute_count; i++) {
        const struct attribute *attribute = &node->attributes[i];
        if (attribute->type == ATTRIBUTE_GRAPH && attribute->graph)
            code = survey_names_of(survey, node, attribute->name, attribute->graph, err);
        for (size_t k = 0; code == STATUS_OK && attribute->type == ATTRIBUTE_GRAPHS && k < attribute->count; k++)
            code = survey_names_of(survey, node, attribute->name, attribute->graphs[k], err);
    }
    return code;
}

/* ---- nodes ---- */

static status survey_node(struct support_survey *survey, const struct node *node, struct error *err) {
    const bool internal = strcmp(node->domain, INTERNAL_DOMAIN) == 0;
    const int opset = program_opset(survey->model, node);
    const struct op *op = internal ? NULL : op_find(node->domain, node->op_type, opset);
    if (!op) {
        survey_group(survey, node, !internal && op_find_any(node->domain, node->op_type) ? opset : 0);
        return survey_names(survey, node, err);
    }
    if (!survey_params(survey, op))
        return fail_memory(err, "a node");
    struct error problem = {0};
    if (program_parse(node, op, opset, survey->params, &problem) == STATUS_NO_MEMORY)
        return fail_memory(err, "a node");
    if (problem.code != STATUS_OK && survey_problem(survey, node, &problem, err) != STATUS_OK)
        return err->code;
    const struct op_call call = {
        .op = op, .node = node, .opset = opset, .params = problem.code == STATUS_OK ? survey->params : NULL};
    if (types_step(&call, survey->types, &problem) != STATUS_OK &&
        survey_problem(survey, node, &problem, err) != STATUS_OK)
        return err->code;
    return call.params ? survey_bodies(survey, &call, err) : survey_names(survey, node, err);
}

static void say_group(struct error *err, const struct unsupported_nodes *group) {
    const struct node *node = group->first;
    error_append(err, "%.60s%s%.60s (", node->domain, domain_prefix(node), node->op_type);
    if (group->opset)
        error_append(err, "opset %d; ", group->opset);
    error_append(err, group->nodes == 1 ? "%d node" : "%d nodes, first", group->nodes);
    if (node->name && node->name[0])
        error_append(err, " \"%.80s\"", node->name);
    else
        error_append(err, " without a name");
    if (group->path[0])
        error_append(err, " in %.*s", (int)strlen(group->path) - 2, group->path);
    error_append(err, ")");
}

static void say_groups(const struct support_survey *survey, struct error *err) {
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
    if (!op_all_built())
        error_append(
            err, ". This library was built with chosen operators alone (make OPERATORS=...); limner ops lists them");
}

/* What was found, as one message. */
static status survey_result(const struct support_survey *survey, struct error *err) {
    if (survey->group_count > 0)
        say_groups(survey, err);
    if (survey->problem_count == 0)
        return survey->group_count > 0 ? err->code : STATUS_OK;
    if (survey->group_count > 0)
        error_append(err, "; ");
    else
        fail(err, survey->problem_code, "%s", "");
    if (survey->problem_nodes > 1)
        error_append(err, "%d nodes cannot run: ", survey->problem_nodes);
    for (int i = 0; i < survey->problem_count; i++) {
        const struct node_problem *problem = &survey->problems[i];
        error_append(err, "%s%s", i > 0 ? "; " : "", problem->where);
        if (problem->nodes > 1)
            error_append(err, " and %d more", problem->nodes - 1);
        error_append(err, ": %s", problem->what);
    }
    if (survey->further_problem_nodes > 0)
        error_append(err, "; and %d more", survey->further_problem_nodes);
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

/* Inputs and outputs of a kind that no operator makes or takes. */
static status check_ports(const struct graph *graph, struct error *err) {
    for (int i = 0; i < graph->input_count + graph->output_count; i++) {
        const bool input = i < graph->input_count;
        const struct value *value = &graph->values[input ? graph->inputs[i] : graph->outputs[i - graph->input_count]];
        if (value->type.other && !dtype_is_boxed(value->type.dtype))
            return fail(err, STATUS_UNSUPPORTED,
                        "%s \"%s\" is a %s, only tensors, sequences, optionals and maps are supported",
                        input ? "input" : "output", value->name, value->type.other);
    }
    return STATUS_OK;
}

/* What the nodes make, as far as it can be told without shapes, against what the file says that its outputs are. */
static status check_output_types(const struct support_survey *survey, struct error *err) {
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

static status survey_graph(struct support_survey *survey, struct error *err) {
    if (check_ports(survey->graph, err) != STATUS_OK)
        return survey->path[0] ? fail_prefix(err, "%.*s", (int)strlen(survey->path) - 2, survey->path) : err->code;
    for (int i = 0; i < survey->graph->node_count; i++)
        if (survey_node(survey, &survey->graph->nodes[i], err) != STATUS_OK)
            return err->code;
    return STATUS_OK;
}

status support_check(const struct onnx_model *model, const struct graph *graph, struct error *err) {
    struct support_survey *survey = calloc(1, sizeof *survey);
    struct pool *pool = pool_create();
    enum dtype *types = calloc((size_t)graph->value_count + 1, sizeof *types);
    status code = survey && pool && types ? check_opset(model, graph, err) : fail_memory(err, "the check of the nodes");
    if (code != STATUS_OK)
        goto done;
    survey->model = model;
    survey->pool = pool;
    survey->graph = graph;
    survey->types = types;
    survey->path = "";
    types_start(graph, types);
    code = survey_graph(survey, err);
    if (code == STATUS_OK)
        code = survey_result(survey, err);
    if (code == STATUS_OK)
        code = check_output_types(survey, err);
done:
    if (survey)
        free(survey->params);
    free(types);
    pool_destroy(pool);
    free(survey);
    return code;
}
