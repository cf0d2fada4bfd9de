/*
 * onnxruntime's GroupQueryAttention (com.microsoft 1): attention with a cache of keys and values, whose rows of the
 * batch are filled to different lengths. Packed inputs, rotations and norms are written as operators before it.
 */
#include "base/checked.h"
#include "base/sizes.h"
#include "ops/attention/attention_engine.h"
#include "ops/contrib/group_query_cache.h"
#include "ops/contrib/group_query_call.h"
#include "ops/contrib/group_query_expand.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"

#include <string.h>

/* What is known with one value alone. */
static status check_plain(const struct op_call *call, struct attributes *attributes, struct error *err) {
    static const char *const kinds[] = {"k_quant_type", "v_quant_type", NULL};
    if (attribute_int(attributes, "qk_output", 0) != 0)
        return fail(err, STATUS_UNSUPPORTED, "attribute \"qk_output\" is only known as 0");
    for (int i = 0; kinds[i]; i++)
        if (strcmp(attribute_text(attributes, kinds[i], "NONE"), "NONE") != 0)
            return fail(err, STATUS_UNSUPPORTED, "attribute \"%s\" is only known as NONE", kinds[i]);
    attribute_ignore(attributes, "kv_cache_bit_width");
    for (int i = IN_K_SCALE; i <= IN_V_SCALE; i++)
        if (i < call->node->input_count && call->node->inputs[i] != NO_VALUE)
            return fail(err, STATUS_UNSUPPORTED, "input %d is not known here", i);
    return STATUS_OK;
}

static status gqa_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct gqa_params *p = result;
    const float epsilon = attribute_float(attributes, "qk_norm_epsilon", 1e-6f);
    *p = (struct gqa_params){.heads = attribute_int(attributes, "num_heads", 0),
                             .kv_heads = attribute_int(attributes, "kv_num_heads", 0),
                             .window = attribute_int(attributes, "local_window_size", -1),
                             .scale = attribute_float(attributes, "scale", 0),
                             .softcap = attribute_float(attributes, "softcap", 0),
                             .q_epsilon = attribute_float(attributes, "q_norm_epsilon", epsilon),
                             .k_epsilon = attribute_float(attributes, "k_norm_epsilon", epsilon),
                             .causal = attribute_int(attributes, "causal", 1) != 0,
                             .rotates = attribute_int(attributes, "do_rotary", 0) != 0,
                             .pairs = attribute_int(attributes, "rotary_interleaved", 0) != 0,
                             .smooth = attribute_int(attributes, "smooth_softmax", 0) > 0,
                             .slides = attribute_int(attributes, "sliding_window_cache", 0) != 0};
    if (p->heads < 1 || p->heads > INT32_MAX || p->kv_heads < 1 || p->heads % p->kv_heads != 0)
        return fail(err, STATUS_INVALID_MODEL, "%lld heads (num_heads) cannot share %lld (kv_num_heads)",
                    (long long)p->heads, (long long)p->kv_heads);
    if (p->slides && p->window < 1)
        return fail(err, STATUS_INVALID_MODEL, "\"sliding_window_cache\" is 1 and \"local_window_size\" is %lld",
                    (long long)p->window);
    return check_plain(call, attributes, err);
}

static status gqa_infer(struct op_call *call, struct error *err) {
    struct gqa g;
    const status code = gqa_describe(call, &g, err);
    if (code != STATUS_OK)
        return code;
    const struct attention *a = &g.a;
    const int64_t room = ((const struct gqa_params *)call->params)->slides ? g.past : a->keys;
    const struct shape shapes[] = {{3, {a->batch, a->rows, a->heads * a->size}},
                                   {4, {a->batch, a->kv_heads, room, a->size}}};
    for (int i = 0; i < call->output_count && i <= OUT_VALUE; i++)
        if (call->outputs[i] && tensor_describe(call->outputs[i], DTYPE_FLOAT, &shapes[i > 0], err) != STATUS_OK)
            return err->code;
    return STATUS_OK;
}

static status gqa_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct gqa g;
    size_t engine = 0;
    status code = gqa_describe(call, &g, err);
    g.a.batch = 1;
    if (code == STATUS_OK)
        code = attention_prepare(call, &g.a, &engine, err);
    if (code == STATUS_OK && !size_add(g.end, engine, workspace_bytes))
        code = fail(err, STATUS_LIMIT, "the workspace is too large");
    return code;
}

static void attend(const struct op_call *call, const struct gqa *g, const struct gqa_row *row, int64_t batch) {
    struct attention a = g->a;
    struct op_call engine = *call;
    struct tensor added;
    const int64_t seen = row->old + row->new, before = row->length - seen; /* keys, and those that are forgotten */
    const int64_t of_row = a.kv_heads * a.keys * a.size;
    gqa_fill(call, g, row, batch);
    a.batch = 1;
    a.q.data = (float *)a.q.data + batch * a.q.batch;
    a.k = (struct attention_array){(float *)g->present[0] + batch * of_row, of_row, a.keys * a.size, a.size};
    a.v = (struct attention_array){(float *)g->present[1] + batch * of_row, of_row, a.keys * a.size, a.size};
    a.offset = row->old;
    a.lengths = &seen;
    if (a.masks[0].tensor) {
        added = *a.masks[0].tensor;
        added.data = (float *)added.data + batch * a.masks[0].batch + at_most(before, a.masks[0].keys);
        a.masks[0].keys -= at_most(before, a.masks[0].keys);
        a.masks[0].tensor = &added;
    }
    a.y = attention_array_3d(call->outputs[OUT_Y], a.heads);
    a.y.data = (float *)a.y.data + batch * a.y.batch;
    engine.workspace = (char *)call->workspace + g->end;
    attention_run(&engine, &a);
}

static status gqa_run(struct op_call *call, struct error *err) {
    struct gqa g;
    struct gqa_row row;
    status code = gqa_describe(call, &g, err);
    if (code != STATUS_OK || g.a.size == 0)
        return code;
    for (int64_t batch = 0; batch < g.a.batch && code == STATUS_OK; batch++) {
        code = gqa_row_of(call, &g, batch, &row, err);
        if (code == STATUS_OK)
            attend(call, &g, &row, batch);
    }
    return code;
}

static double gqa_macs(const struct op_call *call) {
    struct gqa g;
    struct error err;
    return gqa_describe(call, &g, &err) == STATUS_OK ? attention_macs(&g.a) : 0;
}

static const struct op_facts facts = {.reach = op_reach_whole, .expand = gqa_expand, .expands_to = GQA_EXPANDS_TO};

#define INT32 TYPE(DTYPE_INT32)
#define PERHAPS(NAME) \
    { NAME, TYPES_FLOAT, ARG_T | ARG_OPTIONAL }

static const struct op_arg inputs[IN_COUNT + 1] = {[IN_Q] = {"query", TYPES_FLOAT, ARG_T},
                                                   [IN_K] = PERHAPS("key"),
                                                   [IN_V] = PERHAPS("value"),
                                                   [IN_PAST_KEY] = PERHAPS("past_key"),
                                                   [IN_PAST_VALUE] = PERHAPS("past_value"),
                                                   [IN_LENGTHS] = {"seqlens_k", INT32, 0},
                                                   [IN_TOTAL] = {"total_sequence_length", INT32, 0},
                                                   [IN_COS] = PERHAPS("cos_cache"),
                                                   [IN_SIN] = PERHAPS("sin_cache"),
                                                   [IN_PLACES] = {"position_ids", TYPE(DTYPE_INT64), ARG_OPTIONAL},
                                                   [IN_ADDED] = PERHAPS("attention_bias"),
                                                   [IN_SINK] = PERHAPS("head_sink"),
                                                   [IN_K_SCALE] = PERHAPS("k_scale"),
                                                   [IN_V_SCALE] = PERHAPS("v_scale"),
                                                   [IN_Q_NORM] = PERHAPS("q_norm_weight"),
                                                   [IN_K_NORM] = PERHAPS("k_norm_weight"),
                                                   [IN_ROWS] = {"query_seqlens", INT32, ARG_OPTIONAL}};
static const struct op_arg outputs[] = {
    {"output", TYPES_FLOAT, ARG_T}, PERHAPS("present_key"), PERHAPS("present_value"), {0}};

const struct op ops_group_query[] = {{.name = "GroupQueryAttention",
                                      .domain = "com.microsoft",
                                      .since = 1,
                                      .inputs = inputs,
                                      .outputs = outputs,
                                      .params_size = sizeof(struct gqa_params),
                                      .parse = gqa_parse,
                                      .infer = gqa_infer,
                                      .prepare = gqa_prepare,
                                      .run = gqa_run,
                                      .macs = gqa_macs,
                                      .facts = &facts},
                                     {0}};
