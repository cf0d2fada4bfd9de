#include "ops/gradient/derivatives.h"

#include "ops/core/op_facts.h"

#include <stdio.h>
#include <string.h>

/* An operator of ONNX's own, and its derivative; text "": it is zero wherever there is one. */
struct derivative {
    const char *op_type, *text;
    status (*write)(struct op_writer *w, struct error *err); /* in place of a text */
    bool broadcasts;
};

#define SHAPED "s = Shape(#0); d0 = Reshape{allowzero=1}(g s)"
/* Elements in other places: the numbers of the places go the same way, and say where each gradient belongs. */
#define MOVED                                                                                                    \
    "n = Size(#0); p = Range(0 n 1); s = Shape(#0); p = Reshape{allowzero=1}(p s); p = %s:%d{*}(p #1 #2 #3 #4);" \
    "p = Reshape(p [-1]); h = Reshape(g [-1]); n = Reshape(n [1]); z = Expand(0f n); z = CastLike(z g);"         \
    "z = ScatterElements{reduction=add}(z p h); d0 = Reshape{allowzero=1}(z s)"

static status write_mean(struct op_writer *w, struct error *err) {
    for (int i = 0; i < w->call->node->input_count; i++)
        if (op_write(w, err, "n = CastLike(%d g); d%d = Div(g n)", w->call->node->input_count, i) != STATUS_OK)
            return err->code;
    return STATUS_OK;
}

static status write_sum(struct op_writer *w, struct error *err) {
    for (int i = 0; i < w->call->node->input_count; i++)
        if (op_write(w, err, "d%d = Identity(g)", i) != STATUS_OK)
            return err->code;
    return STATUS_OK;
}

/* The shape with the dimensions that were reduced is that of the same reduction that keeps them. */
static status write_reduced(struct op_writer *w, struct error *err) {
    static const char *const own[] = {"keepdims", NULL};
    w->own = own;
    return op_write(w, err,
                    "t = %s:%d{* keepdims=1}(#0 #1); s = Shape(t); r = Reshape{allowzero=1}(g s); s = Shape(#0);"
                    "e = Expand(r s); n = Size(#0); m = Size(y); n = Div(n m); n = CastLike(n g); d0 = %s",
                    w->call->op->name, w->call->opset,
                    strcmp(w->call->op->name, "ReduceMean") == 0 ? "Div(e n)" : "Identity(e)");
}

static status write_gemm(struct op_writer *w, struct error *err) {
    static const char *const own[] = {"transA", "transB", "beta", NULL};
    const struct node *node = w->call->node;
    const bool a = node_int(node, "transA", 0) != 0, b = node_int(node, "transB", 0) != 0;
    w->own = own;
    return op_write(w, err,
                    "d0 = Gemm{* transA=%d transB=%d}(%s); d1 = Gemm{* transA=%d transB=%d}(%s);"
                    "c = CastLike(%.9gf g); d2 = Mul(g c)",
                    a && b, a || !b, a ? "#1 g" : "g #1", b || !a, a && b, b ? "g #0" : "#0 g",
                    (double)node_float(node, "beta", 1));
}

static status write_transposed(struct op_writer *w, struct error *err) {
    const struct attribute *perm = node_attribute(w->call->node, "perm");
    const int rank = perm ? (int)perm->count : 0; /* at most MAX_RANK: parse() read it */
    char text[16 * MAX_RANK] = "";
    int length = 0;
    if (!perm)
        return op_write(w, err, "d0 = Transpose(g)");
    for (int i = 0; i < rank; i++) {
        int from = 0;
        while (from < rank && perm->ints[from] != i && perm->ints[from] != i - rank)
            from++; /* rank, which is refused, where no output's dimension is this one */
        length += snprintf(text + length, sizeof text - (size_t)length, " %d", from);
    }
    return op_write(w, err, "d0 = Transpose{perm=[%s]}(g)", text);
}

static status write_concat(struct op_writer *w, struct error *err) {
    const long long axis = node_int(w->call->node, "axis", 1);
    status code = op_write(w, err, "b = Identity([0])");
    for (int i = 0; code == STATUS_OK && i < w->call->node->input_count; i++)
        code = op_write(
            w, err, "l = Shape(#%d); l = Gather(l [%lld]); e = Add(b l); d%d = Slice(g b e [%lld]); b = Identity(e)", i,
            axis, i, axis);
    return code;
}

static status write_softmax(struct op_writer *w, struct error *err) {
    const long long axis = node_int(w->call->node, "axis", -1);
    if (w->call->opset < 13)
        return fail(err, STATUS_UNSUPPORTED, "the derivative of %s before opset 13 is not known", w->call->op->name);
    return strcmp(w->call->op->name, "Softmax") == 0
               ? op_write(w, err, "s = Mul(g y); t = ReduceSum(s [%lld]); u = Sub(g t); d0 = Mul(y u)", axis)
               : op_write(w, err, "e = Exp(y); t = ReduceSum(g [%lld]); u = Mul(e t); d0 = Sub(g u)", axis);
}

static status write_moved(struct op_writer *w, struct error *err) {
    return op_write(w, err, MOVED, w->call->op->name, w->call->opset);
}

/* A power of 0 is 1 whatever the base; where the base is 0, the exponent does not count unless it is negative. */
#define POWER                                                                                   \
    "x = Identity(#0); p = CastLike(#1 x); o = CastLike(1 x); z = CastLike(0 x); e = Sub(p o);" \
    "q = Pow(x e); q = Mul(p q); c = Equal(p z); q = Where(c z q); d0 = Mul(g q);"              \
    "c = Equal(x z); n = Less(p z); n = Not(n); c = And(c n); l = Log(x); l = Mul(y l);"        \
    "l = Where(c z l); l = Mul(g l); d1 = CastLike(l #1)"
/* 2 / sqrt(pi) of any precision. */
#define ERROR \
    "o = CastLike(1 y); a = Atan(o); a = Sqrt(a); t = Mul(#0 #0); t = Neg(t); t = Exp(t); t = Div(t a); d0 = Mul(g t)"

static const struct derivative table[] = {
    {"Abs", .text = "s = Sign(#0); d0 = Mul(g s)"},
    {"Add", .text = "d0 = Identity(g); d1 = Identity(g)", .broadcasts = true},
    {"Cast", .text = "d0 = CastLike(g #0)"},
    {"CastLike", .text = "d0 = CastLike(g #0)"},
    {"Ceil", .text = ""},
    {"Concat", .write = write_concat},
    {"Cos", .text = "s = Sin(#0); s = Mul(g s); d0 = Neg(s)"},
    {"Div", .text = "d0 = Div(g #1); t = Mul(d0 y); d1 = Neg(t)", .broadcasts = true},
    {"Erf", .text = ERROR},
    {"Exp", .text = "d0 = Mul(g y)"},
    {"Expand", .text = "d0 = Identity(g)", .broadcasts = true},
    {"Flatten", .text = SHAPED},
    {"Floor", .text = ""},
    {"Gemm", .write = write_gemm, .broadcasts = true},
    {"Identity", .text = "d0 = Identity(g)"},
    {"LeakyRelu",
     .text = "z = CastLike(0 y); o = CastLike(-1 y); a = LeakyRelu{*}(o); a = Mul(a g); a = Neg(a); c = Greater(#0 z);"
             "d0 = Where(c g a)"},
    {"Log", .text = "d0 = Div(g #0)"},
    {"LogSoftmax", .write = write_softmax},
    {"MatMul", .text = "d0 = @FusedMatMul{transB=1}(g #1); d1 = @FusedMatMul{transA=1}(#0 g)", .broadcasts = true},
    {"Mean", .write = write_mean, .broadcasts = true},
    {"Mul", .text = "d0 = Mul(g #1); d1 = Mul(g #0)", .broadcasts = true},
    {"Neg", .text = "d0 = Neg(g)"},
    {"Pow", .text = POWER, .broadcasts = true},
    {"Reciprocal", .text = "t = Mul(y y); t = Mul(g t); d0 = Neg(t)"},
    {"ReduceMean", .write = write_reduced},
    {"ReduceSum", .write = write_reduced},
    {"Relu", .text = "z = CastLike(0 y); c = Greater(y z); d0 = Where(c g z)"},
    {"Reshape", .text = SHAPED},
    {"Round", .text = ""},
    {"Sigmoid", .text = "t = Mul(y y); t = Sub(y t); d0 = Mul(g t)"},
    {"Sign", .text = ""},
    {"Sin", .text = "c = Cos(#0); d0 = Mul(g c)"},
    {"Softmax", .write = write_softmax},
    {"Softplus", .text = "s = Sigmoid(#0); d0 = Mul(g s)"},
    {"Sqrt", .text = "t = Add(y y); d0 = Div(g t)"},
    {"Squeeze", .text = SHAPED},
    {"Sub", .text = "d0 = Identity(g); d1 = Neg(g)", .broadcasts = true},
    {"Sum", .write = write_sum, .broadcasts = true},
    {"Tanh", .text = "t = Mul(y y); t = Mul(g t); d0 = Sub(g t)"},
    {"Transpose", .write = write_transposed},
    {"Unsqueeze", .text = SHAPED},
    {"Where", .text = "z = CastLike(0 y); d1 = Where(#0 g z); d2 = Where(#0 z g)", .broadcasts = true},
};

status derivative_write(struct op_writer *w, bool *broadcasts, struct error *err) {
    const struct op *op = w->call->op;
    for (size_t i = 0; op->domain[0] == 0 && i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].op_type, op->name) != 0)
            continue;
        *broadcasts = table[i].broadcasts;
        return table[i].write ? table[i].write(w, err) : op_write(w, err, "%s", table[i].text);
    }
    if (op->domain[0] == 0 && op_facts(op)->moves)
        return write_moved(w, err);
    return fail(err, STATUS_UNSUPPORTED, "the derivative of %s is not known", op->name);
}
