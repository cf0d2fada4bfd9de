#include "tools/convert/layers.h"

#include "tools/convert/scope.h"

#include <ctype.h>
#include <string.h>

/* How far, and through how many inputs, a weight that nodes compute is traced back. */
#define TRACE_DEPTH 16
#define TRACE_INPUTS 256

struct finder {
    const struct graph *graph;
    struct pool *pool;
    struct layers *layers;
    bool *is_bias; /* by node: an Add that gives a linear layer its bias */
    bool lost;     /* without memory */
};

/* ---- values ---- */

bool value_is_fillable(const struct value *value) {
    return value->producer < 0 && !value->is_captured && (value->initializer || value->is_input);
}

bool value_shape(const struct value *value, struct shape *shape) {
    if (value->initializer) {
        *shape = value->initializer->shape;
        return true;
    }
    if (value->type.rank < 0)
        return false;
    shape->rank = value->type.rank;
    for (int i = 0; i < shape->rank; i++)
        shape->dims[i] = value->type.dims[i].size;
    return true;
}

enum dtype value_dtype(const struct value *value) {
    return value->initializer ? value->initializer->dtype : value->type.dtype;
}

static bool is_real(enum dtype dtype) {
    return dtype == DTYPE_FLOAT || dtype == DTYPE_FLOAT16 || dtype == DTYPE_DOUBLE || dtype == DTYPE_BFLOAT16;
}

/* Input i of the node when it is a real tensor that could be filled, else -1. */
static int weight_at(const struct finder *finder, const struct node *node, int i) {
    const int index = i < node->input_count ? node->inputs[i] : NO_VALUE;
    if (index == NO_VALUE)
        return -1;
    const struct value *value = &finder->graph->values[index];
    return value_is_fillable(value) && is_real(value_dtype(value)) ? index : -1;
}

static bool is_constant(const struct finder *finder, int index) {
    return index != NO_VALUE && finder->graph->values[index].initializer && finder->graph->values[index].producer < 0;
}

/* More than one element, along one axis: [C], [C,1,1], [1,C,1,1]. */
static bool is_channels(const struct value *value) {
    struct shape shape;
    int wide = 0;
    if (!value_shape(value, &shape))
        return false;
    for (int i = 0; i < shape.rank; i++)
        wide += shape.dims[i] != 1;
    return wide == 1;
}

/* ---- layers ---- */

/* "/encoder/encoder.0/Conv" or, of older versions, "Conv_12". */
static bool is_older_name(const struct node *node) {
    const size_t length = strlen(node->op_type);
    if (node->name[0] == '/')
        return true;
    return strncmp(node->name, node->op_type, length) == 0 && node->name[length] == '_' &&
           isdigit((unsigned char)node->name[length + 1]);
}

static struct layer *add_layer(struct finder *finder, enum layer_kind kind, int node) {
    finder->layers->of_node[node] = finder->layers->count;
    struct layer *layer = &finder->layers->items[finder->layers->count++];
    *layer = (struct layer){.kind = kind, .node = node, .weight_root = -1, .groups = 1, .module = -1, .norm = -1};
    const struct node *at = &finder->graph->nodes[node];
    layer->scope = scope_of(at, finder->pool, &layer->scope_is_precise, &finder->lost);
    layer->folded = scope_notes_fold(at);
    layer->keeps_names = is_older_name(at);
    return layer;
}

/* Input i of the node is the layer's slot, if it can be filled at all. */
static void add_slot(struct finder *finder, struct layer *layer, enum leaf leaf, int node, int input) {
    const int value = weight_at(finder, &finder->graph->nodes[node], input);
    if (value < 0)
        return;
    layer->slots[layer->slot_count++] = (struct weight_slot){leaf, value, node, input};
    finder->layers->slots[value]++;
}

/* A parameter, by its name, from which nodes compute this value; or -1. */
static int trace_root(const struct finder *finder, int index, int depth, int *inputs) {
    if (index == NO_VALUE || depth == 0 || --*inputs < 0)
        return -1;
    const struct value *value = &finder->graph->values[index];
    if (value->producer < 0) {
        size_t length;
        return value_is_fillable(value) && is_real(value_dtype(value)) && leaf_of(value->name, &length) != LEAF_OTHER
                   ? index
                   : -1;
    }
    const struct node *node = &finder->graph->nodes[value->producer];
    for (int i = 0; i < node->input_count; i++) {
        const int root = trace_root(finder, node->inputs[i], depth - 1, inputs);
        if (root >= 0)
            return root;
    }
    return -1;
}

static void find_convolution(struct finder *finder, int index, enum layer_kind kind) {
    const struct node *node = &finder->graph->nodes[index];
    struct layer *layer = add_layer(finder, kind, index);
    const int64_t groups = node_int(node, "group", 1);
    int inputs = TRACE_INPUTS;
    layer->groups = groups > 0 && groups < 1000000 ? (int)groups : 1;
    add_slot(finder, layer, LEAF_WEIGHT, index, 1);
    add_slot(finder, layer, LEAF_BIAS, index, 2);
    if (!layer_slot(layer, LEAF_WEIGHT) && node->input_count > 1)
        layer->weight_root = trace_root(finder, node->inputs[1], TRACE_DEPTH, &inputs);
}

static void find_gemm(struct finder *finder, int index) {
    const struct node *node = &finder->graph->nodes[index];
    if (weight_at(finder, node, 1) < 0)
        return;
    struct layer *layer = add_layer(finder, LAYER_LINEAR, index);
    layer->transposed = node_int(node, "transB", 0) == 0;
    add_slot(finder, layer, LEAF_WEIGHT, index, 1);
    add_slot(finder, layer, LEAF_BIAS, index, 2);
}

/* The only reader of the product adds a vector to it: that is the layer's bias. */
static void find_bias(struct finder *finder, struct layer *layer, int product, int64_t outputs) {
    const int reader = finder->layers->reader[product];
    if (reader < 0 || finder->graph->values[product].is_output)
        return;
    const struct node *add = &finder->graph->nodes[reader];
    if (strcmp(add->op_type, "Add") != 0 || add->domain[0] || add->input_count != 2)
        return;
    const int input = add->inputs[0] == product ? 1 : 0;
    const int bias = weight_at(finder, add, input);
    struct shape shape;
    if (bias < 0 || !value_shape(&finder->graph->values[bias], &shape) || shape.rank != 1)
        return;
    if (shape.dims[0] != outputs && shape.dims[0] >= 0 && outputs >= 0)
        return;
    add_slot(finder, layer, LEAF_BIAS, reader, input);
    finder->is_bias[reader] = true;
}

/* weight_v of a spectral norm, by its name. */
static bool is_spectral_vector(const struct finder *finder, int index) {
    size_t length;
    struct shape shape;
    return index >= 0 && leaf_of(finder->graph->values[index].name, &length) == LEAF_V &&
           value_shape(&finder->graph->values[index], &shape) && shape.rank == 1;
}

static void find_spectral(struct finder *finder, int index, int matrix, int vector) {
    struct shape shape;
    if (matrix < 0 || !value_shape(&finder->graph->values[matrix], &shape) || shape.rank != 2)
        return;
    struct layer *layer = add_layer(finder, LAYER_SPECTRAL, index);
    layer->weight_root = vector;
    add_slot(finder, layer, LEAF_ORIGINAL, index, 0);
}

static void find_matmul(struct finder *finder, int index) {
    const struct node *node = &finder->graph->nodes[index];
    const int right = weight_at(finder, node, 1);
    struct shape shape;
    if (is_spectral_vector(finder, right)) {
        find_spectral(finder, index, weight_at(finder, node, 0), right);
        return;
    }
    if (right < 0 || is_constant(finder, node->inputs[0]) || !value_shape(&finder->graph->values[right], &shape) ||
        shape.rank != 2 || node->output_count < 1 || node->outputs[0] == NO_VALUE)
        return;
    struct layer *layer = add_layer(finder, LAYER_LINEAR, index);
    layer->transposed = true;
    add_slot(finder, layer, LEAF_WEIGHT, index, 1);
    find_bias(finder, layer, node->outputs[0], shape.dims[1]);
}

static void find_batch_norm(struct finder *finder, int index) {
    static const enum leaf leaves[] = {LEAF_WEIGHT, LEAF_BIAS, LEAF_MEAN, LEAF_VARIANCE};
    struct layer *layer = add_layer(finder, LAYER_BATCH_NORM, index);
    for (int i = 0; i < 4; i++)
        add_slot(finder, layer, leaves[i], index, i + 1);
}

static void find_norm(struct finder *finder, int index) {
    struct layer *layer = add_layer(finder, LAYER_NORM, index);
    add_slot(finder, layer, LEAF_WEIGHT, index, 1);
    add_slot(finder, layer, LEAF_BIAS, index, 2);
}

/* Mul and Add with one vector of channels that no linear layer has taken. */
static void find_scale(struct finder *finder, int index, enum layer_kind kind) {
    const struct node *node = &finder->graph->nodes[index];
    if (node->input_count != 2 || finder->is_bias[index])
        return;
    for (int i = 0; i < 2; i++) {
        const int value = weight_at(finder, node, i);
        if (value < 0 || is_constant(finder, node->inputs[1 - i]) || !is_channels(&finder->graph->values[value]))
            continue;
        add_slot(finder, add_layer(finder, kind, index), kind == LAYER_SCALE ? LEAF_WEIGHT : LEAF_BIAS, index, i);
        return;
    }
}

static void find_layer(struct finder *finder, int index) {
    const struct node *node = &finder->graph->nodes[index];
    const char *op = node->op_type;
    if (node->domain[0])
        return;
    if (strcmp(op, "Conv") == 0)
        find_convolution(finder, index, LAYER_CONV);
    else if (strcmp(op, "ConvTranspose") == 0)
        find_convolution(finder, index, LAYER_CONV_TRANSPOSE);
    else if (strcmp(op, "Gemm") == 0)
        find_gemm(finder, index);
    else if (strcmp(op, "MatMul") == 0)
        find_matmul(finder, index);
    else if (strcmp(op, "BatchNormalization") == 0)
        find_batch_norm(finder, index);
    else if (strcmp(op, "InstanceNormalization") == 0 || strcmp(op, "LayerNormalization") == 0 ||
             strcmp(op, "GroupNormalization") == 0)
        find_norm(finder, index);
    else if (strcmp(op, "PRelu") == 0)
        add_slot(finder, add_layer(finder, LAYER_SLOPE, index), LEAF_WEIGHT, index, 1);
    else if (strcmp(op, "Mul") == 0)
        find_scale(finder, index, LAYER_SCALE);
    else if (strcmp(op, "Add") == 0)
        find_scale(finder, index, LAYER_SHIFT);
}

static void find_readers(struct layers *layers, const struct graph *graph) {
    for (int i = 0; i < graph->value_count; i++)
        layers->reader[i] = -1;
    for (int n = 0; n < graph->node_count; n++)
        for (int i = 0; i < graph->nodes[n].input_count; i++) {
            const int value = graph->nodes[n].inputs[i];
            if (value != NO_VALUE)
                layers->reader[value] = layers->reader[value] == -1 ? n : -2;
        }
}

static void find_norms(const struct graph *graph, struct layers *layers) {
    for (int i = 0; i < layers->count; i++) {
        const struct layer *before =
            layers->items[i].kind == LAYER_BATCH_NORM ? layer_before(graph, layers, &layers->items[i]) : NULL;
        if (before)
            layers->has_norm[before - layers->items] = true;
    }
}

status layers_find(const struct graph *graph, struct pool *pool, struct layers *layers, struct error *err) {
    struct finder finder = {.graph = graph, .pool = pool, .layers = layers};
    const size_t values = (size_t)graph->value_count + 1;
    *layers = (struct layers){.items = pool_array(pool, (size_t)graph->node_count + 1, sizeof *layers->items),
                              .reader = pool_array(pool, values, sizeof *layers->reader),
                              .slots = pool_array(pool, values, sizeof *layers->slots),
                              .value_count = graph->value_count};
    finder.is_bias = pool_array(pool, (size_t)graph->node_count + 1, sizeof *finder.is_bias);
    layers->of_node = pool_array(pool, (size_t)graph->node_count + 1, sizeof *layers->of_node);
    layers->has_norm = pool_array(pool, (size_t)graph->node_count + 1, sizeof *layers->has_norm);
    if (!layers->of_node || !layers->has_norm)
        return fail_memory(err, "the template's layers");
    if (!layers->items || !layers->reader || !layers->slots || !finder.is_bias)
        return fail_memory(err, "the template's layers");
    find_readers(layers, graph);
    for (int i = 0; i < graph->node_count; i++) {
        layers->of_node[i] = -1;
        find_layer(&finder, i);
        if (layers->count > MOST_LAYERS)
            return fail(err, STATUS_LIMIT, "the template has more than %d layers", MOST_LAYERS);
    }
    find_norms(graph, layers);
    return finder.lost ? fail_memory(err, "the template's layers") : STATUS_OK;
}

/* ---- questions ---- */

struct layer *layer_before(const struct graph *graph, const struct layers *layers, const struct layer *layer) {
    const struct node *node = &graph->nodes[layer->node];
    const int producer =
        node->input_count && node->inputs[0] != NO_VALUE ? graph->values[node->inputs[0]].producer : -1;
    const int index = producer < 0 ? -1 : layers->of_node[producer];
    return index >= 0 && layer_has_weights(&layers->items[index]) ? &layers->items[index] : NULL;
}

const struct weight_slot *layer_slot(const struct layer *layer, enum leaf leaf) {
    for (int i = 0; i < layer->slot_count; i++)
        if (layer->slots[i].leaf == leaf)
            return &layer->slots[i];
    return NULL;
}

bool layer_has_weights(const struct layer *layer) {
    return layer->kind == LAYER_CONV || layer->kind == LAYER_CONV_TRANSPOSE || layer->kind == LAYER_LINEAR;
}
