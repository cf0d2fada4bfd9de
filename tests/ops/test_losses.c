/* Losses and steps of optimizers against their formulas. */
#include "tests/support/support.h"

#include "ops/core/op.h"
#include "ops/evaluate.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CASES 80

static struct tensor *random_numbers(struct random *random, enum dtype dtype, const struct shape *shape) {
    struct tensor *tensor = test_tensor_shape(dtype, shape);
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        number_set(tensor, i, (double)random_float(random));
    return tensor;
}

/* Of element (n, c, place) of [N, C, inner]. */
static double logarithm(const struct tensor *x, bool softmax, int64_t n, int64_t c, int64_t place, int64_t inner) {
    const int64_t classes = x->shape.dims[1], at = n * classes * inner + place;
    double sum = 0;
    for (int64_t k = 0; k < classes; k++)
        sum += exp(number_get(x, at + k * inner));
    return number_get(x, at + c * inner) - (softmax ? log(sum) : 0);
}

struct loss_case {
    bool softmax;
    int reduction;
    const struct tensor *x, *label, *weights; /* weights may be NULL */
};

static void check_loss(const struct loss_case *c, const struct tensor *loss, const struct tensor *logarithms) {
    const struct shape *shape = &c->x->shape;
    const int64_t count = tensor_elements(c->label), inner = count / shape->dims[0];
    double sum = 0, weight_sum = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t chosen = (int64_t)number_get(c->label, i);
        const double weight = chosen < 0 ? 0 : c->weights ? number_get(c->weights, chosen) : 1;
        const double one = chosen < 0 ? 0 : -weight * logarithm(c->x, c->softmax, i / inner, chosen, i % inner, inner);
        sum += one;
        weight_sum += weight;
        if (c->reduction == 0)
            test_number(loss, i, one, 8, 1e-6, "loss");
    }
    if (c->reduction == 1 && weight_sum != 0)
        test_number(loss, 0, sum / weight_sum, 20, 1e-6, "mean");
    else if (c->reduction == 2)
        test_number(loss, 0, sum, 20, 1e-6, "sum");
    for (int64_t i = 0; i < tensor_elements(c->x) && c->softmax; i++)
        test_number(logarithms, i,
                    logarithm(c->x, true, i / inner / shape->dims[1], i / inner % shape->dims[1], i % inner, inner), 8,
                    1e-6, "logarithms");
}

static void test_losses(void **unused) {
    (void)unused;
    static const char *const reductions[] = {"none", "mean", "sum"};
    struct random random = random_from(test_seed() + 1);
    for (int c = 0; c < test_cases(CASES); c++) {
        const bool softmax = c % 2, weighted = c % 3 == 0, ignoring = c % 5 < 2;
        const int reduction = (int)random_int(&random, 0, 2);
        struct shape shape = {.rank = (int)random_int(&random, 2, 4)}, labels = {.rank = shape.rank - 1};
        for (int d = 0; d < shape.rank; d++) {
            shape.dims[d] = random_int(&random, 1, 6);
            if (d != 1)
                labels.dims[d ? d - 1 : 0] = shape.dims[d];
        }
        const enum dtype dtype = c % 7 ? DTYPE_FLOAT : DTYPE_DOUBLE;
        struct tensor *x = random_numbers(&random, dtype, &shape);
        struct tensor *weights = random_numbers(&random, dtype, &(struct shape){1, {shape.dims[1]}});
        struct tensor *label = test_tensor_shape(c % 4 ? DTYPE_INT64 : DTYPE_INT32, &labels);
        for (int64_t i = 0; i < tensor_elements(label); i++)
            number_set(label, i, (double)random_int(&random, ignoring ? -1 : 0, shape.dims[1] - 1));
        const struct tensor *inputs[] = {x, label, weights};
        struct tensor loss, logarithms, *outputs[] = {&loss, &logarithms};
        struct test_node node;
        test_node_init(&node, softmax ? "SoftmaxCrossEntropyLoss" : "NegativeLogLikelihoodLoss", 2 + weighted,
                       1 + softmax);
        test_node_text(&node, "reduction", reductions[reduction]);
        if (ignoring)
            test_node_int(&node, "ignore_index", -1);
        test_evaluate(&node, 13, inputs, outputs);
        check_loss(&(struct loss_case){softmax, reduction, x, label, weighted ? weights : NULL}, &loss, &logarithms);
        free(loss.data);
        if (softmax)
            free(logarithms.data);
        test_tensor_free(x);
        test_tensor_free(weights);
        test_tensor_free(label);
    }
}

static void test_wrong_label(void **unused) {
    (void)unused;
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 2, 3), *label = test_tensor(DTYPE_INT64, 1, 2);
    struct tensor *three = test_tensor(DTYPE_INT64, 1, 3);
    struct test_node node;
    test_node_init(&node, "NegativeLogLikelihoodLoss", 2, 1);
    ((int64_t *)label->data)[1] = 3;
    test_run_fails(&node, 13, (const struct tensor *[]){x, label}, STATUS_INVALID_MODEL, "label 3, expected 0 to 2");
    test_run_fails(&node, 13, (const struct tensor *[]){x, three}, STATUS_SHAPE, "do not fit together");
    test_tensor_free(x);
    test_tensor_free(label);
    test_tensor_free(three);
}

static const double norm = 0.25, alpha = 0.5, beta = 0.75, epsilon = 0.125, decay = 0.5;

/* By the formulas, from what the optimizer was given. */
static void check_steps(const char *name, int history, int64_t count, struct tensor *const *in,
                        const struct tensor *out) {
    const double r = number_get(in[0], 0), n = (double)count;
    for (int t = 0; t < 2; t++)
        for (int64_t i = 0; i < 15; i++) {
            const double x = number_get(in[2 + t], i), g = norm * x + number_get(in[4 + t], i);
            double first = number_get(in[6 + t], i), second = 0, next;
            if (strcmp(name, "Adagrad") == 0) {
                first += g * g;
                next = x - r / (1 + n * decay) * g / (sqrt(first) + epsilon);
            } else if (history == 2) {
                first = alpha * first + (1 - alpha) * g;
                second = beta * number_get(in[8 + t], i) + (1 - beta) * g * g;
                const double adjusted = count > 0 ? r * sqrt(1 - pow(beta, n)) / (1 - pow(alpha, n)) : r;
                next = x - adjusted * first / (sqrt(second) + epsilon);
            } else {
                first = alpha * first + (count > 0 ? beta : 1) * g;
                next = x - r * (count % 2 ? g + alpha * first : first);
            }
            test_number(&out[t], i, next, 4, 1e-6, name);
            test_number(&out[2 + t], i, first, 4, 1e-6, name);
            if (history == 2)
                test_number(&out[4 + t], i, second, 4, 1e-6, name);
        }
}

/* Two tensors at once: each goes by itself. */
static void check_optimizer(const char *name, int history, int64_t count, struct random *random) {
    const struct shape scalar = {.rank = 0}, shape = {2, {3, 5}};
    struct tensor *rate = random_numbers(random, DTYPE_FLOAT, &scalar), *step = test_tensor(DTYPE_INT64, 0);
    struct tensor *in[10] = {rate, step}, out[6], *outputs[6];
    const int inputs = 2 + 2 * (2 + history), output_count = 2 * (1 + history);
    *(int64_t *)step->data = count;
    for (int i = 2; i < inputs; i++) {
        in[i] = random_numbers(random, DTYPE_FLOAT, &shape);
        for (int64_t k = 0; i >= 6 && k < 15; k++)
            number_set(in[i], k, fabs(number_get(in[i], k)));
    }
    for (int i = 0; i < output_count; i++)
        outputs[i] = &out[i];
    struct test_node node;
    test_node_init(&node, name, inputs, output_count);
    node.node.domain = "ai.onnx.preview.training";
    test_node_float(&node, "norm_coefficient", (float)norm);
    if (strcmp(name, "Momentum") == 0)
        test_node_text(&node, "mode", count % 2 ? "nesterov" : "standard");
    else
        test_node_float(&node, "epsilon", (float)epsilon);
    if (strcmp(name, "Adagrad") == 0) {
        test_node_float(&node, "decay_factor", (float)decay);
    } else {
        test_node_float(&node, "alpha", (float)alpha);
        test_node_float(&node, "beta", (float)beta);
    }
    test_evaluate(&node, 1, (const struct tensor *const *)in, outputs);
    check_steps(name, history, count, in, out);
    for (int i = 0; i < inputs; i++)
        test_tensor_free(in[i]);
    for (int i = 0; i < output_count; i++)
        free(out[i].data);
}

static void test_optimizers(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 2);
    for (int64_t count = 0; count < 4; count++) {
        check_optimizer("Adagrad", 1, count, &random);
        check_optimizer("Adam", 2, count, &random);
        check_optimizer("Momentum", 1, count, &random);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_losses), cmocka_unit_test(test_wrong_label),
                                       cmocka_unit_test(test_optimizers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
