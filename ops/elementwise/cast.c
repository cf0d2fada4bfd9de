/*
 * Cast and CastLike between the numbers. Integers wrap into smaller ones; what floating point turns into when an
 * integer cannot hold it is said in base/convert.h. Strings, and the types of eight bits and less of floating point,
 * are refused.
 */
#include "base/convert.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/elementwise/unary.h"
#include "ops/text/cast_text.h"

#include <string.h>

typedef void cast_loop(const void *in, void *out, size_t count);

/* To one type, from a real or from an integer. Types up to 32 bits go through int32, as the x86 instruction does. */
#define REAL_TO_float(X) (float)(X)
#define REAL_TO_double(X) (double)(X)
#define REAL_TO_bool_t(X) ((X) != 0)
#define REAL_TO_int8_t(X) (int8_t) real_to_int32((double)(X))
#define REAL_TO_int16_t(X) (int16_t) real_to_int32((double)(X))
#define REAL_TO_int32_t(X) real_to_int32((double)(X))
#define REAL_TO_int64_t(X) real_to_int64((double)(X))
#define REAL_TO_uint8_t(X) (uint8_t) real_to_int32((double)(X))
#define REAL_TO_uint16_t(X) (uint16_t) real_to_int32((double)(X))
#define REAL_TO_uint32_t(X) (uint32_t) real_to_int64((double)(X))
#define REAL_TO_uint64_t(X) real_to_uint64((double)(X))
#define INTEGER_TO_float(X) (float)(X)
#define INTEGER_TO_double(X) (double)(X)
#define INTEGER_TO_bool_t(X) ((X) != 0)
#define INTEGER_TO_int8_t(X) (int8_t)(X)
#define INTEGER_TO_int16_t(X) (int16_t)(X)
#define INTEGER_TO_int32_t(X) (int32_t)(X)
#define INTEGER_TO_int64_t(X) (int64_t)(X)
#define INTEGER_TO_uint8_t(X) (uint8_t)(X)
#define INTEGER_TO_uint16_t(X) (uint16_t)(X)
#define INTEGER_TO_uint32_t(X) (uint32_t)(X)
#define INTEGER_TO_uint64_t(X) (uint64_t)(X)

typedef uint8_t bool_t; /* an element of BOOL: not 0 is true */

#define CAST_LOOP(FROM, TO, CONVERT)                                      \
    static void FROM##_to_##TO(const void *in, void *out, size_t count) { \
        const FROM *source = in;                                          \
        TO *target = out;                                                 \
        for (size_t i = 0; i < count; i++)                                \
            target[i] = CONVERT(source[i]);                               \
    }
#define EACH_TARGET(X, FROM, KIND)        \
    X(FROM, float, KIND##_TO_float)       \
    X(FROM, double, KIND##_TO_double)     \
    X(FROM, bool_t, KIND##_TO_bool_t)     \
    X(FROM, int8_t, KIND##_TO_int8_t)     \
    X(FROM, int16_t, KIND##_TO_int16_t)   \
    X(FROM, int32_t, KIND##_TO_int32_t)   \
    X(FROM, int64_t, KIND##_TO_int64_t)   \
    X(FROM, uint8_t, KIND##_TO_uint8_t)   \
    X(FROM, uint16_t, KIND##_TO_uint16_t) \
    X(FROM, uint32_t, KIND##_TO_uint32_t) \
    X(FROM, uint64_t, KIND##_TO_uint64_t)

/* bool reads as 0 or 1 whatever the byte. */
#define BOOL_TO_float(X) (float)!!(X)
#define BOOL_TO_double(X) (double)!!(X)
#define BOOL_TO_bool_t(X) !!(X)
#define BOOL_TO_int8_t(X) !!(X)
#define BOOL_TO_int16_t(X) !!(X)
#define BOOL_TO_int32_t(X) !!(X)
#define BOOL_TO_int64_t(X) !!(X)
#define BOOL_TO_uint8_t(X) !!(X)
#define BOOL_TO_uint16_t(X) !!(X)
#define BOOL_TO_uint32_t(X) !!(X)
#define BOOL_TO_uint64_t(X) !!(X)

#define FROM_REAL(T, ...) EACH_TARGET(CAST_LOOP, T, REAL)
#define FROM_INTEGER(T, ...) EACH_TARGET(CAST_LOOP, T, INTEGER)
EACH_TARGET(CAST_LOOP, float, REAL)
EACH_TARGET(CAST_LOOP, double, REAL)
EACH_TARGET(CAST_LOOP, bool_t, BOOL)
SIGNED_TYPES(FROM_INTEGER, 0)
UNSIGNED_TYPES(FROM_INTEGER, 0)

#define TARGETS(FROM)                                                                                              \
    {                                                                                                              \
        [DTYPE_FLOAT] = FROM##_to_float, [DTYPE_DOUBLE] = FROM##_to_double, [DTYPE_BOOL] = FROM##_to_bool_t,       \
        [DTYPE_INT8] = FROM##_to_int8_t, [DTYPE_INT16] = FROM##_to_int16_t, [DTYPE_INT32] = FROM##_to_int32_t,     \
        [DTYPE_INT64] = FROM##_to_int64_t, [DTYPE_UINT8] = FROM##_to_uint8_t, [DTYPE_UINT16] = FROM##_to_uint16_t, \
        [DTYPE_UINT32] = FROM##_to_uint32_t, [DTYPE_UINT64] = FROM##_to_uint64_t                                   \
    }
#define SOURCE(T, DTYPE, ...) [DTYPE_##DTYPE] = TARGETS(T),
static cast_loop *const loops[DTYPE_COUNT][DTYPE_COUNT] = {[DTYPE_FLOAT] = TARGETS(float),
                                                           [DTYPE_DOUBLE] = TARGETS(double),
                                                           [DTYPE_BOOL] = TARGETS(bool_t),
                                                           SIGNED_TYPES(SOURCE, 0) UNSIGNED_TYPES(SOURCE, 0)};

struct cast_work {
    enum dtype from, to;
    const char *in;
    char *out;
};

/* At most CONVERT_CHUNK elements where a type of 16 bits is among the two. */
static void cast_half(enum dtype from, enum dtype to, const void *in, void *out, size_t count) {
    float narrow[CONVERT_CHUNK];
    double wide[CONVERT_CHUNK];
    if (dtype_is_half(from)) {
        half_to_float(from, in, narrow, count);
        from = DTYPE_FLOAT;
        in = narrow;
    }
    if (!dtype_is_half(to)) {
        loops[from][to](in, out, count);
    } else if (from == DTYPE_FLOAT) {
        half_from_float(to, in, out, count);
    } else {
        loops[from][DTYPE_DOUBLE](in, wide, count);
        half_from_double(to, wide, out, count);
    }
}

static void run_block(void *context, size_t begin, size_t end) {
    const struct cast_work *work = context;
    const size_t in_size = dtype_size(work->from), out_size = dtype_size(work->to);
    const bool half = dtype_is_half(work->from) || dtype_is_half(work->to);
    for (size_t i = begin, n; i < end; i += n) {
        n = end - i < CONVERT_CHUNK || !half ? end - i : CONVERT_CHUNK;
        if (half)
            cast_half(work->from, work->to, work->in + i * in_size, work->out + i * out_size, n);
        else
            loops[work->from][work->to](work->in + i * in_size, work->out + i * out_size, n);
    }
}

static status cast_run(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0], *y = op_output(call, 0);
    if (!y)
        return STATUS_OK;
    if (x->dtype == y->dtype) {
        if (x->bytes)
            memmove(y->data, x->data, x->bytes);
        return STATUS_OK;
    }
    if (x->dtype == DTYPE_STRING || y->dtype == DTYPE_STRING)
        return cast_text(call, err);
    struct cast_work work = {x->dtype, y->dtype, x->data, y->data};
    parallel_blocks((size_t)tensor_elements(y), PARALLEL_ELEMENTS, call->threads, run_block, &work);
    return STATUS_OK;
}

struct cast_params {
    enum dtype to;
};

/* Attributes that only say how the small floating-point types are made. */
static void ignore_small_types(struct attributes *attributes, int opset) {
    if (opset >= 19)
        attribute_ignore(attributes, "saturate");
    if (opset >= 24)
        attribute_ignore(attributes, "round_mode");
}

static status cast_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    const uint32_t types = call->op->outputs[0].types;
    const int64_t to = attribute_int(attributes, "to", 0);
    ignore_small_types(attributes, call->opset);
    if (!attribute_has(attributes, "to"))
        return fail(err, STATUS_INVALID_MODEL, "attribute \"to\" is missing");
    if (to <= 0 || to >= DTYPE_COUNT)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"to\" is %lld, which is no element type", (long long)to);
    if (!(types >> to & 1))
        return fail(err, STATUS_UNSUPPORTED,
                    "attribute \"to\" asks for element type %s, which is not supported at opset %d",
                    dtype_name((enum dtype)to), call->opset);
    ((struct cast_params *)params)->to = (enum dtype)to;
    return STATUS_OK;
}

static enum dtype cast_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct cast_params *)call->params)->to;
}

static status cast_infer(struct op_call *call, struct error *err) {
    struct tensor *y = op_output(call, 0);
    const enum dtype to = ((const struct cast_params *)call->params)->to;
    return y ? tensor_describe(y, to, &call->inputs[0]->shape, err) : STATUS_OK;
}

static status cast_like_parse(const struct op_call *call, struct attributes *attributes, void *params,
                              struct error *err) {
    (void)params, (void)err;
    ignore_small_types(attributes, call->opset);
    return STATUS_OK;
}

static status cast_like_infer(struct op_call *call, struct error *err) {
    struct tensor *y = op_output(call, 0);
    return y ? tensor_describe(y, call->inputs[1]->dtype, &call->inputs[0]->shape, err) : STATUS_OK;
}

#define TYPES_OLD (TYPES_NUMBER | TYPES_BOOL | TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_STRING))
#define TYPES_NEW (TYPES_OLD | TYPE(DTYPE_BFLOAT16))
static bool cast_is_noop(const struct op_call *call) {
    return call->inputs[0]->dtype == ((const struct cast_params *)call->params)->to;
}

static const struct op_facts cast_facts = {.carries = true, .is_noop = cast_is_noop};

#define CAST(SINCE, UNTIL, TYPES)                                                                                  \
    {                                                                                                              \
        .name = "Cast", .domain = "", .since = SINCE, .until = UNTIL,                                              \
        .inputs = (const struct op_arg[]){{"input", TYPES, ARG_T1}, {0}},                                          \
        .outputs = (const struct op_arg[]){{"output", TYPES, ARG_T2}, {0}}, .storage = STORAGE_IN_PLACE,           \
        .params_size = sizeof(struct cast_params), .facts = &cast_facts, .parse = cast_parse, .infer = cast_infer, \
        .output_type = cast_type, .run = cast_run                                                                  \
    }

const struct op ops_cast[] = {
    CAST(6, 12, TYPES_OLD),
    CAST(13, 0, TYPES_NEW),
    {.name = "CastLike",
     .domain = "",
     .since = 15,
     .inputs =
         (const struct op_arg[]){{"input", TYPES_NEW, ARG_T1}, {"target_type", TYPES_NEW, ARG_T2 | ARG_UNREAD}, {0}},
     .outputs = (const struct op_arg[]){{"output", TYPES_NEW, ARG_T2}, {0}},
     .storage = STORAGE_IN_PLACE,
     .parse = cast_like_parse,
     .infer = cast_like_infer,
     .run = cast_run},
    {0},
};
