#include "ops/attention/attention_engine.h"

#include "base/checked.h"
#include "base/simd.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/attention/attention_block.h"
#include "ops/attention/attention_mask.h"
#include "ops/attention/attention_product.h"
#include "ops/attention/attention_softmax.h"
#include "ops/matmul/tile_product.h"

#define TEAM_PRODUCTS 65536 /* below so many a team does not pay */

status attention_prepare(struct op_call *call, const struct attention *a, size_t *workspace_bytes, struct error *err) {
    size_t keys, both, all;
    if (a->keys > INT32_MAX || !attention_packed_floats(call, a, &keys, &both) ||
        !size_mul(both * sizeof(float), (size_t)(a->batch * a->kv_heads), &all))
        return fail(err, STATUS_LIMIT, "the workspace is too large");
    *workspace_bytes = attention_is_double(a) || attention_is_direct(a) ? 0 : all;
    call->own_bytes = attention_own_bytes(call, a);
    return STATUS_OK;
}

double attention_macs(const struct attention *a) {
    return (double)(a->batch * a->heads) * (double)a->rows * (double)a->keys * (double)(a->size + a->value_size);
}

/* ---- keys and values of a head ---- */

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
            tile_pack(kernels,
                      &(struct tile_source){attention_head(a, &a->past_v, batch, head), a->past_v.row, 1, a->keys,
                                            a->value_size},
                      0, a->past, values);
        if (a->keys > a->past)
            tile_pack(kernels,
                      &(struct tile_source){attention_head(a, &a->v, batch, head), a->v.row, 1, a->keys, a->value_size},
                      a->past, a->keys - a->past, values);
    }
}

/* A row that sees no key is zero. */
#define ATTENTION_BLOCK(T)                                                                                   \
    static void block_##T(const struct attention_work *work, const struct attention_block *b,                \
                          const struct attention_own *own) {                                                 \
        const struct attention *a = work->a;                                                                 \
        double inverse[TILE_ROWS];                                                                           \
        attention_scores_##T(work, b, own);                                                                  \
        for (int64_t row = 0; row < b->rows; row++)                                                          \
            inverse[row] = attention_softmax_##T(                                                            \
                work, b, row, (T *)own->scores + row * attention_score_stride(work->call, a), own->bias);    \
        attention_values_##T(work, b, own);                                                                  \
        for (int64_t row = 0; row < b->rows; row++) {                                                        \
            const T *sums = (const T *)own->sums + row * attention_value_stride(work->call, a),              \
                    factor = (T)inverse[row];                                                                \
            T *y = (T *)a->y.data + b->batch * a->y.batch + b->head * a->y.head + (b->row + row) * a->y.row; \
            SIMD for (int64_t i = 0; i < a->value_size; i++) y[i] = sums[i] * factor;                        \
        }                                                                                                    \
    }
ATTENTION_BLOCK(float)
ATTENTION_BLOCK(double)

static void run_blocks(struct team_thread self, void *context) {
    const struct attention_work *work = context;
    const struct attention *a = work->a;
    const struct team_range range = team_range_of(self, a->batch * a->heads * work->blocks);
    const struct attention_own own = attention_own_of(work->call, a, self.index);
    for (int64_t item = range.first; item < range.end; item++) {
        const struct attention_block block = attention_block_of(work, item);
        (attention_is_double(a) ? block_double : block_float)(work, &block, &own);
    }
}

void attention_run(const struct op_call *call, const struct attention *a) {
    struct attention_work work = {.call = call, .a = a};
    const int threads = attention_macs(a) > TEAM_PRODUCTS ? call->threads : 1;
    if (a->batch * a->heads * a->rows == 0)
        return;
    attention_packed_floats(call, a, &work.key_floats, &work.head_floats);
    work.blocks = divide_up(a->rows, attention_block_rows(call, a));
    if (!attention_is_double(a) && !attention_is_direct(a))
        team_for(threads, a->batch * a->kv_heads, pack_head, &work);
    team_run(threads, run_blocks, &work);
}
