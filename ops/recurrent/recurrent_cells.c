/* What RNN, LSTM and GRU do with the sums of their gates, as in the specification's equations. */
#include "ops/recurrent/recurrent_cells.h"
#include "base/simd.h"

/* x = f(clip(x + y)) */
#define CELLS(T)                                                                                            \
    static void gate_##T(const struct recurrent_step *step, int which, T *x, const T *y) {                  \
        const T clip = (T)step->params->clip;                                                               \
        SIMD for (int64_t i = 0; i < step->hidden; i++) x[i] += y[i];                                       \
        for (int64_t i = 0; i < step->hidden && clip > 0; i++)                                              \
            x[i] = x[i] > clip ? clip : x[i] < -clip ? -clip : x[i];                                        \
        recurrent_activate_##T(step->kernels, &step->activations[which], x, step->hidden);                  \
    }                                                                                                       \
    static void rnn_##T(const struct recurrent_step *step) {                                                \
        const T *sums = step->sums;                                                                         \
        T *state = step->state;                                                                             \
        gate_##T(step, 0, step->sums, step->recurrent);                                                     \
        SIMD for (int64_t i = 0; i < step->hidden; i++) state[i] = sums[i];                                 \
    }                                                                                                       \
    static void look_##T(const struct recurrent_step *step, int which, T *x) {                              \
        const T *peephole = step->peepholes, *cell = step->cell;                                            \
        for (int64_t i = 0; i < step->hidden && peephole; i++)                                              \
            x[i] += peephole[which * step->hidden + i] * cell[i];                                           \
    }                                                                                                       \
    /* Gates: input, output, forget, cell. Peepholes: input, output, forget. */                             \
    static void lstm_##T(const struct recurrent_step *step) {                                               \
        const int64_t n = step->hidden;                                                                     \
        T *in = step->sums, *out = in + n, *forget = out + n, *change = forget + n, *cell = step->cell;     \
        T *state = step->state;                                                                             \
        const T *recurrent = step->recurrent;                                                               \
        look_##T(step, 0, in);                                                                              \
        gate_##T(step, 0, in, recurrent);                                                                   \
        look_##T(step, 2, forget);                                                                          \
        gate_##T(step, 0, forget, recurrent + 2 * n);                                                       \
        for (int64_t i = 0; i < n && step->params->input_forget; i++)                                       \
            forget[i] = 1 - in[i];                                                                          \
        gate_##T(step, 1, change, recurrent + 3 * n);                                                       \
        SIMD for (int64_t i = 0; i < n; i++) cell[i] = forget[i] * cell[i] + in[i] * change[i];             \
        look_##T(step, 1, out);                                                                             \
        gate_##T(step, 0, out, recurrent + n);                                                              \
        SIMD for (int64_t i = 0; i < n; i++) state[i] = cell[i];                                            \
        recurrent_activate_##T(step->kernels, &step->activations[2], state, n);                             \
        SIMD for (int64_t i = 0; i < n; i++) state[i] *= out[i];                                            \
    }                                                                                                       \
    static void gru_end_##T(const struct recurrent_step *step, const T *rest) {                             \
        const int64_t n = step->hidden;                                                                     \
        const T *update = step->sums;                                                                       \
        T *change = (T *)step->sums + 2 * n, *state = step->state;                                          \
        gate_##T(step, 1, change, rest);                                                                    \
        SIMD for (int64_t i = 0; i < n; i++) state[i] = (1 - update[i]) * change[i] + update[i] * state[i]; \
    }                                                                                                       \
    /* Gates: update, reset, hidden. */                                                                     \
    static void gru_##T(const struct recurrent_step *step) {                                                \
        const int64_t n = step->hidden;                                                                     \
        T *reset = (T *)step->sums + n, *rest = (T *)step->recurrent + 2 * n, *left = step->reset;          \
        const T *bias = step->rest_bias, *state = step->state;                                              \
        gate_##T(step, 0, step->sums, step->recurrent);                                                     \
        gate_##T(step, 0, reset, (const T *)step->recurrent + n);                                           \
        if (!step->params->linear_before_reset) {                                                           \
            SIMD for (int64_t i = 0; i < n; i++) left[i] = reset[i] * state[i];                             \
            return;                                                                                         \
        }                                                                                                   \
        for (int64_t i = 0; i < n; i++)                                                                     \
            rest[i] = reset[i] * (rest[i] + (bias ? bias[i] : 0));                                          \
        gru_end_##T(step, rest);                                                                            \
    }                                                                                                       \
    static void gru_finish_##T(const struct recurrent_step *step) {                                         \
        gru_end_##T(step, step->rest);                                                                      \
    }
CELLS(float)
CELLS(double)

#define TABLE(T)                                                                                    \
    {                                                                                               \
        [RECURRENT_RNN] = {rnn_##T, NULL}, [RECURRENT_LSTM] = {lstm_##T, NULL}, [RECURRENT_GRU] = { \
            gru_##T,                                                                                \
            gru_finish_##T                                                                          \
        }                                                                                           \
    }

struct recurrent_cells recurrent_cells(enum recurrent_kind kind, enum dtype dtype) {
    static const struct recurrent_cells of_float[] = TABLE(float), of_double[] = TABLE(double);
    return dtype == DTYPE_DOUBLE ? of_double[kind] : of_float[kind];
}
