#include "ops/attention/attention_softmax.h"

#include "base/simd.h"
#include "ops/attention/attention_mask.h"
#include "ops/kernels/families.h"
#include "ops/kernels/math.h"
#include "ops/kernels/rows.h"

#include <float.h>
#include <math.h>
#include <string.h>

static void tanh_float(const struct kernels *kernels, float *x, int64_t count) {
    kernels->math->map[MATH_TANH](x, x, (size_t)count, 0, 0);
}
static void tanh_double(const struct kernels *kernels, double *x, int64_t count) {
    (void)kernels;
    for (int64_t i = 0; i < count; i++)
        x[i] = tanh(x[i]);
}

/* In place: exponentials of the differences from *most, the largest; returns their sum, 0 where all are -infinity. */
static double exponentials_float(const struct kernels *kernels, float *x, int64_t count, double *most) {
    const float largest = row_kernel_of(kernels)->largest(x, (size_t)count);
    *most = (double)largest;
    if (largest > -INFINITY || isnan(largest))
        return row_kernel_of(kernels)->exp_less(x, x, (size_t)count, largest);
    memset(x, 0, (size_t)count * sizeof *x);
    return 0;
}
static double exponentials_double(const struct kernels *kernels, double *x, int64_t count, double *most) {
    double largest = x[0], sum = 0;
    (void)kernels;
    for (int64_t i = 1; i < count; i++)
        largest = x[i] > largest ? x[i] : largest;
    if (largest < -DBL_MAX)
        largest = 0;
    *most = largest;
    for (int64_t i = 0; i < count; i++)
        sum += x[i] = exp(x[i] - largest);
    return sum;
}

/* What is the same for both types. A row that sees no key is zero. */
#define ATTENTION_SOFTMAX(T)                                                                                      \
    static void cap_##T(const struct attention_work *work, T *x, int64_t count) {                                 \
        const T cap = (T)work->a->softcap;                                                                        \
        SIMD for (int64_t i = 0; i < count; i++) x[i] /= cap;                                                     \
        tanh_##T(work->call->kernels, x, count);                                                                  \
        SIMD for (int64_t i = 0; i < count; i++) x[i] *= cap;                                                     \
    }                                                                                                             \
    static void keep_##T(const struct attention *a, enum attention_stage stage, const struct attention_block *b,  \
                         int64_t row, const T *x, T factor) {                                                     \
        if (!a->scores || a->stage != stage)                                                                      \
            return;                                                                                               \
        T *to = (T *)a->scores + ((b->batch * a->heads + b->head) * a->rows + b->row + row) * a->keys;            \
        for (int64_t i = 0; i < a->keys; i++)                                                                     \
            to[i] = x[i] * factor;                                                                                \
    }                                                                                                             \
    /* Scores become exponentials; returns 1 over their sum, or 0 where no key is seen. */                        \
    double attention_softmax_##T(const struct attention_work *work, const struct attention_block *b, int64_t row, \
                                 T *x, T *bias) {                                                                 \
        const struct attention *a = work->a;                                                                      \
        keep_##T(a, SCORES_SCALED, b, row, x, 1);                                                                 \
        if (a->softcap != 0)                                                                                      \
            cap_##T(work, x, b->keys);                                                                            \
        keep_##T(a, SCORES_CAPPED, b, row, x, 1);                                                                 \
        const bool sees = attention_mask_##T(a, b->batch, b->head, b->row + row, x, b->keys, bias);               \
        keep_##T(a, SCORES_MASKED, b, row, x, 1);                                                                 \
        if (!sees) {                                                                                              \
            memset(x, 0, (size_t)b->keys * sizeof *x);                                                            \
            keep_##T(a, SCORES_SOFTMAX, b, row, x, 1);                                                            \
            return 0;                                                                                             \
        }                                                                                                         \
        double most, sum = exponentials_##T(work->call->kernels, x, b->keys, &most);                              \
        if (a->sinks || a->smooth)                                                                                \
            sum += exp((a->sinks ? (double)a->sinks[b->head] : 0) - most);                                        \
        const double inverse = sum == 0 ? 0 : 1 / sum;                                                            \
        keep_##T(a, SCORES_SOFTMAX, b, row, x, (T)inverse);                                                       \
        return inverse;                                                                                           \
    }
ATTENTION_SOFTMAX(float)
ATTENTION_SOFTMAX(double)
