/* ImageScaler, an experimental operator of ONNX (1, as onnxruntime runs it to opset 9): x * scale + bias[channel]. */
#include "base/simd.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"

struct scaler_params {
    float scale;
    const float *bias; /* lives as long as the model */
    size_t count;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct scaler_params *params = result;
    (void)call;
    params->scale = attribute_float(attributes, "scale", 1);
    params->bias = attribute_floats(attributes, "bias", &params->count);
    return params->count > 0 ? STATUS_OK : fail(err, STATUS_INVALID_MODEL, "attribute \"bias\" is missing");
}

static status infer(struct op_call *call, struct error *err) {
    const struct scaler_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    if (x->rank != 4 || x->dims[1] != (int64_t)params->count)
        return fail(err, STATUS_SHAPE, "input 0 (input) is %s, expected [N,%zu,H,W] for attribute \"bias\"",
                    shape_text(x, text), params->count);
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, x, err);
}

#define PLANES(T)                                                                \
    static void planes_##T(void *context, int64_t first, int64_t end) {          \
        const struct op_call *call = context;                                    \
        const struct scaler_params *params = call->params;                       \
        const struct shape *shape = &call->inputs[0]->shape;                     \
        const int64_t plane = shape->dims[2] * shape->dims[3];                   \
        const T scale = (T)params->scale;                                        \
        for (int64_t p = first; p < end; p++) {                                  \
            const T *x = (const T *)call->inputs[0]->data + p * plane;           \
            const T bias = (T)params->bias[p % shape->dims[1]];                  \
            T *y = (T *)call->outputs[0]->data + p * plane;                      \
            SIMD for (int64_t i = 0; i < plane; i++) y[i] = x[i] * scale + bias; \
        }                                                                        \
    }
PLANES(float)
PLANES(double)

static status run(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape;
    (void)err;
    if (call->outputs[0]->bytes > 0)
        team_for(tensor_elements(call->inputs[0]) > 32768 ? call->threads : 1, x->dims[0] * x->dims[1],
                 call->inputs[0]->dtype == DTYPE_FLOAT ? planes_float : planes_double, call);
    return STATUS_OK;
}

#define REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs[] = {{"input", REAL, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"output", REAL, ARG_T}, {0}};

const struct op ops_image_scaler[] = {{.name = "ImageScaler",
                                       .domain = "",
                                       .since = 1,
                                       .until = 9,
                                       .inputs = inputs,
                                       .outputs = outputs,
                                       .storage = STORAGE_IN_PLACE,
                                       .params_size = sizeof(struct scaler_params),
                                       .parse = parse,
                                       .infer = infer,
                                       .run = run},
                                      {0}};
