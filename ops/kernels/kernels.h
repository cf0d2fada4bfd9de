/*
 * The inner loops: raw pointers and sizes, one thread, no allocation, no tensors. One table per instruction set, filled
 * with portable C, then AVX2+FMA, then AVX-512. The contracts stand here; docs/performance.md says why the kernels are
 * as they are.
 */
#ifndef LIMNER_OPS_KERNELS_KERNELS_H
#define LIMNER_OPS_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cpu_level { CPU_PORTABLE = 0, CPU_AVX2 = 1, CPU_AVX512 = 2, CPU_LEVELS = 3 };

/*
 * Matrix product on packed panels.
 *   a: panel of `rows` <= max_rows rows, packed as [depth][rows]
 *   b: panel of `columns` columns (always the full tile width, zero-filled), packed as [depth][columns], 64-byte
 * aligned c: [rows][columns] with row stride c_stride (elements) c = bias + a.b when bias is not NULL (bias[row] starts
 * every sum), else c += a.b. The products of every element are one chain of fused multiply-adds in the order of depth,
 * whatever rows is.
 */
struct gemm_kernel {
    const char *name;
    int max_rows, columns;
    void (*tile)(int rows, size_t depth, const float *a, const float *b, const float *bias, float *c, size_t c_stride);
};

/* ---- channel blocks: activations as [channel / 16][y][x][channel % 16] ---- */

#define CHANNEL_BLOCK 16
#define BLOCK_PIXELS 14 /* most pixels of a tile */
#define PAIR_BLOCKS 2   /* most channel blocks of a tile whose weights are sums of two */
/* Products of one chain of multiply-adds in a sum, about: longer ones lose digits. */
#define PRODUCT_CHAIN 128

/* Where a pixel's numbers lie for one tap: `length` of them, then the next block's `step` floats on. */
struct block_pixel {
    const float *data;
    int64_t step;
};

/* The depth of a tile: for every entry (a tap) and every block, `length` numbers of each pixel. */
struct block_source {
    int entries, blocks, length;
    const struct block_pixel *pixels; /* [entries][BLOCK_PIXELS]; with offsets, of the first entry alone: */
    int64_t weight_skip;              /* floats between the weights of one block and the next */
    const int64_t *offsets;           /* floats from there to every entry; or NULL */
    const float *ahead;               /* weights that a later tile will read: */
    int ahead_lines;                  /* so many cache lines of them are asked for with every block */
    int64_t pixel_ahead;              /* floats from a pixel to the one that the next tile will read in its place */
    const float *const *outputs; /* cache lines that will be written next, asked for as the tile goes on: a burst of */
    int output_count;            /* them would keep its own reads waiting */
};

/* Numbers to form: destination[depth][lane] = a[depth][lane] - b[depth][lane] * factor[lane]; factor NULL: 1. */
struct block_forming {
    const float *a, *b, *factor;
    float *destination;
    int depths;
};

/* The depth of a tile whose pixels lie side by side: 16 numbers of each, the next block's `step` floats on. */
struct block_row {
    const float *pixels;
    int64_t step;
    int blocks;
    /* As in struct block_source: */
    int64_t weight_skip;
    const float *ahead;
    int ahead_lines;
    int64_t pixel_ahead;
    struct block_forming forming; /* in passing, with as many lanes as the weights have; or depths == 0 */
    /*
     * NULL, or the weights are sums of two, those of the call + factor * these, with the same skip, of at most
     * PAIR_BLOCKS channel blocks; twice as much where the factor is 1/2 or -1/2. Then pixels at pixel_ahead are asked
     * for alone, and nearer; and sums.
     */
    const float *second;
    float factor;
};

enum block_finish { BLOCK_COPY, BLOCK_RELU, BLOCK_LEAKY_RELU, BLOCK_CLIP };

/* y = (x - center) * factor + offset, by lane. */
struct block_affine {
    float center[CHANNEL_BLOCK], factor[CHANNEL_BLOCK], offset[CHANNEL_BLOCK];
};

struct block_kernel {
    const char *name;
    int blocks;    /* most channel blocks of a tile */
    int pixels[5]; /* most pixels of a tile, by its channel blocks */
    /* The smallest number of pixels >= `pixels` for which there is a tile. */
    int (*round)(int pixels, int blocks);
    /*
     * Sums of `pixels` (as round() says) by `blocks` channel blocks: c[pixel * pixel_stride + block * block_stride +
     * lane] = products when `first`, else c += products. weights: [entry][block][length][blocks * 16], 64-byte aligned.
     * Products are added in that order, in chains of fused multiply-adds that close after PRODUCT_CHAIN of them or more
     * (at the end of a block) and at the end of the call.
     */
    void (*tile)(int pixels, int blocks, const struct block_source *source, const float *weights, bool first, float *c,
                 size_t pixel_stride, size_t block_stride);
    /*
     * The same sums for pixels that lie side by side: fewer addresses, and so more of the peak. Numbers are formed with
     * most channel blocks of a tile alone.
     */
    void (*row)(int pixels, int blocks, const struct block_row *source, const float *weights, bool first, float *c,
                size_t pixel_stride, size_t block_stride);
    /*
     * destination[y][x][lane] = activation(source[y][x][lane] + bias[y * bias_row + lane]); bias NULL: none. In place
     * is allowed.
     */
    void (*finish)(enum block_finish kind, float alpha, float beta, const float *bias, size_t bias_row, int rows,
                   int columns, const float *source, size_t source_row, size_t source_column, float *destination,
                   size_t destination_row, size_t destination_column);
    /*
     * Sums of the distances from the first pixel, and of their squares, over `count` pixels of a channel block, by
     * lane. As many pixels are asked for at `ahead`, which will be read next and then written, and at `beside`, which
     * will be read; NULL: none.
     */
    void (*moments)(const float *x, int64_t count, const float *ahead, const float *beside, double *sum,
                    double *squares);
    /* y = activation(added + affine(x)) over `count` pixels of a channel block; added NULL: none. In place is allowed.
     */
    void (*scale)(enum block_finish kind, float alpha, float beta, const struct block_affine *affine, const float *x,
                  const float *added, float *y, int64_t count);
};

/* ---- planes: [channel][y][x] ---- */

#define PLANE_CHANNELS 4 /* most output channels of a tile */

/* Cache lines that somebody will read later, in pieces at equal distances: a few are asked for with every step. */
struct plane_ahead {
    const float *next;
    int64_t left, pieces; /* cache lines of this piece; pieces, this one included */
    int64_t count, jump;  /* cache lines of a piece; floats from the end of one to the next */
    int lines;            /* of a step */
};

/* The depth of a tile: of every row (a tap of y) the lines of all input channels, and of each the taps of x. */
struct plane_source {
    int rows, depth, taps;
    size_t first, tap_step;          /* the first tap of the first pixel; taps from left to right */
    const struct block_pixel *lines; /* of each row: the first line, the step to the next */
    struct plane_ahead *ahead;       /* goes on with every line */
};

struct plane_kernel {
    /*
     * planes[lane * plane + i] = blocks[i][lane] for `count` pixels of a channel block, and the other way round, where
     * the planes' floats need not be aligned.
     */
    void (*to_planes)(const float *blocks, int64_t count, float *planes, size_t plane);
    void (*to_blocks)(const void *planes, size_t plane, int64_t count, float *blocks);
    /* The smallest number of pixels >= `pixels` for which there is a tile, or else the largest. */
    int (*round)(int channels, int pixels);
    /*
     * c[channel * stride + pixel] = start[channel] + products, or c += products when start is NULL, for up to
     * PLANE_CHANNELS channels and as many pixels as round() says. weights: [row][depth][tap][channel]. Products are
     * added in that order, in chains of fused multiply-adds that close after PRODUCT_CHAIN of them or more (at the end
     * of a line) and at the end of the call.
     */
    void (*tile)(int channels, int pixels, const struct plane_source *source, const float *weights, const float *start,
                 float *c, size_t stride);
};

/*
 * Minimal filtering F(m, r): m outputs of an r-tap filter from m + r - 1 products. Strides are in floats; every point
 * is a channel block.
 */
enum filter_kind {
    FILTER_ONE,
    FILTER_2_2,
    FILTER_4_2,
    FILTER_8_2,
    FILTER_2_3,
    FILTER_4_3,
    FILTER_2_3_BY_2,
    FILTER_4_3_BY_2,
    FILTER_KINDS
};

#define FILTER_POINTS 9 /* most of a dimension */

/* Outer taps at every second input, an inner one between them. */
static inline bool filter_by_2(enum filter_kind kind) {
    return kind == FILTER_2_3_BY_2 || kind == FILTER_4_3_BY_2;
}
static inline int filter_outputs(enum filter_kind kind) {
    static const int outputs[FILTER_KINDS] = {1, 2, 4, 8, 2, 4, 2, 4};
    return outputs[kind];
}
static inline int filter_taps(enum filter_kind kind) {
    static const int taps[FILTER_KINDS] = {1, 2, 2, 2, 3, 3, 3, 3};
    return taps[kind];
}
/* Inputs from one tile to the next. */
static inline int filter_advance(enum filter_kind kind) {
    return filter_outputs(kind) * (filter_by_2(kind) ? 2 : 1);
}
/* As many as there are inputs to a tile. */
static inline int filter_points(enum filter_kind kind) {
    return filter_by_2(kind) ? 2 * filter_outputs(kind) + 1 : filter_outputs(kind) + filter_taps(kind) - 1;
}

/* The tap that a point's weight is; -1: it is a sum of some. */
static inline int filter_pure_tap(enum filter_kind kind, int point) {
    if (filter_by_2(kind)) {
        const int last = filter_outputs(kind);
        return point == 0 ? 0 : point < last ? -1 : point == last ? 2 : 1;
    }
    return point == 0 ? 0 : point + 1 == filter_points(kind) ? filter_taps(kind) - 1 : -1;
}

/*
 * Points with the same weights are kept once: those of an inner tap. The kept number of a point, and the points of a
 * kept number, first..end - 1.
 */
static inline int filter_kept_points(enum filter_kind kind) {
    return filter_by_2(kind) ? filter_outputs(kind) + 2 : filter_points(kind);
}
static inline int filter_kept_point(enum filter_kind kind, int point) {
    return point < filter_kept_points(kind) ? point : filter_kept_points(kind) - 1;
}
static inline int filter_points_end(enum filter_kind kind, int kept) {
    return kept + 1 < filter_kept_points(kind) ? kept + 1 : filter_points(kind);
}

/* Two taps, whose weights at a point are a pair of struct block_row, or one of them. */
static inline bool filter_pair(enum filter_kind kind) {
    return kind == FILTER_4_2 || kind == FILTER_8_2;
}
/* Whose weights tiles can form in one dimension: y, where it has taps; then those of x are made before. */
static inline bool filter_in_pairs(enum filter_kind y, enum filter_kind x) {
    if (y == FILTER_ONE || x == FILTER_ONE)
        return filter_pair(y) || filter_pair(x);
    return filter_pair(y) && x == FILTER_4_2;
}
/* Whose weights can be transformed in passing, as a whole. */
static inline bool filter_in_panels(enum filter_kind y, enum filter_kind x) {
    const bool two = (y == FILTER_ONE || y == FILTER_4_2) && (x == FILTER_ONE || x == FILTER_4_2);
    return two || (y == x && (y == FILTER_4_3 || filter_by_2(y)));
}

/*
 * Rows of tiles side by side, all of whose source lies in place. Inputs: source rows and columns are a patch's,
 * destination ones the points of y and x. Outputs: the other way round.
 */
struct filter_tiles {
    int rows, count;
    const float *source;
    size_t source_row, source_column, source_tile, source_down; /* down: from one row of tiles to the next */
    float *destination;
    size_t destination_row, destination_column, destination_tile, destination_down;
    size_t point_ahead; /* where inputs are written later: floats beyond the tile in every point */
    /* Activations of a later row of tiles to ask for, with the strides above: `ahead_rows` rows of lines; may be 0. */
    uintptr_t ahead;
    int ahead_rows;
    const float *bias; /* of outputs: added to every one before the activation; NULL: neither */
    enum block_finish finish;
    float alpha, beta;
};

struct filter_kernel {
    /* points -> points: BT along both dimensions */
    void (*input)(enum filter_kind y, enum filter_kind x, const struct filter_tiles *tiles);
    /* points -> outputs: AT along both dimensions */
    void (*output)(enum filter_kind y, enum filter_kind x, const struct filter_tiles *tiles);
    /*
     * taps[y][x][lane] -> destination[kept point y * kept points x + kept point x][lane], in double precision up to the
     * last step
     */
    void (*weights)(enum filter_kind y, enum filter_kind x, const float *taps, float *destination, size_t point);
    /*
     * The same in single precision for the taps of many depths and lanes, taps[block of depths][y][x][depth][lanes],
     * blocks `block` floats apart, -> destination[kept point][depth][lanes], without those that are a tap as it is; for
     * the kinds of filter_in_panels().
     */
    void (*expand)(enum filter_kind y, enum filter_kind x, const float *taps, size_t block, int64_t depths, int lanes,
                   float *destination, size_t point);
    /* Of the second tap at a point, if the first one has 1, for the sums that `row` makes of the two; for the kinds of
       filter_pair(), where the point is no tap. */
    float (*factor)(enum filter_kind kind, int point);
};

/*
 * Products of matrices by their quarters, A11 A12 A21 A22 by B11 B12 B21 B22: seven products in place of eight (V.
 * Strassen, "Gaussian elimination is not optimal", 1969), with the sums of S. Winograd ("On multiplication of 2 x 2
 * matrices", 1971). In this order:
 *   A11 B11, A12 B21, S4 B22, A22 T4, S1 T1, S2 T2, S3 T3
 *   S1 = A21 + A22, S2 = S1 - A11, S3 = A11 - A21, S4 = A12 - S2
 *   T1 = B12 - B11, T2 = B22 - T1, T3 = B22 - B12, T4 = T2 - B21
 * Rows and columns of very different size meet in these sums; factors, which are powers of two, make them alike.
 */
#define QUARTER_PRODUCTS 7

/* A row of the upper and one of the lower half of A; the second half of each stands `half` floats on. */
struct quarter_rows {
    const float *upper, *lower;
    int64_t half;
    float upper_scale, lower_scale;
};

#define QUARTER_LANES 64 /* most columns of a half */

/*
 * Factors that bring the columns of the left half of B to the size of those of the right half; that undo them in Y, 0
 * where a column has nothing but zeros; and 1, or that 0, for the columns of the right half.
 */
struct quarter_scales {
    float left[QUARTER_LANES], left_back[QUARTER_LANES], right[QUARTER_LANES];
};

struct quarter_kernel {
    /* sums[lane] += the squares of x[depth][lane]; not a number, or infinite, when any of them is. */
    void (*squares)(const float *x, int64_t depths, int lanes, double *sums);
    /* The left sides of the products, for so many channel blocks of the depth; strides in floats. */
    void (*left)(const struct quarter_rows *rows, int64_t blocks, float *destination, size_t block, size_t product);
    /*
     * In place of the first four of the products sums[rows][lanes], which are `product` floats apart: the quarters of
     * Y. row_scales: the factor that undoes the upper row's, and the lower one's, for each row.
     */
    void (*outputs)(float *sums, size_t product, int rows, int lanes, const struct quarter_scales *scales,
                    const float *row_scales);
};

struct forced_choices;

struct kernels {
    enum cpu_level level;
    const char *name; /* "portable", "avx2", "avx512" */
    const struct gemm_kernel *gemm;
    const struct block_kernel *block;
    const struct plane_kernel *plane;
    const struct quarter_kernel *quarter;
    const struct filter_kernel *filter;  /* NULL: direct sums only, of products too */
    const struct math_kernel *math;      /* ops/kernels/math.h */
    const struct forced_choices *forced; /* ops/core/forced_choices.h; NULL: costs decide */
};

#endif
