#include "ops/norm/norm_moments.h"

#include "base/simd.h"
#include "base/sizes.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"

#include <math.h>

#define PIECE 4096 /* numbers that are read twice, from the nearest cache */
#define LANES 8

void norm_moments_add(struct norm_moments *to, const struct norm_moments *more) {
    if (to->count == 0) {
        *to = *more;
        return;
    }
    const double fraction = (double)more->count / (double)(to->count + more->count);
    const double distance = more->mean - to->mean;
    to->squares += more->squares + distance * distance * (double)to->count * fraction;
    to->mean += distance * fraction;
    to->count += more->count;
}

/* Sums in double precision. ADDED is what a number x of type double adds; `center` is at hand. */
#define SUM(NAME, T, ADDED)                                               \
    static double NAME##_##T(const T *in, int64_t count, double center) { \
        double lanes[LANES] = {0}, sum = 0;                               \
        int64_t i = 0;                                                    \
        (void)center;                                                     \
        for (; i + LANES <= count; i += LANES)                            \
            SIMD for (int lane = 0; lane < LANES; lane++) {               \
                const double x = (double)in[i + lane];                    \
                lanes[lane] += ADDED;                                     \
            }                                                             \
        for (; i < count; i++) {                                          \
            const double x = (double)in[i];                               \
            lanes[0] += ADDED;                                            \
        }                                                                 \
        for (int lane = 0; lane < LANES; lane++)                          \
            sum += lanes[lane];                                           \
        return sum;                                                       \
    }
#define MOMENTS(T)                                                                                 \
    SUM(sum, T, x)                                                                                 \
    SUM(squares, T, (x - center) * (x - center))                                                   \
    SUM(absolute, T, fabs(x))                                                                      \
    static struct norm_moments moments_##T(enum norm_measure measure, const T *x, int64_t count) { \
        if (measure == MEASURE_ABSOLUTE)                                                           \
            return (struct norm_moments){count, 0, absolute_##T(x, count, 0)};                     \
        const double mean = measure == MEASURE_SPREAD ? sum_##T(x, count, 0) / (double)count : 0;  \
        return (struct norm_moments){count, mean, squares_##T(x, count, mean)};                    \
    }
MOMENTS(float)
MOMENTS(double)

/* Squares that floats hold with all their digits, so that sums of them do. */
static bool in_range(double squares, int64_t count) {
    return squares < 1e38 && squares > 1e-24 * (double)count;
}

struct norm_moments norm_moments_from(const struct row_spread *spread, enum norm_measure measure, const float *x,
                                      int64_t count) {
    if (!in_range(spread->squares, count))
        return moments_float(measure, x, count);
    if (measure == MEASURE_SQUARES)
        return (struct norm_moments){count, 0, spread->squares};
    const double distance = spread->sum * (1 / (double)count), rest = spread->squares - spread->sum * distance;
    return (struct norm_moments){count, spread->center + distance, rest > 0 ? rest : rest * 0};
}

static struct norm_moments moments_fast(const struct row_kernel *rows, enum norm_measure measure, const float *x,
                                        int64_t count) {
    struct row_spread spread;
    if (measure == MEASURE_ABSOLUTE)
        return moments_float(measure, x, count);
    rows->spreads(x, 1, (size_t)count, measure == MEASURE_SPREAD, &spread);
    return norm_moments_from(&spread, measure, x, count);
}

struct norm_moments norm_moments_of(const struct kernels *kernels, enum dtype dtype, enum norm_measure measure,
                                    const void *x, int64_t count) {
    struct norm_moments moments = {0};
    if (count <= PIECE && dtype == DTYPE_FLOAT)
        return moments_fast(row_kernel_of(kernels), measure, x, count);
    for (int64_t i = 0; i < count; i += PIECE) {
        const int64_t n = at_most(count - i, PIECE);
        const struct norm_moments piece = dtype == DTYPE_DOUBLE
                                              ? moments_double(measure, (const double *)x + i, n)
                                              : moments_fast(row_kernel_of(kernels), measure, (const float *)x + i, n);
        norm_moments_add(&moments, &piece);
    }
    return moments;
}
