/* Add, Sub, Mul, Div, Mod, PRelu, and the operators on bits, for two inputs. */
#include "base/convert.h"
#include "base/scalar.h"
#include "ops/core/attributes.h"
#include "ops/core/broadcast.h"
#include "ops/core/op_facts.h"
#include "ops/elementwise/binary_old.h"
#include "ops/kernels/families.h"

#include <math.h>

#define ENTRY(T, DTYPE, NAME) [DTYPE_##DTYPE] = NAME##_##T,
#define ALL_INTEGERS(NAME) SIGNED_TYPES(ENTRY, NAME) UNSIGNED_TYPES(ENTRY, NAME)
/* What wraps has the same bits with and without a sign. */
#define ENTRY_UNSIGNED(T, DTYPE, NAME) [DTYPE_##DTYPE] = NAME##_u##T,
#define ALL_WRAPPED(NAME) SIGNED_TYPES(ENTRY_UNSIGNED, NAME) UNSIGNED_TYPES(ENTRY, NAME)
#define REALS(NAME) [DTYPE_FLOAT] = NAME##_float, [DTYPE_DOUBLE] = NAME##_double
#define ALL_NUMBERS(NAME) REALS(NAME), ALL_INTEGERS(NAME)

/* Integers wrap as two's complement does; the unsigned detour keeps that defined. */
#define WRAP(T, X, OPERATOR, Y) ((T)((uint64_t)(X)OPERATOR(uint64_t)(Y)))
#define INTEGER_LOOPS(T, DTYPE, ...)             \
    BINARY_LOOP(add_##T, T, T, WRAP(T, x, +, y)) \
    BINARY_LOOP(sub_##T, T, T, WRAP(T, x, -, y)) \
    BINARY_LOOP(mul_##T, T, T, WRAP(T, x, *, y)) \
    BINARY_LOOP(and_##T, T, T, x &y)             \
    BINARY_LOOP(or_##T, T, T, x | y)             \
    BINARY_LOOP(xor_##T, T, T, x ^ y)

/*
 * Division and remainder of integers never trap: by zero they give 0, by -1 they wrap. Div truncates toward zero; a
 * remainder has the sign of the divisor (mod) or of the dividend (rem, the attribute fmod = 1).
 */
#define SIGNED_DIVISION(T, DTYPE, ...)                                                                     \
    SCALAR T remainder_##T(T x, T y) {                                                                     \
        return y == 0 || y == -1 ? 0 : (T)(x % y);                                                         \
    }                                                                                                      \
    SCALAR T modulo_##T(T x, T y) {                                                                        \
        const T r = remainder_##T(x, y);                                                                   \
        return r != 0 && (r < 0) != (y < 0) ? (T)(r + y) : r;                                              \
    }                                                                                                      \
    BINARY_CALLS(rem_##T, T, T, remainder_##T(x, y))                                                       \
    BINARY_CALLS(mod_##T, T, T, modulo_##T(x, y))                                                          \
    BINARY_CALLS(prelu_##T, T, T, x < 0 ? WRAP(T, x, *, y) : x)                                            \
    BINARY_CALLS(left_##T, T, T, y >= 0 && (uint64_t)y < sizeof(T) * 8 ? (T)((uint64_t)x << (y & 63)) : 0) \
    BINARY_CALLS(right_##T, T, T, (T)(y >= 0 && (uint64_t)y < sizeof(T) * 8 ? x >> y : x < 0 ? -1 : 0))
#define UNSIGNED_DIVISION(T, DTYPE, ...)                                         \
    BINARY_CALLS(div_##T, T, T, y == 0 ? 0 : x / y)                              \
    BINARY_CALLS(rem_##T, T, T, y == 0 ? 0 : x % y)                              \
    BINARY_LOOP(left_##T, T, T, y < sizeof(T) * 8 ? (uint64_t)x << (y & 63) : 0) \
    BINARY_LOOP(right_##T, T, T, y < sizeof(T) * 8 ? x >> (y & (sizeof(T) * 8 - 1)) : 0)

UNSIGNED_TYPES(INTEGER_LOOPS, 0)
SIGNED_TYPES(SIGNED_DIVISION, 0)
/* In double precision a quotient of 32 bits cannot be rounded to a whole number that it is not; -2^31 / -1 wraps. */
#define SHORT_QUOTIENT(T) BINARY_LOOP(div_##T, T, T, y == 0 ? 0 : real_to_int32((double)x / (double)y))
SHORT_QUOTIENT(int8_t)
SHORT_QUOTIENT(int16_t)
SHORT_QUOTIENT(int32_t)
BINARY_CALLS(div_int64_t, int64_t, int64_t, y == 0 ? 0 : y == -1 ? WRAP(int64_t, 0, -, x) : x / y)
UNSIGNED_TYPES(UNSIGNED_DIVISION, 0)

#define REAL_LOOPS(T, FMOD)                                                         \
    BINARY_LOOP(add_##T, T, T, x + y)                                               \
    BINARY_LOOP(sub_##T, T, T, x - y)                                               \
    BINARY_LOOP(mul_##T, T, T, x *y)                                                \
    BINARY_LOOP(div_##T, T, T, x / y)                                               \
    BINARY_CALLS(rem_##T, T, T, FMOD(x, y))                                         \
    /* The divisor's sign, of a zero as well. */                                    \
    SCALAR T modulo_##T(T x, T y) {                                                 \
        const T r = FMOD(x, y);                                                     \
        return r == 0 ? (T)copysign(0, (double)y) : (r < 0) != (y < 0) ? r + y : r; \
    }                                                                               \
    BINARY_CALLS(mod_##T, T, T, modulo_##T(x, y))
/* fmod() for floats, mostly by one division: the product with a quotient below 2^28 is exact in double precision, and a
   quotient that was rounded up to a whole number is one too many. */
SCALAR float remainder_float(float x, float y) {
    const double a = fabs((double)x), b = fabs((double)y), quotient = a / b;
    if (!(quotient < 268435456.0) || isinf(b))
        return fmodf(x, y);
    const double rest = a - (double)(int32_t)quotient * b;
    return copysignf((float)(rest < 0 ? rest + b : rest), x);
}
REAL_LOOPS(float, remainder_float)
REAL_LOOPS(double, fmod)
BINARY_LOOP(prelu_float, float, float, scalar_leaky_relu(x, y))
BINARY_LOOP(prelu_double, double, double, x < 0 ? x * y : x)
/* Unsigned numbers are never below zero. */
#define PRELU_UNSIGNED(T, DTYPE, ...) BINARY_LOOP(prelu_##T, T, T, ((void)y, x))
UNSIGNED_TYPES(PRELU_UNSIGNED, 0)

static const struct binary_row add_row = {.loops = {REALS(add), ALL_WRAPPED(add)}};
static const struct binary_row sub_row = {.loops = {REALS(sub), ALL_WRAPPED(sub)}};
static binary_loop *own_mul(const struct kernels *kernels, enum dtype dtype) {
    const struct pair_kernel *kernel = pair_kernel_of(kernels);
    return dtype == DTYPE_INT8 || dtype == DTYPE_UINT8     ? kernel->multiply_bytes
           : dtype == DTYPE_INT32 || dtype == DTYPE_UINT32 ? kernel->multiply_ints
                                                           : NULL;
}
static binary_loop *own_div(const struct kernels *kernels, enum dtype dtype) {
    return dtype == DTYPE_INT32 ? pair_kernel_of(kernels)->divide_ints : NULL;
}
static const struct binary_row mul_row = {.loops = {REALS(mul), ALL_WRAPPED(mul)}, .own = own_mul};
static const struct binary_row div_row = {.loops = {ALL_NUMBERS(div)}, .own = own_div};
static const struct binary_row prelu_row = {.loops = {ALL_NUMBERS(prelu)}};
static const struct binary_row and_row = {.loops = {ALL_WRAPPED(and)}};
static const struct binary_row or_row = {.loops = {ALL_WRAPPED(or)}};
static const struct binary_row xor_row = {.loops = {ALL_WRAPPED(xor)}};
/* Rows of one definition each: [0] is for the attribute's default. */
static const struct binary_row mod_rows[] = {
    {.loops =
         {[DTYPE_FLOAT] = mod_float, [DTYPE_DOUBLE] = mod_double, SIGNED_TYPES(ENTRY, mod) UNSIGNED_TYPES(ENTRY, rem)}},
    {.loops = {ALL_NUMBERS(rem)}}};
static const struct binary_row shift_rows[] = {{.loops = {ALL_INTEGERS(left)}}, {.loops = {ALL_INTEGERS(right)}}};

/* params of Mod and BitShift: which of the rows. */
struct choice {
    int row;
};

static status choice_run(struct op_call *call, struct error *err) {
    const struct binary_row *rows = call->op->row;
    struct binary_half half;
    const struct binary_operation operation =
        binary_operation(&rows[((const struct choice *)call->params)->row], call->inputs[0]->dtype, &half);
    (void)err;
    binary_apply(call, &operation);
    return STATUS_OK;
}

static status mod_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    const int64_t fmod = attribute_int(attributes, "fmod", 0);
    (void)call;
    if (fmod != 0 && fmod != 1)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"fmod\" is %lld, expected 0 or 1", (long long)fmod);
    ((struct choice *)params)->row = (int)fmod;
    return STATUS_OK;
}

static status shift_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    static const char *const choices[] = {"LEFT", "RIGHT", NULL};
    (void)call;
    if (!attribute_has(attributes, "direction"))
        return fail(err, STATUS_INVALID_MODEL, "attribute \"direction\" is missing, expected LEFT or RIGHT");
    ((struct choice *)params)->row = attribute_choice(attributes, "direction", choices, 0);
    return STATUS_OK;
}

/* The slope broadcasts to the input, never the other way. */
static status prelu_infer(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0], *slope = call->inputs[1];
    char first[SHAPE_TEXT_BYTES], second[SHAPE_TEXT_BYTES];
    if (!broadcast_fits(&slope->shape, &x->shape))
        return fail(err, STATUS_SHAPE, "input 1 (slope) %s does not broadcast to input 0 (X) %s",
                    shape_text(&slope->shape, first), shape_text(&x->shape, second));
    return binary_infer(call, err);
}

/* Before opset 7 one slope for each channel, or one for all of them. */
static status prelu_old_with(struct op_call *call, binary_old_then *then, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape;
    struct tensor slope = *call->inputs[1];
    const struct tensor *inputs[] = {call->inputs[0], &slope};
    struct op_call aligned = *call;
    aligned.inputs = inputs;
    if (slope.shape.rank == 1 && x->rank >= 2 && (slope.shape.dims[0] == x->dims[1] || slope.shape.dims[0] == 1))
        while (slope.shape.rank < x->rank - 1)
            slope.shape.dims[slope.shape.rank++] = 1;
    return then(&aligned, err);
}

static status prelu_old_infer(struct op_call *call, struct error *err) {
    return prelu_old_with(call, prelu_infer, err);
}

static status prelu_old_run(struct op_call *call, struct error *err) {
    return prelu_old_with(call, binary_run, err);
}

static const struct op_facts add_facts = {.formula = FORMULA_SUM, .blocks = op_blocks_two};
static const struct op_facts pair_facts = {.blocks = op_blocks_two};
static const struct op_facts product_facts = {.formula = FORMULA_PRODUCT, .blocks = op_blocks_two};
static const struct op_facts quotient_facts = {.formula = FORMULA_QUOTIENT};

#define ARITHMETIC_OF(NAME, SINCE, UNTIL, TYPES, ROW, FACTS) \
    BINARY_FACTS(NAME, SINCE, UNTIL, "A", "B", TYPES, TYPES, 0, NULL, binary_infer, binary_run, &(ROW), FACTS)
#define ARITHMETIC(NAME, ROW, FACTS)                                                                      \
    BINARY_OLD(NAME, "A", "B", TYPES_REAL | TYPES_WIDE, TYPES_REAL | TYPES_WIDE, binary_old_run, &(ROW)), \
        ARITHMETIC_OF(NAME, 7, 12, TYPES_REAL | TYPES_WIDE, ROW, FACTS),                                  \
        ARITHMETIC_OF(NAME, 13, 13, TYPES_REAL_BF | TYPES_WIDE, ROW, FACTS),                              \
        ARITHMETIC_OF(NAME, 14, 0, TYPES_REAL_BF | TYPES_INTEGER, ROW, FACTS)
#define PRELU(SINCE, UNTIL, TYPES) \
    BINARY_DEFINITION("PRelu", SINCE, UNTIL, "X", "slope", TYPES, TYPES, 0, NULL, prelu_infer, binary_run, &prelu_row)
#define MOD(SINCE, UNTIL, TYPES)                                                                                   \
    BINARY_DEFINITION("Mod", SINCE, UNTIL, "A", "B", TYPES, TYPES, sizeof(struct choice), mod_parse, binary_infer, \
                      choice_run, mod_rows)

const struct op ops_binary_arithmetic[] = {
    ARITHMETIC("Add", add_row, &add_facts),
    ARITHMETIC("Sub", sub_row, &pair_facts),
    ARITHMETIC("Mul", mul_row, &product_facts),
    ARITHMETIC("Div", div_row, &quotient_facts),
    MOD(10, 12, TYPES_REAL | TYPES_INTEGER),
    MOD(13, 0, TYPES_REAL_BF | TYPES_INTEGER),
    BINARY_DEFINITION("PRelu", 1, 6, "X", "slope", TYPES_REAL, TYPES_REAL, 0, NULL, prelu_old_infer, prelu_old_run,
                      &prelu_row),
    PRELU(7, 8, TYPES_REAL),
    PRELU(9, 15, TYPES_REAL | TYPES_WIDE),
    PRELU(16, 0, TYPES_REAL_BF | TYPES_WIDE),
    BINARY_DEFINITION("BitShift", 11, 27, "X", "Y", TYPES_UNSIGNED, TYPES_UNSIGNED, sizeof(struct choice), shift_parse,
                      binary_infer, choice_run, shift_rows),
    BINARY_DEFINITION("BitShift", 28, 0, "X", "Y", TYPES_INTEGER, TYPES_INTEGER, sizeof(struct choice), shift_parse,
                      binary_infer, choice_run, shift_rows),
    BINARY("BitwiseAnd", 18, 0, TYPES_INTEGER, and_row),
    BINARY("BitwiseOr", 18, 0, TYPES_INTEGER, or_row),
    BINARY("BitwiseXor", 18, 0, TYPES_INTEGER, xor_row),
    {0},
};
