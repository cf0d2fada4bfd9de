/* NegativeLogLikelihoodLoss (ONNX 12, 13, 22) and SoftmaxCrossEntropyLoss (ONNX 12, 13). */
#include "base/checked.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"

#include <math.h>

#define TEAM_ELEMENTS 16384

enum loss_input { IN_SCORES, IN_LABELS, IN_WEIGHTS };
enum loss_output { OUT_LOSS, OUT_LOGARITHMS };

enum reduction { REDUCE_NONE, REDUCE_MEAN, REDUCE_SUM };

struct loss_params {
    bool softmax, has_ignored;
    int64_t ignored;
    enum reduction reduction;
};

static status loss_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    static const char *const reductions[] = {"none", "mean", "sum", NULL};
    struct loss_params *params = result;
    (void)err;
    params->softmax = call->op->row != NULL;
    params->has_ignored = attribute_has(attributes, "ignore_index");
    params->ignored = attribute_int(attributes, "ignore_index", 0);
    params->reduction = (enum reduction)attribute_choice(attributes, "reduction", reductions, REDUCE_MEAN);
    return STATUS_OK;
}

/* Scores are [N, C, ...], labels [N, ...], weights [C]. */
static status check_shapes(const struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[IN_SCORES]->shape, *labels = &call->inputs[IN_LABELS]->shape;
    const struct tensor *weights = op_input(call, IN_WEIGHTS);
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    bool fits = x->rank >= 2 && labels->rank == x->rank - 1;
    for (int d = 0; fits && d < labels->rank; d++)
        fits = labels->dims[d] == x->dims[d ? d + 1 : 0];
    if (!fits)
        return fail(err, STATUS_SHAPE, "inputs 0 %s and 1 %s do not fit together: expected [N,C,...] and [N,...]",
                    shape_text(x, a), shape_text(labels, b));
    if (weights && (weights->shape.rank != 1 || weights->shape.dims[0] != x->dims[1]))
        return fail(err, STATUS_SHAPE, "input 2 is %s, expected [%lld]", shape_text(&weights->shape, a),
                    (long long)x->dims[1]);
    return STATUS_OK;
}

static status loss_infer(struct op_call *call, struct error *err) {
    const struct loss_params *params = call->params;
    const struct tensor *x = call->inputs[IN_SCORES];
    const struct shape scalar = {.rank = 0};
    status code = check_shapes(call, err);
    if (code == STATUS_OK && op_output(call, OUT_LOSS))
        code = tensor_describe(call->outputs[OUT_LOSS], x->dtype,
                               params->reduction == REDUCE_NONE ? &call->inputs[IN_LABELS]->shape : &scalar, err);
    if (code == STATUS_OK && op_output(call, OUT_LOGARITHMS))
        code = tensor_describe(call->outputs[OUT_LOGARITHMS], x->dtype, &x->shape, err);
    return code;
}

/* A loss and a weight of every label. */
static status loss_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    if (!size_mul((size_t)tensor_elements(call->inputs[IN_LABELS]), 2 * sizeof(double), workspace_bytes))
        return fail(err, STATUS_LIMIT, "the workspace is too large");
    return STATUS_OK;
}

struct loss_work {
    const struct op_call *call;
    int64_t classes, inner;
    double *losses, *weights;
};

/* The label, -1 where it is ignored. */
static int64_t label_of(const struct loss_work *work, int64_t i) {
    const struct loss_params *params = work->call->params;
    const int64_t label = int_of(work->call->inputs[IN_LABELS], i);
    return params->has_ignored && label == params->ignored ? -1 : label;
}

/* Logarithm of the sum of exponentials of a column of scores. */
#define LOSSES(T)                                                                                              \
    static double log_sum_##T(const T *x, int64_t count, int64_t stride) {                                     \
        double largest = (double)x[0], sum = 0;                                                                \
        for (int64_t c = 1; c < count; c++)                                                                    \
            largest = (double)x[c * stride] > largest ? (double)x[c * stride] : largest;                       \
        for (int64_t c = 0; c < count; c++)                                                                    \
            sum += exp((double)x[c * stride] - largest);                                                       \
        return largest + log(sum);                                                                             \
    }                                                                                                          \
    static void losses_##T(void *context, int64_t first, int64_t end) {                                        \
        const struct loss_work *work = context;                                                                \
        const struct tensor *weights = op_input(work->call, IN_WEIGHTS);                                       \
        const struct tensor *logarithms = op_output(work->call, OUT_LOGARITHMS);                               \
        for (int64_t i = first; i < end; i++) {                                                                \
            const int64_t label = label_of(work, i);                                                           \
            const int64_t at = i / work->inner * work->classes * work->inner + i % work->inner;                \
            const T *x = (const T *)work->call->inputs[IN_SCORES]->data + at;                                  \
            const bool softmax = ((const struct loss_params *)work->call->params)->softmax;                    \
            const double less = softmax && work->classes > 0 ? log_sum_##T(x, work->classes, work->inner) : 0; \
            for (int64_t c = 0; c < work->classes && logarithms; c++)                                          \
                ((T *)logarithms->data)[at + c * work->inner] = (T)((double)x[c * work->inner] - less);        \
            work->weights[i] = label < 0 ? 0 : weights ? (double)((const T *)weights->data)[label] : 1;        \
            work->losses[i] = label < 0 ? 0 : -((double)x[label * work->inner] - less) * work->weights[i];     \
        }                                                                                                      \
    }                                                                                                          \
    static void reduce_##T(const struct loss_work *work, enum reduction reduction, int64_t count, T *out) {    \
        double sum = 0, weights = 0;                                                                           \
        for (int64_t i = 0; i < count; i++) {                                                                  \
            sum += work->losses[i];                                                                            \
            weights += work->weights[i];                                                                       \
            if (reduction == REDUCE_NONE)                                                                      \
                out[i] = (T)work->losses[i];                                                                   \
        }                                                                                                      \
        if (reduction != REDUCE_NONE)                                                                          \
            *out = (T)(reduction == REDUCE_MEAN ? sum / weights : sum);                                        \
    }
LOSSES(float)
LOSSES(double)

static status check_labels(const struct loss_work *work, int64_t count, struct error *err) {
    const struct loss_params *params = work->call->params;
    for (int64_t i = 0; i < count; i++) {
        const int64_t label = int_of(work->call->inputs[IN_LABELS], i);
        if ((label < 0 || label >= work->classes) && !(params->has_ignored && label == params->ignored))
            return fail(err, STATUS_INVALID_MODEL, "input 1 has label %lld, expected 0 to %lld", (long long)label,
                        (long long)work->classes - 1);
    }
    return STATUS_OK;
}

static status loss_run(struct op_call *call, struct error *err) {
    const struct loss_params *params = call->params;
    const struct tensor *x = call->inputs[IN_SCORES], *loss = op_output(call, OUT_LOSS);
    const int64_t count = tensor_elements(call->inputs[IN_LABELS]);
    struct loss_work work = {call, x->shape.dims[1], 1, call->workspace, (double *)call->workspace + count};
    for (int d = 2; d < x->shape.rank; d++)
        work.inner *= x->shape.dims[d];
    const status code = check_labels(&work, count, err);
    if (code != STATUS_OK)
        return code;
    team_for(tensor_elements(x) > TEAM_ELEMENTS ? call->threads : 1, count,
             x->dtype == DTYPE_DOUBLE ? losses_double : losses_float, &work);
    if (loss && x->dtype == DTYPE_DOUBLE)
        reduce_double(&work, params->reduction, count, loss->data);
    else if (loss)
        reduce_float(&work, params->reduction, count, loss->data);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};
static const bool softmax_row = true;

#define TYPES_LOSS (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs[] = {
    {"scores", TYPES_LOSS, ARG_T}, {"labels", TYPES_INDEX, ARG_T1}, {"weights", TYPES_LOSS, ARG_T | ARG_OPTIONAL}, {0}};
static const struct op_arg loss_output[] = {{"loss", TYPES_LOSS, ARG_T}, {0}};
static const struct op_arg softmax_outputs[] = {
    {"output", TYPES_LOSS, ARG_T}, {"log_prob", TYPES_LOSS, ARG_T | ARG_OPTIONAL}, {0}};

#define LOSS(NAME, OUTPUTS, ROW)                                                                                      \
    {                                                                                                                 \
        .name = NAME, .domain = "", .since = 12, .inputs = inputs, .outputs = OUTPUTS,                                \
        .params_size = sizeof(struct loss_params), .parse = loss_parse, .infer = loss_infer, .prepare = loss_prepare, \
        .run = loss_run, .facts = &facts, .row = ROW                                                                  \
    }

const struct op ops_losses[] = {LOSS("NegativeLogLikelihoodLoss", loss_output, NULL),
                                LOSS("SoftmaxCrossEntropyLoss", softmax_outputs, &softmax_row),
                                {0}};
