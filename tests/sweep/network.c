/* Layers as ONNX files. */
#include "tests/sweep/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_NAME 32

struct writer {
    struct proto graph;
    struct random random;
    int skip;             /* spatial dimensions that are left out: 1 of a line */
    char last[MOST_NAME]; /* the newest value */
    int count;            /* of values */
};

/* ---- constants ---- */

/* Uniform numbers in low..high. */
static void add_floats(struct writer *writer, const char *name, int rank, const int *dims, float low, float high) {
    struct proto tensor = {0};
    size_t count = 1;
    for (int i = 0; i < rank; i++) {
        proto_int(&tensor, TENSOR_DIMS, dims[i]);
        count *= (size_t)dims[i];
    }
    proto_int(&tensor, TENSOR_TYPE, DTYPE_FLOAT);
    proto_text(&tensor, TENSOR_NAME, name);
    float *numbers = malloc((count + 1) * sizeof *numbers);
    assert_non_null(numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = low + (high - low) * (0.5f + 0.5f * random_float(&writer->random));
    proto_bytes(&tensor, TENSOR_RAW, numbers, count * sizeof *numbers);
    free(numbers);
    proto_add(&writer->graph, GRAPH_INITIALIZER, &tensor);
}

static void add_vector(struct writer *writer, const char *name, int count, float low, float high) {
    add_floats(writer, name, 1, &count, low, high);
}

static void add_ints(struct writer *writer, const char *name, const int64_t *numbers, int count) {
    struct proto tensor = proto_tensor(name, DTYPE_INT64, 1, count);
    proto_bytes(&tensor, TENSOR_RAW, numbers, (size_t)count * sizeof *numbers);
    proto_add(&writer->graph, GRAPH_INITIALIZER, &tensor);
}

/* ---- nodes ---- */

static void ints_attribute(struct proto *attributes, const char *name, const int *numbers, int count) {
    struct proto attribute = {0};
    proto_text(&attribute, ATTRIBUTE_NAME, name);
    for (int i = 0; i < count; i++)
        proto_int(&attribute, ATTRIBUTE_INT_LIST, numbers[i]);
    proto_int(&attribute, ATTRIBUTE_TYPE, ATTRIBUTE_INTS);
    proto_add(attributes, NODE_ATTRIBUTE, &attribute);
}

static void text_attribute(struct proto *attributes, const char *name, const char *text) {
    struct proto attribute = {0};
    proto_text(&attribute, ATTRIBUTE_NAME, name);
    proto_text(&attribute, ATTRIBUTE_S, text);
    proto_int(&attribute, ATTRIBUTE_TYPE, ATTRIBUTE_STRING);
    proto_add(attributes, NODE_ATTRIBUTE, &attribute);
}

static void float_attribute(struct proto *attributes, const char *name, float number) {
    struct proto attribute = {0};
    proto_text(&attribute, ATTRIBUTE_NAME, name);
    proto_float(&attribute, ATTRIBUTE_F, number);
    proto_int(&attribute, ATTRIBUTE_TYPE, ATTRIBUTE_FLOAT);
    proto_add(attributes, NODE_ATTRIBUTE, &attribute);
}

/* A node that reads the newest value first, then these. */
static void add_node(struct writer *writer, const char *op, const char *others, struct proto *attributes) {
    char inputs[5 * MOST_NAME], output[MOST_NAME];
    snprintf(inputs, sizeof inputs, "%s%s%s", writer->last, *others ? " " : "", others);
    snprintf(output, sizeof output, "v%d", writer->count++);
    proto_node(&writer->graph, GRAPH_NODE, op, output, inputs, output, attributes);
    memcpy(writer->last, output, sizeof output);
}

static void add_pad(struct writer *writer, const struct stage *stage, int i) {
    const int *p = stage->pads;
    struct proto attributes = {0};
    char pads[MOST_NAME];
    snprintf(pads, sizeof pads, "pads%d", i);
    add_ints(writer, pads, (const int64_t[]){0, 0, p[0], p[1], 0, 0, p[2], p[3]}, 8);
    text_attribute(&attributes, "mode", stage->pad == PAD_REFLECT ? "reflect" : "edge");
    add_node(writer, "Pad", pads, &attributes);
}

/* Of both dimensions, or of the second one alone. */
static void spatial_attribute(struct proto *attributes, const char *name, const int *numbers,
                              const struct writer *writer) {
    ints_attribute(attributes, name, numbers + writer->skip, 2 - writer->skip);
}

static void pads_attribute(struct proto *attributes, const int pads[4], const struct writer *writer) {
    const int line[2] = {pads[1], pads[3]};
    ints_attribute(attributes, "pads", writer->skip ? line : pads, writer->skip ? 2 : 4);
}

/* Sums of so many products with weights of this size are about as large as what was multiplied. */
static float weight_bound(const struct stage *stage) {
    double terms = stage_weights(stage) / stage->out;
    if (stage->op == STAGE_TRANSPOSED)
        terms /= stage->stride[0] * stage->stride[1];
    return (float)sqrt(3 / fmax(terms, 1));
}

static void add_conv(struct writer *writer, const struct stage *stage, int i) {
    static const int no_pads[4] = {0};
    const bool transposed = stage->op == STAGE_TRANSPOSED;
    const int dims[4] = {transposed ? stage->in : stage->out, (transposed ? stage->out : stage->in) / stage->group,
                         stage->kernel[writer->skip], stage->kernel[1]};
    struct proto attributes = {0};
    char weight[MOST_NAME], bias[MOST_NAME], names[2 * MOST_NAME + 1];
    snprintf(weight, sizeof weight, "w%d", i);
    snprintf(bias, sizeof bias, "b%d", i);
    add_floats(writer, weight, 4 - writer->skip, dims, -weight_bound(stage), weight_bound(stage));
    if (stage->bias)
        add_vector(writer, bias, stage->out, -0.5f, 0.5f);
    if (stage->pad)
        add_pad(writer, stage, i);
    spatial_attribute(&attributes, "strides", stage->stride, writer);
    spatial_attribute(&attributes, "dilations", stage->dilation, writer);
    pads_attribute(&attributes, stage->pad ? no_pads : stage->pads, writer);
    if (transposed)
        spatial_attribute(&attributes, "output_padding", stage->output, writer);
    proto_int_attribute(&attributes, "group", stage->group);
    snprintf(names, sizeof names, stage->bias ? "%s %s" : "%s", weight, bias);
    add_node(writer, transposed ? "ConvTranspose" : "Conv", names, &attributes);
}

static void add_pool(struct writer *writer, const struct stage *stage) {
    struct proto attributes = {0};
    ints_attribute(&attributes, "kernel_shape", stage->kernel, 2);
    ints_attribute(&attributes, "strides", stage->stride, 2);
    ints_attribute(&attributes, "pads", stage->pads, 4);
    add_node(writer, stage->op == STAGE_MAX_POOL ? "MaxPool" : "AveragePool", "", &attributes);
}

static void add_resize(struct writer *writer, const struct stage *stage, int i) {
    const int count = 4;
    struct proto attributes = {0}, tensor = {0};
    const float scales[] = {1, 1, (float)stage->stride[0], (float)stage->stride[1]};
    char name[MOST_NAME], names[MOST_NAME + 3];
    snprintf(name, sizeof name, "z%d", i);
    snprintf(names, sizeof names, "- %s", name);
    proto_int(&tensor, TENSOR_DIMS, count);
    proto_int(&tensor, TENSOR_TYPE, DTYPE_FLOAT);
    proto_text(&tensor, TENSOR_NAME, name);
    proto_bytes(&tensor, TENSOR_RAW, scales, sizeof scales);
    proto_add(&writer->graph, GRAPH_INITIALIZER, &tensor);
    text_attribute(&attributes, "mode", stage->op == STAGE_RESIZE_NEAREST ? "nearest" : "linear");
    add_node(writer, "Resize", names, &attributes);
}

static void add_product(struct writer *writer, const struct stage *stage, int i) {
    const int sides[2] = {stage->transposed_b ? stage->out : stage->in, stage->transposed_b ? stage->in : stage->out};
    const bool gemm = stage->op == STAGE_GEMM;
    struct proto attributes = {0};
    char weight[MOST_NAME], bias[MOST_NAME], names[2 * MOST_NAME + 1];
    snprintf(weight, sizeof weight, "w%d", i);
    snprintf(bias, sizeof bias, "b%d", i);
    add_floats(writer, weight, 2, sides, -weight_bound(stage), weight_bound(stage));
    if (stage->bias)
        add_vector(writer, bias, stage->out, -0.5f, 0.5f);
    if (gemm)
        proto_int_attribute(&attributes, "transB", stage->transposed_b);
    snprintf(names, sizeof names, gemm && stage->bias ? "%s %s" : "%s", weight, bias);
    add_node(writer, gemm ? "Gemm" : "MatMul", names, &attributes);
    if (stage->bias && !gemm)
        add_node(writer, "Add", bias, NULL);
}

/* 32 groups, 2 or 1: what divides the channels. */
static int norm_groups(const struct stage *stage) {
    return stage->out % 32 == 0 ? 32 : stage->out % 2 == 0 ? 2 : 1;
}

static void add_norm(struct writer *writer, const struct stage *stage, int i) {
    static const char *const ops[] = {"", "BatchNormalization", "InstanceNormalization", "GroupNormalization",
                                      "LayerNormalization"};
    const int layer_dims[3] = {stage->out, 1, 1}, rank = stage->norm == NORM_LAYER ? 3 - writer->skip : 1;
    struct proto attributes = {0};
    char scale[MOST_NAME], bias[MOST_NAME], mean[MOST_NAME], variance[MOST_NAME], names[4 * MOST_NAME + 3];
    snprintf(scale, sizeof scale, "s%d", i);
    snprintf(bias, sizeof bias, "n%d", i);
    snprintf(mean, sizeof mean, "m%d", i);
    snprintf(variance, sizeof variance, "d%d", i);
    add_floats(writer, scale, rank, layer_dims, 0.5f, 1.5f);
    add_floats(writer, bias, rank, layer_dims, -0.5f, 0.5f);
    snprintf(names, sizeof names, "%s %s", scale, bias);
    if (stage->norm == NORM_GROUP)
        proto_int_attribute(&attributes, "num_groups", norm_groups(stage));
    if (stage->norm == NORM_LAYER)
        proto_int_attribute(&attributes, "axis", 1);
    if (stage->norm == NORM_BATCH) {
        add_vector(writer, mean, stage->out, -0.5f, 0.5f);
        add_vector(writer, variance, stage->out, 0.5f, 1.5f);
        snprintf(names, sizeof names, "%s %s %s %s", scale, bias, mean, variance);
    }
    add_node(writer, ops[stage->norm], names, &attributes);
}

static void add_activation(struct writer *writer, const struct stage *stage, int i) {
    static const char *const names[] = {"", "Relu", "LeakyRelu", "Clip", "Tanh", "Sigmoid"};
    struct proto attributes = {0};
    char bounds[2 * MOST_NAME + 1] = "";
    if (stage->activation == ACT_LEAKY)
        float_attribute(&attributes, "alpha", 0.2f);
    if (stage->activation == ACT_CLIP) {
        char low[MOST_NAME], high[MOST_NAME];
        snprintf(low, sizeof low, "low%d", i);
        snprintf(high, sizeof high, "high%d", i);
        add_floats(writer, low, 0, NULL, -0.5f, -0.5f);
        add_floats(writer, high, 0, NULL, 1, 1);
        snprintf(bounds, sizeof bounds, "%s %s", low, high);
    }
    add_node(writer, names[stage->activation], bounds, &attributes);
}

static void add_stage(struct writer *writer, const struct stage *stage, int i) {
    if (is_product(stage))
        add_product(writer, stage, i);
    else if (is_resize(stage))
        add_resize(writer, stage, i);
    else if (is_between(stage))
        add_pool(writer, stage);
    else
        add_conv(writer, stage, i);
    if (stage->norm)
        add_norm(writer, stage, i);
    if (stage->activation)
        add_activation(writer, stage, i);
}

/* ---- the whole ---- */

static void add_join(struct writer *writer, enum join join, const char *first) {
    struct proto attributes = {0};
    if (join == JOIN_CONCAT)
        proto_int_attribute(&attributes, "axis", 1);
    add_node(writer, join == JOIN_ADD ? "Add" : "Concat", first, &attributes);
}

/* An input or output of any size. */
static void add_port(struct writer *writer, const struct layer *layer, unsigned field, const char *name) {
    const enum stage_op op = layer->stages[0].op;
    const int rank = op == STAGE_GEMM ? 2 : op == STAGE_MATMUL ? 3 : 4 - writer->skip;
    proto_value(&writer->graph, field, name, rank, -1, -1, -1, -1);
}

/* Operator set 21, which has GroupNormalization with a scale for every channel. */
static struct proto model_of(struct proto *graph) {
    struct proto model = {0};
    proto_int(&model, MODEL_IR, 10);
    proto_opset(&model, MODEL_OPSET, "", 21);
    proto_add(&model, MODEL_GRAPH, graph);
    return model;
}

struct proto network_file(const struct layer *layer) {
    struct writer writer = {.random = random_from(layer->seed), .last = "x", .skip = layer->line};
    char first[MOST_NAME] = "";
    proto_text(&writer.graph, GRAPH_NAME, "layer");
    add_port(&writer, layer, GRAPH_INPUT, "x");
    for (int i = 0; i < layer->count; i++) {
        add_stage(&writer, &layer->stages[i], i);
        if (i == 0)
            memcpy(first, writer.last, sizeof first);
        if (i == 1 && layer->join)
            add_join(&writer, layer->join, first);
    }
    proto_node(&writer.graph, GRAPH_NODE, "Identity", "end", writer.last, "y", NULL);
    add_port(&writer, layer, GRAPH_OUTPUT, "y");
    return model_of(&writer.graph);
}

struct tensor *network_input(const struct layer *layer) {
    const struct stage *stage = &layer->stages[0];
    struct tensor *x =
        stage->op == STAGE_GEMM     ? test_tensor(DTYPE_FLOAT, 2, layer->batch * layer->size[0], stage->in)
        : stage->op == STAGE_MATMUL ? test_tensor(DTYPE_FLOAT, 3, layer->batch, layer->size[0], stage->in)
        : layer->line               ? test_tensor(DTYPE_FLOAT, 3, layer->batch, stage->in, layer->size[1])
                      : test_tensor(DTYPE_FLOAT, 4, layer->batch, stage->in, layer->size[0], layer->size[1]);
    struct random random = random_from(layer->seed + 1);
    test_fill(x, &random);
    return x;
}
