#include "onnx/load/load_function.h"

#include "onnx/load/load_attribute.h"
#include "onnx/load/load_graph.h"
#include "onnx/load/load_scope.h"
#include "onnx/model.h"

#include <stdio.h>
#include <string.h>

#define CALLS_MAX 64 /* functions that call functions; each level takes stack */

/* ---- which functions there are ---- */

/* One text for (domain, name, overload), in `text` when it fits, else in the scratch pool; NULL without memory. */
static const char *function_id(struct loader *loader, const char *domain, const char *name, const char *overload,
                               char *text, size_t text_bytes) {
    domain = domain_canonical(load_or_empty(domain));
    name = load_or_empty(name);
    overload = load_or_empty(overload);
    const size_t a = strlen(domain), b = strlen(name);
    const int length = snprintf(text, text_bytes, "%zu %zu %s %s %s", a, b, domain, name, overload);
    if (length >= 0 && (size_t)length < text_bytes)
        return text;
    return pool_format(loader->scratch, "%zu %zu %s %s %s", a, b, domain, name, overload);
}

static status add_outputs(struct loader *loader, struct function *function) {
    for (size_t i = 0; i < function->proto->n_output; i++)
        if (!names_put(&function->outputs, function->proto->output[i], (int)i))
            return fail_memory(loader->err, "functions");
    return STATUS_OK;
}

static status add_defaults(struct loader *loader, struct function *function) {
    for (size_t i = 0; i < function->proto->n_attribute_proto; i++)
        if (!names_put(&function->defaults, load_or_empty(function->proto->attribute_proto[i]->name), (int)i))
            return fail_memory(loader->err, "functions");
    return STATUS_OK;
}

static status add_function(struct loader *loader, const Onnx__FunctionProto *proto, int index) {
    struct function *function = &loader->functions[index];
    *function = (struct function){.proto = proto};
    if (!proto->name || !*proto->name)
        return fail(loader->err, STATUS_INVALID_MODEL, "function %d has no name", index);
    const char *domain = load_or_empty(proto->domain);
    function->title = pool_format(loader->scratch, "%s%s%s", domain, *domain ? "." : "", proto->name);
    const char *id = function_id(loader, domain, proto->name, proto->overload, NULL, 0);
    if (!function->title || !id)
        return fail_memory(loader->err, "functions");
    if (names_find(&loader->function_ids, id) != NAME_ABSENT)
        return fail(loader->err, STATUS_INVALID_MODEL, "function " QUOTED " is defined twice", function->title);
    if (!names_put(&loader->function_ids, id, index))
        return fail_memory(loader->err, "functions");
    const status result = add_outputs(loader, function);
    return result == STATUS_OK ? add_defaults(loader, function) : result;
}

static bool note_name(struct loader *loader, const char *name) {
    return names_put(&loader->used, load_or_empty(name), 0);
}

static bool note_names(struct loader *loader, const Onnx__GraphProto *graph);

static bool note_node(struct loader *loader, const Onnx__NodeProto *node) {
    bool noted = true;
    for (size_t i = 0; i < node->n_output; i++)
        noted = noted && note_name(loader, node->output[i]);
    for (size_t i = 0; i < node->n_attribute && noted; i++) {
        const Onnx__AttributeProto *attribute = node->attribute[i];
        noted = !attribute->g || note_names(loader, attribute->g);
        for (size_t j = 0; j < attribute->n_graphs; j++)
            noted = noted && note_names(loader, attribute->graphs[j]);
    }
    return noted;
}

/* Every value name that the file uses, so that generated names differ from all of them. False without memory. */
static bool note_names(struct loader *loader, const Onnx__GraphProto *graph) {
    bool noted = true;
    for (size_t i = 0; i < graph->n_input; i++)
        noted = noted && note_name(loader, graph->input[i]->name);
    for (size_t i = 0; i < graph->n_initializer; i++)
        noted = noted && note_name(loader, graph->initializer[i]->name);
    for (size_t i = 0; i < graph->n_sparse_initializer; i++)
        noted = noted && (!graph->sparse_initializer[i]->values ||
                          note_name(loader, graph->sparse_initializer[i]->values->name));
    for (size_t i = 0; i < graph->n_node; i++)
        noted = noted && note_node(loader, graph->node[i]);
    return noted;
}

status load_functions(struct loader *loader, const Onnx__ModelProto *proto) {
    if (proto->n_functions == 0)
        return STATUS_OK;
    loader->functions = pool_array(loader->scratch, proto->n_functions, sizeof *loader->functions);
    if (!loader->functions || !note_names(loader, proto->graph))
        return fail_memory(loader->err, "functions");
    for (size_t i = 0; i < proto->n_functions; i++) {
        const status result = add_function(loader, proto->functions[i], loader->function_count++);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

void load_functions_close(struct loader *loader) {
    for (int i = 0; i < loader->function_count; i++) {
        names_free(&loader->functions[i].outputs);
        names_free(&loader->functions[i].defaults);
    }
    names_free(&loader->function_ids);
    names_free(&loader->used);
}

status load_find_function(struct loader *loader, const Onnx__NodeProto *node, struct function **out) {
    char text[256];
    *out = NULL;
    if (loader->function_count == 0)
        return STATUS_OK;
    const char *id = function_id(loader, node->domain, node->op_type, node->overload, text, sizeof text);
    if (!id)
        return fail_memory(loader->err, "functions");
    const int index = names_find(&loader->function_ids, id);
    if (index != NAME_ABSENT)
        *out = &loader->functions[index];
    return STATUS_OK;
}

/* ---- a call ---- */

/* What the model does not import itself is as if it did. */
static status check_imports(struct loader *loader, struct function *function) {
    const Onnx__FunctionProto *proto = function->proto;
    for (size_t i = 0; i < proto->n_opset_import && !function->checked; i++) {
        const char *domain = domain_canonical(load_or_empty(proto->opset_import[i]->domain));
        const status result = onnx_opset(loader->model, domain) != 0
                                  ? STATUS_OK
                                  : load_opset(loader, domain, proto->opset_import[i]->version);
        if (result != STATUS_OK)
            return result;
    }
    function->checked = true;
    return STATUS_OK;
}

int64_t load_function_opset(const struct loader *loader, const struct scope *scope, const char *domain) {
    const Onnx__FunctionProto *proto = scope->instance ? scope->instance->function->proto : NULL;
    for (size_t i = 0; proto && i < proto->n_opset_import; i++)
        if (strcmp(domain_canonical(load_or_empty(proto->opset_import[i]->domain)), domain) == 0)
            return proto->opset_import[i]->version == onnx_opset(loader->model, domain)
                       ? 0
                       : proto->opset_import[i]->version;
    return 0;
}

static status check_call(struct loader *loader, const struct instance *caller, const Onnx__NodeProto *node,
                         const struct function *function) {
    const Onnx__FunctionProto *proto = function->proto;
    for (const struct instance *i = caller; i; i = i->caller)
        if (i->function == function)
            return fail(loader->err, STATUS_INVALID_MODEL, "function " QUOTED " calls itself", function->title);
    if (loader->calls >= CALLS_MAX)
        return fail(loader->err, STATUS_LIMIT, "functions call each other deeper than %d levels", CALLS_MAX);
    if (node->n_input > proto->n_input)
        return fail(loader->err, STATUS_INVALID_MODEL, "has %zu inputs, function " QUOTED " takes %zu", node->n_input,
                    function->title, proto->n_input);
    if (node->n_output > proto->n_output)
        return fail(loader->err, STATUS_INVALID_MODEL, "has %zu outputs, function " QUOTED " makes %zu", node->n_output,
                    function->title, proto->n_output);
    return STATUS_OK;
}

static status bind_inputs(struct loader *loader, struct scope *body, const struct function *function, const int *inputs,
                          size_t count) {
    for (size_t i = 0; i < function->proto->n_input; i++) {
        const char *name = function->proto->input[i];
        if (names_find(&body->names, name) != NAME_ABSENT)
            return fail(loader->err, STATUS_INVALID_MODEL, "function " QUOTED " has two inputs " QUOTED,
                        function->title, name);
        if (!names_put(&body->names, name, i < count ? inputs[i] : NO_VALUE))
            return fail_memory(loader->err, "a name");
    }
    return STATUS_OK;
}

static status add_identity(struct loader *loader, struct scope *body, int from, int to) {
    struct node node = {.op_type = "Identity", .domain = "", .overload = "", .input_count = 1, .output_count = 1};
    node.inputs = pool_array(loader->pool, 1, sizeof *node.inputs);
    node.outputs = pool_array(loader->pool, 1, sizeof *node.outputs);
    node.name = pool_format(loader->pool, "%s/Identity", body->instance->prefix);
    if (!node.inputs || !node.outputs || !node.name)
        return fail_memory(loader->err, "a node");
    node.inputs[0] = from;
    node.outputs[0] = to;
    const status result = load_count_node(loader);
    return result == STATUS_OK ? load_add_node(loader, body, &node) : result;
}

/* Most outputs are the caller's values already; one that is an input too, or is listed twice, must be copied. */
static status bind_outputs(struct loader *loader, struct scope *body) {
    const struct instance *instance = body->instance;
    for (int i = 0; i < instance->output_count; i++) {
        const char *name = instance->function->proto->output[i];
        const int index = names_find(&body->names, name);
        if (instance->outputs[i] == NO_VALUE || index == instance->outputs[i])
            continue;
        if (index < 0)
            return fail(loader->err, STATUS_INVALID_MODEL, "function " QUOTED " does not make its output " QUOTED,
                        instance->function->title, name);
        const status result = add_identity(loader, body, index, instance->outputs[i]);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

static status make_prefix(struct loader *loader, const struct scope *scope, const Onnx__NodeProto *node,
                          const char **out) {
    const char *outer = scope->instance ? scope->instance->prefix : "";
    const char *slash = *outer ? "/" : "";
    if (node->name && *node->name)
        *out = pool_format(loader->pool, "%s%s%s", outer, slash, node->name);
    else
        *out = pool_format(loader->pool, "%s%s%s_%zu", outer, slash, node->op_type, ++loader->generated);
    return *out ? STATUS_OK : fail_memory(loader->err, "a name");
}

static status name_attributes(struct loader *loader, struct instance *instance) {
    for (int i = 0; i < instance->attribute_count; i++)
        if (!names_put(&instance->attribute_names, instance->attributes[i].name, i))
            return fail_memory(loader->err, "attributes");
    return STATUS_OK;
}

static status fill_body(struct loader *loader, struct scope *body, const int *inputs, size_t input_count) {
    const struct function *function = body->instance->function;
    const Onnx__FunctionProto *proto = function->proto;
    status result = bind_inputs(loader, body, function, inputs, input_count);
    if (result == STATUS_OK)
        result = load_node_outputs(loader, body, proto->n_node, proto->node);
    if (result == STATUS_OK)
        result = load_nodes(loader, body, proto->n_node, proto->node);
    return result == STATUS_OK ? bind_outputs(loader, body) : result;
}

status load_call(struct loader *loader, struct scope *scope, const Onnx__NodeProto *node, struct function *function) {
    struct instance instance = {.function = function, .caller = scope->instance, .graph = scope->graph};
    struct scope body = {.graph = scope->graph, .instance = &instance};
    struct attribute *attributes = NULL;
    int *inputs = NULL, *outputs = NULL;
    status result = check_call(loader, scope->instance, node, function);
    if (result == STATUS_OK)
        result = check_imports(loader, function);
    if (result == STATUS_OK)
        result = make_prefix(loader, scope, node, &instance.prefix);
    if (result == STATUS_OK)
        result = load_edges(loader, scope, "input", node->n_input, node->input, &inputs);
    if (result == STATUS_OK)
        result = load_edges(loader, scope, "output", node->n_output, node->output, &outputs);
    if (result == STATUS_OK)
        result = load_attributes(loader, scope, node, &attributes, &instance.attribute_count);
    instance.attributes = attributes;
    instance.outputs = outputs;
    instance.output_count = (int)node->n_output;
    if (result == STATUS_OK)
        result = name_attributes(loader, &instance);
    loader->calls++;
    if (result == STATUS_OK)
        result = fill_body(loader, &body, inputs, node->n_input);
    loader->calls--;
    names_free(&instance.attribute_names);
    scope_close(&body);
    return result;
}
