/* SVMRegressor (ai.onnx.ml 1). */
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/ml/post_transform.h"
#include "ops/ml/svm_kernel.h"

static const struct op_facts facts = {.reach = op_reach_unknown};

struct regressor {
    struct svm_kernel kernel;
    const float *coefficients, *vectors; /* without vectors the coefficients are one, of a linear function */
    size_t coefficient_count, vector_count, features;
    double rho;
    bool one_class;
    enum post_transform transform;
};

static status read_vectors(struct attributes *attributes, struct regressor *r, struct error *err) {
    size_t numbers;
    const int64_t supports = attribute_int(attributes, "n_supports", 0);
    r->vectors = attribute_floats(attributes, "support_vectors", &numbers);
    r->coefficients = attribute_floats(attributes, "coefficients", &r->coefficient_count);
    r->vector_count = supports > 0 ? (size_t)supports : 0;
    if (r->vector_count == 0) {
        r->vectors = r->coefficients;
        r->features = r->coefficient_count;
        return STATUS_OK;
    }
    if (numbers == 0 || numbers % r->vector_count != 0 || r->coefficient_count < r->vector_count)
        return fail(err, STATUS_INVALID_MODEL, "%zu coefficients and %zu numbers for %zu support vectors",
                    r->coefficient_count, numbers, r->vector_count);
    r->features = numbers / r->vector_count;
    return STATUS_OK;
}

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct regressor *r = params;
    size_t count;
    (void)call;
    const float *rho = attribute_floats(attributes, "rho", &count);
    r->rho = count > 0 ? rho[0] : 0;
    r->one_class = attribute_int(attributes, "one_class", 0) != 0;
    r->transform = post_transform_read(attributes);
    const status code = svm_kernel_read(attributes, &r->kernel, err);
    if (code != STATUS_OK)
        return code;
    if (count == 0)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"rho\" is missing");
    return read_vectors(attributes, r, err);
}

static status infer(struct op_call *call, struct error *err) {
    const struct regressor *r = call->params;
    struct rows rows;
    if (rows_of(call, &rows, err) != STATUS_OK)
        return err->code;
    if (rows.features != (int64_t)r->features)
        return fail(err, STATUS_SHAPE, "input 0 (X) has %lld features, expected %zu", (long long)rows.features,
                    r->features);
    return rows_describe(call, 0, DTYPE_FLOAT, rows.count, 1, err);
}

struct work {
    const struct regressor *r;
    struct rows rows;
    float *out;
};

static void run_rows(void *context, size_t begin, size_t end) {
    const struct work *w = context;
    const struct regressor *r = w->r;
    for (size_t row = begin; row < end; row++) {
        double sum = r->rho;
        for (size_t i = 0; i < r->vector_count; i++)
            sum += r->coefficients[i] * svm_kernel(&r->kernel, &w->rows, (int64_t)row, r->vectors + i * r->features);
        if (r->vector_count == 0)
            sum += svm_kernel(&r->kernel, &w->rows, (int64_t)row, r->coefficients);
        if (r->one_class)
            sum = sum > 0 ? 1 : -1;
        post_transform(r->transform, &sum, 1);
        w->out[row] = (float)sum;
    }
}

#define ROWS_AT_ONCE 16

static status run(struct op_call *call, struct error *err) {
    struct work work = {.r = call->params, .out = call->outputs[0]->data};
    const status code = rows_of(call, &work.rows, err);
    if (code == STATUS_OK)
        parallel_blocks((size_t)work.rows.count, ROWS_AT_ONCE, call->threads, run_rows, &work);
    return code;
}

const struct op ops_svm_regressor[] = {{.name = "SVMRegressor",
                                        .domain = ML_DOMAIN,
                                        .since = 1,
                                        .inputs = (const struct op_arg[]){{"X", TYPES_FEATURE, 0}, {0}},
                                        .outputs = (const struct op_arg[]){{"Y", TYPES_FLOAT, 0}, {0}},
                                        .params_size = sizeof(struct regressor),
                                        .facts = &facts,
                                        .parse = parse,
                                        .infer = infer,
                                        .run = run},
                                       {0}};
