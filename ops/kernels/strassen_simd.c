/* The sums before and after the seven products of the quadrants of two matrices (Winograd's form of Strassen's). */
#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

static void squares(const float *x, int64_t depths, int lanes, double *squares_of, double *fourths) {
    for (int lane = 0; lane < lanes; lane += DOUBLES) {
        double_vec sum, fourth;
        memcpy(&sum, squares_of + lane, sizeof sum);
        memcpy(&fourth, fourths + lane, sizeof fourth);
        for (int64_t k = lane; k < depths * lanes; k += lanes) {
            const double_vec v = doubles_from_floats(x + k), square = v * v;
            sum += square;
            fourth = doubles_fma(square, square, fourth);
        }
        memcpy(squares_of + lane, &sum, sizeof sum);
        memcpy(fourths + lane, &fourth, sizeof fourth);
    }
}

/* Channel blocks ahead: what other processors read last comes slowly. A prefetch beyond the end does nothing. */
#define AHEAD 8

static void left(const struct strassen_rows *rows, int64_t blocks, float *destination, size_t block, size_t product) {
    const vec upper = vec_all(rows->upper_scale), lower = vec_all(rows->lower_scale);
    const uintptr_t ahead = AHEAD * block * sizeof *destination;
    for (int64_t k = 0; k < blocks * CHANNEL_BLOCK; k += VEC) {
        const vec a11 = vec_load(rows->upper + k) * upper, a12 = vec_load(rows->upper + rows->half + k) * upper;
        const vec a21 = vec_load(rows->lower + k) * lower, a22 = vec_load(rows->lower + rows->half + k) * lower;
        const vec s1 = a21 + a22, s2 = s1 - a11, s3 = a11 - a21, s4 = a12 - s2;
        const vec sums[STRASSEN_PRODUCTS] = {a11, s1, s2, a22, s3, a12, s4};
        float *place = destination + (size_t)(k / CHANNEL_BLOCK) * block + k % CHANNEL_BLOCK;
#pragma GCC unroll 8
        for (int i = 0; i < STRASSEN_PRODUCTS; i++, place += product) {
            __builtin_prefetch((const void *)((uintptr_t)place + ahead), 1);
            vec_store(place, sums[i]);
        }
    }
}

static void outputs(float *sums, size_t product, int rows, int lanes, const struct strassen_scales *scales,
                    const float *row_scales) {
    for (int row = 0; row < rows; row++, row_scales += 2) {
        const vec upper = vec_all(row_scales[0]), lower = vec_all(row_scales[1]);
        for (int v = 0; v < lanes; v += VEC, sums += VEC) {
            vec p[STRASSEN_PRODUCTS];
#pragma GCC unroll 8
            for (int i = 0; i < STRASSEN_PRODUCTS; i++)
                p[i] = vec_load(sums + (size_t)i * product);
            const vec l = vec_load(scales->left_back + v), r = vec_load(scales->right + v);
            const vec u2 = p[0] * vec_load(scales->left + v) + p[2], u3 = u2 + p[4];
            vec_store(sums, (p[0] + p[5]) * upper);
            vec_store(sums + product, ((u2 + p[1]) * r + p[6]) * upper);
            vec_store(sums + 2 * product, (u3 - p[3]) * l * lower);
            vec_store(sums + 3 * product, (u3 + p[1]) * r * lower);
        }
    }
}

const struct strassen_kernel LEVEL_NAME(strassen_kernel) = {squares, left, outputs};
