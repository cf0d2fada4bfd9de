/*
 * onnxruntime's SkipLayerNormalization and SkipSimplifiedLayerNormalization (com.microsoft 1): the last dimension of
 * input + skip + bias is normalized.
 */
#include "base/simd.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/norm/norm_engine.h"

#include <string.h>

enum skip_input { IN_X, IN_SKIP, IN_SCALE, IN_REST };
enum skip_output { OUT_Y, OUT_MEAN, OUT_INVERSE, OUT_SUM };

struct skip_row {
    bool simple; /* no mean is taken off, and there is no beta */
};

static const struct tensor *beta_of(const struct op_call *call) {
    return ((const struct skip_row *)call->op->row)->simple ? NULL : op_input(call, IN_REST);
}

static const struct tensor *bias_of(const struct op_call *call) {
    return op_input(call, ((const struct skip_row *)call->op->row)->simple ? IN_REST : IN_REST + 1);
}

static status skip_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    (void)call, (void)err;
    *(float *)params = attribute_float(attributes, "epsilon", 1e-12f);
    return STATUS_OK;
}

/* skip is of the same shape as the input, or lacks its batch, or has one row of it. */
static bool skip_fits(const struct shape *x, const struct shape *skip) {
    if (skip->rank == 3)
        return shape_equal(x, skip) ||
               (x->rank == 3 && skip->dims[0] == 1 && skip->dims[1] == x->dims[1] && skip->dims[2] == x->dims[2]);
    return skip->rank == 2 &&
           (x->rank == 2 ? shape_equal(x, skip) : skip->dims[0] == x->dims[1] && skip->dims[1] == x->dims[2]);
}

static status skip_infer(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[IN_X]->shape;
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES], name[ARG_TEXT_BYTES];
    if ((x->rank != 2 && x->rank != 3) || !skip_fits(x, &call->inputs[IN_SKIP]->shape))
        return fail(err, STATUS_SHAPE, "inputs 0 %s and 1 %s do not fit together", shape_text(x, a),
                    shape_text(&call->inputs[IN_SKIP]->shape, b));
    for (int i = IN_SCALE; i < call->input_count; i++)
        if (call->inputs[i] &&
            (call->inputs[i]->shape.rank != 1 || call->inputs[i]->shape.dims[0] != x->dims[x->rank - 1]))
            return fail(err, STATUS_SHAPE, "%s is %s, expected the last dimension of input 0 %s",
                        op_input_text(call, i, name), shape_text(&call->inputs[i]->shape, a), shape_text(x, b));
    struct shape rows = *x;
    rows.dims[rows.rank - 1] = 1;
    status code = STATUS_OK;
    for (int i = 0; i < call->output_count && code == STATUS_OK; i++)
        if (call->outputs[i])
            code = tensor_describe(call->outputs[i], DTYPE_FLOAT, i == OUT_Y || i == OUT_SUM ? x : &rows, err);
    return code;
}

static struct norm_layout layout_of(const struct op_call *call) {
    struct norm_layout layout = norm_layout_of(&call->inputs[IN_X]->shape, 1);
    norm_layout_broadcast(&layout, NORM_SCALE, &call->inputs[IN_SCALE]->shape);
    if (beta_of(call))
        norm_layout_broadcast(&layout, NORM_BIAS, &beta_of(call)->shape);
    return layout;
}

static status skip_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct norm_layout layout = layout_of(call);
    (void)err;
    *workspace_bytes = norm_workspace_bytes(&layout);
    return STATUS_OK;
}

struct skip_sum {
    const struct op_call *call;
    float *sum;
};

/* Rows begin..end-1 of the sum. */
static void add_rows(void *context, size_t begin, size_t end) {
    const struct skip_sum *work = context;
    const struct tensor *skip = work->call->inputs[IN_SKIP], *bias = bias_of(work->call);
    const struct shape *x = &work->call->inputs[IN_X]->shape;
    const size_t width = (size_t)x->dims[x->rank - 1], rows = (size_t)tensor_elements(skip) / width;
    for (size_t r = begin; r < end; r++) {
        const float *a = (const float *)work->call->inputs[IN_X]->data + r * width;
        const float *b = (const float *)skip->data + r % rows * width, *c = bias ? bias->data : NULL;
        float *sum = work->sum + r * width;
        if (c)
            SIMD for (size_t i = 0; i < width; i++) sum[i] = a[i] + b[i] + c[i];
        else
            SIMD for (size_t i = 0; i < width; i++) sum[i] = a[i] + b[i];
    }
}

static void put(const struct op_call *call, int output, int64_t i, double value) {
    const struct tensor *tensor = op_output(call, output);
    if (tensor)
        ((float *)tensor->data)[i] = (float)value;
}

static void found(const struct norm_job *job, int64_t group, const struct norm_moments *moments, double inverse) {
    put(job->context, OUT_MEAN, group, moments->mean);
    put(job->context, OUT_INVERSE, group, inverse);
}

/* The sum is made where it is wanted, or where y comes. */
static status skip_run(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[IN_X]->shape;
    const struct tensor *sum = op_output(call, OUT_SUM), *beta = beta_of(call);
    struct tensor *y = op_output(call, OUT_Y);
    (void)err;
    if (call->inputs[IN_X]->bytes == 0 || (!sum && !y))
        return STATUS_OK;
    struct skip_sum work = {call, sum ? sum->data : y->data};
    const size_t width = (size_t)x->dims[x->rank - 1];
    parallel_blocks((size_t)tensor_elements(call->inputs[IN_X]) / width, PARALLEL_ELEMENTS / width + 1, call->threads,
                    add_rows, &work);
    norm_run(call, &(struct norm_job){.layout = layout_of(call),
                                      .dtype = DTYPE_FLOAT,
                                      .centered = !((const struct skip_row *)call->op->row)->simple,
                                      .inverse = INVERSE_VARIANCE,
                                      .epsilon = *(const float *)call->params,
                                      .x = work.sum,
                                      .scale = call->inputs[IN_SCALE]->data,
                                      .bias = beta ? beta->data : NULL,
                                      .y = y ? y->data : NULL,
                                      .found = found,
                                      .context = call});
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};
static const struct skip_row full_row = {false}, simple_row = {true};

static const struct op_arg full_inputs[] = {{"input", TYPES_FLOAT, ARG_T},
                                            {"skip", TYPES_FLOAT, ARG_T},
                                            {"gamma", TYPES_FLOAT, ARG_T},
                                            {"beta", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                            {"bias", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                            {0}};
static const struct op_arg simple_inputs[] = {{"input", TYPES_FLOAT, ARG_T},
                                              {"skip", TYPES_FLOAT, ARG_T},
                                              {"gamma", TYPES_FLOAT, ARG_T},
                                              {"bias", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                              {0}};
static const struct op_arg outputs[] = {{"output", TYPES_FLOAT, ARG_T},
                                        {"mean", TYPES_FLOAT, ARG_T1 | ARG_OPTIONAL},
                                        {"inv_std_var", TYPES_FLOAT, ARG_T1 | ARG_OPTIONAL},
                                        {"input_skip_bias_sum", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                        {0}};

#define SKIP(NAME, INPUTS, ROW)                                                                          \
    {                                                                                                    \
        .name = NAME, .domain = "com.microsoft", .since = 1, .inputs = INPUTS, .outputs = outputs,       \
        .params_size = sizeof(float), .parse = skip_parse, .infer = skip_infer, .prepare = skip_prepare, \
        .run = skip_run, .facts = &facts, .row = &(ROW)                                                  \
    }

const struct op ops_skip_layer_norm[] = {SKIP("SkipLayerNormalization", full_inputs, full_row),
                                         SKIP("SkipSimplifiedLayerNormalization", simple_inputs, simple_row),
                                         {0}};
