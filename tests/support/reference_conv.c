#include "tests/support/reference_conv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t reference_size(const struct conv_problem *p, int d) {
    const int64_t reach = p->dilation[d] * (p->kernel[d] - 1) + 1, pads = p->pads[d] + p->pads[2 + d];
    if (p->transposed)
        return (p->size[d] - 1) * p->stride[d] + reach + p->output_padding[d] - pads;
    const int64_t left = p->size[d] + pads - reach;
    return left < 0 ? 0 : left / p->stride[d] + 1;
}

/* The index that stands for one outside; -1: zero. */
static int64_t inside(enum border border, int64_t i, int64_t size) {
    if (i >= 0 && i < size)
        return i;
    if (border == BORDER_ZERO)
        return -1;
    if (border == BORDER_EDGE)
        return i < 0 ? 0 : size - 1;
    return i < 0 ? -i : 2 * size - 2 - i;
}

/* x with its border, or, transposed, the sums before their edges are cut off: rows and columns of either. */
struct planes {
    int64_t rows, columns;
    double *data;
};

/* A channel with its border; the caller frees it. */
static struct planes pad_plane(const struct conv_problem *p, const double *x) {
    const int64_t height = p->size[0] + p->pads[0] + p->pads[2], width = p->size[1] + p->pads[1] + p->pads[3];
    struct planes padded = {height, width, calloc((size_t)(height * width), sizeof *x)};
    assert_non_null(padded.data);
    for (int64_t i = 0; i < height * width; i++) {
        const int64_t row = inside(p->border, i / width - p->pads[0], p->size[0]);
        const int64_t column = inside(p->border, i % width - p->pads[1], p->size[1]);
        padded.data[i] = row < 0 || column < 0 ? 0 : x[row * p->size[1] + column];
    }
    return padded;
}

/* to[i * to_step] += w * from[i * from_step] */
static void add_row(double *to, int64_t to_step, const double *from, int64_t from_step, double w, int64_t count) {
    if (to_step == 1 && from_step == 1)
        for (int64_t i = 0; i < count; i++)
            to[i] += w * from[i];
    else
        for (int64_t i = 0; i < count; i++)
            to[i * to_step] += w * from[i * from_step];
}

/* Adds a padded plane by one weight to the sums. */
static void add_tap(const struct conv_problem *p, const struct planes *x, double w, int64_t k,
                    const struct planes *sums) {
    const int64_t down = k / p->kernel[1] * p->dilation[0], across = k % p->kernel[1] * p->dilation[1];
    for (int64_t row = 0; row < (p->transposed ? x->rows : sums->rows); row++)
        if (p->transposed)
            add_row(sums->data + (row * p->stride[0] + down) * sums->columns + across, p->stride[1],
                    x->data + row * x->columns, 1, w, x->columns);
        else
            add_row(sums->data + row * sums->columns, 1, x->data + (row * p->stride[0] + down) * x->columns + across,
                    p->stride[1], w, sums->columns);
}

static double activate(const char *activation, double sum) {
    if (strcmp(activation, "Relu") == 0)
        return sum > 0 ? sum : 0;
    if (strcmp(activation, "LeakyRelu") == 0)
        return sum > 0 ? sum : (double)REFERENCE_SLOPE * sum;
    if (strcmp(activation, "Clip") == 0)
        return sum < -1 ? -1 : sum > 1 ? 1 : sum;
    return strcmp(activation, "Tanh") == 0 ? tanh(sum) : sum;
}

/* The sums of output channel `m` of a group, whose inputs are padded planes. */
static void add_channels(const struct conv_problem *p, const struct planes *x, const float *w, int64_t group, int64_t m,
                         const struct planes *sums) {
    const int64_t kernel = p->kernel[0] * p->kernel[1];
    for (int64_t c = 0; c < p->in; c++) {
        const int64_t channel = group * p->in + c;
        const float *taps = w + (p->transposed ? channel * p->out + m : (group * p->out + m) * p->in + c) * kernel;
        for (int64_t k = 0; k < kernel; k++)
            add_tap(p, &x[channel], (double)taps[k], k, sums);
    }
}

/* Outputs of a channel from its sums; transposed, `pads` are cut off. */
static void finish(const struct conv_problem *p, const struct planes *sums, double scale, double bias, double *range,
                   double *y) {
    const int64_t rows = reference_size(p, 0), columns = reference_size(p, 1);
    const int64_t top = p->transposed ? p->pads[0] : 0, left = p->transposed ? p->pads[1] : 0;
    for (int64_t i = 0; i < rows * columns; i++) {
        const double sum = scale * sums->data[(top + i / columns) * sums->columns + left + i % columns] + bias;
        *range = fabs(sum) > *range ? fabs(sum) : *range;
        y[i] = activate(p->activation, sum);
    }
}

static struct planes sum_planes(const struct conv_problem *p) {
    struct planes sums = {reference_size(p, 0), reference_size(p, 1), NULL};
    if (p->transposed) {
        sums.rows += p->pads[0] + p->pads[2] + p->stride[0];
        sums.columns += p->pads[1] + p->pads[3] + p->stride[1];
    }
    sums.data = calloc((size_t)(sums.rows * sums.columns), sizeof *sums.data);
    assert_non_null(sums.data);
    return sums;
}

/* The channels of one picture. */
static struct planes *pad_picture(const struct conv_problem *p, const double *x) {
    static const int64_t none[4];
    struct conv_problem plain = *p;
    struct planes *planes = calloc((size_t)(p->group * p->in), sizeof *planes);
    assert_non_null(planes);
    if (p->transposed)
        memcpy(plain.pads, none, sizeof none);
    for (int64_t c = 0; c < p->group * p->in; c++)
        planes[c] = pad_plane(&plain, x + c * p->size[0] * p->size[1]);
    return planes;
}

double *reference_conv(const struct conv_problem *p, const double *x, const float *w, const float *bias,
                       const float *scale, double *range) {
    const int64_t count = reference_size(p, 0) * reference_size(p, 1), channels = p->group * p->out;
    double *y = calloc((size_t)(p->batch * channels * count), sizeof *y);
    struct planes sums = sum_planes(p);
    assert_non_null(y);
    *range = 0;
    for (int64_t n = 0; n < p->batch; n++) {
        struct planes *planes = pad_picture(p, x + n * p->group * p->in * p->size[0] * p->size[1]);
        for (int64_t m = 0; m < channels; m++) {
            memset(sums.data, 0, (size_t)(sums.rows * sums.columns) * sizeof *sums.data);
            add_channels(p, planes, w, m / p->out, m % p->out, &sums);
            finish(p, &sums, scale ? (double)scale[m] : 1, bias ? (double)bias[m] : 0, range,
                   y + (n * channels + m) * count);
        }
        for (int64_t c = 0; c < p->group * p->in; c++)
            free(planes[c].data);
        free(planes);
    }
    free(sums.data);
    return y;
}
