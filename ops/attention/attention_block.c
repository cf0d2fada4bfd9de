#include "ops/attention/attention_block.h"

#include "base/checked.h"
#include "base/sizes.h"
#include "ops/attention/attention_mask.h"
#include "ops/matmul/tile_product.h"

#define BLOCK_SCORES (1 << 17) /* scores of a block of rows, about: they stay in the processor's own cache */

int64_t attention_score_stride(const struct op_call *call, const struct attention *a) {
    return tile_columns(call->kernels->gemm, a->keys > 0 ? a->keys : 1);
}

int64_t attention_value_stride(const struct op_call *call, const struct attention *a) {
    return tile_columns(call->kernels->gemm, a->value_size > 0 ? a->value_size : 1);
}

int64_t attention_block_rows(const struct op_call *call, const struct attention *a) {
    /* Where later rows see more keys, few rows of a block waste few products. */
    const int64_t most = a->right >= 0 ? between(16, a->rows / 4, TILE_ROWS) : TILE_ROWS;
    const int64_t rows = between(8, BLOCK_SCORES / attention_score_stride(call, a), most);
    return at_most(rows, a->rows > 0 ? a->rows : 1);
}

bool attention_packed_floats(const struct op_call *call, const struct attention *a, size_t *keys, size_t *both) {
    size_t values;
    return size_mul((size_t)attention_score_stride(call, a), (size_t)a->size, keys) &&
           size_mul((size_t)attention_value_stride(call, a), (size_t)a->keys, &values) &&
           size_add(*keys, values, both) && *both < SIZE_MAX / 2;
}

size_t attention_own_bytes(const struct op_call *call, const struct attention *a) {
    const int64_t rows = attention_block_rows(call, a);
    const int64_t numbers = (rows + 1) * attention_score_stride(call, a) + (rows + 1) * attention_value_stride(call, a);
    return (size_t)numbers * dtype_size(a->dtype);
}

struct attention_own attention_own_of(const struct op_call *call, const struct attention *a, int thread) {
    char *at = call->own + (size_t)thread * call->own_stride;
    const size_t size = dtype_size(a->dtype), rows = (size_t)attention_block_rows(call, a);
    const size_t scores = rows * (size_t)attention_score_stride(call, a) * size,
                 sums = (rows + 1) * (size_t)attention_value_stride(call, a) * size;
    return (struct attention_own){.scores = at, .sums = at + scores, .bias = at + scores + sums};
}

struct attention_block attention_block_of(const struct attention_work *work, int64_t item) {
    const struct attention *a = work->a;
    const int64_t size = attention_block_rows(work->call, a), head = item / work->blocks % a->heads;
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
