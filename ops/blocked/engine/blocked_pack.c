#include "ops/blocked/engine/blocked_pack.h"

#include "base/unaligned.h"
#include "ops/core/work_queue.h"

#include <string.h>

struct pack_job {
    const struct blocked_state *state;
    const struct blocked_phase *phase; /* the one of the moment */
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

/* The weights of some output channels at one input channel and index within the kernel; 0 where there are none. */
static void load_lanes(const struct pack_job *job, const struct window_weights *weights, int64_t group,
                       int64_t first_lane, int lanes, int64_t channel, int64_t kernel, float *to) {
    const struct window *window = &job->state->window;
    for (int i = 0; i < lanes; i++)
        to[i] = channel < 0 || channel >= window->in_channels || first_lane + i >= window->out_channels
                    ? 0
                    : weight_at(job, weights, group, first_lane + i, channel, kernel);
}

/* The weights of one entry and block, `length` rows of a panel's lanes. */
static void pack_stretch(const struct pack_job *job, const struct window_weights *weights, int64_t group,
                         int64_t first_lane, int lanes, const int64_t place[3], float *packed) {
    const struct blocked_phase *phase = job->phase;
    const int64_t across = phase->lattice.axis[2].taps;
    for (int64_t k = 0; k < phase->depth.length; k++, packed += lanes) {
        const struct depth_place at = depth_at(job->state, phase, place[1], place[2], k);
        const int64_t kernel = lattice_kernel(&job->state->window, &phase->lattice, place[0] * across + at.tap);
        load_lanes(job, weights, group, first_lane, lanes, at.channel, kernel, packed);
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

/* ---- minimal filtering ---- */

#define TURNED_KERNEL 36 /* weights of a larger kernel are read one by one */

/* A channel block of the input by one of the output, of a group. */
struct square {
    const struct window_weights *weights;
    int64_t group, row, block;
    bool turned; /* at[channel][kernel index][lane] holds the weights; else they are where they come from */
    float at[(CHANNEL_BLOCK * TURNED_KERNEL + CHANNEL_BLOCK) * CHANNEL_BLOCK] __attribute__((aligned(64)));
};

/* Turns a square's weights; not at the ends of the tensor. */
static void turn_square(const struct pack_job *job, struct square *square) {
    const struct window *window = &job->state->window;
    const struct window_weights *weights = square->weights;
    const int64_t kernel = window->axis[1].kernel * window->axis[2].kernel, from = square->block * CHANNEL_BLOCK;
    const int64_t first =
        square->group * weights->group_stride + square->row * weights->row_stride + from * weights->channel_stride;
    const bool together = weights->channel_stride == kernel; /* input channels follow each other */
    const int64_t runs = together ? 1 : CHANNEL_BLOCK, run = together ? CHANNEL_BLOCK * kernel : kernel;
    const int64_t count = run < CHANNEL_BLOCK ? CHANNEL_BLOCK : run; /* what is too much is written over, or unused */
    const int64_t last = first + (runs - 1) * weights->channel_stride + (CHANNEL_BLOCK - 1) * weights->row_stride;
    square->turned = kernel <= TURNED_KERNEL && square->row + CHANNEL_BLOCK <= window->out_channels &&
                     from + CHANNEL_BLOCK <= window->in_channels && last + count <= weights->floats;
    for (int64_t i = 0; i < runs && square->turned; i++)
        job->kernels->plane->to_blocks((const char *)weights->source +
                                           (first + i * weights->channel_stride) * (int64_t)sizeof(float),
                                       (size_t)weights->row_stride, count, square->at + i * run * CHANNEL_BLOCK);
}

static void take_lanes(const struct pack_job *job, const struct square *square, int64_t place, float *lanes) {
    const float *scale = square->weights->scale;
    memcpy(lanes, square->at + place * CHANNEL_BLOCK, CHANNEL_BLOCK * sizeof *lanes);
    for (int64_t i = 0; scale && i < CHANNEL_BLOCK; i++)
        lanes[i] *= scale[square->group * job->state->window.out_channels + square->row + i];
}

/* The taps of a part at one input channel of the square: taps[y][x][lane]. */
static void load_taps(const struct pack_job *job, const struct square *square, const struct filter_part *part,
                      int64_t channel, float *taps) {
    const struct filter_axis *axis = job->phase->filters[0].axis;
    const int64_t height = job->state->window.axis[1].kernel, width = job->state->window.axis[2].kernel;
    for (int y = 0; y < axis[0].taps; y++)
        for (int x = 0; x < axis[1].taps; x++, taps += CHANNEL_BLOCK) {
            const int64_t ky = part->kernel0[0] + y * part->kernel_step[0],
                          kx = part->kernel0[1] + x * part->kernel_step[1], kernel = ky * width + kx;
            if (ky >= height || kx >= width)
                memset(taps, 0, CHANNEL_BLOCK * sizeof *taps);
            else if (square->turned)
                take_lanes(job, square, channel * height * width + kernel, taps);
            else
                load_lanes(job, square->weights, square->group, square->row, CHANNEL_BLOCK,
                           square->block * CHANNEL_BLOCK + channel, kernel, taps);
        }
}

/* taps[tap][16] of one depth and channel block into place: [panel][point][depth][lanes], or
 * [panel][channel block][tap][16][lanes].
 */
static void place_taps(const struct pack_job *job, const float *taps, int64_t depths, int64_t depth, int lanes,
                       float *panel) {
    const struct filter_lattice *filter = &job->phase->filters[0];
    const int count = filter->axis[0].taps * filter->axis[1].taps;
    if (filter->weights == FILTER_READY) {
        job->kernels->filter->weights(filter->axis[0].kind, filter->axis[1].kind, taps, panel + depth * lanes,
                                      (size_t)(depths * lanes));
        return;
    }
    for (int tap = 0; tap < count; tap++)
        memcpy(panel + ((depth / CHANNEL_BLOCK * count + tap) * CHANNEL_BLOCK + depth % CHANNEL_BLOCK) * lanes,
               taps + tap * CHANNEL_BLOCK, CHANNEL_BLOCK * sizeof *taps);
}

static void pack_filter(const struct pack_job *job, const struct window_weights *weights, const struct slice *slice,
                        float *packed) {
    const struct filter_lattice *filter = &job->phase->filters[0];
    const int blocks = panel_blocks(job->kernels->block, job->phase->rows, slice->panel);
    const int64_t channels = channel_blocks(job->state->window.in_channels) * CHANNEL_BLOCK;
    const int64_t first = slice->panel * job->kernels->block->blocks;
    const int64_t depths = filter->part_count * channels, panel = filter->shape.panel;
    struct square square = {.weights = weights, .group = slice->group};
    float taps[9 * CHANNEL_BLOCK];
    for (square.block = slice->first_block; square.block < slice->end_block; square.block++)
        for (int64_t row = first; row < first + blocks; row++) {
            const int64_t before = row / panel * panel; /* of the panel that the filter walks */
            const int lanes = (int)at_most(job->phase->rows - before, panel) * CHANNEL_BLOCK;
            float *place = packed + (before * filter_kept(filter) * depths + row - before) * CHANNEL_BLOCK;
            square.row = row * CHANNEL_BLOCK;
            turn_square(job, &square);
            for (int part = 0; part < filter->part_count; part++)
                for (int64_t channel = 0; channel < CHANNEL_BLOCK; channel++) {
                    load_taps(job, &square, &filter->parts[part], channel, taps);
                    place_taps(job, taps, depths, part * channels + square.block * CHANNEL_BLOCK + channel, lanes,
                               place);
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

/* Floats of a phase's packed weights, in whole cache lines: the next phase follows. */
static int64_t phase_room(const struct blocked_phase *phase) {
    return channel_blocks(phase->floats) * CHANNEL_BLOCK;
}

static void pack_slice(const struct pack_job *job, const struct window_weights *weights, const struct slice *slice,
                       float *packed) {
    const struct blocked_phase *phase = job->phase;
    if (slice->panel >= panel_count(job->kernels->block, phase->rows))
        return;
    packed += slice->group * (phase->floats / job->state->window.group);
    if (phase->algorithm == BLOCKED_FILTER)
        pack_filter(job, weights, slice, packed);
    else if (phase->algorithm == BLOCKED_NARROW)
        pack_narrow(job, weights, slice, packed);
    else
        pack_direct(job, weights, slice, packed);
}

/* A panel of all phases: they read the same part of the source, which is near then. */
static void pack_panel(const struct pack_job *all, const struct window_weights *weights, const struct slice *slice,
                       float *packed) {
    struct pack_job job = *all;
    for (int64_t i = 0; i < job.state->phase_count; i++) {
        job.phase = &job.state->phases[i];
        pack_slice(&job, weights, slice, packed);
        packed += phase_room(job.phase);
    }
}

static int64_t most_panels(const struct pack_job *job) {
    int64_t most = 0;
    for (int64_t i = 0; i < job->state->phase_count; i++) {
        const int64_t panels = panel_count(job->kernels->block, job->state->phases[i].rows);
        most = panels > most ? panels : most;
    }
    return most;
}

/* Panels of all groups, over a part of the input's channel blocks. */
struct packing_part {
    const struct pack_job *job;
    struct window_weights weights;
    int64_t panels, first, end;
    float *packed;
    struct work_queue queue;
};

static void pack_panels(struct team_thread self, void *context) {
    struct packing_part *part = context;
    const int64_t units = part->job->state->window.group * part->panels;
    for (int64_t unit = 0; work_queue_take(&part->queue, self, units, &unit);) {
        const struct slice slice = {unit / part->panels, unit % part->panels, part->first, part->end};
        pack_panel(part->job, &part->weights, &slice, part->packed);
    }
}

static void pack_phases(void *destination, const struct tensor *source, const void *context) {
    const struct pack_job *job = context;
    const int64_t blocks = job->state->from_blocks ? channel_blocks(job->state->window.in_channels) : 1;
    const int64_t part = part_blocks(job, source, blocks);
    struct packing_part work = {.job = job, .panels = most_panels(job), .packed = destination};
    work.weights = window_weights(&job->state->window, job->state->transposed, source->data, job->scale);
    for (; work.first < blocks; work.first = work.end) {
        work.end = work.first + part < blocks ? work.first + part : blocks;
        work_queue_start(&work.queue, 1);
        team_run(job->threads, pack_panels, &work);
        if (part < blocks)
            drop_part(job, source, work.weights.channel_stride, work.first, work.end);
    }
}

/* What tells the packed form of these phases from those of other algorithms. */
static int64_t algorithms_code(const struct blocked_state *state) {
    uint64_t code = state->from_blocks;
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct blocked_phase *phase = &state->phases[i];
        const struct filter_axis *axis = phase->filters[0].axis;
        uint64_t one = (uint64_t)phase->algorithm;
        if (phase->algorithm == BLOCKED_FILTER)
            one += 8 * (axis[0].kind * FILTER_KINDS + axis[1].kind) + 1024 * phase->filters[0].weights;
        code = code * 4099 + one;
    }
    return (int64_t)code;
}

static struct pack_job job_of(const struct op_call *call, const struct blocked_state *state) {
    const struct tensor *scale = op_input(call, 3);
    return (struct pack_job){
        .state = state, .kernels = call->kernels, .threads = call->threads, .scale = scale ? scale->data : NULL};
}

static void point_to(struct blocked_state *state, const float *packed) {
    for (int64_t i = 0; i < state->phase_count; i++) {
        state->phases[i].packed = packed;
        packed += phase_room(&state->phases[i]);
    }
}

status blocked_take_weights(struct op_call *call, struct blocked_state *state, struct error *err) {
    const struct pack_job job = job_of(call, state);
    int64_t floats = 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        floats += phase_room(&state->phases[i]);
    if (!window_weights_constant(call)) {
        state->packed_bytes = (size_t)floats * sizeof(float);
        return STATUS_OK;
    }
    struct packing packing = {.name = call->kernels->block->name,
                              .bytes = (size_t)floats * sizeof(float),
                              .pack = pack_phases,
                              .context = &job};
    window_packing_key(&state->window, state->transposed, op_input(call, 3), 0, &packing);
    packing.numbers[WINDOW_KEY_NUMBERS] = algorithms_code(state);
    packing.numbers[WINDOW_KEY_NUMBERS + 1] = DEPTH_CUT;
    const float *packed = weight_cache_get(call->weights, call->inputs[1], &packing);
    if (!packed)
        return fail_memory(err, "packed weights");
    point_to(state, packed);
    return STATUS_OK;
}

void blocked_pack_now(const struct op_call *call, struct blocked_state *state, float *room) {
    const struct pack_job job = job_of(call, state);
    pack_phases(room, call->inputs[1], &job);
    point_to(state, room);
}
