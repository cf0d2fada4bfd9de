#include "ops/blocked/blocked_run.h"

#include "ops/kernels/families.h"

#include <string.h>

float *blocked_scratch(const struct blocked_run *run, struct team_thread self) {
    return (float *)(run->scratch + (size_t)self.index * run->scratch_stride);
}

struct blocked_input blocked_input_of(const struct blocked_run *run, int64_t image) {
    const struct blocked_state *state = run->state;
    if (state->from_blocks)
        return (struct blocked_input){.data = run->x + image * channel_blocks(state->window.in_channels) * run->x_plane,
                                      .row = state->window.axis[2].in * CHANNEL_BLOCK,
                                      .pixel = CHANNEL_BLOCK,
                                      .block = run->x_plane,
                                      .lowest = {run->x_row}};
    const int64_t pixel = state->window.in_channels, row = state->copy_size[1] * pixel;
    return (struct blocked_input){.data = run->copy + image * state->copy_size[0] * row,
                                  .row = row,
                                  .pixel = pixel,
                                  .lowest = {state->lowest[0], state->lowest[1]},
                                  .whole = true};
}

bool blocked_finish_kind(const struct activation *activation, enum block_finish *kind) {
    switch (activation->kind) {
    case ACTIVATION_NONE:
        *kind = BLOCK_COPY;
        return true;
    case ACTIVATION_RELU:
        *kind = BLOCK_RELU;
        return true;
    case ACTIVATION_LEAKY_RELU:
        *kind = BLOCK_LEAKY_RELU;
        return true;
    case ACTIVATION_CLIP:
        *kind = BLOCK_CLIP;
        return true;
    default:
        *kind = BLOCK_COPY;
        return false;
    }
}

void blocked_finish(const struct blocked_run *run, const float *bias, size_t bias_row, int rows, int columns,
                    float *sums, size_t sums_row, size_t sums_column, float *destination, size_t row, size_t column) {
    const struct activation *activation = &run->state->activation;
    const struct pixel_kernel *kernel = pixel_kernel_of(run->kernels);
    enum block_finish kind;
    if (!blocked_finish_kind(activation, &kind)) {
        kernel->finish(BLOCK_COPY, 0, 0, bias, bias_row, rows, columns, sums, sums_row, sums_column, sums, sums_row,
                       sums_column);
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++)
                activation_run(run->kernels, activation, sums + (size_t)y * sums_row + (size_t)x * sums_column,
                               CHANNEL_BLOCK);
        bias = NULL;
    }
    kernel->finish(kind, activation->alpha, activation->beta, bias, bias_row, rows, columns, sums, sums_row,
                   sums_column, destination, row, column);
}

void blocked_spread_bias(const struct blocked_state *state, const float *bias, float *blocks) {
    const int64_t channels = state->window.out_channels, whole = channel_blocks(channels) * CHANNEL_BLOCK;
    memset(blocks, 0, state->bias_bytes);
    if (bias && window_mixes_groups(&state->window)) {
        memcpy(blocks, bias, (size_t)(state->window.group * channels) * sizeof *blocks);
        return;
    }
    for (int64_t group = 0; bias && group < state->window.group; group++)
        memcpy(blocks + group * whole, bias + group * channels, (size_t)channels * sizeof *blocks);
}

int64_t blocked_limit_rows(struct phase_axis *axis, struct row_range rows, int64_t top) {
    const int64_t first = rows.first > axis->out0 ? divide_up(rows.first - axis->out0, axis->out_step) : 0;
    const int64_t end = rows.end > axis->out0 ? divide_up(rows.end - axis->out0, axis->out_step) : 0;
    const int64_t last = at_most(end, axis->positions);
    axis->positions = last > first ? last - first : 0;
    axis->first += first * axis->step;
    axis->out0 += first * axis->out_step - top;
    return first;
}

void blocked_run_each(const struct blocked_run *run, const struct conv_algorithm *algorithm,
                      void (*run_phase)(const struct blocked_run *run, const struct blocked_phase *phase)) {
    for (int64_t i = 0; i < run->state->phase_count; i++) {
        const struct blocked_phase *phase = &run->state->phases[i];
        if (phase->algorithm == algorithm && phase->geometry.positions > 0 && run->state->window.batch > 0)
            run_phase(run, phase);
    }
}

struct blocked_bytes blocked_scratch_bytes(const struct blocked_state *state, const struct conv_algorithm *algorithm,
                                           size_t (*of_phase)(const struct blocked_phase *phase)) {
    struct blocked_bytes most = {0};
    for (int64_t i = 0; i < state->phase_count; i++)
        if (state->phases[i].algorithm == algorithm)
            blocked_add_bytes(&most, (struct blocked_bytes){.scratch = of_phase(&state->phases[i])});
    return most;
}
