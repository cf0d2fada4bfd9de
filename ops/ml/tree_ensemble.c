/* TreeEnsembleClassifier and TreeEnsembleRegressor (ai.onnx.ml 1, 3), TreeEnsemble (ai.onnx.ml 5). */
#include "base/checked.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/ml/classify.h"
#include "ops/ml/rows.h"
#include "ops/ml/tree_attributes.h"
#include "ops/ml/tree_flat.h"

#include <string.h>

static const struct op_facts facts = {.reach = op_reach_unknown};

enum aggregate { AGGREGATE_AVERAGE, AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX };

struct ensemble {
    enum aggregate aggregate;
    enum post_transform transform;
    bool is_flat;
    struct listed_trees listed;
    struct flat_trees flat;
    struct number_list base;
    struct labels labels;
};

struct forest {
    struct pool *pool;
    struct trees trees;
    bool one_class; /* of two: all weights are the same class's */
    bool positive;  /* no weight is below 0 */
};

/* ---- attributes ---- */

static status make_trees(const struct ensemble *e, struct pool *pool, struct trees *trees, struct error *err) {
    return e->is_flat ? flat_trees_make(&e->flat, pool, trees, err) : listed_trees_make(&e->listed, pool, trees, err);
}

/* What is wrong with the trees is said at load. */
static status try_trees(const struct ensemble *e, struct error *err) {
    struct pool *pool = pool_create();
    struct trees trees;
    const status code = pool ? make_trees(e, pool, &trees, err) : fail_memory(err, "the trees");
    pool_destroy(pool);
    return code;
}

#define MOST_TARGETS ((int64_t)1 << 24)

static status check_targets(const struct ensemble *e, int64_t targets, struct error *err) {
    if (targets < 1 || targets > MOST_TARGETS)
        return fail(err, STATUS_INVALID_MODEL, "%lld targets, expected 1 to %lld", (long long)targets,
                    (long long)MOST_TARGETS);
    if (e->base.count > 0 && (int64_t)e->base.count != targets && !(e->base.count == 1 && targets == 2))
        return fail(err, STATUS_INVALID_MODEL, "attribute \"base_values\" has %zu numbers, expected %lld",
                    e->base.count, (long long)targets);
    return try_trees(e, err);
}

static status parse_listed(struct attributes *attributes, const char *what, struct ensemble *e, struct error *err) {
    const status code = number_list_read(attributes, "base_values", &e->base, err);
    e->transform = post_transform_read(attributes);
    return code == STATUS_OK ? listed_trees_read(attributes, what, &e->listed, err) : code;
}

static status parse_classifier(const struct op_call *call, struct attributes *attributes, void *params,
                               struct error *err) {
    struct ensemble *e = params;
    (void)call;
    e->aggregate = AGGREGATE_SUM;
    status code = labels_read(attributes, "classlabels_int64s", "classlabels_strings", &e->labels, err);
    e->listed.targets = e->labels.count;
    if (code == STATUS_OK)
        code = parse_listed(attributes, "class", e, err);
    return code == STATUS_OK ? check_targets(e, e->listed.targets, err) : code;
}

static status parse_regressor(const struct op_call *call, struct attributes *attributes, void *params,
                              struct error *err) {
    static const char *const names[] = {"AVERAGE", "SUM", "MIN", "MAX", NULL};
    struct ensemble *e = params;
    (void)call;
    e->aggregate = (enum aggregate)attribute_choice(attributes, "aggregate_function", names, AGGREGATE_SUM);
    e->listed.targets = attribute_int(attributes, "n_targets", 1);
    const status code = parse_listed(attributes, "target", e, err);
    return code == STATUS_OK ? check_targets(e, e->listed.targets, err) : code;
}

static status parse_flat(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct ensemble *e = params;
    const int64_t aggregate = attribute_int(attributes, "aggregate_function", AGGREGATE_SUM);
    const int64_t transform = attribute_int(attributes, "post_transform", POST_NONE);
    (void)call;
    if (aggregate < AGGREGATE_AVERAGE || aggregate > AGGREGATE_MAX || transform < POST_NONE || transform > POST_PROBIT)
        return fail(err, STATUS_INVALID_MODEL, "aggregate_function %lld, post_transform %lld: no such number",
                    (long long)aggregate, (long long)transform);
    e->is_flat = true;
    e->aggregate = (enum aggregate)aggregate;
    e->transform = (enum post_transform)transform;
    const status code = flat_trees_read(attributes, &e->flat, err);
    return code == STATUS_OK ? check_targets(e, e->flat.target_count, err) : code;
}

/* ---- shapes ---- */

static int64_t target_count(const struct ensemble *e) {
    return e->is_flat ? e->flat.target_count : e->listed.targets;
}

static status infer_regressor(struct op_call *call, struct error *err) {
    const struct ensemble *e = call->params;
    struct rows rows;
    const enum dtype dtype = e->is_flat ? call->inputs[0]->dtype : DTYPE_FLOAT;
    const status code = rows_of(call, &rows, err);
    return code == STATUS_OK ? rows_describe(call, 0, dtype, rows.count, target_count(e), err) : code;
}

static enum dtype classifier_type(const struct op_call *call, int output) {
    return output == 0 ? labels_type(&((const struct ensemble *)call->params)->labels) : DTYPE_FLOAT;
}

static status infer_classifier(struct op_call *call, struct error *err) {
    const struct ensemble *e = call->params;
    struct rows rows;
    if (rows_of(call, &rows, err) != STATUS_OK)
        return err->code;
    const struct shape labels = {.rank = 1, .dims = {rows.count}};
    if (op_output(call, 0) && tensor_describe(call->outputs[0], labels_type(&e->labels), &labels, err) != STATUS_OK)
        return err->code;
    /* of one class there are two scores where it is told from none */
    return rows_describe(call, 1, DTYPE_FLOAT, rows.count, target_count(e), err);
}

/* ---- prepared ---- */

static void look_at_weights(struct forest *forest) {
    const struct trees *trees = &forest->trees;
    forest->positive = forest->one_class = true;
    for (int64_t i = 0; i < trees->weight_count; i++) {
        forest->positive &= trees->weights[i].value >= 0;
        forest->one_class &= trees->weights[i].target == trees->weights[0].target;
    }
    forest->one_class &= trees->targets == 2 && trees->weight_count > 0;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct forest *forest = call->state;
    struct rows rows;
    size_t scores;
    forest->pool = pool_create();
    if (!forest->pool)
        return fail_memory(err, "the trees");
    if (make_trees(call->params, forest->pool, &forest->trees, err) != STATUS_OK ||
        rows_of(call, &rows, err) != STATUS_OK)
        return err->code;
    look_at_weights(forest);
    if (forest->trees.features > rows.features)
        return fail(err, STATUS_SHAPE, "input 0 (X) has %lld features, the trees look at %lld",
                    (long long)rows.features, (long long)forest->trees.features);
    if (!size_mul((size_t)rows.count, (size_t)forest->trees.targets, &scores) ||
        !size_mul(scores, sizeof(double) + 1, workspace_bytes))
        return fail(err, STATUS_LIMIT, "the scores have no valid size");
    return STATUS_OK;
}

static void release(struct op_call *call) {
    struct forest *forest = call->state;
    pool_destroy(forest->pool);
    forest->pool = NULL;
}

/* ---- run ---- */

struct work {
    const struct ensemble *e;
    const struct forest *forest;
    struct rows rows;
    double *scores;     /* [rows, targets] */
    unsigned char *has; /* which of them a leaf has said something of */
    struct tensor *labels, *out;
};

static void add_leaf(const struct work *w, const struct tree_leaf *leaf, double *scores, unsigned char *has) {
    for (int64_t i = 0; i < leaf->count; i++) {
        const struct tree_weight weight = w->forest->trees.weights[leaf->first + i];
        double *score = &scores[weight.target];
        if (!has[weight.target])
            *score = weight.value;
        else if (w->e->aggregate == AGGREGATE_MIN)
            *score = weight.value < *score ? weight.value : *score;
        else if (w->e->aggregate == AGGREGATE_MAX)
            *score = weight.value > *score ? weight.value : *score;
        else
            *score += weight.value;
        has[weight.target] = 1;
    }
}

static void score_row(const struct work *w, int64_t row, double *scores, unsigned char *has) {
    const struct trees *trees = &w->forest->trees;
    memset(scores, 0, (size_t)trees->targets * sizeof *scores);
    memset(has, 0, (size_t)trees->targets);
    for (int64_t i = 0; i < trees->root_count; i++)
        add_leaf(w, trees_leaf(trees, trees->roots[i], w->rows.tensor, row * w->rows.features), scores, has);
    for (int64_t i = 0; i < trees->targets && w->e->aggregate == AGGREGATE_AVERAGE; i++)
        scores[i] /= (double)trees->root_count;
}

static void write_scores(const struct work *w, int64_t row, const double *scores) {
    const int64_t count = w->forest->trees.targets;
    for (int64_t i = 0; w->out && i < count; i++)
        if (w->out->dtype == DTYPE_DOUBLE)
            ((double *)w->out->data)[row * count + i] = scores[i];
        else
            ((float *)w->out->data)[row * count + i] = (float)scores[i];
}

static void finish_regression(const struct work *w, int64_t row, double *scores) {
    const int64_t count = w->forest->trees.targets;
    for (int64_t i = 0; i < count && w->e->base.count > 0; i++)
        scores[i] += list_number(&w->e->base, w->e->base.count == 1 ? 0 : (size_t)i);
    post_transform(w->e->transform, scores, count);
    write_scores(w, row, scores);
}

static double base_of(const struct ensemble *e, int64_t i) {
    if (e->base.count == 0)
        return 0;
    return list_number(&e->base, (size_t)i < e->base.count ? (size_t)i : 0);
}

/*
 * Two classes, of which all weights are one's. The specification says little of that; this is what onnxruntime gives:
 * the label is the second class's where the score is above 0.5, as of a probability, or above 0 where weights below 0
 * say that it is none. A score of the first class stands for the second one, and both scores follow from it.
 */
static int64_t finish_pair(const struct work *w, double *scores) {
    const struct forest *forest = w->forest;
    const bool stands_for_second = forest->trees.weights[0].target == 0;
    const double score = stands_for_second ? scores[0] + base_of(w->e, 0) : scores[1] + base_of(w->e, 1);
    if (stands_for_second) {
        classify_pair(w->e->transform, forest->positive, score, scores);
        if (w->e->transform == POST_PROBIT)
            post_transform(POST_PROBIT, scores, 2);
    } else {
        scores[0] = w->e->base.count == 2 ? base_of(w->e, 0) : 0;
        scores[1] = score;
        post_transform(w->e->transform, scores, 2);
    }
    return score > (forest->positive ? 0.5 : 0.0);
}

static int64_t finish_all(const struct work *w, double *scores, unsigned char *has) {
    const int64_t count = w->forest->trees.targets;
    for (int64_t i = 0; i < count && w->e->base.count > 0; i++) {
        scores[i] += base_of(w->e, i);
        has[i] = 1;
    }
    const int64_t best = classify_best(scores, has, count);
    post_transform(w->e->transform, scores, count);
    return best < 0 ? 0 : best;
}

static void finish_classes(const struct work *w, int64_t row, double *scores, unsigned char *has) {
    const int64_t best = w->forest->one_class ? finish_pair(w, scores) : finish_all(w, scores, has);
    if (w->labels)
        labels_write(&w->e->labels, best, w->labels, row);
    write_scores(w, row, scores);
}

static void run_rows(void *context, size_t begin, size_t end) {
    const struct work *w = context;
    const int64_t count = w->forest->trees.targets;
    for (int64_t row = (int64_t)begin; row < (int64_t)end; row++) {
        double *scores = w->scores + row * count;
        unsigned char *has = w->has + row * count;
        score_row(w, row, scores, has);
        if (w->e->labels.count > 0)
            finish_classes(w, row, scores, has);
        else
            finish_regression(w, row, scores);
    }
}

#define ROWS_AT_ONCE 64

static status run(struct op_call *call, struct error *err) {
    const struct ensemble *e = call->params;
    const bool classifies = e->labels.count > 0;
    struct work work = {.e = e, .forest = call->state, .scores = call->workspace};
    if (rows_of(call, &work.rows, err) != STATUS_OK)
        return err->code;
    work.has = (unsigned char *)(work.scores + work.rows.count * work.forest->trees.targets);
    work.labels = classifies ? op_output(call, 0) : NULL;
    work.out = op_output(call, classifies ? 1 : 0);
    parallel_blocks((size_t)work.rows.count, ROWS_AT_ONCE, call->threads, run_rows, &work);
    return STATUS_OK;
}

#define ENSEMBLE(NAME, SINCE, TYPES, OUTPUTS, PARSE, INFER)                                                       \
    .name = NAME, .domain = ML_DOMAIN, .since = SINCE, .inputs = ARGS({"X", TYPES, ARG_T}), .outputs = OUTPUTS,   \
    .params_size = sizeof(struct ensemble), .state_size = sizeof(struct forest), .facts = &facts, .parse = PARSE, \
    .infer = INFER, .prepare = prepare, .run = run, .release = release
#define TYPES_REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))

const struct op ops_tree_ensemble[] = {
    {ENSEMBLE("TreeEnsembleClassifier", 1, TYPES_FEATURE,
              ARGS({"Y", TYPE(DTYPE_INT64) | TYPE(DTYPE_STRING), ARG_OPTIONAL}, {"Z", TYPES_FLOAT, ARG_OPTIONAL}),
              parse_classifier, infer_classifier),
     .output_type = classifier_type},
    {ENSEMBLE("TreeEnsembleRegressor", 1, TYPES_FEATURE, ARGS({"Y", TYPES_FLOAT, 0}), parse_regressor,
              infer_regressor)},
    {ENSEMBLE("TreeEnsemble", 5, TYPES_REAL, ARGS({"Y", TYPES_REAL, ARG_T}), parse_flat, infer_regressor)},
    {0},
};
