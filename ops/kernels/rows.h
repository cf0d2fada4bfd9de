/*
 * Rows of numbers: sums, spreads and what is made of them. Sums are added up in ROW_LANES lanes, number i in lane
 * i % ROW_LANES, in chains that are closed every ROW_CHUNK numbers: where it is not said, with the same bits at every
 * level. Any alignment will do. A row that has no numbers is never given.
 */
#ifndef LIMNER_OPS_KERNELS_ROWS_H
#define LIMNER_OPS_KERNELS_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#define ROW_LANES 32
#define ROW_CHAIN 256
#define ROW_COLUMNS 64
#define ROW_CHUNK 1024 /* a multiple of ROW_LANES */

/* Boxes side by side, number k of box i at [k * places + i]: y and x of the lower corner, y and x of the upper one, the
 * area. */
#define BOX_AREA 4
#define BOX_NUMBERS 5
#define BOX_BLOCK 64 /* boxes are read in whole blocks */

/* Sums of x - center and of its square. */
struct row_spread {
    double sum, squares;
    float center;
};

struct row_affine {
    float center, factor, shift;
};

struct row_kernel {
    /*
     * y[column] = sum of a[k] * b[k * b_stride + column] over `depth`: a row by a matrix that is read where it lies.
     * The same bits as those of struct gemm_kernel: a chain of multiply-adds closes every ROW_CHAIN products.
     */
    void (*combine)(const float *a, size_t depth, const float *b, size_t b_stride, size_t columns, float *y);
    /* y[row] = sum of a[k] * b[row * b_stride + k] over `depth`: a row by the turned matrix. Not the same bits at every
     * level. */
    void (*dots)(const float *a, size_t depth, const float *b, size_t b_stride, size_t rows, float *y);
    /* y[column * y_stride + row] = x[row * x_stride + column]: rows become columns. They do not overlap. */
    void (*turn)(const void *x, size_t x_stride, size_t rows, size_t columns, float *y, size_t y_stride);
    /* Sums of x - center and of its square, of each of `rows` rows behind one another, around their means, rounded, or
     * around 0. Sums and squares are infinite where a square is no float. */
    void (*spreads)(const float *x, size_t rows, size_t count, bool centered, struct row_spread *spreads);
    /* The largest number; where there is a NaN it is that or any other one. */
    float (*largest)(const float *x, size_t count);
    /* y = e^(x - less), where no x is larger than `less`; returns their sum. Not the same bits at every level. x may be
     * y.
     */
    double (*exp_less)(const float *x, float *y, size_t count, float less);
    /* How many numbers stand before the first one whose product with sign, 1 or -1, is above that of limit, or where
     * one of them is NaN; count where there is none. */
    size_t (*beyond)(const float *x, size_t count, float limit, float sign);
    /* The place of the first NaN, or else of the first of the largest x * sign, 1 or -1. */
    size_t (*extreme)(const float *x, size_t count, float sign);
    /* Whether what `box` has in common with one of `count` boxes, over what both cover, is above a threshold of 0 or
     * more. */
    bool (*overlaps)(const float *boxes, size_t places, size_t count, const float box[BOX_NUMBERS], float threshold);
    /* y = e^(x - largest) over their sum, of each of `rows` rows behind one another; or, for log, what its logarithm
     * is. x may be y. The same bits as of the loops above. */
    void (*softmax)(const float *x, float *y, size_t rows, size_t count, bool log);
    /* The same of `count` columns of `rows` numbers that lie `stride` apart, at most ROW_COLUMNS of them. Not the same
     * bits as of a row; those of a column do not depend on the columns beside it. */
    void (*softmax_columns)(const float *x, float *y, size_t rows, size_t stride, size_t count, bool log);
    /* y = (x - center) * factor + offset. x may be y. */
    void (*affine)(const float *x, float *y, size_t count, float center, float factor, float offset);
    /* y = alpha * x + beta * addend, with one addend for all where step is 0, and else (1) one for each; addend NULL:
     * none. x may be y. */
    void (*scale_add)(const float *x, float *y, size_t count, float alpha, float beta, const float *addend,
                      size_t step);
    /* y = ((x - center) * factor + shift) * scale + offset, with a scale and an offset for each number; offset NULL:
       none. Any of them may be y. */
    void (*affine_by)(const float *x, float *y, size_t count, float center, float factor, float shift,
                      const float *scale, const float *offset);
    /* The same of each of `rows` rows behind one another, with the scale and the offset of all. */
    void (*affine_rows)(const float *x, float *y, size_t rows, size_t count, const struct row_affine *affine,
                        const float *scale, const float *offset);
};

#endif
