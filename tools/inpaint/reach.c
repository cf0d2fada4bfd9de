#include "tools/inpaint/reach.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is known of one value. */
struct sight {
    bool sees;     /* depends on the pixels of an input */
    double step;   /* input pixels from one element to the next */
    double radius; /* input pixels that an element sees to a side */
};

struct analysis {
    const struct graph *graph;
    struct sight *sights; /* by value */
    struct reach *reach;
};

/* ---- attributes and constants ---- */

static const struct attribute *find_attribute(const struct node *node, const char *name) {
    for (int i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    return NULL;
}

static int64_t largest_int(const struct node *node, const char *name, int64_t otherwise) {
    const struct attribute *attribute = find_attribute(node, name);
    if (!attribute || attribute->type != ATTRIBUTE_INTS || attribute->count == 0)
        return otherwise;
    int64_t largest = attribute->ints[0];
    for (size_t i = 1; i < attribute->count; i++)
        largest = attribute->ints[i] > largest ? attribute->ints[i] : largest;
    return largest;
}

/* The input's initializer, or the value of the Constant that makes it, or NULL. */
static const struct tensor *constant_input(const struct graph *graph, const struct node *node, int i) {
    if (i >= node->input_count || node->inputs[i] == NO_VALUE)
        return NULL;
    const struct value *value = &graph->values[node->inputs[i]];
    if (value->initializer || value->producer < 0)
        return value->initializer;
    const struct node *producer = &graph->nodes[value->producer];
    const struct attribute *attribute =
        strcmp(producer->op_type, "Constant") == 0 ? find_attribute(producer, "value") : NULL;
    return attribute && attribute->type == ATTRIBUTE_TENSOR ? attribute->tensor : NULL;
}

static int64_t kernel_size(const struct graph *graph, const struct node *node) {
    const int64_t given = largest_int(node, "kernel_shape", 0);
    if (given > 0 || node->input_count < 2 || node->inputs[1] == NO_VALUE)
        return given > 0 ? given : 1;
    const struct tensor *weight = constant_input(graph, node, 1);
    int64_t size = 1;
    for (int d = 2; weight && d < weight->shape.rank; d++)
        size = weight->shape.dims[d] > size ? weight->shape.dims[d] : size;
    return size;
}

/* ---- one node ---- */

enum effect {
    EFFECT_NONE,
    EFFECT_WINDOW,
    EFFECT_TRANSPOSED,
    EFFECT_RESIZE,
    EFFECT_BLOCKS,
    EFFECT_REDUCE,
    EFFECT_PRODUCT,
    EFFECT_WHOLE,
    EFFECT_BLIND,
    EFFECT_SLICE,
    EFFECT_UNKNOWN
};

static const struct {
    const char *name;
    enum effect effect;
} effects[] = {
    {"Conv", EFFECT_WINDOW},
    {"MaxPool", EFFECT_WINDOW},
    {"AveragePool", EFFECT_WINDOW},
    {"LpPool", EFFECT_WINDOW},
    {"ConvTranspose", EFFECT_TRANSPOSED},
    {"Resize", EFFECT_RESIZE},
    {"Upsample", EFFECT_RESIZE},
    {"DepthToSpace", EFFECT_BLOCKS},
    {"SpaceToDepth", EFFECT_BLOCKS},
    {"ReduceMean", EFFECT_REDUCE},
    {"ReduceSum", EFFECT_REDUCE},
    {"ReduceMax", EFFECT_REDUCE},
    {"ReduceMin", EFFECT_REDUCE},
    {"ReduceL1", EFFECT_REDUCE},
    {"ReduceL2", EFFECT_REDUCE},
    {"ReduceProd", EFFECT_REDUCE},
    {"ReduceSumSquare", EFFECT_REDUCE},
    {"ReduceLogSum", EFFECT_REDUCE},
    {"ReduceLogSumExp", EFFECT_REDUCE},
    {"MatMul", EFFECT_PRODUCT},
    {"Gemm", EFFECT_PRODUCT},
    {"Einsum", EFFECT_PRODUCT},
    {"InstanceNormalization", EFFECT_WHOLE},
    {"GroupNormalization", EFFECT_WHOLE},
    {"LayerNormalization", EFFECT_WHOLE},
    {"MeanVarianceNormalization", EFFECT_WHOLE},
    {"GlobalAveragePool", EFFECT_WHOLE},
    {"GlobalMaxPool", EFFECT_WHOLE},
    {"GlobalLpPool", EFFECT_WHOLE},
    {"DFT", EFFECT_WHOLE},
    {"CumSum", EFFECT_WHOLE},
    {"NonZero", EFFECT_WHOLE},
    {"TopK", EFFECT_WHOLE},
    {"Attention", EFFECT_WHOLE},
    {"LSTM", EFFECT_WHOLE},
    {"GRU", EFFECT_WHOLE},
    {"RNN", EFFECT_WHOLE},
    {"Shape", EFFECT_BLIND},
    {"Size", EFFECT_BLIND},
    {"Slice", EFFECT_SLICE},
    {"Reshape", EFFECT_UNKNOWN}, /* perhaps a shuffle of pixels */
    {"Flatten", EFFECT_UNKNOWN},
    {"Gather", EFFECT_UNKNOWN},
    {"GatherND", EFFECT_UNKNOWN},
    {"GridSample", EFFECT_UNKNOWN},
    {"DeformConv", EFFECT_UNKNOWN},
    {"If", EFFECT_UNKNOWN},
    {"Loop", EFFECT_UNKNOWN},
    {"Scan", EFFECT_UNKNOWN},
};

static enum effect effect_of(const struct node *node) {
    if (node->domain[0])
        return EFFECT_UNKNOWN;
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++)
        if (strcmp(effects[i].name, node->op_type) == 0)
            return effects[i].effect;
    return EFFECT_NONE;
}

static void settle(struct analysis *a, const struct node *node, enum reach_kind kind) {
    struct reach *reach = a->reach;
    if (reach->kind == REACH_WHOLE || reach->kind == kind)
        return;
    reach->kind = kind;
    snprintf(reach->node, sizeof reach->node, "%.40s \"%.48s\"", node->op_type, node->name);
}

/* Means over channels alone look at one place. */
static bool reduces_channels_only(const struct analysis *a, const struct node *node) {
    const struct attribute *axes = find_attribute(node, "axes");
    if (axes && axes->type == ATTRIBUTE_INTS)
        return axes->count == 1 && axes->ints[0] == 1;
    const struct tensor *tensor = constant_input(a->graph, node, 1);
    int64_t axis;
    if (!tensor || tensor->dtype != DTYPE_INT64 || tensor_elements(tensor) != 1 || !tensor->data)
        return false;
    memcpy(&axis, tensor->data, sizeof axis);
    return axis == 1;
}

static void see_window(const struct analysis *a, const struct node *node, bool transposed, struct sight *sight) {
    const double stride = (double)largest_int(node, "strides", 1);
    const double span = (double)(kernel_size(a->graph, node) - 1) * (double)largest_int(node, "dilations", 1);
    if (!(stride >= 1 && span >= 0))
        return;
    if (transposed) {
        sight->radius += (span + stride) / (2 * stride) * sight->step + (stride > 1 ? sight->step / 2 : 0);
        sight->step /= stride;
    } else {
        sight->radius += ceil(span / 2) * sight->step;
        sight->step *= stride;
    }
}

/* The factor that Resize or Upsample enlarges rows by, or 0 when the model computes it. */
static double resize_factor(const struct analysis *a, const struct node *node) {
    const struct attribute *attribute = find_attribute(node, "scales");
    if (attribute && attribute->type == ATTRIBUTE_FLOATS && attribute->count)
        return (double)attribute->floats[attribute->count - 1];
    const struct tensor *tensor = constant_input(a->graph, node, strcmp(node->op_type, "Resize") == 0 ? 2 : 1);
    const int64_t count = tensor ? tensor_elements(tensor) : 0;
    float factor;
    if (count < 1 || tensor->dtype != DTYPE_FLOAT || !tensor->data)
        return 0;
    memcpy(&factor, (const char *)tensor->data + (size_t)(count - 1) * sizeof factor, sizeof factor);
    return (double)factor;
}

static void see_blocks(const struct node *node, struct sight *sight) {
    const struct attribute *attribute = find_attribute(node, "blocksize");
    const double size = attribute && attribute->type == ATTRIBUTE_INT ? (double)attribute->i : 1;
    const bool smaller = strcmp(node->op_type, "SpaceToDepth") == 0;
    if (size < 1)
        return;
    sight->radius += sight->step * size;
    sight->step = smaller ? sight->step * size : sight->step / size;
}

/* A Slice that leaves pixels out makes steps larger; one that does not is a crop. */
static bool skips(const struct analysis *a, const struct node *node) {
    if (node->input_count < 5 || node->inputs[4] == NO_VALUE)
        return false;
    const struct tensor *steps = constant_input(a->graph, node, 4);
    const int64_t count = steps && steps->dtype == DTYPE_INT64 && steps->data ? tensor_elements(steps) : -1;
    for (int64_t i = 0; i < count; i++) {
        int64_t step;
        memcpy(&step, (const char *)steps->data + (size_t)i * sizeof step, sizeof step);
        if (step != 1)
            return true;
    }
    return count < 0;
}

static int seeing_inputs(const struct analysis *a, const struct node *node) {
    int count = 0;
    for (int i = 0; i < node->input_count; i++)
        count += node->inputs[i] != NO_VALUE && a->sights[node->inputs[i]].sees;
    return count;
}

static void see_node(struct analysis *a, const struct node *node, struct sight *sight) {
    const enum effect effect = effect_of(node);
    if (effect == EFFECT_WINDOW || effect == EFFECT_TRANSPOSED)
        see_window(a, node, effect == EFFECT_TRANSPOSED, sight);
    else if (effect == EFFECT_BLOCKS)
        see_blocks(node, sight);
    else if (effect == EFFECT_RESIZE) {
        const double factor = resize_factor(a, node);
        if (factor > 0) {
            sight->radius += 2 * sight->step;
            sight->step /= factor;
        } else {
            settle(a, node, REACH_UNKNOWN);
        }
    } else if (effect == EFFECT_WHOLE || (effect == EFFECT_REDUCE && !reduces_channels_only(a, node)) ||
               (effect == EFFECT_PRODUCT && seeing_inputs(a, node) > 1))
        settle(a, node, REACH_WHOLE);
    else if (effect == EFFECT_UNKNOWN || (effect == EFFECT_SLICE && skips(a, node)))
        settle(a, node, REACH_UNKNOWN);
}

static void pass_node(struct analysis *a, const struct node *node) {
    struct sight sight = {false, 0, 0};
    for (int i = 0; i < node->input_count; i++) {
        const struct sight *input = node->inputs[i] == NO_VALUE ? NULL : &a->sights[node->inputs[i]];
        if (!input || !input->sees)
            continue;
        sight.sees = true;
        sight.step = fmax(sight.step, input->step);
        sight.radius = fmax(sight.radius, input->radius);
    }
    if (effect_of(node) == EFFECT_BLIND)
        sight.sees = false;
    if (sight.sees)
        see_node(a, node, &sight);
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            a->sights[node->outputs[i]] = sight;
}

/* ---- the graph ---- */

static bool ends_in_tanh(const struct graph *graph) {
    int value = graph->output_count ? graph->outputs[0] : NO_VALUE;
    while (value != NO_VALUE && graph->values[value].producer >= 0) {
        const struct node *node = &graph->nodes[graph->values[value].producer];
        if (strcmp(node->op_type, "Identity") != 0 && strcmp(node->op_type, "Cast") != 0)
            return strcmp(node->op_type, "Tanh") == 0;
        value = node->input_count ? node->inputs[0] : NO_VALUE;
    }
    return false;
}

status reach_find(const struct onnx_model *model, struct reach *reach, struct error *err) {
    const struct graph *graph = model->graph;
    *reach = (struct reach){.kind = REACH_LOCAL, .ends_in_tanh = ends_in_tanh(graph)};
    struct analysis a = {graph, calloc((size_t)graph->value_count + 1, sizeof(struct sight)), reach};
    if (!a.sights)
        return fail_memory(err, "the look at a model");
    for (int i = 0; i < graph->input_count; i++)
        if (!graph->values[graph->inputs[i]].initializer)
            a.sights[graph->inputs[i]] = (struct sight){true, 1, 0};
    for (int i = 0; i < graph->node_count; i++)
        pass_node(&a, &graph->nodes[i]);
    for (int i = 0; i < graph->output_count; i++)
        reach->pixels = fmax(reach->pixels, a.sights[graph->outputs[i]].radius);
    free(a.sights);
    return STATUS_OK;
}
