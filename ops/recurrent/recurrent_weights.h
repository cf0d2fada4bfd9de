/*
 * Packed weights of recurrent layers: [direction], and in each the columns of the first gates, then those of the
 * others, as tile_product() takes them.
 */
#ifndef LIMNER_OPS_RECURRENT_RECURRENT_WEIGHTS_H
#define LIMNER_OPS_RECURRENT_RECURRENT_WEIGHTS_H

#include "ops/recurrent/recurrent_problem.h"

struct recurrent_packing {
    const struct kernels *kernels;
    int64_t directions, first, others, depth; /* columns of the two parts */
};

/* Of input IN_W or IN_R. */
struct recurrent_packing recurrent_packing_of(const struct op_call *call, const struct recurrent_sizes *s, int input);

/* Floats of one packed matrix, and of all of a direction. */
int64_t recurrent_matrix_floats(const struct gemm_kernel *kernel, int64_t columns, int64_t depth);
int64_t recurrent_direction_floats(const struct recurrent_packing *packing);
size_t recurrent_packed_bytes(const struct recurrent_packing *p);

/* context: a struct recurrent_packing. */
void recurrent_pack(void *destination, const struct tensor *source, const void *context);
/* From the cache, where the input is constant; else *packed stays as it is. */
status recurrent_take_weights(struct op_call *call, const struct recurrent_sizes *s, int input, const float **packed,
                              struct error *err);

#endif
