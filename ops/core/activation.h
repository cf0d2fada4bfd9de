/* Activations that may close a convolution: one definition each, shared with the unary operators bit for bit. */
#ifndef LIMNER_OPS_CORE_ACTIVATION_H
#define LIMNER_OPS_CORE_ACTIVATION_H

#include "ops/kernels/kernels.h"

#include <stddef.h>

enum activation_kind {
    ACTIVATION_NONE,
    ACTIVATION_RELU,
    ACTIVATION_LEAKY_RELU,
    ACTIVATION_SIGMOID,
    ACTIVATION_TANH,
    ACTIVATION_CLIP,
    ACTIVATION_HARD_SIGMOID
};

struct activation {
    enum activation_kind kind;
    float alpha; /* LEAKY_RELU: slope below zero; CLIP: smallest value; HARD_SIGMOID: slope */
    float beta;  /* CLIP: largest value; HARD_SIGMOID: at 0 */
};

/* In place over data[count]; one thread. NaN stays NaN. Every element's result depends on that element alone, not on
 * the level. */
void activation_run(const struct kernels *kernels, const struct activation *activation, float *data, size_t count);

/* Kind of the ONNX operator of that name (default domain), or -1: "Relu", "LeakyRelu", "Sigmoid", "Tanh", "Clip",
 * "HardSigmoid". */
int activation_kind(const char *name);
/* The other way round; "" for none. */
const char *activation_name(enum activation_kind kind);

#endif
