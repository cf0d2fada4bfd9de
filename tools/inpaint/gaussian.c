#include "tools/inpaint/gaussian.h"

#include <math.h>

#define CUT_OFF 4.0 /* sigmas */

size_t gaussian_radius(double sigma) {
    return (size_t)(CUT_OFF * sigma + 0.5);
}

#define LANES 8
#define BLOCK 128

/* Adds up as NumPy does: eight running sums, joined in pairs, over blocks that halve the list. */
static double pairwise_sum(const double *values, size_t count) {
    if (count > BLOCK) {
        const size_t half = count / 2 - count / 2 % LANES;
        return pairwise_sum(values, half) + pairwise_sum(values + half, count - half);
    }
    double lanes[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lanes[k] += values[i + k];
    if (i)
        sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    for (; i < count; i++)
        sum += values[i];
    return sum;
}

void gaussian_kernel(double sigma, size_t radius, double *weights, double *full) {
    if (radius == 0) { /* also sigma 0 */
        weights[0] = 1;
        return;
    }
    const double factor = -0.5 / (sigma * sigma);
    for (size_t i = 0; i <= 2 * radius; i++) {
        const double x = (double)i - (double)radius;
        full[i] = exp(factor * (x * x));
    }
    const double sum = pairwise_sum(full, 2 * radius + 1);
    for (size_t j = 0; j <= radius; j++)
        weights[j] = full[radius + j] / sum;
}

void gaussian_start(double weight, const double *row, size_t width, double *sum) {
    for (size_t x = 0; x < width; x++)
        sum[x] = row[x] * weight;
}

void gaussian_add(double weight, const double *before, const double *after, size_t width, double *sum) {
    for (size_t x = 0; x < width; x++)
        sum[x] += (before[x] + after[x]) * weight;
}
