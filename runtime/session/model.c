#include "runtime/session/model.h"

#include "onnx/load/load.h"
#include "runtime/compile.h"
#include "runtime/session/api.h"
#include "runtime/session/sized.h"

#include <stdlib.h>
#include <string.h>

int port_find(const struct model_port *ports, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(ports[i].value->name, name) == 0)
            return i;
    return -1;
}

static struct model_port port_of(const struct graph *graph, int index) {
    const struct value *value = &graph->values[index];
    const bool optional = value->initializer != NULL;
    const bool declared = value->type.dtype != DTYPE_UNDEFINED || !optional;
    struct model_port port = {.value = value,
                              .index = index,
                              .dtype = declared ? value->type.dtype : value->initializer->dtype,
                              .optional = optional};
    const struct declared_type plain = {.dtype = port.dtype};
    declared_text(value->type.other ? &value->type : &plain, port.text);
    return port;
}

static status list_ports(struct limner_model *model, struct error *err) {
    const struct graph *graph = model->source->graph;
    model->inputs = calloc((size_t)graph->input_count + 1, sizeof *model->inputs);
    model->outputs = calloc((size_t)graph->output_count + 1, sizeof *model->outputs);
    model->input_values = calloc((size_t)graph->input_count + 1, sizeof *model->input_values);
    if (!model->inputs || !model->outputs || !model->input_values)
        return fail_memory(err, "the model");
    for (int optional = 0; optional < 2; optional++) {
        for (int i = 0; i < graph->input_count; i++) {
            const struct model_port port = port_of(graph, graph->inputs[i]);
            if (port.optional != (optional == 1))
                continue;
            model->input_values[model->input_count] = port.index;
            model->inputs[model->input_count++] = port;
        }
        if (!optional)
            model->required_count = model->input_count;
    }
    for (int i = 0; i < graph->output_count; i++)
        model->outputs[model->output_count++] = port_of(graph, graph->outputs[i]);
    return STATUS_OK;
}

/* A node without inputs that holds a tensor: a constant, where others have initializers. */
static uint64_t count_constant(const struct node *node) {
    uint64_t count = 0;
    for (int i = 0; node->input_count == 0 && i < node->attribute_count; i++)
        if (node->attributes[i].type == ATTRIBUTE_TENSOR && node->attributes[i].tensor)
            count += (uint64_t)tensor_elements(node->attributes[i].tensor);
    return count;
}

static void count_parameters(struct limner_model *model) {
    const struct graph *graph = model->source->graph;
    for (int i = 0; i < graph->node_count; i++)
        model->parameters += count_constant(&graph->nodes[i]);
    for (int i = 0; i < graph->value_count; i++)
        if (graph->values[i].initializer)
            model->parameters += (uint64_t)tensor_elements(graph->values[i].initializer);
}

/* All but the source, which is the last hold's to close. */
static void dismantle(struct limner_model *model) {
    program_destroy(model->program);
    program_destroy(model->open);
    weight_cache_destroy(model->weights);
    free(model->inputs);
    free(model->outputs);
    free(model->input_values);
    pthread_mutex_destroy(&model->lock);
    free(model);
}

status model_create(struct onnx_model *source, const struct program_options *options, struct limner_model **out,
                    struct error *err) {
    *out = NULL;
    struct limner_model *model = calloc(1, sizeof *model);
    if (!model)
        return fail_memory(err, "the model");
    if (pthread_mutex_init(&model->lock, NULL) != 0) {
        free(model);
        return fail_memory(err, "the model");
    }
    atomic_init(&model->holders, 1);
    model->source = source;
    model->options = *options;
    model->options.open = false;
    model->weights = weight_cache_create();
    status code = model->weights ? list_ports(model, err) : fail_memory(err, "the model");
    if (code == STATUS_OK) {
        count_parameters(model);
        code = program_create(source, &model->options, &model->program, err);
    }
    if (code != STATUS_OK) {
        dismantle(model);
        return code;
    }
    *out = model;
    return STATUS_OK;
}

void model_hold(struct limner_model *model) {
    atomic_fetch_add(&model->holders, 1);
}

void model_release(struct limner_model *model) {
    if (!model || atomic_fetch_sub(&model->holders, 1) > 1)
        return;
    struct onnx_model *source = model->source;
    dismantle(model);
    onnx_close(source);
}

status model_program(struct limner_model *model, bool open, const struct program **out, struct error *err) {
    status code = STATUS_OK;
    *out = model->program;
    if (!open)
        return STATUS_OK;
    pthread_mutex_lock(&model->lock);
    if (!model->open) {
        struct program_options options = model->options;
        options.open = true;
        code = program_create(model->source, &options, &model->open, err);
    }
    *out = model->open;
    pthread_mutex_unlock(&model->lock);
    return code;
}

static status read_limits(const limner_limits *given, struct load_limits *limits, struct error *err) {
    limner_limits known;
    if (sized_read(given, &known, sizeof known, "limner_limits", err) != STATUS_OK)
        return err->code;
    *limits = (struct load_limits){
        .model_bytes = known.model_bytes, .tensor_bytes = known.tensor_bytes, .nodes = known.nodes};
    return STATUS_OK;
}

/* The second half of loading: takes source over, whatever happens. */
static status finish(struct onnx_model *source, const struct load_limits *limits, limner_model **model,
                     struct error *err) {
    const struct program_options options = {.tensor_bytes = limits->tensor_bytes};
    const status code = model_create(source, &options, model, err);
    if (code != STATUS_OK)
        onnx_close(source);
    return code;
}

limner_status limner_model_load(const char *path, const limner_limits *limits, limner_model **model,
                                limner_error *error) {
    if (model)
        *model = NULL;
    if (!path || !model)
        return api_refuse(error, "limner_model_load needs a path and a place for the model");
    struct error err;
    struct onnx_model *source = NULL;
    struct load_limits inside;
    status code = read_limits(limits, &inside, &err);
    if (code == STATUS_OK)
        code = onnx_load(path, &inside, &source, &err);
    if (code == STATUS_OK)
        code = finish(source, &inside, model, &err);
    return api_return(error, code, &err);
}

limner_status limner_model_load_memory(const void *data, size_t bytes, const char *folder, const limner_limits *limits,
                                       limner_model **model, limner_error *error) {
    if (model)
        *model = NULL;
    if ((!data && bytes > 0) || !model)
        return api_refuse(error, "limner_model_load_memory needs the model's bytes and a place for the model");
    struct error err;
    struct onnx_model *source = NULL;
    struct load_limits inside;
    status code = read_limits(limits, &inside, &err);
    if (code == STATUS_OK)
        code = onnx_load_memory(data ? data : "", bytes, folder, &inside, &source, &err);
    if (code == STATUS_OK)
        code = finish(source, &inside, model, &err);
    return api_return(error, code, &err);
}

void limner_model_close(limner_model *model) {
    model_release(model);
}
