/*
 * Coordinates and filters of Resize (ONNX 11, 13, 18, 19). Cubic: R. Keys, "Cubic Convolution Interpolation for Digital
 * Image Processing", 1981, equation 4; with antialias the filter is stretched when the picture becomes smaller.
 */
#include "ops/resize/resize_taps.h"

#include "base/checked.h"
#include "base/sizes.h"
#include "ops/kernels/resize.h"

#include <math.h>
#include <string.h>

/*
 * Where output x lies in the input. Filters are smooth, and take coordinates in double precision; the nearest element
 * jumps, so that it is found in single precision as onnxruntime does: 2 / (2/3.0f) is 3 there, and slightly less than 3
 * in double precision.
 */
#define COORDINATE(NAME, T)                                                                             \
    static T NAME(const struct resize_axis *axis, enum resize_coordinates kind, T x) {                  \
        const T scale = (T)axis->scale, in = (T)axis->in, out = (T)axis->out, length = (T)axis->length; \
        const T start = (T)axis->start, end = (T)axis->end, half = (T)0.5;                              \
        switch (kind) {                                                                                 \
        case RESIZE_ASYMMETRIC:                                                                         \
            return x / scale;                                                                           \
        case RESIZE_TF_HALF_PIXEL_FOR_NN:                                                               \
            return (x + half) / scale;                                                                  \
        case RESIZE_ALIGN_CORNERS:                                                                      \
            return axis->out == 1 ? 0 : x * (in - 1) / (length - 1);                                    \
        case RESIZE_CROP:                                                                               \
            return axis->out == 1 ? half * (start + end) * (in - 1)                                     \
                                  : start * (in - 1) + x * (end - start) * (in - 1) / (length - 1);     \
        case RESIZE_HALF_PIXEL_SYMMETRIC:                                                               \
            return in / 2 * (1 - out / length) + (x + half) / scale - half;                             \
        case RESIZE_PYTORCH_HALF_PIXEL:                                                                 \
            return axis->out == 1 ? 0 : (x + half) / scale - half;                                      \
        case RESIZE_HALF_PIXEL:                                                                         \
            break;                                                                                      \
        }                                                                                               \
        return (x + half) / scale - half;                                                               \
    }
COORDINATE(coordinate_float, float)
COORDINATE(coordinate_double, double)

/* What the filter is stretched by, 0..1: its taps are the input's elements times that. */
static double narrowing(const struct resize_params *params, const struct resize_axis *axis) {
    return params->antialias ? fmin(axis->scale, 1) : 1;
}

/* Elements that the whole filter covers. */
static int64_t footprint(const struct resize_params *params, const struct resize_axis *axis) {
    const double side = params->mode == RESIZE_CUBIC ? 2 : 1;
    return -2 * (int64_t)floor(-side / narrowing(params, axis));
}

int64_t resize_tap_count(const struct resize_params *params, const struct resize_axis *axis) {
    return params->mode == RESIZE_NEAREST ? 1 : at_most(footprint(params, axis), axis->in);
}

/* Where the tables lie, in bytes. */
struct places {
    size_t windows, weights, outside, line, end;
};

static bool place_tables(const struct resize_params *params, const struct resize_axis *axis, size_t size,
                         struct places *places) {
    const size_t taps = params->mode == RESIZE_NEAREST ? 0 : (size_t)resize_tap_count(params, axis);
    const size_t out = (size_t)axis->out; /* at most INT32_MAX, as are the taps */
    size_t weights;
    if (!size_mul(taps * size, out, &weights) || weights > SIZE_MAX / 4)
        return false;
    places->windows = whole_line_bytes(out * sizeof(int32_t));
    places->weights = places->windows + whole_line_bytes((out / RESIZE_WINDOW + 1) * sizeof(int32_t));
    places->outside = places->weights + whole_line_bytes(weights);
    places->line = places->outside + (params->coordinates == RESIZE_CROP ? whole_line_bytes(out) : 0);
    places->end = places->line + whole_line_bytes(taps * sizeof(double));
    return true;
}

bool resize_tap_bytes(const struct resize_params *params, const struct resize_axis *axis, size_t size, size_t *bytes) {
    struct places places;
    if (!place_tables(params, axis, size, &places))
        return false;
    *bytes = places.end;
    return true;
}

static double keys(double x, double a) {
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static double filter_at(const struct resize_params *params, double distance) {
    const double x = fabs(distance);
    return params->mode == RESIZE_CUBIC ? keys(x, (double)params->cubic) : fmax(0, 1 - x);
}

/* The weights of one output at x into line[taps]; returns the first input. */
static int64_t make_line(const struct resize_params *params, const struct resize_axis *axis, double x, int64_t taps,
                         double *line) {
    const double narrow = narrowing(params, axis), below = ceil(x) - 1;
    const int64_t whole = footprint(params, axis), left = (int64_t)below + 1 - whole / 2;
    const int64_t first = between(0, left, axis->in - taps);
    double sum = 0;
    memset(line, 0, (size_t)taps * sizeof *line);
    for (int64_t k = 0; k < whole; k++) {
        const int64_t i = left + k;
        const double weight = filter_at(params, ((double)i - x) * narrow);
        if (params->exclude_outside && (i < 0 || i >= axis->in))
            continue;
        line[between(0, i, axis->in - 1) - first] += weight;
        sum += weight;
    }
    for (int64_t t = 0; (params->antialias || params->exclude_outside) && sum != 0 && t < taps; t++)
        line[t] /= sum;
    return first;
}

static void set_weights(struct resize_taps *taps, int64_t o, const double *line, size_t size) {
    for (int64_t t = 0; t < taps->taps; t++) {
        if (size == sizeof(float))
            ((float *)taps->weights)[t * taps->out + o] = (float)line[t];
        else
            ((double *)taps->weights)[t * taps->out + o] = line[t];
    }
}

static double round_nearest(enum resize_rounding rounding, double scale, float x) {
    switch (rounding) {
    case RESIZE_PREFER_CEIL:
        return floor((double)x + 0.5);
    case RESIZE_FLOOR:
        return floor((double)x);
    case RESIZE_CEIL:
        return ceil((double)x);
    case RESIZE_SIMPLE:
        return scale < 1 ? ceil((double)x) : trunc((double)x);
    case RESIZE_PREFER_FLOOR:
        break;
    }
    return ceil((double)x - 0.5);
}

/* A coordinate that is far out, or not a number, is as good as one just outside. */
static double near_picture(double x, const struct resize_axis *axis) {
    return x > -4 ? fmin(x, (double)axis->in + 4) : -4;
}

static int64_t first_of(const struct resize_params *params, const struct resize_axis *axis, int64_t o, size_t size,
                        double *line, struct resize_taps *taps) {
    if (params->mode == RESIZE_NEAREST) {
        const float x = coordinate_float(axis, params->coordinates, (float)o);
        return between(0, (int64_t)near_picture(round_nearest(params->rounding, axis->scale, x), axis), axis->in - 1);
    }
    const double x = near_picture(coordinate_double(axis, params->coordinates, (double)o), axis);
    const int64_t first = make_line(params, axis, x, taps->taps, line);
    set_weights(taps, o, line, size);
    return first;
}

void resize_make_taps(const struct resize_params *params, const struct resize_axis *axis, size_t size,
                      const struct resize_kernel *kernel, char *memory, struct resize_taps *taps) {
    struct places places;
    place_tables(params, axis, size, &places);
    *taps = (struct resize_taps){.in = axis->in,
                                 .out = axis->out,
                                 .taps = (int)resize_tap_count(params, axis),
                                 .first = (void *)memory,
                                 .windows = (void *)(memory + places.windows),
                                 .weights = memory + places.weights,
                                 .is_outside = (uint8_t *)memory + places.outside};
    for (int64_t o = 0; o < axis->out; o++) {
        taps->first[o] = (int32_t)first_of(params, axis, o, size, (void *)(memory + places.line), taps);
        if (params->coordinates != RESIZE_CROP)
            continue;
        const double x = coordinate_double(axis, params->coordinates, (double)o);
        taps->is_outside[o] = axis->changes && !(x >= 0 && x <= (double)(axis->in - 1));
        taps->outside |= taps->is_outside[o] != 0;
    }
    if (kernel->plan)
        kernel->plan(&(struct resize_line){.in = taps->in, .out = taps->out, .taps = taps->taps, .first = taps->first},
                     taps->windows);
}
