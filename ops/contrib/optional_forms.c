/* onnxruntime's Range, CDist, GroupNorm, SkipGroupNorm and BiasDropout (com.microsoft 1), which their inputs and
 * attributes change. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/op_write.h"

#include <string.h>

static status range_expand(struct op_writer *w, struct error *err) {
    return op_input(w->call, 2) ? op_write(w, err, ">0 = Range(#0 #1 #2)")
                                : op_write(w, err, "d = CastLike(1 #0); >0 = Range(#0 #1 d)");
}

/* Distances between rows: sums of squares less products, which rounding may leave below 0. */
static status distance_parse(const struct op_call *call, struct attributes *attributes, void *result,
                             struct error *err) {
    const char *metric = attribute_text(attributes, "metric", "sqeuclidean");
    (void)call;
    *(bool *)result = strcmp(metric, "euclidean") == 0;
    return *(bool *)result || strcmp(metric, "sqeuclidean") == 0
               ? STATUS_OK
               : fail(err, STATUS_UNSUPPORTED, "attribute \"metric\" is \"%.32s\", expected euclidean or sqeuclidean",
                      metric);
}

static status distance_expand(struct op_writer *w, struct error *err) {
    return op_write(
        w, err,
        "a = ReduceSumSquare:18(#0 [1]); b = ReduceSumSquare:18(#1 [1]); b = Transpose(b); c = Transpose(#1);"
        "p = MatMul(#0 c); q = Add(p p); s = Add(a b); d = Sub(s q); d = Relu(d); >0 = %s(d)",
        *(const bool *)w->call->params ? "Sqrt" : "Identity");
}

/* ---- GroupNorm ---- */

struct group_params {
    int64_t groups;
    bool swish, last;
};

static status group_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct group_params *params = result;
    (void)call, (void)err;
    op_write_later(attributes, "epsilon");
    params->groups = attribute_int(attributes, "groups", 0);
    params->swish = attribute_int(attributes, "activation", 0) != 0;
    params->last = attribute_int(attributes, "channels_last", 1) != 0;
    return STATUS_OK;
}

static status group_expand(struct op_writer *w, struct error *err) {
    static const char *const own[] = {"groups", "activation", "channels_last", NULL};
    const struct group_params *params = w->call->params;
    w->own = own;
    return op_write(w, err,
                    "x = %s(#0); g = CastLike(#1 x); b = CastLike(#2 x);"
                    "y = GroupNormalization{num_groups=%lld *}(x g b); s = Sigmoid(y); s = Mul(y s); >0 = %s(%s)",
                    params->last ? "!MoveAxis{from=-1 to=1}" : "Identity", (long long)params->groups,
                    params->last ? "!MoveAxis{from=1 to=-1}" : "Identity", params->swish ? "s" : "y");
}

/* What is skipped is [N,H,W,C], [N,1,1,C] or [N,C]: all are [N,-1,C]. */
static status skip_expand(struct op_writer *w, struct error *err) {
    const struct group_params *params = w->call->params;
    if (!params->last)
        return fail(err, STATUS_UNSUPPORTED, "attribute \"channels_last\" is only known as 1");
    return op_write(w, err,
                    "c = Shape{start=-1}(#0); c = Concat{axis=0}([0 -1] c); x = Reshape(#0 c);"
                    "s = Reshape(#3 c); x = Add(x s); %s; h = Shape(#0); x = Reshape(x h);"
                    ">0 = @GroupNorm{*}(x #1 #2); >1 = Identity(x)",
                    op_input(w->call, 4) ? "x = Add(x #4)" : "");
}

static status dropout_expand(struct op_writer *w, struct error *err) {
    status code = op_write(w, err, "y = Add(#0 #1); y >1 = Dropout:13{*}(y #3 #4)");
    if (code != STATUS_OK)
        return code;
    return op_input(w->call, 2) ? op_write(w, err, ">0 = Add(y #2)") : op_write(w, err, ">0 = Identity(y)");
}

static status dropout_parse(const struct op_call *call, struct attributes *attributes, void *result,
                            struct error *err) {
    (void)call, (void)result, (void)err;
    op_write_later(attributes, "seed");
    return STATUS_OK;
}

#define REALS (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
#define RANGES (REALS | TYPES_INDEX | TYPE(DTYPE_INT16))
#define FORM(NAME, PARAMS, PARSE, EXPAND, TO, OUTPUTS, ...)                                                       \
    {                                                                                                             \
        .name = NAME, .domain = "com.microsoft", .since = 1, .inputs = (const struct op_arg[]){__VA_ARGS__, {0}}, \
        .outputs = (const struct op_arg[])OUTPUTS, .params_size = PARAMS, .parse = PARSE, .infer = op_expanded,   \
        .run = op_expanded, .facts = &(const struct op_facts) {                                                   \
            .expand = EXPAND, .expands_to = TO                                                                    \
        }                                                                                                         \
    }

const struct op ops_optional_forms[] = {
    FORM("Range", 0, NULL, range_expand, "Range CastLike", LIST({"Y", RANGES, ARG_T}), {"start", RANGES, ARG_T},
         {"limit", RANGES, ARG_T}, {"delta", RANGES, ARG_T | ARG_OPTIONAL}),
    FORM("CDist", sizeof(bool), distance_parse, distance_expand,
         "ReduceSumSquare Transpose MatMul Add Sub Relu Sqrt Identity", LIST({"C", REALS, ARG_T}), {"A", REALS, ARG_T},
         {"B", REALS, ARG_T}),
    FORM("GroupNorm", sizeof(struct group_params), group_parse, group_expand,
         "Identity Transpose CastLike GroupNormalization Sigmoid Mul", LIST({"Y", TYPES_FLOAT, ARG_T}),
         {"X", TYPES_FLOAT, ARG_T}, {"gamma", TYPES_FLOAT, ARG_T1}, {"beta", TYPES_FLOAT, ARG_T1}),
    FORM("SkipGroupNorm", sizeof(struct group_params), group_parse, skip_expand,
         "Shape Concat Reshape Add Identity Transpose CastLike GroupNormalization Sigmoid Mul",
         LIST({"Y", TYPES_FLOAT, ARG_T}, {"S", TYPES_FLOAT, ARG_T | ARG_OPTIONAL}), {"X", TYPES_FLOAT, ARG_T},
         {"gamma", TYPES_FLOAT, ARG_T1}, {"beta", TYPES_FLOAT, ARG_T1}, {"skip", TYPES_FLOAT, ARG_T},
         {"bias", TYPES_FLOAT, ARG_T | ARG_OPTIONAL}),
    FORM("BiasDropout", 0, dropout_parse, dropout_expand, "Add Dropout Identity",
         LIST({"output", TYPES_FLOAT, ARG_T}, {"mask", TYPES_BOOL, ARG_OPTIONAL}), {"data", TYPES_FLOAT, ARG_T},
         {"bias", TYPES_FLOAT, ARG_T}, {"residual", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
         {"ratio", TYPES_FLOAT, ARG_OPTIONAL}, {"training_mode", TYPES_BOOL, ARG_OPTIONAL}),
    {0},
};
