/*
 * The register tiles over channel blocks: sums of some pixels by some channel blocks of outputs stay in registers over
 * the whole depth; a pixel's numbers are broadcast, weights are vectors.
 */
#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

#define LANES CHANNEL_BLOCK
#define PARTS (LANES / VEC) /* vectors of a channel block */

#if KERNEL_LEVEL == 2
#define NAME "avx512-6x64"
#define BLOCKS 4
#define TILES \
    { 0, 14, 12, 8, 6 }
#define EACH_TILE(of) \
    TILE(of, 3, 4)    \
    TILE(of, 4, 4)    \
    TILE(of, 5, 4)    \
    TILE(of, 6, 4)    \
    TILE(of, 4, 3)    \
    TILE(of, 6, 3)    \
    TILE(of, 8, 3)    \
    TILE(of, 4, 2) TILE(of, 8, 2) TILE(of, 12, 2) TILE(of, 4, 1) TILE(of, 8, 1) TILE(of, 14, 1) TILE(of, 1, 4)
#define EACH_TWO_TERM_TILE(of) \
    TILE(of, 4, 2) TILE(of, 8, 2) TILE(of, 12, 2) TILE(of, 4, 1) TILE(of, 8, 1) TILE(of, 14, 1)
#elif KERNEL_LEVEL == 1
#define NAME "avx2-6x16"
#define BLOCKS 1
#define TILES \
    { 0, 6 }
#define EACH_TILE(of) TILE(of, 3, 1) TILE(of, 4, 1) TILE(of, 5, 1) TILE(of, 6, 1)
#define EACH_TWO_TERM_TILE(of) EACH_TILE(of)
#else
#define NAME "portable-3x16"
#define BLOCKS 1
#define TILES \
    { 0, 3 }
#define EACH_TILE(of) TILE(of, 1, 1) TILE(of, 2, 1) TILE(of, 3, 1)
#define EACH_TWO_TERM_TILE(of) EACH_TILE(of)
#endif

/*
 * A two-term weight: first + factor * second, or, with a factor of 1/2 or -1/2, twice that. Additions alone make these,
 * and those with 1 and -1: some processors have units for additions besides those for multiply-adds. halves: such a
 * factor, times 2; 0: another factor.
 */
static inline __attribute__((always_inline)) vec two_term_of(const int halves, const vec factor, vec first,
                                                             vec second) {
    switch (halves) {
    case 2:
        return first + second;
    case -2:
        return first - second;
    case 1:
        return (first + first) + second;
    case -1:
        return (first + first) - second;
    default:
        return vec_fma(factor, second, first);
    }
}

static int halves_of(float factor) {
    const float size = factor < 0 ? -factor : factor;
    return size == 1 || size == 0.5f ? (int)(2 * factor) : 0;
}

#define WEIGHTS_AHEAD 16 /* depths */

/*
 * One number of every pixel. A single pixel waits for its weights, which it prefetches. Inlined with constants, so that
 * the sums stay in registers.
 */
static inline __attribute__((always_inline)) void add_depth(const int pixels, const int parts, const bool two_term,
                                                            const int halves, int k, const float *const *pixel,
                                                            const float *weights, const float *second, const vec factor,
                                                            vec (*sums)[BLOCKS * PARTS]) {
    vec columns[BLOCKS * PARTS];
#pragma GCC unroll 16
    for (int v = 0; v < parts; v++) {
        columns[v] = vec_load(weights + v * VEC);
        if (two_term)
            columns[v] = two_term_of(halves, factor, columns[v], vec_load(second + k * parts * VEC + v * VEC));
        if (pixels > 1)
            columns[v] = vec_held(columns[v]);
        else if (v % PARTS == 0)
            __builtin_prefetch(weights + v * VEC + WEIGHTS_AHEAD * parts * VEC);
    }
#pragma GCC unroll 16
    for (int i = 0; i < pixels; i++) {
        const vec row = vec_all(pixel[i][k]);
#pragma GCC unroll 16
        for (int v = 0; v < parts; v++)
            sums[i][v] = vec_fma(row, columns[v], sums[i][v]);
    }
}

/* One step of the depth: `length` numbers of every pixel. */
static inline __attribute__((always_inline)) const float *add_step(const int pixels, const int parts,
                                                                   const bool two_term, const int halves,
                                                                   const int length, const float *const *pixel,
                                                                   const float *weights, const float *second,
                                                                   const vec factor, vec (*sums)[BLOCKS * PARTS]) {
#pragma GCC unroll 1
    for (int k = 0; k < length; k++, weights += parts * VEC)
        add_depth(pixels, parts, two_term, halves, k, pixel, weights, second, factor, sums);
    return weights;
}

/* Closes the chains: the sums so far are added to c, or stored there, and begin again at zero. */
static inline __attribute__((always_inline)) void close_chains(const int pixels, const int parts,
                                                               vec (*sums)[BLOCKS * PARTS], float *c,
                                                               size_t pixel_stride, size_t block_stride, bool first) {
#pragma GCC unroll 16
    for (int i = 0; i < pixels; i++, c += pixel_stride) {
        float *block = computed_here(c);
#pragma GCC unroll 16
        for (int v = 0; v < parts; v++) {
            float *place = block + v % PARTS * VEC;
            if (!first)
                sums[i][v] = sums[i][v] + vec_load(place);
            vec_store(place, sums[i][v]);
            sums[i][v] = (vec){0};
            if (v % PARTS == PARTS - 1)
                block += block_stride;
        }
    }
}

static inline __attribute__((always_inline)) void tile_of(const int pixels, const int blocks,
                                                          const struct block_source *source, const float *weights,
                                                          bool first, float *c, size_t pixel_stride,
                                                          size_t block_stride) {
    const int parts = blocks * PARTS;
    vec sums[14][BLOCKS * PARTS];
#pragma GCC unroll 16
    for (int i = 0; i < pixels; i++)
#pragma GCC unroll 16
        for (int v = 0; v < parts; v++)
            sums[i][v] = (vec){0};

    const float *ahead = source->ahead;
    const int steps = source->entries * source->blocks;
    const int outputs = (source->output_count + steps - 1) / steps; /* to prefetch with every step */
    int output = 0;
    int chain = 0;
    for (int e = 0; e < source->entries; e++) {
        const struct block_pixel *entry = source->pixels + (source->offsets ? 0 : e * BLOCK_PIXELS);
        const int64_t offset = source->offsets ? source->offsets[e] : 0;
        const float *pixel[14];
#pragma GCC unroll 16
        for (int i = 0; i < pixels; i++)
            pixel[i] = entry[i].data + offset;
        for (int b = 0; b < source->blocks; b++) {
            for (int i = 0; i < outputs && output < source->output_count; i++)
                __builtin_prefetch(source->outputs[output++], 1);
            /* Planes that are a power of two apart evict each other: what is next has to come from afar. */
            for (int line = 0; line < source->ahead_lines; line++, ahead += 16)
                __builtin_prefetch(ahead, 0, 2);
            if (source->length == LANES) {
#pragma GCC unroll 16
                for (int i = 0; i < pixels; i++) {
                    __builtin_prefetch(pixel[i] + entry[i].step);
                    __builtin_prefetch(pixel[i] + source->pixel_ahead, 0, 2);
                }
            }
            weights = add_step(pixels, parts, false, 0, source->length, pixel, weights, NULL, (vec){0}, sums);
            weights += source->weight_skip;
#pragma GCC unroll 16
            for (int i = 0; i < pixels; i++)
                pixel[i] += entry[i].step;
            chain += source->length;
            if (chain >= PRODUCT_CHAIN || (e + 1 == source->entries && b + 1 == source->blocks)) {
                close_chains(pixels, parts, sums, c, pixel_stride, block_stride, first);
                first = false;
                chain = 0;
            }
        }
    }
}

/* Differences from float `from` on, of `count` depths or those that are left. Returns where the next ones begin. */
static inline __attribute__((always_inline)) size_t form(const struct block_forming *forming, size_t from, int count) {
    const size_t lanes = BLOCKS * LANES, end = (size_t)forming->depths * lanes;
    for (; count > 0 && from < end; count--, from += lanes) {
#pragma GCC unroll 16
        for (size_t v = 0; v < lanes; v += VEC) {
            const vec a = vec_load(forming->a + from + v), b = vec_load(forming->b + from + v);
            if (forming->factor)
                vec_store(forming->destination + from + v, vec_fma(-b, vec_load(forming->factor + v), a));
            else
                vec_store(forming->destination + from + v, a - b);
        }
    }
    return from;
}

/* What is read next: the next channel block, and the next tile from afar; in short two-term calls the next tile. */
static inline __attribute__((always_inline)) void prefetch_pixels(const int pixels, const bool two_term,
                                                                  const float *place, const struct block_row *source) {
#pragma GCC unroll 16
    for (int i = 0; i < pixels; i++, place += LANES) {
        if (two_term) {
            __builtin_prefetch(place + source->pixel_ahead);
            continue;
        }
        __builtin_prefetch(place + source->step);
        __builtin_prefetch(place + source->pixel_ahead, 0, 2);
    }
}

static inline __attribute__((always_inline)) void prefetch_sums(const int pixels, const int blocks, const float *c,
                                                                size_t pixel_stride, size_t block_stride) {
#pragma GCC unroll 16
    for (int i = 0; i < pixels; i++)
#pragma GCC unroll 16
        for (int v = 0; v < blocks; v++)
            __builtin_prefetch(c + (size_t)i * pixel_stride + (size_t)v * block_stride, 1);
}

#define STEP(halves)                                                                                      \
    case halves:                                                                                          \
        weights = add_step(pixels, parts, two_term, halves, LANES, pixel, weights, second, factor, sums); \
        break;

/* A contiguous tile. */
static inline __attribute__((always_inline)) void row_of(const int pixels, const int blocks, const bool two_term,
                                                         const struct block_row *source, const float *weights,
                                                         bool first, float *c, size_t pixel_stride,
                                                         size_t block_stride) {
    const int parts = blocks * PARTS;
    const float *place = source->pixels, *ahead = source->ahead, *second = source->second;
    const vec factor = vec_all(source->factor);
    const int halves = two_term ? halves_of(source->factor) : 0;
    const struct block_forming forming = source->forming;
    const int formings = (forming.depths + source->blocks - 1) / source->blocks; /* with every block */
    size_t formed = 0;
    vec sums[14][BLOCKS * PARTS];
#pragma GCC unroll 16
    for (int i = 0; i < pixels; i++)
#pragma GCC unroll 16
        for (int v = 0; v < parts; v++)
            sums[i][v] = (vec){0};
    if (two_term && !first)
        prefetch_sums(pixels, blocks, c, pixel_stride, block_stride);
    for (int b = 1; b <= source->blocks; b++, place += source->step) {
        const float *pixel[14];
        for (int line = 0; line < source->ahead_lines; line++, ahead += 16)
            __builtin_prefetch(ahead, 0, 2);
        prefetch_pixels(pixels, two_term, place, source);
#pragma GCC unroll 16
        for (int i = 0; i < pixels; i++)
            pixel[i] = place + i * LANES;
        if (!two_term && blocks == BLOCKS)
            formed = form(&forming, formed, formings);
        switch (halves) {
            STEP(1)
            STEP(-1)
            STEP(2)
            STEP(-2)
        default:
            STEP(0)
        }
        weights += source->weight_skip;
        if (two_term)
            second += LANES * parts * VEC + source->weight_skip;
        if (b % (PRODUCT_CHAIN / LANES) == 0 || b == source->blocks) {
            close_chains(pixels, parts, sums, c, pixel_stride, block_stride, first);
            first = false;
        }
    }
}

#define SINGLE(pixels, blocks, ...) row_of(pixels, blocks, false, __VA_ARGS__)
#define TWO_TERM(pixels, blocks, ...) row_of(pixels, blocks, true, __VA_ARGS__)
#define TILE(of, pixels, blocks)                                                   \
    case (blocks)*16 + (pixels):                                                   \
        of(pixels, blocks, source, weights, first, c, pixel_stride, block_stride); \
        break;

static void row(int pixels, int blocks, const struct block_row *source, const float *weights, bool first, float *c,
                size_t pixel_stride, size_t block_stride) {
    if (source->second) {
        switch (blocks * 16 + pixels) {
            EACH_TWO_TERM_TILE(TWO_TERM)
        default:
            break;
        }
        return;
    }
    switch (blocks * 16 + pixels) {
        EACH_TILE(SINGLE)
    default:
        break;
    }
}

static void tile(int pixels, int blocks, const struct block_source *source, const float *weights, bool first, float *c,
                 size_t pixel_stride, size_t block_stride) {
    switch (blocks * 16 + pixels) {
        EACH_TILE(tile_of)
    default:
        break;
    }
}

#define SIZES 5 /* of tiles with so many blocks, at most; zeros behind them */

static int round_pixels(int pixels, int blocks) {
#if KERNEL_LEVEL == 2
    static const int sizes[5][SIZES] = {{0}, {4, 8, 14}, {4, 8, 12}, {4, 6, 8}, {1, 3, 4, 5, 6}};
#elif KERNEL_LEVEL == 1
    static const int sizes[2][SIZES] = {{0}, {3, 4, 5, 6}};
#else
    static const int sizes[2][SIZES] = {{0}, {1, 2, 3}};
#endif
    int i = 0;
    while (i + 1 < SIZES && sizes[blocks][i + 1] > 0 && sizes[blocks][i] < pixels)
        i++;
    return sizes[blocks][i];
}

const struct block_kernel LEVEL_NAME(block_kernel) = {NAME, BLOCKS, TILES, round_pixels, tile, row};
