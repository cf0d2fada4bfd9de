#include "ops/conv/conv_weights.h"

#include "base/sizes.h"
#include "base/thread_team.h"

struct conv_packing {
    const struct conv_state *state;
    const struct packed_phase *phase;
    const struct gemm_kernel *kernel;
    int threads;
    const float *scale; /* per output channel; NULL: 1 */
};

static void pack_panel(const struct conv_packing *job, const struct window_weights *weights,
                       const struct gemm_panels *panels, int64_t group, int panel, float *packed) {
    const struct phase_geometry *geometry = &job->phase->geometry;
    const int64_t first = gemm_panel_row(panels, panel), count = gemm_panel_row(panels, panel + 1) - first;
    const struct gemm_panels single = {count, geometry->channels, 1};
    const float *scale = weights->scale ? weights->scale + group * panels->rows + first : NULL;
    for (int64_t tap = 0; tap < geometry->taps; tap++) {
        const int64_t start = group * weights->group_stride + first * weights->row_stride +
                              phase_kernel(&job->state->window, geometry, tap);
        float *place = packed + first * panels->depth + tap * geometry->channels * count;
        gemm_pack_panels(&single, (const char *)weights->source + start * (int64_t)sizeof(float), weights->row_stride,
                         weights->channel_stride, place);
        for (int64_t k = 0; scale && k < geometry->channels; k++)
            for (int64_t row = 0; row < count; row++)
                place[k * count + row] *= scale[row];
    }
}

struct packing_panels {
    const struct conv_packing *job;
    struct window_weights weights;
    struct gemm_panels panels;
    float *packed;
};

/* Panels of all groups, one group behind the other. */
static void pack_panels(void *context, int64_t first, int64_t end) {
    const struct packing_panels *all = context;
    for (int64_t i = first; i < end; i++) {
        const int64_t group = i / all->panels.count;
        pack_panel(all->job, &all->weights, &all->panels, group, (int)(i % all->panels.count),
                   all->packed + group * all->panels.rows * all->panels.depth);
    }
}

static void pack_phase(void *destination, const struct tensor *source, const void *context) {
    const struct conv_packing *job = context;
    const struct window *window = &job->state->window;
    const int64_t depth = job->phase->geometry.taps * job->phase->geometry.channels;
    struct packing_panels all = {job, window_weights(window, job->state->transposed, source->data, job->scale),
                                 gemm_panels(job->kernel, window->out_channels, depth), destination};
    team_for(job->threads, window->group * all.panels.count, pack_panels, &all);
}

status conv_take_weights(struct op_call *call, struct conv_state *state, struct error *err) {
    const struct tensor *weight = call->inputs[1], *scale = op_input(call, 3);
    const bool cached = window_weights_constant(call);
    for (int64_t i = 0; i < state->phase_count; i++) {
        struct packed_phase *phase = &state->phases[i];
        const size_t bytes = (size_t)phase->floats * sizeof(float);
        if (!cached) {
            state->packed_bytes += whole_line_bytes(bytes);
            continue;
        }
        const struct conv_packing job = {state, phase, call->kernels->gemm, call->threads, scale ? scale->data : NULL};
        struct packing packing = {.name = call->kernels->gemm->name,
                                  .bytes = bytes,
                                  .pack = pack_phase,
                                  .context = &job,
                                  .read_again = i + 1 < state->phase_count};
        window_packing_key(&state->window, state->transposed, scale, i, &packing);
        phase->packed = weight_cache_get(call->weights, weight, &packing);
        if (!phase->packed)
            return fail_memory(err, "packed weights");
    }
    return STATUS_OK;
}

void conv_pack_now(const struct op_call *call, const struct conv_state *state, float *destination,
                   struct packed_phase *phases) {
    const struct tensor *scale = op_input(call, 3);
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct conv_packing job = {state, &phases[i], call->kernels->gemm, call->threads,
                                         scale ? scale->data : NULL};
        pack_phase(destination, call->inputs[1], &job);
        phases[i].packed = destination;
        destination += whole_line_bytes((size_t)phases[i].floats * sizeof(float)) / sizeof(float);
    }
}
