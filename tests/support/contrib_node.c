#include "tests/support/contrib_node.h"

#include "ops/evaluate.h"
#include "tests/support/numbers.h"

#include <stdlib.h>
#include <string.h>

struct tensor *contrib_numbers(struct random *random, enum dtype dtype, int rank, int a, int b, int c, int d) {
    struct tensor *tensor = test_tensor(dtype, rank, a, b, c, d);
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        number_set(tensor, i,
                   dtype == DTYPE_FLOAT || dtype == DTYPE_DOUBLE ? (double)random_float(random)
                                                                 : (double)random_int(random, 0, 255));
    return tensor;
}

void contrib_free(struct tensor *const *tensors, int count) {
    for (int i = 0; i < count; i++)
        if (tensors[i])
            test_tensor_free(tensors[i]);
}

status contrib_try(const struct test_node *test, const char *domain, int opset, struct tensor *const *inputs,
                   struct tensor *const *outputs, struct error *err) {
    struct test_node copy = *test;
    copy.node.domain = domain;
    copy.node.inputs = copy.inputs;
    copy.node.outputs = copy.outputs;
    copy.node.attributes = copy.attributes;
    for (int i = 0; i < copy.node.input_count; i++)
        copy.inputs[i] = inputs[i] ? i : NO_VALUE;
    return op_evaluate(&copy.node, opset, (const struct tensor *const *)inputs, outputs, test_kernels(), 2, SIZE_MAX,
                       err);
}

void contrib_must(const struct test_node *test, const char *domain, int opset, struct tensor *const *inputs,
                  struct tensor *const *outputs) {
    struct error err;
    if (contrib_try(test, domain, opset, inputs, outputs, &err) != STATUS_OK)
        fail_msg("seed %llu: %s", (unsigned long long)test_seed(), err.message);
}

void contrib_refuses(const struct test_node *test, const char *domain, int opset, struct tensor *const *inputs,
                     const char *message) {
    struct tensor y[3] = {{0}}, *outputs[] = {&y[0], &y[1], &y[2]};
    struct error err = {.code = STATUS_OK};
    contrib_try(test, domain, opset, inputs, outputs, &err);
    if (err.code == STATUS_OK || !strstr(err.message, message))
        fail_msg("\"%s\" does not say \"%s\"", err.code ? err.message : "it works", message);
    for (int i = 0; i < 3; i++)
        free(y[i].data);
}
