/* The kernel of a Gaussian, and a symmetric kernel laid over rows; sums are taken in a fixed order. */
#ifndef LIMNER_TOOLS_INPAINT_GAUSSIAN_H
#define LIMNER_TOOLS_INPAINT_GAUSSIAN_H

#include <stddef.h>

/* The kernel reaches this far to either side. */
size_t gaussian_radius(double sigma);
/* weights[0..radius]: weights[j] belongs to the neighbours at distance j. full: room for 2 * radius + 1 numbers. */
void gaussian_kernel(double sigma, size_t radius, double *weights, double *full);

/* sum[x] = weight * row[x] */
void gaussian_start(double weight, const double *row, size_t width, double *sum);
/* sum[x] += weight * (before[x] + after[x]) */
void gaussian_add(double weight, const double *before, const double *after, size_t width, double *sum);

#endif
