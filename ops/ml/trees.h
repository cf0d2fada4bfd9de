/* Decision trees: what the tree operators of ai.onnx.ml run. */
#ifndef LIMNER_OPS_ML_TREES_H
#define LIMNER_OPS_ML_TREES_H

#include "base/pool.h"
#include "ops/core/op.h"

enum tree_mode { TREE_LEQ, TREE_LT, TREE_GTE, TREE_GT, TREE_EQ, TREE_NEQ, TREE_MEMBER, TREE_LEAF };

/* Where a branch leads: a node, or a leaf as ~its number. */
struct tree_node {
    enum tree_mode mode;
    bool nan_is_true;
    int64_t feature;
    double split;
    int64_t on_true, on_false;
    int64_t member, members; /* TREE_MEMBER: first of its values, and how many */
};

struct tree_weight {
    int64_t target;
    double value;
};

struct tree_leaf {
    int64_t first, count; /* of its weights */
};

struct trees {
    struct tree_node *nodes;
    int64_t node_count;
    struct tree_leaf *leaves;
    int64_t leaf_count;
    struct tree_weight *weights;
    int64_t weight_count;
    int64_t *roots;
    int64_t root_count;
    double *members;
    int64_t member_count;
    int64_t features; /* that are looked at: the largest and one more */
    int64_t targets;
};

/* Room in the pool for so many of each; counts are set. */
status trees_allocate(struct trees *trees, struct pool *pool, struct error *err);
/*
 * Checks what came out of a file: branches lead to nodes and leaves that are there, never back to where they came from;
 * weights are of targets. Sets `features`. scratch: what is freed afterwards.
 */
status trees_check(struct trees *trees, struct pool *scratch, struct error *err);
/* The leaf that features lead to, from a root. */
const struct tree_leaf *trees_leaf(const struct trees *trees, int64_t root, const struct tensor *x, int64_t first);

#endif
