#include "ops/attention/attention_engine.h"

#include "base/checked.h"
#include "base/simd.h"
#include "base/thread_team.h"
#include "ops/attention/attention_mask.h"
#include "ops/kernels/families.h"
#include "ops/kernels/math.h"
#include "ops/kernels/rows.h"
#include "ops/matmul/tile_product.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define BLOCK_SCORES (1 << 17) /* scores of a block of rows, about: they stay in the processor's own cache */
#define TEAM_PRODUCTS 65536    /* below so many a team does not pay */
#define DIRECT_ROWS 8          /* of all heads that share a key: for so few packing does not pay */

/* ---- memory ---- */

static bool is_double(const struct attention *a) {
    return a->dtype == DTYPE_DOUBLE;
}

/* Whether keys and values are read where they lie. */
static bool is_direct(const struct attention *a) {
    return !is_double(a) && a->rows * (a->heads / a->kv_heads) <= DIRECT_ROWS;
}

/* Keys in whole tiles: the length of a row of scores. */
static int64_t score_stride(const struct op_call *call, const struct attention *a) {
    return tile_columns(call->kernels->gemm, a->keys > 0 ? a->keys : 1);
}

static int64_t value_stride(const struct op_call *call, const struct attention *a) {
    return tile_columns(call->kernels->gemm, a->value_size > 0 ? a->value_size : 1);
}

static int64_t block_rows(const struct op_call *call, const struct attention *a) {
    /* Where later rows see more keys, few rows of a block waste few products. */
    const int64_t most = a->right >= 0 ? between(16, a->rows / 4, TILE_ROWS) : TILE_ROWS;
    const int64_t rows = between(8, BLOCK_SCORES / score_stride(call, a), most);
    return at_most(rows, a->rows > 0 ? a->rows : 1);
}

/* Floats of a packed head: its keys, turned, then its values. */
static bool packed_floats(const struct op_call *call, const struct attention *a, size_t *keys, size_t *both) {
    size_t values;
    return size_mul((size_t)score_stride(call, a), (size_t)a->size, keys) &&
           size_mul((size_t)value_stride(call, a), (size_t)a->keys, &values) && size_add(*keys, values, both) &&
           *both < SIZE_MAX / 2;
}

/* What a thread has for itself. */
struct attention_own {
    void *scores, *sums, *bias; /* [block_rows][score_stride], [block_rows + 1][value_stride], [score_stride] */
};

static size_t own_bytes(const struct op_call *call, const struct attention *a) {
    const int64_t rows = block_rows(call, a);
    const int64_t numbers = (rows + 1) * score_stride(call, a) + (rows + 1) * value_stride(call, a);
    return (size_t)numbers * dtype_size(a->dtype);
}

static struct attention_own own_of(const struct op_call *call, const struct attention *a, int thread) {
    char *at = call->own + (size_t)thread * call->own_stride;
    const size_t size = dtype_size(a->dtype), rows = (size_t)block_rows(call, a);
    const size_t scores = rows * (size_t)score_stride(call, a) * size,
                 sums = (rows + 1) * (size_t)value_stride(call, a) * size;
    return (struct attention_own){.scores = at, .sums = at + scores, .bias = at + scores + sums};
}

status attention_prepare(struct op_call *call, const struct attention *a, size_t *workspace_bytes, struct error *err) {
    size_t keys, both, all;
    if (a->keys > INT32_MAX || !packed_floats(call, a, &keys, &both) ||
        !size_mul(both * sizeof(float), (size_t)(a->batch * a->kv_heads), &all))
        return fail(err, STATUS_LIMIT, "the workspace is too large");
    *workspace_bytes = is_double(a) || is_direct(a) ? 0 : all;
    call->own_bytes = own_bytes(call, a);
    return STATUS_OK;
}

double attention_macs(const struct attention *a) {
    return (double)(a->batch * a->heads) * (double)a->rows * (double)a->keys * (double)(a->size + a->value_size);
}

/* ---- keys and values of a head ---- */

struct attention_work {
    const struct op_call *call;
    const struct attention *a;
    size_t head_floats, key_floats; /* of a packed head, and of its keys */
    int64_t blocks;                 /* of rows of a head */
};

static const char *head_data(const struct attention *a, const struct attention_array *array, int64_t batch,
                             int64_t head) {
    return (const char *)array->data + (batch * array->batch + head * array->head) * (int64_t)dtype_size(a->dtype);
}

/* The first of two matrices that lie one behind the other in depth or columns is the past. */
static void pack_head(void *context, int64_t first, int64_t end) {
    const struct attention_work *work = context;
    const struct attention *a = work->a;
    const struct kernels *kernels = work->call->kernels;
    for (int64_t item = first; item < end; item++) {
        const int64_t batch = item / a->kv_heads, head = item % a->kv_heads;
        float *keys = (float *)work->call->workspace + (size_t)item * work->head_floats,
              *values = keys + work->key_floats;
        for (int64_t column = 0; column < a->keys; column += kernels->gemm->columns)
            attention_pack_keys(a, kernels, batch, head, column, keys + column * a->size);
        if (a->past > 0)
            tile_pack(
                kernels,
                &(struct tile_source){head_data(a, &a->past_v, batch, head), a->past_v.row, 1, a->keys, a->value_size},
                0, a->past, values);
        if (a->keys > a->past)
            tile_pack(kernels,
                      &(struct tile_source){head_data(a, &a->v, batch, head), a->v.row, 1, a->keys, a->value_size},
                      a->past, a->keys - a->past, values);
    }
}

/* ---- the rows of a block ---- */

/* Some rows of a head, and the keys that any of them can see. */
struct attention_block {
    int64_t batch, head, kv_head, row, rows, keys;
    int64_t first; /* before it no row sees any */
};

static struct attention_block block_of(const struct attention_work *work, int64_t item) {
    const struct attention *a = work->a;
    const int64_t size = block_rows(work->call, a), head = item / work->blocks % a->heads;
    struct attention_block block = {.batch = item / work->blocks / a->heads,
                                    .head = head,
                                    .kv_head = head / (a->heads / a->kv_heads),
                                    .row = item % work->blocks * size};
    block.rows = at_most(a->rows - block.row, size);
    block.keys = a->keys;
    if (!a->scores)
        block.keys = attention_visible(a, block.batch, block.row + block.rows - 1).end;
    if (!a->scores)
        block.first = at_most(attention_visible(a, block.batch, block.row).first, block.keys);
    return block;
}

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
        span.vectors = (const float *)(const void *)head_data(a, array, b->batch, b->kv_head) +
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

static void scores_float(const struct attention_work *work, const struct attention_block *b,
                         const struct attention_own *own) {
    const struct attention *a = work->a;
    const float *packed =
        (const float *)work->call->workspace + (size_t)(b->batch * a->kv_heads + b->kv_head) * work->head_floats;
    const int64_t stride = score_stride(work->call, a);
    const float *q = (const float *)(const void *)head_data(a, &a->q, b->batch, b->head) + b->row * a->q.row;
    if (is_direct(a))
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

static void values_float(const struct attention_work *work, const struct attention_block *b,
                         const struct attention_own *own) {
    const struct attention *a = work->a;
    const float *packed =
        (const float *)work->call->workspace + (size_t)(b->batch * a->kv_heads + b->kv_head) * work->head_floats;
    const int64_t stride = value_stride(work->call, a);
    if (is_direct(a)) {
        for (int64_t row = 0; row < b->rows; row++)
            values_direct(work, b, (const float *)own->scores + row * score_stride(work->call, a),
                          (float *)own->sums + row * stride, (float *)own->sums + b->rows * stride);
        return;
    }
    tile_product(work->call->kernels->gemm,
                 &(struct tile_rows){.a = own->scores,
                                     .a_stride = score_stride(work->call, a),
                                     .a_depth = 1,
                                     .rows = b->rows,
                                     .depth = b->keys,
                                     .columns = a->value_size,
                                     .c = own->sums,
                                     .c_stride = value_stride(work->call, a),
                                     .first = true},
                 &(struct tile_matrix){packed + work->key_floats, a->keys, a->value_size});
}

/* Row `key` of keys or values, past ones first. */
static const double *key_row(const struct attention *a, const struct attention_array *past,
                             const struct attention_array *now, const struct attention_block *b, int64_t key) {
    const struct attention_array *array = key < a->past ? past : now;
    return (const double *)(const void *)head_data(a, array, b->batch, b->kv_head) +
           (key < a->past ? key : key - a->past) * array->row;
}

static void scores_double(const struct attention_work *work, const struct attention_block *b,
                          const struct attention_own *own) {
    const struct attention *a = work->a;
    for (int64_t row = 0; row < b->rows; row++) {
        const double *q =
            (const double *)(const void *)head_data(a, &a->q, b->batch, b->head) + (b->row + row) * a->q.row;
        double *scores = (double *)own->scores + row * score_stride(work->call, a);
        for (int64_t key = 0; key < b->keys; key++) {
            const double *k = key_row(a, &a->past_k, &a->k, b, key);
            double sum = 0;
            for (int64_t i = 0; i < a->size; i++)
                sum += q[i] * k[i];
            scores[key] = sum * a->scale;
        }
    }
}

static void values_double(const struct attention_work *work, const struct attention_block *b,
                          const struct attention_own *own) {
    const struct attention *a = work->a;
    for (int64_t row = 0; row < b->rows; row++) {
        const double *scores = (const double *)own->scores + row * score_stride(work->call, a);
        double *sums = (double *)own->sums + row * value_stride(work->call, a);
        memset(sums, 0, (size_t)a->value_size * sizeof *sums);
        for (int64_t key = 0; key < b->keys; key++) {
            const double *v = key_row(a, &a->past_v, &a->v, b, key);
            SIMD for (int64_t i = 0; i < a->value_size; i++) sums[i] += scores[key] * v[i];
        }
    }
}

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
#define ATTENTION_ROWS(T)                                                                                              \
    static void cap_##T(const struct attention_work *work, T *x, int64_t count) {                                      \
        const T cap = (T)work->a->softcap;                                                                             \
        SIMD for (int64_t i = 0; i < count; i++) x[i] /= cap;                                                          \
        tanh_##T(work->call->kernels, x, count);                                                                       \
        SIMD for (int64_t i = 0; i < count; i++) x[i] *= cap;                                                          \
    }                                                                                                                  \
    static void keep_##T(const struct attention *a, enum attention_stage stage, const struct attention_block *b,       \
                         int64_t row, const T *x, T factor) {                                                          \
        if (!a->scores || a->stage != stage)                                                                           \
            return;                                                                                                    \
        T *to = (T *)a->scores + ((b->batch * a->heads + b->head) * a->rows + b->row + row) * a->keys;                 \
        for (int64_t i = 0; i < a->keys; i++)                                                                          \
            to[i] = x[i] * factor;                                                                                     \
    }                                                                                                                  \
    /* Scores become exponentials; returns 1 over their sum, or 0 where no key is seen. */                             \
    static double softmax_##T(const struct attention_work *work, const struct attention_block *b, int64_t row, T *x,   \
                              T *bias) {                                                                               \
        const struct attention *a = work->a;                                                                           \
        keep_##T(a, SCORES_SCALED, b, row, x, 1);                                                                      \
        if (a->softcap != 0)                                                                                           \
            cap_##T(work, x, b->keys);                                                                                 \
        keep_##T(a, SCORES_CAPPED, b, row, x, 1);                                                                      \
        const bool sees = attention_mask_##T(a, b->batch, b->head, b->row + row, x, b->keys, bias);                    \
        keep_##T(a, SCORES_MASKED, b, row, x, 1);                                                                      \
        if (!sees) {                                                                                                   \
            memset(x, 0, (size_t)b->keys * sizeof *x);                                                                 \
            keep_##T(a, SCORES_SOFTMAX, b, row, x, 1);                                                                 \
            return 0;                                                                                                  \
        }                                                                                                              \
        double most, sum = exponentials_##T(work->call->kernels, x, b->keys, &most);                                   \
        if (a->sinks || a->smooth)                                                                                     \
            sum += exp((a->sinks ? (double)a->sinks[b->head] : 0) - most);                                             \
        const double inverse = sum == 0 ? 0 : 1 / sum;                                                                 \
        keep_##T(a, SCORES_SOFTMAX, b, row, x, (T)inverse);                                                            \
        return inverse;                                                                                                \
    }                                                                                                                  \
    static void block_##T(const struct attention_work *work, const struct attention_block *b,                          \
                          const struct attention_own *own) {                                                           \
        const struct attention *a = work->a;                                                                           \
        double inverse[TILE_ROWS];                                                                                     \
        scores_##T(work, b, own);                                                                                      \
        for (int64_t row = 0; row < b->rows; row++)                                                                    \
            inverse[row] = softmax_##T(work, b, row, (T *)own->scores + row * score_stride(work->call, a), own->bias); \
        values_##T(work, b, own);                                                                                      \
        for (int64_t row = 0; row < b->rows; row++) {                                                                  \
            const T *sums = (const T *)own->sums + row * value_stride(work->call, a), factor = (T)inverse[row];        \
            T *y = (T *)a->y.data + b->batch * a->y.batch + b->head * a->y.head + (b->row + row) * a->y.row;           \
            SIMD for (int64_t i = 0; i < a->value_size; i++) y[i] = sums[i] * factor;                                  \
        }                                                                                                              \
    }
ATTENTION_ROWS(float)
ATTENTION_ROWS(double)

static void run_blocks(struct team_thread self, void *context) {
    const struct attention_work *work = context;
    const struct attention *a = work->a;
    const struct team_range range = team_range_of(self, a->batch * a->heads * work->blocks);
    const struct attention_own own = own_of(work->call, a, self.index);
    for (int64_t item = range.first; item < range.end; item++) {
        const struct attention_block block = block_of(work, item);
        (is_double(a) ? block_double : block_float)(work, &block, &own);
    }
}

void attention_run(const struct op_call *call, const struct attention *a) {
    struct attention_work work = {.call = call, .a = a};
    const int threads = attention_macs(a) > TEAM_PRODUCTS ? call->threads : 1;
    if (a->batch * a->heads * a->rows == 0)
        return;
    packed_floats(call, a, &work.key_floats, &work.head_floats);
    work.blocks = divide_up(a->rows, block_rows(call, a));
    if (!is_double(a) && !is_direct(a))
        team_for(threads, a->batch * a->kv_heads, pack_head, &work);
    team_run(threads, run_blocks, &work);
}
