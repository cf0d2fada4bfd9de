/*
 * onnxruntime's Attention, QAttention, EmbedLayerNormalization and QEmbedLayerNormalization (com.microsoft 1): a
 * projection, and what stands behind it.
 */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/op_write.h"
#include "ops/quant/numbers.h"

struct attention_row {
    int mask, past, added; /* inputs; added 0: there is none */
};

struct attention_params {
    int sizes; /* how many of the three are given: 0 or 3 */
    int64_t size[3];
};

static status attention_parse(const struct op_call *call, struct attributes *attributes, void *result,
                              struct error *err) {
    struct attention_params *params = result;
    (void)call;
    op_write_later(attributes, "num_heads unidirectional scale mask_filter_value");
    attribute_ints(attributes, "qkv_hidden_sizes", params->size, 3, &params->sizes);
    if (params->sizes != 0 && params->sizes != 3)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"qkv_hidden_sizes\" has %d numbers, expected 3",
                    params->sizes);
    if (attribute_int(attributes, "do_rotary", 0) || attribute_int(attributes, "past_present_share_buffer", 0))
        return fail(err, STATUS_UNSUPPORTED,
                    "attributes \"do_rotary\" and \"past_present_share_buffer\" are only known as 0");
    attribute_ignore(attributes, "rotary_embedding_dim");
    return STATUS_OK;
}

/* p: the projections side by side. */
static status write_rest(struct op_writer *w, struct error *err) {
    static const char *const own[] = {"qkv_hidden_sizes", "do_rotary", "past_present_share_buffer",
                                      "rotary_embedding_dim", NULL};
    const struct attention_row *row = w->call->op->row;
    const struct attention_params *params = w->call->params;
    const bool past = op_input(w->call, row->past) != NULL;
    status code;
    w->own = own;
    if (params->sizes)
        code = op_write(w, err, "q k v = Split{axis=-1}(p [%lld %lld %lld])", (long long)params->size[0],
                        (long long)params->size[1], (long long)params->size[2]);
    else
        code = op_write(w, err, "q k v = Split{axis=-1 num_outputs=3}(p)");
    if (code == STATUS_OK && past)
        code = op_write(w, err, "a b = Split{axis=0 num_outputs=2}(#%d); a = Squeeze(a [0]); b = Squeeze(b [0])",
                        row->past);
    if (code == STATUS_OK)
        code = op_write(w, err, ">0 c d = @MultiHeadAttention{*}(q k v - #%d #%d %s)", row->mask,
                        row->added ? row->added : 99, past ? "a b" : "");
    if (code == STATUS_OK && op_output(w->call, 1))
        code = op_write(w, err, "c = Unsqueeze(c [0]); d = Unsqueeze(d [0]); >1 = Concat{axis=0}(c d)");
    return code;
}

static status attention_expand(struct op_writer *w, struct error *err) {
    status code = op_write(w, err, "p = MatMul(#0 #1)");
    if (code == STATUS_OK && op_input(w->call, 2))
        code = op_write(w, err, "p = Add(p #2)");
    return code == STATUS_OK ? write_rest(w, err) : code;
}

static status quantized_expand(struct op_writer *w, struct error *err) {
    const status code = op_write(w, err, "p = @MatMulIntegerToFloat(#0 #1 #3 #4 #6 #7 #2)");
    return code == STATUS_OK ? write_rest(w, err) : code;
}

/* ---- EmbedLayerNormalization ---- */

static status embed_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    (void)call, (void)params, (void)err;
    op_write_later(attributes, "epsilon mask_index_type");
    return STATUS_OK;
}

/* Where the mask is, and what tables and scales are called; a segment table is there or not. */
struct embed_row {
    int mask, positions; /* inputs; positions 0: there is none */
    const char *words, *places, *segments, *gamma, *beta;
};

static status embed_write(struct op_writer *w, struct error *err) {
    static const char *const own[] = {"mask_index_type", NULL};
    const struct embed_row *row = w->call->op->row;
    w->own = own;
    status code = op_write(w, err, "e = Gather(%s #0)", row->words);
    if (code == STATUS_OK && row->positions && op_input(w->call, row->positions))
        code = op_write(w, err, "p = Gather(%s #%d)", row->places, row->positions);
    else if (code == STATUS_OK)
        code = op_write(w, err, "n = Shape{start=1 end=2}(#0); n = Squeeze(n); r = Range(0 n 1); p = Gather(%s r)",
                        row->places);
    if (code == STATUS_OK)
        code = op_write(w, err, "e = Add(e p)");
    if (code == STATUS_OK && op_input(w->call, 1) && op_input(w->call, 4))
        code = op_write(w, err, "s = Gather(%s #1); e = Add(e s)", row->segments);
    if (code == STATUS_OK && op_output(w->call, 2))
        code = op_write(w, err, ">2 = Identity(e)");
    if (code == STATUS_OK)
        code = op_write(w, err, ">0 = LayerNormalization{axis=-1 *}(e %s %s)", row->gamma, row->beta);
    if (code != STATUS_OK || !op_output(w->call, 1))
        return code;
    return op_input(w->call, row->mask)
               ? op_write(w, err, "m = Cast{to=6}(#%d); >1 = ReduceSum{keepdims=0}(m [1])", row->mask)
               : op_write(w, err, "b = Shape{start=0 end=1}(#0); z = ConstantOfShape(b); >1 = Cast{to=6}(z)");
}

/* The tables and scales, which are of 8 bits, as floats first. */
static status quantized_embed_expand(struct op_writer *w, struct error *err) {
    static const char *const names[] = {"words", "places", "segments", "gamma", "beta"};
    status code = STATUS_OK;
    for (int i = 0; i < 5 && code == STATUS_OK; i++)
        if (op_input(w->call, 2 + i))
            code = op_write(w, err, "%s = DequantizeLinear(#%d #%d #%d)", names[i], 2 + i, 8 + i, 13 + i);
    return code == STATUS_OK ? embed_write(w, err) : code;
}

#define EMBED "Gather Shape Squeeze Range Add Identity LayerNormalization Cast ReduceSum ConstantOfShape"
#define REST "Split Squeeze com.microsoft:MultiHeadAttention Unsqueeze Concat"
static const struct op_facts facts = {
    .reach = op_reach_whole, .expand = attention_expand, .expands_to = "MatMul Add " REST};
static const struct op_facts quantized_facts = {
    .reach = op_reach_whole, .expand = quantized_expand, .expands_to = "com.microsoft:MatMulIntegerToFloat " REST};
static const struct op_facts embed_facts = {.reach = op_reach_whole, .expand = embed_write, .expands_to = EMBED};
static const struct op_facts quantized_embed_facts = {
    .reach = op_reach_whole, .expand = quantized_embed_expand, .expands_to = "DequantizeLinear " EMBED};

#define INT32 TYPE(DTYPE_INT32)
#define FLOATS(NAME) \
    { NAME, TYPES_FLOAT, ARG_T }
#define PERHAPS(NAME) \
    { NAME, TYPES_FLOAT, ARG_T | ARG_OPTIONAL }
#define INTS(NAME) \
    { NAME, INT32, ARG_OPTIONAL }

#define FORM(NAME, PARAMS, PARSE, FACTS, ROW, OUTPUTS, ...)                                                       \
    {                                                                                                             \
        .name = NAME, .domain = "com.microsoft", .since = 1, .inputs = (const struct op_arg[]){__VA_ARGS__, {0}}, \
        .outputs = OUTPUTS, .params_size = PARAMS, .parse = PARSE, .infer = op_expanded, .run = op_expanded,      \
        .facts = &(FACTS), .row = ROW                                                                             \
    }

#define INTS_OF(NAME, FLAGS) \
    { NAME, INT32, FLAGS }
#define BYTES(NAME, FLAGS) \
    { NAME, TYPES_INT8, ARG_T1 | (FLAGS) }

static const struct embed_row embed_row = {7, 8, "#2", "#3", "#4", "#5", "#6"},
                              quantized_embed_row = {7, 0, "words", "places", "segments", "gamma", "beta"};
static const struct op_arg quantized_embed_outputs[] = {FLOATS("layernorm_out"), INTS("mask_index_out"), {0}};
static const struct attention_row attention_row = {3, 4, 5}, quantized_row = {5, 8, 0};
static const struct op_arg attention_outputs[] = {FLOATS("output"), PERHAPS("present"), {0}};
static const struct op_arg embed_outputs[] = {FLOATS("output"), INTS("mask_index"), PERHAPS("embedding_sum"), {0}};

const struct op ops_attention_forms[] = {
    FORM("Attention", sizeof(struct attention_params), attention_parse, facts, &attention_row, attention_outputs,
         FLOATS("input"), FLOATS("weights"), PERHAPS("bias"), INTS("mask_index"), PERHAPS("past"),
         PERHAPS("attention_bias")),
    FORM("QAttention", sizeof(struct attention_params), attention_parse, quantized_facts, &quantized_row,
         attention_outputs, {"input", TYPES_INT8, ARG_T1}, {"weight", TYPES_INT8, ARG_T2}, FLOATS("bias"),
         FLOATS("input_scale"), FLOATS("weight_scale"), INTS("mask_index"),
         {"input_zero_point", TYPES_INT8, ARG_T1 | ARG_OPTIONAL},
         {"weight_zero_point", TYPES_INT8, ARG_T2 | ARG_OPTIONAL}, PERHAPS("past")),
    FORM("EmbedLayerNormalization", 0, embed_parse, embed_facts, &embed_row, embed_outputs,
         {"input_ids", TYPES_INDEX, 0}, {"segment_ids", TYPES_INDEX, ARG_OPTIONAL}, FLOATS("word_embedding"),
         FLOATS("position_embedding"), PERHAPS("segment_embedding"), FLOATS("gamma"), FLOATS("beta"),
         {"mask", TYPES_INDEX, ARG_OPTIONAL}, {"position_ids", TYPES_INDEX, ARG_OPTIONAL}),
    FORM("QEmbedLayerNormalization", 0, embed_parse, quantized_embed_facts, &quantized_embed_row,
         quantized_embed_outputs, INTS_OF("input_ids", 0), INTS_OF("segment_ids", ARG_OPTIONAL),
         BYTES("word_embedding_quant", 0), BYTES("position_embedding_quant", 0),
         BYTES("segment_embedding", ARG_OPTIONAL), BYTES("gamma_quant", 0), BYTES("beta_quant", 0),
         INTS_OF("mask", ARG_OPTIONAL), FLOATS("word_embedding_scale"), FLOATS("position_embedding_scale"),
         PERHAPS("segment_embedding_scale"), FLOATS("gamma_scale"), FLOATS("beta_scale"),
         BYTES("word_embedding_zero_point", ARG_OPTIONAL), BYTES("position_embedding_zero_point", ARG_OPTIONAL),
         BYTES("segment_embedding_zero_point", ARG_OPTIONAL), BYTES("gamma_zero_point", ARG_OPTIONAL),
         BYTES("beta_zero_point", ARG_OPTIONAL)),
    {0},
};
