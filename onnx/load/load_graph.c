#include "onnx/load/load_graph.h"

#include "onnx/graph_sort.h"
#include "onnx/load/load_attribute.h"
#include "onnx/load/load_function.h"
#include "onnx/load/load_scope.h"
#include "onnx/load/load_sparse.h"
#include "onnx/load/load_tensor.h"
#include "onnx/load/load_type.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TITLE_BYTES 512

/* `Conv "enc.0"`, or `Conv that makes "x"` when the node has no name. */
static const char *node_title(const Onnx__NodeProto *node, char text[TITLE_BYTES]) {
    const char *output = "";
    for (size_t i = 0; i < node->n_output && !*output; i++)
        output = node->output[i];
    const bool named = node->name && *node->name;
    snprintf(text, TITLE_BYTES, "%.100s %s" QUOTED, load_or_empty(node->op_type), named ? "" : "that makes ",
             named ? node->name : output);
    return text;
}

static status fail_node(struct loader *loader, const Onnx__NodeProto *node) {
    char title[TITLE_BYTES];
    return fail_prefix(loader->err, "%s", node_title(node, title));
}

status load_count_node(struct loader *loader) {
    if (++loader->nodes > loader->limits.nodes)
        return fail(loader->err, STATUS_LIMIT,
                    "the model has more than %zu nodes, its functions expanded (limit nodes)", loader->limits.nodes);
    return load_check_memory(loader);
}

status load_add_node(struct loader *loader, struct scope *scope, const struct node *node) {
    const int index = graph_add_node(scope->graph, loader->pool, node);
    return index >= 0 ? STATUS_OK : fail_memory(loader->err, "a node");
}

/* ---- nodes ---- */

/* Whether the name is an output of the function whose body this scope is, and the caller wants that output: *index. */
static bool is_wanted_output(const struct scope *scope, const char *name, int *index) {
    const struct instance *instance = scope->instance;
    if (!instance || scope->outer)
        return false;
    const int position = names_find(&instance->function->outputs, name);
    if (position < 0 || position >= instance->output_count || instance->outputs[position] == NO_VALUE)
        return false;
    *index = instance->outputs[position];
    return names_find(&scope->names, name) == NAME_ABSENT;
}

static status define_output(struct loader *loader, struct scope *scope, const char *name) {
    int index;
    if (!is_wanted_output(scope, name, &index))
        return scope_define(loader, scope, name, &index);
    return names_put(&scope->names, name, index) ? STATUS_OK : fail_memory(loader->err, "a name");
}

status load_node_outputs(struct loader *loader, struct scope *scope, size_t count, Onnx__NodeProto *const *nodes) {
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < nodes[i]->n_output; j++) {
            if (!*nodes[i]->output[j])
                continue;
            if (define_output(loader, scope, nodes[i]->output[j]) != STATUS_OK)
                return fail_node(loader, nodes[i]);
        }
    return STATUS_OK;
}

status load_edges(struct loader *loader, struct scope *scope, const char *what, size_t count, char *const *names,
                  int **out) {
    *out = pool_array(loader->pool, count, sizeof **out);
    if (!*out)
        return fail_memory(loader->err, "a node");
    for (size_t i = 0; i < count; i++) {
        int index = NO_VALUE;
        const status result = *names[i] ? scope_find(loader, scope, names[i], &index) : STATUS_OK;
        if (result != STATUS_OK)
            return result;
        if (index == NAME_ABSENT)
            return fail(loader->err, STATUS_INVALID_MODEL, "%s %zu " QUOTED " is no input, initializer or node output",
                        what, i, names[i]);
        (*out)[i] = index;
    }
    return STATUS_OK;
}

static status load_node_texts(struct loader *loader, const struct scope *scope, const Onnx__NodeProto *proto,
                              struct node *node) {
    status result = load_string(loader, proto->name, &node->name);
    if (result == STATUS_OK && scope->instance) {
        const char *own = *node->name ? node->name : load_or_empty(proto->op_type);
        node->name = pool_format(loader->pool, "%s/%s", scope->instance->prefix, own);
        result = node->name ? STATUS_OK : fail_memory(loader->err, "a node");
    }
    if (result == STATUS_OK)
        result = load_string(loader, proto->op_type, &node->op_type);
    if (result == STATUS_OK)
        result = load_string(loader, domain_canonical(load_or_empty(proto->domain)), &node->domain);
    if (result == STATUS_OK)
        result = load_string(loader, proto->overload, &node->overload);
    if (result == STATUS_OK)
        result = load_doc(loader, proto->doc_string, &node->doc);
    if (result == STATUS_OK)
        result = load_metadata(loader, proto->n_metadata_props, proto->metadata_props, &node->metadata,
                               &node->metadata_count);
    return result;
}

static status load_plain_node(struct loader *loader, struct scope *scope, const Onnx__NodeProto *proto) {
    struct node node = {.input_count = (int)proto->n_input, .output_count = (int)proto->n_output};
    status result = load_node_texts(loader, scope, proto, &node);
    if (result == STATUS_OK)
        result = load_opset_unsaid(loader, node.domain);
    if (result == STATUS_OK) {
        node.opset = load_function_opset(loader, scope, node.domain);
        result = load_edges(loader, scope, "input", proto->n_input, proto->input, &node.inputs);
    }
    if (result == STATUS_OK)
        result = load_edges(loader, scope, "output", proto->n_output, proto->output, &node.outputs);
    if (result == STATUS_OK)
        result = load_attributes(loader, scope, proto, &node.attributes, &node.attribute_count);
    return result == STATUS_OK ? load_add_node(loader, scope, &node) : result;
}

static status load_node(struct loader *loader, struct scope *scope, const Onnx__NodeProto *proto) {
    struct function *function = NULL;
    status result = load_count_node(loader);
    if (result == STATUS_OK && (!proto->op_type || !*proto->op_type))
        result = fail(loader->err, STATUS_INVALID_MODEL, "the node has no op_type");
    if (result == STATUS_OK)
        result = load_find_function(loader, proto, &function);
    if (result != STATUS_OK)
        return result;
    return function ? load_call(loader, scope, proto, function) : load_plain_node(loader, scope, proto);
}

status load_nodes(struct loader *loader, struct scope *scope, size_t count, Onnx__NodeProto *const *nodes) {
    for (size_t i = 0; i < count; i++)
        if (load_node(loader, scope, nodes[i]) != STATUS_OK)
            return fail_node(loader, nodes[i]);
    return STATUS_OK;
}

/* ---- inputs, initializers, outputs ---- */

static status declare(struct loader *loader, const Onnx__ValueInfoProto *proto, struct value *value) {
    const bool undeclared = value->type.dtype == DTYPE_UNDEFINED && value->type.rank < 0 && !value->type.other;
    status result = undeclared ? load_type(loader, proto->type, &value->type) : STATUS_OK;
    if (result == STATUS_OK && !value->doc)
        result = load_doc(loader, proto->doc_string, &value->doc);
    return result == STATUS_OK ? result : fail_prefix(loader->err, "value " QUOTED, load_or_empty(proto->name));
}

static status check_named(struct loader *loader, const char *name, const char *what, size_t i) {
    return name && *name ? STATUS_OK : fail(loader->err, STATUS_INVALID_MODEL, "%s %zu has no name", what, i);
}

static status load_inputs(struct loader *loader, struct scope *scope, const Onnx__GraphProto *proto) {
    struct graph *graph = scope->graph;
    graph->inputs = pool_array(loader->pool, proto->n_input, sizeof *graph->inputs);
    if (!graph->inputs)
        return fail_memory(loader->err, "the graph's inputs");
    for (size_t i = 0; i < proto->n_input; i++) {
        int index = NO_VALUE;
        status result = check_named(loader, proto->input[i]->name, "graph input", i);
        if (result == STATUS_OK)
            result = scope_define(loader, scope, proto->input[i]->name, &index);
        if (result == STATUS_OK)
            result = declare(loader, proto->input[i], &graph->values[index]);
        if (result != STATUS_OK)
            return result;
        graph->values[index].is_input = true;
        graph->inputs[graph->input_count++] = index;
    }
    return STATUS_OK;
}

/* The value that an initializer belongs to: an input that has none yet, or a new one. */
static status initializer_value(struct loader *loader, struct scope *scope, const char *name, int *index) {
    *index = names_find(&scope->names, name);
    if (*index == NAME_ABSENT)
        return scope_define(loader, scope, name, index);
    if (scope->graph->values[*index].initializer)
        return fail(loader->err, STATUS_INVALID_MODEL, "is defined twice");
    return STATUS_OK;
}

static status attach_initializer(struct loader *loader, struct scope *scope, const char *name,
                                 const struct tensor *tensor) {
    int index = NO_VALUE;
    const status result = initializer_value(loader, scope, name, &index);
    if (result != STATUS_OK)
        return result;
    struct value *value = &scope->graph->values[index];
    if (value->type.dtype != DTYPE_UNDEFINED && value->type.dtype != tensor->dtype)
        return fail(loader->err, STATUS_INVALID_MODEL,
                    "has elements of type %s, its input of the same name is declared with %s",
                    dtype_name(tensor->dtype), dtype_name(value->type.dtype));
    value->initializer = tensor;
    return STATUS_OK;
}

static status load_initializers(struct loader *loader, struct scope *scope, const Onnx__GraphProto *proto) {
    struct tensor *tensors = pool_array(loader->pool, proto->n_initializer, sizeof *tensors);
    if (!tensors)
        return fail_memory(loader->err, "initializers");
    for (size_t i = 0; i < proto->n_initializer; i++) {
        const char *name = proto->initializer[i]->name;
        status result = check_named(loader, name, "initializer", i);
        if (result != STATUS_OK)
            return result;
        result = load_tensor(loader, proto->initializer[i], &tensors[i]);
        if (result == STATUS_OK)
            result = attach_initializer(loader, scope, name, &tensors[i]);
        if (result != STATUS_OK)
            return fail_prefix(loader->err, "initializer " QUOTED, name);
    }
    return STATUS_OK;
}

static status load_sparse_initializers(struct loader *loader, struct scope *scope, const Onnx__GraphProto *proto) {
    struct tensor *tensors = pool_array(loader->pool, proto->n_sparse_initializer, sizeof *tensors);
    if (!tensors)
        return fail_memory(loader->err, "initializers");
    for (size_t i = 0; i < proto->n_sparse_initializer; i++) {
        const Onnx__SparseTensorProto *sparse = proto->sparse_initializer[i];
        const char *name = sparse->values ? sparse->values->name : NULL;
        status result = check_named(loader, name, "sparse initializer", i);
        if (result != STATUS_OK)
            return result;
        result = load_sparse(loader, sparse, &tensors[i]);
        if (result == STATUS_OK)
            result = attach_initializer(loader, scope, name, &tensors[i]);
        if (result != STATUS_OK)
            return fail_prefix(loader->err, "sparse initializer " QUOTED, name);
    }
    return STATUS_OK;
}

/* Types that the file states for outputs and for values in between; names that are not there are let be. */
static status declare_known(struct loader *loader, const struct scope *scope, size_t count,
                            Onnx__ValueInfoProto *const *protos) {
    for (size_t i = 0; i < count; i++) {
        const int index = names_find(&scope->names, load_or_empty(protos[i]->name));
        const status result = index >= 0 ? declare(loader, protos[i], &scope->graph->values[index]) : STATUS_OK;
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

static status load_outputs(struct loader *loader, struct scope *scope, const Onnx__GraphProto *proto) {
    struct graph *graph = scope->graph;
    graph->outputs = pool_array(loader->pool, proto->n_output, sizeof *graph->outputs);
    if (!graph->outputs)
        return fail_memory(loader->err, "the graph's outputs");
    for (size_t i = 0; i < proto->n_output; i++) {
        int index = NO_VALUE;
        status result = check_named(loader, proto->output[i]->name, "graph output", i);
        if (result == STATUS_OK)
            result = scope_find(loader, scope, proto->output[i]->name, &index);
        if (result != STATUS_OK)
            return result;
        if (index < 0)
            return fail(loader->err, STATUS_INVALID_MODEL, "graph output %zu " QUOTED " is made by no node", i,
                        proto->output[i]->name);
        graph->values[index].is_output = true;
        graph->outputs[graph->output_count++] = index;
    }
    return STATUS_OK;
}

/* ---- the graph ---- */

/* Room for everything that the file lists, so that the arrays need not grow. */
static status reserve(struct loader *loader, struct graph *graph, const Onnx__GraphProto *proto) {
    size_t values = proto->n_input + proto->n_initializer + proto->n_sparse_initializer;
    for (size_t i = 0; i < proto->n_node; i++)
        values += proto->node[i]->n_output;
    if (values > loader->limits.values)
        return fail(loader->err, STATUS_LIMIT, "the model has more than %zu values (limit values)",
                    loader->limits.values);
    graph->value_capacity = (int)values;
    graph->node_capacity = (int)proto->n_node;
    graph->values = pool_array(loader->pool, values, sizeof *graph->values);
    graph->nodes = pool_array(loader->pool, proto->n_node, sizeof *graph->nodes);
    return graph->values && graph->nodes ? STATUS_OK : fail_memory(loader->err, "the graph");
}

static status load_graph_texts(struct loader *loader, struct graph *graph, const Onnx__GraphProto *proto) {
    status result = load_string(loader, proto->name, &graph->name);
    if (result == STATUS_OK)
        result = load_doc(loader, proto->doc_string, &graph->doc);
    if (result == STATUS_OK)
        result = load_metadata(loader, proto->n_metadata_props, proto->metadata_props, &graph->metadata,
                               &graph->metadata_count);
    return result;
}

static status fill_graph(struct loader *loader, struct scope *scope, const Onnx__GraphProto *proto) {
    status result = load_graph_texts(loader, scope->graph, proto);
    if (result == STATUS_OK)
        result = reserve(loader, scope->graph, proto);
    if (result == STATUS_OK)
        result = load_inputs(loader, scope, proto);
    if (result == STATUS_OK)
        result = load_initializers(loader, scope, proto);
    if (result == STATUS_OK)
        result = load_sparse_initializers(loader, scope, proto);
    if (result == STATUS_OK)
        result = load_node_outputs(loader, scope, proto->n_node, proto->node);
    if (result == STATUS_OK)
        result = declare_known(loader, scope, proto->n_output, proto->output);
    if (result == STATUS_OK)
        result = declare_known(loader, scope, proto->n_value_info, proto->value_info);
    if (result == STATUS_OK)
        result = load_nodes(loader, scope, proto->n_node, proto->node);
    if (result == STATUS_OK)
        result = load_outputs(loader, scope, proto);
    return result == STATUS_OK ? graph_sort(scope->graph, loader->err) : result;
}

status load_graph(struct loader *loader, const Onnx__GraphProto *proto, struct scope *outer, const struct graph **out) {
    struct scope scope = {.graph = pool_alloc(loader->pool, sizeof *scope.graph),
                          .outer = outer,
                          .instance = outer ? outer->instance : NULL};
    if (!scope.graph)
        return fail_memory(loader->err, "the graph");
    if (loader->graphs > loader->limits.nesting)
        return fail(loader->err, STATUS_LIMIT, "subgraphs nest deeper than %d levels (limit nesting)",
                    loader->limits.nesting);
    loader->graphs++;
    status result = fill_graph(loader, &scope, proto);
    loader->graphs--;
    if (result != STATUS_OK && outer)
        result = fail_prefix(loader->err, "subgraph " QUOTED, load_or_empty(proto->name));
    *out = scope.graph;
    scope_close(&scope);
    return result;
}
