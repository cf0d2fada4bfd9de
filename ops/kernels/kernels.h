/*
 * The contracts of the inner loops: raw pointers and sizes, one thread, no allocation, no tensors. One table of kernels
 * per instruction set: portable C, AVX2+FMA, AVX-512. README.md says which file has what and draws the register tiles;
 * docs/performance.md says why the kernels are as they are.
 */
#ifndef LIMNER_OPS_KERNELS_KERNELS_H
#define LIMNER_OPS_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cpu_level { CPU_PORTABLE = 0, CPU_AVX2 = 1, CPU_AVX512 = 2, CPU_LEVELS = 3 };

#define GEMM_LINE 4

/*
 * A tile of a matrix product: c = a.b, c = bias + a.b, or c += a.b. The products of every element are one chain of
 * fused multiply-adds in the order of depth, which begins with the bias, whatever rows and columns are.
 */
struct gemm_tile {
    int rows, columns; /* at most those of the kernel; no others are read or written, but for b's */
    bool adds;         /* to c; then there is no bias */
    size_t depth;
    const float *a; /* [row * row_step + depth * depth_step]: rows where they lie, or packed side by side */
    size_t row_step, depth_step;
    const float *b;    /* [depth][columns of the kernel], zeros behind the last column, 64-byte aligned */
    const float *bias; /* [rows]; NULL: none */
    float *c;          /* [row * c_step + column] */
    size_t c_step;
};

struct gemm_kernel {
    const char *name;
    int max_rows, columns;
    void (*tile)(const struct gemm_tile *tile);
    /* One row by GEMM_LINE tiles side by side, `b_stride` floats apart: the bits of as many tiles without bias, which
       would wait for each sum by itself. Written where `first`, else added. */
    void (*line)(size_t depth, const float *a, const float *b, size_t b_stride, bool first, float *c);
};

/* ---- channel blocks: activations as [channel / 16][y][x][channel % 16] ---- */

#define CHANNEL_BLOCK 16
/* A register tile: some pixels (rows of the matrix product) by some channel blocks of output channels. */
#define BLOCK_PIXELS 14   /* pixels of a tile, at most */
#define TWO_TERM_BLOCKS 2 /* channel blocks of a tile with two-term weights, at most */
/* Products of one chain of multiply-adds, about: longer chains lose digits. */
#define PRODUCT_CHAIN 128

/* An entry of the indirection buffer: a pixel's input for one tap. Those of the next channel block are `step` on. */
struct block_pixel {
    const float *data;
    int64_t step;
};

/*
 * The input of an indirect tile. Its depth is every entry (tap), in that every channel block, in that `length` numbers.
 * Prefetching is spread over the steps of the depth, of which each is one channel block: a burst would keep the tile's
 * own reads waiting.
 */
struct block_source {
    int entries, blocks, length;
    const struct block_pixel *pixels; /* indirection buffer: [entries][BLOCK_PIXELS], or [BLOCK_PIXELS] with offsets */
    int64_t weight_skip;              /* floats between the weights of one step and the next */
    const int64_t *offsets;           /* floats from the first entry to every entry, the same for all pixels; or NULL */
    const float *ahead;               /* weights to prefetch for a later tile, */
    int ahead_lines;                  /* so many cache lines with every step */
    int64_t pixel_ahead;              /* floats from a pixel to the one to prefetch for the next tile */
    const float *const *outputs;      /* cache lines to prefetch for writing */
    int output_count;
};

/* Differences to compute: destination[depth][lane] = a[depth][lane] - b[depth][lane] * factor[lane]; factor NULL: 1. */
struct block_forming {
    const float *a, *b, *factor;
    float *destination;
    int depths;
};

/* The input of a contiguous tile: pixels of 16 numbers that follow each other; the next channel block is `step` on. */
struct block_row {
    const float *pixels;
    int64_t step;
    int blocks;
    /* As in struct block_source: */
    int64_t weight_skip;
    const float *ahead;
    int ahead_lines;
    int64_t pixel_ahead;
    struct block_forming forming; /* computed along with the tile, with the lanes of its weights; depths 0: none */
    /*
     * NULL, or the second terms of two-term weights: a weight is that of the call + factor * this one, with the same
     * skip, or twice as much where the factor is 1/2 or -1/2. At most TWO_TERM_BLOCKS channel blocks. Such calls are
     * short: they prefetch the sums, and of the pixels only those at pixel_ahead, into L1.
     */
    const float *second;
    float factor;
};

enum block_finish { BLOCK_COPY, BLOCK_RELU, BLOCK_LEAKY_RELU, BLOCK_CLIP };

struct block_kernel {
    const char *name;
    int blocks;    /* channel blocks of a tile, at most: a panel */
    int pixels[5]; /* pixels of a tile, at most, by its channel blocks */
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
     * The same sums of a contiguous tile, which has fewer addresses and so gets nearer to the peak. `forming` needs a
     * tile of `blocks` channel blocks.
     */
    void (*row)(int pixels, int blocks, const struct block_row *source, const float *weights, bool first, float *c,
                size_t pixel_stride, size_t block_stride);
};

#define GROUPED_BEYOND 7 /* pixels that a row's kernel may read behind the last one */

/*
 * Outputs of one channel block whose lanes meet inputs lane by lane: y[r * y_row + i * y_step + lane] = activation(
 * bias[lane] + sum over runs and taps of places[run][r * row_step + i * step + tap * tap_step + lane] *
 * weights[run][tap][lane]). Products are added in
 * that order, in chains of fused multiply-adds that close after about PRODUCT_CHAIN of them, at the end of a run. The
 * steps are multiples of CHANNEL_BLOCK. Of every row GROUPED_BEYOND pixels more are read, of which nothing comes.
 */
struct grouped_row {
    const float *const *places;
    int runs, run; /* run: taps of one */
    bool close;    /* both steps are CHANNEL_BLOCK */
    size_t step, row_step;
    int64_t tap_step;
    const float *weights, *bias;
    enum block_finish finish;
    float alpha, beta;
};

struct grouped_kernel {
    void (*rows)(const struct grouped_row *row, int64_t rows, int64_t count, float *y, size_t y_row, size_t y_step);
    /* to[i][lane] = a[i * step + lanes[lane]], or b[i * step + lanes[lane] - 16] from 16 on, for `count` pixels. */
    void (*pick)(const float *a, const float *b, size_t step, int64_t count, const int32_t lanes[CHANNEL_BLOCK],
                 float *to);
};

/* ---- planes: [channel][y][x] ---- */

#define FEW_OUTPUTS_CHANNELS 4 /* most output channels of a tile */

/* Cache lines to prefetch, in runs at equal distances: a few with every step. */
struct plane_prefetch {
    const float *next;
    int64_t left, runs;  /* cache lines left of this run; runs left, this one included */
    int64_t count, jump; /* cache lines of a run; floats from the end of one to the next */
    int lines;           /* cache lines of a step */
};

/* The input of a tile: a row for every tap of y, in that a line for every input channel, in that the taps of x. */
struct plane_source {
    int rows, depth, taps;
    size_t first;                    /* the first pixel of the lines */
    const int64_t *offsets;          /* of every tap: floats from a pixel to its number */
    const struct block_pixel *lines; /* of each row: the first line, and the step to the next */
    struct plane_prefetch *ahead;    /* a step with every line */
};

struct few_outputs_kernel {
    /*
     * planes[lane * plane + i] = blocks[i][lane] for `count` pixels of a channel block, and the other way round, where
     * the planes' floats need not be aligned.
     */
    void (*to_planes)(const float *blocks, int64_t count, float *planes, size_t plane);
    void (*to_blocks)(const void *planes, size_t plane, int64_t count, float *blocks);
    /* to[i * channels + c] = planes[c * plane + i] for `count` pixels. */
    void (*interleave)(const float *planes, size_t plane, int channels, int64_t count, float *to);
    /* to[i] = line[i * step] for `count` numbers. */
    void (*pick)(const float *line, size_t step, int64_t count, float *to);
    /* The smallest number of pixels >= `pixels` for which there is a tile, or else the largest. */
    int (*round)(int channels, int pixels);
    /*
     * c[channel * stride + pixel] = start[channel] + products, or c += products when start is NULL, for up to
     * FEW_OUTPUTS_CHANNELS channels and as many pixels as round() says. weights: [row][depth][tap][channel]. Products
     * are added in that order, in chains of fused multiply-adds that close after PRODUCT_CHAIN of them or more (at the
     * end of a line) and at the end of the call.
     */
    void (*tile)(int channels, int pixels, const struct plane_source *source, const float *weights, const float *start,
                 float *c, size_t stride);
};

/*
 * Winograd F(m, r): m outputs of an r-tap filter from m + r - 1 elements, each a product of an input and a weight. All
 * are 16 lanes wide. WINOGRAD_m_r; STRIDE_2 is for outputs at every second input: its two outer taps meet every second
 * input, as in F(m, 2), and its inner tap those in between, an element for each. ONE: a single tap, nothing to
 * transform.
 */
enum winograd_kind {
    WINOGRAD_ONE,
    WINOGRAD_2_2,
    WINOGRAD_4_2,
    WINOGRAD_8_2,
    WINOGRAD_2_3,
    WINOGRAD_4_3,
    WINOGRAD_2_3_STRIDE_2,
    WINOGRAD_4_3_STRIDE_2,
    WINOGRAD_KINDS
};

#define WINOGRAD_ELEMENTS 9 /* of a dimension, at most */

static inline bool winograd_stride_2(enum winograd_kind kind) {
    return kind == WINOGRAD_2_3_STRIDE_2 || kind == WINOGRAD_4_3_STRIDE_2;
}
static inline int winograd_outputs(enum winograd_kind kind) {
    static const int outputs[WINOGRAD_KINDS] = {1, 2, 4, 8, 2, 4, 2, 4};
    return outputs[kind];
}
static inline int winograd_taps(enum winograd_kind kind) {
    static const int taps[WINOGRAD_KINDS] = {1, 2, 2, 2, 3, 3, 3, 3};
    return taps[kind];
}
/* Inputs from one tile to the next. */
static inline int winograd_advance(enum winograd_kind kind) {
    return winograd_outputs(kind) * (winograd_stride_2(kind) ? 2 : 1);
}
/* As many as a tile has inputs. */
static inline int winograd_elements(enum winograd_kind kind) {
    return winograd_stride_2(kind) ? 2 * winograd_outputs(kind) + 1 : winograd_outputs(kind) + winograd_taps(kind) - 1;
}

/* The tap that is the weight of an element as it is; -1: the weight is a sum of taps. */
static inline int winograd_pure_tap(enum winograd_kind kind, int element) {
    if (winograd_stride_2(kind)) {
        const int last = winograd_outputs(kind);
        return element == 0 ? 0 : element < last ? -1 : element == last ? 2 : 1;
    }
    return element == 0 ? 0 : element + 1 == winograd_elements(kind) ? winograd_taps(kind) - 1 : -1;
}

/*
 * Distinct elements: those of an inner tap have the same weights, which are stored once. Which one an element is, and
 * the end of the elements that are a distinct one: the first of them has the same number.
 */
static inline int winograd_distinct_elements(enum winograd_kind kind) {
    return winograd_stride_2(kind) ? winograd_outputs(kind) + 2 : winograd_elements(kind);
}
static inline int winograd_distinct_element(enum winograd_kind kind, int element) {
    return element < winograd_distinct_elements(kind) ? element : winograd_distinct_elements(kind) - 1;
}
static inline int winograd_elements_end(enum winograd_kind kind, int distinct) {
    return distinct + 1 < winograd_distinct_elements(kind) ? distinct + 1 : winograd_elements(kind);
}

/* Kinds of two taps, whose weights are a tap or have two terms (struct block_row). */
static inline bool winograd_two_term(enum winograd_kind kind) {
    return kind == WINOGRAD_4_2 || kind == WINOGRAD_8_2;
}
/* Kinds for WINOGRAD_IN_KERNEL. The kernel transforms y where it has several taps; then x is expanded before. */
static inline bool winograd_in_kernel(enum winograd_kind y, enum winograd_kind x) {
    if (y == WINOGRAD_ONE || x == WINOGRAD_ONE)
        return winograd_two_term(y) || winograd_two_term(x);
    return winograd_two_term(y) && x == WINOGRAD_4_2;
}
/* Kinds for WINOGRAD_PER_PANEL. */
static inline bool winograd_per_panel(enum winograd_kind y, enum winograd_kind x) {
    const bool two = (y == WINOGRAD_ONE || y == WINOGRAD_4_2) && (x == WINOGRAD_ONE || x == WINOGRAD_4_2);
    return two || (y == x && (y == WINOGRAD_4_3 || winograd_stride_2(y)));
}

/*
 * Rows of tiles that follow each other, with all that they read. Strides are in floats. Of the input transform, source
 * rows and columns are pixels and destination ones are elements of y and x; of the output transform the other way
 * round.
 */
struct winograd_tiles {
    int rows, count;
    const float *source;
    size_t source_row, source_column, source_tile, source_down; /* tile, down: to the next tile, and row of tiles */
    float *destination;
    size_t destination_row, destination_column, destination_tile, destination_down;
    size_t element_ahead; /* input transform: floats from each element to where to prefetch for writing */
    /* Pixels to prefetch, with the strides above: `ahead_rows` rows of them for every tile; may be 0. */
    uintptr_t ahead;
    int ahead_rows;
    const float *bias; /* output transform: added before the activation; NULL: neither */
    enum block_finish finish;
    float alpha, beta;
};

#define MAGNITUDES_BEYOND 31

struct winograd_kernel {
    /* inputs -> elements: BT along both dimensions */
    void (*input)(enum winograd_kind y, enum winograd_kind x, const struct winograd_tiles *tiles);
    /* elements -> outputs: AT along both dimensions */
    void (*output)(enum winograd_kind y, enum winograd_kind x, const struct winograd_tiles *tiles);
    /*
     * taps[y][x][lane] -> destination[distinct element of y][distinct element of x][lane], in double precision up to
     * the last step
     */
    void (*weights)(enum winograd_kind y, enum winograd_kind x, const float *taps, float *destination,
                    size_t element_stride);
    /*
     * The same in single precision for many channels: taps[channel block][y][x][channel][lanes], `block` floats from
     * one channel block to the next, -> destination[distinct element][channel][lanes]. Elements that are a tap as it is
     * are left out. For the kinds of winograd_per_panel().
     */
    void (*expand)(enum winograd_kind y, enum winograd_kind x, const float *taps, size_t block, int64_t channels,
                   int lanes, float *destination, size_t element_stride);
    /* The factor of the second term of a weight; for the kinds of winograd_two_term(), where it is no tap as it is. */
    float (*factor)(enum winograd_kind kind, int element);
    /*
     * Magnitudes are the upper halves of floats without the sign: they compare as floats do, to within 2^-7, and NaN is
     * not below infinity. largest[i] = the larger of itself and of pixels[i * step + lane], over all lanes, for `count`
     * pixels.
     */
    void (*magnitudes)(const float *pixels, size_t step, int64_t count, uint16_t *largest);
    /*
     * most[j] = the largest of magnitudes[i * stride + j], least[j] = the smallest, for `columns` columns in so many
     * rows, one at least. Reads, and writes, up to MAGNITUDES_BEYOND columns more.
     */
    void (*extremes)(const uint16_t *magnitudes, int64_t rows, int64_t stride, int64_t columns, uint16_t *most,
                     uint16_t *least);
    /*
     * Adds taps[tap][lane] to sizes[3][lane]: the largest magnitudes, their sums, and the sums of their roots, which
     * are good to a twentieth.
     */
    void (*sizes)(const float *taps, int count, float *sizes);
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
#define STRASSEN_PRODUCTS 7

/* A row of the upper and one of the lower half of A; the second half of each stands `half` floats on. */
struct strassen_rows {
    const float *upper, *lower;
    int64_t half;
    float upper_scale, lower_scale;
};

#define STRASSEN_LANES 64 /* most columns of a half */

/*
 * Factors that bring the columns of the left half of B to the size of those of the right half; that undo them in Y, 0
 * where a column has nothing but zeros; and 1, or that 0, for the columns of the right half.
 */
struct strassen_scales {
    float left[STRASSEN_LANES], left_back[STRASSEN_LANES], right[STRASSEN_LANES];
};

struct strassen_kernel {
    /*
     * squares[lane] += the squares of x[depth][lane], and fourths[lane] += their fourth powers; not a number, or
     * infinite, when any of them is.
     */
    void (*squares)(const float *x, int64_t depths, int lanes, double *squares, double *fourths);
    /* The left sides of the products, for so many channel blocks of the depth; strides in floats. */
    void (*left)(const struct strassen_rows *rows, int64_t blocks, float *destination, size_t block, size_t product);
    /*
     * In place of the first four of the products sums[rows][lanes], which are `product` floats apart: the quarters of
     * Y. row_scales: the factor that undoes the upper row's, and the lower one's, for each row.
     */
    void (*outputs)(float *sums, size_t product, int rows, int lanes, const struct strassen_scales *scales,
                    const float *row_scales);
};

struct forced_choices;

struct kernels {
    enum cpu_level level;
    const char *name; /* "portable", "avx2", "avx512" */
    const struct gemm_kernel *gemm;
    const struct block_kernel *block;
    const struct few_outputs_kernel *few_outputs;
    const struct strassen_kernel *strassen;
    const struct winograd_kernel *winograd; /* NULL: direct convolution and plain products only */
    const struct math_kernel *math;         /* ops/kernels/math.h */
    /* Those of one family are in ops/kernels/families.h. */
    const struct forced_choices *forced; /* ops/core/forced_choices.h; NULL: costs decide */
};

#endif
