#include "ops/spread.h"

#include <string.h>

#define WIDEST 256 /* columns of a segment: its products stay in a small cache */

bool spread_choose(const struct window *window, const struct lattice *lattice, const struct gemm_kernel *kernel,
                   struct spread *spread) {
    const struct lattice_axis *x = &lattice->axis[2];
    const int64_t step = x->tap_step < 0 ? -x->tap_step : x->tap_step, reach = (x->taps - 1) * step;
    const int64_t rows = window->out_channels * x->taps;
    if (window->out_channels * 2 > kernel->max_rows || x->taps < 2 || rows > 4 * kernel->max_rows || x->step != 1 ||
        reach > WIDEST / 4 || x->points < 1)
        return false;
    const int64_t widest = WIDEST + kernel->columns;
    spread->segments = (x->points + reach + widest - 1) / widest;
    if (spread->segments > 1)
        spread->segments = (x->points + widest - reach - 1) / (widest - reach);
    spread->outputs = (x->points + spread->segments - 1) / spread->segments;
    spread->columns = (spread->outputs + reach + kernel->columns - 1) / kernel->columns * kernel->columns;
    spread->rows = rows;
    spread->depth = lattice->taps / x->taps * lattice->channels;
    spread->lowest = x->tap_step < 0 ? reach : 0;
    return true;
}

int64_t spread_columns(const struct lattice *lattice, const struct spread *spread) {
    return lattice->axis[0].points * lattice->axis[1].points * spread->segments * spread->columns;
}

/* Where a segment lies. */
struct segment {
    int64_t z, y, x; /* points; x is its first output */
    int64_t outputs;
};

static struct segment segment_at(const struct lattice *lattice, const struct spread *spread, int64_t number) {
    const int64_t line = number / spread->segments;
    struct segment segment = {.z = line / lattice->axis[1].points,
                              .y = line % lattice->axis[1].points,
                              .x = number % spread->segments * spread->outputs};
    const int64_t left = lattice->axis[2].points - segment.x;
    segment.outputs = left < spread->outputs ? left : spread->outputs;
    return segment;
}

/* destination[i] = row[x + i], zero outside 0..in-1. */
static void copy_row(const float *row, int64_t in, int64_t x, int count, float *destination) {
    const int64_t before = x < 0 ? -x : 0, end = in - x;
    for (int i = 0; i < count; i++)
        destination[i] = i >= before && i < end ? row[x + i] : 0;
}

static int64_t input_at(const struct lattice_axis *axis, int64_t point, int64_t tap) {
    return point * axis->step + axis->first + tap * axis->tap_step;
}

void spread_fetch(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                  float *tile) {
    const struct spread_context *context = job->context;
    const struct lattice *lattice = context->lattice;
    const struct lattice_axis *az = &lattice->axis[0], *ay = &lattice->axis[1], *ax = &lattice->axis[2];
    const struct segment segment = segment_at(lattice, context->spread, column0 / context->spread->columns);
    const int64_t x = ax->first - context->spread->lowest + segment.x + column0 % context->spread->columns;
    const int64_t plane = az->in * ay->in * ax->in;
    for (int k = 0; k < depth; k++, tile += width) {
        const int64_t tap = (depth0 + k) / lattice->channels, channel = (depth0 + k) % lattice->channels;
        const int64_t z = input_at(az, segment.z, tap / ay->taps), y = input_at(ay, segment.y, tap % ay->taps);
        if (z < 0 || z >= az->in || y < 0 || y >= ay->in) {
            memset(tile, 0, (size_t)width * sizeof *tile);
            continue;
        }
        const float *row = job->input + channel * plane + (z * ay->in + y) * ax->in;
        if (x >= 0 && x + count <= ax->in && count == width)
            memcpy(tile, row + x, (size_t)width * sizeof *tile);
        else
            copy_row(row, ax->in, x, width, tile);
    }
}

/* One channel's outputs of a segment: the sum of its rows of products, each shifted by its tap. */
static void sum_shifted(const struct spread_context *context, const float *products, size_t stride, float bias,
                        int64_t outputs, float *sums) {
    const struct lattice_axis *ax = &context->lattice->axis[2];
    for (int64_t i = 0; i < outputs; i++)
        sums[i] = bias;
    for (int64_t tap = 0; tap < ax->taps; tap++) {
        const float *row = products + (size_t)tap * stride + context->spread->lowest + tap * ax->tap_step;
        for (int64_t i = 0; i < outputs; i++)
            sums[i] += row[i];
    }
    activation_apply(context->activation, sums, (size_t)outputs);
}

static void store_line(const struct lattice *lattice, const struct segment *segment, const float *sums, float *plane) {
    const struct lattice_axis *az = &lattice->axis[0], *ay = &lattice->axis[1], *ax = &lattice->axis[2];
    const int64_t z = az->out0 + segment->z * az->out_step, y = ay->out0 + segment->y * ay->out_step;
    float *destination = plane + (z * ay->out + y) * ax->out + ax->out0 + segment->x * ax->out_step;
    for (int64_t i = 0; i < segment->outputs; i++)
        destination[i * ax->out_step] = sums[i];
}

void spread_store(const struct gemm_job *job, int64_t row0, int rows, int64_t column0, int count, float *block,
                  size_t stride) {
    const struct spread_context *context = job->context;
    const struct lattice *lattice = context->lattice;
    const int64_t taps = lattice->axis[2].taps, channel0 = row0 / taps;
    const int64_t plane = lattice->axis[0].out * lattice->axis[1].out * lattice->axis[2].out;
    float sums[WIDEST + 64];
    for (int64_t column = 0; column < count; column += context->spread->columns) {
        const struct segment segment =
            segment_at(lattice, context->spread, (column0 + column) / context->spread->columns);
        for (int64_t channel = 0; channel < rows / taps; channel++) {
            sum_shifted(context, block + (size_t)(channel * taps) * stride + column, stride,
                        job->bias_later ? job->bias_later[channel0 + channel] : 0, segment.outputs, sums);
            store_line(lattice, &segment, sums, job->output + (channel0 + channel) * plane);
        }
    }
}
