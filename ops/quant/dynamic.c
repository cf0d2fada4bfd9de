/* DynamicQuantizeLinear (ONNX 11): uint8 with the scale and zero point that the numbers themselves give. */
#include "ops/quant/dynamic.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/kernels/families.h"

#include <math.h>

struct dynamic_range dynamic_range_of(const struct op_call *call, const float *x, size_t count) {
    float low = 0, high = 0;
    integer_kernel_of(call->kernels)->range(x, (int64_t)count, &low, &high);
    const float scale = (high - low) / 255.0f;
    struct dynamic_range range = {scale > 0 ? scale : 1, 0};
    range.zero = fminf(255.0f, fmaxf(0.0f, rintf(-low / range.scale)));
    return range;
}

struct quantize_work {
    const struct integer_kernel *kernel;
    const float *x;
    uint8_t *y;
    struct dynamic_range range;
};

static void quantize_block(void *context, size_t begin, size_t end) {
    const struct quantize_work *work = context;
    work->kernel->quantize(work->x + begin, (int64_t)(end - begin), work->range.scale, work->range.zero, false,
                           work->y + begin);
}

void dynamic_quantize(const struct op_call *call, const float *x, size_t count, struct dynamic_range range, void *y) {
    struct quantize_work work = {integer_kernel_of(call->kernels), x, y, range};
    parallel_blocks(count, PARALLEL_ELEMENTS, call->threads, quantize_block, &work);
}

static status infer(struct op_call *call, struct error *err) {
    static const enum dtype types[] = {DTYPE_UINT8, DTYPE_FLOAT, DTYPE_UINT8};
    const struct shape scalar = {.rank = 0};
    for (int i = 0; i < 3; i++)
        if (op_output(call, i) &&
            tensor_describe(call->outputs[i], types[i], i ? &scalar : &call->inputs[0]->shape, err) != STATUS_OK)
            return err->code;
    return STATUS_OK;
}

static status run(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    const size_t count = (size_t)tensor_elements(x);
    const struct dynamic_range range = dynamic_range_of(call, x->data, count);
    (void)err;
    if (op_output(call, 0))
        dynamic_quantize(call, x->data, count, range, call->outputs[0]->data);
    if (op_output(call, 1))
        *(float *)call->outputs[1]->data = range.scale;
    if (op_output(call, 2))
        *(uint8_t *)call->outputs[2]->data = (uint8_t)range.zero;
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};

const struct op ops_quant_dynamic[] = {
    {.name = "DynamicQuantizeLinear",
     .domain = "",
     .since = 11,
     .inputs = (const struct op_arg[]){{"x", TYPES_FLOAT, ARG_T1}, {0}},
     .outputs = (const struct op_arg[]){{"y", TYPE(DTYPE_UINT8), ARG_T2},
                                        {"y_scale", TYPES_FLOAT, 0},
                                        {"y_zero_point", TYPE(DTYPE_UINT8), ARG_T2},
                                        {0}},
     .infer = infer,
     .run = run,
     .facts = &facts},
    {0},
};
