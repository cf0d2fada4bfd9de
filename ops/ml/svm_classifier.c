/* SVMClassifier (ai.onnx.ml 1): a decision for each pair of classes, and votes or probabilities from those. */
#include "base/checked.h"
#include "ops/core/op_facts.h"
#include "ops/ml/classify.h"
#include "ops/ml/svm_kernel.h"

#include <math.h>

static const struct op_facts facts = {.reach = op_reach_unknown};

struct classifier {
    struct svm_kernel kernel;
    const float *coefficients, *vectors, *rho, *prob_a, *prob_b;
    size_t coefficient_count, rho_count, prob_count;
    const int64_t *per_class; /* support vectors; NULL: the coefficients are linear functions, one a class */
    int64_t vector_count, features, classes;
    enum post_transform transform;
    struct labels labels;
};

/* ---- attributes ---- */

static int64_t pair_count(const struct classifier *c) {
    return c->classes * (c->classes - 1) / 2;
}

#define MOST_CLASSES 1024

static status check_linear(struct classifier *c, struct error *err) {
    if (c->coefficient_count == 0 || c->coefficient_count % (size_t)c->classes != 0 || c->rho_count == 0)
        return fail(err, STATUS_INVALID_MODEL, "%zu coefficients and %zu rho for %lld classes", c->coefficient_count,
                    c->rho_count, (long long)c->classes);
    c->features = (int64_t)(c->coefficient_count / (size_t)c->classes);
    return STATUS_OK;
}

static status count_vectors(struct classifier *c, size_t numbers, struct error *err) {
    for (int64_t i = 0; i < c->classes; i++)
        if (c->per_class[i] < 0 || !int64_add(c->vector_count, c->per_class[i], &c->vector_count))
            return fail(err, STATUS_INVALID_MODEL, "attribute \"vectors_per_class\" has %lld at %lld",
                        (long long)c->per_class[i], (long long)i);
    if (c->vector_count == 0 || numbers == 0 || numbers % (size_t)c->vector_count != 0)
        return fail(err, STATUS_INVALID_MODEL, "%zu numbers for %lld support vectors", numbers,
                    (long long)c->vector_count);
    c->features = (int64_t)(numbers / (size_t)c->vector_count);
    return STATUS_OK;
}

static status check_vectors(struct classifier *c, size_t numbers, struct error *err) {
    const size_t pairs = (size_t)pair_count(c);
    if (c->classes < 2 || count_vectors(c, numbers, err) != STATUS_OK)
        return c->classes < 2 ? fail(err, STATUS_INVALID_MODEL, "one class, expected two or more") : err->code;
    if (c->coefficient_count / (size_t)(c->classes - 1) < (size_t)c->vector_count || c->rho_count < pairs)
        return fail(err, STATUS_INVALID_MODEL, "%zu coefficients and %zu rho for %lld classes and %lld vectors",
                    c->coefficient_count, c->rho_count, (long long)c->classes, (long long)c->vector_count);
    if (c->prob_count > 0 && c->prob_count < pairs)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"prob_a\" has %zu numbers, expected %zu", c->prob_count,
                    pairs);
    return STATUS_OK;
}

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct classifier *c = params;
    size_t numbers, per_class, prob_b;
    (void)call;
    c->coefficients = attribute_floats(attributes, "coefficients", &c->coefficient_count);
    c->vectors = attribute_floats(attributes, "support_vectors", &numbers);
    c->rho = attribute_floats(attributes, "rho", &c->rho_count);
    c->prob_a = attribute_floats(attributes, "prob_a", &c->prob_count);
    c->prob_b = attribute_floats(attributes, "prob_b", &prob_b);
    c->per_class = attribute_int_list(attributes, "vectors_per_class", &per_class);
    c->transform = post_transform_read(attributes);
    status code = svm_kernel_read(attributes, &c->kernel, err);
    if (code == STATUS_OK)
        code = labels_read(attributes, "classlabels_ints", "classlabels_strings", &c->labels, err);
    if (code != STATUS_OK)
        return code;
    c->classes = per_class > 0 ? (int64_t)per_class : c->labels.count;
    if (c->classes > MOST_CLASSES || c->classes != c->labels.count || prob_b != c->prob_count)
        return fail(err, STATUS_INVALID_MODEL, "%lld classes and %lld labels, %zu prob_a and %zu prob_b",
                    (long long)c->classes, (long long)c->labels.count, c->prob_count, prob_b);
    c->per_class = per_class > 0 ? c->per_class : NULL;
    return c->per_class ? check_vectors(c, numbers, err) : check_linear(c, err);
}

/* ---- shapes ---- */

static int64_t width_of(const struct classifier *c) {
    const bool pairs = c->per_class && c->prob_count == 0;
    return pairs && c->classes > 2 ? pair_count(c) : c->classes;
}

static enum dtype output_type(const struct op_call *call, int output) {
    return output == 0 ? labels_type(&((const struct classifier *)call->params)->labels) : DTYPE_FLOAT;
}

static status infer(struct op_call *call, struct error *err) {
    const struct classifier *c = call->params;
    struct rows rows;
    if (rows_of(call, &rows, err) != STATUS_OK)
        return err->code;
    if (rows.features != c->features)
        return fail(err, STATUS_SHAPE, "input 0 (X) has %lld features, expected %lld", (long long)rows.features,
                    (long long)c->features);
    const struct shape labels = {.rank = 1, .dims = {rows.count}};
    if (op_output(call, 0) && tensor_describe(call->outputs[0], labels_type(&c->labels), &labels, err) != STATUS_OK)
        return err->code;
    return rows_describe(call, 1, DTYPE_FLOAT, rows.count, width_of(c), err);
}

/* What a row is worked out in, all of double. */
static size_t row_numbers(const struct classifier *c) {
    const size_t n = (size_t)c->classes;
    return (size_t)c->vector_count + (size_t)pair_count(c) + 3 * n + n * n + n * (n + 1);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct classifier *c = call->params;
    (void)err;
    *workspace_bytes = row_numbers(c) * sizeof(double); /* vectors lie in the model, and classes are few */
    return STATUS_OK;
}

/* ---- run ---- */

struct work {
    const struct classifier *c;
    struct rows rows;
    struct tensor *labels, *out;
};

/* A row's numbers. */
struct desk {
    double *kernels, *pairs, *scores, *votes, *probabilities, *couples, *coupling;
};

static struct desk desk_at(const struct classifier *c, double *at) {
    const int64_t n = c->classes, pairs = pair_count(c);
    struct desk desk = {.kernels = at};
    desk.pairs = at += c->vector_count;
    desk.scores = at += pairs;
    desk.votes = at += n;
    desk.probabilities = at += n;
    desk.couples = at += n;
    desk.coupling = at + n * n;
    return desk;
}

static double half_of_pair(const struct classifier *c, const double *kernels, int64_t other, int64_t first,
                           int64_t count) {
    const float *coefficients = c->coefficients + other * c->vector_count;
    double sum = 0;
    for (int64_t i = first; i < first + count; i++)
        sum += coefficients[i] * kernels[i];
    return sum;
}

/* The decision of every pair of classes, and what they vote for. */
static void decide_pairs(const struct work *w, int64_t row, const struct desk *desk) {
    const struct classifier *c = w->c;
    int64_t pair = 0, first_i = 0;
    for (int64_t i = 0; i < c->vector_count; i++)
        desk->kernels[i] = svm_kernel(&c->kernel, &w->rows, row, c->vectors + i * c->features);
    for (int64_t i = 0; i < c->classes; i++)
        desk->votes[i] = 0;
    for (int64_t i = 0; i < c->classes; first_i += c->per_class[i++]) {
        int64_t first_j = first_i + c->per_class[i];
        for (int64_t j = i + 1; j < c->classes; first_j += c->per_class[j++], pair++) {
            desk->pairs[pair] = half_of_pair(c, desk->kernels, j - 1, first_i, c->per_class[i]) +
                                half_of_pair(c, desk->kernels, i, first_j, c->per_class[j]) + c->rho[pair];
            desk->votes[desk->pairs[pair] > 0 ? i : j]++;
        }
    }
}

static void find_probabilities(const struct classifier *c, const struct desk *desk) {
    const int64_t n = c->classes;
    int64_t pair = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++, pair++) {
            const double p = 1 - logistic(desk->pairs[pair] * c->prob_a[pair] + c->prob_b[pair]);
            desk->couples[i * n + j] = fmin(fmax(p, 1e-7), 1 - 1e-7);
            desk->couples[j * n + i] = 1 - desk->couples[i * n + j];
        }
    svm_couple(desk->couples, n, desk->probabilities, desk->coupling);
}

static void write_row(const struct work *w, int64_t row, int64_t label, double *scores, bool transforms) {
    const int64_t width = width_of(w->c);
    if (transforms)
        post_transform(w->c->transform, scores, width);
    if (w->labels)
        labels_write(&w->c->labels, label, w->labels, row);
    for (int64_t i = 0; w->out && i < width; i++)
        ((float *)w->out->data)[row * width + i] = (float)scores[i];
}

static void run_linear(const struct work *w, int64_t row, const struct desk *desk) {
    static const struct svm_kernel linear = {.type = KERNEL_LINEAR};
    const struct classifier *c = w->c;
    for (int64_t i = 0; i < c->classes; i++)
        desk->scores[i] = svm_kernel(&linear, &w->rows, row, c->coefficients + i * c->features) + c->rho[0];
    write_row(w, row, classify_best(desk->scores, NULL, c->classes), desk->scores, true);
}

/* Two classes have one decision, from which both scores follow. The votes choose, also where there are probabilities.
 */
static void run_vectors(const struct work *w, int64_t row, const struct desk *desk) {
    const struct classifier *c = w->c;
    decide_pairs(w, row, desk);
    const int64_t label = classify_best(desk->votes, NULL, c->classes);
    if (c->prob_count > 0) {
        find_probabilities(c, desk);
        write_row(w, row, label, desk->probabilities, true);
    } else if (c->classes == 2) {
        classify_pair(c->transform, c->transform != POST_NONE, desk->pairs[0], desk->scores);
        write_row(w, row, label, desk->scores, c->transform == POST_PROBIT);
    } else {
        write_row(w, row, label, desk->pairs, true);
    }
}

static status run(struct op_call *call, struct error *err) {
    struct work work = {.c = call->params, .labels = op_output(call, 0), .out = op_output(call, 1)};
    const struct desk desk = desk_at(work.c, call->workspace);
    const status code = rows_of(call, &work.rows, err);
    for (int64_t row = 0; code == STATUS_OK && row < work.rows.count; row++)
        (work.c->per_class ? run_vectors : run_linear)(&work, row, &desk);
    return code;
}

const struct op ops_svm_classifier[] = {
    {.name = "SVMClassifier",
     .domain = ML_DOMAIN,
     .since = 1,
     .inputs = (const struct op_arg[]){{"X", TYPES_FEATURE, 0}, {0}},
     .outputs = (const struct op_arg[]){{"Y", TYPE(DTYPE_INT64) | TYPE(DTYPE_STRING), ARG_OPTIONAL},
                                        {"Z", TYPES_FLOAT, ARG_OPTIONAL},
                                        {0}},
     .params_size = sizeof(struct classifier),
     .facts = &facts,
     .parse = parse,
     .infer = infer,
     .output_type = output_type,
     .prepare = prepare,
     .run = run},
    {0}};
