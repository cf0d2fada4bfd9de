/* Convolutions of a few channels a group on channel blocks: lanes are output channels, and meet inputs lane by lane. */
#include "ops/kernels/activate.h"
#include "ops/kernels/tables.h"

#define LANES CHANNEL_BLOCK

/* Pixels of a tile: of the usual one, and of the larger one. */
#define TILE (GROUPED_BEYOND + 1)
#if KERNEL_LEVEL == 2
#define LARGE_TILE 14
#else
#define LARGE_TILE TILE
#endif
#define MOST_RUN 9

/* Products of runs from..end - 1 of every pixel, added to `sums`. step: that of the row. */
static inline __attribute__((always_inline)) void
add_products(const int pixels, size_t step, const struct grouped_row *row, size_t first, int from, int end, vec *sums) {
    const float *w = row->weights + (size_t)from * (size_t)row->run * LANES + first % LANES;
    for (int r = from; r < end; r++) {
        const float *x = row->places[r] + first;
        for (int tap = 0; tap < row->run; tap++, x += row->tap_step, w += LANES) {
            x = address_here(x);
            const vec weight = vec_held(vec_load(w));
#pragma GCC unroll 14
            for (int i = 0; i < pixels; i++)
                sums[i] = vec_fma(vec_load(x + (size_t)i * step), weight, sums[i]);
        }
    }
}

/*
 * The same for runs of neighbouring pixels: each is read once for all products that it is in. Products of an output
 * are added in the same order.
 */
static inline __attribute__((always_inline)) void
add_runs(const int pixels, const int run, const struct grouped_row *row, size_t first, int from, int end, vec *sums) {
    const float *w = row->weights + (size_t)(from * run) * LANES + first % LANES;
    for (int r = from; r < end; r++, w += run * LANES) {
        const float *x = address_here(row->places[r] + first);
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

static inline __attribute__((always_inline)) void add(const int pixels, const struct grouped_row *row, size_t first,
                                                      int from, int end, vec *sums) {
#define RUNS(length)                                           \
    case length:                                               \
        add_runs(pixels, length, row, first, from, end, sums); \
        break;
    switch (row->close ? row->run : 0) {
        RUNS(3)
        RUNS(5)
#if KERNEL_LEVEL == 2
        RUNS(7)
        RUNS(9)
#endif
    default:
        if (row->step == LANES)
            add_products(pixels, LANES, row, first, from, end, sums);
        else if (row->step == 2 * LANES)
            add_products(pixels, 2 * LANES, row, first, from, end, sums);
        else
            add_products(pixels, row->step, row, first, from, end, sums);
    }
}

static inline __attribute__((always_inline)) void finish(const int pixels, const struct grouped_row *row, vec *sums,
                                                         int64_t count, float *y, size_t y_step) {
    const vec alpha = vec_all(row->alpha), beta = vec_all(row->beta);
#define FINISH(kind)                                                                                              \
    case kind:                                                                                                    \
        _Pragma("GCC unroll 14") for (int i = 0; i < pixels; i++) sums[i] = activate(kind, sums[i], alpha, beta); \
        break;
    switch (row->finish) {
        FINISH(BLOCK_RELU)
        FINISH(BLOCK_LEAKY_RELU)
        FINISH(BLOCK_CLIP)
    case BLOCK_COPY:
        break;
    }
#pragma GCC unroll 14
    for (int i = 0; i < pixels; i++) {
        if (i == count)
            return;
        vec_store(y + (size_t)i * y_step, sums[i]);
    }
}

/* `count` outputs by a tile of `pixels`, for the lanes of a vector: `first` floats on from each place. */
static inline __attribute__((always_inline)) void make_pixels(const int pixels, const struct grouped_row *row,
                                                              size_t first, int64_t count, float *y, size_t y_step) {
    vec sums[LARGE_TILE], closed[LARGE_TILE];
    const vec bias = vec_load(row->bias + first % LANES);
    const int most = row->run < PRODUCT_CHAIN ? PRODUCT_CHAIN / row->run : 1;
#pragma GCC unroll 14
    for (int i = 0; i < pixels; i++)
        sums[i] = bias;
    for (int from = 0, end;; from = end) {
        end = row->runs - from < most ? row->runs : from + most;
        add(pixels, row, first, from, end, sums);
#pragma GCC unroll 14
        for (int i = 0; from > 0 && i < pixels; i++)
            sums[i] += closed[i];
        if (end == row->runs)
            break;
#pragma GCC unroll 14
        for (int i = 0; i < pixels; i++) {
            closed[i] = sums[i];
            sums[i] = (vec){0};
        }
    }
    finish(pixels, row, sums, count, y, y_step);
}

/* Pixels of the next tile, where `left` are left: two small ones, rather than a large one and a rest for a small one.
 */
static int64_t next_tile(int64_t left) {
    const bool large = LARGE_TILE > TILE && left > TILE && (left <= LARGE_TILE || left > 2 * TILE);
    const int64_t most = large ? LARGE_TILE : TILE;
    return left < most ? left : most;
}

static void rows(const struct grouped_row *row, int64_t rows, int64_t count, float *y, size_t y_row, size_t y_step) {
    for (int64_t r = 0; r < rows; r++, y += y_row)
        for (int64_t i = 0, some; i < count; i += some) {
            const size_t first = (size_t)r * row->row_step + (size_t)i * row->step;
            some = next_tile(count - i);
            for (size_t v = 0; v < LANES; v += VEC)
                if (some > TILE)
                    make_pixels(LARGE_TILE, row, first + v, some, y + (size_t)i * y_step + v, y_step);
                else
                    make_pixels(TILE, row, first + v, some, y + (size_t)i * y_step + v, y_step);
        }
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

const struct grouped_kernel LEVEL_NAME(grouped_kernel) = {rows, pick};
