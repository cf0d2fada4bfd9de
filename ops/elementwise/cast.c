/*
 * Cast and CastLike between the numbers. Integers wrap into smaller ones; what floating point turns into when an
 * integer cannot hold it is said in base/convert.h. Types of
 * eight bits and less: base/small_types.h. Strings are refused.
 */
#include "base/convert.h"
#include "base/small_types.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/elementwise/unary.h"
#include "ops/kernels/families.h"
#include "ops/text/cast_text.h"

#include <string.h>
#include <strings.h>

/* To one type, from a real or from an integer. Smaller types go through int32, as the x86 instruction does. */
#define REAL_TO_float(X) (float)(X)
#define REAL_TO_double(X) (double)(X)
#define REAL_TO_bool_t(X) ((X) != 0)
#define REAL_TO_int32_t(X) real_to_int32((double)(X))
#define REAL_TO_int64_t(X) real_to_int64((double)(X))
#define REAL_TO_uint32_t(X) (uint32_t) real_to_int64((double)(X))
#define REAL_TO_uint64_t(X) real_to_uint64((double)(X))
#define INTEGER_TO_float(X) (float)(X)
#define INTEGER_TO_double(X) (double)(X)
#define INTEGER_TO_bool_t(X) ((X) != 0)
#define INTEGER_TO_int8_t(X) (int8_t)(X)
#define INTEGER_TO_int16_t(X) (int16_t)(X)
#define INTEGER_TO_int32_t(X) (int32_t)(X)
#define INTEGER_TO_int64_t(X) (int64_t)(X)

typedef uint8_t bool_t; /* an element of BOOL: not 0 is true */

#define CAST_LOOP(FROM, TO, CONVERT)                                            \
    static void FROM##_to_##TO(const void *in, void *out, size_t count) {       \
        const FROM *source = in;                                                \
        TO *target = out;                                                       \
        SIMD for (size_t i = 0; i < count; i++) target[i] = CONVERT(source[i]); \
    }
#define EACH_REAL_TARGET(FROM)                  \
    CAST_LOOP(FROM, float, REAL_TO_float)       \
    CAST_LOOP(FROM, double, REAL_TO_double)     \
    CAST_LOOP(FROM, bool_t, REAL_TO_bool_t)     \
    CAST_LOOP(FROM, int64_t, REAL_TO_int64_t)   \
    CAST_LOOP(FROM, uint32_t, REAL_TO_uint32_t) \
    CAST_LOOP(FROM, uint64_t, REAL_TO_uint64_t)
/* To unsigned types as to those with a sign. */
#define EACH_INTEGER_TARGET(FROM, ...)           \
    CAST_LOOP(FROM, float, INTEGER_TO_float)     \
    CAST_LOOP(FROM, double, INTEGER_TO_double)   \
    CAST_LOOP(FROM, bool_t, INTEGER_TO_bool_t)   \
    CAST_LOOP(FROM, int8_t, INTEGER_TO_int8_t)   \
    CAST_LOOP(FROM, int16_t, INTEGER_TO_int16_t) \
    CAST_LOOP(FROM, int32_t, INTEGER_TO_int32_t) \
    CAST_LOOP(FROM, int64_t, INTEGER_TO_int64_t)

CAST_LOOP(float, int32_t, REAL_TO_int32_t)
CAST_LOOP(double, int32_t, REAL_TO_int32_t)
EACH_REAL_TARGET(float)
EACH_REAL_TARGET(double)
SIGNED_TYPES(EACH_INTEGER_TARGET, 0)
UNSIGNED_TYPES(EACH_INTEGER_TARGET, 0)

#define REALS(FROM) [DTYPE_FLOAT] = FROM##_to_float, [DTYPE_DOUBLE] = FROM##_to_double, [DTYPE_BOOL] = FROM##_to_bool_t
#define REAL_TARGETS(FROM)                                                                    \
    {                                                                                         \
        REALS(FROM), [DTYPE_INT32] = FROM##_to_int32_t, [DTYPE_INT64] = FROM##_to_int64_t,    \
                     [DTYPE_UINT32] = FROM##_to_uint32_t, [DTYPE_UINT64] = FROM##_to_uint64_t \
    }
#define INTEGER_TARGETS(FROM)                                                               \
    {                                                                                       \
        REALS(FROM), [DTYPE_INT8] = FROM##_to_int8_t, [DTYPE_UINT8] = FROM##_to_int8_t,     \
                     [DTYPE_INT16] = FROM##_to_int16_t, [DTYPE_UINT16] = FROM##_to_int16_t, \
                     [DTYPE_INT32] = FROM##_to_int32_t, [DTYPE_UINT32] = FROM##_to_int32_t, \
                     [DTYPE_INT64] = FROM##_to_int64_t, [DTYPE_UINT64] = FROM##_to_int64_t  \
    }
#define SOURCE(T, DTYPE, ...) [DTYPE_##DTYPE] = INTEGER_TARGETS(T),
/* NULL from a real: through INT32. */
static cast_loop *const loops[DTYPE_COUNT][DTYPE_COUNT] = {[DTYPE_FLOAT] = REAL_TARGETS(float),
                                                           [DTYPE_DOUBLE] = REAL_TARGETS(double),
                                                           SIGNED_TYPES(SOURCE, 0) UNSIGNED_TYPES(SOURCE, 0)};

/* At most CONVERT_CHUNK elements, unless there is a loop for these types. */
static void convert(enum dtype from, enum dtype to, const void *in, void *out, size_t count) {
    int32_t integers[CONVERT_CHUNK];
    if (loops[from][to]) {
        loops[from][to](in, out, count);
        return;
    }
    loops[from][DTYPE_INT32](in, integers, count);
    loops[DTYPE_INT32][to](integers, out, count);
}

struct cast_params {
    enum dtype to;
    struct small_rounding rounding;
};

struct cast_work {
    enum dtype from, to;
    const char *in;
    char *out;
    struct small_rounding rounding;
    cast_loop *loop; /* NULL: a chunk at a time through other types */
    const struct half_kernel *halves;
};

/* The processor's own loops of a 16-bit type, or NULLs. */
static const struct half_loops *half_loops(const struct cast_work *work, enum dtype half) {
    return half == DTYPE_FLOAT16 ? &work->halves->float16 : &work->halves->bfloat16;
}

/* Types that go through another one, a chunk at a time. BOOL does as a source: every byte but 0 reads as 1. */
static bool goes_through(enum dtype dtype) {
    return dtype_is_half(dtype) || dtype_is_small_float(dtype) || dtype_is_packed(dtype);
}

/* One of a few types that there are loops for, which holds every number of the type. */
static enum dtype wider_type(enum dtype dtype) {
    return dtype == DTYPE_BOOL              ? DTYPE_UINT8
           : dtype_is_packed_integer(dtype) ? DTYPE_INT8
           : goes_through(dtype)            ? DTYPE_FLOAT
                                            : dtype;
}

static void read_halves(const struct cast_work *work, size_t first, float *out, size_t count) {
    const uint16_t *in = (const uint16_t *)(const void *)work->in + first;
    if (half_loops(work, work->from)->widen)
        half_loops(work, work->from)->widen(in, out, count);
    else
        half_to_float(work->from, in, out, count);
}

static void write_halves(const struct cast_work *work, const float *in, size_t first, size_t count) {
    uint16_t *out = (uint16_t *)(void *)work->out + first;
    if (half_loops(work, work->to)->narrow)
        half_loops(work, work->to)->narrow(in, out, count);
    else
        half_from_float(work->to, in, out, count);
}

/* Elements first .. first + count - 1 as their wider type, in `wide`. */
static void widen_chunk(const struct cast_work *work, size_t first, void *wide, size_t count) {
    const enum dtype from = work->from;
    const void *in = work->in;
    uint8_t codes[CONVERT_CHUNK];
    float *floats = wide;
    int8_t *integers = wide;
    if (from == DTYPE_BOOL) {
        uint8_t_to_bool_t((const uint8_t *)in + first, wide, count);
        return;
    }
    if (dtype_is_half(from)) {
        read_halves(work, first, wide, count);
        return;
    }
    small_unpack(from, in, first, codes, count);
    for (size_t i = 0; dtype_is_small_float(from) && i < count; i++)
        floats[i] = small_float_decode(from, codes[i]);
    for (size_t i = 0; dtype_is_packed_integer(from) && i < count; i++)
        integers[i] = (int8_t)small_integer(from, codes[i]);
}

/* Everything but FLOAT goes through double, which is rounded once; whole numbers lose their upper bits. */
static void narrow_chunk(const struct cast_work *work, enum dtype from, const void *in, size_t first, size_t count) {
    uint8_t codes[CONVERT_CHUNK];
    double wide[CONVERT_CHUNK];
    if (dtype_is_half(work->to) && from == DTYPE_FLOAT) {
        write_halves(work, in, first, count);
        return;
    }
    const bool integer = dtype_is_packed_integer(work->to);
    convert(from, integer ? DTYPE_UINT8 : DTYPE_DOUBLE, in, integer ? (void *)codes : wide, count);
    if (dtype_is_half(work->to)) {
        half_from_double(work->to, wide, (uint16_t *)(void *)work->out + first, count);
        return;
    }
    for (size_t i = 0; dtype_is_small_float(work->to) && i < count; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): such a type is no packed integer */
        codes[i] = small_float_encode(work->to, wide[i], &work->rounding);
    small_pack(work->to, codes, first, work->out, count);
}

/* At most CONVERT_CHUNK elements. */
static void cast_chunk(const struct cast_work *work, size_t first, size_t count) {
    double wide[CONVERT_CHUNK];
    const enum dtype from = wider_type(work->from);
    const void *in = wide;
    char *out = goes_through(work->to) ? NULL : work->out + first * dtype_size(work->to);
    if (from != work->from)
        widen_chunk(work, first, from == work->to ? (void *)out : wide, count);
    else
        in = work->in + first * dtype_size(from);
    if (goes_through(work->to))
        narrow_chunk(work, from, in, first, count);
    else if (from == work->from || from != work->to)
        convert(from, work->to, in, out, count);
}

static void run_block(void *context, size_t begin, size_t end) {
    const struct cast_work *work = context;
    const size_t in_size = dtype_size(work->from), out_size = dtype_size(work->to);
    if (work->loop) {
        work->loop(work->in + begin * in_size, work->out + begin * out_size, end - begin);
        return;
    }
    const bool direct = (dtype_is_half(work->from) && work->to == DTYPE_FLOAT) ||
                        (work->from == DTYPE_FLOAT && dtype_is_half(work->to));
    const size_t most = direct ? end - begin : CONVERT_CHUNK;
    for (size_t i = begin, n; i < end; i += n) {
        n = end - i < most ? end - i : most;
        cast_chunk(work, i, n);
    }
}

/* What there are vectors for at each level. */
static cast_loop *own_loop(const struct cast_kernel *kernel, enum dtype from, enum dtype to) {
    if (from == DTYPE_INT64)
        return to == DTYPE_DOUBLE ? kernel->int64_to_double : NULL;
    if (from == DTYPE_BOOL)
        return to == DTYPE_FLOAT ? kernel->bool_to_float : NULL;
    if (from != DTYPE_FLOAT)
        return NULL;
    return to == DTYPE_INT32                       ? kernel->float_to_int32
           : to == DTYPE_INT8 || to == DTYPE_UINT8 ? kernel->float_to_byte
           : to == DTYPE_BOOL                      ? kernel->float_to_bool
                                                   : NULL;
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
    const struct cast_kernel *kernel = cast_kernel_of(call->kernels);
    struct cast_work work = {.from = x->dtype,
                             .to = y->dtype,
                             .in = x->data,
                             .out = y->data,
                             .rounding = ((const struct cast_params *)call->params)->rounding,
                             .loop = own_loop(kernel, x->dtype, y->dtype),
                             .halves = half_kernel_of(call->kernels)};
    if (!work.loop)
        work.loop = loops[x->dtype][y->dtype];
    parallel_blocks((size_t)tensor_elements(y), PARALLEL_ELEMENTS, call->threads, run_block, &work);
    return STATUS_OK;
}

/* How the types of eight bits and less are rounded. */
static status parse_rounding(const struct op_call *call, struct attributes *attributes, struct small_rounding *rounding,
                             struct error *err) {
    static const char *const modes[] = {[E8M0_UP] = "up", [E8M0_DOWN] = "down", [E8M0_NEAREST] = "nearest"};
    *rounding = (struct small_rounding){true, E8M0_UP};
    if (call->opset >= 19)
        rounding->saturate = attribute_int(attributes, "saturate", 1) != 0;
    if (call->opset < 24)
        return STATUS_OK;
    const char *mode = attribute_text(attributes, "round_mode", "up");
    for (int i = 0; i < 3; i++)
        if (strcmp(mode, modes[i]) == 0) {
            rounding->e8m0 = (enum e8m0_rounding)i;
            return STATUS_OK;
        }
    return fail(err, STATUS_INVALID_MODEL, "attribute \"round_mode\" is \"%.40s\", expected up, down or nearest", mode);
}

/* Before opset 6 the type is a text: "FLOAT", the name in ONNX's enumeration. */
static int64_t cast_named(struct attributes *attributes) {
    const char *text = attribute_text(attributes, "to", "");
    for (int dtype = 1; dtype < DTYPE_COUNT; dtype++)
        if (strcasecmp(text, dtype_name((enum dtype)dtype)) == 0)
            return dtype;
    return 0;
}

static status cast_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    const uint32_t types = call->op->outputs[0].types;
    const int64_t to = call->op->since < 6 ? cast_named(attributes) : attribute_int(attributes, "to", 0);
    struct cast_params *p = params;
    if (parse_rounding(call, attributes, &p->rounding, err) != STATUS_OK)
        return err->code;
    if (!attribute_has(attributes, "to"))
        return fail(err, STATUS_INVALID_MODEL, "attribute \"to\" is missing");
    if (to <= 0 || to >= DTYPE_COUNT)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"to\" is %lld, which is no element type", (long long)to);
    if (!(types >> to & 1))
        return fail(err, STATUS_UNSUPPORTED,
                    "attribute \"to\" asks for element type %s, which is not supported at opset %d",
                    dtype_name((enum dtype)to), call->opset);
    p->to = (enum dtype)to;
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
    return parse_rounding(call, attributes, &((struct cast_params *)params)->rounding, err);
}

static status cast_like_infer(struct op_call *call, struct error *err) {
    struct tensor *y = op_output(call, 0);
    return y ? tensor_describe(y, call->inputs[1]->dtype, &call->inputs[0]->shape, err) : STATUS_OK;
}

#define TYPES_OLD (TYPES_NUMBER | TYPES_BOOL | TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_STRING))
#define TYPES_NEW (TYPES_OLD | TYPE(DTYPE_BFLOAT16))
#define TYPES_19 (TYPES_NEW | TYPES_FLOAT8)
#define TYPES_21 (TYPES_19 | TYPE(DTYPE_INT4) | TYPE(DTYPE_UINT4))
#define TYPES_25 (TYPES_21 | TYPE(DTYPE_FLOAT4E2M1) | TYPE(DTYPE_FLOAT8E8M0) | TYPE(DTYPE_INT2) | TYPE(DTYPE_UINT2))

static bool cast_is_noop(const struct op_call *call) {
    return call->inputs[0]->dtype == ((const struct cast_params *)call->params)->to;
}

static const struct op_facts like_facts = {.by_type = true};
static const struct op_facts cast_facts = {.carries = true, .is_noop = cast_is_noop};

#define CAST(SINCE, UNTIL, TYPES)                                                                                  \
    {                                                                                                              \
        .name = "Cast", .domain = "", .since = SINCE, .until = UNTIL,                                              \
        .inputs = (const struct op_arg[]){{"input", TYPES, ARG_T1}, {0}},                                          \
        .outputs = (const struct op_arg[]){{"output", TYPES, ARG_T2}, {0}}, .storage = STORAGE_IN_PLACE,           \
        .params_size = sizeof(struct cast_params), .facts = &cast_facts, .parse = cast_parse, .infer = cast_infer, \
        .output_type = cast_type, .run = cast_run                                                                  \
    }

#define CAST_LIKE(SINCE, UNTIL, TYPES)                                                                                 \
    {                                                                                                                  \
        .name = "CastLike", .domain = "", .since = SINCE, .until = UNTIL,                                              \
        .inputs = (const struct op_arg[]){{"input", TYPES, ARG_T1}, {"target_type", TYPES, ARG_T2 | ARG_UNREAD}, {0}}, \
        .outputs = (const struct op_arg[]){{"output", TYPES, ARG_T2}, {0}}, .storage = STORAGE_IN_PLACE,               \
        .params_size = sizeof(struct cast_params), .facts = &like_facts, .parse = cast_like_parse,                     \
        .infer = cast_like_infer, .run = cast_run                                                                      \
    }

const struct op ops_cast[] = {
    CAST(1, 5, TYPES_OLD),
    CAST(6, 12, TYPES_OLD),
    CAST(13, 18, TYPES_NEW),
    CAST(19, 20, TYPES_19),
    CAST(21, 22, TYPES_21),
    CAST(23, 0, TYPES_25),
    CAST_LIKE(15, 18, TYPES_NEW),
    CAST_LIKE(19, 20, TYPES_19),
    CAST_LIKE(21, 22, TYPES_21),
    CAST_LIKE(23, 0, TYPES_25),
    {0},
};
