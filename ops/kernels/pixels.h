/* Inner loops over pixels of channel blocks, what stands before and behind the sums of tiles: the contracts. */
#ifndef LIMNER_OPS_KERNELS_PIXELS_H
#define LIMNER_OPS_KERNELS_PIXELS_H

#include "ops/kernels/kernels.h"

/* y = (x - center) * factor + offset, by lane. */
struct block_affine {
    float center[CHANNEL_BLOCK], factor[CHANNEL_BLOCK], offset[CHANNEL_BLOCK];
};

struct pixel_kernel {
    /*
     * destination[y][x][lane] = activation(source[y][x][lane] + bias[y * bias_row + lane]); bias NULL: none. In place
     * is allowed.
     */
    void (*finish)(enum block_finish kind, float alpha, float beta, const float *bias, size_t bias_row, int rows,
                   int columns, const float *source, size_t source_row, size_t source_column, float *destination,
                   size_t destination_row, size_t destination_column);
    /*
     * Sums of the differences from the first pixel, and of their squares, over `count` pixels of a channel block, by
     * lane. Prefetches as many pixels at write_ahead, for reading and then writing, and at read_ahead; NULL: none.
     */
    void (*moments)(const float *x, int64_t count, const float *write_ahead, const float *read_ahead, double *sum,
                    double *squares);
    /* y = activation(added + affine(x)) over `count` pixels of a channel block; added NULL: none. In place is allowed.
     */
    void (*scale)(enum block_finish kind, float alpha, float beta, const struct block_affine *affine, const float *x,
                  const float *added, float *y, int64_t count);
};

#endif
