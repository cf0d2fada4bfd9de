#include "ops/blocked/packing.h"

#include "base/unaligned.h"

float pack_weight(const struct pack_job *job, const struct window_weights *weights, int64_t group, int64_t row,
                  int64_t channel, int64_t kernel) {
    const float weight = unaligned_float(weights->source, group * weights->group_stride + row * weights->row_stride +
                                                              channel * weights->channel_stride + kernel);
    return weights->scale ? weight * weights->scale[group * job->state->window.out_channels + row] : weight;
}

void pack_lanes(const struct pack_job *job, const struct window_weights *weights, int64_t group, int64_t first_lane,
                int lanes, int64_t channel, int64_t kernel, float *to) {
    const struct window *window = &job->state->window;
    for (int i = 0; i < lanes; i++)
        to[i] = channel < 0 || channel >= window->in_channels || first_lane + i >= window->out_channels
                    ? 0
                    : pack_weight(job, weights, group, first_lane + i, channel, kernel);
}
