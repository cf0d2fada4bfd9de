/* Arrays whose elements do not lie one behind the other. */
#ifndef LIMNER_PYTHON_STRIDED_H
#define LIMNER_PYTHON_STRIDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strided {
    const char *data;
    int rank;
    size_t item;            /* bytes of an element */
    const int64_t *dims;    /* none is negative */
    const int64_t *strides; /* in bytes, of either sign */
};

/* Whether it is dense and row-major already. */
bool strided_dense(const struct strided *array);
/* Writes it densely to where there is room for all of it. */
void strided_copy(const struct strided *array, char *to);

#endif
