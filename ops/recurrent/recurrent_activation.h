/* The functions of recurrent layers' gates, as their attributes name them. */
#ifndef LIMNER_OPS_RECURRENT_RECURRENT_ACTIVATION_H
#define LIMNER_OPS_RECURRENT_RECURRENT_ACTIVATION_H

#include "ops/core/attributes.h"

enum recurrent_function {
    GATE_RELU,
    GATE_TANH,
    GATE_SIGMOID,
    GATE_AFFINE,
    GATE_LEAKY_RELU,
    GATE_THRESHOLDED_RELU,
    GATE_SCALED_TANH,
    GATE_HARD_SIGMOID,
    GATE_ELU,
    GATE_SOFTSIGN,
    GATE_SOFTPLUS,
    GATE_FUNCTIONS
};

struct recurrent_activation {
    enum recurrent_function function;
    float alpha, beta;
};

/* Attributes "activations", "activation_alpha", "activation_beta": `count` functions, or these without. The numbers go
 * to the functions that take some, in order; those that none is left for have the defaults of their ONNX operators. */
void recurrent_activations(struct attributes *attributes, int count, const enum recurrent_function *defaults,
                           struct recurrent_activation *out);

/* In place. */
void recurrent_activate_float(const struct kernels *kernels, const struct recurrent_activation *activation, float *x,
                              int64_t count);
void recurrent_activate_double(const struct kernels *kernels, const struct recurrent_activation *activation, double *x,
                               int64_t count);

#endif
