/* RNN, LSTM and GRU against the specification's equations, number by number in double precision. */
#include "tests/support/support.h"

#include "ops/core/op.h"
#include "ops/evaluate.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CASES 90
#define MOST 40 /* numbers of a state */

enum kind { RNN, LSTM, GRU };
static const char *const names[] = {"RNN", "LSTM", "GRU"};
static const int gate_counts[] = {1, 4, 3};

struct layer {
    enum kind kind;
    int64_t steps, batch, inputs, hidden, directions;
    bool backward, batch_first, coupled, linear;
    double clip, alpha; /* alpha of LeakyRelu in the place of the last function; 0: the usual ones */
    struct tensor *in[8], out[3];
};

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static double clipped(const struct layer *l, double x) {
    return l->clip > 0 ? fmax(-l->clip, fmin(l->clip, x)) : x;
}

/* The function that is the last of the list. */
static double last(const struct layer *l, double x) {
    return l->alpha == 0 ? tanh(x) : x < 0 ? l->alpha * x : x;
}

static double bias(const struct layer *l, int64_t d, int64_t i) {
    return l->in[3] ? number_get(l->in[3], d * 2 * gate_counts[l->kind] * l->hidden + i) : 0;
}

/* x . W[row] + h . R[row], without biases. */
static double product(const struct layer *l, int input, int64_t d, int64_t row, const double *x, int64_t count) {
    double sum = 0;
    for (int64_t k = 0; k < count; k++)
        sum += x[k] * number_get(l->in[input], (d * gate_counts[l->kind] * l->hidden + row) * count + k);
    return sum;
}

static double gate(const struct layer *l, int64_t d, int64_t row, const double *x, const double *h) {
    return product(l, 1, d, row, x, l->inputs) + product(l, 2, d, row, h, l->hidden) + bias(l, d, row) +
           bias(l, d, gate_counts[l->kind] * l->hidden + row);
}

static double peephole(const struct layer *l, int64_t d, int which, int64_t i, double c) {
    return l->in[7] ? number_get(l->in[7], (d * 3 + which) * l->hidden + i) * c : 0;
}

static void step_lstm(const struct layer *l, int64_t d, const double *x, const double *h, double *c, double *next) {
    const int64_t n = l->hidden;
    for (int64_t i = 0; i < n; i++) {
        const double in = sigmoid(clipped(l, gate(l, d, i, x, h) + peephole(l, d, 0, i, c[i])));
        const double forget =
            l->coupled ? 1 - in : sigmoid(clipped(l, gate(l, d, 2 * n + i, x, h) + peephole(l, d, 2, i, c[i])));
        const double change = tanh(clipped(l, gate(l, d, 3 * n + i, x, h)));
        c[i] = forget * c[i] + in * change;
        next[i] = sigmoid(clipped(l, gate(l, d, n + i, x, h) + peephole(l, d, 1, i, c[i]))) * last(l, c[i]);
    }
}

static void step_gru(const struct layer *l, int64_t d, const double *x, const double *h, double *next) {
    const int64_t n = l->hidden;
    double reset[MOST], left[MOST];
    for (int64_t i = 0; i < n; i++) {
        reset[i] = sigmoid(clipped(l, gate(l, d, n + i, x, h)));
        left[i] = reset[i] * h[i];
    }
    for (int64_t i = 0; i < n; i++) {
        const double update = sigmoid(clipped(l, gate(l, d, i, x, h))), own = bias(l, d, 5 * n + i);
        const double rest = l->linear ? reset[i] * (product(l, 2, d, 2 * n + i, h, n) + own)
                                      : product(l, 2, d, 2 * n + i, left, n) + own;
        const double change =
            last(l, clipped(l, product(l, 1, d, 2 * n + i, x, l->inputs) + bias(l, d, 2 * n + i) + rest));
        next[i] = (1 - update) * change + update * h[i];
    }
}

static int64_t state_at(const struct layer *l, int64_t d, int64_t b) {
    return (l->batch_first ? b * l->directions + d : d * l->batch + b) * l->hidden;
}

static void check_sequence(const struct layer *l, int64_t d, int64_t b) {
    const int64_t n = l->hidden, length = l->in[4] ? ((const int32_t *)l->in[4]->data)[b] : l->steps;
    double h[MOST] = {0}, c[MOST] = {0}, next[MOST], x[MOST];
    for (int64_t i = 0; i < n; i++) {
        h[i] = l->in[5] ? number_get(l->in[5], state_at(l, d, b) + i) : 0;
        c[i] = l->in[6] ? number_get(l->in[6], state_at(l, d, b) + i) : 0;
    }
    for (int64_t s = 0; s < l->steps; s++) {
        const int64_t t = s >= length ? s : d == 1 || l->backward ? length - 1 - s : s;
        const int64_t at = l->batch_first ? b * l->steps + t : t * l->batch + b;
        for (int64_t k = 0; k < l->inputs; k++)
            x[k] = number_get(l->in[0], at * l->inputs + k);
        if (l->kind == LSTM)
            step_lstm(l, d, x, h, c, next);
        else if (l->kind == GRU)
            step_gru(l, d, x, h, next);
        else
            for (int64_t i = 0; i < n; i++)
                next[i] = last(l, clipped(l, gate(l, d, i, x, h)));
        if (s < length)
            memcpy(h, next, sizeof h);
        const int64_t place = l->batch_first ? ((b * l->steps + t) * l->directions + d) * n
                                             : ((t * l->directions + d) * l->batch + b) * n;
        for (int64_t i = 0; i < n; i++)
            test_number(&l->out[0], place + i, s < length ? h[i] : 0, 100, 3e-6, names[l->kind]);
        for (int64_t i = 0; i < n && s + 1 == length; i++) {
            test_number(&l->out[1], state_at(l, d, b) + i, h[i], 100, 3e-6, "state");
            if (l->kind == LSTM)
                test_number(&l->out[2], state_at(l, d, b) + i, c[i], 100, 3e-6, "cell");
        }
    }
}

static struct tensor *random_numbers(struct random *random, enum dtype dtype, int rank, const int64_t *dims,
                                     bool constant) {
    struct shape shape = {.rank = rank};
    memcpy(shape.dims, dims, (size_t)rank * sizeof *dims);
    struct tensor *tensor = test_tensor_shape(dtype, &shape);
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        number_set(tensor, i, (double)random_float(random) * 0.4);
    tensor->constant = constant;
    return tensor;
}

static struct layer random_layer(struct random *random) {
    struct layer l = {.kind = (enum kind)random_int(random, 0, 2),
                      .steps = random_int(random, 1, 6),
                      .batch = random_int(random, 1, 20),
                      .inputs = random_int(random, 1, 9),
                      .hidden = random_int(random, 1, MOST),
                      .directions = random_int(random, 1, 2),
                      .batch_first = random_int(random, 0, 1),
                      .clip = random_int(random, 0, 2) ? 0 : 0.25,
                      .alpha = random_int(random, 0, 2) ? 0 : 0.125};
    const enum dtype dtype = random_int(random, 0, 3) ? DTYPE_FLOAT : DTYPE_DOUBLE;
    const int64_t d = l.directions, h = l.hidden, all = gate_counts[l.kind] * h;
    const bool constant = random_int(random, 0, 1);
    l.backward = d == 1 && random_int(random, 0, 1);
    l.coupled = l.kind == LSTM && random_int(random, 0, 1);
    l.linear = l.kind == GRU && random_int(random, 0, 1);
    const int64_t x[3] = {l.batch_first ? l.batch : l.steps, l.batch_first ? l.steps : l.batch, l.inputs};
    const int64_t state[3] = {l.batch_first ? l.batch : d, l.batch_first ? d : l.batch, h};
    l.in[0] = random_numbers(random, dtype, 3, x, false);
    l.in[1] = random_numbers(random, dtype, 3, (int64_t[]){d, all, l.inputs}, constant);
    l.in[2] = random_numbers(random, dtype, 3, (int64_t[]){d, all, h}, constant);
    if (random_int(random, 0, 1))
        l.in[3] = random_numbers(random, dtype, 2, (int64_t[]){d, 2 * all}, constant);
    if (random_int(random, 0, 1)) {
        l.in[4] = test_tensor_shape(DTYPE_INT32, &(struct shape){1, {l.batch}});
        for (int64_t b = 0; b < l.batch; b++)
            ((int32_t *)l.in[4]->data)[b] = (int32_t)random_int(random, 1, l.steps);
    }
    if (random_int(random, 0, 1))
        l.in[5] = random_numbers(random, dtype, 3, state, false);
    if (l.kind == LSTM && random_int(random, 0, 1))
        l.in[6] = random_numbers(random, dtype, 3, state, false);
    if (l.kind == LSTM && random_int(random, 0, 1))
        l.in[7] = random_numbers(random, dtype, 2, (int64_t[]){d, 3 * h}, constant);
    return l;
}

static void test_layers(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 8);
    static const struct text lists[3][6] = {
        {{"LeakyRelu", 9}, {"LeakyRelu", 9}},
        {{"Sigmoid", 7}, {"Tanh", 4}, {"LeakyRelu", 9}, {"Sigmoid", 7}, {"Tanh", 4}, {"LeakyRelu", 9}},
        {{"Sigmoid", 7}, {"LeakyRelu", 9}, {"Sigmoid", 7}, {"LeakyRelu", 9}}};
    static const float alphas[2] = {0.125f, 0.125f};
    for (int i = 0; i < test_cases(CASES); i++) {
        struct layer l = random_layer(&random);
        struct tensor *outputs[] = {&l.out[0], &l.out[1], &l.out[2]};
        struct test_node node;
        test_node_init(&node, names[l.kind], l.kind == LSTM ? 8 : 6, l.kind == LSTM ? 3 : 2);
        test_node_text(&node, "direction", l.directions == 2 ? "bidirectional" : l.backward ? "reverse" : "forward");
        test_node_int(&node, "hidden_size", l.hidden);
        test_node_int(&node, "layout", l.batch_first);
        if (l.clip > 0)
            test_node_float(&node, "clip", (float)l.clip);
        if (l.kind == LSTM)
            test_node_int(&node, "input_forget", l.coupled);
        if (l.kind == GRU)
            test_node_int(&node, "linear_before_reset", l.linear);
        if (l.alpha != 0) {
            static const int functions[] = {1, 3, 2};
            test_node_texts(&node, "activations", lists[l.kind], (size_t)(functions[l.kind] * l.directions));
            test_node_floats(&node, "activation_alpha", alphas, (size_t)l.directions);
        }
        test_evaluate(&node, i % 2 ? 14 : 22, (const struct tensor *const *)l.in, outputs);
        for (int64_t s = 0; s < l.directions * l.batch; s++)
            check_sequence(&l, s / l.batch, s % l.batch);
        for (int k = 0; k < (l.kind == LSTM ? 3 : 2); k++)
            free(l.out[k].data);
        for (int k = 0; k < 8; k++)
            if (l.in[k])
                test_tensor_free(l.in[k]);
    }
}

static void test_refusals(void **unused) {
    (void)unused;
    struct tensor *x = test_tensor(DTYPE_FLOAT, 3, 4, 2, 3), *w = test_tensor(DTYPE_FLOAT, 3, 1, 5, 3);
    struct tensor *r = test_tensor(DTYPE_FLOAT, 3, 1, 5, 5), *lengths = test_tensor(DTYPE_INT32, 1, 2);
    static const struct text sine = {"Sine", 4};
    struct test_node node;
    test_node_init(&node, "LSTM", 3, 1);
    test_run_fails(&node, 14, (const struct tensor *[]){x, w, r}, STATUS_SHAPE,
                   "input 1 (W) is [1,5,3], expected [1,20,3]");
    test_node_init(&node, "RNN", 3, 1);
    test_node_int(&node, "hidden_size", 4);
    test_run_fails(&node, 14, (const struct tensor *[]){x, w, r}, STATUS_SHAPE, "\"hidden_size\" 4");
    test_node_init(&node, "RNN", 3, 1);
    test_node_texts(&node, "activations", &sine, 1);
    test_run_fails(&node, 14, (const struct tensor *[]){x, w, r}, STATUS_UNSUPPORTED, "Sine");
    test_node_init(&node, "RNN", 5, 1);
    ((int32_t *)lengths->data)[1] = 5;
    test_run_fails(&node, 14, (const struct tensor *[]){x, w, r, NULL, lengths}, STATUS_INVALID_MODEL,
                   "expected 0 to 4");
    test_tensor_free(x);
    test_tensor_free(w);
    test_tensor_free(r);
    test_tensor_free(lengths);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layers), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
