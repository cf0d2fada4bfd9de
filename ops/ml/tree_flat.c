#include "ops/ml/tree_flat.h"

#include "ops/ml/tree_attributes.h"

#include <math.h>
#include <string.h>

/* ---- read ---- */

static const int64_t *read_list(struct attributes *attributes, const char *name, size_t count, bool needed) {
    size_t found;
    const int64_t *list = attribute_int_list(attributes, name, &found);
    if (found == count || (found == 0 && !needed))
        return found ? list : NULL;
    if (attributes->code == STATUS_OK)
        attributes->code = fail(attributes->err, STATUS_INVALID_MODEL, "attribute \"%s\" has %zu numbers, expected %zu",
                                name, found, count);
    return NULL;
}

static bool is_real(enum dtype dtype) {
    return dtype == DTYPE_FLOAT || dtype == DTYPE_DOUBLE;
}

/* A tensor of numbers, or of bytes. count SIZE_MAX: any length, and it may be missing. */
static const struct tensor *read_tensor(struct attributes *attributes, const char *name, size_t count, bool bytes) {
    const struct tensor *tensor = attribute_tensor(attributes, name);
    if (attributes->code != STATUS_OK || (!tensor && count == SIZE_MAX))
        return NULL;
    if (!tensor)
        attributes->code = fail(attributes->err, STATUS_INVALID_MODEL, "attribute \"%s\" is missing", name);
    else if (bytes ? tensor->dtype != DTYPE_UINT8 : !is_real(tensor->dtype))
        attributes->code =
            fail(attributes->err, STATUS_UNSUPPORTED, "attribute \"%s\" has element type %s, supported: %s", name,
                 dtype_name(tensor->dtype), bytes ? "uint8" : "float, double");
    else if (count != SIZE_MAX && (size_t)tensor_elements(tensor) != count)
        attributes->code =
            fail(attributes->err, STATUS_INVALID_MODEL, "attribute \"%s\" has %lld elements, expected %zu", name,
                 (long long)tensor_elements(tensor), count);
    return tensor;
}

status flat_trees_read(struct attributes *attributes, struct flat_trees *f, struct error *err) {
    f->features = attribute_int_list(attributes, "nodes_featureids", &f->count);
    f->targets = attribute_int_list(attributes, "leaf_targetids", &f->leaf_count);
    f->roots = attribute_int_list(attributes, "tree_roots", &f->root_count);
    f->on_true = read_list(attributes, "nodes_truenodeids", f->count, true);
    f->on_false = read_list(attributes, "nodes_falsenodeids", f->count, true);
    f->true_is_leaf = read_list(attributes, "nodes_trueleafs", f->count, true);
    f->false_is_leaf = read_list(attributes, "nodes_falseleafs", f->count, true);
    f->nan_is_true = read_list(attributes, "nodes_missing_value_tracks_true", f->count, false);
    f->modes = read_tensor(attributes, "nodes_modes", f->count, true);
    f->splits = read_tensor(attributes, "nodes_splits", f->count, false);
    f->weights = read_tensor(attributes, "leaf_weights", f->leaf_count, false);
    f->members = read_tensor(attributes, "membership_values", SIZE_MAX, false);
    f->target_count = attribute_int(attributes, "n_targets", 1);
    attribute_ignore(attributes, "nodes_hitrates");
    if (attributes->code != STATUS_OK)
        return attributes->code;
    if (f->count == 0 || f->root_count == 0)
        return fail(err, STATUS_INVALID_MODEL, "there are no nodes");
    return STATUS_OK;
}

/* ---- made ---- */

/* The values of set memberships, one list after the other, each ended by NaN. */
struct member_reader {
    const struct tensor *tensor;
    int64_t at, count;
};

static double tensor_number(const struct tensor *tensor, size_t i) {
    const struct number_list list = {.tensor = tensor, .count = i + 1};
    return list_number(&list, i);
}

static status take_members(struct member_reader *reader, struct tree_node *node, struct error *err) {
    node->member = reader->at;
    while (reader->at < reader->count && !isnan(tensor_number(reader->tensor, (size_t)reader->at)))
        reader->at++;
    node->members = reader->at - node->member;
    if (node->members == 0)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"membership_values\" has no values for a node");
    reader->at++; /* the NaN */
    if (reader->at > reader->count)
        reader->at = reader->count;
    return STATUS_OK;
}

static bool flag(const int64_t *list, size_t i) {
    return list && list[i] != 0;
}

/* ~place of leaves; places below 0 lead nowhere. */
static int64_t branch(const int64_t *places, const int64_t *leaf, size_t i) {
    return places[i] < 0 ? INT64_MAX : flag(leaf, i) ? ~places[i] : places[i];
}

static status make_node(const struct flat_trees *f, struct member_reader *reader, size_t i, struct tree_node *node,
                        struct error *err) {
    const unsigned mode = ((const unsigned char *)f->modes->data)[i];
    if (mode > TREE_MEMBER)
        return fail(err, STATUS_INVALID_MODEL, "node %zu has mode %u, expected 0 to %d", i, mode, TREE_MEMBER);
    *node = (struct tree_node){.mode = (enum tree_mode)mode,
                               .nan_is_true = flag(f->nan_is_true, i),
                               .feature = f->features[i],
                               .split = tensor_number(f->splits, i),
                               .on_true = branch(f->on_true, f->true_is_leaf, i),
                               .on_false = branch(f->on_false, f->false_is_leaf, i)};
    return mode == TREE_MEMBER ? take_members(reader, node, err) : STATUS_OK;
}

static status make(const struct flat_trees *f, struct trees *trees, struct error *err) {
    struct member_reader reader = {.tensor = f->members, .count = trees->member_count};
    for (size_t i = 0; i < f->count; i++)
        if (make_node(f, &reader, i, &trees->nodes[i], err) != STATUS_OK)
            return err->code;
    for (size_t i = 0; i < f->leaf_count; i++) {
        trees->leaves[i] = (struct tree_leaf){(int64_t)i, 1};
        trees->weights[i] = (struct tree_weight){f->targets[i], tensor_number(f->weights, i)};
    }
    for (size_t i = 0; i < f->root_count; i++)
        trees->roots[i] = f->roots[i] < 0 ? INT64_MAX : f->roots[i];
    for (int64_t i = 0; i < trees->member_count; i++)
        trees->members[i] = tensor_number(f->members, (size_t)i);
    return STATUS_OK;
}

status flat_trees_make(const struct flat_trees *flat, struct pool *pool, struct trees *trees, struct error *err) {
    struct pool *scratch = pool_create();
    *trees = (struct trees){.node_count = (int64_t)flat->count,
                            .leaf_count = (int64_t)flat->leaf_count,
                            .weight_count = (int64_t)flat->leaf_count,
                            .root_count = (int64_t)flat->root_count,
                            .member_count = flat->members ? tensor_elements(flat->members) : 0,
                            .targets = flat->target_count};
    status code = scratch ? trees_allocate(trees, pool, err) : fail_memory(err, "the trees");
    if (code == STATUS_OK)
        code = make(flat, trees, err);
    if (code == STATUS_OK)
        code = trees_check(trees, scratch, err);
    pool_destroy(scratch);
    return code;
}
