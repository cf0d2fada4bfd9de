/* A convolution on channel blocks with forced choices, and its reference in double precision. */
#ifndef LIMNER_TESTS_SUPPORT_FORCED_LAYER_H
#define LIMNER_TESTS_SUPPORT_FORCED_LAYER_H

#include "tests/support/node_call.h"
#include "tests/support/reference_conv.h"

#include "ops/blocked/blocked.h"

struct forced_layer {
    struct conv_problem problem;
    bool plain_input, plain_output; /* plain tensors of few channels; else channel blocks */
    struct forced_choices forced;
    struct tensor *w, *bias, *scale; /* NULL: none of the last two; constant, owned */
    struct kernels kernels;          /* that point to `forced`, once the layer is made */
};

/* Random weights for a layer whose problem, kinds of tensors and forced choices are set. */
void layer_make(struct forced_layer *layer, struct random *random);
void layer_free(struct forced_layer *layer);
/* "Conv 3x3, ..." and the forced choices. */
void layer_describe(const struct forced_layer *layer, char text[512]);

/* Random inputs: plain for the reference, and as the layer reads them. */
struct forced_input {
    double *wide;
    struct tensor *read;
};
struct forced_input layer_input(const struct forced_layer *layer, struct random *random);
void layer_input_free(struct forced_input *input);

/*
 * Puts numbers into some inputs, and some weights, that are far above all others or not finite. Takes the activation
 * away: what it makes of NaN is another matter.
 */
void layer_spoil(struct forced_layer *layer, struct forced_input *input, struct random *random);

status layer_prepare(struct node_call *call, const struct forced_layer *layer, const struct tensor *x, int threads,
                     struct weight_cache *weights);
/* What a call's output holds, [batch][channel][pixel], and how many numbers; frees the output's data. */
float *layer_take(struct node_call *call, const struct forced_layer *layer, size_t *count);
/* The reference for an input; the caller frees it. */
double *layer_reference(const struct forced_layer *layer, const double *x, double *range);
/* Of every output, the sum of the absolute products and bias: what its error is measured by. The caller frees it. */
double *layer_magnitudes(const struct forced_layer *layer, const double *x);

#endif
