/* The matrix core: a tile of up to MAX_ROWS rows by VECTORS registers, held in registers over the whole depth. */
#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

#if KERNEL_LEVEL == 2
#define MAX_ROWS 14
#define NAME "avx512-14x32"
#elif KERNEL_LEVEL == 1
#define MAX_ROWS 6
#define NAME "avx2-6x16"
#else
#define MAX_ROWS 6
#define NAME "portable-6x8"
#endif
#define VECTORS 2
#define COLUMNS (VECTORS * VEC)

/* Addresses of a are those of every third row, and one or two rows further: more of them would not fit in registers.
   The compiler must not know what they have to do with each other, nor that a step may be 1. */
#define APART 3
#define BASES ((MAX_ROWS + APART - 1) / APART)
#define UNKNOWN(x) __asm__("" : "+r"(x))

/* A vector of a row of c, of which those numbers are there that a mask has. */
#if KERNEL_LEVEL == 2
typedef __mmask16 lanes;
static inline lanes lanes_of(int count) {
    return (lanes)(count <= 0 ? 0 : count < VEC ? (1u << count) - 1 : 0xffff);
}
static inline vec load_lanes(const float *c, lanes mask) {
    return _mm512_maskz_loadu_ps(mask, c);
}
static inline void store_lanes(float *c, lanes mask, vec v) {
    _mm512_mask_storeu_ps(c, mask, v);
}
#else
typedef int lanes;
static inline lanes lanes_of(int count) {
    return count;
}
static inline vec load_lanes(const float *c, lanes all) {
    (void)all;
    return vec_load(c);
}
static inline void store_lanes(float *c, lanes all, vec v) {
    (void)all;
    vec_store(c, v);
}
#endif

/* Inlined with constant numbers of rows and vectors, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void tile_of(const int rows, const int vectors,
                                                          const struct gemm_tile *t) {
    const size_t row_step = t->row_step, c_step = t->c_step;
    size_t depth_step = t->depth_step * sizeof(float);
    const bool adds = t->adds;
    const float *a[BASES], *b = t->b;
    vec sums[MAX_ROWS][VECTORS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        if (r % APART == 0) {
            a[r / APART] = t->a + (size_t)r * row_step;
            UNKNOWN(a[r / APART]);
        }
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            sums[r][v] = t->bias ? vec_all(t->bias[r]) : (vec){0};
    }
    UNKNOWN(depth_step);
#pragma GCC unroll 1
    for (size_t k = t->depth; k > 0; k--, b += COLUMNS) {
        vec columns[VECTORS];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            columns[v] = vec_load(b + (size_t)v * VEC);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            const vec row = vec_all(a[r / APART][(size_t)(r % APART) * row_step]);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                sums[r][v] = vec_fma(row, columns[v], sums[r][v]);
        }
#pragma GCC unroll 8
        for (int i = 0; i * APART < rows; i++)
            a[i] = (const float *)(const void *)((const char *)a[i] + depth_step);
    }
    float *c = t->c;
    lanes masks[VECTORS];
    for (int v = 0; v < vectors; v++)
        masks[v] = lanes_of(t->columns - v * VEC);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++, c += c_step)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            if (adds)
                sums[r][v] = sums[r][v] + load_lanes(c + v * VEC, masks[v]);
            store_lanes(c + v * VEC, masks[v], sums[r][v]);
        }
}

#define WIDE(rows)           \
    case 2 * (rows) + 1:     \
        tile_of(rows, 2, t); \
        break;
#define NARROW(rows)         \
    case 2 * (rows):         \
        tile_of(rows, 1, t); \
        break;
#if KERNEL_LEVEL == 2
#define IS_NARROW(rows) ((rows) >= 8 && (rows) % 2 == 0)
#define EACH_NARROW NARROW(8) NARROW(10) NARROW(12) NARROW(14)
#else
#define IS_NARROW(rows) ((rows) == MAX_ROWS)
#define EACH_NARROW NARROW(6)
#endif

/* With a single vector fewer rows would wait for their own sums as long as two vectors take. */
static void run_tile(const struct gemm_tile *t) {
    switch (2 * t->rows + !(t->columns <= VEC && IS_NARROW(t->rows))) {
        EACH_NARROW
        WIDE(1)
        WIDE(2)
        WIDE(3)
        WIDE(4)
        WIDE(5)
        WIDE(6)
#if MAX_ROWS > 6
        WIDE(7)
        WIDE(8)
        WIDE(9)
        WIDE(10)
        WIDE(11)
        WIDE(12)
        WIDE(13)
        WIDE(14)
#endif
    default:
        break;
    }
}

/* Without masks, rows that end within a vector are made elsewhere. */
static void tile(const struct gemm_tile *t) {
    if (KERNEL_LEVEL == 2 || t->columns == (IS_NARROW(t->rows) && t->columns <= VEC ? VEC : COLUMNS)) {
        run_tile(t);
        return;
    }
    float sums[MAX_ROWS * COLUMNS];
    const size_t bytes = (size_t)t->columns * sizeof *sums;
    struct gemm_tile whole = *t;
    whole.c = sums;
    whole.c_step = COLUMNS;
    for (int r = 0; r < t->rows && t->adds; r++)
        memcpy(sums + r * COLUMNS, t->c + (size_t)r * t->c_step, bytes);
    run_tile(&whole);
    for (int r = 0; r < t->rows; r++)
        memcpy(t->c + (size_t)r * t->c_step, sums + r * COLUMNS, bytes);
}

static void line(size_t depth, const float *a, const float *b, size_t b_stride, bool first, float *c) {
    vec sums[GEMM_LINE * VECTORS] = {{0}};
    for (size_t k = 0; k < depth; k++, b += COLUMNS)
#pragma GCC unroll 8
        for (int i = 0; i < GEMM_LINE * VECTORS; i++)
            sums[i] =
                vec_fma(vec_all(a[k]), vec_load(b + (size_t)(i / VECTORS) * b_stride + i % VECTORS * VEC), sums[i]);
#pragma GCC unroll 8
    for (int i = 0; i < GEMM_LINE * VECTORS; i++) {
        if (!first)
            sums[i] = sums[i] + vec_load(c + i * VEC);
        vec_store(c + i * VEC, sums[i]);
    }
}

const struct gemm_kernel LEVEL_NAME(gemm_kernel) = {NAME, MAX_ROWS, COLUMNS, tile, line};
