/* The loops of the discrete Fourier transform, of float and of double. */
#include "ops/kernels/fft.h"

#include "ops/kernels/simd_loop.h"
#include "ops/kernels/tables.h"

#define REAL float
#define NAME(x) x##_float
#include "ops/kernels/fft_loops.h"
#undef REAL
#undef NAME

#define REAL double
#define NAME(x) x##_double
#include "ops/kernels/fft_loops.h"
#undef REAL
#undef NAME

const struct fft_kernel LEVEL_NAME(fft_kernel) = {
    {pass_float, multiply_float, load_float, store_float, clear_float},
    {pass_double, multiply_double, load_double, store_double, clear_double}};
