#include "ops/recurrent/recurrent_round.h"

#include <math.h>

float recurrent_round(const float *state, int64_t stride, int64_t rows, int64_t columns, float *rounded) {
    float low = 0, high = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            low = fminf(low, state[i * stride + j]);
            high = fmaxf(high, state[i * stride + j]);
        }
    const float scale = high > low ? (high - low) / 255 : 1, zero = rintf(fminf(fmaxf(-low / scale, 0), 255));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            const float step = rintf(state[i * stride + j] / scale) + zero;
            rounded[i * stride + j] = fminf(fmaxf(step, 0), 255) - zero;
        }
    return scale;
}

void recurrent_scale(float *sums, int64_t columns, float scale, const struct tensor *scales, int64_t direction,
                     int64_t directions) {
    const bool each = tensor_elements(scales) > directions;
    const float *by = (const float *)scales->data + direction * (each ? columns : 1);
    for (int64_t i = 0; i < columns; i++)
        sums[i] *= scale * by[each ? i : 0];
}
