#include "ops/blocked/few_outputs_pack.h"

/* Which weights: of an output channel, or of the upper or lower of two rows; and the tap of y, counted from the top. */
struct weight_place {
    int64_t row, tap;
};

/*
 * Where the weights of the first input channel lie, and how many lanes they have. For every FEW_OUTPUTS_CHANNELS output
 * channels: [tap of y][input channel][tap of x][lane]. For two rows: first the tap that only the upper one has, then
 * the one that only the lower one has, both with one lane; then those of both, with two.
 */
static int64_t row_lanes(const struct pack_job *job, struct weight_place at, int64_t *start) {
    const struct blocked_depth *depth = &job->phase->depth;
    const int64_t floats = depth->length * depth->across, channels = job->state->window.out_channels; /* of a tap */
    if (job->phase->rows_together == 1) {
        const int64_t first = at.row / FEW_OUTPUTS_CHANNELS * FEW_OUTPUTS_CHANNELS, left = channels - first;
        const int64_t lanes = left < FEW_OUTPUTS_CHANNELS ? left : FEW_OUTPUTS_CHANNELS;
        *start = first * depth->total + at.tap * floats * lanes + at.row - first;
        return lanes;
    }
    const int64_t tap = at.tap + at.row; /* counted over the taps of both rows */
    const bool alone = tap == 0 || tap == depth->down - 1;
    *start = alone ? at.row * floats : (2 + (tap - 1) * 2) * floats + at.row;
    return alone ? 1 : 2;
}

void few_outputs_pack(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                      float *packed) {
    const struct blocked_depth *depth = &job->phase->depth;
    const struct phase_axis *ay = &job->phase->geometry.axis[1], *ax = &job->phase->geometry.axis[2];
    const int64_t rows = job->state->window.out_channels * job->phase->rows_together;
    const int64_t first = slice->first_block * CHANNEL_BLOCK, last = slice->end_block * CHANNEL_BLOCK;
    const int64_t end = last < depth->length ? last : depth->length;
    if (slice->panel > 0)
        return;
    for (int64_t tap = 0; tap < ay->taps * ax->taps; tap++) {
        const int64_t y = tap / ax->taps, x = tap % ax->taps, from_left = ax->tap_step < 0 ? ax->taps - 1 - x : x;
        const int64_t kernel = phase_kernel(&job->state->window, &job->phase->geometry, tap);
        for (int64_t row = 0; row < rows; row++) {
            int64_t start;
            const struct weight_place at = {row, ay->tap_step < 0 ? ay->taps - 1 - y : y};
            const int64_t lanes = row_lanes(job, at, &start);
            for (int64_t channel = first; channel < end; channel++)
                packed[start + (channel * ax->taps + from_left) * lanes] =
                    pack_weight(job, weights, 0, job->phase->rows_together > 1 ? 0 : row, channel, kernel);
        }
    }
}
