/* Conversions whose instructions the baseline lacks, as loops over vectors; any alignment. */
#ifndef LIMNER_OPS_KERNELS_CAST_H
#define LIMNER_OPS_KERNELS_CAST_H

#include <stddef.h>
#include <stdint.h>

typedef void cast_loop(const void *in, void *out, size_t count);

struct cast_kernel {
    cast_loop *float_to_int32; /* toward zero, INT32_MIN where that cannot hold it */
    cast_loop *float_to_byte;  /* the lowest byte of that */
    cast_loop *float_to_bool;
    cast_loop *int64_to_double;
    cast_loop *bool_to_float; /* every byte but 0 is true */
};

#endif
