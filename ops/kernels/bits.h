/* Floats of integers of few bits, and products with them. */
#ifndef LIMNER_OPS_KERNELS_BITS_H
#define LIMNER_OPS_KERNELS_BITS_H

#include <stddef.h>
#include <stdint.h>

#define FLOAT_CHAINS 32

#define HALVES_GROUP 32 /* numbers of 4 bits that are multiplied together */
#define HALVES_ROWS 4   /* that meet a column together */
#define HALVES_WIDTH 16 /* columns at a time, at most */

/* A column of numbers of 4 bits: its groups, and a scale and zero point for each `per_scale` of them. */
struct halves_column {
    const uint8_t *from;
    const float *scales, *zeros; /* zeros NULL: `codes` */
    const uint8_t *codes;        /* zero points of 4 bits, NULL: 8 */
    size_t groups, per_scale;
};

/* Numbers of HALVES_WIDTH columns, `stride` bytes apart, each with a scale and zero point. */
struct halves_block {
    const uint8_t *from;
    size_t stride;
    float scales[HALVES_WIDTH], zeros[HALVES_WIDTH];
};

struct bits_kernel {
    /* to[i] = (number i - zero) * scale, of numbers without sign that lie side by side from the lowest bit of *from on,
       2, 4 or 8 bits each. */
    void (*unpack)(const uint8_t *from, int bits, size_t count, float scale, float zero, float *to);
    /* The sum of a[i] * b[i], in FLOAT_CHAINS chains. */
    float (*float_dot)(const float *a, const float *b, size_t count);
    /* The order in which halves_dot() wants a row: whole groups, filled up with zeros. */
    void (*halves_order)(const float *a, size_t count, float *to);
    /* sums[r] = the sum of row r by the column, of 1 or HALVES_ROWS rows, `stride` floats apart. */
    void (*halves_dot)(int rows, const float *a, size_t stride, const struct halves_column *column, float *sums);
    /* to[i * width + column] = number i of the column, i < count; of `columns` of them. */
    void (*halves_lines)(const struct halves_block *block, int columns, size_t count, size_t width, float *to);
};

#endif
