/*
 * How an attention is cut into blocks, some rows of a head each, and what memory the blocks and the threads have. For
 * the engine's files alone.
 */
#ifndef LIMNER_OPS_ATTENTION_ATTENTION_BLOCK_H
#define LIMNER_OPS_ATTENTION_ATTENTION_BLOCK_H

#include "ops/attention/attention_problem.h"

#define ATTENTION_DIRECT_ROWS 8 /* of all heads that share a key: for so few packing does not pay */

static inline bool attention_is_double(const struct attention *a) {
    return a->dtype == DTYPE_DOUBLE;
}

/* Whether keys and values are read where they lie. */
static inline bool attention_is_direct(const struct attention *a) {
    return !attention_is_double(a) && a->rows * (a->heads / a->kv_heads) <= ATTENTION_DIRECT_ROWS;
}

/* The length of a row of scores, keys in whole tiles, and that of a row of sums. */
int64_t attention_score_stride(const struct op_call *call, const struct attention *a);
int64_t attention_value_stride(const struct op_call *call, const struct attention *a);
/* Rows of a block, at most TILE_ROWS. */
int64_t attention_block_rows(const struct op_call *call, const struct attention *a);
/* Floats of a packed head: its keys, turned, then its values. False where there are too many. */
bool attention_packed_floats(const struct op_call *call, const struct attention *a, size_t *keys, size_t *both);

/* What a thread has for itself. */
struct attention_own {
    void *scores, *sums, *bias; /* [block_rows][score_stride], [block_rows + 1][value_stride], [score_stride] */
};

size_t attention_own_bytes(const struct op_call *call, const struct attention *a);
struct attention_own attention_own_of(const struct op_call *call, const struct attention *a, int thread);

/* All that the threads share. */
struct attention_work {
    const struct op_call *call;
    const struct attention *a;
    size_t head_floats, key_floats; /* of a packed head, and of its keys */
    int64_t blocks;                 /* of rows of a head */
};

static inline const char *attention_head(const struct attention *a, const struct attention_array *array, int64_t batch,
                                         int64_t head) {
    return (const char *)array->data + (batch * array->batch + head * array->head) * (int64_t)dtype_size(a->dtype);
}

/* Some rows of a head, and the keys that any of them can see. */
struct attention_block {
    int64_t batch, head, kv_head, row, rows, keys;
    int64_t first; /* before it no row sees any */
};

struct attention_block attention_block_of(const struct attention_work *work, int64_t item);

#endif
