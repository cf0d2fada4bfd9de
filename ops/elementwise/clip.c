/* Clip: bounds as attributes until opset 10, as inputs since 11. */
#include "base/convert.h"
#include "ops/core/attributes.h"
#include "ops/elementwise/unary.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define HALF_MAX 65504.0f
#define BFLOAT_MAX 3.38953138925153547590470800371487867904e38f

/* The bounds in the element type of the loop that runs. */
struct clip_bounds {
    struct unary_params real; /* float and the 16-bit types */
    union clip_bound {
        double wide;
        uint64_t bits;
    } low, high;
};

#define CLIP_LOOP(T, DTYPE, CLIP)                                                       \
    static void clip_##T(const void *in, void *out, size_t count, const void *params) { \
        const struct clip_bounds *bounds = params;                                      \
        const T *source = in;                                                           \
        T *target = out;                                                                \
        T low, high;                                                                    \
        memcpy(&low, &bounds->low, sizeof low);                                         \
        memcpy(&high, &bounds->high, sizeof high);                                      \
        SIMD for (size_t i = 0; i < count; i++) target[i] = CLIP(source[i], low, high); \
    }
/* min(max(x, low), high): `high` where low > high. */
#define CLIP_NUMBER(X, LOW, HIGH) ((X) < (LOW) ? ((LOW) > (HIGH) ? (HIGH) : (LOW)) : (X) > (HIGH) ? (HIGH) : (X))
#define ENTRY(T, DTYPE, ...) [DTYPE_##DTYPE] = clip_##T,

CLIP_LOOP(double, DOUBLE, CLIP_NUMBER)
SIGNED_TYPES(CLIP_LOOP, CLIP_NUMBER)
UNSIGNED_TYPES(CLIP_LOOP, CLIP_NUMBER)
static const struct unary_row clip_row = {
    .loops = {[DTYPE_DOUBLE] = clip_double, SIGNED_TYPES(ENTRY, 0) UNSIGNED_TYPES(ENTRY, 0)}, .math = MATH_CLIP};

static bool is_signed(enum dtype dtype) {
    return dtype == DTYPE_INT8 || dtype == DTYPE_INT16 || dtype == DTYPE_INT32 || dtype == DTYPE_INT64;
}

/* The smallest and largest finite number of the type: what a bound is when it is left out. */
static struct clip_bounds default_bounds(enum dtype dtype) {
    struct clip_bounds bounds;
    const unsigned bits = dtype_bits(dtype);
    switch (dtype) {
    case DTYPE_FLOAT:
    case DTYPE_FLOAT16:
    case DTYPE_BFLOAT16:
        bounds.real.beta = dtype == DTYPE_FLOAT ? FLT_MAX : dtype == DTYPE_FLOAT16 ? HALF_MAX : BFLOAT_MAX;
        bounds.real.alpha = -bounds.real.beta;
        break;
    case DTYPE_DOUBLE:
        bounds.high.wide = DBL_MAX;
        bounds.low.wide = -DBL_MAX;
        break;
    default: /* little-endian: the low bytes are the integer */
        bounds.high.bits = UINT64_MAX >> (64 - bits + is_signed(dtype));
        bounds.low.bits = is_signed(dtype) ? ~bounds.high.bits : 0;
    }
    return bounds;
}

static void read_bound(const struct tensor *tensor, float *real, union clip_bound *bound) {
    if (dtype_is_half(tensor->dtype))
        half_to_float(tensor->dtype, tensor->data, real, 1);
    else if (tensor->dtype == DTYPE_FLOAT)
        memcpy(real, tensor->data, sizeof *real);
    else
        memcpy(bound, tensor->data, dtype_size(tensor->dtype));
}

static status clip_infer(struct op_call *call, struct error *err) {
    char text[ARG_TEXT_BYTES], shape[SHAPE_TEXT_BYTES];
    for (int i = 1; i <= 2; i++) {
        const struct tensor *bound = op_input(call, i);
        if (bound && tensor_elements(bound) != 1)
            return fail(err, STATUS_SHAPE, "%s has shape %s, expected a single number", op_input_text(call, i, text),
                        shape_text(&bound->shape, shape));
    }
    return unary_infer(call, err);
}

static status clip_run(struct op_call *call, struct error *err) {
    const struct tensor *low = op_input(call, 1), *high = op_input(call, 2);
    struct clip_bounds bounds = default_bounds(call->inputs[0]->dtype);
    (void)err;
    if (low)
        read_bound(low, &bounds.real.alpha, &bounds.low);
    if (high)
        read_bound(high, &bounds.real.beta, &bounds.high);
    return unary_apply(&clip_row, call, &bounds);
}

/* Until opset 10: alpha and beta are the bounds, whatever the element type. */
static status clip_attributes_parse(const struct op_call *call, struct attributes *attributes, void *params,
                                    struct error *err) {
    struct unary_params *p = params;
    /* Before opset 6 there is no bound without the attribute. */
    const float most = call->opset < 6 ? INFINITY : FLT_MAX;
    (void)err;
    p->alpha = attribute_float(attributes, "min", -most);
    p->beta = attribute_float(attributes, "max", most);
    return STATUS_OK;
}

static status clip_attributes_run(struct op_call *call, struct error *err) {
    const struct unary_params *p = call->params;
    const struct clip_bounds bounds = {
        .real = *p, .low = {.wide = (double)p->alpha}, .high = {.wide = (double)p->beta}};
    (void)err;
    return unary_apply(&clip_row, call, &bounds);
}

/* A bound that is one constant float, or left out; false else. */
static bool constant_bound(const struct op_call *call, int i, float *bound) {
    const struct tensor *tensor = op_input(call, i);
    if (!tensor)
        return true;
    if (!tensor->constant || !tensor->data || tensor->dtype != DTYPE_FLOAT || tensor_elements(tensor) != 1)
        return false;
    *bound = *(const float *)tensor->data;
    return true;
}

static bool clip_activation(const struct op_call *call, struct activation *activation) {
    *activation = (struct activation){.kind = ACTIVATION_CLIP, .alpha = -FLT_MAX, .beta = FLT_MAX};
    return constant_bound(call, 1, &activation->alpha) && constant_bound(call, 2, &activation->beta) &&
           activation->alpha <= activation->beta;
}

static bool clip_attributes_activation(const struct op_call *call, struct activation *activation) {
    const struct unary_params *p = call->params;
    *activation = (struct activation){.kind = ACTIVATION_CLIP, .alpha = p->alpha, .beta = p->beta};
    return p->alpha <= p->beta;
}

static const struct op_facts clip_facts = {.activation = clip_activation, .blocks = op_blocks_one};
static const struct op_facts clip_attributes_facts = {.activation = clip_attributes_activation,
                                                      .blocks = op_blocks_one};

#define CLIP(SINCE, UNTIL, TYPES)                                                                       \
    {                                                                                                   \
        .name = "Clip", .domain = "", .since = SINCE, .until = UNTIL,                                   \
        .inputs = (const struct op_arg[]){{"input", TYPES, ARG_T},                                      \
                                          {"min", TYPES, ARG_T | ARG_OPTIONAL},                         \
                                          {"max", TYPES, ARG_T | ARG_OPTIONAL},                         \
                                          {0}},                                                         \
        .outputs = (const struct op_arg[]){{"output", TYPES, ARG_T}, {0}}, .storage = STORAGE_IN_PLACE, \
        .infer = clip_infer, .run = clip_run, .facts = &clip_facts, .row = &clip_row                    \
    }

const struct op ops_clip[] = {
    {.name = "Clip",
     .domain = "",
     .since = 1,
     .until = 10,
     .inputs = (const struct op_arg[]){{"input", TYPES_REAL, ARG_T}, {0}},
     .outputs = (const struct op_arg[]){{"output", TYPES_REAL, ARG_T}, {0}},
     .storage = STORAGE_IN_PLACE,
     .params_size = sizeof(struct unary_params),
     .parse = clip_attributes_parse,
     .infer = unary_infer,
     .run = clip_attributes_run,
     .facts = &clip_attributes_facts,
     .row = &clip_row},
    CLIP(11, 11, TYPES_REAL),
    CLIP(12, 12, TYPES_REAL | TYPES_INTEGER),
    CLIP(13, 0, TYPES_REAL_BF | TYPES_INTEGER),
    {0},
};
