/* The transforms of minimal filtering (Winograd), a dimension at a time. Matrices after Cook and Toom; ops/filter.c has
   the same points for the weights. */
#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

#define VECTORS 2

/* Adds up the nonzero terms of one row; everything is constant but the data, so zeros cost nothing. */
static inline __attribute__((always_inline)) void multiply(const int rows, const int columns, const float (*matrix)[6],
                                                           const float *source, size_t source_stride,
                                                           float *destination, size_t destination_stride) {
    for (int v = 0; v < VECTORS; v++) {
        vec points[6];
#pragma GCC unroll 6
        for (int j = 0; j < columns; j++)
            points[j] = vec_load(source + (size_t)j * source_stride + v * VEC);
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            vec sum = {0};
#pragma GCC unroll 6
            for (int j = 0; j < columns; j++)
                if (matrix[i][j] != 0)
                    sum = vec_fma(vec_all(matrix[i][j]), points[j], sum);
            vec_store(destination + (size_t)i * destination_stride + v * VEC, sum);
        }
    }
}

/* Points 0, 1, infinity. */
static const float input_2_2[3][6] = {{-1, 1}, {0, 1}, {0, -1, 1}};
static const float output_2_2[2][6] = {{1, 1}, {0, 1, 1}};
/* Points 0, 1, -1, infinity. */
static const float input_2_3[4][6] = {{-1, 0, 1}, {0, 1, 1}, {0, -1, 1}, {0, -1, 0, 1}};
static const float output_2_3[2][6] = {{1, 1, 1}, {0, 1, -1, 1}};
/* Points 0, 1, -1, 2, infinity. */
static const float input_4_2[5][6] = {{2, -1, -2, 1}, {0, -2, -1, 1}, {0, 2, -3, 1}, {0, -1, 0, 1}, {0, 2, -1, -2, 1}};
static const float output_4_2[4][6] = {{1, 1, 1, 1}, {0, 1, -1, 2}, {0, 1, 1, 4}, {0, 1, -1, 8, 1}};
/* Points 0, 1, -1, 2, -2, infinity. */
static const float input_4_3[6][6] = {{4, 0, -5, 0, 1},  {0, -4, -4, 1, 1}, {0, 4, -4, -1, 1},
                                      {0, -2, -1, 2, 1}, {0, 2, -1, -2, 1}, {0, 4, 0, -5, 0, 1}};
static const float output_4_3[4][6] = {{1, 1, 1, 1, 1}, {0, 1, -1, 2, -2}, {0, 1, 1, 4, 4}, {0, 1, -1, 8, -8, 1}};

static void copy(const float *source, float *destination) {
    memcpy(destination, source, VECTORS * VEC * sizeof *source);
}

static void input(enum filter_kind kind, const float *source, size_t source_stride, float *destination,
                  size_t destination_stride) {
    switch (kind) {
    case FILTER_2_2:
        multiply(3, 3, input_2_2, source, source_stride, destination, destination_stride);
        break;
    case FILTER_4_2:
        multiply(5, 5, input_4_2, source, source_stride, destination, destination_stride);
        break;
    case FILTER_2_3:
        multiply(4, 4, input_2_3, source, source_stride, destination, destination_stride);
        break;
    case FILTER_4_3:
        multiply(6, 6, input_4_3, source, source_stride, destination, destination_stride);
        break;
    default:
        copy(source, destination);
    }
}

static void output(enum filter_kind kind, const float *source, size_t source_stride, float *destination,
                   size_t destination_stride) {
    switch (kind) {
    case FILTER_2_2:
        multiply(2, 3, output_2_2, source, source_stride, destination, destination_stride);
        break;
    case FILTER_4_2:
        multiply(4, 5, output_4_2, source, source_stride, destination, destination_stride);
        break;
    case FILTER_2_3:
        multiply(2, 4, output_2_3, source, source_stride, destination, destination_stride);
        break;
    case FILTER_4_3:
        multiply(4, 6, output_4_3, source, source_stride, destination, destination_stride);
        break;
    default:
        copy(source, destination);
    }
}

static void gather(float *restrict destination, const float *restrict source, int count, int64_t step) {
    if (step == 1)
        memcpy(destination, source, (size_t)count * sizeof *source);
    else if (step == 2)
        for (int i = 0; i < count; i++)
            destination[i] = source[2 * i];
    else
        for (int i = 0; i < count; i++)
            destination[i] = source[i * step];
}

static void scatter(float *restrict destination, const float *restrict source, int count, int64_t step) {
    if (step == 1)
        memcpy(destination, source, (size_t)count * sizeof *source);
    else if (step == 2)
        for (int i = 0; i < count; i++)
            destination[2 * i] = source[i];
    else
        for (int i = 0; i < count; i++)
            destination[i * step] = source[i];
}

static void deal(float *restrict destination, size_t stride, const float *restrict line, int ways, int count) {
    float *restrict second = destination + stride, *restrict third = second + stride, *restrict fourth = third + stride;
    if (ways == 1) {
        memcpy(destination, line, (size_t)count * sizeof *line);
    } else if (ways == 2) {
        for (int i = 0; i < count; i++) {
            destination[i] = line[2 * i];
            second[i] = line[2 * i + 1];
        }
    } else {
        for (int i = 0; i < count; i++) {
            destination[i] = line[4 * i];
            second[i] = line[4 * i + 1];
            third[i] = line[4 * i + 2];
            fourth[i] = line[4 * i + 3];
        }
    }
}

static void collect(float *restrict line, const float *restrict source, size_t stride, int ways, int count) {
    const float *restrict second = source + stride, *restrict third = second + stride,
                          *restrict fourth = third + stride;
    if (ways == 1) {
        memcpy(line, source, (size_t)count * sizeof *line);
    } else if (ways == 2) {
        for (int i = 0; i < count; i++) {
            line[2 * i] = source[i];
            line[2 * i + 1] = second[i];
        }
    } else {
        for (int i = 0; i < count; i++) {
            line[4 * i] = source[i];
            line[4 * i + 1] = second[i];
            line[4 * i + 2] = third[i];
            line[4 * i + 3] = fourth[i];
        }
    }
}

const struct filter_kernel LEVEL_NAME(filter_kernel) = {input, output, gather, scatter, deal, collect};
