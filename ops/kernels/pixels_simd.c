/* Pixels of channel blocks: bias and activation, the sums of normalization, and what it makes of the pixels. */
#include "ops/kernels/activate.h"
#include "ops/kernels/pixels.h"
#include "ops/kernels/tables.h"

#define LANES CHANNEL_BLOCK
#define PARTS (LANES / VEC) /* vectors of a channel block */

/* Inlined with a constant kind: the loop holds no branch. */
static inline __attribute__((always_inline)) void finish_as(const enum block_finish kind, float alpha, float beta,
                                                            const float *bias, size_t bias_row, int rows, int columns,
                                                            const float *source, size_t source_row,
                                                            size_t source_column, float *destination,
                                                            size_t destination_row, size_t destination_column) {
    const vec a = vec_all(alpha), b = vec_all(beta), zero = {0};
    for (int y = 0; y < rows; y++) {
        vec offset[PARTS];
        for (int p = 0; p < PARTS; p++)
            offset[p] = bias ? vec_load(bias + (size_t)y * bias_row + p * VEC) : zero;
        for (int x = 0; x < columns; x++)
            for (int p = 0; p < PARTS; p++) {
                vec v = vec_load(source + (size_t)y * source_row + (size_t)x * source_column + p * VEC);
                if (bias)
                    v = v + offset[p];
                vec_store(destination + (size_t)y * destination_row + (size_t)x * destination_column + p * VEC,
                          activate(kind, v, a, b));
            }
    }
}

static void finish(enum block_finish kind, float alpha, float beta, const float *bias, size_t bias_row, int rows,
                   int columns, const float *source, size_t source_row, size_t source_column, float *destination,
                   size_t destination_row, size_t destination_column) {
#define FINISH(k)                                                                                                \
    case k:                                                                                                      \
        finish_as(k, alpha, beta, bias, bias_row, rows, columns, source, source_row, source_column, destination, \
                  destination_row, destination_column);                                                          \
        break;
    switch (kind) {
        FINISH(BLOCK_COPY)
        FINISH(BLOCK_RELU)
        FINISH(BLOCK_LEAKY_RELU)
        FINISH(BLOCK_CLIP)
    }
}

#define CHAINS 2               /* of sums, which do not wait for one another */
#define MOMENT_LANES (VEC * 2) /* of a pass: as many as fit into the registers */
#define MOMENT_PARTS (MOMENT_LANES < LANES ? MOMENT_LANES / DOUBLES : LANES / DOUBLES)

/* MOMENT_PARTS vectors of doubles. */
static inline void moments_of(const float *x, int64_t count, const float *write_ahead, const float *read_ahead,
                              double *sum, double *squares) {
    double_vec from[MOMENT_PARTS], sums[CHAINS][MOMENT_PARTS] = {{{0}}}, powers[CHAINS][MOMENT_PARTS] = {{{0}}};
    for (int p = 0; p < MOMENT_PARTS; p++)
        from[p] = doubles_from_floats(x + p * DOUBLES);
    for (int64_t i = 0; i < count; i += CHAINS)
        for (int k = 0; k < CHAINS && i + k < count; k++) {
            __builtin_prefetch(write_ahead ? write_ahead + (i + k) * LANES : x, 1);
            __builtin_prefetch(read_ahead ? read_ahead + (i + k) * LANES : x, 0, 2);
#pragma GCC unroll 4
            for (int p = 0; p < MOMENT_PARTS; p++) {
                const double_vec d = doubles_from_floats(x + (i + k) * LANES + p * DOUBLES) - from[p];
                sums[k][p] += d;
                powers[k][p] = doubles_fma(d, d, powers[k][p]);
            }
        }
    for (int p = 0; p < MOMENT_PARTS; p++) {
        const double_vec total = sums[0][p] + sums[1][p], power = powers[0][p] + powers[1][p];
        memcpy(sum + p * DOUBLES, &total, sizeof total);
        memcpy(squares + p * DOUBLES, &power, sizeof power);
    }
}

static void moments(const float *x, int64_t count, const float *write_ahead, const float *read_ahead, double *sum,
                    double *squares) {
    for (int lane = 0; lane < LANES; lane += MOMENT_PARTS * DOUBLES)
        moments_of(x + lane, count, write_ahead, read_ahead, sum + lane, squares + lane);
}

static inline __attribute__((always_inline)) void scale_as(const enum block_finish kind, float alpha, float beta,
                                                           const struct block_affine *affine, const float *x,
                                                           const float *added, float *y, int64_t count) {
    const vec a = vec_all(alpha), b = vec_all(beta);
    for (int lane = 0; lane < LANES; lane += VEC) {
        const vec center = vec_load(affine->center + lane), factor = vec_load(affine->factor + lane);
        const vec offset = vec_load(affine->offset + lane);
        for (int64_t i = lane; i < count * LANES; i += LANES) {
            vec v = (vec_load(x + i) - center) * factor + offset;
            if (added)
                v = vec_load(added + i) + v;
            vec_store(y + i, activate(kind, v, a, b));
        }
    }
}

static void scale(enum block_finish kind, float alpha, float beta, const struct block_affine *affine, const float *x,
                  const float *added, float *y, int64_t count) {
#define SCALE(k)                                              \
    case k:                                                   \
        scale_as(k, alpha, beta, affine, x, added, y, count); \
        break;
    switch (kind) {
        SCALE(BLOCK_COPY)
        SCALE(BLOCK_RELU)
        SCALE(BLOCK_LEAKY_RELU)
        SCALE(BLOCK_CLIP)
    }
}

const struct pixel_kernel LEVEL_NAME(pixel_kernel) = {finish, moments, scale};
