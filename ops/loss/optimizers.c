/*
 * Steps of optimizers (ai.onnx.preview.training 1): Adagrad (J. Duchi et al., 2011), Adam (D. Kingma and J. Ba, 2015)
 * and Momentum. After a rate and a count there are as many tensors of each kind as are optimized: X, gradients, and one
 * or two of history. New values of X come out, then those of the history.
 */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/core/reals.h"

#include <math.h>

struct optimizer_params {
    double norm, norm_post, epsilon, decay, alpha, beta;
    bool nesterov;
};

/* What a step has at hand: the rate and the count of steps, and what was made of them once. */
struct optimizer_step {
    const struct optimizer_params *params;
    double rate, count, adjusted; /* adjusted: the rate, or beta */
};

/* One number: x, gradient and history, which are replaced. */
typedef void optimizer_rule(const struct optimizer_step *step, double *x, double gradient, double *first,
                            double *second);

struct optimizer_row {
    int history; /* tensors of it */
    optimizer_rule *rule;
    double (*adjust)(const struct optimizer_step *step);
    bool momentum;
};

static double adjust_adagrad(const struct optimizer_step *step) {
    return step->rate / (1 + step->count * step->params->decay);
}

static void adagrad(const struct optimizer_step *step, double *x, double gradient, double *first, double *second) {
    const double g = step->params->norm * *x + gradient;
    (void)second;
    *first += g * g;
    *x -= step->adjusted * g / (sqrt(*first) + step->params->epsilon);
}

static double adjust_adam(const struct optimizer_step *step) {
    const struct optimizer_params *p = step->params;
    return step->count > 0 ? step->rate * sqrt(1 - pow(p->beta, step->count)) / (1 - pow(p->alpha, step->count))
                           : step->rate;
}

static void adam(const struct optimizer_step *step, double *x, double gradient, double *first, double *second) {
    const struct optimizer_params *p = step->params;
    const double g = p->norm * *x + gradient;
    *first = p->alpha * *first + (1 - p->alpha) * g;
    *second = p->beta * *second + (1 - p->beta) * g * g;
    *x = (1 - p->norm_post) * (*x - step->adjusted * *first / (sqrt(*second) + p->epsilon));
}

static double adjust_momentum(const struct optimizer_step *step) {
    return step->count > 0 ? step->params->beta : 1;
}

static void momentum(const struct optimizer_step *step, double *x, double gradient, double *first, double *second) {
    const struct optimizer_params *p = step->params;
    const double g = p->norm * *x + gradient;
    (void)second;
    *first = p->alpha * *first + step->adjusted * g;
    *x -= step->rate * (p->nesterov ? g + p->alpha * *first : *first);
}

static status optimizer_parse(const struct op_call *call, struct attributes *attributes, void *result,
                              struct error *err) {
    static const char *const modes[] = {"standard", "nesterov", NULL};
    const struct optimizer_row *row = call->op->row;
    struct optimizer_params *params = result;
    params->norm = (double)attribute_float(attributes, "norm_coefficient", 0);
    if (row->momentum) {
        params->nesterov = attribute_choice(attributes, "mode", modes, 0) == 1;
    } else {
        params->epsilon = (double)attribute_float(attributes, "epsilon", 1e-6f);
        if (row->history == 1)
            params->decay = (double)attribute_float(attributes, "decay_factor", 0);
        else
            params->norm_post = (double)attribute_float(attributes, "norm_coefficient_post", 0);
    }
    if (row->momentum || row->history == 2) {
        params->alpha = (double)attribute_float(attributes, "alpha", 0.9f);
        params->beta = (double)attribute_float(attributes, "beta", 0.999f);
    }
    const int kinds = 2 + row->history, tensors = call->input_count - 2;
    if (tensors < kinds || tensors % kinds != 0 || call->output_count > tensors / kinds * (kinds - 1))
        return fail(err, STATUS_INVALID_MODEL,
                    "%d inputs and %d outputs do not fit: expected 2, and %d for every %d outputs", call->input_count,
                    call->output_count, kinds, kinds - 1);
    return STATUS_OK;
}

/* How many tensors are optimized. */
static int tensors_of(const struct op_call *call) {
    return (call->input_count - 2) / (2 + ((const struct optimizer_row *)call->op->row)->history);
}

static status optimizer_infer(struct op_call *call, struct error *err) {
    const int count = tensors_of(call);
    char name[ARG_TEXT_BYTES], a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    status code = STATUS_OK;
    for (int i = 2; i < call->input_count; i++) {
        const struct tensor *x = call->inputs[2 + (i - 2) % count];
        if (!shape_equal(&call->inputs[i]->shape, &x->shape))
            return fail(err, STATUS_SHAPE, "%s is %s, expected %s as its tensor", op_input_text(call, i, name),
                        shape_text(&call->inputs[i]->shape, a), shape_text(&x->shape, b));
    }
    for (int i = 0; i < call->output_count && code == STATUS_OK; i++)
        if (call->outputs[i])
            code = tensor_describe(call->outputs[i], call->inputs[2]->dtype, &call->inputs[2 + i % count]->shape, err);
    return code;
}

struct optimizer_work {
    const struct op_call *call;
    struct optimizer_step step;
    int tensor;
};

/* Number i of one of the kinds: 0 X, 1 gradients, 2 and 3 history. */
static double number_of(const struct optimizer_work *work, int kind, size_t i) {
    const struct tensor *tensor = work->call->inputs[2 + kind * tensors_of(work->call) + work->tensor];
    return tensor->dtype == DTYPE_DOUBLE ? ((const double *)tensor->data)[i] : (double)((const float *)tensor->data)[i];
}

/* kind: 0 X, 1 and 2 history. */
static void put(const struct optimizer_work *work, int kind, size_t i, double value) {
    const struct tensor *tensor = op_output(work->call, kind * tensors_of(work->call) + work->tensor);
    if (tensor && tensor->dtype == DTYPE_DOUBLE)
        ((double *)tensor->data)[i] = value;
    else if (tensor)
        ((float *)tensor->data)[i] = (float)value;
}

static void run_part(void *context, size_t begin, size_t end) {
    const struct optimizer_work *work = context;
    const struct optimizer_row *row = work->call->op->row;
    for (size_t i = begin; i < end; i++) {
        double x = number_of(work, 0, i), first = number_of(work, 2, i);
        double second = row->history > 1 ? number_of(work, 3, i) : 0;
        row->rule(&work->step, &x, number_of(work, 1, i), &first, &second);
        put(work, 0, i, x);
        put(work, 1, i, first);
        if (row->history > 1)
            put(work, 2, i, second);
    }
}

static status optimizer_run(struct op_call *call, struct error *err) {
    const struct optimizer_row *row = call->op->row;
    struct optimizer_work work = {.call = call, .step = {.params = call->params}};
    status code = op_scalar_real(call, 0, &work.step.rate, err);
    if (code == STATUS_OK)
        code = op_scalar_real(call, 1, &work.step.count, err);
    if (code != STATUS_OK)
        return code;
    work.step.adjusted = row->adjust(&work.step);
    for (; work.tensor < tensors_of(call); work.tensor++)
        parallel_blocks((size_t)tensor_elements(call->inputs[2 + work.tensor]), PARALLEL_ELEMENTS, call->threads,
                        run_part, &work);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};

static const struct optimizer_row adagrad_row = {1, adagrad, adjust_adagrad, false};
static const struct optimizer_row adam_row = {2, adam, adjust_adam, false};
static const struct optimizer_row momentum_row = {1, momentum, adjust_momentum, true};

#define TYPES_OPTIMIZED (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs[] = {{"R", TYPES_OPTIMIZED, ARG_T},
                                       {"T", TYPE(DTYPE_INT64), 0},
                                       {"inputs", TYPES_OPTIMIZED, ARG_T1 | ARG_VARIADIC},
                                       {0}};
static const struct op_arg outputs[] = {{"outputs", TYPES_OPTIMIZED, ARG_T1 | ARG_VARIADIC}, {0}};

#define OPTIMIZER(NAME, ROW)                                                                                  \
    {                                                                                                         \
        .name = NAME, .domain = "ai.onnx.preview.training", .since = 1, .inputs = inputs, .outputs = outputs, \
        .params_size = sizeof(struct optimizer_params), .parse = optimizer_parse, .infer = optimizer_infer,   \
        .run = optimizer_run, .facts = &facts, .row = &(ROW)                                                  \
    }

const struct op ops_optimizers[] = {
    OPTIMIZER("Adagrad", adagrad_row), OPTIMIZER("Adam", adam_row), OPTIMIZER("Momentum", momentum_row), {0}};
