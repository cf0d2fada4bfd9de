/* Element by element: absolute value, rounding, roots, exponentials, trigonometry. */
#include "base/scalar.h"
#include "ops/elementwise/unary.h"

#include <math.h>

/* A row of the two floating-point types; the names of the loops are made from NAME. */
#define REAL_ROW(NAME, LOOP, FLOAT_EXPRESSION, DOUBLE_EXPRESSION) \
    LOOP(NAME##_float, float, float, FLOAT_EXPRESSION)            \
    UNARY_CALLS(NAME##_double, double, double, DOUBLE_EXPRESSION) \
    static const struct unary_row NAME##_row = {                  \
        .loops = {[DTYPE_FLOAT] = NAME##_float, [DTYPE_DOUBLE] = NAME##_double}};
/* The same where ops/kernels has the function for floats. */
#define MATH_ROW(FUNCTION, MATH, ...)                           \
    UNARY_CALLS(FUNCTION##_double, double, double, FUNCTION(x)) \
    static const struct unary_row FUNCTION##_row = {            \
        .loops = {[DTYPE_DOUBLE] = FUNCTION##_double}, .math = MATH, __VA_ARGS__};
/* The same for a function of the C library. */
#define LIBRARY_ROW(FUNCTION) REAL_ROW(FUNCTION, UNARY_CALLS, FUNCTION##f(x), FUNCTION(x))

REAL_ROW(sqrt, UNARY_LOOP, sqrtf(x), sqrt(x))
MATH_ROW(exp, MATH_EXP, .on_blocks = false)
MATH_ROW(log, MATH_LOG, .on_blocks = false)
MATH_ROW(erf, MATH_ERF, .on_blocks = true)
MATH_ROW(tanh, MATH_TANH, .on_blocks = true, .activation = ACTIVATION_TANH)
REAL_ROW(reciprocal, UNARY_LOOP, 1.0f / x, 1.0 / x)
/* Half to even, the rounding mode that nobody changes. */
UNARY_CALLS(round_double, double, double, rint(x))
static const struct unary_row round_row = {.loops = {[DTYPE_DOUBLE] = round_double}, .math = MATH_ROUND};
REAL_ROW(floor, UNARY_LOOP, scalar_floor(x), floor(x))
REAL_ROW(ceil, UNARY_LOOP, scalar_ceil(x), ceil(x))
MATH_ROW(sin, MATH_SIN, .on_blocks = false)
MATH_ROW(cos, MATH_COS, .on_blocks = false)
LIBRARY_ROW(tan)
MATH_ROW(asin, MATH_ASIN, .on_blocks = false)
MATH_ROW(acos, MATH_ACOS, .on_blocks = false)
MATH_ROW(atan, MATH_ATAN, .on_blocks = false)
LIBRARY_ROW(sinh)
LIBRARY_ROW(cosh)
LIBRARY_ROW(asinh)
LIBRARY_ROW(acosh)
LIBRARY_ROW(atanh)

/* Integers wrap: the absolute value and the negative of the smallest number are that number. */
#define SIGNED_LOOPS(T, DTYPE, ...)                                       \
    UNARY_LOOP(abs_##T, T, T, (T)(x < 0 ? 0 - (uint64_t)x : (uint64_t)x)) \
    UNARY_LOOP(neg_##T, T, T, (T)(0 - (uint64_t)x))                       \
    UNARY_LOOP(sign_##T, T, T, (x > 0) - (x < 0))
#define UNSIGNED_LOOPS(T, DTYPE, ...) \
    UNARY_LOOP(abs_##T, T, T, x)      \
    UNARY_LOOP(sign_##T, T, T, x > 0)
/* erf() of an integer as an integer: nothing but -1, 0 and 1 come near (erf(1) = 0.84 is cut to 0). */
#define ERF_SIGNED(T, DTYPE, ...) UNARY_LOOP(erf_##T, T, T, erf((double)x))
#define ENTRY(T, DTYPE, NAME) [DTYPE_##DTYPE] = NAME##_##T,

SIGNED_TYPES(SIGNED_LOOPS, 0)
UNSIGNED_TYPES(UNSIGNED_LOOPS, 0)
SIGNED_TYPES(ERF_SIGNED, 0)
UNSIGNED_TYPES(ERF_SIGNED, 0)

UNARY_LOOP(abs_float, float, float, scalar_abs(x))
UNARY_LOOP(abs_double, double, double, fabs(x))
UNARY_LOOP(neg_float, float, float, -x)
UNARY_LOOP(neg_double, double, double, -x)
/* NaN and zeros are their own sign. */
UNARY_LOOP(sign_float, float, float, x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x)
UNARY_LOOP(sign_double, double, double, x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x)

static const struct unary_row abs_row = {
    .loops =
        {[DTYPE_FLOAT] = abs_float, [DTYPE_DOUBLE] = abs_double, SIGNED_TYPES(ENTRY, abs) UNSIGNED_TYPES(ENTRY, abs)},
    .on_blocks = true};
static const struct unary_row neg_row = {
    .loops = {[DTYPE_FLOAT] = neg_float, [DTYPE_DOUBLE] = neg_double, SIGNED_TYPES(ENTRY, neg)}, .on_blocks = true};
static const struct unary_row sign_row = {.loops = {[DTYPE_FLOAT] = sign_float,
                                                    [DTYPE_DOUBLE] = sign_double,
                                                    SIGNED_TYPES(ENTRY, sign) UNSIGNED_TYPES(ENTRY, sign)}};
static const struct unary_row erf_9_row = {
    .loops = {[DTYPE_DOUBLE] = erf_double, SIGNED_TYPES(ENTRY, erf) UNSIGNED_TYPES(ENTRY, erf)},
    .math = MATH_ERF,
    .on_blocks = true};

/* An operator that learned bfloat16 at opset 13 or 22 and did not change otherwise. */
#define SINCE_6(NAME, INPUT, ROW) \
    UNARY(NAME, 1, 12, INPUT, TYPES_REAL, ROW), UNARY(NAME, 13, 0, INPUT, TYPES_REAL_BF, ROW)
#define UNTIL_22(NAME, SINCE, INPUT, ROW) \
    UNARY(NAME, SINCE, 21, INPUT, TYPES_REAL, ROW), UNARY(NAME, 22, 0, INPUT, TYPES_REAL_BF, ROW)

#define ERF(SINCE, UNTIL, TYPES, ROW) \
    UNARY_OF("Erf", "", SINCE, UNTIL, "input", TYPES, TYPES, unary_parse, ROW, erf_facts)

const struct op ops_unary_math[] = {
    UNARY("Abs", 1, 12, "X", TYPES_REAL | TYPES_INTEGER, abs_row),
    UNARY("Abs", 13, 0, "X", TYPES_REAL_BF | TYPES_INTEGER, abs_row),
    UNARY("Neg", 1, 12, "X", TYPES_REAL | TYPES_SIGNED, neg_row),
    UNARY("Neg", 13, 0, "X", TYPES_REAL_BF | TYPES_SIGNED, neg_row),
    UNARY("Sign", 9, 12, "input", TYPES_REAL | TYPES_INTEGER, sign_row),
    UNARY("Sign", 13, 0, "input", TYPES_REAL_BF | TYPES_INTEGER, sign_row),
    ERF(9, 12, TYPES_REAL | TYPES_INTEGER, erf_9_row),
    ERF(13, 0, TYPES_REAL_BF, erf_row),
    SINCE_6("Floor", "X", floor_row),
    SINCE_6("Ceil", "X", ceil_row),
    SINCE_6("Sqrt", "X", sqrt_row),
    SINCE_6("Exp", "input", exp_row),
    SINCE_6("Log", "input", log_row),
    SINCE_6("Reciprocal", "X", reciprocal_row),
    SINCE_6("Tanh", "input", tanh_row),
    UNTIL_22("Round", 11, "X", round_row),
    UNTIL_22("Sin", 7, "input", sin_row),
    UNTIL_22("Cos", 7, "input", cos_row),
    UNTIL_22("Tan", 7, "input", tan_row),
    UNTIL_22("Asin", 7, "input", asin_row),
    UNTIL_22("Acos", 7, "input", acos_row),
    UNTIL_22("Atan", 7, "input", atan_row),
    UNTIL_22("Sinh", 9, "input", sinh_row),
    UNTIL_22("Cosh", 9, "input", cosh_row),
    UNTIL_22("Asinh", 9, "input", asinh_row),
    UNTIL_22("Acosh", 9, "input", acosh_row),
    UNTIL_22("Atanh", 9, "input", atanh_row),
    {0},
};
