/* Conv and ConvTranspose on channel blocks: the operators that the layout pass makes. See ops/blocked/blocked.h. */
#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/blocked/blocked.h"
#include "ops/blocked/blocked_run.h"
#include "ops/blocked/engine/blocked_pack.h"
#include "ops/blocked/engine/blocked_phases.h"
#include "ops/blocked/engine/blocked_plan.h"
#include "ops/blocked/few_outputs.h"
#include "ops/blocked/fused/fused.h"
#include "ops/blocked/fused/fused_plan.h"
#include "ops/conv/conv.h"
#include "ops/conv/conv_engine.h"
#include "ops/conv/conv_transpose.h"
#include "ops/core/op_facts.h"

#include <stdlib.h>
#include <string.h>

/* A merged Pad cannot reflect more rows than there are. */
static status check_border(const struct op_call *call, const struct window *window, struct error *err) {
    const struct window_params *params = call->params;
    for (int i = 0; params->border == BORDER_REFLECT && i < params->pad_count; i++) {
        const int64_t in = window->axis[SPATIAL - window->spatial + i % window->spatial].in;
        if (params->pads[i] >= in)
            return fail(err, STATUS_SHAPE, "reflecting %lld rows at the border of %lld needs more of them",
                        (long long)params->pads[i], (long long)in);
    }
    return STATUS_OK;
}

static status resolve(const struct op_call *call, struct window *window, struct error *err) {
    const struct window_params *params = call->params;
    const status code = conv_kind_of(call)->resolve(call, window, err);
    if (code != STATUS_OK)
        return code;
    const bool line = window->spatial == 1 && (window->group == 1 || window_is_depthwise(window)) &&
                      !params->blocked_input && !params->blocked_output && !conv_kind_of(call)->transposed;
    if (window->spatial != 2 && !line)
        return fail(err, STATUS_SHAPE, "input 0 (X) has %d spatial dimensions, channel blocks have 2", window->spatial);
    if (window->group > 1 && !(params->blocked_input && params->blocked_output) &&
        !(window_is_depthwise(window) && !conv_kind_of(call)->transposed))
        return fail(err, STATUS_UNSUPPORTED, "groups must lie in channel blocks on both sides");
    return check_border(call, window, err);
}

static status infer(struct op_call *call, struct error *err) {
    struct window window;
    const status code = resolve(call, &window, err);
    return code == STATUS_OK ? window_describe(call, &window, call->inputs[0]->dtype, err) : code;
}

/* Whether a plain input is copied with its border: depthwise convolutions and few outputs read it row by row. */
static bool needs_copy(const struct blocked_state *state) {
    bool copies = false;
    for (int64_t i = 0; i < state->phase_count && !state->from_blocks; i++)
        copies = copies || state->phases[i].algorithm->copies;
    return copies;
}

/* Bytes of that copy. */
static status size_copy(struct blocked_state *state, struct error *err) {
    size_t bytes = sizeof(float) * (size_t)state->window.batch;
    if (!size_mul(bytes, (size_t)state->window.in_channels, &bytes) ||
        !size_mul(bytes, (size_t)state->copy_size[0], &bytes) ||
        !size_mul(bytes, (size_t)state->copy_size[1], &bytes) || bytes > SIZE_MAX / 2)
        return fail(err, STATUS_LIMIT, "the padded input is too large");
    state->copy_bytes = whole_line_bytes(bytes + 64);
    return STATUS_OK;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct window_params *params = call->params;
    struct blocked_state *state = call->state;
    *state = (struct blocked_state){.transposed = conv_kind_of(call)->transposed,
                                    .from_blocks = params->blocked_input,
                                    .to_blocks = params->blocked_output,
                                    .activation = params->activation};
    status code = resolve(call, &state->window, err);
    if (code == STATUS_OK)
        code = blocked_plan(state, call->kernels, call->threads, err);
    if (code == STATUS_OK && needs_copy(state))
        code = size_copy(state, err);
    if (code == STATUS_OK)
        code = blocked_take_weights(call, state, err);
    if (code != STATUS_OK)
        return code;
    state->bias_bytes = (size_t)window_out_blocks(&state->window) * CHANNEL_BLOCK * sizeof(float);
    const struct blocked_bytes work = blocked_work_bytes(state, call->threads);
    *workspace_bytes = state->packed_bytes + state->copy_bytes + state->bias_bytes + work.shared;
    call->own_bytes = work.scratch;
    return STATUS_OK;
}

static void release(struct op_call *call) {
    struct blocked_state *state = call->state;
    free(state->phases);
    free(state->row_tiling);
    state->phases = NULL;
    state->row_tiling = NULL;
}

/* ---- running ---- */

/* Columns first..end of a row of the copy, which lie beyond the input. The copy is [row][column][channel]. */
static void copy_columns(const struct blocked_state *state, const float *source, int64_t first, int64_t end,
                         float *copy) {
    const struct window_axis *ay = &state->window.axis[1], *ax = &state->window.axis[2];
    const int64_t channels = state->window.in_channels;
    for (int64_t i = first; i < end; i++) {
        const int64_t x = border_index(state->window.border, i + state->lowest[1], ax->in);
        for (int64_t c = 0; c < channels; c++)
            copy[i * channels + c] = x < 0 ? 0 : source[c * ay->in * ax->in + x];
    }
}

/* One row of the copy, border included. */
static void copy_row(const struct blocked_run *run, int64_t image, int64_t row, float *copy) {
    const struct blocked_state *state = run->state;
    const struct window_axis *ay = &state->window.axis[1], *ax = &state->window.axis[2];
    const int64_t channels = state->window.in_channels, plane = ay->in * ax->in, columns = state->copy_size[1];
    const int64_t y = border_index(state->window.border, row, ay->in);
    if (y < 0) {
        memset(copy, 0, (size_t)(columns * channels) * sizeof *copy);
        return;
    }
    const float *source = run->x + image * channels * plane + y * ax->in;
    const int64_t left = -state->lowest[1], inner = left < columns ? left : columns;
    const int64_t end = inner + ax->in < columns ? inner + ax->in : columns;
    copy_columns(state, source, 0, inner, copy);
    if (inner < end)
        run->kernels->few_outputs->interleave(source + inner - left, (size_t)plane, (int)channels, end - inner,
                                              copy + inner * channels);
    copy_columns(state, source, end, columns, copy);
}

static void copy_rows(void *context, int64_t first, int64_t end) {
    const struct blocked_run *run = context;
    const struct blocked_state *state = run->state;
    const int64_t size = state->copy_size[1] * state->window.in_channels;
    for (int64_t row = first; row < end; row++)
        copy_row(run, row / state->copy_size[0], row % state->copy_size[0] + state->lowest[0], run->copy + row * size);
}

/* Planes of the output of a batch row: channel blocks, or channels. */
static int64_t output_planes(const struct blocked_state *state) {
    const int64_t channels = state->window.group * state->window.out_channels;
    return state->to_blocks ? channel_blocks(channels) : channels;
}

/* Fills the output with what it is where no weight is met: the activation of the bias. */
static void fill_rows(void *context, int64_t first, int64_t end) {
    const struct blocked_run *run = context;
    const struct blocked_state *state = run->state;
    const int64_t plane = state->window.axis[1].out * state->window.axis[2].out;
    const int64_t rows = output_planes(state), width = state->to_blocks ? CHANNEL_BLOCK : 1;
    for (int64_t i = first; i < end; i++) {
        float values[CHANNEL_BLOCK], *y = run->y + i * plane * width;
        memcpy(values, run->bias + i % rows * width, (size_t)width * sizeof *values);
        activation_run(run->kernels, &state->activation, values, (size_t)width);
        for (int64_t p = 0; p < plane * width; p++)
            y[p] = values[p % width];
    }
}

static status run_conv(struct op_call *call, struct error *err) {
    (void)err;
    struct blocked_state *state = call->state;
    const struct tensor *bias = op_input(call, 2), *scale = op_input(call, 3);
    char *copy = (char *)call->workspace + state->packed_bytes;
    float *bias_blocks = (float *)(copy + state->copy_bytes);
    struct blocked_run run = {.state = state,
                              .kernels = call->kernels,
                              .x = call->inputs[0]->data,
                              .bias = bias_blocks,
                              .y = call->outputs[0]->data,
                              .x_plane = blocked_plane(&state->window, false),
                              .y_plane = blocked_plane(&state->window, true),
                              .weights = call->inputs[1]->data,
                              .scale = scale ? scale->data : NULL,
                              .threads = call->threads,
                              .copy = (float *)copy,
                              .workspace = bias_blocks + state->bias_bytes / sizeof(float),
                              .scratch = call->own,
                              .scratch_stride = call->own_stride};
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    blocked_spread_bias(state, bias ? bias->data : NULL, bias_blocks);
    if (state->uncovered)
        team_for(run.threads, state->window.batch * output_planes(state), fill_rows, &run);
    if (needs_copy(state))
        team_for(run.threads, state->window.batch * state->copy_size[0], copy_rows, &run);
    if (state->packed_bytes)
        blocked_pack_now(call, state, call->workspace);
    blocked_run_phases(&run);
    return STATUS_OK;
}

static double macs(const struct op_call *call) {
    struct window window;
    struct error err;
    return resolve(call, &window, &err) == STATUS_OK ? conv_macs(&window, conv_kind_of(call)->transposed) : 0;
}

/* A depthwise convolution, or one of few planes whose rows are read as they lie. */
static bool writes_plain(const struct op_call *call) {
    const struct window_params *params = call->params;
    const struct tensor *weight = op_input(call, 1);
    if (!weight || weight->shape.rank != 4)
        return false;
    const int64_t *dims = weight->shape.dims;
    if (params->group > 1)
        return dims[1] == 1 && dims[0] == params->group;
    return !params->blocked_input &&
           few_outputs_of_planes(dims[1], dims[3], params->stride_count ? params->strides[1] : 1,
                                 params->dilation_count ? params->dilations[1] : 1);
}

#define FUSING .fuse = blocked_fuse, .run_fused = blocked_run_fused
static const struct op_facts facts = {.shown = "Conv", .writes_plain = writes_plain, FUSING},
                             transposed_facts = {.shown = "ConvTranspose", FUSING};

#define BLOCKED(op_name, kind, facts_of)                                                                              \
    {                                                                                                                 \
        .name = op_name, .domain = INTERNAL_DOMAIN, .since = 1, .inputs = conv_scaled_inputs,                         \
        .outputs = conv_scaled_outputs, .params_size = sizeof(struct window_params),                                  \
        .state_size = sizeof(struct blocked_state), .parse = conv_operator_parse, .infer = infer, .prepare = prepare, \
        .run = run_conv, .release = release, .macs = macs, .row = kind, .facts = facts_of                             \
    }

const struct op ops_blocked_conv[] = {BLOCKED("BlockedConv", &conv_kind, &facts),
                                      BLOCKED("BlockedConvTranspose", &conv_transpose_kind, &transposed_facts),
                                      {0}};
