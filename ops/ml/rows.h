/* Inputs of the ai.onnx.ml operators: rows of features, whose numbers are of any type. */
#ifndef LIMNER_OPS_ML_ROWS_H
#define LIMNER_OPS_ML_ROWS_H

#include "ops/core/op.h"
#include "ops/core/reals.h"

#define ML_DOMAIN "ai.onnx.ml"
#define TYPES_FEATURE (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPES_INDEX)

/* [N,F], or [F] for one row. */
struct rows {
    const struct tensor *tensor;
    int64_t count, features;
};

/* STATUS_SHAPE unless input 0 is of rank 1 or 2. */
status rows_of(const struct op_call *call, struct rows *rows, struct error *err);
/* Describes output `output` as [count, width]. */
status rows_describe(struct op_call *call, int output, enum dtype dtype, int64_t count, int64_t width,
                     struct error *err);

#endif
