/* The engine under Conv and ConvTranspose: direct phases as matrix products, the others by minimal filtering. */
#include "ops/conv.h"

#include <stdlib.h>

/* Workspace of the phase that needs most. */
static size_t compute_bytes(const struct conv_state *state, const struct kernels *kernels, int threads) {
    size_t most = 0;
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct conv_phase *phase = &state->phases[i];
        const size_t bytes =
            phase->algorithm == CONV_FILTER
                ? filter_workspace_bytes(&state->window, phase->filters, phase->filter_count, kernels, threads)
                : gemm_workspace_bytes(kernels->gemm, threads);
        most = bytes > most ? bytes : most;
    }
    return most;
}

status conv_prepare(struct op_call *call, const struct window *window, bool transposed,
                    const struct activation *activation, size_t *workspace_bytes, struct error *err) {
    struct conv_state *state = call->state;
    *state = (struct conv_state){.window = *window, .transposed = transposed, .activation = *activation};
    status code = conv_make_phases(state, call->kernels, err);
    if (code == STATUS_OK)
        code = conv_take_weights(call, state, err);
    if (code != STATUS_OK)
        return code;
    state->compute_bytes = compute_bytes(state, call->kernels, call->threads);
    *workspace_bytes = state->packed_bytes + state->compute_bytes;
    return STATUS_OK;
}

void conv_release(struct op_call *call) {
    struct conv_state *state = call->state;
    free(state->phases);
    state->phases = NULL;
}

/* What the jobs of one run share. */
struct conv_call {
    const struct conv_state *state;
    const struct kernels *kernels;
    const float *input, *bias;
    float *output;
    int64_t in_plane, out_plane;
    int threads;
    void *workspace;
};

/* A spread phase within a call. */
struct conv_job {
    const struct conv_call *call;
    const struct conv_phase *phase;
    struct spread_context spread;
};

static void fetch(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                  float *tile) {
    const struct conv_phase *phase = job->context;
    lattice_fetch(&phase->lattice, job->input, column0, count, depth0, depth, width, tile);
}

static void store(const struct gemm_job *job, int64_t row0, int rows, int64_t column0, int count, float *block,
                  size_t stride) {
    const struct conv_phase *phase = job->context;
    const struct lattice_axis *axis = phase->lattice.axis;
    const int64_t plane = axis[0].out * axis[1].out * axis[2].out;
    for (int row = 0; row < rows; row++, block += stride) {
        activation_apply(&phase->state->activation, block, (size_t)count);
        lattice_store(&phase->lattice, block, column0, count, job->output + (row0 + row) * plane);
    }
}

static void make_job(const struct gemm_batch *batch, int64_t i, struct gemm_job *job) {
    const struct conv_call *call = batch->context;
    const struct window *window = &call->state->window;
    const struct conv_phase *phase = &call->state->phases[i % call->state->direct];
    const int64_t image = i / call->state->direct; /* batch row and group */
    const int64_t group = image % window->group;
    const int64_t depth = phase->lattice.taps * phase->lattice.channels;
    *job = (struct gemm_job){.panels = gemm_panels(batch->kernel, window->out_channels, depth),
                             .packed = phase->packed + group * window->out_channels * depth,
                             .bias = call->bias ? call->bias + group * window->out_channels : NULL,
                             .columns = phase->lattice.points,
                             .fetch = fetch,
                             .store = store,
                             .context = phase,
                             .input = call->input + image * window->in_channels * call->in_plane,
                             .output = call->output + image * window->out_channels * call->out_plane};
}

static int64_t most_points(const struct conv_state *state) {
    int64_t most = 0;
    for (int64_t i = 0; i < state->direct; i++)
        if (state->phases[i].lattice.points > most)
            most = state->phases[i].lattice.points;
    return most;
}

static void run_direct(const struct conv_call *call) {
    const struct window *window = &call->state->window;
    gemm_run(&(struct gemm_batch){.kernel = call->kernels->gemm,
                                  .job_count = window->batch * window->group * call->state->direct,
                                  .make = make_job,
                                  .context = call,
                                  .largest_rows = window->out_channels,
                                  .largest_columns = most_points(call->state),
                                  .threads = call->threads,
                                  .workspace = call->workspace});
}

static void make_spread_job(const struct gemm_batch *batch, int64_t image, struct gemm_job *job) {
    const struct conv_job *shared = batch->context;
    const struct conv_call *call = shared->call;
    const struct window *window = &call->state->window;
    const struct conv_phase *phase = shared->phase;
    const int64_t group = image % window->group;
    *job = (struct gemm_job){.panels = gemm_panels(batch->kernel, phase->spread.rows, phase->spread.depth),
                             .packed = phase->packed + group * phase->spread.rows * phase->spread.depth,
                             .bias_later = call->bias ? call->bias + group * window->out_channels : NULL,
                             .columns = spread_columns(&phase->lattice, &phase->spread),
                             .fetch = spread_fetch,
                             .store = spread_store,
                             .context = &shared->spread,
                             .input = call->input + image * window->in_channels * call->in_plane,
                             .output = call->output + image * window->out_channels * call->out_plane};
}

static void run_spread(const struct conv_call *call, const struct conv_phase *phase) {
    const struct conv_job shared = {call, phase, {&phase->lattice, &phase->spread, &call->state->activation}};
    gemm_run(&(struct gemm_batch){.kernel = call->kernels->gemm,
                                  .job_count = call->state->window.batch * call->state->window.group,
                                  .make = make_spread_job,
                                  .context = &shared,
                                  .largest_rows = phase->spread.rows,
                                  .largest_columns = spread_columns(&phase->lattice, &phase->spread),
                                  .column_unit = phase->spread.columns,
                                  .threads = call->threads,
                                  .workspace = call->workspace});
}

static void run_filter(const struct conv_call *call, const struct conv_phase *phase) {
    filter_execute(&(struct filter_run){.window = &call->state->window,
                                        .lattices = phase->filters,
                                        .lattice_count = phase->filter_count,
                                        .kernels = call->kernels,
                                        .activation = &call->state->activation,
                                        .input = call->input,
                                        .bias = call->bias,
                                        .output = call->output,
                                        .threads = call->threads,
                                        .workspace = call->workspace});
}

static void run_phases(const struct conv_call *call) {
    run_direct(call);
    for (int64_t i = call->state->direct; i < call->state->phase_count; i++) {
        const struct conv_phase *phase = &call->state->phases[i];
        if (phase->algorithm == CONV_SPREAD)
            run_spread(call, phase);
        else
            run_filter(call, phase);
    }
}

/* Outputs that no weight meets are the bias, put through the activation. */
static void fill_with_bias(const struct conv_call *call) {
    const struct window *window = &call->state->window;
    const int64_t channels = window->group * window->out_channels, planes = window->batch * channels;
#pragma omp parallel for schedule(static) num_threads(call->threads)
    for (int64_t plane = 0; plane < planes; plane++) {
        float value = call->bias ? call->bias[plane % channels] : 0;
        activation_apply(&call->state->activation, &value, 1);
        float *output = call->output + plane * call->out_plane;
        for (int64_t i = 0; i < call->out_plane; i++)
            output[i] = value;
    }
}

status conv_run(struct op_call *op_call, struct error *err) {
    (void)err;
    struct conv_state *state = op_call->state;
    const struct window_axis *axis = state->window.axis;
    const struct tensor *bias = op_input(op_call, 2);
    const struct conv_call call = {.state = state,
                                   .kernels = op_call->kernels,
                                   .input = op_call->inputs[0]->data,
                                   .bias = bias ? bias->data : NULL,
                                   .output = op_call->outputs[0]->data,
                                   .in_plane = axis[0].in * axis[1].in * axis[2].in,
                                   .out_plane = axis[0].out * axis[1].out * axis[2].out,
                                   .threads = op_call->threads,
                                   .workspace = (char *)op_call->workspace + state->packed_bytes};
    const bool weightless = op_call->inputs[1]->bytes == 0;
    if (op_call->outputs[0]->bytes == 0)
        return STATUS_OK;
    if (state->uncovered || weightless)
        fill_with_bias(&call);
    if (weightless)
        return STATUS_OK;
    if (state->packed_bytes)
        conv_pack_now(op_call, state, op_call->workspace, state->phases);
    run_phases(&call);
    return STATUS_OK;
}

double conv_macs(const struct window *window, bool transposed) {
    double macs =
        (double)window->batch * (double)window->group * (double)window->in_channels * (double)window->out_channels;
    for (int d = 0; d < SPATIAL; d++) {
        const struct window_axis *axis = &window->axis[d];
        macs *= (double)axis->kernel * (double)(transposed ? axis->in : axis->out);
    }
    return macs;
}
