#include "ops/core/activation.h"

#include "ops/kernels/math.h"

#include <string.h>

void activation_run(const struct kernels *kernels, const struct activation *activation, float *data, size_t count) {
    static const enum math_function functions[] = {
        [ACTIVATION_RELU] = MATH_RELU,       [ACTIVATION_LEAKY_RELU] = MATH_LEAKY_RELU,
        [ACTIVATION_SIGMOID] = MATH_SIGMOID, [ACTIVATION_TANH] = MATH_TANH,
        [ACTIVATION_CLIP] = MATH_CLIP,       [ACTIVATION_HARD_SIGMOID] = MATH_HARD_SIGMOID,
    };
    if (activation->kind != ACTIVATION_NONE)
        kernels->math->map[functions[activation->kind]](data, data, count, activation->alpha, activation->beta);
}

static const char *const names[] = {[ACTIVATION_NONE] = "",
                                    [ACTIVATION_RELU] = "Relu",
                                    [ACTIVATION_LEAKY_RELU] = "LeakyRelu",
                                    [ACTIVATION_SIGMOID] = "Sigmoid",
                                    [ACTIVATION_TANH] = "Tanh",
                                    [ACTIVATION_CLIP] = "Clip",
                                    [ACTIVATION_HARD_SIGMOID] = "HardSigmoid"};

const char *activation_name(enum activation_kind kind) {
    return names[kind];
}

int activation_kind(const char *name) {
    for (int kind = ACTIVATION_NONE + 1; kind <= ACTIVATION_HARD_SIGMOID; kind++)
        if (strcmp(name, names[kind]) == 0)
            return kind;
    return -1;
}
