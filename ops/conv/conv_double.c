#include "ops/conv/conv_double.h"

#include "base/thread_team.h"
#include "ops/conv/window_phases.h"
#include "ops/conv/window_weights.h"

struct double_work {
    const struct op_call *call;
    const struct window *window;
    const struct phase_geometry *geometry;
    struct window_weights weights;
};

/* Position or tap number `i` of a phase, by dimension. */
static void spread(int64_t i, const int64_t sizes[SPATIAL], int64_t at[SPATIAL]) {
    for (int d = SPATIAL - 1; d >= 0; d--) {
        at[d] = i % sizes[d];
        i /= sizes[d];
    }
}

/* The place of a tap's input in its channel, or -1 outside. */
static int64_t input_place(const struct phase_geometry *geometry, const int64_t at[SPATIAL], int64_t tap) {
    const struct phase_axis *axis = geometry->axis;
    const int64_t taps[SPATIAL] = {axis[0].taps, axis[1].taps, axis[2].taps};
    int64_t tap_at[SPATIAL], place = 0;
    spread(tap, taps, tap_at);
    for (int d = 0; d < SPATIAL; d++) {
        const int64_t i = phase_input(&axis[d], at[d], tap_at[d]);
        if (i < 0 || i >= axis[d].in)
            return -1;
        place = place * axis[d].in + i;
    }
    return place;
}

/* One output: channel m of a group at a position. x: the group's channels; w: the weights of m. */
static double sum_of(const struct double_work *work, const double *x, const double *w, const int64_t at[SPATIAL]) {
    const struct phase_geometry *geometry = work->geometry;
    const int64_t plane = geometry->axis[0].in * geometry->axis[1].in * geometry->axis[2].in;
    double sum = 0;
    for (int64_t tap = 0; tap < geometry->taps; tap++) {
        const int64_t place = input_place(geometry, at, tap), kernel = phase_kernel(work->window, geometry, tap);
        for (int64_t c = 0; place >= 0 && c < geometry->channels; c++)
            sum += x[c * plane + place] * w[c * work->weights.channel_stride + kernel];
    }
    return sum;
}

/* All positions of the phase for some output channels of the batch. */
static void run_channels(void *context, int64_t first, int64_t end) {
    const struct double_work *work = context;
    const struct window *window = work->window;
    const struct phase_axis *axis = work->geometry->axis;
    const int64_t channels = window->group * window->out_channels, out = axis[0].out * axis[1].out * axis[2].out;
    const int64_t plane = axis[0].in * axis[1].in * axis[2].in;
    const int64_t positions[SPATIAL] = {axis[0].positions, axis[1].positions, axis[2].positions};
    const struct tensor *bias = op_input(work->call, 2);
    for (int64_t i = first; i < end; i++) {
        const int64_t image = i / channels, m = i % channels, group = m / window->out_channels;
        const double *x =
            (const double *)work->call->inputs[0]->data + (image * window->group + group) * window->in_channels * plane;
        const double *w = (const double *)work->call->inputs[1]->data + group * work->weights.group_stride +
                          m % window->out_channels * work->weights.row_stride;
        double *y = (double *)work->call->outputs[0]->data + i * out;
        for (int64_t p = 0; p < work->geometry->positions; p++) {
            int64_t at[SPATIAL], place = 0;
            spread(p, positions, at);
            for (int d = 0; d < SPATIAL; d++)
                place = place * axis[d].out + axis[d].out0 + at[d] * axis[d].out_step;
            y[place] = sum_of(work, x, w, at) + (bias ? ((const double *)bias->data)[m] : 0);
        }
    }
}

void conv_double_run(const struct op_call *call, const struct window *window, bool transposed) {
    struct phase_geometry geometry;
    struct double_work work = {call, window, &geometry,
                               window_weights(window, transposed, call->inputs[1]->data, NULL)};
    if (call->outputs[0]->bytes == 0)
        return;
    for (int64_t i = 0; i < window_phases(window, transposed); i++) {
        window_phase(window, transposed, i, &geometry);
        if (geometry.positions > 0)
            team_for(call->threads, window->batch * window->group * window->out_channels, run_channels, &work);
    }
}
