#include "ops/attention/attention_mask.h"

#include "base/simd.h"
#include "base/sizes.h"
#include "ops/core/reals.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"

#include <math.h>
#include <string.h>

struct attention_range attention_visible(const struct attention *a, int64_t batch, int64_t row) {
    const int64_t length = a->lengths ? between(0, a->lengths[batch], a->keys) : a->keys;
    const int64_t place = (a->at_end ? length - a->rows : a->offset) + row;
    struct attention_range range = {0, a->keys};
    if (a->right >= 0 && place + a->right + 1 < range.end)
        range.end = place + a->right + 1;
    if (a->left >= 0 && place - a->left > 0)
        range.first = place - a->left;
    range.end = at_most(range.end, length);
    if (range.end < 0)
        range.end = 0;
    return range;
}

/* Adds one mask; `allows` and other types than those of the scores go number by number. */
#define ADD_MASK(T, DTYPE)                                                                                             \
    static void add_mask_##T(const struct attention_mask *mask, int64_t at, T *bias, int64_t keys) {                   \
        const int64_t count = at_most(mask->keys, keys);                                                               \
        const bool allows = mask->allows || mask->tensor->dtype == DTYPE_BOOL;                                         \
        const T blocked = (T)mask->blocked;                                                                            \
        if (mask->tensor->dtype == DTYPE_BOOL) {                                                                       \
            const uint8_t *data = (const uint8_t *)mask->tensor->data + at;                                            \
            SIMD for (int64_t i = 0; i < count; i++) bias[i] += data[i] ? 0 : blocked;                                 \
        } else if (mask->tensor->dtype == DTYPE && !allows) {                                                          \
            const T *data = (const T *)mask->tensor->data + at;                                                        \
            SIMD for (int64_t i = 0; i < count; i++) bias[i] += data[i];                                               \
        } else {                                                                                                       \
            for (int64_t i = 0; i < count; i++) {                                                                      \
                const double v = number_at(mask->tensor, at + i);                                                      \
                bias[i] += (T)(!allows ? v : v != 0 ? 0 : mask->blocked);                                              \
            }                                                                                                          \
        }                                                                                                              \
        for (int64_t i = count; i < keys; i++)                                                                         \
            bias[i] = (T)-INFINITY;                                                                                    \
    }                                                                                                                  \
    bool attention_mask_##T(const struct attention *a, int64_t batch, int64_t head, int64_t row, T *scores,            \
                            int64_t keys, T *bias) {                                                                   \
        const struct attention_range seen = attention_visible(a, batch, row);                                          \
        const int64_t first = at_most(seen.first, keys), end = at_most(seen.end, keys);                                \
        for (int64_t i = 0; i < first; i++)                                                                            \
            scores[i] = (T)-INFINITY;                                                                                  \
        for (int64_t i = end > first ? end : first; i < keys; i++)                                                     \
            scores[i] = (T)-INFINITY;                                                                                  \
        if (!a->masks[0].tensor && !a->masks[1].tensor)                                                                \
            return end > first;                                                                                        \
        bool sees = false;                                                                                             \
        for (int64_t i = 0; i < keys; i++)                                                                             \
            bias[i] = 0;                                                                                               \
        for (int m = 0; m < ATTENTION_MASKS; m++)                                                                      \
            if (a->masks[m].tensor)                                                                                    \
                add_mask_##T(&a->masks[m],                                                                             \
                             batch * a->masks[m].batch + head * a->masks[m].head + row * a->masks[m].row, bias, keys); \
        for (int64_t i = first; i < end; i++) {                                                                        \
            sees |= bias[i] != (T)-INFINITY;                                                                           \
            scores[i] += bias[i];                                                                                      \
        }                                                                                                              \
        return sees;                                                                                                   \
    }
ADD_MASK(float, DTYPE_FLOAT)
ADD_MASK(double, DTYPE_DOUBLE)

void attention_pack_keys(const struct attention *a, const struct kernels *kernels, int64_t batch, int64_t head,
                         int64_t key, float *tile) {
    const int64_t width = kernels->gemm->columns, count = at_most(a->keys - key, width);
    if (count < width)
        memset(tile, 0, (size_t)(a->size * width) * sizeof *tile);
    for (int64_t column = 0, n; column < count; column += n) {
        const bool past = key + column < a->past;
        const struct attention_array *array = past ? &a->past_k : &a->k;
        const int64_t first = key + column - (past ? 0 : a->past);
        n = past ? at_most(a->past - first, count - column) : count - column;
        row_kernel_of(kernels)->turn((const float *)array->data + batch * array->batch + head * array->head +
                                         first * array->row,
                                     (size_t)array->row, (size_t)n, (size_t)a->size, tile + column, (size_t)width);
    }
}
