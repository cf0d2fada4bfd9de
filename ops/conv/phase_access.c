#include "ops/conv/phase_access.h"

#include <string.h>

void phase_close(struct phase_geometry *geometry, int64_t channels) {
    geometry->channels = channels;
    geometry->taps = geometry->positions = 1;
    for (int d = 0; d < SPATIAL; d++) {
        geometry->taps *= geometry->axis[d].taps;
        geometry->positions *= geometry->axis[d].positions;
    }
}

/* Positions that lie side by side in the last dimension. */
struct position_span {
    int64_t z, y, x;
    int column, count;
};

/* The span that starts at `column` of a tile whose first position is position0. */
static struct position_span span_at(const struct phase_geometry *geometry, int64_t position0, int column, int count) {
    const int64_t width = geometry->axis[2].positions, height = geometry->axis[1].positions;
    const int64_t position = position0 + column;
    struct position_span span = {
        .z = position / (width * height), .y = position / width % height, .x = position % width, .column = column};
    const int64_t left = width - span.x;
    span.count = left < count - column ? (int)left : count - column;
    return span;
}

static bool inside(const struct phase_axis *axis, int64_t i) {
    return i >= 0 && i < axis->in;
}

/* How a span reads one tap: `before` zeros, `count` samples from `offset` on, zeros to the end. */
struct tap_reading {
    int64_t offset; /* in a channel's plane */
    int before, count;
};

static int clamp_count(int64_t n, int most) {
    return n < 0 ? 0 : n > most ? most : (int)n;
}

static struct tap_reading read_tap(const struct phase_geometry *geometry, const struct position_span *span,
                                   int64_t tap) {
    const struct phase_axis *az = &geometry->axis[0], *ay = &geometry->axis[1], *ax = &geometry->axis[2];
    const int64_t z = phase_input(az, span->z, tap / (ay->taps * ax->taps));
    const int64_t y = phase_input(ay, span->y, tap / ax->taps % ay->taps);
    const int64_t x = phase_input(ax, span->x, tap % ax->taps);
    if (!inside(az, z) || !inside(ay, y))
        return (struct tap_reading){0, span->count, 0};
    const int before = clamp_count(x < 0 ? (-x + ax->step - 1) / ax->step : 0, span->count);
    const int end = clamp_count(x >= ax->in ? 0 : (ax->in - x + ax->step - 1) / ax->step, span->count);
    return (struct tap_reading){(z * ay->in + y) * ax->in + x + before * ax->step, before,
                                end > before ? end - before : 0};
}

/* How one tap of one span is copied for a run of channels, one plane and one row of the tile after the other. */
struct tap_copy {
    const float *source;
    int64_t plane, step, channels;
    float *destination;
    int width;
};

/* Inlined with constant counts for the common ones: a call of memcpy costs more than it copies. */
static inline __attribute__((always_inline)) void copy_rows(const struct tap_copy *copy, const int count) {
    const float *source = copy->source;
    float *destination = copy->destination;
    for (int64_t c = 0; c < copy->channels; c++, source += copy->plane, destination += copy->width)
        memcpy(destination, source, (size_t)count * sizeof *destination);
}

static void copy_samples(const struct tap_copy *copy, int count) {
    const float *source = copy->source;
    float *destination = copy->destination;
    const int64_t step = copy->step;
    for (int64_t c = 0; c < copy->channels; c++, source += copy->plane, destination += copy->width)
        for (int i = 0; i < count; i++)
            destination[i] = source[i * step];
}

static void copy_channels(const struct tap_copy *copy, int count) {
    if (copy->step != 1)
        copy_samples(copy, count);
    else if (count == 32)
        copy_rows(copy, 32);
    else if (count == 16)
        copy_rows(copy, 16);
    else if (count == 8)
        copy_rows(copy, 8);
    else
        copy_samples(copy, count);
}

static void clear_rows(const struct tap_copy *copy, int from, int count) {
    float *destination = copy->destination + from;
    for (int64_t c = 0; count > 0 && c < copy->channels; c++, destination += copy->width)
        for (int i = 0; i < count; i++)
            destination[i] = 0;
}

static void fetch_span(const struct tap_reading *reading, const struct position_span *span, struct tap_copy *copy) {
    const int end = reading->before + reading->count;
    clear_rows(copy, 0, reading->before);
    clear_rows(copy, end, span->count - end);
    if (reading->count == 0)
        return;
    copy->source += reading->offset;
    copy->destination += reading->before;
    copy_channels(copy, reading->count);
}

static void clear_columns(float *tile, int from, int width, int depth) {
    if (from < width)
        for (int k = 0; k < depth; k++)
            memset(tile + (size_t)k * (size_t)width + from, 0, (size_t)(width - from) * sizeof *tile);
}

void phase_fetch(const struct phase_geometry *geometry, const float *input, int64_t position0, int count,
                 int64_t depth0, int depth, int width, float *tile) {
    const int64_t plane = geometry->axis[0].in * geometry->axis[1].in * geometry->axis[2].in;
    clear_columns(tile, count, width, depth);
    struct position_span span;
    for (int column = 0; column < count; column += span.count) {
        span = span_at(geometry, position0, column, count);
        for (int64_t k = 0; k < depth;) {
            const int64_t tap = (depth0 + k) / geometry->channels, channel = (depth0 + k) % geometry->channels;
            const int64_t left = depth - k,
                          channels = geometry->channels - channel < left ? geometry->channels - channel : left;
            const struct tap_reading reading = read_tap(geometry, &span, tap);
            struct tap_copy copy = {.source = input + channel * plane,
                                    .plane = plane,
                                    .step = geometry->axis[2].step,
                                    .channels = channels,
                                    .destination = tile + k * width + column,
                                    .width = width};
            fetch_span(&reading, &span, &copy);
            k += channels;
        }
    }
}

void phase_store(const struct phase_geometry *geometry, const float *row, int64_t position0, int count, float *plane) {
    const struct phase_axis *az = &geometry->axis[0], *ay = &geometry->axis[1], *ax = &geometry->axis[2];
    struct position_span span;
    for (int column = 0; column < count; column += span.count) {
        span = span_at(geometry, position0, column, count);
        const int64_t z = az->out0 + span.z * az->out_step, y = ay->out0 + span.y * ay->out_step;
        float *destination = plane + (z * ay->out + y) * ax->out + ax->out0 + span.x * ax->out_step;
        const int64_t step = ax->out_step;
        if (step == 1)
            memcpy(destination, row + column, (size_t)span.count * sizeof *row);
        else
            for (int i = 0; i < span.count; i++)
                destination[i * step] = row[column + i];
    }
}
