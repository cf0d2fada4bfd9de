/* Pow: base and exponent of one type until opset 11, of two since 12. */
#include "base/convert.h"
#include "base/scalar.h"
#include "ops/elementwise/binary_old.h"

#include <math.h>
#include <string.h>

/* Squares and cubes are by far the most frequent powers, and products are much faster than the library's function. */
SCALAR float pow_float(float x, float y) {
    return y == 2.0f ? x * x : powf(x, y);
}
SCALAR double pow_double(double x, double y) {
    return y == 2.0 ? x * x : pow(x, y);
}

/* x^y modulo 2^64. A negative exponent gives what truncating the fraction gives: 0 unless x is 1 or -1 (and 0 for x =
 * 0). */
static int64_t pow_integer(int64_t x, uint64_t y, bool is_negative) {
    if (is_negative)
        return x == 1 ? 1 : x == -1 ? (y & 1 ? -1 : 1) : 0;
    uint64_t result = 1, power = (uint64_t)x;
    for (; y; y >>= 1, power *= power)
        if (y & 1)
            result *= power;
    return (int64_t)result;
}

BINARY_CALLS(pow_any_float, float, float, pow_float(x, y))
BINARY_LOOP(square_float, float, float, ((void)y, x *x))
BINARY_LOOP(cube_float, float, float, ((void)y, x *x *x))
BINARY_CALLS(pow_same_double, double, double, pow_double(x, y))

static void pow_same_float(void *out, const void *a, size_t a_step, const void *b, size_t b_step, size_t count,
                           const void *context) {
    const float power = b_step ? 0 : *(const float *)b;
    binary_loop *const loop = power == 2 ? square_float : power == 3 ? cube_float : pow_any_float;
    loop(out, a, a_step, b, b_step, count, context);
}

/* Base (the output's type) and exponent in two types. */
struct pow_types {
    enum dtype base, exponent;
};

static bool is_real(enum dtype dtype) {
    return (TYPE(dtype) & TYPES_REAL_BF) != 0;
}

#define READ_INTEGER(T, DTYPE, ...)               \
    case DTYPE_##DTYPE:                           \
        for (size_t i = 0; i < count; i++)        \
            out[i] = (int64_t)((const T *)in)[i]; \
        break;

/* uint64 above the largest int64 wraps to a negative number. */
static void read_integers(enum dtype dtype, const void *in, int64_t *out, size_t count) {
    switch (dtype) {
        SIGNED_TYPES(READ_INTEGER, 0)
        UNSIGNED_TYPES(READ_INTEGER, 0)
    default: /* no integer: nothing here has such a base or exponent */
        memset(out, 0, count * sizeof *out);
    }
}

static void read_reals(enum dtype dtype, const void *in, double *out, size_t count) {
    float narrow[CONVERT_CHUNK];
    int64_t integers[CONVERT_CHUNK];
    if (dtype == DTYPE_DOUBLE) {
        memcpy(out, in, count * sizeof *out);
    } else if (is_real(dtype)) {
        const float *source = in;
        if (dtype_is_half(dtype)) {
            half_to_float(dtype, in, narrow, count);
            source = narrow;
        }
        for (size_t i = 0; i < count; i++)
            out[i] = (double)source[i];
    } else {
        read_integers(dtype, in, integers, count);
        for (size_t i = 0; i < count; i++)
            out[i] = dtype == DTYPE_UINT64 ? (double)(uint64_t)integers[i] : (double)integers[i];
    }
}

static void write_reals(enum dtype dtype, const double *in, void *out, size_t count) {
    if (dtype_is_half(dtype)) {
        half_from_double(dtype, in, out, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        switch (dtype) {
        case DTYPE_FLOAT:
            ((float *)out)[i] = (float)in[i];
            break;
        case DTYPE_INT32:
            ((int32_t *)out)[i] = real_to_int32(in[i]);
            break;
        case DTYPE_INT64:
            ((int64_t *)out)[i] = real_to_int64(in[i]);
            break;
        default:
            ((double *)out)[i] = in[i];
        }
}

static void pow_reals(const struct pow_types *types, void *out, const void *a, size_t a_step, const void *b,
                      size_t b_step, size_t count) {
    double x[CONVERT_CHUNK], y[CONVERT_CHUNK];
    read_reals(types->base, a, x, a_step ? count : 1);
    read_reals(types->exponent, b, y, b_step ? count : 1);
    for (size_t i = count; i-- > 0;)
        x[i] = pow_double(x[i * a_step], y[i * b_step]);
    write_reals(types->base, x, out, count);
}

static void pow_integers(const struct pow_types *types, void *out, const void *a, size_t a_step, const void *b,
                         size_t b_step, size_t count) {
    int64_t x[CONVERT_CHUNK], y[CONVERT_CHUNK];
    read_integers(types->base, a, x, a_step ? count : 1);
    read_integers(types->exponent, b, y, b_step ? count : 1);
    for (size_t i = 0; i < count; i++) {
        const int64_t exponent = y[i * b_step];
        const bool is_negative = exponent < 0 && types->exponent != DTYPE_UINT64;
        const int64_t result = pow_integer(x[i * a_step], (uint64_t)exponent, is_negative);
        if (types->base == DTYPE_INT32)
            ((int32_t *)out)[i] = (int32_t)result;
        else
            ((int64_t *)out)[i] = result;
    }
}

/* In chunks through double or int64. */
static void pow_loop(void *out, const void *a, size_t a_step, const void *b, size_t b_step, size_t count,
                     const void *context) {
    const struct pow_types *types = context;
    const size_t a_size = dtype_size(types->base), b_size = dtype_size(types->exponent);
    const bool real = is_real(types->base) || is_real(types->exponent);
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < CONVERT_CHUNK ? count - i : CONVERT_CHUNK;
        (real ? pow_reals : pow_integers)(types, (char *)out + i * a_size, (const char *)a + i * a_step * a_size,
                                          a_step, (const char *)b + i * b_step * b_size, b_step, n);
    }
}

static const struct binary_row same_row = {.loops = {[DTYPE_FLOAT] = pow_same_float, [DTYPE_DOUBLE] = pow_same_double}};

static status pow_run(struct op_call *call, struct error *err) {
    const struct pow_types types = {call->inputs[0]->dtype, call->inputs[1]->dtype};
    struct binary_half half;
    struct binary_operation operation = {.loop = pow_loop,
                                         .context = &types,
                                         .a_size = dtype_size(types.base),
                                         .b_size = dtype_size(types.exponent),
                                         .out_size = dtype_size(types.base)};
    (void)err;
    if (types.base == types.exponent && is_real(types.base))
        operation = binary_operation(&same_row, types.base, &half);
    binary_apply(call, &operation);
    return STATUS_OK;
}

static status pow_old_run(struct op_call *call, struct error *err) {
    return binary_old_with(call, pow_run, err);
}

#define POW(SINCE, UNTIL, BASES, EXPONENTS, FLAGS)                                                 \
    {                                                                                              \
        .name = "Pow", .domain = "", .since = SINCE, .until = UNTIL,                               \
        .inputs = (const struct op_arg[]){{"X", BASES, ARG_T}, {"Y", EXPONENTS, FLAGS}, {0}},      \
        .outputs = (const struct op_arg[]){{"Z", BASES, ARG_T}, {0}}, .storage = STORAGE_IN_PLACE, \
        .infer = binary_infer, .prepare = binary_prepare, .run = pow_run                           \
    }

const struct op ops_pow[] = {
    BINARY_OLD("Pow", "X", "Y", TYPES_REAL, TYPES_REAL, pow_old_run, &same_row),
    POW(7, 11, TYPES_REAL, TYPES_REAL, ARG_T),
    POW(12, 12, TYPES_REAL | TYPES_INDEX, TYPES_REAL | TYPES_INTEGER, ARG_T1),
    POW(13, 14, TYPES_REAL_BF | TYPES_INDEX, TYPES_REAL | TYPES_INTEGER, ARG_T1),
    POW(15, 0, TYPES_REAL_BF | TYPES_INDEX, TYPES_REAL_BF | TYPES_INTEGER, ARG_T1),
    {0},
};
