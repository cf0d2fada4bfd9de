#include "ops/contrib/group_query_call.h"

#include "base/checked.h"
#include "base/sizes.h"

#include <math.h>

static status check_inputs(const struct op_call *call, struct gqa *g, struct error *err) {
    const int64_t batch = g->a.batch, shape[] = {batch, g->a.kv_heads, g->past, g->a.size};
    const struct tensor *lengths = call->inputs[IN_LENGTHS];
    if (!op_input(call, IN_PAST_KEY) != !op_input(call, IN_PAST_VALUE))
        return fail(err, STATUS_INVALID_MODEL, "inputs 3 (past_key) and 4 (past_value) go together");
    for (int i = IN_PAST_KEY; i <= IN_PAST_VALUE && op_input(call, i); i++)
        if (attention_check_shape(call, i, 4, shape, err) != STATUS_OK)
            return err->code;
    if (tensor_elements(lengths) != batch ||
        (op_input(call, IN_ROWS) && tensor_elements(call->inputs[IN_ROWS]) != batch))
        return fail(err, STATUS_SHAPE, "inputs 5 (seqlens_k) and 16 must have %lld numbers, one of each row",
                    (long long)batch);
    const struct tensor *sinks = op_input(call, IN_SINK);
    if (sinks && attention_check_shape(call, IN_SINK, 1, (const int64_t[]){g->a.heads}, err) != STATUS_OK)
        return err->code;
    g->a.sinks = sinks ? sinks->data : NULL;
    return STATUS_OK;
}

/* The present caches are outputs, or lie in the workspace; those that slide are made there with all that rows see. */
static status place_present(const struct op_call *call, struct gqa *g, struct error *err) {
    size_t bytes = (size_t)g->a.size * sizeof(float);
    bool fits = size_mul(bytes, (size_t)g->a.keys, &bytes) && size_mul(bytes, (size_t)g->a.kv_heads, &bytes) &&
                size_mul(bytes, (size_t)g->a.batch, &bytes) && bytes < SIZE_MAX / 4;
    for (int i = 0; i < 2 && fits; i++) {
        const struct tensor *output =
            ((const struct gqa_params *)call->params)->slides ? NULL : op_output(call, OUT_KEY + i);
        g->at[i] = g->end;
        g->end += output ? 0 : whole_line_bytes(bytes);
        g->present[i] = output ? output->data : call->workspace ? (char *)call->workspace + g->at[i] : NULL;
    }
    return fits ? STATUS_OK : fail(err, STATUS_LIMIT, "the cache is too large");
}

status gqa_describe(const struct op_call *call, struct gqa *g, struct error *err) {
    const struct gqa_params *p = call->params;
    struct attention_heads q, v;
    int64_t total;
    int count;
    *g = (struct gqa){0};
    if (!op_input(call, IN_K) || !op_input(call, IN_V))
        return fail(err, STATUS_INVALID_MODEL, "inputs 1 (key) and 2 (value) go together");
    if (attention_heads_of(call, IN_Q, p->heads, "num_heads", &q, err) ||
        attention_heads_of(call, IN_K, p->kv_heads, "kv_num_heads", &g->k, err) ||
        attention_heads_of(call, IN_V, p->kv_heads, "kv_num_heads", &v, err))
        return err->code;
    const struct attention_heads *k = &g->k;
    if (k->batch != q.batch || v.batch != q.batch || k->rows != q.rows || v.rows != q.rows || k->size != q.size ||
        v.size != q.size)
        return fail(err, STATUS_SHAPE, "query, key and value do not have the same batch, rows and size of heads");
    const status code = op_input_ints(call, IN_TOTAL, &total, 1, &count, err);
    if (code != STATUS_OK)
        return code;
    const struct tensor *past = op_input(call, IN_PAST_KEY);
    g->past = past && past->shape.rank == 4 ? past->shape.dims[2] : 0;
    if (count != 1 || total < 0 || total > INT32_MAX)
        return fail(err, STATUS_INVALID_MODEL, "input 6 (total_sequence_length) is not a number of 0 or more");
    g->a = (struct attention){.dtype = DTYPE_FLOAT,
                              .batch = q.batch,
                              .heads = p->heads,
                              .kv_heads = p->kv_heads,
                              .rows = q.rows,
                              .keys = total > g->past ? total : g->past,
                              .size = q.size,
                              .value_size = q.size,
                              .q = q.array,
                              .v = v.array,
                              .left = p->window > 0 ? p->window - 1 : -1,
                              .right = p->causal ? 0 : -1,
                              .scale = p->scale != 0 ? (double)p->scale : 1 / sqrt((double)q.size),
                              .softcap = (double)p->softcap,
                              .smooth = p->smooth};
    if (p->slides && g->past < p->window)
        return fail(err, STATUS_INVALID_MODEL, "the cache has room for %lld vectors, expected local_window_size, %lld",
                    (long long)g->past, (long long)p->window);
    /* Numbers are added by where keys stand among all. */
    if (attention_mask_of(call, IN_ADDED, &g->a, &g->a.masks[0], err))
        return err->code;
    if (p->slides)
        g->a.keys = g->past + g->a.rows;
    return attention_check_sizes(&g->a, err) || check_inputs(call, g, err) || place_present(call, g, err) ? err->code
                                                                                                          : STATUS_OK;
}
