/* Convolutions of planes: the contract is in planes.h. */
#include "ops/kernels/planes.h"

#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

#define ALWAYS static inline __attribute__((always_inline))

/*
 * Vectors and rows of a tile: its sums, and the weights of a column of taps, fit in registers, and sums are enough to
 * keep both units busy.
 */
#if KERNEL_LEVEL == 2
#define MOST_VECTORS 3
#else
#define MOST_VECTORS 2
#endif
#define MOST_DOWN 7
#define ROWS_OF(vectors) ((vectors) == 1 ? PLANES_ROWS : 4)

/* Those of a vector that are among `count` numbers. */
ALWAYS void store_some(float *y, vec v, int64_t count) {
    if (count >= VEC)
        vec_store(y, v);
    else if (count > 0)
        vec_store_some(y, (size_t)count, v);
}

/*
 * The products of a column of taps, of the stored rows from x on and its weights from w on. A vector of inputs is read
 * once for all rows that it is in.
 */
ALWAYS void add_column(const int down, const int vectors, const float *x, size_t x_row, const float *w,
                       vec (*sums)[MOST_VECTORS]) {
    const int tall = ROWS_OF(vectors);
    vec weights[MOST_DOWN];
#pragma GCC unroll 7
    for (int i = 0; i < down; i++)
        weights[i] = vec_held(vec_all(w[i]));
#pragma GCC unroll 14
    for (int row = 0; row < tall - 1 + down; row++, x += x_row) {
        vec pixels[MOST_VECTORS];
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++)
            pixels[v] = vec_held(vec_load(x + v * VEC));
#pragma GCC unroll 8
        for (int r = 0; r < tall; r++)
            if (row >= r && row - r < down)
#pragma GCC unroll 3
                for (int v = 0; v < vectors; v++)
                    sums[r][v] = vec_fma(pixels[v], weights[row - r], sums[r][v]);
    }
}

/* A tile, of which so many rows and columns are stored. */
ALWAYS void make_tile(const int down, const int vectors, const struct plane_conv *conv, const float *x, int64_t rows,
                      int64_t columns, float *y, size_t y_row) {
    const int tall = ROWS_OF(vectors);
    vec sums[PLANES_ROWS][MOST_VECTORS];
    const vec bias = vec_all(conv->bias);
    const float *w = conv->weights;
#pragma GCC unroll 8
    for (int r = 0; r < tall; r++)
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++)
            sums[r][v] = bias;
    for (int tap = 0; tap < conv->across; tap++, x += conv->tap_step)
        for (int row = 0; row < conv->down; row += down, w += down)
            add_column(down, vectors, x + (size_t)row * conv->x_row, conv->x_row, w, sums);
#pragma GCC unroll 8
    for (int r = 0; r < tall; r++, y += y_row) {
        if (r == rows)
            return;
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++)
            store_some(y + v * VEC, sums[r][v], columns - v * VEC);
    }
}

/* All rows of some columns; the last tile has its place above the end, where there are rows enough. */
ALWAYS void make_columns(const int down, const int vectors, const struct plane_conv *conv, const float *x, int64_t rows,
                         int64_t columns, float *y, size_t y_row) {
    const int64_t tall = ROWS_OF(vectors), last = rows > tall ? rows - tall : 0;
    for (int64_t r = 0; r < rows; r += tall) {
        const int64_t first = r < last ? r : last;
        make_tile(down, vectors, conv, x + (size_t)first * conv->x_row, rows - first, columns,
                  y + (size_t)first * y_row, y_row);
    }
}

/* Two tiles of two vectors rather than one of three and a rest. */
static inline int vectors_of(int64_t left) {
    return MOST_VECTORS == 2 || left == 2 || left == 4 ? 2 : left == 1 ? 1 : 3;
}

ALWAYS void make_rows(const int down, const struct plane_conv *conv, int64_t rows, int64_t columns, float *y,
                      size_t y_row) {
    for (int64_t i = 0, vectors; i < columns; i += vectors * VEC) {
        vectors = vectors_of((columns - i + VEC - 1) / VEC);
        if (vectors == MOST_VECTORS)
            make_columns(down, MOST_VECTORS, conv, conv->x + i, rows, columns - i, y + i, y_row);
        else if (MOST_VECTORS == 3 && vectors == 1)
            make_columns(down, 1, conv, conv->x + i, rows, columns - i, y + i, y_row);
        else
            make_columns(down, 2, conv, conv->x + i, rows, columns - i, y + i, y_row);
    }
}

static void rows(const struct plane_conv *conv, int64_t rows, int64_t columns, float *y, size_t y_row) {
    if (conv->down == 3)
        make_rows(3, conv, rows, columns, y, y_row);
    else if (conv->down == 5)
        make_rows(5, conv, rows, columns, y, y_row);
    else if (conv->down == 7)
        make_rows(7, conv, rows, columns, y, y_row);
    else
        make_rows(1, conv, rows, columns, y, y_row);
}

static void copy(const float *x, size_t x_row, int64_t rows, int64_t columns, float *to, size_t to_row) {
    for (int64_t r = 0; r < rows; r++, x += x_row, to += to_row) {
        int64_t i = 0;
        for (; i + VEC <= columns; i += VEC)
            vec_store(to + i, vec_load(x + i));
        if (i < columns)
            vec_store_some(to + i, (size_t)(columns - i), vec_load_some(x + i, (size_t)(columns - i), (vec){0}));
    }
}

const struct planes_kernel LEVEL_NAME(planes_kernel) = {rows, copy};
