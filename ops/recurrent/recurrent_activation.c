#include "ops/recurrent/recurrent_activation.h"

#include "ops/kernels/math.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    bool takes_alpha, takes_beta;
    float alpha, beta;
} functions[GATE_FUNCTIONS] = {
    [GATE_RELU] = {"Relu", false, false, 0, 0},
    [GATE_TANH] = {"Tanh", false, false, 0, 0},
    [GATE_SIGMOID] = {"Sigmoid", false, false, 0, 0},
    [GATE_AFFINE] = {"Affine", true, true, 1, 0},
    [GATE_LEAKY_RELU] = {"LeakyRelu", true, false, 0.01f, 0},
    [GATE_THRESHOLDED_RELU] = {"ThresholdedRelu", true, false, 1, 0},
    [GATE_SCALED_TANH] = {"ScaledTanh", true, true, 1, 1},
    [GATE_HARD_SIGMOID] = {"HardSigmoid", true, true, 0.2f, 0.5f},
    [GATE_ELU] = {"Elu", true, false, 1, 0},
    [GATE_SOFTSIGN] = {"Softsign", false, false, 0, 0},
    [GATE_SOFTPLUS] = {"Softplus", false, false, 0, 0},
};

/* Upper and lower case do not matter, as in onnxruntime. */
static bool same_name(const struct text *text, const char *name) {
    if (text->length != strlen(name))
        return false;
    for (size_t i = 0; i < text->length; i++)
        if (tolower((unsigned char)text->bytes[i]) != tolower((unsigned char)name[i]))
            return false;
    return true;
}

static int find(const struct text *text) {
    for (int f = 0; f < GATE_FUNCTIONS; f++)
        if (same_name(text, functions[f].name))
            return f;
    return -1;
}

static void refuse(struct attributes *attributes, status code, const char *what, const struct text *text) {
    if (attributes->code == STATUS_OK)
        attributes->code = fail(attributes->err, code, "attribute \"activations\" %s%.*s", what,
                                text ? (int)(text->length < 40 ? text->length : 40) : 0, text ? text->bytes : "");
}

void recurrent_activations(struct attributes *attributes, int count, const enum recurrent_function *defaults,
                           struct recurrent_activation *out) {
    size_t names, alphas, betas, alpha = 0, beta = 0;
    const struct text *list = attribute_texts(attributes, "activations", &names);
    const float *alpha_list = attribute_floats(attributes, "activation_alpha", &alphas);
    const float *beta_list = attribute_floats(attributes, "activation_beta", &betas);
    if (names != 0 && names != (size_t)count) {
        refuse(attributes, STATUS_INVALID_MODEL, "has not as many functions as the layer", NULL);
        return;
    }
    for (int i = 0; i < count; i++) {
        const int f = names ? find(&list[i]) : (int)defaults[i];
        if (f < 0) {
            refuse(attributes, STATUS_UNSUPPORTED, "has a function that is not known: ", &list[i]);
            return;
        }
        out[i] = (struct recurrent_activation){(enum recurrent_function)f, functions[f].alpha, functions[f].beta};
        if (functions[f].takes_alpha && alpha < alphas)
            out[i].alpha = alpha_list[alpha++];
        if (functions[f].takes_beta && beta < betas)
            out[i].beta = beta_list[beta++];
    }
}

static double activate(const struct recurrent_activation *activation, double x) {
    const double alpha = activation->alpha, beta = activation->beta;
    switch (activation->function) {
    case GATE_RELU:
        return x < 0 ? 0 : x;
    case GATE_TANH:
        return tanh(x);
    case GATE_SIGMOID:
        return 1 / (1 + exp(-x));
    case GATE_AFFINE:
        return alpha * x + beta;
    case GATE_LEAKY_RELU:
        return x < 0 ? alpha * x : x;
    case GATE_THRESHOLDED_RELU:
        return x > alpha || isnan(x) ? x : 0;
    case GATE_SCALED_TANH:
        return alpha * tanh(beta * x);
    case GATE_HARD_SIGMOID:
        return isnan(x) ? x : fmax(0, fmin(1, alpha * x + beta));
    case GATE_ELU:
        return x < 0 ? alpha * expm1(x) : x;
    case GATE_SOFTSIGN:
        return x / (1 + fabs(x));
    default:
        return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
    }
}

void recurrent_activate_float(const struct kernels *kernels, const struct recurrent_activation *activation, float *x,
                              int64_t count) {
    static const enum math_function maps[GATE_FUNCTIONS] = {[GATE_RELU] = MATH_RELU,
                                                            [GATE_TANH] = MATH_TANH,
                                                            [GATE_SIGMOID] = MATH_SIGMOID,
                                                            [GATE_SOFTPLUS] = MATH_SOFTPLUS};
    math_map *map = kernels->math->map[maps[activation->function]];
    if (map)
        map(x, x, (size_t)count, activation->alpha, activation->beta);
    for (int64_t i = 0; i < count && !map; i++)
        x[i] = (float)activate(activation, (double)x[i]);
}

void recurrent_activate_double(const struct kernels *kernels, const struct recurrent_activation *activation, double *x,
                               int64_t count) {
    (void)kernels;
    for (int64_t i = 0; i < count; i++)
        x[i] = activate(activation, x[i]);
}
