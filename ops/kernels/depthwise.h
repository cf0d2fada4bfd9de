/* Depthwise convolutions of 8-bit integers: a plane at a time, with what becomes of its sums. */
#ifndef LIMNER_OPS_KERNELS_DEPTHWISE_H
#define LIMNER_OPS_KERNELS_DEPTHWISE_H

#include <stdbool.h>
#include <stdint.h>

#define DEPTHWISE_STRIDE 4 /* of columns, at most */
#define DEPTHWISE_LINE 64  /* rows are whole lines of so many bytes, and one more can be read behind the last row */

/*
 * Output [row][column] = round((start + sum over kernel rows and steps of weights by numbers) * scale) + zero,
 * saturated to 8 bits. Kernel row k of output row r begins at x + r * row_stride + k * tap_stride.
 */
struct depthwise_plane {
    const uint8_t *x; /* without a sign, with its border */
    int64_t row_stride, tap_stride;
    int stride; /* of columns */
    int64_t kernel_rows, steps;
    const int32_t *weights; /* [kernel row][step], as in ops/kernels/integer.h: two columns, or four for bytes */
    uint32_t start;
    float scale, zero;
    bool is_signed;
    int64_t rows, columns;
    uint8_t *y; /* [rows][columns] */
};

/* Rows of an input that get a border; a number of the border is without a sign. */
struct depthwise_rows {
    const uint8_t *x;
    int64_t rows, stride, count, before, width;
    uint8_t flip, border;
};

struct depthwise_kernel {
    /* Rows of whole lines: `before` numbers of the border, `count` of x with bits flipped, the border to the end. */
    void (*fill)(const struct depthwise_rows *rows, uint8_t *to);
    void (*plane)(bool bytes,
                  const struct depthwise_plane *plane); /* bytes: only where struct integer_kernel has them */
};

#endif
