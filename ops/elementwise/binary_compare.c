/* Comparisons and logic: bool from two inputs. */
#include "ops/elementwise/binary_old.h"
#include "ops/kernels/families.h"

#include <string.h>

#define ENTRY(T, DTYPE, NAME) [DTYPE_##DTYPE] = NAME##_##T,
#define ALL_NUMBERS(NAME) \
    [DTYPE_FLOAT] = NAME##_float, [DTYPE_DOUBLE] = NAME##_double, SIGNED_TYPES(ENTRY, NAME) UNSIGNED_TYPES(ENTRY, NAME)

#define EQUAL_LOOP(T, ...) BINARY_LOOP(equal_##T, T, uint8_t, x == y)
#define COMPARE_LOOPS(T, ...)                \
    BINARY_LOOP(less_##T, T, uint8_t, x < y) \
    BINARY_LOOP(less_or_equal_##T, T, uint8_t, x <= y)
EQUAL_LOOP(float)
EQUAL_LOOP(double)
UNSIGNED_TYPES(EQUAL_LOOP, 0)
COMPARE_LOOPS(float)
COMPARE_LOOPS(double)
SIGNED_TYPES(COMPARE_LOOPS, 0)
UNSIGNED_TYPES(COMPARE_LOOPS, 0)

static bool same_text(struct text a, struct text b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

typedef struct text text;
BINARY_CALLS(equal_text, text, uint8_t, same_text(x, y))

BINARY_LOOP(equal_bool, uint8_t, uint8_t, (x != 0) == (y != 0))
/* Every byte but 0 reads as 1: the smaller of it and 1. */
#define BYTE_MIN(X, Y) ((X) < (Y) ? (X) : (Y))
BINARY_LOOP(and_bool, uint8_t, uint8_t, BYTE_MIN(BYTE_MIN(x, y), 1))
BINARY_LOOP(or_bool, uint8_t, uint8_t, BYTE_MIN(x | y, 1))
BINARY_LOOP(xor_bool, uint8_t, uint8_t, BYTE_MIN(x, 1) ^ BYTE_MIN(y, 1))

#define ROW(NAME, ...) static const struct binary_row NAME##_row = {.loops = {__VA_ARGS__}, .output = DTYPE_BOOL}
/* x > y is y < x. */
#define SWAPPED(NAME, OTHER) \
    static const struct binary_row NAME##_row = {.loops = {ALL_NUMBERS(OTHER)}, .output = DTYPE_BOOL, .swapped = true}
static binary_loop *own_equal(const struct kernels *kernels, enum dtype dtype) {
    return dtype == DTYPE_INT64 || dtype == DTYPE_UINT64 ? pair_kernel_of(kernels)->equal_longs : NULL;
}
static const struct binary_row equal_row = {.loops = {[DTYPE_FLOAT] = equal_float,
                                                      [DTYPE_DOUBLE] = equal_double,
                                                      UNSIGNED_TYPES(BOTH_SIGNS, equal)[DTYPE_BOOL] = equal_bool,
                                                      [DTYPE_STRING] = equal_text},
                                            .output = DTYPE_BOOL,
                                            .own = own_equal};
SWAPPED(greater, less);
ROW(less, ALL_NUMBERS(less));
SWAPPED(greater_or_equal, less_or_equal);
ROW(less_or_equal, ALL_NUMBERS(less_or_equal));
ROW(and, [DTYPE_BOOL] = and_bool);
ROW(or, [DTYPE_BOOL] = or_bool);
ROW(xor, [DTYPE_BOOL] = xor_bool);

#define COMPARE(NAME, SINCE, UNTIL, TYPES, ROW) \
    BINARY_DEFINITION(NAME, SINCE, UNTIL, "A", "B", TYPES, TYPES_BOOL, 0, NULL, binary_infer, binary_run, &(ROW))

#define COMPARE_OLD(NAME, TYPES, ROW) BINARY_OLD(NAME, "A", "B", TYPES, TYPES_BOOL, binary_old_run, &(ROW))

const struct op ops_binary_compare[] = {
    COMPARE_OLD("Equal", TYPES_INDEX | TYPES_BOOL, equal_row),
    COMPARE("Equal", 7, 10, TYPES_INDEX | TYPES_BOOL, equal_row),
    COMPARE("Equal", 11, 12, TYPES_REAL | TYPES_INTEGER | TYPES_BOOL, equal_row),
    COMPARE("Equal", 13, 18, TYPES_REAL_BF | TYPES_INTEGER | TYPES_BOOL, equal_row),
    COMPARE("Equal", 19, 0, TYPES_REAL_BF | TYPES_INTEGER | TYPES_BOOL | TYPE(DTYPE_STRING), equal_row),
    COMPARE_OLD("Greater", TYPES_REAL, greater_row),
    COMPARE("Greater", 7, 8, TYPES_REAL, greater_row),
    COMPARE("Greater", 9, 12, TYPES_REAL | TYPES_INTEGER, greater_row),
    COMPARE("Greater", 13, 0, TYPES_REAL_BF | TYPES_INTEGER, greater_row),
    COMPARE_OLD("Less", TYPES_REAL, less_row),
    COMPARE("Less", 7, 8, TYPES_REAL, less_row),
    COMPARE("Less", 9, 12, TYPES_REAL | TYPES_INTEGER, less_row),
    COMPARE("Less", 13, 0, TYPES_REAL_BF | TYPES_INTEGER, less_row),
    COMPARE("GreaterOrEqual", 12, 15, TYPES_REAL | TYPES_INTEGER, greater_or_equal_row),
    COMPARE("GreaterOrEqual", 16, 0, TYPES_REAL_BF | TYPES_INTEGER, greater_or_equal_row),
    COMPARE("LessOrEqual", 12, 15, TYPES_REAL | TYPES_INTEGER, less_or_equal_row),
    COMPARE("LessOrEqual", 16, 0, TYPES_REAL_BF | TYPES_INTEGER, less_or_equal_row),
    COMPARE_OLD("And", TYPES_BOOL, and_row),
    COMPARE("And", 7, 0, TYPES_BOOL, and_row),
    COMPARE_OLD("Or", TYPES_BOOL, or_row),
    COMPARE("Or", 7, 0, TYPES_BOOL, or_row),
    COMPARE_OLD("Xor", TYPES_BOOL, xor_row),
    COMPARE("Xor", 7, 0, TYPES_BOOL, xor_row),
    {0},
};
