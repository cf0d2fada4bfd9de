/* Trees as TreeEnsemble has them (ai.onnx.ml 5): nodes, leaves and roots by their places in lists. */
#ifndef LIMNER_OPS_ML_TREE_FLAT_H
#define LIMNER_OPS_ML_TREE_FLAT_H

#include "ops/core/attributes.h"
#include "ops/ml/trees.h"

struct flat_trees {
    size_t count, leaf_count, root_count; /* nodes, ... */
    const int64_t *features, *on_true, *on_false, *true_is_leaf, *false_is_leaf, *nan_is_true, *roots, *targets;
    const struct tensor *modes, *splits, *weights, *members;
    int64_t target_count;
};

/* The lists have the lengths and types that they must have. */
status flat_trees_read(struct attributes *attributes, struct flat_trees *flat, struct error *err);
/* The trees, checked, in the pool. */
status flat_trees_make(const struct flat_trees *flat, struct pool *pool, struct trees *trees, struct error *err);

#endif
