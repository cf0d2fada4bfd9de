#include "tools/files/resample.h"

#include "base/checked.h"

#include <math.h>
#include <stdlib.h>

#define LOBES 3
#define PI 3.14159265358979323846

static double sinc(double x) {
    return x == 0 ? 1 : sin(PI * x) / (PI * x);
}

static double lanczos(double x) {
    return fabs(x) < LOBES ? sinc(x) * sinc(x / LOBES) : 0;
}

/* What one new sample is made of: count old ones from first on. */
struct span {
    size_t first, count;
};

/* The spans of a side, and their weights, `most` for each. */
struct filter {
    struct span *spans;
    float *weights;
    size_t most;
};

static void filter_free(struct filter *filter) {
    free(filter->spans);
    free(filter->weights);
}

static void weigh(struct filter *filter, size_t at, size_t in, double ratio, double widening) {
    const double centre = ((double)at + 0.5) * ratio, reach = LOBES * widening;
    const double low = floor(centre - reach + 0.5), high = floor(centre + reach + 0.5);
    const size_t first = low < 0 ? 0 : (size_t)low, end = high > (double)in ? in : (size_t)high;
    float *weights = filter->weights + at * filter->most;
    double sum = 0;
    filter->spans[at] = (struct span){first, end - first};
    for (size_t i = first; i < end; i++)
        sum += lanczos(((double)i + 0.5 - centre) / widening);
    for (size_t i = first; i < end; i++)
        weights[i - first] = (float)(lanczos(((double)i + 0.5 - centre) / widening) / sum);
}

static status filter_make(struct filter *filter, size_t in, size_t out, struct error *err) {
    const double ratio = (double)in / (double)out, widening = ratio > 1 ? ratio : 1;
    size_t count;
    *filter = (struct filter){.most = (size_t)ceil(LOBES * widening) * 2 + 1};
    if (size_mul(filter->most, out, &count)) {
        filter->spans = calloc(out, sizeof *filter->spans);
        filter->weights = calloc(count, sizeof *filter->weights);
    }
    if (!filter->spans || !filter->weights)
        return fail_memory(err, "a filter");
    for (size_t i = 0; i < out; i++)
        weigh(filter, i, in, ratio, widening);
    return STATUS_OK;
}

static void filter_row(const struct filter *filter, const float *in, size_t out_width, float *out) {
    for (size_t x = 0; x < out_width; x++) {
        const struct span span = filter->spans[x];
        const float *weights = filter->weights + x * filter->most;
        float sum = 0;
        for (size_t i = 0; i < span.count; i++)
            sum += weights[i] * in[span.first + i];
        out[x] = sum;
    }
}

/* Row y of the result from rows of this width. */
static void filter_column(const struct filter *filter, const float *in, size_t width, size_t y, float *out) {
    const struct span span = filter->spans[y];
    for (size_t x = 0; x < width; x++)
        out[x] = 0;
    for (size_t i = 0; i < span.count; i++) {
        const float weight = filter->weights[y * filter->most + i], *row = in + (span.first + i) * width;
        for (size_t x = 0; x < width; x++)
            out[x] += weight * row[x];
    }
}

status resample_plane(const float *in, size_t in_height, size_t in_width, float *out, size_t out_height,
                      size_t out_width, struct error *err) {
    struct filter across = {.spans = NULL}, down = {.spans = NULL};
    size_t count;
    float *rows = size_mul(in_height, out_width, &count) ? calloc(count, sizeof *rows) : NULL;
    status code = rows ? filter_make(&across, in_width, out_width, err) : fail_memory(err, "a picture");
    if (!code)
        code = filter_make(&down, in_height, out_height, err);
    for (size_t y = 0; !code && y < in_height; y++)
        filter_row(&across, in + y * in_width, out_width, rows + y * out_width);
    for (size_t y = 0; !code && y < out_height; y++)
        filter_column(&down, rows, out_width, y, out + y * out_width);
    free(rows);
    filter_free(&across);
    filter_free(&down);
    return code;
}

static unsigned to_sample(float light) {
    return light <= 0 ? 0 : light >= 1 ? 65535 : (unsigned)(light * 65535 + 0.5F);
}

status picture_resample(const struct picture *picture, size_t x, size_t y, size_t width, size_t height,
                        size_t out_width, size_t out_height, struct picture *out, struct error *err) {
    const size_t channels = (size_t)picture->channels;
    const float peak = (float)picture_peak(picture);
    *out = (struct picture){out_width, out_height, picture->channels, 16, NULL, NULL};
    status code = picture_allocate(out, SIZE_MAX, err);
    float *plane = code ? NULL : calloc(width, height * sizeof *plane);
    float *scaled = code ? NULL : calloc(out_width, out_height * sizeof *scaled);
    if (!code && (!plane || !scaled))
        code = fail_memory(err, "a picture");
    for (size_t c = 0; !code && c < channels; c++) {
        for (size_t i = 0; i < width * height; i++) {
            const size_t pixel = (y + i / width) * picture->width + x + i % width;
            plane[i] = (float)picture_sample(picture, pixel * channels + c) / peak;
        }
        code = resample_plane(plane, height, width, scaled, out_height, out_width, err);
        for (size_t i = 0; !code && i < out_width * out_height; i++)
            picture_set_sample(out, i * channels + c, to_sample(scaled[i]));
    }
    free(plane);
    free(scaled);
    return code;
}
