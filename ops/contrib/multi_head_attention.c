/*
 * onnxruntime's MultiHeadAttention (com.microsoft 1): query, key and value each by itself, or packed with others, with
 * a bias, masks of padding, and an earlier part of keys and values.
 */
#include "base/checked.h"
#include "base/simd.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/attention/attention_engine.h"
#include "ops/attention/attention_shapes.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"

#include <math.h>

enum mha_input { IN_Q, IN_K, IN_V, IN_BIAS, IN_PADDING, IN_ADDED, IN_PAST_KEY, IN_PAST_VALUE, IN_FURTHER };
enum mha_output { OUT_Y, OUT_PRESENT_KEY, OUT_PRESENT_VALUE, OUT_SCORES };

struct mha_params {
    int64_t heads;
    float scale, filter;
    bool causal;
};

static status mha_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct mha_params *params = result;
    params->heads = attribute_int(attributes, "num_heads", 0);
    params->scale = attribute_float(attributes, "scale", 0);
    params->filter = attribute_float(attributes, "mask_filter_value", -10000);
    params->causal = attribute_int(attributes, "unidirectional", 0) != 0;
    if (params->heads < 1 || params->heads > INT32_MAX)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"num_heads\" is %lld, expected 1 or more",
                    (long long)params->heads);
    for (int i = IN_FURTHER; i < call->node->input_count; i++)
        if (call->node->inputs[i] != NO_VALUE)
            return fail(err, STATUS_UNSUPPORTED, "input %d is not known here: caches are given whole", i);
    return STATUS_OK;
}

/* One of `parts` that are packed as [batch, rows, heads, parts, size]. */
static status packed_part(const struct op_call *call, int input, int parts, int part, struct attention_heads *out,
                          struct error *err) {
    const struct tensor *tensor = call->inputs[input];
    const int64_t *dims = tensor->shape.dims, size = dims[4], row = dims[2] * dims[3] * dims[4];
    const int64_t heads = ((const struct mha_params *)call->params)->heads;
    char text[SHAPE_TEXT_BYTES], name[ARG_TEXT_BYTES];
    if (dims[2] != heads || dims[3] != parts)
        return fail(err, STATUS_SHAPE, "%s is %s, expected [batch,rows,%lld,%d,size]", op_input_text(call, input, name),
                    shape_text(&tensor->shape, text), (long long)heads, parts);
    char *data = tensor->data ? (char *)tensor->data + (size_t)(part * size) * sizeof(float) : NULL;
    *out = (struct attention_heads){dims[0], heads, dims[1], size, {data, dims[1] * row, parts * size, row}};
    return STATUS_OK;
}

static bool is_packed(const struct op_call *call, int input) {
    return call->inputs[input]->shape.rank == 5;
}

/* Input 0, 1 or 2, wherever it is. */
static status part_of(const struct op_call *call, int which, struct attention_heads *out, struct error *err) {
    char name[ARG_TEXT_BYTES];
    if (is_packed(call, IN_Q))
        return packed_part(call, IN_Q, 3, which, out, err);
    if (which != IN_Q && op_input(call, IN_K) && is_packed(call, IN_K))
        return packed_part(call, IN_K, 2, which - 1, out, err);
    if (!op_input(call, which))
        return fail(err, STATUS_INVALID_MODEL, "input %d is missing, and %s is not packed", which,
                    op_input_text(call, IN_Q, name));
    return attention_heads_of(call, which, ((const struct mha_params *)call->params)->heads, "num_heads", out, err);
}

/* Where things of a run lie in the workspace: lengths, q, k and v with their biases, the engine's. */
struct mha_places {
    size_t part[3], lengths, engine;
};

struct mha {
    struct attention a;
    struct tensor seen; /* by batch and key, of lengths with first keys */
    struct attention_heads parts[3];
    struct mha_places at;
};

static bool take_place(size_t *end, int64_t numbers, size_t size, size_t *place) {
    size_t bytes;
    *place = *end;
    return size_mul((size_t)numbers, size, &bytes) && bytes < SIZE_MAX / 8 &&
           size_add(*end, whole_line_bytes(bytes), end);
}

static status place_parts(const struct op_call *call, struct mha *m, struct error *err) {
    size_t end = 0;
    bool fits = take_place(&end, m->a.batch, sizeof(int64_t) + sizeof(int32_t) * (size_t)m->a.keys, &m->at.lengths);
    for (int i = 0; i < 3 && fits; i++) {
        const struct attention_heads *p = &m->parts[i];
        if (op_input(call, IN_BIAS))
            fits = take_place(&end, p->batch * p->heads, (size_t)p->rows * (size_t)p->size * sizeof(float),
                              &m->at.part[i]);
    }
    m->at.engine = end;
    return fits ? STATUS_OK : fail(err, STATUS_LIMIT, "the workspace is too large");
}

/* [batch, 1] or [1, 1]: what all keys have in common changes nothing. */
static bool is_even(const struct shape *mask, int64_t batch) {
    return mask->rank == 2 && mask->dims[1] == 1 && (mask->dims[0] == batch || mask->dims[0] == 1);
}

/* [batch], the lengths; [2 * batch], first keys behind them; [batch, keys]; or [batch, rows, keys]. */
static status add_padding(const struct op_call *call, struct mha *m, struct error *err) {
    const struct tensor *mask = op_input(call, IN_PADDING);
    struct attention *a = &m->a;
    char text[SHAPE_TEXT_BYTES];
    if (!mask || is_even(&mask->shape, a->batch))
        return STATUS_OK;
    const int64_t *dims = mask->shape.dims, keys = a->keys;
    const bool ranges = mask->shape.rank == 1 && dims[0] == 2 * a->batch;
    const bool flat = ranges || (mask->shape.rank == 2 && dims[0] == a->batch && dims[1] == keys);
    const bool deep = mask->shape.rank == 3 && dims[0] == a->batch && dims[1] == a->rows && dims[2] == keys;
    if (mask->shape.rank == 1 && dims[0] == a->batch) {
        a->lengths = call->workspace ? (int64_t *)(void *)((char *)call->workspace + m->at.lengths) : NULL;
        return STATUS_OK;
    }
    if (!flat && !deep)
        return fail(err, STATUS_SHAPE,
                    "input 4 (key_padding_mask) is %s, expected [%lld], [%lld,%lld] or [%lld,%lld,%lld]",
                    shape_text(&mask->shape, text), (long long)a->batch, (long long)a->batch, (long long)keys,
                    (long long)a->batch, (long long)a->rows, (long long)keys);
    m->seen = (struct tensor){.dtype = DTYPE_INT32,
                              .data = call->workspace ? (char *)call->workspace + m->at.lengths : NULL,
                              .shape = {2, {a->batch, keys}}};
    a->masks[0] = (struct attention_mask){.tensor = ranges ? &m->seen : mask,
                                          .batch = deep ? a->rows * keys : keys,
                                          .row = deep ? keys : 0,
                                          .keys = keys,
                                          .allows = true,
                                          .blocked = (double)((const struct mha_params *)call->params)->filter};
    return STATUS_OK;
}

static status add_past(const struct op_call *call, struct attention *a, struct error *err) {
    const struct tensor *key = op_input(call, IN_PAST_KEY), *value = op_input(call, IN_PAST_VALUE);
    if (!key && !value)
        return STATUS_OK;
    if (!key || !value)
        return fail(err, STATUS_INVALID_MODEL, "inputs 6 (past_key) and 7 (past_value) go together");
    a->past = key->shape.rank == 4 ? key->shape.dims[2] : 0;
    a->keys += a->past;
    a->offset = a->past;
    a->past_k = attention_array_4d(key);
    a->past_v = attention_array_4d(value);
    const status code =
        attention_check_shape(call, IN_PAST_KEY, 4, (int64_t[]){a->batch, a->heads, a->past, a->size}, err);
    return code == STATUS_OK ? attention_check_shape(call, IN_PAST_VALUE, 4,
                                                     (int64_t[]){a->batch, a->heads, a->past, a->value_size}, err)
                             : code;
}

static status check_parts(const struct op_call *call, const struct mha *m, struct error *err) {
    const struct attention_heads *q = &m->parts[0], *k = &m->parts[1], *v = &m->parts[2];
    const struct tensor *bias = op_input(call, IN_BIAS);
    if (k->batch != q->batch || v->batch != q->batch || v->rows != k->rows || k->size != q->size)
        return fail(err, STATUS_SHAPE,
                    "query, key and value do not fit together: [%lld,%lld,%lld], [%lld,%lld,%lld] and "
                    "[%lld,%lld,%lld] as batch, rows and size",
                    (long long)q->batch, (long long)q->rows, (long long)q->size, (long long)k->batch,
                    (long long)k->rows, (long long)k->size, (long long)v->batch, (long long)v->rows,
                    (long long)v->size);
    const int64_t biases = q->heads * (q->size + k->size + v->size);
    return bias ? attention_check_shape(call, IN_BIAS, 1, &biases, err) : STATUS_OK;
}

static status describe(const struct op_call *call, struct mha *m, struct error *err) {
    const struct mha_params *params = call->params;
    status code = STATUS_OK;
    *m = (struct mha){0};
    for (int i = 0; i < 3 && code == STATUS_OK; i++)
        code = part_of(call, i, &m->parts[i], err);
    if (code != STATUS_OK)
        return code;
    const struct attention_heads *q = &m->parts[0], *k = &m->parts[1], *v = &m->parts[2];
    m->a = (struct attention){.dtype = DTYPE_FLOAT,
                              .batch = q->batch,
                              .heads = params->heads,
                              .kv_heads = params->heads,
                              .rows = q->rows,
                              .keys = k->rows,
                              .size = q->size,
                              .value_size = v->size,
                              .q = q->array,
                              .k = k->array,
                              .v = v->array,
                              .left = -1,
                              .right = params->causal ? 0 : -1,
                              .scale = params->scale != 0 ? (double)params->scale : 1 / sqrt((double)q->size)};
    code = attention_check_sizes(&m->a, err);
    if (code == STATUS_OK)
        code = check_parts(call, m, err);
    if (code == STATUS_OK)
        code = add_past(call, &m->a, err);
    if (code == STATUS_OK)
        code = place_parts(call, m, err);
    if (code == STATUS_OK)
        code = add_padding(call, m, err);
    return code == STATUS_OK ? attention_mask_of(call, IN_ADDED, &m->a, &m->a.masks[1], err) : code;
}

static status mha_infer(struct op_call *call, struct error *err) {
    struct mha m;
    status code = describe(call, &m, err);
    const struct attention *a = &m.a;
    const struct shape shapes[] = {{3, {a->batch, a->rows, a->heads * a->value_size}},
                                   {4, {a->batch, a->heads, a->keys, a->size}},
                                   {4, {a->batch, a->heads, a->keys, a->value_size}},
                                   {4, {a->batch, a->heads, a->rows, a->keys}}};
    for (int i = 0; i < call->output_count && code == STATUS_OK; i++)
        if (call->outputs[i])
            code = tensor_describe(call->outputs[i], DTYPE_FLOAT, &shapes[i], err);
    return code;
}

static status mha_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct mha m;
    size_t engine = 0;
    status code = describe(call, &m, err);
    if (code == STATUS_OK)
        code = attention_prepare(call, &m.a, &engine, err);
    if (code == STATUS_OK && !size_add(m.at.engine, engine, workspace_bytes))
        code = fail(err, STATUS_LIMIT, "the workspace is too large");
    return code;
}

/* A part with its bias, as [batch, rows, heads * size]. */
struct biased {
    const struct attention_heads *part;
    const float *bias;
    float *to;
};

static void add_bias(void *context, int64_t first, int64_t end) {
    const struct biased *b = context;
    const struct attention_heads *p = b->part;
    for (int64_t i = first; i < end; i++)
        for (int64_t head = 0; head < p->heads; head++) {
            const float *from = (const float *)p->array.data + i / p->rows * p->array.batch + head * p->array.head +
                                i % p->rows * p->array.row;
            const float *bias = b->bias + head * p->size;
            float *to = b->to + (i * p->heads + head) * p->size;
            SIMD for (int64_t j = 0; j < p->size; j++) to[j] = from[j] + bias[j];
        }
}

static void add_biases(const struct op_call *call, struct mha *m) {
    const float *bias = call->inputs[IN_BIAS]->data;
    struct attention_array *arrays[] = {&m->a.q, &m->a.k, &m->a.v};
    for (int i = 0; i < 3; i++) {
        const struct attention_heads *p = &m->parts[i];
        float *to = (float *)(void *)((char *)call->workspace + m->at.part[i]);
        team_for(call->threads, p->batch * p->rows, add_bias, &(struct biased){p, bias, to});
        *arrays[i] = (struct attention_array){to, p->rows * p->heads * p->size, p->size, p->heads * p->size};
        bias += p->heads * p->size;
    }
}

/* Which keys lie between first keys and lengths. */
static void fill_seen(const struct op_call *call, const struct mha *m) {
    const int64_t batch = m->a.batch, keys = m->a.keys;
    int32_t *seen = m->seen.data;
    for (int64_t i = 0; i < batch * keys; i++)
        seen[i] = i % keys < int_of(call->inputs[IN_PADDING], i / keys) &&
                  i % keys >= int_of(call->inputs[IN_PADDING], batch + i / keys);
}

static status mha_run(struct op_call *call, struct error *err) {
    struct mha m;
    const status code = describe(call, &m, err);
    if (code != STATUS_OK)
        return code;
    if (op_input(call, IN_BIAS))
        add_biases(call, &m);
    for (int64_t b = 0; m.a.lengths && b < m.a.batch; b++)
        ((int64_t *)(void *)((char *)call->workspace + m.at.lengths))[b] = int_of(call->inputs[IN_PADDING], b);
    if (m.a.masks[0].tensor == &m.seen)
        fill_seen(call, &m);
    attention_present(call, &m.a, OUT_PRESENT_KEY, &m.a.past_k, &m.a.k, m.a.size);
    attention_present(call, &m.a, OUT_PRESENT_VALUE, &m.a.past_v, &m.a.v, m.a.value_size);
    struct tensor *y = op_output(call, OUT_Y), *scores = op_output(call, OUT_SCORES);
    if (!y)
        return STATUS_OK;
    m.a.y = attention_array_3d(y, m.a.heads);
    m.a.scores = scores ? scores->data : NULL;
    m.a.stage = SCORES_SCALED;
    struct op_call engine = *call; /* whose workspace lies behind the parts */
    engine.workspace = (char *)call->workspace + m.at.engine;
    attention_run(&engine, &m.a);
    return STATUS_OK;
}

static double mha_macs(const struct op_call *call) {
    struct mha m;
    struct error err;
    return describe(call, &m, &err) == STATUS_OK ? attention_macs(&m.a) : 0;
}

static const struct op_facts facts = {.reach = op_reach_whole};

static const struct op_arg inputs[] = {{"query", TYPES_FLOAT, ARG_T},
                                       {"key", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {"value", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {"bias", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {"key_padding_mask", TYPE(DTYPE_INT32), ARG_OPTIONAL},
                                       {"attention_bias", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {"past_key", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {"past_value", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {"past_sequence_length", TYPE(DTYPE_INT32), ARG_OPTIONAL},
                                       {"cache_indirection", TYPE(DTYPE_INT32), ARG_OPTIONAL},
                                       {0}};
static const struct op_arg outputs[] = {{"output", TYPES_FLOAT, ARG_T},
                                        {"present_key", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                        {"present_value", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                        {"qk", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                        {0}};

const struct op ops_multi_head_attention[] = {{.name = "MultiHeadAttention",
                                               .domain = "com.microsoft",
                                               .since = 1,
                                               .inputs = inputs,
                                               .outputs = outputs,
                                               .params_size = sizeof(struct mha_params),
                                               .parse = mha_parse,
                                               .infer = mha_infer,
                                               .prepare = mha_prepare,
                                               .run = mha_run,
                                               .macs = mha_macs,
                                               .facts = &facts},
                                              {0}};
