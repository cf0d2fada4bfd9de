/*
 * The data-movement engine: copies boxes of elements between two memory layouts without knowing what the elements are.
 * Nothing here allocates; results never depend on the number of threads.
 */
#ifndef LIMNER_OPS_MOVEMENT_STRIDED_H
#define LIMNER_OPS_MOVEMENT_STRIDED_H

#include "base/tensor.h"

#include <string.h>

#define STRIDED_RANK (2 * MAX_RANK) /* a tiled axis is two dimensions: the copies and the axis itself */

/* A box of elements that lies in two places. Dimensions go from the outermost of the destination inwards. */
struct strided {
    size_t element; /* bytes: 1, 2, 4, 8 or 16 */
    int rank;
    int64_t size[STRIDED_RANK];
    int64_t to[STRIDED_RANK];   /* bytes from one element to the next; no two elements may share memory */
    int64_t from[STRIDED_RANK]; /* the same of the source, where 0 repeats and negative numbers go backwards */
};

/* Appends a dimension inside the present ones; rank < STRIDED_RANK before. */
void strided_add(struct strided *box, int64_t size, int64_t to, int64_t from);

/*
 * Copies the box. `to` and `from` point at the element with index 0 everywhere and may have any alignment; source and
 * destination do not overlap. A box with a size of 0 is empty: then the pointers may be NULL.
 */
void strided_copy(const struct strided *box, void *to, const void *from, int threads);

/* Copies bytes that do not overlap, with threads when it is worth it. */
void strided_move(void *to, const void *from, size_t bytes, int threads);

/* Byte strides of a dense tensor. Where the shape has no elements they are meaningless, but defined. */
void strided_dense(const struct shape *shape, size_t element, int64_t strides[MAX_RANK]);

/* How many of `count` equal items of `bytes` together make a block that is worth a thread's while; >= 1. */
size_t strided_block(size_t count, size_t bytes);

#endif
