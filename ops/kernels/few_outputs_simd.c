/*
 * Planes: the lanes are pixels that follow each other. Transposing channel blocks to planes and back, and the sums of
 * few output channels, whose weights are broadcast.
 */
#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

#define LANES CHANNEL_BLOCK

/* ---- transposing ---- */

#if KERNEL_LEVEL == 2
#define EVERY(F, d)                                                                                               \
    F(0, d), F(1, d), F(2, d), F(3, d), F(4, d), F(5, d), F(6, d), F(7, d), F(8, d), F(9, d), F(10, d), F(11, d), \
        F(12, d), F(13, d), F(14, d), F(15, d)
#elif KERNEL_LEVEL == 1
#define EVERY(F, d) F(0, d), F(1, d), F(2, d), F(3, d), F(4, d), F(5, d), F(6, d), F(7, d)
#else
#define EVERY(F, d) F(0, d), F(1, d), F(2, d), F(3, d)
#endif
/* For rows that are d apart: the lanes of both without bit d, and those with it. */
#define WITHOUT(lane, d) ((lane) & (d) ? VEC + (lane) - (d) : (lane))
#define WITH(lane, d) ((lane) & (d) ? VEC + (lane) : (lane) + (d))
#define SWAP(d)                                                              \
    _Pragma("GCC unroll 16") for (int i = 0; i < VEC; i++) if (!(i & (d))) { \
        const vec a = rows[i], b = rows[i + (d)];                            \
        rows[i] = __builtin_shufflevector(a, b, EVERY(WITHOUT, d));          \
        rows[i + (d)] = __builtin_shufflevector(a, b, EVERY(WITH, d));       \
    }

/* A square of VEC rows and lanes. */
static inline __attribute__((always_inline)) void transpose_square(const char *source, size_t source_row,
                                                                   float *destination, size_t destination_row) {
    vec rows[VEC];
#pragma GCC unroll 16
    for (int i = 0; i < VEC; i++)
        rows[i] = vec_load(source + (size_t)i * source_row * sizeof(float));
    SWAP(1)
    SWAP(2)
#if KERNEL_LEVEL >= 1
    SWAP(4)
#endif
#if KERNEL_LEVEL == 2
    SWAP(8)
#endif
#pragma GCC unroll 16
    for (int i = 0; i < VEC; i++)
        vec_store(destination + (size_t)i * destination_row, rows[i]);
}

/* Blocks often lie in L3, in runs too short for the hardware prefetcher. */
#define PREFETCH_PIXELS 32

/* Floats to a lane of a pixel, in blocks or in planes. */
static inline size_t offset_of(const bool in_blocks, int64_t pixel, int lane, size_t plane) {
    return in_blocks ? (size_t)(pixel * LANES + lane) : (size_t)lane * plane + (size_t)pixel;
}

static inline __attribute__((always_inline)) void transpose(const bool from_blocks, const char *source,
                                                            float *destination, size_t plane, int64_t count) {
    const size_t source_row = from_blocks ? LANES : plane, destination_row = from_blocks ? plane : LANES;
    for (int64_t i = 0; i < count && count < VEC; i++)
        for (int lane = 0; lane < LANES; lane++)
            memcpy(destination + offset_of(!from_blocks, i, lane, plane),
                   source + offset_of(from_blocks, i, lane, plane) * sizeof(float), sizeof(float));
    for (int64_t i = 0; i < count && count >= VEC; i += VEC) {
        const int64_t first = i + VEC <= count ? i : count - VEC; /* the last square overlaps the one before */
        for (int ahead = 0; ahead < VEC && first + PREFETCH_PIXELS + ahead < count; ahead++)
            if (from_blocks)
                __builtin_prefetch(source + (size_t)(first + PREFETCH_PIXELS + ahead) * LANES * sizeof(float));
            else
                __builtin_prefetch(destination + (first + PREFETCH_PIXELS + ahead) * LANES, 1);
        for (int lane = 0; lane < LANES; lane += VEC)
            transpose_square(source + offset_of(from_blocks, first, lane, plane) * sizeof(float), source_row,
                             destination + offset_of(!from_blocks, first, lane, plane), destination_row);
    }
}

static void to_planes(const float *blocks, int64_t count, float *planes, size_t plane) {
    transpose(true, (const char *)blocks, planes, plane, count);
}

static void to_blocks(const void *planes, size_t plane, int64_t count, float *blocks) {
    transpose(false, planes, blocks, plane, count);
}

static inline __attribute__((always_inline)) void interleave_of(const float *restrict planes, size_t plane,
                                                                const int channels, int64_t count, float *restrict to) {
    for (int64_t i = 0; i < count; i++)
#pragma GCC unroll 4
        for (int c = 0; c < channels; c++)
            to[i * channels + c] = planes[(size_t)c * plane + (size_t)i];
}

static inline __attribute__((always_inline)) void pick_of(const float *restrict line, const size_t step, int64_t count,
                                                          float *restrict to) {
    for (int64_t i = 0; i < count; i++)
        to[i] = line[(size_t)i * step];
}

static void pick(const float *line, size_t step, int64_t count, float *to) {
    if (step == 1)
        memcpy(to, line, (size_t)count * sizeof *to);
    else if (step == 2)
        pick_of(line, 2, count, to);
    else
        pick_of(line, step, count, to);
}

static void interleave(const float *planes, size_t plane, int channels, int64_t count, float *to) {
    if (channels == 1)
        memcpy(to, planes, (size_t)count * sizeof *to);
    else if (channels == 3)
        interleave_of(planes, plane, 3, count, to);
    else if (channels == 4)
        interleave_of(planes, plane, 4, count, to);
    else
        interleave_of(planes, plane, channels, count, to);
}

/* ---- sums ---- */

/* Vectors of pixels of a tile, by its channels; zeros behind them. */
#define SIZES 5
#if KERNEL_LEVEL == 2
#define MOST_VECTORS 14
#define EACH_TILE TILE(1, 8) TILE(1, 14) TILE(2, 8) TILE(2, 12) TILE(3, 4) TILE(3, 8) FOUR_CHANNELS
#define FOUR_CHANNELS TILE(4, 2) TILE(4, 3) TILE(4, 4) TILE(4, 5) TILE(4, 6)
static const int sizes[FEW_OUTPUTS_CHANNELS + 1][SIZES] = {{0}, {8, 14}, {8, 12}, {4, 8}, {2, 3, 4, 5, 6}};
#else
#define MOST_VECTORS 12
#define EACH_TILE TILE(1, 8) TILE(1, 12) TILE(2, 4) TILE(2, 6) TILE(3, 2) TILE(3, 4) TILE(4, 2) TILE(4, 3)
static const int sizes[FEW_OUTPUTS_CHANNELS + 1][SIZES] = {{0}, {8, 12}, {4, 6}, {2, 4}, {2, 3}};
#endif

static int round_pixels(int channels, int pixels) {
    int i = 0;
    while (i + 1 < SIZES && sizes[channels][i + 1] > 0 && sizes[channels][i] * VEC < pixels)
        i++;
    return sizes[channels][i] * VEC;
}

/* Closes the chains: the sums so far are added to c, or stored there, and begin again at zero. */
static inline __attribute__((always_inline)) void
close_chains(const int channels, const int vectors, vec (*sums)[MOST_VECTORS], float *c, size_t stride, bool first) {
#pragma GCC unroll 16
    for (int m = 0; m < channels; m++, c += stride) {
        float *line = computed_here(c);
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++) {
            float *place = line + v * VEC;
            if (!first)
                sums[m][v] = sums[m][v] + vec_load(place);
            vec_store(place, sums[m][v]);
            sums[m][v] = (vec){0};
        }
    }
}

static inline void prefetch_step(struct plane_prefetch *ahead) {
    for (int i = 0; i < ahead->lines && ahead->runs > 0; i++, ahead->next += LANES) {
        __builtin_prefetch(ahead->next, 0, 2);
        if (--ahead->left > 0)
            continue;
        ahead->next += ahead->jump;
        ahead->left = ahead->count;
        ahead->runs--;
    }
}

/* Products of a tap: either the weights or the pixels are in registers, whichever are fewer. */
static inline __attribute__((always_inline)) void add_by_pixels(const int channels, const int vectors, const float *x,
                                                                const float *weights, vec (*sums)[MOST_VECTORS]) {
    vec weight[FEW_OUTPUTS_CHANNELS];
#pragma GCC unroll 4
    for (int m = 0; m < channels; m++)
        weight[m] = vec_all(weights[m]);
#pragma GCC unroll 16
    for (int v = 0; v < vectors; v++) {
        const vec pixels = vec_held(vec_load(x + v * VEC));
#pragma GCC unroll 4
        for (int m = 0; m < channels; m++)
            sums[m][v] = vec_fma(weight[m], pixels, sums[m][v]);
    }
}

static inline __attribute__((always_inline)) void add_by_channels(const int channels, const int vectors, const float *x,
                                                                  const float *weights, vec (*sums)[MOST_VECTORS]) {
    vec pixels[FEW_OUTPUTS_CHANNELS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
        pixels[v] = vec_held(vec_load(x + v * VEC));
#pragma GCC unroll 4
    for (int m = 0; m < channels; m++) {
        const vec weight = vec_held(vec_all(weights[m]));
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            sums[m][v] = vec_fma(weight, pixels[v], sums[m][v]);
    }
}

static inline __attribute__((always_inline)) void tile_of(const int channels, const int vectors,
                                                          const struct plane_source *source, const float *weights,
                                                          const float *start, float *c, size_t stride) {
    vec sums[FEW_OUTPUTS_CHANNELS][MOST_VECTORS];
#pragma GCC unroll 16
    for (int m = 0; m < channels; m++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            sums[m][v] = start ? vec_all(start[m]) : (vec){0};
    bool first = start != NULL;
    int chain = 0;
    for (int row = 0; row < source->rows; row++) {
        const float *line = source->lines[row].data + source->first;
        for (int k = 0; k < source->depth; k++, line += source->lines[row].step) {
            prefetch_step(source->ahead);
            for (int tap = 0; tap < source->taps; tap++, weights += channels) {
                const float *x = address_here(line + source->offsets[tap]);
                if (channels > vectors)
                    add_by_channels(channels, vectors, x, weights, sums);
                else
                    add_by_pixels(channels, vectors, x, weights, sums);
            }
            chain += source->taps;
            if (chain >= PRODUCT_CHAIN || (row + 1 == source->rows && k + 1 == source->depth)) {
                close_chains(channels, vectors, sums, c, stride, first);
                first = false;
                chain = 0;
            }
        }
    }
}

#define TILE(channels, vectors)                                        \
    case (channels)*16 + (vectors):                                    \
        tile_of(channels, vectors, source, weights, start, c, stride); \
        break;

static void tile(int channels, int pixels, const struct plane_source *source, const float *weights, const float *start,
                 float *c, size_t stride) {
    switch (channels * 16 + pixels / VEC) {
        EACH_TILE
    default:
        break;
    }
}

const struct few_outputs_kernel LEVEL_NAME(few_outputs_kernel) = {to_planes, to_blocks,    interleave,
                                                                  pick,      round_pixels, tile};
