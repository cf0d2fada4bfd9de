#include "ops/recurrent/recurrent_round.h"

#include <math.h>

void recurrent_round(const float *state, int64_t stride, int64_t rows, int64_t columns, float *rounded) {
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
            rounded[i * stride + j] = (fminf(fmaxf(step, 0), 255) - zero) * scale;
        }
}
