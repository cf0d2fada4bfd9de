#include "ops/blocked/direct_pack.h"

/* One number of the depth: its input channel (-1: padding) and tap of x. */
struct depth_place {
    int64_t channel, tap;
};

static struct depth_place depth_at(const struct blocked_state *state, const struct blocked_phase *phase, int64_t across,
                                   int64_t block, int64_t k) {
    const struct blocked_depth *depth = &phase->depth;
    const struct lattice_axis *ax = &phase->lattice.axis[2];
    const int64_t channels = state->window.in_channels;
    if (depth->merged) {
        const int64_t place = k / channels;
        return (struct depth_place){k % channels, ax->tap_step < 0 ? ax->taps - 1 - place : place};
    }
    const int64_t channel = state->from_blocks ? block * CHANNEL_BLOCK + k : k;
    return (struct depth_place){channel < channels ? channel : -1, across};
}

/* The weights of one entry and block, `length` rows of a panel's lanes. */
static void pack_stretch(const struct pack_job *job, const struct window_weights *weights, int64_t group,
                         int64_t first_lane, int lanes, const int64_t place[3], float *packed) {
    const struct blocked_phase *phase = job->phase;
    const int64_t across = phase->lattice.axis[2].taps;
    for (int64_t k = 0; k < phase->depth.length; k++, packed += lanes) {
        const struct depth_place at = depth_at(job->state, phase, place[1], place[2], k);
        const int64_t kernel = lattice_kernel(&job->state->window, &phase->lattice, place[0] * across + at.tap);
        pack_lanes(job, weights, group, first_lane, lanes, at.channel, kernel, packed);
    }
}

/* [cut][entry][block][length][lanes] of one panel; blocks outermost while packing, so that the source is read once. */
void direct_pack(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                 float *packed) {
    const struct blocked_depth *depth = &job->phase->depth;
    const int lanes = panel_blocks(job->kernels->block, job->phase->rows, slice->panel) * CHANNEL_BLOCK;
    const int64_t first_lane = slice->panel * job->kernels->block->blocks * CHANNEL_BLOCK;
    const int64_t entries = depth->down * depth->across;
    for (int64_t block = slice->first_block; block < slice->end_block; block++) {
        const int64_t first = block / depth->cut_blocks * depth->cut_blocks;
        const int64_t left = depth->blocks - first, in_cut = left < depth->cut_blocks ? left : depth->cut_blocks;
        for (int64_t entry = 0; entry < entries; entry++) {
            const int64_t place[3] = {entry / depth->across, entry % depth->across, block};
            const int64_t stretch = first * entries + entry * in_cut + (block - first);
            pack_stretch(job, weights, slice->group, first_lane, lanes, place,
                         packed + first_lane * depth->total + stretch * depth->length * lanes);
        }
    }
}
