#include "ops/core/activation.h"

#include "ops/kernels/math.h"

#include <string.h>

void activation_run(const struct kernels *kernels, const struct activation *activation, float *data, size_t count) {
    static const enum math_function functions[] = {
        [ACTIVATION_RELU] = MATH_RELU,       [ACTIVATION_LEAKY_RELU] = MATH_LEAKY_RELU,
        [ACTIVATION_SIGMOID] = MATH_SIGMOID, [ACTIVATION_TANH] = MATH_TANH,
        [ACTIVATION_CLIP] = MATH_CLIP,
    };
    if (activation->kind != ACTIVATION_NONE)
        kernels->math->map[functions[activation->kind]](data, data, count, activation->alpha, activation->beta);
}

int activation_kind(const char *op_type) {
    static const struct {
        const char *name;
        enum activation_kind kind;
    } kinds[] = {{"Relu", ACTIVATION_RELU},
                 {"LeakyRelu", ACTIVATION_LEAKY_RELU},
                 {"Sigmoid", ACTIVATION_SIGMOID},
                 {"Tanh", ACTIVATION_TANH},
                 {"Clip", ACTIVATION_CLIP}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(op_type, kinds[i].name) == 0)
            return (int)kinds[i].kind;
    return -1;
}
