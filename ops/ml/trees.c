#include "ops/ml/trees.h"

#include "ops/ml/rows.h"

#include <math.h>

status trees_allocate(struct trees *trees, struct pool *pool, struct error *err) {
    trees->nodes = pool_array(pool, (size_t)trees->node_count + 1, sizeof *trees->nodes);
    trees->leaves = pool_array(pool, (size_t)trees->leaf_count + 1, sizeof *trees->leaves);
    trees->weights = pool_array(pool, (size_t)trees->weight_count + 1, sizeof *trees->weights);
    trees->roots = pool_array(pool, (size_t)trees->root_count + 1, sizeof *trees->roots);
    trees->members = pool_array(pool, (size_t)trees->member_count + 1, sizeof *trees->members);
    if (!trees->nodes || !trees->leaves || !trees->weights || !trees->roots || !trees->members)
        return fail_memory(err, "the trees");
    return STATUS_OK;
}

/* ---- checked ---- */

static bool is_place(const struct trees *trees, int64_t place) {
    return place < 0 ? ~place < trees->leaf_count : place < trees->node_count;
}

static status check_node(struct trees *trees, int64_t i, struct error *err) {
    const struct tree_node *node = &trees->nodes[i];
    if (!is_place(trees, node->on_true) || !is_place(trees, node->on_false))
        return fail(err, STATUS_INVALID_MODEL, "a branch of node %lld leads nowhere", (long long)i);
    if (node->feature < 0 || node->feature >= (int64_t)1 << 40)
        return fail(err, STATUS_INVALID_MODEL, "node %lld looks at feature %lld", (long long)i,
                    (long long)node->feature);
    if (node->member < 0 || node->members < 0 || node->members > trees->member_count - node->member)
        return fail(err, STATUS_INVALID_MODEL, "node %lld has no membership values", (long long)i);
    trees->features = node->feature >= trees->features ? node->feature + 1 : trees->features;
    return STATUS_OK;
}

static status check_weights(const struct trees *trees, struct error *err) {
    for (int64_t i = 0; i < trees->weight_count; i++)
        if (trees->weights[i].target < 0 || trees->weights[i].target >= trees->targets)
            return fail(err, STATUS_INVALID_MODEL, "weight %lld is of target or class %lld, there are %lld",
                        (long long)i, (long long)trees->weights[i].target, (long long)trees->targets);
    return STATUS_OK;
}

enum visit { NOT_SEEN, ON_THE_WAY, DONE };

struct walk {
    const struct trees *trees;
    unsigned char *visits; /* enum visit, by node */
    int64_t *way;          /* the nodes from the root to this one */
    int64_t depth;
};

static status step_into(struct walk *walk, int64_t place, struct error *err) {
    if (place < 0 || walk->visits[place] == DONE)
        return STATUS_OK;
    if (walk->visits[place] == ON_THE_WAY)
        return fail(err, STATUS_INVALID_MODEL, "the branches of node %lld lead in a circle", (long long)place);
    walk->visits[place] = ON_THE_WAY;
    walk->way[walk->depth++] = place;
    return STATUS_OK;
}

/* Depth first, without recursion: a node whose branches are both done is done. */
static status check_circles(struct walk *walk, int64_t root, struct error *err) {
    status code = step_into(walk, root, err);
    while (code == STATUS_OK && walk->depth > 0) {
        const int64_t at = walk->way[walk->depth - 1], before = walk->depth;
        const struct tree_node *node = &walk->trees->nodes[at];
        code = step_into(walk, node->on_true, err);
        if (code == STATUS_OK && walk->depth == before)
            code = step_into(walk, node->on_false, err);
        if (code == STATUS_OK && walk->depth == before) {
            walk->visits[at] = DONE;
            walk->depth--;
        }
    }
    return code;
}

status trees_check(struct trees *trees, struct pool *scratch, struct error *err) {
    struct walk walk = {.trees = trees,
                        .visits = pool_array(scratch, (size_t)trees->node_count + 1, 1),
                        .way = pool_array(scratch, (size_t)trees->node_count + 1, sizeof(int64_t))};
    if (!walk.visits || !walk.way)
        return fail_memory(err, "the trees");
    for (int64_t i = 0; i < trees->node_count; i++)
        if (check_node(trees, i, err) != STATUS_OK)
            return err->code;
    for (int64_t i = 0; i < trees->root_count; i++) {
        if (!is_place(trees, trees->roots[i]))
            return fail(err, STATUS_INVALID_MODEL, "tree %lld has no root", (long long)i);
        if (check_circles(&walk, trees->roots[i], err) != STATUS_OK)
            return err->code;
    }
    for (int64_t i = 0; i < trees->node_count; i++) /* also of those that no root leads to */
        if (check_circles(&walk, i, err) != STATUS_OK)
            return err->code;
    return check_weights(trees, err);
}

/* ---- followed ---- */

static bool is_member(const struct trees *trees, const struct tree_node *node, double x) {
    for (int64_t i = 0; i < node->members; i++)
        if (trees->members[node->member + i] == x)
            return true;
    return false;
}

static bool decide(const struct trees *trees, const struct tree_node *node, double x) {
    if (node->nan_is_true && isnan(x))
        return true;
    switch (node->mode) {
    case TREE_LEQ:
        return x <= node->split;
    case TREE_LT:
        return x < node->split;
    case TREE_GTE:
        return x >= node->split;
    case TREE_GT:
        return x > node->split;
    case TREE_EQ:
        return x == node->split;
    case TREE_NEQ:
        return x != node->split;
    default:
        return is_member(trees, node, x);
    }
}

const struct tree_leaf *trees_leaf(const struct trees *trees, int64_t root, const struct tensor *x, int64_t first) {
    int64_t place = root;
    while (place >= 0) {
        const struct tree_node *node = &trees->nodes[place];
        place = decide(trees, node, number_at(x, first + node->feature)) ? node->on_true : node->on_false;
    }
    return &trees->leaves[~place];
}
