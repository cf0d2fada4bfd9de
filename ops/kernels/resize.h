/* Inner loops of Resize: the contracts. */
#ifndef LIMNER_OPS_KERNELS_RESIZE_H
#define LIMNER_OPS_KERNELS_RESIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A line of `out` pixels from one of `in`: pixel o is the sum of weights[t * out + o] * pixel first[o] + t, for t in
 * 0..taps-1. A pixel is `inner` numbers side by side. All first[o] + taps are at most `in`.
 */
struct resize_line {
    int64_t in, out, inner;
    int taps;
    const int32_t *first;
    const int32_t *windows; /* of this first[], `in` and `taps`, by plan(); for inner 1 */
    const void *weights, *x;
    void *y;
};

/* y[i] = the sum of weights[t] * rows[t][i], for t in 0..taps-1. */
struct resize_blend {
    int taps;
    int64_t count;
    const void *const *rows;
    const void *weights;
    void *y;
};

#define RESIZE_WINDOW 4 /* outputs that have a window, at least */

#define GATHER_STRIDE 64 /* most pixels of a gather */

/* y[i] = the sum of weights[t][i] * x[index[t][i]]; a negative index counts as zero. For `count` floats, whose lists
 * are filled with negative indices up to GATHER_STRIDE. */
struct resize_gather {
    int taps, count;
    const int32_t (*index)[GATHER_STRIDE];
    const float (*weights)[GATHER_STRIDE];
    const float *x;
    float *y;
};

/* Numbers are float, or double. */
struct resize_kernel {
    /* Where line() finds the inputs of outputs that follow each other: windows[out / RESIZE_WINDOW + 1]. NULL: nowhere.
     */
    void (*plan)(const struct resize_line *line, int32_t *windows);
    void (*line)(const struct resize_line *line);
    void (*blend)(const struct resize_blend *blend);
    /* y[o] = x[first[o]], 4 bytes each; weights are not read. */
    void (*pick)(const struct resize_line *line);
    /* y[2 r + i][2 c + j] = x[r][c] for i and j of 0 and 1; 4 bytes each. */
    void (*twice)(const void *x, int64_t rows, int64_t columns, void *y);
    void (*gather)(const struct resize_gather *gather);
};

#endif
