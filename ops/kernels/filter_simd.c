/*
 * The transforms of minimal filtering (Winograd), a dimension at a time, on channel blocks. F(m, r) multiplies
 * polynomials at m + r - 2 points and infinity (Cook and Toom): BT transforms inputs, G weights, AT the products.
 */
#include "ops/kernels/activate.h"
#include "ops/kernels/tables.h"

#define LANES CHANNEL_BLOCK
#define MOST FILTER_POINTS

/* Points 0, 1, infinity. */
static const float input_2_2[MOST][MOST] = {{-1, 1}, {0, 1}, {0, -1, 1}};
static const float output_2_2[MOST][MOST] = {{1, 1}, {0, 1, 1}};
/* Points 0, 1, -1, infinity. */
static const float input_2_3[MOST][MOST] = {{-1, 0, 1}, {0, 1, 1}, {0, -1, 1}, {0, -1, 0, 1}};
static const float output_2_3[MOST][MOST] = {{1, 1, 1}, {0, 1, -1, 1}};
/* Points 0, 1, -1, 2, infinity. */
static const float input_4_2[MOST][MOST] = {
    {2, -1, -2, 1}, {0, -2, -1, 1}, {0, 2, -3, 1}, {0, -1, 0, 1}, {0, 2, -1, -2, 1}};
static const float output_4_2[MOST][MOST] = {{1, 1, 1, 1}, {0, 1, -1, 2}, {0, 1, 1, 4}, {0, 1, -1, 8, 1}};
/* Points 0, 1, -1, 2, -2, infinity. */
static const float input_4_3[MOST][MOST] = {{4, 0, -5, 0, 1},  {0, -4, -4, 1, 1}, {0, 4, -4, -1, 1},
                                            {0, -2, -1, 2, 1}, {0, 2, -1, -2, 1}, {0, 4, 0, -5, 0, 1}};
static const float output_4_3[MOST][MOST] = {{1, 1, 1, 1, 1}, {0, 1, -1, 2, -2}, {0, 1, 1, 4, 4}, {0, 1, -1, 8, -8, 1}};
static const float one[MOST][MOST] = {{1}};

/* Rows of G: [1, a, a^2] over the product of distances from point a to the others; infinity last. */
static const double weight_one[MOST][3] = {{1}};
static const double weight_2_2[MOST][3] = {{-1, 0}, {1, 1}, {0, 1}};
static const double weight_4_2[MOST][3] = {
    {1 / 2.0, 0}, {-1 / 2.0, -1 / 2.0}, {-1 / 6.0, 1 / 6.0}, {1 / 6.0, 2 / 6.0}, {0, 1}};
static const double weight_2_3[MOST][3] = {
    {-1, 0, 0}, {1 / 2.0, 1 / 2.0, 1 / 2.0}, {1 / 2.0, -1 / 2.0, 1 / 2.0}, {0, 0, 1}};
static const double weight_4_3[MOST][3] = {{1 / 4.0, 0, 0},
                                           {-1 / 6.0, -1 / 6.0, -1 / 6.0},
                                           {-1 / 6.0, 1 / 6.0, -1 / 6.0},
                                           {1 / 24.0, 2 / 24.0, 4 / 24.0},
                                           {1 / 24.0, -2 / 24.0, 4 / 24.0},
                                           {0, 0, 1}};

static inline __attribute__((always_inline)) vec scaled(const float factor, vec x) {
    if (factor == 1)
        return x;
    return vec_all(factor) * x;
}

static inline __attribute__((always_inline)) vec plus_scaled(vec sum, const float factor, vec x) {
    if (factor == 1)
        return sum + x;
    if (factor == -1)
        return sum - x;
    return vec_fma(vec_all(factor), x, sum);
}

/*
 * Adds up the nonzero terms of each row; everything is constant but the data, so zeros cost nothing. A stage that reads
 * or writes as many streams as there are points asks for what comes next: the processor follows only some of them.
 */
static inline __attribute__((always_inline)) void multiply(const int rows, const int columns,
                                                           const float (*matrix)[MOST],
                                                           const struct filter_lines *lines, const bool finishes,
                                                           const enum block_finish finish) {
    const vec alpha = vec_all(lines->alpha), beta = vec_all(lines->beta);
    const float *source = lines->source;
    float *destination = lines->destination;
    for (int line = 0; line < lines->count; line++) {
        for (int v = 0; v < LANES; v += VEC) {
            vec points[MOST];
#pragma GCC unroll 8
            for (int j = 0; j < columns; j++)
                points[j] = vec_load(source + (size_t)j * lines->source_point + v);
#pragma GCC unroll 8
            for (int i = 0; i < rows; i++) {
                vec sum = {0};
                bool empty = true;
#pragma GCC unroll 8
                for (int j = 0; j < columns; j++)
                    if (matrix[i][j] != 0) {
                        sum = empty ? scaled(matrix[i][j], points[j]) : plus_scaled(sum, matrix[i][j], points[j]);
                        empty = false;
                    }
                if (finishes)
                    sum = activate(finish, sum + vec_load(lines->bias + v), alpha, beta);
                vec_store(destination + (size_t)i * lines->destination_point + v, sum);
            }
        }
        if (lines->source_ahead)
#pragma GCC unroll 8
            for (int j = 0; j < columns; j++)
                __builtin_prefetch(source + (size_t)j * lines->source_point + lines->source_ahead);
        if (lines->destination_ahead)
#pragma GCC unroll 8
            for (int i = 0; i < rows; i++)
                __builtin_prefetch(destination + (size_t)i * lines->destination_point + lines->destination_ahead, 1);
        source += lines->source_line;
        destination += lines->destination_line;
    }
}

#define MULTIPLY(rows, columns, matrix) multiply(rows, columns, matrix, lines, false, BLOCK_COPY)

#define FINISH(kind, rows, columns, matrix)                 \
    case kind:                                              \
        multiply(rows, columns, matrix, lines, true, kind); \
        break;
#define MULTIPLY_AND_FINISH(rows, columns, matrix)          \
    if (!lines->bias) {                                     \
        MULTIPLY(rows, columns, matrix);                    \
    } else                                                  \
        switch (lines->finish) {                            \
            FINISH(BLOCK_COPY, rows, columns, matrix)       \
            FINISH(BLOCK_RELU, rows, columns, matrix)       \
            FINISH(BLOCK_LEAKY_RELU, rows, columns, matrix) \
            FINISH(BLOCK_CLIP, rows, columns, matrix)       \
        }

static void input(enum filter_kind kind, const struct filter_lines *lines) {
    switch (kind) {
    case FILTER_2_2:
        MULTIPLY(3, 3, input_2_2);
        break;
    case FILTER_4_2:
        MULTIPLY(5, 5, input_4_2);
        break;
    case FILTER_2_3:
        MULTIPLY(4, 4, input_2_3);
        break;
    case FILTER_4_3:
        MULTIPLY(6, 6, input_4_3);
        break;
    default:
        MULTIPLY(1, 1, one);
    }
}

static void output(enum filter_kind kind, const struct filter_lines *lines) {
    switch (kind) {
    case FILTER_2_2:
        MULTIPLY_AND_FINISH(2, 3, output_2_2);
        break;
    case FILTER_4_2:
        MULTIPLY_AND_FINISH(4, 5, output_4_2);
        break;
    case FILTER_2_3:
        MULTIPLY_AND_FINISH(2, 4, output_2_3);
        break;
    case FILTER_4_3:
        MULTIPLY_AND_FINISH(4, 6, output_4_3);
        break;
    default:
        MULTIPLY_AND_FINISH(1, 1, one);
    }
}

/* destination[i] = sum of matrix[i][t] * source[t], for all lanes, in double precision. */
static inline __attribute__((always_inline)) void multiply_weights(const int points, const int taps,
                                                                   const double (*matrix)[3], const double *source,
                                                                   size_t source_tap, double *destination,
                                                                   size_t destination_point) {
    for (int i = 0; i < points; i++)
        for (int lane = 0; lane < LANES; lane++) {
            double sum = 0;
            for (int t = 0; t < taps; t++)
                sum += matrix[i][t] * source[(size_t)t * source_tap + (size_t)lane];
            destination[(size_t)i * destination_point + (size_t)lane] = sum;
        }
}

static void transform_line(enum filter_kind kind, const double *source, size_t tap, double *destination, size_t point) {
    switch (kind) {
    case FILTER_2_2:
        multiply_weights(3, 2, weight_2_2, source, tap, destination, point);
        break;
    case FILTER_4_2:
        multiply_weights(5, 2, weight_4_2, source, tap, destination, point);
        break;
    case FILTER_2_3:
        multiply_weights(4, 3, weight_2_3, source, tap, destination, point);
        break;
    case FILTER_4_3:
        multiply_weights(6, 3, weight_4_3, source, tap, destination, point);
        break;
    default:
        multiply_weights(1, 1, weight_one, source, tap, destination, point);
    }
}

static void weights(enum filter_kind y, enum filter_kind x, const float *taps, float *destination, size_t point) {
    const int rows = filter_taps(y), columns = filter_taps(x), across = filter_points(x), down = filter_points(y);
    double wide[3 * 3 * LANES], half[3 * MOST * LANES], whole[MOST * MOST * LANES];
    for (int i = 0; i < rows * columns * LANES; i++)
        wide[i] = taps[i];
    for (int i = 0; i < rows; i++)
        transform_line(x, wide + i * columns * LANES, LANES, half + i * across * LANES, LANES);
    for (int j = 0; j < across; j++)
        transform_line(y, half + j * LANES, (size_t)(across * LANES), whole + j * LANES, (size_t)(across * LANES));
    for (int p = 0; p < down * across; p++)
        for (int lane = 0; lane < LANES; lane++)
            destination[(size_t)p * point + (size_t)lane] = (float)whole[p * LANES + lane];
}

const struct filter_kernel LEVEL_NAME(filter_kernel) = {input, output, weights};
