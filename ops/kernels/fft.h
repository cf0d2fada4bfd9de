/*
 * Inner loops of the discrete Fourier transform, over several lines side by side. A complex array is two real ones, re
 * and im; element k of lane l is at k * lanes + l. All pointers are to the type of the table's name.
 */
#ifndef LIMNER_OPS_KERNELS_FFT_H
#define LIMNER_OPS_KERNELS_FFT_H

#include <stdint.h>

#define FFT_RADIX_MAX 31 /* larger prime factors are for Bluestein's algorithm */

/* One pass of Stockham's algorithm (decimation in frequency). */
struct fft_pass {
    int radix;         /* 2..FFT_RADIX_MAX */
    int64_t length;    /* of the transforms that are left to do, a multiple of radix */
    int64_t stride;    /* between their elements: lanes times the radices of the passes before */
    int64_t step;      /* of the twiddles: whole length / length */
    const void *roots; /* exp(-2 pi i k / whole length), re and im in turn */
    int64_t whole;
    const void *from_re, *from_im;
    void *to_re, *to_im;
};

/* Where the elements of lines are in memory. */
struct fft_lines {
    const int64_t *bases; /* of each lane, in complex (or real) elements */
    int64_t stride;       /* from one element to the next */
    int64_t count;        /* elements of a line */
    int lanes, parts;     /* parts: 2, re and im in turn, or 1: re alone */
};

struct fft_loops {
    void (*pass)(const struct fft_pass *pass);
    /* Element k of all lanes times factors[k], or times factor's conjugate; re and im may be the targets. */
    void (*multiply)(const void *factors, int64_t count, int lanes, const void *re, const void *im, void *to_re,
                     void *to_im);
    /* Reads lines; a window of `count` numbers is multiplied in, NULL: none. im is zero for one part. */
    void (*load)(const void *from, const struct fft_lines *lines, const void *window, void *re, void *im);
    /* Writes lines, each number times scale. */
    void (*store)(void *to, const struct fft_lines *lines, double scale, const void *re, const void *im);
    /* Zeroes elements count..end-1. */
    void (*clear)(void *re, void *im, int64_t count, int64_t end, int lanes);
};

struct fft_kernel {
    struct fft_loops of_float, of_double;
};

#endif
