#include "ops/elementwise/unary.h"

#include "base/convert.h"
#include "ops/core/attributes.h"
#include "ops/core/parallel.h"

status unary_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    const struct unary_row *row = call->op->row;
    struct unary_params *p = params;
    (void)err;
    p->alpha = row->attributes[0] ? attribute_float(attributes, row->attributes[0], row->defaults[0]) : 0;
    p->beta = row->attributes[1] ? attribute_float(attributes, row->attributes[1], row->defaults[1]) : 0;
    return STATUS_OK;
}

status unary_infer(struct op_call *call, struct error *err) {
    const struct unary_row *row = call->op->row;
    const struct tensor *x = call->inputs[0];
    struct tensor *y = op_output(call, 0);
    return y ? tensor_describe(y, row->output ? row->output : x->dtype, &x->shape, err) : STATUS_OK;
}

struct unary_work {
    unary_loop *loop;
    math_map *map; /* instead of loop, where not NULL */
    const char *in;
    char *out;
    size_t in_size, out_size;
    enum dtype half; /* FLOAT16 or BFLOAT16: loop is FLOAT's */
    bool half_out;
    const void *params;
};

static void run_loop(const struct unary_work *work, const void *in, void *out, size_t count) {
    const struct unary_params *params = work->params;
    if (work->map)
        work->map(in, out, count, params->alpha, params->beta);
    else
        work->loop(in, out, count, params);
}

static void run_half(const struct unary_work *work, size_t begin, size_t end) {
    float chunk[CONVERT_CHUNK];
    for (size_t i = begin, n; i < end; i += n) {
        n = end - i < CONVERT_CHUNK ? end - i : CONVERT_CHUNK;
        void *out = work->out + i * work->out_size;
        half_to_float(work->half, (const uint16_t *)(const void *)work->in + i, chunk, n);
        run_loop(work, chunk, work->half_out ? chunk : out, n);
        if (work->half_out)
            half_from_float(work->half, chunk, out, n);
    }
}

static void run_block(void *context, size_t begin, size_t end) {
    const struct unary_work *work = context;
    if (work->half)
        run_half(work, begin, end);
    else
        run_loop(work, work->in + begin * work->in_size, work->out + begin * work->out_size, end - begin);
}

status unary_apply(const struct unary_row *row, const struct op_call *call, const void *params) {
    const struct tensor *x = call->inputs[0];
    struct tensor *y = op_output(call, 0);
    if (!y)
        return STATUS_OK;
    const bool half = dtype_is_half(x->dtype) && !row->loops[x->dtype];
    const enum dtype dtype = half ? DTYPE_FLOAT : x->dtype;
    struct unary_work work = {.loop = row->loops[dtype],
                              .map = dtype == DTYPE_FLOAT ? call->kernels->math->map[row->math] : NULL,
                              .in = x->data,
                              .out = y->data,
                              .in_size = dtype_size(x->dtype),
                              .out_size = dtype_size(y->dtype),
                              .half = half ? x->dtype : DTYPE_UNDEFINED,
                              .half_out = dtype_is_half(y->dtype),
                              .params = params};
    parallel_blocks((size_t)tensor_elements(y), PARALLEL_ELEMENTS, call->threads, run_block, &work);
    return STATUS_OK;
}

status unary_run(struct op_call *call, struct error *err) {
    (void)err;
    return unary_apply(call->op->row, call, call->params);
}

static bool unary_activation(const struct op_call *call, struct activation *activation) {
    const struct unary_row *row = call->op->row;
    const struct unary_params *params = call->params;
    *activation = (struct activation){.kind = row->activation, .alpha = params->alpha, .beta = params->beta};
    return row->activation != ACTIVATION_NONE;
}

static bool unary_blocks(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking) {
    const struct unary_row *row = call->op->row;
    return row->on_blocks && op_blocks_one(call, channels, blocking);
}

const struct op_facts unary_facts = {.activation = unary_activation, .blocks = unary_blocks};
const struct op_facts erf_facts = {.formula = FORMULA_ERF, .activation = unary_activation, .blocks = unary_blocks};
