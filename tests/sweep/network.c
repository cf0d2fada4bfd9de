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
                         stage->kernel[0], stage->kernel[1]};
    struct proto attributes = {0};
    char weight[MOST_NAME], bias[MOST_NAME], names[2 * MOST_NAME + 1];
    snprintf(weight, sizeof weight, "w%d", i);
    snprintf(bias, sizeof bias, "b%d", i);
    add_floats(writer, weight, 4, dims, -weight_bound(stage), weight_bound(stage));
    if (stage->bias)
        add_vector(writer, bias, stage->out, -0.5f, 0.5f);
    if (stage->pad)
        add_pad(writer, stage, i);
    ints_attribute(&attributes, "strides", stage->stride, 2);
    ints_attribute(&attributes, "dilations", stage->dilation, 2);
    ints_attribute(&attributes, "pads", stage->pad ? no_pads : stage->pads, 4);
    if (transposed)
        ints_attribute(&attributes, "output_padding", stage->output, 2);
    proto_int_attribute(&attributes, "group", stage->group);
    snprintf(names, sizeof names, stage->bias ? "%s %s" : "%s", weight, bias);
    add_node(writer, transposed ? "ConvTranspose" : "Conv", names, &attributes);
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

static void add_norm(struct writer *writer, const struct stage *stage, int i) {
    char scale[MOST_NAME], bias[MOST_NAME], mean[MOST_NAME], variance[MOST_NAME], names[4 * MOST_NAME + 3];
    snprintf(scale, sizeof scale, "s%d", i);
    snprintf(bias, sizeof bias, "n%d", i);
    snprintf(mean, sizeof mean, "m%d", i);
    snprintf(variance, sizeof variance, "d%d", i);
    add_vector(writer, scale, stage->out, 0.5f, 1.5f);
    add_vector(writer, bias, stage->out, -0.5f, 0.5f);
    snprintf(names, sizeof names, "%s %s", scale, bias);
    if (stage->norm == NORM_BATCH) {
        add_vector(writer, mean, stage->out, -0.5f, 0.5f);
        add_vector(writer, variance, stage->out, 0.5f, 1.5f);
        snprintf(names, sizeof names, "%s %s %s %s", scale, bias, mean, variance);
    }
    add_node(writer, stage->norm == NORM_BATCH ? "BatchNormalization" : "InstanceNormalization", names, NULL);
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
    proto_value(&writer->graph, field, name, op == STAGE_GEMM ? 2 : op == STAGE_MATMUL ? 3 : 4, -1, -1, -1, -1);
}

struct proto network_file(const struct layer *layer) {
    struct writer writer = {.random = random_from(layer->seed), .last = "x"};
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
    return proto_model(&writer.graph);
}

struct tensor *network_input(const struct layer *layer) {
    const struct stage *stage = &layer->stages[0];
    struct tensor *x = stage->op == STAGE_GEMM ? test_tensor(DTYPE_FLOAT, 2, layer->batch * layer->size[0], stage->in)
                       : stage->op == STAGE_MATMUL
                           ? test_tensor(DTYPE_FLOAT, 3, layer->batch, layer->size[0], stage->in)
                           : test_tensor(DTYPE_FLOAT, 4, layer->batch, stage->in, layer->size[0], layer->size[1]);
    struct random random = random_from(layer->seed + 1);
    test_fill(x, &random);
    return x;
}
