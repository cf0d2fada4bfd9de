/* What the Scatter operators do where an update meets an element. A type and a reduction are a row. */
#ifndef LIMNER_OPS_MOVEMENT_SCATTER_APPLY_H
#define LIMNER_OPS_MOVEMENT_SCATTER_APPLY_H

#include "base/tensor.h"

enum scatter_reduction { SCATTER_NONE, SCATTER_ADD, SCATTER_MUL, SCATTER_MAX, SCATTER_MIN, SCATTER_COUNT };

struct scatter_apply {
    /* Element from[i] meets to[places[i]], one after the other. */
    void (*at)(void *to, const int64_t *places, const void *from, size_t count);
    /* Element from[i] meets to[i]. */
    void (*run)(void *to, const void *from, size_t count);
};

/* NULL: this type has no such reduction. Integers wrap; of NaN and another number the greater and the smaller one is
 * NaN; bool: add and max are "or", mul and min are "and". 16-bit types round after each update. */
const struct scatter_apply *scatter_apply(enum dtype dtype, enum scatter_reduction reduction);

#endif
