/* The two innermost loops of a strided copy, one kernel per element size. For ops/movement/strided.c alone. */
#ifndef LIMNER_OPS_MOVEMENT_STRIDED_PLANES_H
#define LIMNER_OPS_MOVEMENT_STRIDED_PLANES_H

#include <stdint.h>

/* Bytes that the processor moves between memory and cache at once, as a rule. */
#define LINE_BYTES 64

struct strided_plane {
    int64_t rows, columns;
    int64_t to_row, to_column, from_row, from_column; /* bytes */
};

typedef void plane_copy(char *to, const char *from, const struct strided_plane *plane);

struct plane_kernels {
    plane_copy *scatter;   /* any strides */
    plane_copy *transpose; /* to_column and from_row are the element's bytes */
    plane_copy *fill;      /* to_column is the element's bytes, from_column 0 */
};

/* By log2 of the element's bytes, 1 to 16. */
extern const struct plane_kernels plane_kernels[5];

/* Columns are contiguous on both sides; to_column is the element's bytes. */
plane_copy plane_rows;

/* Elements of four bytes, colours side by side on one hand and in planes on the other. Three rows of as many columns
 * as there are pixels, that lie 12 bytes apart in the source; to_column and from_row are 4. */
plane_copy plane_part;
/* The other way: three columns, rows that lie 12 bytes apart in the destination; to_column and from_row are 4. */
plane_copy plane_join;

#endif
