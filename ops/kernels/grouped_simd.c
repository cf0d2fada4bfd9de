/* Convolutions of a few channels a group on channel blocks: lanes are output channels, and meet inputs lane by lane. */
#include "ops/kernels/activate.h"
#include "ops/kernels/tables.h"

#define LANES CHANNEL_BLOCK

/* Pixels whose sums are held in registers. */
#if KERNEL_LEVEL == 2
#define MOST_PIXELS 12
#else
#define MOST_PIXELS 8
#endif

/* Products from..end - 1 of every pixel, added up from `sums` on. */
static inline __attribute__((always_inline)) void add_products(const int pixels, const struct grouped_row *row,
                                                               size_t first, int from, int end, vec *sums) {
    for (int entry = from; entry < end; entry++) {
        const vec weight = vec_held(vec_load(row->weights + (size_t)entry * LANES + first % LANES));
        const float *x = row->places[entry] + first;
#pragma GCC unroll 12
        for (int i = 0; i < pixels; i++)
            sums[i] = vec_fma(vec_load(x + (size_t)i * row->step), weight, sums[i]);
    }
}

static inline __attribute__((always_inline)) void finish(const int pixels, const enum block_finish kind,
                                                         const struct grouped_row *row, const vec *sums, float *y,
                                                         size_t y_step) {
    const vec alpha = vec_all(row->alpha), beta = vec_all(row->beta);
#pragma GCC unroll 12
    for (int i = 0; i < pixels; i++)
        vec_store(y + (size_t)i * y_step, activate(kind, sums[i], alpha, beta));
}

/* `pixels` outputs, for the lanes of a vector: `first` floats on from each place. */
static inline __attribute__((always_inline)) void make_pixels(const int pixels, const struct grouped_row *row,
                                                              size_t first, float *y, size_t y_step) {
    vec sums[MOST_PIXELS], chain[MOST_PIXELS];
    const vec bias = vec_load(row->bias + first % LANES);
    int end = row->entries < PRODUCT_CHAIN ? row->entries : PRODUCT_CHAIN;
#pragma GCC unroll 12
    for (int i = 0; i < pixels; i++)
        sums[i] = bias;
    add_products(pixels, row, first, 0, end, sums);
    for (int from = end; from < row->entries; from = end) {
        end = row->entries - from < PRODUCT_CHAIN ? row->entries : from + PRODUCT_CHAIN;
#pragma GCC unroll 12
        for (int i = 0; i < pixels; i++)
            chain[i] = (vec){0};
        add_products(pixels, row, first, from, end, chain);
#pragma GCC unroll 12
        for (int i = 0; i < pixels; i++)
            sums[i] += chain[i];
    }
#define FINISH(kind)                               \
    case kind:                                     \
        finish(pixels, kind, row, sums, y, y_step); \
        break;
    switch (row->finish) {
        FINISH(BLOCK_COPY)
        FINISH(BLOCK_RELU)
        FINISH(BLOCK_LEAKY_RELU)
        FINISH(BLOCK_CLIP)
    }
}

static void row(const struct grouped_row *row, int64_t count, float *y, size_t y_step) {
#define RUN(pixels)                                                                            \
    for (; count - i >= (pixels); i += (pixels))                                               \
        for (size_t v = 0; v < LANES; v += VEC)                                                \
            make_pixels(pixels, row, (size_t)i * row->step + v, y + (size_t)i * y_step + v, y_step);
    int64_t i = 0;
    RUN(MOST_PIXELS)
    RUN(8)
    RUN(4)
    RUN(2)
    RUN(1)
}

static void pick(const float *a, const float *b, size_t step, int64_t count, const int32_t lanes[LANES], float *to) {
#if KERNEL_LEVEL == 2
    const __m512i chosen = _mm512_loadu_si512(lanes);
    for (int64_t i = 0; i < count; i++, a += step, b += step)
        vec_store(to + i * LANES, _mm512_permutex2var_ps(vec_load(a), chosen, vec_load(b)));
#else
    for (int64_t i = 0; i < count; i++, a += step, b += step)
        for (int lane = 0; lane < LANES; lane++)
            to[i * LANES + lane] = lanes[lane] < LANES ? a[lanes[lane]] : b[lanes[lane] - LANES];
#endif
}

const struct grouped_kernel LEVEL_NAME(grouped_kernel) = {row, pick};
