/* Convolutions of planes, [y][x], each by weights of its own: the lanes are pixels that follow each other. */
#ifndef LIMNER_OPS_KERNELS_PLANES_H
#define LIMNER_OPS_KERNELS_PLANES_H

#include <stddef.h>
#include <stdint.h>

#define PLANES_LANES 32 /* of every row so many columns in whole are read, ... */
#define PLANES_ROWS 8   /* and so many rows of outputs at least are computed; what is not wanted is not stored */

/*
 * y[r * y_row + i] = bias + sum over taps tx, then ty of x[(r + ty) * x_row + tx * tap_step + i] * weights[tx][ty], by
 * fused multiply-adds in that order. Where `down` is 3, 5 or 7 an input is read once for all rows that it is in.
 */
struct plane_conv {
    const float *x;
    size_t x_row, tap_step;
    int down, across;
    const float *weights;
    float bias;
};

struct planes_kernel {
    void (*rows)(const struct plane_conv *conv, int64_t rows, int64_t columns, float *y, size_t y_row);
    /* to[r * to_row + i] = x[r * x_row + i] */
    void (*copy)(const float *x, size_t x_row, int64_t rows, int64_t columns, float *to, size_t to_row);
};

#endif
