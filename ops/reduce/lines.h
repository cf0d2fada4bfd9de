/* Lines of a tensor along one axis: what is outside the axis, the axis, and what is inside. */
#ifndef LIMNER_OPS_REDUCE_LINES_H
#define LIMNER_OPS_REDUCE_LINES_H

#include "base/tensor.h"

struct lines {
    int64_t outer, size, inner; /* line (o, i) is at o * size * inner + i, every inner-th element */
};

static inline struct lines lines_along(const struct shape *shape, int axis) {
    struct lines lines = {1, shape->rank ? shape->dims[axis] : 1, 1};
    for (int i = 0; i < axis; i++)
        lines.outer *= shape->dims[i];
    for (int i = axis + 1; i < shape->rank; i++)
        lines.inner *= shape->dims[i];
    return lines;
}

#endif
