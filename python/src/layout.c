#include "python/src/layout.h"

#include <string.h>

bool layout_dense(const struct layout *array) {
    int64_t expected = (int64_t)array->item;
    bool dense = true;
    for (int i = array->rank - 1; i >= 0; i--) {
        if (array->dims[i] == 0)
            return true;
        dense = dense && (array->dims[i] == 1 || array->strides[i] == expected);
        expected *= array->dims[i];
    }
    return dense;
}

static char *copy_from(const struct layout *array, int axis, const char *from, char *to) {
    if (axis == array->rank) {
        memcpy(to, from, array->item);
        return to + array->item;
    }
    for (int64_t i = 0; i < array->dims[axis]; i++)
        to = copy_from(array, axis + 1, from + i * array->strides[axis], to);
    return to;
}

void layout_copy(const struct layout *array, char *to) {
    copy_from(array, 0, array->data, to);
}
