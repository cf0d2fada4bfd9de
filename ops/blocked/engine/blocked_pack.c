#include "ops/blocked/engine/blocked_pack.h"

#include "ops/blocked/packing.h"
#include "ops/core/work_queue.h"

#include <string.h>

/*
 * Channel blocks of the input that are packed before the pages of their source are dropped. All of them where the
 * source begins with output channels or has groups.
 */
static int64_t blocks_of_part(const struct pack_job *job, const struct tensor *source, int64_t blocks) {
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
static int64_t phase_floats(const struct blocked_phase *phase) {
    return channel_blocks(phase->floats) * CHANNEL_BLOCK;
}

static void pack_slice(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                       float *packed) {
    const struct blocked_phase *phase = job->phase;
    if (slice->panel >= panel_count(job->kernels->block, phase->out_blocks))
        return;
    packed += slice->group * (phase->floats / job->state->window.group);
    phase->algorithm->pack(job, weights, slice, packed);
}

/* A panel of all phases, which read the same part of the source: it is in the cache then. */
static void pack_panel(const struct pack_job *all, const struct window_weights *weights, const struct pack_slice *slice,
                       float *packed) {
    struct pack_job job = *all;
    for (int64_t i = 0; i < job.state->phase_count; i++) {
        job.phase = &job.state->phases[i];
        pack_slice(&job, weights, slice, packed);
        packed += phase_floats(job.phase);
    }
}

static int64_t most_panels(const struct pack_job *job) {
    int64_t most = 0;
    for (int64_t i = 0; i < job->state->phase_count; i++) {
        const int64_t panels = panel_count(job->kernels->block, job->state->phases[i].out_blocks);
        most = panels > most ? panels : most;
    }
    return most;
}

/* The panels of all groups, for some channel blocks of the input. */
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
        const struct pack_slice slice = {unit / part->panels, unit % part->panels, part->first, part->end};
        pack_panel(part->job, &part->weights, &slice, part->packed);
    }
}

static void pack_phases(void *destination, const struct tensor *source, const void *context) {
    const struct pack_job *job = context;
    const int64_t blocks = job->state->from_blocks ? channel_blocks(job->state->window.in_channels) : 1;
    const int64_t part = blocks_of_part(job, source, blocks);
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

/* Part of the key of the packed form: equal only for equal algorithms and layouts of all phases. */
static int64_t algorithms_code(const struct blocked_state *state) {
    uint64_t code = state->from_blocks;
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct blocked_phase *phase = &state->phases[i];
        for (const char *name = phase->algorithm->name; *name; name++)
            code = code * 257 + (unsigned char)*name;
        code = code * 4099 + phase->algorithm->layout(phase);
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
        packed += phase_floats(&state->phases[i]);
    }
}

status blocked_take_weights(struct op_call *call, struct blocked_state *state, struct error *err) {
    const struct pack_job job = job_of(call, state);
    int64_t floats = 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        floats += phase_floats(&state->phases[i]);
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
    packing.numbers[WINDOW_KEY_NUMBERS + 1] = K_BLOCK;
    const float *packed = weight_cache_get(call->weights, call->inputs[1], &packing);
    if (!packed)
        return fail_memory(err, "packed weights");
    point_to(state, packed);
    return STATUS_OK;
}

void blocked_pack_now(const struct op_call *call, struct blocked_state *state, float *workspace) {
    const struct pack_job job = job_of(call, state);
    pack_phases(workspace, call->inputs[1], &job);
    point_to(state, workspace);
}
