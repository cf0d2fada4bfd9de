/*
 * The tables of a level that one family of operators uses. Unlike those in struct kernels, which every build has, they
 * are in a program only where such an operator is.
 */
#ifndef LIMNER_OPS_KERNELS_FAMILIES_H
#define LIMNER_OPS_KERNELS_FAMILIES_H

#include "ops/kernels/tables.h"

#if defined(__x86_64__) && !defined(ONLY_PORTABLE)
#define KERNEL_OF(kernels, table)                     \
    ((kernels)->level == CPU_AVX512 ? &table##_avx512 \
     : (kernels)->level == CPU_AVX2 ? &table##_avx2   \
                                    : &table##_portable)
#else
#define KERNEL_OF(kernels, table) ((void)(kernels), &table##_portable)
#endif

#define FAMILY(name)                                                                            \
    static inline const struct name##_kernel *name##_kernel_of(const struct kernels *kernels) { \
        return KERNEL_OF(kernels, name##_kernel);                                               \
    }
FAMILY(bits)
FAMILY(cast)
FAMILY(depthwise)
FAMILY(fft)
FAMILY(grouped)
FAMILY(half)
FAMILY(integer)
FAMILY(pair)
FAMILY(pixel)
FAMILY(planes)
FAMILY(pool)
FAMILY(reduce)
FAMILY(resize)
FAMILY(row)
#undef FAMILY

#endif
