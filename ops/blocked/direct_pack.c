#include "ops/blocked/direct_pack.h"

/* A number of the depth: its input channel (-1: none) and tap of x. */
struct depth_index {
    int64_t channel, tap;
};

static struct depth_index depth_at(const struct blocked_state *state, const struct blocked_phase *phase, int64_t across,
                                   int64_t block, int64_t k) {
    const struct blocked_depth *depth = &phase->depth;
    const struct phase_axis *ax = &phase->geometry.axis[2];
    const int64_t channels = state->window.in_channels;
    if (depth->merged) {
        const int64_t place = k / channels;
        return (struct depth_index){k % channels, ax->tap_step < 0 ? ax->taps - 1 - place : place};
    }
    const int64_t channel = state->from_blocks ? block * CHANNEL_BLOCK + k : k;
    return (struct depth_index){channel < channels ? channel : -1, across};
}

/* The weights [length][lanes] of a panel, at one tap of y, entry of x and channel block. */
static void pack_entry(const struct pack_job *job, const struct window_weights *weights, int64_t group,
                       int64_t first_lane, int lanes, const int64_t at[3], float *packed) {
    const struct blocked_phase *phase = job->phase;
    const int64_t across = phase->geometry.axis[2].taps;
    for (int64_t k = 0; k < phase->depth.length; k++, packed += lanes) {
        const struct depth_index index = depth_at(job->state, phase, at[1], at[2], k);
        const int64_t kernel = phase_kernel(&job->state->window, &phase->geometry, at[0] * across + index.tap);
        pack_lanes(job, weights, group, first_lane, lanes, index.channel, kernel, packed);
    }
}

/* [k-block][entry][channel block][length][lanes] of a panel. Channel blocks are the outer loop: the source is read
 * once. */
void direct_pack(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                 float *packed) {
    const struct blocked_depth *depth = &job->phase->depth;
    const int lanes = panel_blocks(job->kernels->block, job->phase->out_blocks, slice->panel) * CHANNEL_BLOCK;
    const int64_t first_lane = slice->panel * job->kernels->block->blocks * CHANNEL_BLOCK;
    const int64_t entries = depth->down * depth->across;
    for (int64_t block = slice->first_block; block < slice->end_block; block++) {
        const int64_t first = block / depth->k_block * depth->k_block;
        const int64_t left = depth->blocks - first, in_k_block = left < depth->k_block ? left : depth->k_block;
        for (int64_t entry = 0; entry < entries; entry++) {
            const int64_t at[3] = {entry / depth->across, entry % depth->across, block};
            const int64_t before = first * entries + entry * in_k_block + (block - first);
            pack_entry(job, weights, slice->group, first_lane, lanes, at,
                       packed + first_lane * depth->total + before * depth->length * lanes);
        }
    }
}
