#include "ops/activation.h"

#include "ops/scalar.h"
#include "ops/simd.h"

#include <string.h>

#define APPLY(NAME, EXPRESSION)                                            \
    static void NAME(float *data, size_t count, float alpha, float beta) { \
        (void)alpha, (void)beta;                                           \
        SIMD for (size_t i = 0; i < count; i++) {                          \
            const float x = data[i];                                       \
            data[i] = EXPRESSION;                                          \
        }                                                                  \
    }
APPLY(apply_relu, scalar_relu(x))
APPLY(apply_leaky_relu, scalar_leaky_relu(x, alpha))
APPLY(apply_sigmoid, scalar_sigmoid(x))
APPLY(apply_tanh, scalar_tanh(x))
APPLY(apply_clip, scalar_clip(x, alpha, beta))

void activation_apply(const struct activation *activation, float *data, size_t count) {
    static void (*const apply[])(float *, size_t, float, float) = {
        [ACTIVATION_RELU] = apply_relu,       [ACTIVATION_LEAKY_RELU] = apply_leaky_relu,
        [ACTIVATION_SIGMOID] = apply_sigmoid, [ACTIVATION_TANH] = apply_tanh,
        [ACTIVATION_CLIP] = apply_clip,
    };
    if (activation->kind != ACTIVATION_NONE)
        apply[activation->kind](data, count, activation->alpha, activation->beta);
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
