/* Packing the weights of a phase as its algorithm walks them. */
#include "ops/blocked.h"

#include "ops/unaligned.h"

#include <string.h>

struct pack_job {
    const struct blocked_state *state;
    const struct blocked_phase *phase;
    const struct kernels *kernels;
    int threads;
    const float *scale;
};

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

/* The weight of an output and an input channel at an index within the kernel. */
static float weight_at(const struct pack_job *job, const struct window_weights *weights, int64_t group, int64_t row,
                       int64_t channel, int64_t kernel) {
    const float weight = unaligned_float(weights->source, group * weights->group_stride + row * weights->row_stride +
                                                              channel * weights->channel_stride + kernel);
    return weights->scale ? weight * weights->scale[group * job->state->window.out_channels + row] : weight;
}

/* The weights of one entry and block, `length` rows of a panel's lanes. */
static void pack_stretch(const struct pack_job *job, const struct window_weights *weights, int64_t group,
                         int64_t first_lane, int lanes, const int64_t place[3], float *packed) {
    const struct blocked_phase *phase = job->phase;
    const int64_t across = phase->lattice.axis[2].taps, channels = job->state->window.out_channels;
    for (int64_t k = 0; k < phase->depth.length; k++, packed += lanes) {
        const struct depth_place at = depth_at(job->state, phase, place[1], place[2], k);
        const int64_t kernel = lattice_kernel(&job->state->window, &phase->lattice, place[0] * across + at.tap);
        for (int i = 0; i < lanes; i++)
            packed[i] = at.channel < 0 || first_lane + i >= channels
                            ? 0
                            : weight_at(job, weights, group, first_lane + i, at.channel, kernel);
    }
}

/* What is packed at once: the weights of a panel for some channel blocks of the input. */
struct slice {
    int64_t group, panel, first_block, end_block;
};

/* [cut][entry][block][length][lanes] of one panel; blocks outermost while packing, so that the source is read once. */
static void pack_direct(const struct pack_job *job, const struct window_weights *weights, const struct slice *slice,
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

static void pack_narrow(const struct pack_job *job, const struct window_weights *weights, const struct slice *slice,
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
                    weight_at(job, weights, 0, job->phase->beside > 1 ? 0 : row, channel, kernel);
        }
    }
}

/* The taps of sixteen output channels at one input channel: taps[y][x][lane]; 0 where there is no weight. */
static void load_taps(const struct pack_job *job, const struct window_weights *weights, const struct filter_part *part,
                      int64_t group, int64_t first, int64_t channel, float *taps) {
    const struct filter_axis *axis = job->phase->filters[0].axis;
    const struct window *window = &job->state->window;
    const int64_t left = window->out_channels - first, lanes = left < CHANNEL_BLOCK ? left : CHANNEL_BLOCK;
    const int64_t start =
        group * weights->group_stride + first * weights->row_stride + channel * weights->channel_stride;
    memset(taps, 0, (size_t)(axis[0].taps * axis[1].taps * CHANNEL_BLOCK) * sizeof *taps);
    for (int y = 0; y < axis[0].taps; y++)
        for (int x = 0; x < axis[1].taps; x++, taps += CHANNEL_BLOCK) {
            const int64_t ky = part->kernel0[0] + y * part->kernel_step[0],
                          kx = part->kernel0[1] + x * part->kernel_step[1];
            if (channel >= window->in_channels || ky >= window->axis[1].kernel || kx >= window->axis[2].kernel)
                continue;
            for (int64_t lane = 0; lane < lanes; lane++)
                taps[lane] = unaligned_float(weights->source,
                                             start + lane * weights->row_stride + ky * weights->kernel_width + kx);
            for (int64_t lane = 0; weights->scale && lane < lanes; lane++)
                taps[lane] *= weights->scale[group * window->out_channels + first + lane];
        }
}

/* [point][cut][panel][depth][lanes]: where a panel's weights of one depth lie within a point, in floats. */
static int64_t filter_place(const struct blocked_phase *phase, int64_t depths, int64_t first_lane, int64_t lanes,
                            int64_t depth) {
    const int64_t cut = depth / (FILTER_CUT * CHANNEL_BLOCK) * (FILTER_CUT * CHANNEL_BLOCK), left = depths - cut;
    const int64_t in_cut = left < FILTER_CUT * CHANNEL_BLOCK ? left : FILTER_CUT * CHANNEL_BLOCK;
    return cut * phase->rows * CHANNEL_BLOCK + first_lane * in_cut + (depth - cut) * lanes;
}

static void pack_filter(const struct pack_job *job, const struct window_weights *weights, const struct slice *slice,
                        float *packed) {
    const struct blocked_phase *phase = job->phase;
    const struct filter_lattice *filter = &phase->filters[0];
    const int blocks = panel_blocks(job->kernels->block, phase->rows, slice->panel);
    const int64_t channels = channel_blocks(job->state->window.in_channels) * CHANNEL_BLOCK;
    const int64_t first = slice->panel * job->kernels->block->blocks * CHANNEL_BLOCK;
    const int64_t depths = filter->part_count * channels;
    float taps[9 * CHANNEL_BLOCK];
    for (int part = 0; part < filter->part_count; part++)
        for (int64_t channel = slice->first_block * CHANNEL_BLOCK; channel < slice->end_block * CHANNEL_BLOCK;
             channel++) {
            float *place =
                packed + filter_place(phase, depths, first, blocks * CHANNEL_BLOCK, part * channels + channel);
            for (int block = 0; block < blocks; block++, place += CHANNEL_BLOCK) {
                load_taps(job, weights, &filter->parts[part], slice->group, first + block * CHANNEL_BLOCK, channel,
                          taps);
                job->kernels->filter->weights(filter->axis[0].kind, filter->axis[1].kind, taps, place,
                                              (size_t)(phase->rows * CHANNEL_BLOCK * depths));
            }
        }
}

/*
 * Channel blocks of the input that are packed before their pages are let go: all where output channels come first, in
 * the source, or groups.
 */
static int64_t part_blocks(const struct pack_job *job, const struct tensor *source, int64_t blocks) {
    const int64_t parts = (int64_t)(source->bytes / PACKING_PART_BYTES) + 1;
    return job->state->transposed && job->state->window.group == 1 ? (blocks + parts - 1) / parts : blocks;
}

static void drop_part(const struct pack_job *job, const struct tensor *source, int64_t channel_stride, int64_t first,
                      int64_t end) {
    const int64_t channels = job->state->window.in_channels;
    const int64_t from = first * CHANNEL_BLOCK, to = end * CHANNEL_BLOCK < channels ? end * CHANNEL_BLOCK : channels;
    tensor_drop_range(source, (size_t)(from * channel_stride) * sizeof(float),
                      (size_t)((to - from) * channel_stride) * sizeof(float));
}

static void pack_phase(void *destination, const struct tensor *source, const void *context) {
    const struct pack_job *job = context;
    const struct blocked_phase *phase = job->phase;
    const int64_t groups = job->state->window.group, panels = panel_count(job->kernels->block, phase->rows);
    const int64_t blocks = job->state->from_blocks ? channel_blocks(job->state->window.in_channels) : 1;
    const int64_t part = part_blocks(job, source, blocks);
    const struct window_weights weights =
        window_weights(&job->state->window, job->state->transposed, source->data, job->scale);
    for (int64_t first = 0; first < blocks; first += part) {
        const int64_t end = first + part < blocks ? first + part : blocks;
#pragma omp parallel for schedule(dynamic) collapse(2) num_threads(job->threads)
        for (int64_t group = 0; group < groups; group++)
            for (int64_t panel = 0; panel < panels; panel++) {
                const struct slice slice = {group, panel, first, end};
                float *packed = (float *)destination + group * (phase->floats / groups);
                if (phase->algorithm == BLOCKED_FILTER)
                    pack_filter(job, &weights, &slice, packed);
                else if (phase->algorithm == BLOCKED_NARROW)
                    pack_narrow(job, &weights, &slice, packed);
                else
                    pack_direct(job, &weights, &slice, packed);
            }
        if (part < blocks)
            drop_part(job, source, weights.channel_stride, first, end);
    }
}

/* What tells the packed form of a phase from those of other algorithms. */
static int64_t algorithm_code(const struct blocked_state *state, const struct blocked_phase *phase) {
    int64_t code = phase->algorithm * 2 + state->from_blocks;
    if (phase->algorithm == BLOCKED_FILTER)
        code += 8 * (phase->filters[0].axis[0].kind * FILTER_KINDS + phase->filters[0].axis[1].kind);
    return code;
}

status blocked_take_weights(struct op_call *call, struct blocked_state *state, struct error *err) {
    const struct tensor *weight = call->inputs[1], *scale = op_input(call, 3);
    const bool cached = window_weights_constant(call);
    for (int64_t i = 0; i < state->phase_count; i++) {
        struct blocked_phase *phase = &state->phases[i];
        const size_t bytes = (size_t)phase->floats * sizeof(float);
        if (!cached) {
            state->packed_bytes += (bytes + 63) / 64 * 64;
            continue;
        }
        const struct pack_job job = {state, phase, call->kernels, call->threads, scale ? scale->data : NULL};
        struct packing packing = {.name = call->kernels->block->name,
                                  .bytes = bytes,
                                  .pack = pack_phase,
                                  .context = &job,
                                  .read_again = i + 1 < state->phase_count};
        window_packing_key(&state->window, state->transposed, scale, i, &packing);
        packing.numbers[WINDOW_KEY_NUMBERS] = algorithm_code(state, phase);
        packing.numbers[WINDOW_KEY_NUMBERS + 1] = DEPTH_CUT;
        packing.numbers[WINDOW_KEY_NUMBERS + 2] = FILTER_CUT;
        phase->packed = weight_cache_get(call->weights, weight, &packing);
        if (!phase->packed)
            return fail_memory(err, "packed weights");
    }
    return STATUS_OK;
}

void blocked_pack_now(const struct op_call *call, struct blocked_state *state, float *room) {
    const struct tensor *scale = op_input(call, 3);
    for (int64_t i = 0; i < state->phase_count; i++) {
        struct blocked_phase *phase = &state->phases[i];
        const struct pack_job job = {state, phase, call->kernels, call->threads, scale ? scale->data : NULL};
        pack_phase(room, call->inputs[1], &job);
        phase->packed = room;
        room += ((size_t)phase->floats * sizeof(float) + 63) / 64 * 64 / sizeof(float);
    }
}
