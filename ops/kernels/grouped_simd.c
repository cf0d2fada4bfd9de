/* Convolutions of a few channels a group on channel blocks: lanes are output channels, and meet inputs lane by lane. */
#include "ops/kernels/activate.h"
#include "ops/kernels/tables.h"

#define LANES CHANNEL_BLOCK

/* Pixels whose sums are held in registers. */
#if KERNEL_LEVEL == 2
#define MOST_PIXELS 14
#else
#define MOST_PIXELS 8
#endif
#define MOST_RUN 9

/* Products from..end - 1 of every pixel, added up from `sums` on. */
static inline __attribute__((always_inline)) void add_products(const int pixels, const struct grouped_row *row,
                                                               size_t first, int from, int end, vec *sums) {
    for (int entry = from; entry < end; entry++) {
        const vec weight = vec_held(vec_load(row->weights + (size_t)entry * LANES + first % LANES));
        const float *x = row->places[entry] + first;
#pragma GCC unroll 14
        for (int i = 0; i < pixels; i++)
            sums[i] = vec_fma(vec_load(x + (size_t)i * row->step), weight, sums[i]);
    }
}

/*
 * The same for runs of neighbouring pixels: each is read once for all products that it is in. Products of an output
 * are added in the same order.
 */
static inline __attribute__((always_inline)) void
add_runs(const int pixels, const int run, const struct grouped_row *row, size_t first, int from, int end, vec *sums) {
    for (int entry = from; entry < end; entry += run) {
        const float *x = row->places[entry] + first, *w = row->weights + (size_t)entry * LANES + first % LANES;
        vec weights[MOST_RUN];
#pragma GCC unroll 9
        for (int i = 0; i < run; i++)
            weights[i] = vec_held(vec_load(w + i * LANES));
#pragma GCC unroll 22
        for (int j = 0; j < pixels + run - 1; j++) {
            const vec pixel = vec_held(vec_load(x + j * LANES));
#pragma GCC unroll 9
            for (int i = 0; i < run; i++)
                if (j >= i && j - i < pixels)
                    sums[j - i] = vec_fma(pixel, weights[i], sums[j - i]);
        }
    }
}

static inline __attribute__((always_inline)) void finish(const int pixels, const enum block_finish kind,
                                                         const struct grouped_row *row, const vec *sums, float *y,
                                                         size_t y_step) {
    const vec alpha = vec_all(row->alpha), beta = vec_all(row->beta);
#pragma GCC unroll 14
    for (int i = 0; i < pixels; i++, y = computed_here(y + y_step))
        vec_store(y, activate(kind, sums[i], alpha, beta));
}

/* `pixels` outputs, for the lanes of a vector: `first` floats on from each place. run: 1, or that of all entries. */
static inline __attribute__((always_inline)) void
make_pixels(const int pixels, const int run, const struct grouped_row *row, size_t first, float *y, size_t y_step) {
    vec sums[MOST_PIXELS], before[MOST_PIXELS];
    const vec bias = vec_load(row->bias + first % LANES);
    const int most = row->run < PRODUCT_CHAIN ? PRODUCT_CHAIN / row->run * row->run : row->run;
#pragma GCC unroll 14
    for (int i = 0; i < pixels; i++)
        sums[i] = bias;
    for (int from = 0, end;; from = end) {
        end = row->entries - from < most ? row->entries : from + most;
        if (run > 1)
            add_runs(pixels, run, row, first, from, end, sums);
        else
            add_products(pixels, row, first, from, end, sums);
#pragma GCC unroll 14
        for (int i = 0; from > 0 && i < pixels; i++)
            sums[i] += before[i];
        if (end == row->entries)
            break;
#pragma GCC unroll 14
        for (int i = 0; i < pixels; i++) {
            before[i] = sums[i];
            sums[i] = (vec){0};
        }
    }
#define FINISH(kind)                                \
    case kind:                                      \
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
#define RUN(pixels, run)                         \
    for (; count - i >= (pixels); i += (pixels)) \
        for (size_t v = 0; v < LANES; v += VEC)  \
            make_pixels(pixels, run, row, (size_t)i * row->step + v, y + (size_t)i * y_step + v, y_step);
#define RUNS(length)             \
    case length:                 \
        RUN(MOST_PIXELS, length) \
        RUN(8, length)           \
        RUN(4, length)           \
        break;
    int64_t i = 0;
    switch (row->close ? row->run : 0) {
        RUNS(3)
        RUNS(5)
#if KERNEL_LEVEL == 2
        RUNS(7)
        RUNS(9)
#endif
    default:
        RUN(MOST_PIXELS, 1)
    }
    RUN(8, 1)
    RUN(4, 1)
    RUN(2, 1)
    RUN(1, 1)
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
