/* Choosing the algorithm of each lattice, and packing its weights. */
#include "ops/blocked.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_CUT 1024 /* depth of a cut, about: its weights stay in a small cache. A constant of the arithmetic */

static void close_depth(struct blocked_depth *depth) {
    const int64_t entries = depth->down * depth->across;
    const int64_t fitting = DEPTH_CUT / (entries * depth->length);
    depth->cut_blocks = fitting < 1 ? 1 : fitting < depth->blocks ? fitting : depth->blocks;
    depth->cuts = (depth->blocks + depth->cut_blocks - 1) / depth->cut_blocks;
    depth->total = entries * depth->length * depth->blocks;
}

static struct blocked_depth depth_of(const struct blocked_state *state, const struct lattice *lattice) {
    const struct lattice_axis *ay = &lattice->axis[1], *ax = &lattice->axis[2];
    const int64_t channels = state->window.in_channels;
    struct blocked_depth depth = {.down = ay->taps, .across = ax->taps, .length = CHANNEL_BLOCK};
    depth.blocks = channel_blocks(channels);
    if (!state->from_blocks) {
        depth.merged = ax->tap_step == 1 || ax->tap_step == -1 || ax->taps == 1;
        depth.across = depth.merged ? 1 : ax->taps;
        depth.length = depth.merged ? ax->taps * channels : channels;
        depth.blocks = 1;
    }
    close_depth(&depth);
    return depth;
}

static void plan_narrow(const struct blocked_state *state, struct blocked_phase *phase) {
    phase->algorithm = BLOCKED_NARROW;
    phase->rows = channel_blocks(state->window.out_channels * phase->lattice.axis[2].taps);
    phase->depth = (struct blocked_depth){.down = phase->lattice.axis[1].taps,
                                          .across = 1,
                                          .length = CHANNEL_BLOCK,
                                          .blocks = channel_blocks(state->window.in_channels)};
    close_depth(&phase->depth);
    phase->depth.cut_blocks = phase->depth.blocks;
    phase->depth.cuts = 1;
}

static void plan_phase(const struct blocked_state *state, const struct kernels *kernels, struct blocked_phase *phase) {
    phase->rows = channel_blocks(state->window.out_channels);
    if (!state->to_blocks) {
        plan_narrow(state, phase);
    } else if (state->from_blocks && kernels->filter &&
               (phase->filter_count = filter_choose(&state->window, &phase->lattice, phase->filters, FILTER_SETS)) >
                   0) {
        const struct filter_lattice *filter = &phase->filters[0];
        phase->algorithm = BLOCKED_FILTER;
        phase->floats = (int64_t)filter->axis[0].points * filter->axis[1].points * filter->part_count *
                        channel_blocks(state->window.in_channels);
    } else {
        phase->depth = depth_of(state, &phase->lattice);
    }
    if (phase->algorithm == BLOCKED_FILTER)
        phase->floats *= state->window.group * phase->rows * CHANNEL_BLOCK * CHANNEL_BLOCK;
    else
        phase->floats = state->window.group * phase->rows * CHANNEL_BLOCK * phase->depth.total;
}

/* The rows and columns that an image's copy must have. */
static void cover_image(struct blocked_state *state, const struct lattice *lattice, int64_t highest[2]) {
    for (int d = 0; d < 2; d++) {
        const struct lattice_axis *axis = &lattice->axis[1 + d];
        const int64_t taps = (axis->taps - 1) * axis->tap_step;
        const int64_t low = axis->first + (taps < 0 ? taps : 0);
        const int64_t high = axis->first + (axis->points - 1) * axis->step + (taps > 0 ? taps : 0);
        state->lowest[d] = low < state->lowest[d] ? low : state->lowest[d];
        highest[d] = high > highest[d] ? high : highest[d];
    }
}

status blocked_plan(struct blocked_state *state, const struct kernels *kernels, struct error *err) {
    const struct window *window = &state->window;
    int64_t points = 0, highest[2] = {0, 0};
    state->phase_count = window_lattices(window, state->transposed);
    state->phases = calloc((size_t)state->phase_count, sizeof *state->phases);
    if (!state->phases)
        return fail_memory(err, "the phases of a convolution");
    for (int64_t i = 0; i < state->phase_count; i++) {
        window_lattice(window, state->transposed, i, &state->phases[i].lattice);
        if (!state->to_blocks && !blocked_narrow_fits(state, &state->phases[i].lattice, kernels->block))
            return fail(err, STATUS_UNSUPPORTED, "too many output channels for a plain output");
        plan_phase(state, kernels, &state->phases[i]);
        points += state->phases[i].lattice.points;
        if (state->phases[i].lattice.points > 0)
            cover_image(state, &state->phases[i].lattice, highest);
    }
    for (int d = 0; d < 2; d++)
        state->padded[d] = highest[d] - state->lowest[d] + 1;
    state->uncovered = points < window->axis[1].out * window->axis[2].out;
    return STATUS_OK;
}

void blocked_ask_ahead(struct block_source *source, const float *next, int blocks, int64_t number, int64_t tiles) {
    const int64_t steps = (int64_t)source->entries * source->blocks; /* of a tile */
    const int64_t lines = (int64_t)source->length * blocks * CHANNEL_BLOCK * (int64_t)sizeof(float) / 64;
    source->ahead_lines = (int)((lines + tiles - 1) / tiles);
    source->ahead = next + number * steps * source->ahead_lines * (64 / (int64_t)sizeof(float));
}

/* ---- packing ---- */

struct pack_job {
    const struct blocked_state *state;
    const struct blocked_phase *phase;
    const struct kernels *kernels;
    int threads;
    const float *scale;
};

/* Which output channel and tap of x a lane is: a narrow sum has them all side by side. */
struct lane {
    int64_t channel, tap; /* channel -1: padding; tap -1: not the lane's to say */
};

static struct lane lane_at(const struct blocked_state *state, const struct blocked_phase *phase, int64_t number) {
    const int64_t channels = state->window.out_channels, taps = phase->lattice.axis[2].taps;
    if (phase->algorithm != BLOCKED_NARROW)
        return (struct lane){number < channels ? number : -1, -1};
    const bool falling = phase->lattice.axis[2].tap_step < 0;
    const int64_t place = number / channels; /* from the left */
    return number < channels * taps ? (struct lane){number % channels, falling ? taps - 1 - place : place}
                                    : (struct lane){-1, -1};
}

/* One number of the depth: its input channel and tap of x. */
static struct lane depth_at(const struct blocked_state *state, const struct blocked_phase *phase, int64_t across,
                            int64_t block, int64_t k) {
    const struct blocked_depth *depth = &phase->depth;
    const struct lattice_axis *ax = &phase->lattice.axis[2];
    const int64_t channels = state->window.in_channels;
    if (depth->merged) {
        const int64_t place = k / channels;
        return (struct lane){k % channels, ax->tap_step < 0 ? ax->taps - 1 - place : place};
    }
    const int64_t channel = state->from_blocks ? block * CHANNEL_BLOCK + k : k;
    return (struct lane){channel < channels ? channel : -1, across};
}

/* The weights of one entry and block, `length` rows of a panel's lanes. */
static void pack_stretch(const struct pack_job *job, const struct window_weights *weights, int64_t group,
                         int64_t first_lane, int lanes, const int64_t place[3], float *packed) {
    const struct blocked_phase *phase = job->phase;
    const struct window *window = &job->state->window;
    const int64_t across = phase->lattice.axis[2].taps;
    struct lane lane[4 * CHANNEL_BLOCK];
    for (int i = 0; i < lanes; i++)
        lane[i] = lane_at(job->state, phase, first_lane + i);
    for (int64_t k = 0; k < phase->depth.length; k++, packed += lanes) {
        const struct lane row = depth_at(job->state, phase, place[1], place[2], k);
        const int64_t start = group * weights->group_stride + row.channel * weights->channel_stride;
        const int64_t shared = phase->algorithm == BLOCKED_NARROW
                                   ? 0
                                   : lattice_kernel(window, &phase->lattice, place[0] * across + row.tap);
        for (int i = 0; i < lanes; i++) {
            if (lane[i].channel < 0 || row.channel < 0) {
                packed[i] = 0;
                continue;
            }
            const int64_t kernel =
                lane[i].tap < 0 ? shared : lattice_kernel(window, &phase->lattice, place[0] * across + lane[i].tap);
            packed[i] = window_weight(weights, start + lane[i].channel * weights->row_stride + kernel);
            if (weights->scale)
                packed[i] *= weights->scale[group * window->out_channels + lane[i].channel];
        }
    }
}

/* [cut][entry][block][length][lanes] of one panel; blocks outermost while packing, so that the source is read once. */
static void pack_direct_panel(const struct pack_job *job, const struct window_weights *weights, int64_t group,
                              int64_t panel, float *packed) {
    const struct blocked_depth *depth = &job->phase->depth;
    const int most = job->kernels->block->blocks;
    const int lanes = panel_blocks(job->kernels->block, job->phase->rows, panel) * CHANNEL_BLOCK;
    const int64_t entries = depth->down * depth->across;
    for (int64_t block = 0; block < depth->blocks; block++) {
        const int64_t cut = block / depth->cut_blocks, first = cut * depth->cut_blocks;
        const int64_t left = depth->blocks - first, in_cut = left < depth->cut_blocks ? left : depth->cut_blocks;
        for (int64_t entry = 0; entry < entries; entry++) {
            const int64_t place[3] = {entry / depth->across, entry % depth->across, block};
            const int64_t stretch = first * entries + entry * in_cut + (block - first);
            pack_stretch(job, weights, group, panel * most * CHANNEL_BLOCK, lanes, place,
                         packed + stretch * depth->length * lanes);
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
                taps[lane] =
                    window_weight(weights, start + lane * weights->row_stride + ky * weights->kernel_width + kx);
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

static void pack_filter_panel(const struct pack_job *job, const struct window_weights *weights, int64_t group,
                              int64_t panel, float *packed) {
    const struct blocked_phase *phase = job->phase;
    const struct filter_lattice *filter = &phase->filters[0];
    const int blocks = panel_blocks(job->kernels->block, phase->rows, panel);
    const int64_t channels = channel_blocks(job->state->window.in_channels) * CHANNEL_BLOCK;
    const int64_t first = panel * job->kernels->block->blocks * CHANNEL_BLOCK, depths = filter->part_count * channels;
    float taps[9 * CHANNEL_BLOCK];
    for (int part = 0; part < filter->part_count; part++)
        for (int64_t channel = 0; channel < channels; channel++) {
            float *place =
                packed + filter_place(phase, depths, first, blocks * CHANNEL_BLOCK, part * channels + channel);
            for (int block = 0; block < blocks; block++, place += CHANNEL_BLOCK) {
                load_taps(job, weights, &filter->parts[part], group, first + block * CHANNEL_BLOCK, channel, taps);
                job->kernels->filter->weights(filter->axis[0].kind, filter->axis[1].kind, taps, place,
                                              (size_t)(phase->rows * CHANNEL_BLOCK * depths));
            }
        }
}

static void pack_panel(const struct pack_job *job, const struct window_weights *weights, int64_t group, int64_t panel,
                       float *packed) {
    const struct blocked_phase *phase = job->phase;
    const int64_t first = panel * job->kernels->block->blocks * CHANNEL_BLOCK;
    if (phase->algorithm != BLOCKED_FILTER) {
        pack_direct_panel(job, weights, group, panel, packed + first * phase->depth.total);
        return;
    }
    pack_filter_panel(job, weights, group, panel, packed);
}

static void pack_phase(void *destination, const struct tensor *source, const void *context) {
    const struct pack_job *job = context;
    const struct blocked_phase *phase = job->phase;
    const int64_t groups = job->state->window.group, panels = panel_count(job->kernels->block, phase->rows);
    const struct window_weights weights =
        window_weights(&job->state->window, job->state->transposed, source->data, job->scale);
#pragma omp parallel for schedule(dynamic) collapse(2) num_threads(job->threads)
    for (int64_t group = 0; group < groups; group++)
        for (int64_t panel = 0; panel < panels; panel++)
            pack_panel(job, &weights, group, panel, (float *)destination + group * (phase->floats / groups));
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
