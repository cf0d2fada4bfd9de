/* Attention (ONNX 23, 24, 25). */
#include "ops/attention/attention_engine.h"
#include "ops/attention/attention_shapes.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"

#include <math.h>
#include <string.h>

enum attention_input { IN_Q, IN_K, IN_V, IN_MASK, IN_PAST_KEY, IN_PAST_VALUE, IN_LENGTHS };
enum attention_output { OUT_Y, OUT_PRESENT_KEY, OUT_PRESENT_VALUE, OUT_SCORES };

struct attention_params {
    bool causal, has_scale;
    float scale, softcap;
    int64_t heads, kv_heads; /* 0: not given */
    int64_t left, right;
    enum attention_stage stage;
};

#define WINDOW_MOST ((int64_t)1 << 40) /* larger ones let everything be seen, too */

static status parse_window(struct attributes *attributes, const char *name, int64_t *size, struct error *err) {
    *size = attribute_int(attributes, name, -1);
    if (*size < -1)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"%s\" is %lld, expected -1 or more", name, (long long)*size);
    *size = *size < WINDOW_MOST ? *size : WINDOW_MOST;
    return STATUS_OK;
}

static status attention_parse(const struct op_call *call, struct attributes *attributes, void *result,
                              struct error *err) {
    struct attention_params *params = result;
    params->causal = attribute_int(attributes, "is_causal", 0) != 0;
    params->has_scale = attribute_has(attributes, "scale");
    params->scale = attribute_float(attributes, "scale", 0);
    params->softcap = attribute_float(attributes, "softcap", 0);
    params->heads = attribute_int(attributes, "q_num_heads", 0);
    params->kv_heads = attribute_int(attributes, "kv_num_heads", 0);
    attribute_ignore(attributes, "softmax_precision"); /* never less than that of the inputs */
    const int64_t stage = attribute_int(attributes, "qk_matmul_output_mode", 0);
    params->stage = (enum attention_stage)stage;
    params->left = params->right = -1;
    if (stage < 0 || stage > 3)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"qk_matmul_output_mode\" is %lld, expected 0 to 3",
                    (long long)stage);
    if (!(params->softcap >= 0))
        return fail(err, STATUS_INVALID_MODEL, "attribute \"softcap\" is %g, expected 0 or more",
                    (double)params->softcap);
    if (call->opset < 25)
        return STATUS_OK;
    const status code = parse_window(attributes, "left_window_size", &params->left, err);
    return code == STATUS_OK ? parse_window(attributes, "right_window_size", &params->right, err) : code;
}

static status check_sizes(const struct op_call *call, const struct attention *a, int64_t v_keys, struct error *err) {
    char q[SHAPE_TEXT_BYTES], k[SHAPE_TEXT_BYTES], v[SHAPE_TEXT_BYTES];
    if (a->kv_heads > 0 && a->heads % a->kv_heads == 0 && v_keys >= 0)
        return STATUS_OK;
    return fail(err, STATUS_SHAPE,
                "inputs 0 (Q) %s, 1 (K) %s and 2 (V) %s do not fit together with %lld heads and "
                "%lld of keys and values",
                shape_text(&call->inputs[IN_Q]->shape, q), shape_text(&call->inputs[IN_K]->shape, k),
                shape_text(&call->inputs[IN_V]->shape, v), (long long)a->heads, (long long)a->kv_heads);
}

static status add_past(const struct op_call *call, struct attention *a, struct error *err) {
    const struct tensor *key = op_input(call, IN_PAST_KEY), *value = op_input(call, IN_PAST_VALUE);
    if (!key && !value)
        return STATUS_OK;
    if (!key || !value || op_input(call, IN_LENGTHS))
        return fail(err, STATUS_INVALID_MODEL,
                    "inputs 4 (past_key) and 5 (past_value) go together, and without input "
                    "6 (nonpad_kv_seqlen)");
    a->past = key->shape.rank == 4 ? key->shape.dims[2] : 0;
    a->keys += a->past;
    a->offset = a->past;
    const status code =
        attention_check_shape(call, IN_PAST_KEY, 4, (int64_t[]){a->batch, a->kv_heads, a->past, a->size}, err);
    a->past_k = attention_array_4d(key);
    a->past_v = attention_array_4d(value);
    return code == STATUS_OK ? attention_check_shape(call, IN_PAST_VALUE, 4,
                                                     (int64_t[]){a->batch, a->kv_heads, a->past, a->value_size}, err)
                             : code;
}

static status add_lengths(const struct op_call *call, struct attention *a, struct error *err) {
    const struct tensor *lengths = op_input(call, IN_LENGTHS);
    if (!lengths)
        return STATUS_OK;
    a->lengths = lengths->data;
    a->at_end = true;
    return attention_check_shape(call, IN_LENGTHS, 1, &a->batch, err);
}

/* All but the outputs. */
static status describe(const struct op_call *call, struct attention *a, struct error *err) {
    const struct attention_params *params = call->params;
    struct attention_heads q, k, v;
    status code = attention_heads_of(call, IN_Q, params->heads, "q_num_heads", &q, err);
    if (code == STATUS_OK)
        code = attention_heads_of(call, IN_K, params->kv_heads, "kv_num_heads", &k, err);
    if (code == STATUS_OK)
        code = attention_heads_of(call, IN_V, params->kv_heads, "kv_num_heads", &v, err);
    if (code != STATUS_OK)
        return code;
    *a = (struct attention){.dtype = call->inputs[IN_Q]->dtype,
                            .batch = q.batch,
                            .heads = q.heads,
                            .kv_heads = k.heads,
                            .rows = q.rows,
                            .keys = k.rows,
                            .size = q.size,
                            .value_size = v.size,
                            .q = q.array,
                            .k = k.array,
                            .v = v.array,
                            .left = params->left,
                            .right = params->causal ? 0 : params->right,
                            .scale = params->has_scale ? (double)params->scale : 1 / sqrt((double)q.size),
                            .softcap = params->softcap};
    const bool fits =
        k.batch == q.batch && v.batch == q.batch && v.heads == k.heads && v.rows == k.rows && k.size == q.size;
    code = check_sizes(call, a, fits ? v.rows : -1, err);
    if (code == STATUS_OK)
        code = add_past(call, a, err);
    if (code == STATUS_OK)
        code = add_lengths(call, a, err);
    return code == STATUS_OK ? attention_mask_of(call, IN_MASK, a, &a->masks[0], err) : code;
}

static status check_types(const struct op_call *call, struct error *err) {
    if (call->inputs[IN_V]->dtype == call->inputs[IN_Q]->dtype)
        return STATUS_OK;
    return fail(err, STATUS_UNSUPPORTED, "input 2 (V) has element type %s, expected %s as input 0 (Q)",
                dtype_name(call->inputs[IN_V]->dtype), dtype_name(call->inputs[IN_Q]->dtype));
}

/* Where it is wanted. */
static status describe_output(const struct op_call *call, int output, const int64_t dims[4], struct error *err) {
    const struct shape shape = {4, {dims[0], dims[1], dims[2], dims[3]}};
    return op_output(call, output) ? tensor_describe(call->outputs[output], call->inputs[IN_Q]->dtype, &shape, err)
                                   : STATUS_OK;
}

static status attention_infer(struct op_call *call, struct error *err) {
    struct attention a;
    status code = check_types(call, err);
    if (code == STATUS_OK)
        code = describe(call, &a, err);
    if (code != STATUS_OK)
        return code;
    const struct shape flat = {3, {a.batch, a.rows, a.heads * a.value_size}};
    if (op_output(call, OUT_Y) && call->inputs[IN_Q]->shape.rank == 3)
        code = tensor_describe(call->outputs[OUT_Y], a.dtype, &flat, err);
    else
        code = describe_output(call, OUT_Y, (int64_t[]){a.batch, a.heads, a.rows, a.value_size}, err);
    if (code == STATUS_OK)
        code = describe_output(call, OUT_PRESENT_KEY, (int64_t[]){a.batch, a.kv_heads, a.keys, a.size}, err);
    if (code == STATUS_OK)
        code = describe_output(call, OUT_PRESENT_VALUE, (int64_t[]){a.batch, a.kv_heads, a.keys, a.value_size}, err);
    return code == STATUS_OK ? describe_output(call, OUT_SCORES, (int64_t[]){a.batch, a.heads, a.rows, a.keys}, err)
                             : code;
}

static status attention_op_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct attention a;
    const status code = describe(call, &a, err);
    return code == STATUS_OK ? attention_prepare(call, &a, workspace_bytes, err) : code;
}

static status attention_op_run(struct op_call *call, struct error *err) {
    const struct attention_params *params = call->params;
    struct attention a;
    const status code = describe(call, &a, err);
    if (code != STATUS_OK)
        return code;
    attention_present(call, &a, OUT_PRESENT_KEY, &a.past_k, &a.k, a.size);
    attention_present(call, &a, OUT_PRESENT_VALUE, &a.past_v, &a.v, a.value_size);
    struct tensor *scores = op_output(call, OUT_SCORES), *y = op_output(call, OUT_Y);
    a.scores = scores ? scores->data : NULL;
    a.stage = params->stage;
    if (!y)
        return STATUS_OK;
    a.y = y->shape.rank == 4 ? attention_array_4d(y) : attention_array_3d(y, a.heads);
    attention_run(call, &a);
    return STATUS_OK;
}

static double attention_op_macs(const struct op_call *call) {
    struct attention a;
    struct error err;
    return describe(call, &a, &err) == STATUS_OK ? attention_macs(&a) : 0;
}

static const struct op_facts facts = {.reach = op_reach_whole};

#define TYPES_ATTENTION (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
#define INPUTS_23                                                                                 \
    {"Q", TYPES_ATTENTION, ARG_T}, {"K", TYPES_ATTENTION, ARG_T}, {"V", TYPES_ATTENTION, ARG_T1}, \
        {"attn_mask", TYPES_NUMBER | TYPES_BOOL, ARG_T2 | ARG_OPTIONAL},                          \
        {"past_key", TYPES_ATTENTION, ARG_T | ARG_OPTIONAL}, {                                    \
        "past_value", TYPES_ATTENTION, ARG_T1 | ARG_OPTIONAL                                      \
    }
static const struct op_arg inputs_23[] = {INPUTS_23, {0}};
static const struct op_arg inputs_24[] = {INPUTS_23, {"nonpad_kv_seqlen", TYPE(DTYPE_INT64), ARG_OPTIONAL}, {0}};
static const struct op_arg outputs[] = {{"Y", TYPES_ATTENTION, ARG_T},
                                        {"present_key", TYPES_ATTENTION, ARG_T | ARG_OPTIONAL},
                                        {"present_value", TYPES_ATTENTION, ARG_T1 | ARG_OPTIONAL},
                                        {"qk_matmul_output", TYPES_ATTENTION, ARG_T | ARG_OPTIONAL},
                                        {0}};

#define ATTENTION(SINCE, UNTIL, INPUTS)                                                                          \
    {                                                                                                            \
        .name = "Attention", .domain = "", .since = SINCE, .until = UNTIL, .inputs = INPUTS, .outputs = outputs, \
        .params_size = sizeof(struct attention_params), .parse = attention_parse, .infer = attention_infer,      \
        .prepare = attention_op_prepare, .run = attention_op_run, .macs = attention_op_macs, .facts = &facts     \
    }

const struct op ops_attention[] = {ATTENTION(23, 23, inputs_23), ATTENTION(24, 0, inputs_24), {0}};
