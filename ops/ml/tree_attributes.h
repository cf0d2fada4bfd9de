/* Trees from the attributes of nodes. */
#ifndef LIMNER_OPS_ML_TREE_ATTRIBUTES_H
#define LIMNER_OPS_ML_TREE_ATTRIBUTES_H

#include "ops/core/attributes.h"
#include "ops/ml/trees.h"

/* A list of numbers: floats, or a tensor of float or double. */
struct number_list {
    const float *floats;
    const struct tensor *tensor;
    size_t count;
};
double list_number(const struct number_list *list, size_t i);
/* name, or name_as_tensor. */
status number_list_read(struct attributes *attributes, const char *name, struct number_list *list, struct error *err);

/* The attributes of TreeEnsembleClassifier ("class") and TreeEnsembleRegressor ("target"), versions 1 and 3. */
struct listed_trees {
    size_t count; /* nodes */
    const int64_t *tree_ids, *node_ids, *features, *on_true, *on_false, *nan_is_true;
    const struct text *modes;
    struct number_list splits;
    size_t weight_count;
    const int64_t *weight_trees, *weight_nodes, *weight_targets;
    struct number_list weights;
    int64_t targets;
};

/* what: "class" or "target". The lists have the lengths that they must have. */
status listed_trees_read(struct attributes *attributes, const char *what, struct listed_trees *listed,
                         struct error *err);
/* The trees, checked, in the pool. */
status listed_trees_make(const struct listed_trees *listed, struct pool *pool, struct trees *trees, struct error *err);

#endif
