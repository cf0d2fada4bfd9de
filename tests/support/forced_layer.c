#include "tests/support/forced_layer.h"

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
