/* The engine under Conv and ConvTranspose: one matrix product per batch row, group and lattice. */
#include "ops/conv.h"

#include <stdlib.h>

/* ---- lattices ---- */

static struct lattice_axis forward_axis(const struct window_axis *axis) {
    return (struct lattice_axis){.in = axis->in,
                                 .points = axis->out,
                                 .step = axis->stride,
                                 .first = -axis->pad_begin,
                                 .taps = axis->kernel,
                                 .tap_step = axis->dilation,
                                 .kernel_step = 1,
                                 .out = axis->out,
                                 .out_step = 1};
}

static int64_t greatest_common_divisor(int64_t a, int64_t b) {
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int64_t modulo(int64_t a, int64_t b) {
    return (a % b + b) % b;
}

/*
 * The phase whose smallest kernel index is kernel0: its taps k = kernel0 + t * stride/gcd meet outputs o with
 * (o + pad) = k * dilation (mod stride), at input (o + pad - k * dilation) / stride.
 */
static struct lattice_axis transposed_axis(const struct window_axis *axis, int64_t kernel0) {
    const int64_t stride = axis->stride;
    const int64_t kernel_step = stride / greatest_common_divisor(stride, axis->dilation);
    const int64_t reach = kernel0 * axis->dilation;
    const int64_t out0 = modulo(reach - axis->pad_begin, stride);
    return (struct lattice_axis){.in = axis->in,
                                 .points = out0 < axis->out ? (axis->out - out0 + stride - 1) / stride : 0,
                                 .step = 1,
                                 .first = (out0 + axis->pad_begin - reach) / stride,
                                 .taps = (axis->kernel - kernel0 + kernel_step - 1) / kernel_step,
                                 .tap_step = -(kernel_step * axis->dilation / stride),
                                 .kernel0 = kernel0,
                                 .kernel_step = kernel_step,
                                 .out = axis->out,
                                 .out0 = out0,
                                 .out_step = stride};
}

/* Phases of one dimension: kernel indices 0 .. stride/gcd - 1 start one each. */
static int64_t axis_phases(const struct window_axis *axis, bool transposed) {
    if (!transposed)
        return 1;
    const int64_t distinct = axis->stride / greatest_common_divisor(axis->stride, axis->dilation);
    return distinct < axis->kernel ? distinct : axis->kernel;
}

static struct lattice_axis phase_axis(const struct window_axis *axis, bool transposed, int64_t phase) {
    return transposed ? transposed_axis(axis, phase) : forward_axis(axis);
}

static status make_phases(struct conv_state *state, struct error *err) {
    const struct window *window = &state->window;
    int64_t phases[SPATIAL], points = 0, outputs = 1, offset = 0;
    state->phase_count = 1;
    for (int d = 0; d < SPATIAL; d++) {
        phases[d] = axis_phases(&window->axis[d], state->transposed);
        state->phase_count *= phases[d]; /* at most the weights of one channel pair */
        outputs *= window->axis[d].out;
    }
    state->phases = calloc((size_t)state->phase_count, sizeof *state->phases);
    if (!state->phases)
        return fail_memory(err, "the phases of a convolution");
    for (int64_t i = 0; i < state->phase_count; i++) {
        struct conv_phase *phase = &state->phases[i];
        const int64_t index[SPATIAL] = {i / (phases[1] * phases[2]), i / phases[2] % phases[1], i % phases[2]};
        for (int d = 0; d < SPATIAL; d++)
            phase->lattice.axis[d] = phase_axis(&window->axis[d], state->transposed, index[d]);
        phase->state = state;
        lattice_close(&phase->lattice, window->in_channels);
        phase->offset = offset;
        offset += window->group * window->out_channels * window->in_channels * phase->lattice.taps;
        points += phase->lattice.points;
    }
    state->uncovered = points < outputs;
    return STATUS_OK;
}

/* ---- weights ---- */

struct pack_job {
    const struct conv_state *state;
    const struct gemm_kernel *kernel;
    int threads;
};

static int64_t phase_depth(const struct conv_phase *phase) {
    return phase->lattice.taps * phase->lattice.channels;
}

/* Elements from one weight to the next in each direction. */
struct weight_strides {
    int64_t group, row, channel;
};

static struct weight_strides weight_strides(const struct conv_state *state) {
    const struct window *w = &state->window;
    const int64_t kernel = w->axis[0].kernel * w->axis[1].kernel * w->axis[2].kernel;
    if (state->transposed)
        return (struct weight_strides){w->in_channels * w->out_channels * kernel, kernel, w->out_channels * kernel};
    return (struct weight_strides){w->in_channels * w->out_channels * kernel, w->in_channels * kernel, kernel};
}

static int64_t kernel_index(const struct conv_state *state, const struct lattice *lattice, int64_t tap) {
    const struct lattice_axis *az = &lattice->axis[0], *ay = &lattice->axis[1], *ax = &lattice->axis[2];
    const int64_t z = az->kernel0 + tap / (ay->taps * ax->taps) * az->kernel_step;
    const int64_t y = ay->kernel0 + tap / ax->taps % ay->taps * ay->kernel_step;
    const int64_t x = ax->kernel0 + tap % ax->taps * ax->kernel_step;
    return (z * state->window.axis[1].kernel + y) * state->window.axis[2].kernel + x;
}

static void pack_phase(const struct pack_job *job, const struct conv_phase *phase, int64_t group, const char *source,
                       float *packed) {
    const struct conv_state *state = job->state;
    const struct weight_strides strides = weight_strides(state);
    const int64_t channels = state->window.in_channels, rows = state->window.out_channels;
    const struct gemm_panels panels = gemm_panels(job->kernel, rows, phase_depth(phase));
#pragma omp parallel for schedule(static) num_threads(job->threads)
    for (int panel = 0; panel < panels.count; panel++) {
        const int64_t first = gemm_panel_row(&panels, panel), count = gemm_panel_row(&panels, panel + 1) - first;
        const struct gemm_panels single = {count, channels, 1};
        for (int64_t tap = 0; tap < phase->lattice.taps; tap++) {
            const int64_t start =
                group * strides.group + first * strides.row + kernel_index(state, &phase->lattice, tap);
            gemm_pack_panels(&single, source + start * (int64_t)sizeof(float), strides.row, strides.channel,
                             packed + first * panels.depth + tap * channels * count);
        }
    }
}

static void pack_weights(void *destination, const struct tensor *source, const void *context) {
    const struct pack_job *job = context;
    const struct window *window = &job->state->window;
    for (int64_t i = 0; i < job->state->phase_count; i++) {
        const struct conv_phase *phase = &job->state->phases[i];
        const int64_t size = window->out_channels * phase_depth(phase);
        for (int64_t group = 0; group < window->group; group++)
            pack_phase(job, phase, group, source->data, (float *)destination + phase->offset + group * size);
    }
}

static status take_weights(struct op_call *call, struct conv_state *state, struct error *err) {
    const struct tensor *weight = call->inputs[1];
    const struct window_axis *axis = state->window.axis;
    state->packed_bytes = weight->bytes;
    if (!call->weights || !weight->constant || !weight->data || weight->bytes == 0)
        return STATUS_OK;
    const struct pack_job job = {state, call->kernels->gemm, call->threads};
    const struct packing packing = {.name = call->kernels->gemm->name,
                                    .numbers = {state->window.group, state->transposed, axis[0].stride, axis[1].stride,
                                                axis[2].stride, axis[0].dilation, axis[1].dilation, axis[2].dilation},
                                    .bytes = weight->bytes,
                                    .pack = pack_weights,
                                    .context = &job};
    state->packed = weight_cache_get(call->weights, weight, &packing);
    return state->packed ? STATUS_OK : fail_memory(err, "packed weights");
}

/* ---- prepare, run, release ---- */

status conv_prepare(struct op_call *call, const struct window *window, bool transposed,
                    const struct activation *activation, size_t *workspace_bytes, struct error *err) {
    struct conv_state *state = call->state;
    *state = (struct conv_state){.window = *window, .transposed = transposed, .activation = *activation};
    status code = make_phases(state, err);
    if (code == STATUS_OK)
        code = take_weights(call, state, err);
    *workspace_bytes = gemm_workspace_bytes(call->kernels->gemm, call->threads) +
                       (state->packed ? 0 : (state->packed_bytes + 63) / 64 * 64);
    return code;
}

void conv_release(struct op_call *call) {
    struct conv_state *state = call->state;
    free(state->phases);
    state->phases = NULL;
}

/* What the jobs of one run share. */
struct conv_call {
    const struct conv_state *state;
    const struct gemm_kernel *kernel;
    const float *input, *packed, *bias;
    float *output;
    int64_t in_plane, out_plane;
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
    const struct conv_phase *phase = &call->state->phases[i % call->state->phase_count];
    const int64_t image = i / call->state->phase_count; /* batch row and group */
    const int64_t group = image % window->group;
    const int64_t depth = phase_depth(phase);
    *job = (struct gemm_job){.panels = gemm_panels(call->kernel, window->out_channels, depth),
                             .packed = call->packed + phase->offset + group * window->out_channels * depth,
                             .bias = call->bias ? call->bias + group * window->out_channels : NULL,
                             .columns = phase->lattice.points,
                             .fetch = fetch,
                             .store = store,
                             .context = phase,
                             .input = call->input + image * window->in_channels * call->in_plane,
                             .output = call->output + image * window->out_channels * call->out_plane};
}

/* Outputs that no weight meets are the bias, put through the activation. */
static void fill_with_bias(const struct conv_call *call, int threads) {
    const struct window *window = &call->state->window;
    const int64_t channels = window->group * window->out_channels, planes = window->batch * channels;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t plane = 0; plane < planes; plane++) {
        float value = call->bias ? call->bias[plane % channels] : 0;
        activation_apply(&call->state->activation, &value, 1);
        float *output = call->output + plane * call->out_plane;
        for (int64_t i = 0; i < call->out_plane; i++)
            output[i] = value;
    }
}

static int64_t most_points(const struct conv_state *state) {
    int64_t most = 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        if (state->phases[i].lattice.points > most)
            most = state->phases[i].lattice.points;
    return most;
}

status conv_run(struct op_call *op_call, struct error *err) {
    (void)err;
    const struct conv_state *state = op_call->state;
    const struct window *window = &state->window;
    const struct window_axis *axis = window->axis;
    const struct tensor *bias = op_input(op_call, 2);
    struct conv_call call = {.state = state,
                             .kernel = op_call->kernels->gemm,
                             .input = op_call->inputs[0]->data,
                             .packed = state->packed,
                             .bias = bias ? bias->data : NULL,
                             .output = op_call->outputs[0]->data,
                             .in_plane = axis[0].in * axis[1].in * axis[2].in,
                             .out_plane = axis[0].out * axis[1].out * axis[2].out};
    if (op_call->outputs[0]->bytes == 0)
        return STATUS_OK;
    char *scratch = op_call->workspace;
    if (!call.packed && state->packed_bytes) {
        const struct pack_job job = {state, call.kernel, op_call->threads};
        pack_weights(scratch, op_call->inputs[1], &job);
        call.packed = (const float *)scratch;
        scratch += (state->packed_bytes + 63) / 64 * 64;
    }
    if (state->uncovered || !call.packed)
        fill_with_bias(&call, op_call->threads);
    if (!call.packed)
        return STATUS_OK;
    gemm_run(&(struct gemm_batch){.kernel = call.kernel,
                                  .job_count = window->batch * window->group * state->phase_count,
                                  .make = make_job,
                                  .context = &call,
                                  .largest_rows = window->out_channels,
                                  .largest_columns = most_points(state),
                                  .threads = op_call->threads,
                                  .workspace = scratch});
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
