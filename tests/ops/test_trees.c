/* Trees of ai.onnx.ml that no exporter writes: each is refused while the model loads. What good ones compute is
 * compared with onnxruntime by tests/e2e/values.py. */
#include "tests/support/support.h"

#include "ops/core/attributes.h"
#include "ops/registry.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(literal) \
    { literal, sizeof(literal) - 1 }

/* One tree: node 0 asks feature 0, nodes 1 and 2 are leaves. */
struct tree {
    int64_t trees[3], nodes[3], features[3], on_true[3], on_false[3];
    struct text modes[3];
    int64_t weight_nodes[2], targets[2];
    size_t modes_count;
};

static const struct tree good = {.nodes = {0, 1, 2},
                                 .on_true = {1, 0, 0},
                                 .on_false = {2, 0, 0},
                                 .modes = {TEXT("BRANCH_LEQ"), TEXT("LEAF"), TEXT("LEAF")},
                                 .weight_nodes = {1, 2},
                                 .modes_count = 3};

static status parse(const struct tree *tree, struct error *err) {
    static const float splits[3], weights[2] = {1, 2};
    static const int64_t weight_trees[2];
    struct test_node node;
    test_node_init(&node, "TreeEnsembleRegressor", 1, 1);
    node.node.domain = "ai.onnx.ml";
    test_node_ints(&node, "nodes_treeids", tree->trees, 3);
    test_node_ints(&node, "nodes_nodeids", tree->nodes, 3);
    test_node_ints(&node, "nodes_featureids", tree->features, 3);
    test_node_ints(&node, "nodes_truenodeids", tree->on_true, 3);
    test_node_ints(&node, "nodes_falsenodeids", tree->on_false, 3);
    test_node_texts(&node, "nodes_modes", tree->modes, tree->modes_count);
    test_node_floats(&node, "nodes_values", splits, 3);
    test_node_ints(&node, "target_treeids", weight_trees, 2);
    test_node_ints(&node, "target_nodeids", tree->weight_nodes, 2);
    test_node_ints(&node, "target_ids", tree->targets, 2);
    test_node_floats(&node, "target_weights", weights, 2);
    const struct op *op = op_find("ai.onnx.ml", "TreeEnsembleRegressor", 1);
    const struct op_call call = {.op = op, .node = &node.node, .opset = 1};
    void *params = calloc(1, op->params_size);
    assert_non_null(params);
    const status code = op_parse(&call, params, err);
    free(params);
    return code;
}

static void expect(const struct tree *tree, const char *message) {
    struct error err = {STATUS_OK, ""};
    const status code = parse(tree, &err);
    if (message ? code != STATUS_INVALID_MODEL || !strstr(err.message, message) : code != STATUS_OK)
        fail_msg("got %d \"%s\", expected \"%s\"", (int)code, err.message, message ? message : "");
}

static void bad_trees_are_refused(void **state) {
    (void)state;
    struct tree tree = good;
    expect(&tree, NULL);
    tree.on_true[0] = 7;
    expect(&tree, "node 0 of tree 0 leads to node 7, which is not there");
    tree = good;
    tree.on_false[0] = 0;
    expect(&tree, "lead in a circle");
    tree = good; /* 0 -> 1 -> 2 -> 1: a circle behind the root */
    tree.modes[1] = tree.modes[2] = tree.modes[0];
    memcpy(tree.on_true, (int64_t[]){1, 2, 1}, sizeof tree.on_true);
    memcpy(tree.on_false, (int64_t[]){1, 2, 1}, sizeof tree.on_false);
    expect(&tree, "lead in a circle");
    tree = good;
    tree.nodes[2] = 1;
    expect(&tree, "node 1 of tree 0 is there twice");
    tree = good;
    tree.features[0] = -1;
    expect(&tree, "looks at feature -1");
    tree = good;
    tree.targets[1] = 1;
    expect(&tree, "is of target or class 1, there are 1");
    tree = good;
    tree.weight_nodes[0] = INT64_MAX;
    expect(&tree, "which is not there");
    tree = good;
    tree.modes[0] = (struct text)TEXT("BRANCH");
    expect(&tree, "has mode \"BRANCH\"");
    tree = good;
    tree.modes_count = 2;
    expect(&tree, "attribute \"nodes_treeids\" has 3 numbers, expected 2");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(bad_trees_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
