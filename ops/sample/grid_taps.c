#include "ops/sample/grid_taps.h"

#include <math.h>

int grid_tap_count(enum grid_mode mode) {
    return mode == GRID_NEAREST ? 1 : mode == GRID_LINEAR ? 2 : 4;
}

static double place_single(float number, float size, bool align_corners) {
    return (double)(align_corners ? (number + 1) / 2.0f * (size - 1) : ((number + 1) * size - 1) / 2.0f);
}

static double place_double(double number, double size, bool align_corners) {
    return align_corners ? (number + 1) / 2 * (size - 1) : ((number + 1) * size - 1) / 2;
}

/* Of numbers within +-1e15; the functions of the C library are calls. */
static inline int64_t floor_of(double x) {
    const int64_t i = (int64_t)x;
    return i - ((double)i > x);
}

#define ROUNDING 6755399441055744.0 /* 1.5 * 2^52: a sum with it has no fraction */

/* Back and forth between the borders. */
static double reflect(double x, double low, double high) {
    const double range = high - low;
    if (!(range > 0))
        return low;
    const double rest = fmod(fabs(x - low), 2 * range); /* as seen from the lower border, either way */
    return low + (rest <= range ? rest : 2 * range - rest);
}

static double bounded(double x, double low, double high) {
    return !(x > low) ? low : x > high ? high : x;
}

/* A place outside becomes one inside, where the padding says so. */
static double inside_of(const struct grid_params *params, double x, int64_t size) {
    const double last = (double)(size - 1);
    const double low = params->align_corners ? 0 : -0.5, high = params->align_corners ? last : last + 0.5;
    if (params->padding == GRID_BORDER && params->mode != GRID_CUBIC) /* cubic: each tap by itself, as PyTorch has it */
        return x < low || x > high ? bounded(x, 0, last) : x;
    return params->padding == GRID_REFLECTION && (x < low || x > high) ? reflect(x, low, high) : x;
}

static int64_t index_of(const struct grid_params *params, double i, int64_t size) {
    const double last = (double)(size - 1);
    if (i >= 0 && i <= last)
        return (int64_t)i;
    if (params->padding == GRID_ZEROS)
        return -1;
    if (params->padding == GRID_REFLECTION)
        i = trunc(params->align_corners ? reflect(i, 0, last) : reflect(i, -0.5, last + 0.5));
    return (int64_t)bounded(i, 0, last);
}

/* R. Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, with a = -3/4. */
static double keys(double x) {
    const double a = -0.75;
    x = fabs(x);
    return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

void grid_find_taps(const struct grid_params *params, double number, bool single, int64_t size,
                    struct grid_taps *taps) {
    double x = single ? place_single((float)number, (float)size, params->align_corners)
                      : place_double(number, (double)size, params->align_corners);
    x = bounded(x, -1e15, 1e15); /* what is not a number is far outside */
    if (params->mode == GRID_NEAREST)
        x = (x + ROUNDING) - ROUNDING;
    taps->count = grid_tap_count(params->mode);
    if (params->mode == GRID_LINEAR && x >= 0 && x < (double)(size - 1)) { /* as a rule: nothing is outside */
        const int64_t low = (int64_t)x;
        taps->index[0] = low;
        taps->index[1] = low + 1;
        taps->weight[0] = 1 - (x - (double)low);
        taps->weight[1] = 1 - ((double)low + 1 - x);
        return;
    }
    x = inside_of(params, x, size);
    const double first =
        params->mode == GRID_NEAREST ? (double)(int64_t)x : (double)(floor_of(x) - (params->mode == GRID_CUBIC));
    for (int t = 0; t < taps->count; t++) {
        const double i = first + t, distance = fabs(x - i);
        taps->index[t] = index_of(params, i, size);
        taps->weight[t] = params->mode == GRID_NEAREST  ? 1
                          : params->mode == GRID_LINEAR ? 1 - distance
                                                        : keys(distance);
    }
}
