/*
 * Sums of products of 8-bit integers, and numbers to and from them. A step of a sum is 32 bits wide: two 16-bit
 * integers, which hold 8-bit ones less their zero points ("words"), or four 8-bit ones ("bytes"). Sums wrap.
 */
#ifndef LIMNER_OPS_KERNELS_INTEGER_H
#define LIMNER_OPS_KERNELS_INTEGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTEGER_ROWS 12    /* of a tile, at most */
#define INTEGER_COLUMNS 32 /* of a tile, at most */

/*
 * sums[row * stride + column] = sum over the steps of left[step * rows + row] by the 32 bits at right + places[step] +
 * 4 * column. For bytes the left ones have a sign and the right ones have none.
 */
struct integer_tile {
    int rows; /* as round() says */
    int64_t steps;
    const int32_t *left;
    const char *right;
    const int64_t *places;
    int32_t *sums;
    int64_t stride;
};

/* Rows of 8-bit integers that become steps: four at most. */
struct integer_weave {
    const uint8_t *rows[4];
    int64_t stride; /* from one number of a row to the next */
    uint8_t flip;   /* what turns them into integers without a sign: 0x80 for int8 */
    int zero;       /* words: less this one, after that */
};

/* Two 8-bit integers to one: with real numbers a = (A - a_zero) * a_scale and b alike, a + b or a * b. */
struct integer_pair {
    bool is_signed, product;
    int a_zero, b_zero;
    float a_scale, b_scale, zero; /* scales are over that of the result; of a product they are all in a_scale */
};

struct integer_kernel {
    int columns, rows;       /* of a tile */
    int (*round)(int rows);  /* the smallest number of rows >= `rows` for which there is a tile */
    bool (*has_bytes)(void); /* whether this processor can take bytes */
    void (*tile)(bool bytes, const struct integer_tile *tile);
    /* to[i] = the step of number i of every row: of two rows, or of four for bytes. */
    void (*weave)(bool bytes, const struct integer_weave *weave, int64_t count, uint32_t *to);
    /* sums[i] -= factors[i] * row + less[i]; wraps. Up to INTEGER_COLUMNS more of each are read and written. */
    void (*settle)(int32_t *sums, const uint32_t *factors, uint32_t row, const uint32_t *less, int64_t count);
    /* y[i] = round((sums[i] + start) * scale) + zero, saturated to int8, or to uint8 without a sign. */
    void (*finish)(const int32_t *sums, float scale, int64_t count, uint32_t start, float zero, bool is_signed,
                   void *y);
    /* The same with a scale for each, of which INTEGER_COLUMNS more can be read. */
    void (*finish_by)(const int32_t *sums, const float *scales, int64_t count, float zero, bool is_signed, void *y);
    /* y[i] = round(x[i] / scale) + zero, saturated alike. Not a number: the smallest integer. */
    void (*quantize)(const float *x, int64_t count, float scale, float zero, bool is_signed, void *y);
    /* y[i] = (x[i] - zero) * scale */
    void (*dequantize)(const void *x, bool is_signed, int64_t count, float zero, float scale, float *y);
    /* The same with a scale and a zero point of x's type for each. */
    void (*dequantize_by)(const void *x, bool is_signed, int64_t count, const void *zeros, const float *scales,
                          float *y);
    /* y[i] of a[i * a_step] and b[i * b_step]; a step is 0 or 1. */
    void (*combine)(const struct integer_pair *pair, const void *a, size_t a_step, const void *b, size_t b_step,
                    int64_t count, void *y);
    /* Lowers *low to the smallest of x and raises *high to the largest; what is not a number does not count. */
    void (*range)(const float *x, int64_t count, float *low, float *high);
};

#endif
