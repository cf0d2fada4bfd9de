#include "tests/support/blocked_node.h"

#include "ops/evaluate.h"

#include <stdlib.h>

struct tensor blocked_evaluate(struct test_node *node, const struct kernels *kernels, int threads,
                               const struct tensor *const *inputs) {
    struct tensor y, *outputs[] = {&y};
    struct error err = {0};
    if (op_evaluate(&node->node, 1, inputs, outputs, kernels, threads, SIZE_MAX, &err) != STATUS_OK)
        fail_msg("%s: %s", node->node.op_type, err.message);
    return y;
}

struct tensor to_blocks(const struct tensor *x) {
    struct test_node node;
    const struct tensor *inputs[] = {x};
    test_node_init(&node, "Block", 1, 1);
    node.node.domain = "limner";
    test_node_int(&node, "channels", x->shape.dims[1]);
    return blocked_evaluate(&node, test_kernels(), 2, inputs);
}

struct tensor from_blocks(const struct tensor *x, int64_t channels) {
    struct test_node node;
    const struct tensor *inputs[] = {x};
    test_node_init(&node, "Unblock", 1, 1);
    node.node.domain = "limner";
    test_node_int(&node, "channels", channels);
    return blocked_evaluate(&node, test_kernels(), 2, inputs);
}

void blocked_compare(const struct tensor *actual, const struct tensor *expected, double atol, const char *what) {
    const size_t count = (size_t)tensor_elements(expected);
    if (!shape_equal(&actual->shape, &expected->shape))
        fail_msg("%s: another shape", what);
    double *wide = calloc(count + 1, sizeof *wide);
    assert_non_null(wide);
    for (size_t i = 0; i < count; i++)
        wide[i] = ((const float *)expected->data)[i];
    test_close(actual->data, wide, count, 1e-5, atol, what);
    free(wide);
}
