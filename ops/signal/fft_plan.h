/* How a length is transformed: its factors, and tables of roots, which are computed in double precision. */
#ifndef LIMNER_OPS_SIGNAL_FFT_PLAN_H
#define LIMNER_OPS_SIGNAL_FFT_PLAN_H

#include "ops/core/op.h"
#include "ops/kernels/fft.h"

#define FFT_PASSES 64

/* Roots and order of work for one length and type, DTYPE_FLOAT or DTYPE_DOUBLE. */
struct fft_plan {
    enum dtype dtype;
    int64_t length; /* of the transform */
    int64_t inner;  /* of what is computed: length, or that of the convolution */
    int radices[FFT_PASSES], passes;
    void *roots;  /* exp(-2 pi i k / inner), k < inner */
    void *chirp;  /* Bluestein: exp(-pi i k^2 / length), k < length */
    void *filter; /* Bluestein: the transform of its conjugate, over inner */
};

/* length >= 1. What a plan holds is given back by fft_plan_drop, also after an error. */
status fft_plan_make(struct fft_plan *plan, enum dtype dtype, int64_t length, const struct kernels *kernels,
                     struct error *err);
void fft_plan_drop(struct fft_plan *plan);

#endif
