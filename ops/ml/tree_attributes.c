#include "ops/ml/tree_attributes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists of numbers ---- */

double list_number(const struct number_list *list, size_t i) {
    if (list->floats)
        return list->floats[i];
    if (list->tensor->dtype == DTYPE_FLOAT) {
        float number;
        memcpy(&number, (const char *)list->tensor->data + i * sizeof number, sizeof number);
        return number;
    }
    double number;
    memcpy(&number, (const char *)list->tensor->data + i * sizeof number, sizeof number);
    return number;
}

#define NAME_BYTES 64

status number_list_read(struct attributes *attributes, const char *name, struct number_list *list, struct error *err) {
    char long_name[NAME_BYTES];
    snprintf(long_name, sizeof long_name, "%s_as_tensor", name);
    list->floats = attribute_floats(attributes, name, &list->count);
    list->tensor = attribute_tensor(attributes, long_name);
    if (attributes->code != STATUS_OK || !list->tensor)
        return attributes->code;
    if (list->count > 0)
        return fail(err, STATUS_INVALID_MODEL, "attributes \"%s\" and \"%s\" are both there", name, long_name);
    if (list->tensor->dtype != DTYPE_FLOAT && list->tensor->dtype != DTYPE_DOUBLE)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"%s\" has element type %s, expected float or double",
                    long_name, dtype_name(list->tensor->dtype));
    list->floats = NULL;
    list->count = (size_t)tensor_elements(list->tensor);
    return STATUS_OK;
}

/* ---- read ---- */

static const int64_t *read_ids(struct attributes *attributes, const char *prefix, const char *name, size_t count,
                               bool needed, struct error *err) {
    char text[NAME_BYTES];
    size_t found;
    snprintf(text, sizeof text, "%s_%s", prefix, name);
    const int64_t *list = attribute_int_list(attributes, text, &found);
    if (found == count || (found == 0 && !needed))
        return found ? list : NULL;
    if (attributes->code == STATUS_OK)
        attributes->code =
            fail(err, STATUS_INVALID_MODEL, "attribute \"%s\" has %zu numbers, expected %zu", text, found, count);
    return NULL;
}

static status read_nodes(struct attributes *attributes, struct listed_trees *l, struct error *err) {
    size_t values;
    l->modes = attribute_texts(attributes, "nodes_modes", &l->count);
    l->tree_ids = read_ids(attributes, "nodes", "treeids", l->count, true, err);
    l->node_ids = read_ids(attributes, "nodes", "nodeids", l->count, true, err);
    l->features = read_ids(attributes, "nodes", "featureids", l->count, true, err);
    l->on_true = read_ids(attributes, "nodes", "truenodeids", l->count, true, err);
    l->on_false = read_ids(attributes, "nodes", "falsenodeids", l->count, true, err);
    l->nan_is_true = read_ids(attributes, "nodes", "missing_value_tracks_true", l->count, false, err);
    attribute_ignore(attributes, "nodes_hitrates");
    attribute_ignore(attributes, "nodes_hitrates_as_tensor");
    const status code = number_list_read(attributes, "nodes_values", &l->splits, err);
    values = l->splits.count;
    if (code == STATUS_OK && values != l->count)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"nodes_values\" has %zu numbers, expected %zu", values,
                    l->count);
    return code;
}

static status read_weights(struct attributes *attributes, const char *what, struct listed_trees *l, struct error *err) {
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s_weights", what);
    const status code = number_list_read(attributes, name, &l->weights, err);
    if (code != STATUS_OK)
        return code;
    l->weight_count = l->weights.count;
    l->weight_trees = read_ids(attributes, what, "treeids", l->weight_count, true, err);
    l->weight_nodes = read_ids(attributes, what, "nodeids", l->weight_count, true, err);
    l->weight_targets = read_ids(attributes, what, "ids", l->weight_count, true, err);
    return attributes->code;
}

status listed_trees_read(struct attributes *attributes, const char *what, struct listed_trees *listed,
                         struct error *err) {
    status code = read_nodes(attributes, listed, err);
    if (code == STATUS_OK && attributes->code == STATUS_OK)
        code = read_weights(attributes, what, listed, err);
    if (attributes->code != STATUS_OK)
        return attributes->code;
    if (code == STATUS_OK && listed->count == 0)
        return fail(err, STATUS_INVALID_MODEL, "there are no nodes");
    return code;
}

/* ---- made ---- */

/* A node as it is named: the tree and the number in it. */
struct named_node {
    int64_t tree, id;
    int64_t place; /* in the lists */
};

struct maker {
    const struct listed_trees *listed;
    struct pool *scratch;
    struct named_node *names; /* sorted */
    int64_t *places;          /* of a node, by its place in the lists: as branches have it */
    bool *is_child;
    struct trees *trees;
    struct error *err;
};

static int by_name(const void *a, const void *b) {
    const struct named_node *first = a, *second = b;
    if (first->tree != second->tree)
        return first->tree < second->tree ? -1 : 1;
    return (first->id > second->id) - (first->id < second->id);
}

static const struct named_node *find(const struct maker *m, int64_t tree, int64_t id) {
    const struct named_node wanted = {tree, id, 0};
    return bsearch(&wanted, m->names, m->listed->count, sizeof wanted, by_name);
}

static status sort_names(struct maker *m) {
    const struct listed_trees *l = m->listed;
    for (size_t i = 0; i < l->count; i++)
        m->names[i] = (struct named_node){l->tree_ids[i], l->node_ids[i], (int64_t)i};
    qsort(m->names, l->count, sizeof *m->names, by_name);
    for (size_t i = 1; i < l->count; i++)
        if (by_name(&m->names[i - 1], &m->names[i]) == 0)
            return fail(m->err, STATUS_INVALID_MODEL, "node %lld of tree %lld is there twice",
                        (long long)m->names[i].id, (long long)m->names[i].tree);
    return STATUS_OK;
}

static status read_mode(struct maker *m, size_t i, enum tree_mode *mode) {
    static const char *const names[] = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE", "BRANCH_GT",
                                        "BRANCH_EQ",  "BRANCH_NEQ", NULL,         "LEAF"};
    const struct text text = m->listed->modes[i];
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (names[k] && strlen(names[k]) == text.length && memcmp(names[k], text.bytes, text.length) == 0) {
            *mode = (enum tree_mode)k;
            return STATUS_OK;
        }
    return fail(m->err, STATUS_INVALID_MODEL, "node %zu has mode \"%.40s\"", i, text.bytes);
}

/* Nodes and leaves are numbered as they come. */
static status number_places(struct maker *m, enum tree_mode *modes) {
    for (size_t i = 0; i < m->listed->count; i++) {
        if (read_mode(m, i, &modes[i]) != STATUS_OK)
            return m->err->code;
        m->places[i] = modes[i] == TREE_LEAF ? ~m->trees->leaf_count++ : m->trees->node_count++;
    }
    return STATUS_OK;
}

static status branch(struct maker *m, size_t i, int64_t id, int64_t *place) {
    const struct named_node *found = find(m, m->listed->tree_ids[i], id);
    if (!found)
        return fail(m->err, STATUS_INVALID_MODEL, "node %lld of tree %lld leads to node %lld, which is not there",
                    (long long)m->listed->node_ids[i], (long long)m->listed->tree_ids[i], (long long)id);
    m->is_child[found->place] = true;
    *place = m->places[found->place];
    return STATUS_OK;
}

static status make_nodes(struct maker *m, const enum tree_mode *modes) {
    const struct listed_trees *l = m->listed;
    for (size_t i = 0; i < l->count; i++) {
        if (modes[i] == TREE_LEAF)
            continue;
        struct tree_node *node = &m->trees->nodes[m->places[i]];
        *node = (struct tree_node){.mode = modes[i],
                                   .nan_is_true = l->nan_is_true && l->nan_is_true[i] != 0,
                                   .feature = l->features[i],
                                   .split = list_number(&l->splits, i)};
        if (branch(m, i, l->on_true[i], &node->on_true) != STATUS_OK ||
            branch(m, i, l->on_false[i], &node->on_false) != STATUS_OK)
            return m->err->code;
    }
    return STATUS_OK;
}

/* A tree's root is the first of its nodes that no branch leads to. */
static status make_roots(struct maker *m) {
    const size_t count = m->listed->count;
    for (size_t from = 0, to; from < count; from = to) {
        int64_t root = INT64_MAX;
        for (to = from; to < count && m->names[to].tree == m->names[from].tree; to++)
            if (!m->is_child[m->names[to].place] && m->names[to].place < root)
                root = m->names[to].place;
        if (root == INT64_MAX)
            return fail(m->err, STATUS_INVALID_MODEL, "tree %lld has no root: its branches lead in a circle",
                        (long long)m->names[from].tree);
        m->trees->roots[m->trees->root_count++] = m->places[root];
    }
    return STATUS_OK;
}

/* Weights of one leaf lie side by side, in the order of the lists. */
static status make_weights(struct maker *m) {
    const struct listed_trees *l = m->listed;
    struct trees *trees = m->trees;
    int64_t *leaves = pool_array(m->scratch, l->weight_count + 1, sizeof *leaves), at = 0;
    if (!leaves)
        return fail_memory(m->err, "the trees");
    for (size_t i = 0; i < l->weight_count; i++) {
        const struct named_node *found = find(m, l->weight_trees[i], l->weight_nodes[i]);
        if (!found)
            return fail(m->err, STATUS_INVALID_MODEL, "weight %zu is of node %lld of tree %lld, which is not there", i,
                        (long long)l->weight_nodes[i], (long long)l->weight_trees[i]);
        leaves[i] = m->places[found->place] < 0 ? ~m->places[found->place] : -1; /* of branches they mean nothing */
        if (leaves[i] >= 0)
            trees->leaves[leaves[i]].count++;
    }
    for (int64_t i = 0; i < trees->leaf_count; i++) {
        trees->leaves[i].first = at;
        at += trees->leaves[i].count;
        trees->leaves[i].count = 0;
    }
    trees->weight_count = at;
    for (size_t i = 0; i < l->weight_count; i++)
        if (leaves[i] >= 0) {
            struct tree_leaf *leaf = &trees->leaves[leaves[i]];
            trees->weights[leaf->first + leaf->count++] =
                (struct tree_weight){l->weight_targets[i], list_number(&l->weights, i)};
        }
    return STATUS_OK;
}

static status make(struct maker *m, struct pool *pool) {
    const size_t count = m->listed->count;
    struct trees *trees = m->trees;
    enum tree_mode *modes = pool_array(m->scratch, count + 1, sizeof *modes);
    m->names = pool_array(m->scratch, count + 1, sizeof *m->names);
    m->places = pool_array(m->scratch, count + 1, sizeof *m->places);
    m->is_child = pool_array(m->scratch, count + 1, sizeof *m->is_child);
    if (!modes || !m->names || !m->places || !m->is_child)
        return fail_memory(m->err, "the trees");
    *trees = (struct trees){.targets = m->listed->targets};
    if (sort_names(m) != STATUS_OK || number_places(m, modes) != STATUS_OK)
        return m->err->code;
    trees->weight_count = (int64_t)m->listed->weight_count;
    trees->root_count = (int64_t)count; /* at most */
    if (trees_allocate(trees, pool, m->err) != STATUS_OK)
        return m->err->code;
    trees->root_count = 0;
    if (make_nodes(m, modes) != STATUS_OK || make_roots(m) != STATUS_OK || make_weights(m) != STATUS_OK)
        return m->err->code;
    return trees_check(trees, m->scratch, m->err);
}

status listed_trees_make(const struct listed_trees *listed, struct pool *pool, struct trees *trees, struct error *err) {
    struct maker maker = {.listed = listed, .scratch = pool_create(), .trees = trees, .err = err};
    const status code = maker.scratch ? make(&maker, pool) : fail_memory(err, "the trees");
    pool_destroy(maker.scratch);
    return code;
}
