/* Element types of normalizations. */
#ifndef LIMNER_OPS_NORM_NORM_TYPES_H
#define LIMNER_OPS_NORM_NORM_TYPES_H

#include "ops/core/op.h"

#define TYPES_NORM (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))

/* Inputs first..last have the type of input 0, though their type variables differ. */
status norm_same_type(const struct op_call *call, int first, int last, struct error *err);

#endif
