/*
 * FlexAttention (ONNX preview 1): softmax(q k^T * scale) v with subgraphs that change the scores before the softmax,
 * and the probabilities behind it. Without them it is Attention.
 */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/op_write.h"

static const char *const names[] = {"score_mod", "prob_mod", NULL};

struct flex_params {
    bool has[2];
    float scale; /* 0: that of the vectors' size */
    int64_t precision;
};

static bool is_real(int64_t dtype) {
    return dtype == DTYPE_FLOAT || dtype == DTYPE_DOUBLE || dtype == DTYPE_FLOAT16 || dtype == DTYPE_BFLOAT16;
}

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct flex_params *params = result;
    (void)call;
    for (int i = 0; i < 2; i++) {
        params->has[i] = attribute_has(attributes, names[i]);
        const struct graph *graph = params->has[i] ? attribute_graph(attributes, names[i]) : NULL;
        if (graph && op_control_check(graph, names[i], 1, 1, err) != STATUS_OK)
            return err->code;
    }
    params->scale = attribute_float(attributes, "scale", 0);
    params->precision = attribute_int(attributes, "softmax_precision", 0);
    return params->precision == 0 || is_real(params->precision)
               ? STATUS_OK
               : fail(err, STATUS_INVALID_MODEL, "attribute \"softmax_precision\" is %lld, which is no floating type",
                      (long long)params->precision);
}

/* Nothing is mapped: subgraphs see values of the expansion alone, and of the graph around. */
static void map(const struct op_call *call, struct op_mapping *mapping) {
    (void)call;
    *mapping = (struct op_mapping){0};
}

/* Scores [batch, heads, rows, keys], by [batch, key heads, heads of each, rows, size]. */
static status scores(struct op_writer *w, const struct flex_params *params, int64_t wide, int64_t precision,
                     struct error *err) {
    if (op_write(w, err,
                 "b = Shape{start=0 end=1}(#0); h = Shape{start=1 end=2}(#0); g = Shape{start=1 end=2}(#1);"
                 "r = Shape{start=2 end=3}(#0); e = Shape{start=3 end=4}(#0); n = Shape{start=2 end=3}(#1);"
                 "t = Div(h g); qs = Concat{axis=0}(b g t r e); ss = Concat{axis=0}(b h r n);"
                 "q = Cast{to=%lld}(#0); k = Cast{to=%lld}(#1); q = Reshape{allowzero=1}(q qs);"
                 "k = Unsqueeze(k [2]); k = Transpose{perm=[0 1 2 4 3]}(k)",
                 (long long)wide, (long long)wide) != STATUS_OK)
        return err->code;
    const status code = params->scale != 0
                            ? op_write(w, err, "f = CastLike(%.9gf q)", (double)params->scale)
                            : op_write(w, err, "f = Cast{to=%lld}(e); f = Sqrt(f); f = Reciprocal(f)", (long long)wide);
    return code == STATUS_OK ? op_write(w, err,
                                        "q = Mul(q f); s = MatMul(q k); s = Reshape{allowzero=1}(s ss);"
                                        "s = Cast{to=%lld}(s)",
                                        (long long)precision)
                             : code;
}

static status expand(struct op_writer *w, struct error *err) {
    const struct flex_params *params = w->call->params;
    const enum dtype dtype = w->call->inputs[0]->dtype;
    const int64_t precision = params->precision       ? params->precision
                              : dtype == DTYPE_DOUBLE ? DTYPE_DOUBLE
                                                      : DTYPE_FLOAT;
    const int64_t wide = dtype == DTYPE_DOUBLE ? DTYPE_DOUBLE : precision;
    static const char *const own[] = {"softmax_precision", NULL};
    w->own = own;
    if (dtype == DTYPE_UNDEFINED)
        return fail(err, STATUS_UNSUPPORTED, "the element type of input 0 is not known");
    if (!params->has[0] && !params->has[1] && wide == precision &&
        precision == (dtype == DTYPE_DOUBLE ? DTYPE_DOUBLE : DTYPE_FLOAT))
        return op_write(w, err, ">0 = Attention:23{*}(#0 #1 #2)");
    status code = scores(w, params, wide, precision, err);
    if (code == STATUS_OK && params->has[0])
        code = op_write(w, err, "s = &score_mod(s)");
    if (code == STATUS_OK)
        code = op_write(w, err, "s = Softmax{axis=-1}(s)");
    if (code == STATUS_OK && params->has[1])
        code = op_write(w, err, "s = &prob_mod(s)");
    return code == STATUS_OK ? op_write(w, err,
                                        "ps = Concat{axis=0}(b g t r n); p = Reshape{allowzero=1}(s ps);"
                                        "v = Cast{to=%lld}(#2); v = Unsqueeze(v [2]); p = Cast{to=%lld}(p);"
                                        "y = MatMul(p v); o = Shape{start=3 end=4}(#2);"
                                        "ys = Concat{axis=0}(b h r o); y = Reshape{allowzero=1}(y ys);"
                                        ">0 = Cast{to=%d}(y)",
                                        (long long)wide, (long long)wide, (int)dtype)
                             : code;
}

static const struct op_control control = {.bodies = names, .map = map};
static const struct op_facts facts = {
    .control = &control,
    .reach = op_reach_whole,
    .expand = expand,
    .expands_to =
        "Shape Div Concat Cast Reshape Unsqueeze Transpose CastLike Sqrt Reciprocal Mul MatMul Softmax Attention"};

#define REALS (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_BFLOAT16))

const struct op ops_flex_attention[] = {
    {.name = "FlexAttention",
     .domain = "ai.onnx.preview",
     .since = 1,
     .inputs = (const struct op_arg[]){{"Q", REALS, ARG_T}, {"K", REALS, ARG_T}, {"V", REALS, ARG_T}, {0}},
     .outputs = (const struct op_arg[]){{"Y", REALS, ARG_T}, {0}},
     .params_size = sizeof(struct flex_params),
     .parse = parse,
     .infer = op_expanded,
     .run = op_expanded,
     .facts = &facts},
    {0}};
