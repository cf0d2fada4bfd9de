/* SwiGLU (ONNX 28; N. Shazeer, "GLU variants improve transformer", 2020): A sigmoid(alpha A) B. */
#include "base/convert.h"
#include "base/simd.h"
#include "ops/core/attributes.h"
#include "ops/core/parallel.h"
#include "ops/kernels/math.h"

#include <math.h>

static status swiglu_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    (void)call, (void)err;
    *(float *)params = attribute_float(attributes, "alpha", 1);
    return STATUS_OK;
}

static status swiglu_infer(struct op_call *call, struct error *err) {
    const struct tensor *a = call->inputs[0], *b = call->inputs[1];
    char x[SHAPE_TEXT_BYTES], y[SHAPE_TEXT_BYTES];
    if (!shape_equal(&a->shape, &b->shape))
        return fail(err, STATUS_SHAPE, "input 1 (B) is %s, expected %s as input 0 (A)", shape_text(&b->shape, x),
                    shape_text(&a->shape, y));
    return tensor_describe(call->outputs[0], a->dtype, &a->shape, err);
}

static void run_float(void *context, size_t begin, size_t end) {
    const struct op_call *call = context;
    const float *a = call->inputs[0]->data, *b = call->inputs[1]->data;
    float *y = call->outputs[0]->data, gate[CONVERT_CHUNK];
    for (size_t i = begin, n; i < end; i += n) {
        n = end - i < CONVERT_CHUNK ? end - i : CONVERT_CHUNK;
        call->kernels->math->map[MATH_SWISH](a + i, gate, n, *(const float *)call->params, 0);
        SIMD for (size_t j = 0; j < n; j++) y[i + j] = gate[j] * b[i + j];
    }
}

static void run_double(void *context, size_t begin, size_t end) {
    const struct op_call *call = context;
    const double *a = call->inputs[0]->data, *b = call->inputs[1]->data;
    const double alpha = (double)*(const float *)call->params;
    double *y = call->outputs[0]->data;
    for (size_t i = begin; i < end; i++)
        y[i] = a[i] / (1 + exp(-alpha * a[i])) * b[i];
}

static status swiglu_run(struct op_call *call, struct error *err) {
    (void)err;
    parallel_blocks((size_t)tensor_elements(call->inputs[0]), PARALLEL_ELEMENTS, call->threads,
                    call->inputs[0]->dtype == DTYPE_DOUBLE ? run_double : run_float, call);
    return STATUS_OK;
}

#define TYPES_GATED (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))

const struct op ops_swiglu[] = {
    {.name = "SwiGLU",
     .domain = "",
     .since = 28,
     .inputs = (const struct op_arg[]){{"A", TYPES_GATED, ARG_T}, {"B", TYPES_GATED, ARG_T}, {0}},
     .outputs = (const struct op_arg[]){{"Y", TYPES_GATED, ARG_T}, {0}},
     .storage = STORAGE_IN_PLACE,
     .params_size = sizeof(float),
     .parse = swiglu_parse,
     .infer = swiglu_infer,
     .run = swiglu_run},
    {0},
};
