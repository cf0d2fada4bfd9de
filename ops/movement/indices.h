/* What the operators that pick or place elements by indices share: indices in input 1, negative ones from the end. */
#ifndef LIMNER_OPS_MOVEMENT_INDICES_H
#define LIMNER_OPS_MOVEMENT_INDICES_H

#include "ops/core/op.h"

/* Index i of an INT32 or INT64 tensor, made 0..size-1; it was checked. */
static inline int64_t indices_at(const struct tensor *indices, int64_t i, int64_t size) {
    const int64_t index =
        indices->dtype == DTYPE_INT64 ? ((const int64_t *)indices->data)[i] : ((const int32_t *)indices->data)[i];
    return index < 0 ? index + size : index;
}

/* Checks every `every`-th index of input 1, from `first` on, against an axis of input 0. */
status indices_check(const struct op_call *call, int64_t first, int64_t every, int axis, struct error *err);

/* Checks that input 1, indices along an axis of input 0, is no larger than that along the others. */
status indices_check_elements(const struct op_call *call, int64_t axis, struct error *err);

/* The product of dims[begin..end-1]; of a tensor that was described. */
int64_t indices_product(const struct shape *shape, int begin, int end);

#endif
