/* The engine under Conv and ConvTranspose in any dimension and grouping: every phase is a matrix product. */
#include "ops/conv/conv_engine.h"

#include "base/thread_team.h"
#include "ops/conv/conv_weights.h"
#include "ops/conv/phase_access.h"
#include "ops/conv/window_phases.h"

#include <stdlib.h>

static status make_phases(struct conv_state *state, struct error *err) {
    const struct window *window = &state->window;
    int64_t positions = 0, outputs = 1;
    state->phase_count = window_phases(window, state->transposed);
    state->phases = calloc((size_t)state->phase_count, sizeof *state->phases);
    if (!state->phases)
        return fail_memory(err, "the phases of a convolution");
    for (int64_t i = 0; i < state->phase_count; i++) {
        struct packed_phase *phase = &state->phases[i];
        window_phase(window, state->transposed, i, &phase->geometry);
        phase->state = state;
        phase->floats = window->group * window->out_channels * window->in_channels * phase->geometry.taps;
        positions += phase->geometry.positions;
    }
    for (int d = 0; d < SPATIAL; d++)
        outputs *= window->axis[d].out;
    state->uncovered = positions < outputs;
    return STATUS_OK;
}

status conv_prepare(struct op_call *call, const struct window *window, bool transposed,
                    const struct activation *activation, size_t *workspace_bytes, struct error *err) {
    struct conv_state *state = call->state;
    *state = (struct conv_state){
        .window = *window, .transposed = transposed, .activation = *activation, .kernels = call->kernels};
    status code = make_phases(state, err);
    if (code == STATUS_OK)
        code = conv_take_weights(call, state, err);
    if (code != STATUS_OK)
        return code;
    *workspace_bytes = state->packed_bytes + gemm_workspace_bytes(call->kernels->gemm, call->threads);
    return STATUS_OK;
}

void conv_release(struct op_call *call) {
    struct conv_state *state = call->state;
    free(state->phases);
    state->phases = NULL;
}

/* What all jobs of one run read. */
struct conv_call {
    const struct conv_state *state;
    const struct kernels *kernels;
    const float *input, *bias;
    float *output;
    int64_t in_plane, out_plane;
    int threads;
    void *workspace;
};

static void fetch(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                  float *tile) {
    const struct packed_phase *phase = job->context;
    phase_fetch(&phase->geometry, job->input, column0, count, depth0, depth, width, tile);
}

static void store(const struct gemm_job *job, int64_t row0, int rows, int64_t column0, int count, float *block,
                  size_t stride) {
    const struct packed_phase *phase = job->context;
    const struct phase_axis *axis = phase->geometry.axis;
    const int64_t plane = axis[0].out * axis[1].out * axis[2].out;
    for (int row = 0; row < rows; row++, block += stride) {
        activation_run(phase->state->kernels, &phase->state->activation, block, (size_t)count);
        phase_store(&phase->geometry, block, column0, count, job->output + (row0 + row) * plane);
    }
}

static void make_job(const struct gemm_batch *batch, int64_t i, struct gemm_job *job) {
    const struct conv_call *call = batch->context;
    const struct window *window = &call->state->window;
    const struct packed_phase *phase = &call->state->phases[i % call->state->phase_count];
    const int64_t item = i / call->state->phase_count; /* batch row and group */
    const int64_t group = item % window->group;
    const int64_t depth = phase->geometry.taps * phase->geometry.channels;
    *job = (struct gemm_job){.panels = gemm_panels(batch->kernel, window->out_channels, depth),
                             .packed = phase->packed + group * window->out_channels * depth,
                             .bias = call->bias ? call->bias + group * window->out_channels : NULL,
                             .columns = phase->geometry.positions,
                             .fetch = fetch,
                             .store = store,
                             .context = phase,
                             .input = call->input + item * window->in_channels * call->in_plane,
                             .output = call->output + item * window->out_channels * call->out_plane};
}

static int64_t most_positions(const struct conv_state *state) {
    int64_t most = 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        if (state->phases[i].geometry.positions > most)
            most = state->phases[i].geometry.positions;
    return most;
}

static void run_direct(const struct conv_call *call) {
    const struct window *window = &call->state->window;
    gemm_run(&(struct gemm_batch){.kernel = call->kernels->gemm,
                                  .job_count = window->batch * window->group * call->state->phase_count,
                                  .make = make_job,
                                  .context = call,
                                  .largest_rows = window->out_channels,
                                  .largest_columns = most_positions(call->state),
                                  .threads = call->threads,
                                  .workspace = call->workspace});
}

/* Outputs that no weight meets are the bias, put through the activation. */
static void fill_planes(void *context, int64_t first, int64_t end) {
    const struct conv_call *call = context;
    const int64_t channels = call->state->window.group * call->state->window.out_channels;
    for (int64_t plane = first; plane < end; plane++) {
        float value = call->bias ? call->bias[plane % channels] : 0;
        activation_run(call->kernels, &call->state->activation, &value, 1);
        float *output = call->output + plane * call->out_plane;
        for (int64_t i = 0; i < call->out_plane; i++)
            output[i] = value;
    }
}

static void fill_with_bias(struct conv_call *call) {
    const struct window *window = &call->state->window;
    team_for(call->threads, window->batch * window->group * window->out_channels, fill_planes, call);
}

status conv_run(struct op_call *op_call, struct error *err) {
    (void)err;
    struct conv_state *state = op_call->state;
    const struct window_axis *axis = state->window.axis;
    const struct tensor *bias = op_input(op_call, 2);
    struct conv_call call = {.state = state,
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
    run_direct(&call);
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
