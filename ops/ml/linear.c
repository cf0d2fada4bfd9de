/*
 * LinearClassifier, LinearRegressor (ai.onnx.ml 1): a row's products with rows of coefficients, which lie one behind
 * the other, each as long as the input's rows.
 */
#include "base/checked.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/ml/classify.h"
#include "ops/ml/rows.h"

static const struct op_facts facts = {.reach = op_reach_unknown};

struct linear {
    const float *coefficients, *intercepts; /* intercepts may be NULL */
    size_t coefficient_count, intercept_count;
    int64_t scores; /* rows of coefficients */
    enum post_transform transform;
    struct labels labels; /* of a classifier */
};

/* ---- attributes ---- */

/* More than are needed are allowed: the first ones count, as onnxruntime has it. */
static status check(const struct linear *l, struct error *err) {
    if (l->scores < 1 || l->coefficient_count < (size_t)l->scores)
        return fail(err, STATUS_INVALID_MODEL, "%zu coefficients for %lld scores", l->coefficient_count,
                    (long long)l->scores);
    if (l->intercepts && (int64_t)l->intercept_count != l->scores)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"intercepts\" has %zu numbers, expected %lld",
                    l->intercept_count, (long long)l->scores);
    return STATUS_OK;
}

static void parse_both(struct attributes *attributes, struct linear *l) {
    l->coefficients = attribute_floats(attributes, "coefficients", &l->coefficient_count);
    l->intercepts = attribute_floats(attributes, "intercepts", &l->intercept_count);
    l->intercepts = l->intercept_count > 0 ? l->intercepts : NULL;
    l->transform = post_transform_read(attributes);
}

static status parse_regressor(const struct op_call *call, struct attributes *attributes, void *params,
                              struct error *err) {
    struct linear *l = params;
    (void)call;
    parse_both(attributes, l);
    l->scores = attribute_int(attributes, "targets", 1);
    return attributes->code == STATUS_OK ? check(l, err) : attributes->code;
}

/* Two classes may have one score, the second one's. */
static status parse_classifier(const struct op_call *call, struct attributes *attributes, void *params,
                               struct error *err) {
    struct linear *l = params;
    (void)call;
    parse_both(attributes, l);
    attribute_int(attributes, "multi_class", 0);
    const status code = labels_read(attributes, "classlabels_ints", "classlabels_strings", &l->labels, err);
    if (code != STATUS_OK)
        return code;
    l->scores = l->intercepts ? (int64_t)l->intercept_count : l->labels.count;
    if (l->scores != l->labels.count && !(l->scores == 1 && l->labels.count == 2))
        return fail(err, STATUS_INVALID_MODEL, "%lld scores for %lld classes", (long long)l->scores,
                    (long long)l->labels.count);
    return check(l, err);
}

/* ---- shapes ---- */

static status infer_scores(struct op_call *call, int output, int64_t width, struct error *err) {
    const struct linear *l = call->params;
    struct rows rows;
    if (rows_of(call, &rows, err) != STATUS_OK)
        return err->code;
    const size_t features = l->coefficient_count / (size_t)l->scores;
    if (rows.features > (int64_t)features)
        return fail(err, STATUS_SHAPE, "input 0 (X) has %lld features, the coefficients are for %zu",
                    (long long)rows.features, features);
    return rows_describe(call, output, DTYPE_FLOAT, rows.count, width, err);
}

static status infer_regressor(struct op_call *call, struct error *err) {
    return infer_scores(call, 0, ((const struct linear *)call->params)->scores, err);
}

static enum dtype classifier_type(const struct op_call *call, int output) {
    return output == 0 ? labels_type(&((const struct linear *)call->params)->labels) : DTYPE_FLOAT;
}

static status infer_classifier(struct op_call *call, struct error *err) {
    const struct linear *l = call->params;
    struct rows rows;
    if (rows_of(call, &rows, err) != STATUS_OK)
        return err->code;
    const struct shape labels = {.rank = 1, .dims = {rows.count}};
    if (op_output(call, 0) && tensor_describe(call->outputs[0], labels_type(&l->labels), &labels, err) != STATUS_OK)
        return err->code;
    return infer_scores(call, 1, l->labels.count, err);
}

/* ---- run ---- */

static int64_t width_of(const struct linear *l) {
    return l->labels.count > 0 ? l->labels.count : l->scores;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct rows rows;
    if (rows_of(call, &rows, err) != STATUS_OK)
        return err->code;
    if (!size_mul((size_t)rows.count, (size_t)width_of(call->params) * sizeof(double), workspace_bytes))
        return fail(err, STATUS_LIMIT, "the scores have no valid size");
    return STATUS_OK;
}

struct work {
    const struct linear *l;
    struct rows rows;
    double *scores;
    struct tensor *labels, *out;
};

static double product(const struct work *w, int64_t row, int64_t score) {
    const float *coefficients = w->l->coefficients + score * w->rows.features;
    double sum = w->l->intercepts ? w->l->intercepts[score] : 0;
    for (int64_t i = 0; i < w->rows.features; i++)
        sum += number_at(w->rows.tensor, row * w->rows.features + i) * coefficients[i];
    return sum;
}

static void run_row(const struct work *w, int64_t row) {
    const struct linear *l = w->l;
    const int64_t width = width_of(l);
    double *scores = w->scores + row * width;
    for (int64_t i = 0; i < l->scores; i++)
        scores[i] = product(w, row, i);
    const bool pair = l->scores < width;
    const int64_t best = pair ? scores[0] > 0 : classify_best(scores, NULL, width);
    if (pair)
        classify_pair(l->transform, true, scores[0], scores);
    if (!pair || l->transform == POST_PROBIT)
        post_transform(l->transform, scores, width);
    if (w->labels)
        labels_write(&l->labels, best, w->labels, row);
    for (int64_t i = 0; w->out && i < width; i++)
        ((float *)w->out->data)[row * width + i] = (float)scores[i];
}

static void run_rows(void *context, size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++)
        run_row(context, (int64_t)row);
}

#define ROWS_AT_ONCE 64

static status run(struct op_call *call, struct error *err) {
    const struct linear *l = call->params;
    const bool classifies = l->labels.count > 0;
    struct work work = {.l = l,
                        .scores = call->workspace,
                        .labels = classifies ? op_output(call, 0) : NULL,
                        .out = op_output(call, classifies ? 1 : 0)};
    const status code = rows_of(call, &work.rows, err);
    if (code == STATUS_OK)
        parallel_blocks((size_t)work.rows.count, ROWS_AT_ONCE, call->threads, run_rows, &work);
    return code;
}

const struct op ops_linear[] = {
    {.name = "LinearClassifier",
     .domain = ML_DOMAIN,
     .since = 1,
     .inputs = ARGS({"X", TYPES_FEATURE, 0}),
     .outputs = ARGS({"Y", TYPE(DTYPE_INT64) | TYPE(DTYPE_STRING), ARG_OPTIONAL}, {"Z", TYPES_FLOAT, ARG_OPTIONAL}),
     .params_size = sizeof(struct linear),
     .facts = &facts,
     .parse = parse_classifier,
     .infer = infer_classifier,
     .output_type = classifier_type,
     .prepare = prepare,
     .run = run},
    {.name = "LinearRegressor",
     .domain = ML_DOMAIN,
     .since = 1,
     .inputs = ARGS({"X", TYPES_FEATURE, 0}),
     .outputs = ARGS({"Y", TYPES_FLOAT, 0}),
     .params_size = sizeof(struct linear),
     .facts = &facts,
     .parse = parse_regressor,
     .infer = infer_regressor,
     .prepare = prepare,
     .run = run},
    {0},
};
