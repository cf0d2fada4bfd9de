#include "ops/blocked/few_outputs_pack.h"

/* A weight of a narrow sum: its output channel, or which one of the rows beside each other, and its tap from above. */
struct narrow_place {
    int64_t row, tap;
};

/*
 * Where such weights of the first input channel lie, and how many lanes stand beside each other. Some output channels
 * after the other: [tap of y][input channel][tap of x][lane]. Of rows beside each other: the first tap, which is the
 * upper one's alone, the last one, which is the lower one's, and the taps that they share.
 */
static int64_t narrow_lanes(const struct pack_job *job, struct narrow_place at, int64_t *start) {
    const struct blocked_depth *depth = &job->phase->depth;
    const int64_t floats = depth->length * depth->across, channels = job->state->window.out_channels; /* of a tap */
    if (job->phase->beside == 1) {
        const int64_t first = at.row / PLANE_CHANNELS * PLANE_CHANNELS, beside = channels - first;
        const int64_t lanes = beside < PLANE_CHANNELS ? beside : PLANE_CHANNELS;
        *start = first * depth->total + at.tap * floats * lanes + at.row - first;
        return lanes;
    }
    const int64_t tap = at.tap + at.row; /* of both */
    const bool alone = tap == 0 || tap == depth->down - 1;
    *start = alone ? at.row * floats : (2 + (tap - 1) * 2) * floats + at.row;
    return alone ? 1 : 2;
}

void few_outputs_pack(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                      float *packed) {
    const struct blocked_depth *depth = &job->phase->depth;
    const struct lattice_axis *ay = &job->phase->lattice.axis[1], *ax = &job->phase->lattice.axis[2];
    const int64_t rows = job->state->window.out_channels * job->phase->beside;
    const int64_t first = slice->first_block * CHANNEL_BLOCK, last = slice->end_block * CHANNEL_BLOCK;
    const int64_t end = last < depth->length ? last : depth->length;
    for (int64_t tap = 0; tap < ay->taps * ax->taps; tap++) {
        const int64_t y = tap / ax->taps, x = tap % ax->taps, left = ax->tap_step < 0 ? ax->taps - 1 - x : x;
        const int64_t kernel = lattice_kernel(&job->state->window, &job->phase->lattice, tap);
        for (int64_t row = 0; row < rows; row++) {
            int64_t start;
            const struct narrow_place at = {row, ay->tap_step < 0 ? ay->taps - 1 - y : y};
            const int64_t lanes = narrow_lanes(job, at, &start);
            for (int64_t channel = first; channel < end; channel++)
                packed[start + (channel * ax->taps + left) * lanes] =
                    pack_weight(job, weights, 0, job->phase->beside > 1 ? 0 : row, channel, kernel);
        }
    }
}
