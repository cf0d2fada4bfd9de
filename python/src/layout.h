/* Arrays whose elements do not lie one behind the other. */
#ifndef LIMNER_PYTHON_LAYOUT_H
#define LIMNER_PYTHON_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct layout {
    const char *data;
    int rank;
    size_t item;            /* bytes of an element */
    const int64_t *dims;    /* none is negative */
    const int64_t *strides; /* in bytes, of either sign */
};

/* Whether it is dense and row-major already. */
bool layout_dense(const struct layout *array);
/* Writes it densely to where there is room for all of it. */
void layout_copy(const struct layout *array, char *to);

#endif
