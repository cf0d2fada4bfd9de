/*
 * The discrete Fourier transform of many lines: any length, by radices 4, 2 and small primes (Stockham's algorithm),
 * or, where a prime factor is large, as a convolution of a length that has none (Bluestein's algorithm). Several lines
 * are transformed side by side.
 */
#ifndef LIMNER_OPS_SIGNAL_FFT_H
#define LIMNER_OPS_SIGNAL_FFT_H

#include "ops/signal/fft_plan.h"

/* How lines lie in a tensor: line n begins at n / per_group * group + n % per_group * line, in elements of `parts`
 * numbers; its elements are `stride` apart. */
struct fft_layout {
    int64_t per_group, group, line, stride, count;
    int parts;
};

struct fft_job {
    const struct fft_plan *plan;
    struct fft_layout in, out; /* in.count: numbers that there are, the rest is zero; out.count: that are wanted */
    const void *from;
    void *to;
    const void *window; /* multiplied in, in.count numbers; NULL: none */
    int64_t lines;
    bool inverse;  /* with the factor 1 / length */
    bool mirrored; /* the input is the first half of a spectrum of real numbers */
};

/* Bytes of workspace that a thread needs; false where that is too much. */
bool fft_own_bytes(const struct fft_plan *plan, int64_t lines, size_t *bytes);
/* Transforms all lines, with call's threads and own workspace. */
void fft_run(const struct fft_job *job, const struct op_call *call);

#endif
