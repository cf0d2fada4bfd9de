#include "ops/attention/attention_product.h"

#include "base/simd.h"
#include "base/sizes.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"
#include "ops/matmul/tile_product.h"

#include <string.h>

/* Keys or values of a block that lie one behind the other, at vectors first..end-1. */
struct attention_span {
    const float *vectors;
    int64_t stride, first, end;
};

/* which: 0 for the past. */
static struct attention_span span_of(const struct attention *a, const struct attention_block *b,
                                     const struct attention_array *array, int which) {
    struct attention_span span = {.stride = array->row, .first = b->first, .end = b->keys};
    if (which)
        span.first = span.first > a->past ? span.first : a->past;
    else
        span.end = at_most(span.end, a->past);
    if (span.first < span.end)
        span.vectors = (const float *)(const void *)attention_head(a, array, b->batch, b->kv_head) +
                       (span.first - (which ? a->past : 0)) * array->row;
    return span;
}

static void scores_direct(const struct attention_work *work, const struct attention_block *b, const float *q,
                          float *scores) {
    const struct attention *a = work->a;
    const struct row_kernel *rows = row_kernel_of(work->call->kernels);
    memset(scores, 0, (size_t)b->first * sizeof *scores);
    for (int which = 0; which < 2; which++) {
        const struct attention_span keys = span_of(a, b, which ? &a->k : &a->past_k, which);
        if (keys.vectors)
            rows->dots(q, (size_t)a->size, keys.vectors, (size_t)keys.stride, (size_t)(keys.end - keys.first),
                       scores + keys.first);
    }
}

static void values_direct(const struct attention_work *work, const struct attention_block *b, const float *scores,
                          float *sums, float *more) {
    const struct attention *a = work->a;
    const struct row_kernel *rows = row_kernel_of(work->call->kernels);
    memset(sums, 0, (size_t)a->value_size * sizeof *sums);
    for (int which = 0; which < 2; which++) {
        const struct attention_span values = span_of(a, b, which ? &a->v : &a->past_v, which);
        if (!values.vectors)
            continue;
        rows->combine(scores + values.first, (size_t)(values.end - values.first), values.vectors, (size_t)values.stride,
                      (size_t)a->value_size, more);
        SIMD for (int64_t i = 0; i < a->value_size; i++) sums[i] += more[i];
    }
}

void attention_scores_float(const struct attention_work *work, const struct attention_block *b,
                            const struct attention_own *own) {
    const struct attention *a = work->a;
    const float *packed =
        (const float *)work->call->workspace + (size_t)(b->batch * a->kv_heads + b->kv_head) * work->head_floats;
    const int64_t stride = attention_score_stride(work->call, a);
    const float *q = (const float *)(const void *)attention_head(a, &a->q, b->batch, b->head) + b->row * a->q.row;
    if (attention_is_direct(a))
        for (int64_t row = 0; row < b->rows; row++)
            scores_direct(work, b, q + row * a->q.row, (float *)own->scores + row * stride);
    else
        tile_product(work->call->kernels->gemm,
                     &(struct tile_rows){.a = q,
                                         .a_stride = a->q.row,
                                         .a_depth = 1,
                                         .rows = b->rows,
                                         .depth = a->size,
                                         .columns = b->keys,
                                         .c = own->scores,
                                         .c_stride = stride,
                                         .first = true},
                     &(struct tile_matrix){packed, a->size, a->keys});
    for (int64_t row = 0; row < b->rows; row++)
        row_kernel_of(work->call->kernels)
            ->affine((float *)own->scores + row * stride, (float *)own->scores + row * stride, (size_t)b->keys, 0,
                     (float)a->scale, 0);
}

void attention_values_float(const struct attention_work *work, const struct attention_block *b,
                            const struct attention_own *own) {
    const struct attention *a = work->a;
    const float *packed =
        (const float *)work->call->workspace + (size_t)(b->batch * a->kv_heads + b->kv_head) * work->head_floats;
    const int64_t stride = attention_value_stride(work->call, a);
    if (attention_is_direct(a)) {
        for (int64_t row = 0; row < b->rows; row++)
            values_direct(work, b, (const float *)own->scores + row * attention_score_stride(work->call, a),
                          (float *)own->sums + row * stride, (float *)own->sums + b->rows * stride);
        return;
    }
    tile_product(work->call->kernels->gemm,
                 &(struct tile_rows){.a = own->scores,
                                     .a_stride = attention_score_stride(work->call, a),
                                     .a_depth = 1,
                                     .rows = b->rows,
                                     .depth = b->keys,
                                     .columns = a->value_size,
                                     .c = own->sums,
                                     .c_stride = attention_value_stride(work->call, a),
                                     .first = true},
                 &(struct tile_matrix){packed + work->key_floats, a->keys, a->value_size});
}

/* Row `key` of keys or values, past ones first. */
static const double *key_row(const struct attention *a, const struct attention_array *past,
                             const struct attention_array *now, const struct attention_block *b, int64_t key) {
    const struct attention_array *array = key < a->past ? past : now;
    return (const double *)(const void *)attention_head(a, array, b->batch, b->kv_head) +
           (key < a->past ? key : key - a->past) * array->row;
}

void attention_scores_double(const struct attention_work *work, const struct attention_block *b,
                             const struct attention_own *own) {
    const struct attention *a = work->a;
    for (int64_t row = 0; row < b->rows; row++) {
        const double *q =
            (const double *)(const void *)attention_head(a, &a->q, b->batch, b->head) + (b->row + row) * a->q.row;
        double *scores = (double *)own->scores + row * attention_score_stride(work->call, a);
        for (int64_t key = 0; key < b->keys; key++) {
            const double *k = key_row(a, &a->past_k, &a->k, b, key);
            double sum = 0;
            for (int64_t i = 0; i < a->size; i++)
                sum += q[i] * k[i];
            scores[key] = sum * a->scale;
        }
    }
}

void attention_values_double(const struct attention_work *work, const struct attention_block *b,
                             const struct attention_own *own) {
    const struct attention *a = work->a;
    for (int64_t row = 0; row < b->rows; row++) {
        const double *scores = (const double *)own->scores + row * attention_score_stride(work->call, a);
        double *sums = (double *)own->sums + row * attention_value_stride(work->call, a);
        memset(sums, 0, (size_t)a->value_size * sizeof *sums);
        for (int64_t key = 0; key < b->keys; key++) {
            const double *v = key_row(a, &a->past_v, &a->v, b, key);
            SIMD for (int64_t i = 0; i < a->value_size; i++) sums[i] += scores[key] * v[i];
        }
    }
}
