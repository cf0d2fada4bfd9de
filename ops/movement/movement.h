/* What the operators that only move elements share. */
#ifndef LIMNER_OPS_MOVEMENT_MOVEMENT_H
#define LIMNER_OPS_MOVEMENT_MOVEMENT_H

#include "ops/core/op.h"
#include "ops/movement/strided.h"

/* Types of operators that move a tensor's bytes as a whole, packed ones included. */
#define TYPES_MOVED \
    (TYPES_WHOLE | TYPE(DTYPE_UINT4) | TYPE(DTYPE_INT4) | TYPE(DTYPE_FLOAT4E2M1) | TYPE(DTYPE_UINT2) | TYPE(DTYPE_INT2))

/* State of an operator that is one strided copy of input 0 into output 0; prepare() fills it in. */
struct movement {
    struct strided box;
    int64_t offset; /* bytes from the start of the input to the box's first element */
};

/* run() of those. */
status movement_run(struct op_call *call, struct error *err);

/* run() of an operator with STORAGE_ALIAS: moves input 0 to output 0 where they are not the same memory. */
status movement_alias(struct op_call *call, struct error *err);

/* Makes count axes 0..rank-1; refuses what is out of range or there twice. */
status movement_axes(const int64_t *axes, int count, int rank, int *out, struct error *err);

/* STATUS_INVALID_MODEL unless the attribute is there. */
status movement_require(const struct attributes *attributes, const char *name, struct error *err);

#endif
