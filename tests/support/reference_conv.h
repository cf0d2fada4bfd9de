/* Convolutions straight from their definition, in double precision: what every algorithm is compared with. */
#ifndef LIMNER_TESTS_SUPPORT_REFERENCE_CONV_H
#define LIMNER_TESTS_SUPPORT_REFERENCE_CONV_H

#include "tests/support/support.h"

#include "ops/conv/window.h"

/* Channels are those of a group; pads as ONNX lists them. */
struct conv_problem {
    bool transposed;
    int64_t kernel[2], stride[2], dilation[2], pads[4], output_padding[2], size[2];
    int64_t batch, group, in, out;
    enum border border;
    const char *activation; /* "", "Relu", "LeakyRelu" with REFERENCE_SLOPE, "Clip" to -1..1, "Tanh" */
};
#define REFERENCE_SLOPE 0.2f

/* Rows and columns of the output; may not be above 0. */
int64_t reference_size(const struct conv_problem *problem, int d);
/*
 * y[batch][group * out][rows][columns] of x[batch][group * in][size] and weights as ONNX has them, bias and scale (of
 * every output channel; NULL: none). Sets the largest absolute sum before the activation. The caller frees it.
 */
double *reference_conv(const struct conv_problem *problem, const double *x, const float *w, const float *bias,
                       const float *scale, double *range);

#endif
