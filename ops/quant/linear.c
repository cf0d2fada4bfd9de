/*
 * QuantizeLinear and DequantizeLinear (ONNX 10, 13, 19, 21, 23, 24, 25, and com.microsoft's): by tensor, axis and
 * block. y = saturate(round(x / scale) + zero point), and y = (x - zero point) * scale.
 */
#include "base/small_types.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/kernels/families.h"
#include "ops/quant/granularity.h"
#include "ops/quant/numbers.h"

#include <math.h>

struct params {
    struct granularity_params granularity;
    enum dtype output, precision; /* UNDEFINED: not said */
    bool saturate;
};

/* An attribute that is an element type, 0 for none. */
static status parse_type(struct attributes *attributes, const char *name, uint32_t types, enum dtype *dtype,
                         struct error *err) {
    const int64_t value = attribute_int(attributes, name, 0);
    if (value != 0 && (value < 0 || value >= DTYPE_COUNT || !(types >> value & 1)))
        return fail(err, STATUS_UNSUPPORTED, "attribute \"%s\" asks for element type %s, which is not supported", name,
                    value > 0 && value < DTYPE_COUNT ? dtype_name((enum dtype)value) : "unknown");
    *dtype = (enum dtype)value;
    return STATUS_OK;
}

static status parse_common(const struct op_call *call, struct attributes *attributes, struct params *params,
                           struct error *err) {
    const bool contrib = call->op->domain[0] != 0;
    const int version = contrib ? 21 : call->opset;
    params->granularity.axis = version >= 13 || contrib ? attribute_int(attributes, "axis", 1) : 1;
    params->granularity.block = version >= 21 ? attribute_int(attributes, "block_size", 0) : 0;
    return params->granularity.block >= 0
               ? STATUS_OK
               : fail(err, STATUS_INVALID_MODEL, "attribute \"block_size\" is %lld, which is negative",
                      (long long)params->granularity.block);
}

/* ---- a chunk of either ---- */

struct linear_work {
    const struct tensor *x, *scale, *zero;
    struct tensor *y;
    struct granularity granularity;
    enum dtype precision;
    bool saturate, quantizes;
    const struct integer_kernel *kernel;
    int64_t run; /* elements of 8 bits from or to float that follow each other with one scale */
};

/* Scales and zero points of a chunk's elements. */
static void load_terms(const struct linear_work *work, size_t first, size_t count, float *scales, float *zeros) {
    size_t numbers[CONVERT_CHUNK];
    granularity_list(&work->granularity, first, count, numbers);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && numbers[i] == numbers[i - 1]) {
            scales[i] = scales[i - 1];
            zeros[i] = zeros[i - 1];
            continue;
        }
        numbers_load(work->scale->dtype, work->scale->data, numbers[i], &scales[i], 1);
        zeros[i] = 0;
        if (work->zero)
            numbers_load(work->zero->dtype, work->zero->data, numbers[i], &zeros[i], 1);
    }
}

static void quantize_chunk(const struct linear_work *work, float *x, const float *scales, const float *zeros,
                           size_t count) {
    const bool whole = !dtype_is_small_float(work->y->dtype);
    for (size_t i = 0; i < count; i++)
        x[i] = x[i] / scales[i];
    for (size_t i = 0; dtype_is_half(work->precision) && i < count; i++)
        x[i] = number_rounded(work->precision, x[i]);
    if (whole)
        for (size_t i = 0; i < count; i++)
            x[i] = rintf(x[i]) + zeros[i];
    else
        for (size_t i = 0; i < count; i++)
            x[i] = x[i] + zeros[i];
}

static void run_block(void *context, size_t begin, size_t end) {
    const struct linear_work *work = context;
    float x[CONVERT_CHUNK], scales[CONVERT_CHUNK], zeros[CONVERT_CHUNK];
    for (size_t i = begin, n; i < end; i += n) {
        n = end - i < CONVERT_CHUNK ? end - i : CONVERT_CHUNK;
        numbers_load(work->x->dtype, work->x->data, i, x, n);
        if (!work->granularity.single || i == begin)
            load_terms(work, i, work->granularity.single ? CONVERT_CHUNK : n, scales, zeros);
        if (work->quantizes)
            quantize_chunk(work, x, scales, zeros, n);
        else
            for (size_t k = 0; k < n; k++)
                x[k] = (x[k] - zeros[k]) * scales[k];
        numbers_store(work->y->dtype, x, work->y->data, i, n, work->saturate);
    }
}

/* Elements of one scale. */
static void run_alike(const struct linear_work *work, size_t first, size_t count) {
    const bool is_signed = (work->quantizes ? work->y : work->x)->dtype == DTYPE_INT8;
    float scale, zero = 0;
    size_t number;
    granularity_list(&work->granularity, first, 1, &number);
    numbers_load(DTYPE_FLOAT, work->scale->data, number, &scale, 1);
    if (work->zero)
        numbers_load(work->zero->dtype, work->zero->data, number, &zero, 1);
    if (work->quantizes)
        work->kernel->quantize((const float *)work->x->data + first, (int64_t)count, scale, zero, is_signed,
                               (char *)work->y->data + first);
    else
        work->kernel->dequantize((const char *)work->x->data + first, is_signed, (int64_t)count, zero, scale,
                                 (float *)work->y->data + first);
}

static void run_runs(void *context, size_t begin, size_t end) {
    const struct linear_work *work = context;
    const size_t run = (size_t)work->run;
    for (size_t i = begin, n; i < end; i += n) {
        n = run - i % run < end - i ? run - i % run : end - i;
        run_alike(work, i, n);
    }
}

/* Numbers of 8 bits to floats, along an axis that is the last one. */
static void run_axis(void *context, size_t begin, size_t end) {
    static const uint8_t none[CONVERT_CHUNK];
    const struct linear_work *work = context;
    const size_t length = (size_t)work->granularity.length;
    for (size_t i = begin, n; i < end; i += n) {
        const size_t at = i % length, left = length - at < end - i ? length - at : end - i;
        n = left < CONVERT_CHUNK ? left : CONVERT_CHUNK;
        work->kernel->dequantize_by((const char *)work->x->data + i, work->x->dtype == DTYPE_INT8, (int64_t)n,
                                    work->zero ? (const uint8_t *)work->zero->data + at : none,
                                    (const float *)work->scale->data + at, (float *)work->y->data + i);
    }
}

#define LEAST_RUN 16

/* The loop for these numbers and scales; of runs of one scale with their length. */
static parallel_body *body_of(struct linear_work *work, int64_t elements) {
    const struct tensor *real = work->quantizes ? work->x : work->y, *small = work->quantizes ? work->y : work->x;
    const struct granularity *g = &work->granularity;
    if (real->dtype != DTYPE_FLOAT || work->scale->dtype != DTYPE_FLOAT || work->precision != DTYPE_FLOAT ||
        !(TYPES_INT8 >> small->dtype & 1))
        return run_block;
    work->run = g->single ? elements : g->inner_step == 0 ? g->inner : 0;
    if (work->run >= LEAST_RUN || g->single)
        return run_runs;
    return work->run == 1 && g->block == 1 && g->outer_step == 0 && !work->quantizes ? run_axis : run_block;
}

static status run(struct op_call *call, struct error *err) {
    const struct params *params = call->params;
    struct linear_work work = {.x = call->inputs[0],
                               .scale = call->inputs[1],
                               .zero = op_input(call, 2),
                               .y = call->outputs[0],
                               .saturate = params->saturate,
                               .quantizes = call->op->row != NULL};
    work.precision = params->precision ? params->precision : work.scale->dtype;
    if (granularity_of(call, &params->granularity, 1, &work.granularity, err) != STATUS_OK)
        return err->code;
    work.kernel = integer_kernel_of(call->kernels);
    parallel_body *const body = body_of(&work, tensor_elements(work.y));
    parallel_blocks((size_t)tensor_elements(work.y), PARALLEL_ELEMENTS, call->threads, body, &work);
    return STATUS_OK;
}

static status infer_as(struct op_call *call, enum dtype dtype, struct error *err) {
    struct granularity granularity;
    const struct params *params = call->params;
    if (granularity_of(call, &params->granularity, 1, &granularity, err) != STATUS_OK)
        return err->code;
    return tensor_describe(call->outputs[0], dtype, &call->inputs[0]->shape, err);
}

/* ---- QuantizeLinear ---- */

#define QUANTIZED_10 TYPES_INT8
#define QUANTIZED_19 (QUANTIZED_10 | TYPES_FLOAT8)
#define QUANTIZED_21 (QUANTIZED_19 | TYPE(DTYPE_INT16) | TYPE(DTYPE_UINT16) | TYPE(DTYPE_INT4) | TYPE(DTYPE_UINT4))
#define QUANTIZED_23 (QUANTIZED_21 | TYPE(DTYPE_FLOAT4E2M1) | TYPE(DTYPE_INT2) | TYPE(DTYPE_UINT2))
#define REALS (TYPES_FLOAT | TYPES_HALF)

static status quantize_parse(const struct op_call *call, struct attributes *attributes, void *result,
                             struct error *err) {
    struct params *params = result;
    params->saturate = call->opset < 19 || attribute_int(attributes, "saturate", 1) != 0;
    if (call->opset >= 21 && parse_type(attributes, "output_dtype", call->op->outputs[0].types, &params->output, err))
        return err->code;
    if (call->opset >= 23 && parse_type(attributes, "precision", REALS, &params->precision, err))
        return err->code;
    return parse_common(call, attributes, params, err);
}

static enum dtype quantized_type(const struct op_call *call, int output) {
    const struct params *params = call->params;
    (void)output;
    return params->output ? params->output : DTYPE_UINT8;
}

static status quantize_infer(struct op_call *call, struct error *err) {
    const struct params *params = call->params;
    const struct tensor *zero = op_input(call, 2);
    if (zero && params->output && params->output != zero->dtype)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"output_dtype\" is %s, but input 2 (y_zero_point) is %s",
                    dtype_name(params->output), dtype_name(zero->dtype));
    return infer_as(call, zero ? zero->dtype : quantized_type(call, 0), err);
}

/* ---- DequantizeLinear ---- */

static status dequantize_parse(const struct op_call *call, struct attributes *attributes, void *result,
                               struct error *err) {
    struct params *params = result;
    if (call->opset >= 23 && parse_type(attributes, "output_dtype", REALS, &params->output, err))
        return err->code;
    return parse_common(call, attributes, params, err);
}

static enum dtype stated_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct params *)call->params)->output;
}

static status dequantize_infer(struct op_call *call, struct error *err) {
    const enum dtype stated = stated_type(call, 0), dtype = stated ? stated : call->inputs[1]->dtype;
    if (!(REALS >> dtype & 1))
        return fail(err, STATUS_INVALID_MODEL,
                    "input 1 (x_scale) is %s: attribute \"output_dtype\" must say what to make", dtype_name(dtype));
    return infer_as(call, dtype, err);
}

#define QUANTIZE(DOMAIN, SINCE, UNTIL, X, SCALE, Y)                                                                    \
    {                                                                                                                  \
        .name = "QuantizeLinear", .domain = DOMAIN, .since = SINCE, .until = UNTIL,                                    \
        .inputs =                                                                                                      \
            (const struct op_arg[]){                                                                                   \
                {"x", X, ARG_T1}, {"y_scale", SCALE, ARG_T2}, {"y_zero_point", Y, ARG_T3 | ARG_OPTIONAL}, {0}},        \
        .outputs = (const struct op_arg[]){{"y", Y, ARG_T3}, {0}}, .params_size = sizeof(struct params),               \
        .parse = quantize_parse, .infer = quantize_infer, .output_type = quantized_type, .run = run, .row = &quantizes \
    }
#define DEQUANTIZE(DOMAIN, SINCE, UNTIL, X, SCALE)                                                              \
    {                                                                                                           \
        .name = "DequantizeLinear", .domain = DOMAIN, .since = SINCE, .until = UNTIL,                           \
        .inputs =                                                                                               \
            (const struct op_arg[]){                                                                            \
                {"x", X, ARG_T1}, {"x_scale", SCALE, ARG_T2}, {"x_zero_point", X, ARG_T1 | ARG_OPTIONAL}, {0}}, \
        .outputs = (const struct op_arg[]){{"y", SCALE, ARG_T2 | ARG_STATED}, {0}},                             \
        .params_size = sizeof(struct params), .parse = dequantize_parse, .infer = dequantize_infer,             \
        .output_type = stated_type, .run = run                                                                  \
    }
#define INT32 TYPE(DTYPE_INT32)
#define SCALE_23 (REALS | TYPE(DTYPE_FLOAT8E8M0))
#define CONTRIB (QUANTIZED_21 & ~TYPES_FLOAT8)

static const int quantizes = 1;

const struct op ops_quant_linear[] = {
    QUANTIZE("", 10, 18, TYPES_FLOAT | INT32, TYPES_FLOAT, QUANTIZED_10),
    QUANTIZE("", 19, 20, REALS | INT32, REALS | INT32, QUANTIZED_19),
    QUANTIZE("", 21, 22, REALS | INT32, REALS | INT32, QUANTIZED_21),
    QUANTIZE("", 23, 0, REALS | INT32, SCALE_23 | INT32, QUANTIZED_23),
    QUANTIZE("com.microsoft", 1, 0, REALS, REALS, CONTRIB),
    DEQUANTIZE("", 10, 18, QUANTIZED_10 | INT32, TYPES_FLOAT),
    DEQUANTIZE("", 19, 20, QUANTIZED_19 | INT32, REALS),
    DEQUANTIZE("", 21, 22, QUANTIZED_21 | INT32, REALS),
    DEQUANTIZE("", 23, 0, QUANTIZED_23 | INT32, SCALE_23),
    DEQUANTIZE("com.microsoft", 1, 0, CONTRIB | INT32, REALS),
    {0},
};
