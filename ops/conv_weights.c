/* Packing the weights of a window operator for the algorithm of each phase. */
#include "ops/conv.h"

#include <string.h>

struct pack_job {
    const struct conv_state *state;
    const struct conv_phase *phase;
    const struct gemm_kernel *kernel;
    int threads;
    const float *scale; /* per output channel; NULL: 1 */
};

static struct filter_weights weights_of(const struct conv_state *state, const struct tensor *source,
                                        const float *scale) {
    const struct window *w = &state->window;
    const int64_t kernel = w->axis[0].kernel * w->axis[1].kernel * w->axis[2].kernel;
    return (struct filter_weights){.source = source->data,
                                   .scale = scale,
                                   .group_stride = w->in_channels * w->out_channels * kernel,
                                   .row_stride = state->transposed ? kernel : w->in_channels * kernel,
                                   .channel_stride = state->transposed ? w->out_channels * kernel : kernel,
                                   .kernel_width = w->axis[2].kernel};
}

static int64_t kernel_index(const struct conv_state *state, const struct lattice *lattice, int64_t tap) {
    const struct lattice_axis *az = &lattice->axis[0], *ay = &lattice->axis[1], *ax = &lattice->axis[2];
    const int64_t z = az->kernel0 + tap / (ay->taps * ax->taps) * az->kernel_step;
    const int64_t y = ay->kernel0 + tap / ax->taps % ay->taps * ay->kernel_step;
    const int64_t x = ax->kernel0 + tap % ax->taps * ax->kernel_step;
    return (z * state->window.axis[1].kernel + y) * state->window.axis[2].kernel + x;
}

static void pack_direct_panel(const struct pack_job *job, const struct filter_weights *weights,
                              const struct gemm_panels *panels, int64_t group, int panel, float *packed) {
    const struct lattice *lattice = &job->phase->lattice;
    const int64_t first = gemm_panel_row(panels, panel), count = gemm_panel_row(panels, panel + 1) - first;
    const struct gemm_panels single = {count, lattice->channels, 1};
    const float *scale = weights->scale ? weights->scale + group * panels->rows + first : NULL;
    for (int64_t tap = 0; tap < lattice->taps; tap++) {
        const int64_t start =
            group * weights->group_stride + first * weights->row_stride + kernel_index(job->state, lattice, tap);
        float *place = packed + first * panels->depth + tap * lattice->channels * count;
        gemm_pack_panels(&single, (const char *)weights->source + start * (int64_t)sizeof(float), weights->row_stride,
                         weights->channel_stride, place);
        for (int64_t k = 0; scale && k < lattice->channels; k++)
            for (int64_t row = 0; row < count; row++)
                place[k * count + row] *= scale[row];
    }
}

static void pack_direct(const struct pack_job *job, const struct filter_weights *weights, float *packed) {
    const struct window *window = &job->state->window;
    const int64_t depth = job->phase->lattice.taps * job->phase->lattice.channels;
    const struct gemm_panels panels = gemm_panels(job->kernel, window->out_channels, depth);
#pragma omp parallel for schedule(static) collapse(2) num_threads(job->threads)
    for (int64_t group = 0; group < window->group; group++)
        for (int panel = 0; panel < panels.count; panel++)
            pack_direct_panel(job, weights, &panels, group, panel, packed + group * window->out_channels * depth);
}

/* Rows are (output channel, tap of the last dimension), depths (other taps, channel). */
static void pack_spread(const struct pack_job *job, const struct filter_weights *weights, float *packed) {
    const struct window *window = &job->state->window;
    const struct lattice *lattice = &job->phase->lattice;
    const int64_t across = lattice->axis[2].taps, rows = job->phase->spread.rows, depth = job->phase->spread.depth;
    const struct gemm_panels panels = gemm_panels(job->kernel, rows, depth);
    for (int64_t group = 0; group < window->group; group++)
        for (int panel = 0; panel < panels.count; panel++) {
            const int64_t first = gemm_panel_row(&panels, panel), count = gemm_panel_row(&panels, panel + 1) - first;
            for (int64_t k = 0; k < depth; k++)
                for (int64_t r = 0; r < count; r++) {
                    const int64_t tap = k / lattice->channels * across + (first + r) % across;
                    const int64_t start = group * weights->group_stride + (first + r) / across * weights->row_stride +
                                          k % lattice->channels * weights->channel_stride +
                                          kernel_index(job->state, lattice, tap);
                    memcpy(packed, (const char *)weights->source + start * (int64_t)sizeof(float), sizeof(float));
                    if (weights->scale)
                        *packed *= weights->scale[group * window->out_channels + (first + r) / across];
                    packed++;
                }
        }
}

static void pack_phase(void *destination, const struct tensor *source, const void *context) {
    const struct pack_job *job = context;
    const struct filter_weights weights = weights_of(job->state, source, job->scale);
    if (job->phase->algorithm == CONV_FILTER)
        filter_pack(&job->state->window, &job->phase->filters[0], &weights, job->kernel, job->threads, destination);
    else if (job->phase->algorithm == CONV_SPREAD)
        pack_spread(job, &weights, destination);
    else
        pack_direct(job, &weights, destination);
}

/* Lattices of one phase have the same taps, so they share the weights. */
static void point_to(struct conv_phase *phase, const float *packed) {
    phase->packed = packed;
    for (int i = 0; i < phase->filter_count; i++)
        phase->filters[i].packed = packed;
}

/* Which phase and algorithm, as a number for the cache: the phase by its first kernel indices. */
static int64_t phase_code(const struct conv_phase *phase) {
    const struct lattice_axis *axis = phase->lattice.axis;
    int64_t code = (axis[0].kernel0 * WINDOW_LIMIT + axis[1].kernel0) * 4 + (int64_t)phase->algorithm;
    if (phase->algorithm == CONV_FILTER)
        code = code * 64 + phase->filters[0].axis[0].kind * 8 + phase->filters[0].axis[1].kind;
    return code;
}

status conv_take_weights(struct op_call *call, struct conv_state *state, struct error *err) {
    const struct tensor *weight = call->inputs[1];
    const struct tensor *scale = op_input(call, 3);
    const struct window_axis *axis = state->window.axis;
    const bool cached =
        call->weights && weight->constant && weight->data && weight->bytes > 0 && (!scale || scale->constant);
    for (int64_t i = 0; i < state->phase_count; i++) {
        struct conv_phase *phase = &state->phases[i];
        const size_t bytes = (size_t)phase->floats * sizeof(float);
        if (!cached) {
            state->packed_bytes += (bytes + 63) / 64 * 64;
            continue;
        }
        const struct pack_job job = {state, phase, call->kernels->gemm, call->threads, scale ? scale->data : NULL};
        const struct packing packing = {.name = call->kernels->gemm->name,
                                        .numbers = {state->window.group, state->transposed, axis[0].stride,
                                                    axis[1].stride, axis[2].stride, axis[0].dilation, axis[1].dilation,
                                                    axis[2].dilation, phase_code(phase), phase->lattice.axis[2].kernel0,
                                                    (int64_t)(intptr_t)job.scale},
                                        .bytes = bytes,
                                        .pack = pack_phase,
                                        .context = &job,
                                        .read_again = i + 1 < state->phase_count};
        const float *packed = weight_cache_get(call->weights, weight, &packing);
        if (!packed)
            return fail_memory(err, "packed weights");
        point_to(phase, packed);
    }
    return STATUS_OK;
}

void conv_pack_now(const struct op_call *call, const struct conv_state *state, float *room, struct conv_phase *phases) {
    const struct tensor *scale = op_input(call, 3);
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct pack_job job = {state, &phases[i], call->kernels->gemm, call->threads, scale ? scale->data : NULL};
        pack_phase(room, call->inputs[1], &job);
        point_to(&phases[i], room);
        room += ((size_t)phases[i].floats * sizeof(float) + 63) / 64 * 64 / sizeof(float);
    }
}
