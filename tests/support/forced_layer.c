#include "tests/support/forced_layer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tensor *constant(struct tensor *tensor, struct random *random) {
    test_fill(tensor, random);
    tensor->constant = true;
    return tensor;
}

void layer_make(struct forced_layer *layer, struct random *random) {
    const struct conv_problem *p = &layer->problem;
    const int in = (int)(p->in * p->group), out = (int)(p->out * p->group);
    const int first = p->transposed ? in : out, second = (int)(p->transposed ? p->out : p->in);
    layer->w = constant(test_tensor(DTYPE_FLOAT, 4, first, second, (int)p->kernel[0], (int)p->kernel[1]), random);
    layer->bias = random_int(random, 0, 2) ? constant(test_tensor(DTYPE_FLOAT, 1, out), random) : NULL;
    layer->scale = random_int(random, 0, 2) ? NULL : constant(test_tensor(DTYPE_FLOAT, 1, out), random);
    layer->kernels = *test_kernels();
    layer->kernels.forced = &layer->forced;
}

void layer_free(struct forced_layer *layer) {
    test_tensor_free(layer->w);
    if (layer->bias)
        test_tensor_free(layer->bias);
    if (layer->scale)
        test_tensor_free(layer->scale);
}

void layer_describe(const struct forced_layer *layer, char text[512]) {
    const struct conv_problem *p = &layer->problem;
    const struct forced_choices *f = &layer->forced;
#define N(number) ((long long)(number))
    snprintf(
        text, 512,
        "%s %lldx%lld, stride %lld,%lld, dilation %lld,%lld, pads %lld,%lld,%lld,%lld, batch %lld, group %lld, "
        "%lld to %lld channels, %lldx%lld, border %d %s; kinds %x,%x weights %x shared %d independent %d panel %lld "
        "k_slice %lld k_block %lld tile_group %lld segment %lld grids %lld images %lld; depth %lld positions %lld "
        "together %d parts %d; rows %lld columns %lld; row_tile %lld band %lld",
        p->transposed ? "ConvTranspose" : "Conv", N(p->kernel[0]), N(p->kernel[1]), N(p->stride[0]), N(p->stride[1]),
        N(p->dilation[0]), N(p->dilation[1]), N(p->pads[0]), N(p->pads[1]), N(p->pads[2]), N(p->pads[3]), N(p->batch),
        N(p->group), N(p->in), N(p->out), N(p->size[0]), N(p->size[1]), p->border, p->activation, f->kinds[0],
        f->kinds[1], f->weights, f->shared, f->independent, N(f->panel), N(f->k_slice), N(f->k_block), N(f->tile_group),
        N(f->segment), N(f->grids), N(f->images), N(f->depth), N(f->macro_positions), f->phases_together, f->parts,
        N(f->rows_together), N(f->band_columns), N(f->row_tile), N(f->band));
#undef N
}

/* Channel blocks of a plain tensor; surplus lanes are random numbers that must not matter. */
static struct tensor *to_blocks(const struct tensor *x, struct random *random) {
    const int64_t *dims = x->shape.dims, channels = dims[1], blocks = channel_blocks(channels);
    const int64_t plane = dims[2] * dims[3];
    struct tensor *y =
        test_tensor(DTYPE_FLOAT, 5, (int)dims[0], (int)blocks, (int)dims[2], (int)dims[3], CHANNEL_BLOCK);
    float *to = y->data;
    const float *from = x->data;
    test_fill(y, random);
    for (int64_t i = 0; i < dims[0] * channels; i++) {
        const int64_t channel = i % channels, row = i / channels * blocks + channel / CHANNEL_BLOCK;
        for (int64_t k = 0; k < plane; k++)
            to[(row * plane + k) * CHANNEL_BLOCK + channel % CHANNEL_BLOCK] = from[i * plane + k];
    }
    return y;
}

struct forced_input layer_input(const struct forced_layer *layer, struct random *random) {
    const struct conv_problem *p = &layer->problem;
    struct tensor *x =
        test_tensor(DTYPE_FLOAT, 4, (int)p->batch, (int)(p->in * p->group), (int)p->size[0], (int)p->size[1]);
    const size_t count = (size_t)tensor_elements(x);
    struct forced_input input = {.wide = calloc(count + 1, sizeof *input.wide), .read = x};
    assert_non_null(input.wide);
    test_fill(x, random);
    for (size_t i = 0; i < count; i++)
        input.wide[i] = (double)((const float *)x->data)[i];
    if (!layer->plain_input) {
        input.read = to_blocks(x, random);
        test_tensor_free(x);
    }
    return input;
}

/* Where the layer reads a number of [batch][channel][pixel]. */
static float *input_place(const struct forced_layer *layer, const struct forced_input *input, int64_t i) {
    const struct conv_problem *p = &layer->problem;
    const int64_t plane = p->size[0] * p->size[1], channels = p->in * p->group, channel = i / plane % channels;
    const int64_t row = i / plane / channels * channel_blocks(channels) + channel / CHANNEL_BLOCK;
    float *data = input->read->data;
    return layer->plain_input ? data + i : data + (row * plane + i % plane) * CHANNEL_BLOCK + channel % CHANNEL_BLOCK;
}

void layer_spoil(struct forced_layer *layer, struct forced_input *input, struct random *random) {
    static const float values[] = {NAN, INFINITY, -INFINITY, 3e38f, -1e20f, 1e10f, 65504, -1000, 100};
    static const float large[] = {1e4f, -1e10f, 1e20f};
    const struct conv_problem *p = &layer->problem;
    const int64_t inputs = p->batch * p->in * p->group * p->size[0] * p->size[1], weights = tensor_elements(layer->w);
    const bool in_weights = random_int(random, 0, 2) == 0;
    layer->problem.activation = "";
    for (int64_t i = 0; i < random_int(random, 1, 3) && inputs > 0 && !in_weights; i++) {
        const int64_t at = random_int(random, 0, inputs - 1);
        const float value = values[random_int(random, 0, sizeof values / sizeof *values - 1)];
        input->wide[at] = (double)value;
        *input_place(layer, input, at) = value;
    }
    for (int64_t i = 0; i < random_int(random, 1, 2) && in_weights; i++)
        ((float *)layer->w->data)[random_int(random, 0, weights - 1)] = large[random_int(random, 0, 2)];
}

void layer_input_free(struct forced_input *input) {
    free(input->wide);
    test_tensor_free(input->read);
}

static void make_node(struct test_node *node, const struct forced_layer *layer) {
    static const float slope[] = {REFERENCE_SLOPE}, ends[] = {-1, 1};
    static const char *const borders[] = {"constant", "reflect", "edge"};
    const struct conv_problem *p = &layer->problem;
    test_node_init(node, p->transposed ? "BlockedConvTranspose" : "BlockedConv", 4, 1);
    node->node.domain = "limner";
    test_node_int(node, "group", p->group);
    test_node_ints(node, "strides", p->stride, 2);
    test_node_ints(node, "dilations", p->dilation, 2);
    test_node_ints(node, "pads", p->pads, 4);
    test_node_text(node, "border", borders[p->border]);
    test_node_int(node, "blocked_input", !layer->plain_input);
    test_node_int(node, "blocked_output", !layer->plain_output);
    if (p->transposed)
        test_node_ints(node, "output_padding", p->output_padding, 2);
    if (!*p->activation)
        return;
    test_node_text(node, "activation", p->activation);
    if (strcmp(p->activation, "Clip") == 0)
        test_node_floats(node, "activation_params", ends, 2);
    else if (strcmp(p->activation, "LeakyRelu") == 0)
        test_node_floats(node, "activation_params", slope, 1);
}

status layer_prepare(struct node_call *call, const struct forced_layer *layer, const struct tensor *x, int threads,
                     struct weight_cache *weights) {
    struct test_node node;
    const struct tensor *inputs[] = {x, layer->w, layer->bias, layer->scale};
    make_node(&node, layer);
    return node_call_prepare(call, &node, 1, inputs, &layer->kernels, threads, weights);
}

float *layer_take(struct node_call *call, const struct forced_layer *layer, size_t *count) {
    const struct conv_problem *p = &layer->problem;
    const int64_t plane = reference_size(p, 0) * reference_size(p, 1), channels = p->out * p->group;
    const int64_t blocks = channel_blocks(channels);
    const float *from = call->output.data;
    *count = (size_t)(p->batch * channels * plane);
    float *y = malloc(*count * sizeof *y + 1);
    assert_non_null(y);
    for (int64_t i = 0; i < p->batch * channels; i++) {
        const int64_t channel = i % channels, row = i / channels * blocks + channel / CHANNEL_BLOCK;
        for (int64_t k = 0; k < plane; k++)
            y[i * plane + k] = layer->plain_output ? from[i * plane + k]
                                                   : from[(row * plane + k) * CHANNEL_BLOCK + channel % CHANNEL_BLOCK];
    }
    free(call->output.data);
    call->output.data = NULL;
    return y;
}

double *layer_reference(const struct forced_layer *layer, const double *x, double *range) {
    return reference_conv(&layer->problem, x, layer->w->data, layer->bias ? layer->bias->data : NULL,
                          layer->scale ? layer->scale->data : NULL, range);
}

/* |x|; the caller frees it. */
static float *absolute(const struct tensor *x) {
    const size_t count = (size_t)tensor_elements(x);
    float *y = malloc(count * sizeof *y + 1);
    assert_non_null(y);
    for (size_t i = 0; i < count; i++)
        y[i] = fabsf(((const float *)x->data)[i]);
    return y;
}

double *layer_magnitudes(const struct forced_layer *layer, const double *x) {
    struct conv_problem p = layer->problem;
    const size_t count = (size_t)(p.batch * p.in * p.group * p.size[0] * p.size[1]);
    float *w = absolute(layer->w), *bias = layer->bias ? absolute(layer->bias) : NULL,
          *scale = layer->scale ? absolute(layer->scale) : NULL;
    double *wide = malloc(count * sizeof *wide + 1), range;
    assert_non_null(wide);
    p.activation = "";
    for (size_t i = 0; i < count; i++)
        wide[i] = fabs(x[i]);
    double *y = reference_conv(&p, wide, w, bias, scale, &range);
    free(w);
    free(bias);
    free(scale);
    free(wide);
    return y;
}
