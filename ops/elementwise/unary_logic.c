/* Element by element: negation of bits and truth, and tests for NaN and infinity. */
#include "ops/core/attributes.h"
#include "ops/elementwise/unary.h"

#include <math.h>

UNARY_LOOP(not_bool, uint8_t, uint8_t, !x)
#define INVERT(T, DTYPE, ...) UNARY_LOOP(invert_##T, T, T, ~x)
#define ENTRY(T, DTYPE, NAME) [DTYPE_##DTYPE] = NAME##_##T,
SIGNED_TYPES(INVERT, 0)
UNSIGNED_TYPES(INVERT, 0)

UNARY_LOOP(nan_float, float, uint8_t, isnan(x) != 0)
UNARY_LOOP(nan_double, double, uint8_t, isnan(x) != 0)
/* alpha and beta say whether the negative and the positive infinity count. */
UNARY_LOOP(inf_float, float, uint8_t, x == INFINITY ? beta != 0 : x == -INFINITY ? alpha != 0 : 0)
UNARY_LOOP(inf_double, double, uint8_t, x == (double)INFINITY ? beta != 0 : x == -(double)INFINITY ? alpha != 0 : 0)

static const struct unary_row not_row = {.loops = {[DTYPE_BOOL] = not_bool}};
static const struct unary_row invert_row = {.loops = {SIGNED_TYPES(ENTRY, invert) UNSIGNED_TYPES(ENTRY, invert)}};
static const struct unary_row nan_row = {.loops = {[DTYPE_FLOAT] = nan_float, [DTYPE_DOUBLE] = nan_double},
                                         .output = DTYPE_BOOL};
static const struct unary_row inf_row = {.loops = {[DTYPE_FLOAT] = inf_float, [DTYPE_DOUBLE] = inf_double},
                                         .output = DTYPE_BOOL};

static status inf_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct unary_params *p = params;
    (void)call, (void)err;
    p->alpha = attribute_int(attributes, "detect_negative", 1) != 0;
    p->beta = attribute_int(attributes, "detect_positive", 1) != 0;
    return STATUS_OK;
}

const struct op ops_unary_logic[] = {
    UNARY("Not", 1, 0, "X", TYPES_BOOL, not_row),
    UNARY("BitwiseNot", 18, 0, "X", TYPES_INTEGER, invert_row),
    UNARY_DEFINITION("IsNaN", 9, 12, "X", TYPES_REAL, TYPES_BOOL, unary_parse, nan_row),
    UNARY_DEFINITION("IsNaN", 13, 0, "X", TYPES_REAL_BF, TYPES_BOOL, unary_parse, nan_row),
    UNARY_DEFINITION("IsInf", 10, 19, "X", TYPES_FLOAT | TYPE(DTYPE_DOUBLE), TYPES_BOOL, inf_parse, inf_row),
    UNARY_DEFINITION("IsInf", 20, 0, "X", TYPES_REAL_BF, TYPES_BOOL, inf_parse, inf_row),
    {0},
};
