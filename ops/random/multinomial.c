/*
 * Multinomial: class numbers drawn from unnormalized logarithms of probabilities, [batch, classes] to
 * [batch, sample_size]. Sample i of the output, counted over the batch, is where uniform number i of the stream meets
 * the sums of the row's probabilities.
 */
#include "base/checked.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"
#include "ops/random/generator.h"

#include <math.h>

struct multinomial_params {
    enum dtype dtype;
    int64_t samples;
    struct generator generator;
    bool seeded;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct multinomial_params *params = out;
    status code;
    (void)call;
    params->dtype = attribute_dtype(attributes, "dtype", DTYPE_INT32, TYPES_INDEX, &code, err);
    params->samples = attribute_int(attributes, "sample_size", 1);
    params->seeded = attribute_has(attributes, "seed");
    params->generator = generator_seeded_float(attribute_float(attributes, "seed", 0));
    if (code == STATUS_OK && params->samples < 1)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"sample_size\" is %lld, expected 1 or more",
                    (long long)params->samples);
    return code;
}

static status infer(struct op_call *call, struct error *err) {
    const struct multinomial_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    if (x->rank != 2 || x->dims[1] < 1)
        return fail(err, STATUS_SHAPE, "input 0 (input) has shape %s, expected [batch, classes]", shape_text(x, text));
    const struct shape shape = {.rank = 2, .dims = {x->dims[0], params->samples}};
    return tensor_describe(call->outputs[0], params->dtype, &shape, err);
}

static enum dtype output_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct multinomial_params *)call->params)->dtype;
}

/* Each thread has the sums of one row. */
static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    *workspace_bytes = 0;
    if (!size_mul((size_t)call->inputs[0]->shape.dims[1], sizeof(double), &call->own_bytes))
        return fail(err, STATUS_LIMIT, "the input is too large");
    return STATUS_OK;
}

/* Probabilities in the place of their logarithms, summed up; the whole sum is finite and above 0, or the row is no
 * distribution. */
static bool sum_row(const struct tensor *x, int64_t row, double *sums) {
    const int64_t classes = x->shape.dims[1];
    double most = -INFINITY, sum = 0;
    reals_load(x->dtype, (const char *)x->data + (size_t)(row * classes) * dtype_size(x->dtype), sums, (size_t)classes);
    for (int64_t i = 0; i < classes; i++)
        most = sums[i] > most ? sums[i] : most;
    for (int64_t i = 0; i < classes; i++)
        sums[i] = sum += exp(sums[i] - most);
    return isfinite(sum);
}

/* The first class whose sum is above; never one without a probability. */
static int64_t find_class(const double *sums, int64_t classes, double target) {
    int64_t low = 0, high = classes - 1;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (sums[middle] > target)
            high = middle;
        else
            low = middle + 1;
    }
    while (low > 0 && sums[low] == sums[low - 1])
        low--;
    return low;
}

struct multinomial_work {
    const struct op_call *call;
    struct generator generator;
    int64_t *bad; /* a row that is no distribution; -1: none */
};

static void draw_row(const struct multinomial_work *work, const double *sums, int64_t row) {
    const struct tensor *output = work->call->outputs[0];
    const int64_t classes = work->call->inputs[0]->shape.dims[1], samples = output->shape.dims[1];
    for (int64_t i = row * samples; i < (row + 1) * samples; i++) {
        double number;
        generator_uniform_double(&work->generator, (uint64_t)i, 1, &number);
        const int64_t found = find_class(sums, classes, number * sums[classes - 1]);
        if (output->dtype == DTYPE_INT64)
            ((int64_t *)output->data)[i] = found;
        else
            ((int32_t *)output->data)[i] = (int32_t)found;
    }
}

static void run_thread(struct team_thread self, void *context) {
    const struct multinomial_work *work = context;
    const struct op_call *call = work->call;
    double *sums = (double *)(void *)(call->own + (size_t)self.index * call->own_stride);
    const struct team_range rows = team_range_of(self, call->inputs[0]->shape.dims[0]);
    for (int64_t row = rows.first; row < rows.end; row++) {
        if (!sum_row(call->inputs[0], row, sums)) {
            __atomic_store_n(work->bad, row, __ATOMIC_RELAXED);
            return;
        }
        draw_row(work, sums, row);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct multinomial_params *params = call->params;
    int64_t bad = -1;
    struct multinomial_work work = {call, params->seeded ? params->generator : generator_unseeded(), &bad};
    team_run(call->threads, run_thread, &work);
    if (bad >= 0)
        return fail(err, STATUS_INVALID_ARGUMENT, "row %lld of input 0 (input) is no distribution", (long long)bad);
    return STATUS_OK;
}

static const struct op_facts facts = {.varies = true, .reach = op_reach_whole};
static const struct op_arg inputs[] = {{"input", TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPES_HALF, 0}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_INDEX, 0}, {0}};

const struct op ops_multinomial[] = {{.name = "Multinomial",
                                      .domain = "",
                                      .since = 7,
                                      .inputs = inputs,
                                      .outputs = outputs,
                                      .params_size = sizeof(struct multinomial_params),
                                      .parse = parse,
                                      .infer = infer,
                                      .output_type = output_type,
                                      .prepare = prepare,
                                      .run = run,
                                      .facts = &facts},
                                     {.name = NULL}};
