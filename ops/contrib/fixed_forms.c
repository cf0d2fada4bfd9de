/* onnxruntime's operators (com.microsoft 1) that are a few of ONNX's, always the same ones. */
#include "ops/core/op_facts.h"
#include "ops/core/op_write.h"
#include "ops/movement/movement.h"

#define ALL TYPES_MOVED
#define REALS (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
#define INT(NAME) TYPE(DTYPE_##NAME)

#define WRITTEN(NAME, TO, ATTRIBUTES, TEXT, INPUTS, OUTPUTS)                                                         \
    {                                                                                                                \
        .name = NAME, .domain = "com.microsoft", .since = 1, .inputs = (const struct op_arg[])INPUTS,                \
        .outputs = (const struct op_arg[])OUTPUTS, .parse = op_text_parse, .infer = op_expanded, .run = op_expanded, \
        .row = &(const struct op_text){TEXT, ATTRIBUTES}, .facts = &(const struct op_facts) {                        \
            .expand = op_text_expand, .expands_to = TO                                                               \
        }                                                                                                            \
    }
#define OPTIONAL ARG_OPTIONAL
#define X(TYPES) \
    { "X", TYPES, ARG_T }
#define Y(TYPES) LIST({"Y", TYPES, ARG_T})

#define CONV_ATTRIBUTES "auto_pad dilations group kernel_shape pads strides"

const struct op ops_fixed_forms[] = {
    WRITTEN("Trilu", "Trilu", "upper", ">0 = Trilu{*}(#0 #1)", LIST(X(ALL), {"k", INT(INT64), OPTIONAL}), Y(ALL)),
    WRITTEN("GatherND", "GatherND Cast", "", "i = Cast{to=7}(#1); >0 = GatherND(#0 i)",
            LIST({"data", ALL, ARG_T}, {"indices", TYPES_INDEX, 0}), Y(ALL)),
    WRITTEN("ExpandDims", "Unsqueeze Cast Reshape", "", "a = Cast{to=7}(#1); a = Reshape(a [-1]); >0 = Unsqueeze(#0 a)",
            LIST(X(ALL), {"axis", INT(INT32), 0}), Y(ALL)),
    WRITTEN("Unique", "Unique", "", ">0 _ >1 >2 = Unique{sorted=0}(#0)", LIST({"x", TYPES_NUMBER, ARG_T}),
            LIST({"y", TYPES_NUMBER, ARG_T}, {"idx", INT(INT64), OPTIONAL}, {"counts", INT(INT64), OPTIONAL})),
    WRITTEN("Pad", "Pad Reshape", "mode", "p = Reshape(#1 [-1]); >0 = Pad:13{*}(#0 p #2)",
            LIST({"data", ALL, ARG_T}, {"pads", INT(INT64), 0}, {"value", ALL, ARG_T | OPTIONAL}), Y(ALL)),
    WRITTEN("GridSample", "GridSample", "mode padding_mode align_corners", ">0 = GridSample:16{*}(#0 #1)",
            LIST(X(TYPES_FLOAT), {"Grid", TYPES_FLOAT, ARG_T1}), Y(TYPES_FLOAT)),
    WRITTEN("SampleOp", "Identity", "", ">0 = Identity(#0)", LIST(X(TYPES_FLOAT)), Y(TYPES_FLOAT)),
    WRITTEN("MatMulInteger16", "Cast MatMul", "", "a = Cast{to=6}(#0); b = Cast{to=6}(#1); >0 = MatMul(a b)",
            LIST({"A", INT(INT16), 0}, {"B", INT(INT16), 0}), LIST({"Y", INT(INT32), 0})),
    WRITTEN("TransposeMatMul", "com.microsoft:FusedMatMul", "alpha transA transB", ">0 = @FusedMatMul{*}(#0 #1)",
            LIST({"A", TYPES_FLOAT, ARG_T}, {"B", TYPES_FLOAT, ARG_T}), Y(TYPES_FLOAT)),
    WRITTEN("BiasSplitGelu", "Add Split Gelu Mul", "",
            "s = Add(#0 #1); a b = Split{axis=-1 num_outputs=2}(s); g = Gelu(b); >0 = Mul(a g)",
            LIST(X(TYPES_FLOAT), {"bias", TYPES_FLOAT, ARG_T}), Y(TYPES_FLOAT)),
    WRITTEN("BiasAdd", "Add", "", "s = Add(#0 #1); >0 = Add(s #2)",
            LIST(X(TYPES_FLOAT), {"bias", TYPES_FLOAT, ARG_T}, {"skip", TYPES_FLOAT, ARG_T}), Y(TYPES_FLOAT)),
    WRITTEN("NhwcConv", "Conv Transpose", CONV_ATTRIBUTES,
            "x = !MoveAxis{from=-1 to=1}(#0); w = !MoveAxis{from=-1 to=1}(#1); y = Conv{*}(x w #2);"
            ">0 = !MoveAxis{from=1 to=-1}(y)",
            LIST(X(TYPES_FLOAT), {"W", TYPES_FLOAT, ARG_T}, {"B", TYPES_FLOAT, ARG_T | OPTIONAL}), Y(TYPES_FLOAT)),
    /* A word is the largest of its windows, which lie within its characters as far as there are enough; 0 of none. */
    WRITTEN("WordConvEmbedding",
            "Gather Unsqueeze Conv Tanh Squeeze Cast Greater ReduceSum Shape Sub Max Range LessOrEqual Where ReduceMax "
            "Equal",
            "embedding_size conv_window_size char_embedding_size",
            "e = Gather(#3 #0); e = Unsqueeze(e [1]); y = Conv(e #1 #2); y = Tanh(y); y = Squeeze(y [3]);"
            "c = Cast{to=7}(#0); c = Greater(c 0); c = Cast{to=7}(c); n = ReduceSum{keepdims=1}(c [1]);"
            "k = Shape{start=2 end=3}(#1); d = Sub(n k); d = Max(d 0); d = Unsqueeze(d [1]);"
            "r = Shape{start=2 end=3}(y); r = Squeeze(r); r = Range(0 r 1); o = LessOrEqual(r d);"
            "y = Where(o y -2f); y = ReduceMax{keepdims=0}(y [2]); z = Equal(n 0); >0 = Where(z 0f y)",
            LIST({"Sequence", INT(INT32), 0}, {"W", TYPES_FLOAT, ARG_T}, {"B", TYPES_FLOAT, ARG_T},
                 {"C", TYPES_FLOAT, ARG_T}),
            Y(TYPES_FLOAT)),
    /* Cut out of what it is without padding: where nothing is cut at the end, the end is beyond it. */
    WRITTEN("ConvTransposeWithDynamicPads", "ConvTranspose Split Neg Equal Where Slice Shape Range Cast Squeeze Add",
            "auto_pad dilations group kernel_shape output_padding strides",
            "y = ConvTranspose{*}(#0 #1 #3); p = Cast{to=7}(#2); a b = Split{axis=0 num_outputs=2}(p); e = Neg(b);"
            "z = Equal(b 0); e = Where(z 2147483647 e); h = Shape(a); n = Squeeze(h); n = Add(n 2);"
            "s = Range(2 n 1); >0 = Slice(y a e s)",
            LIST(X(TYPES_FLOAT), {"W", TYPES_FLOAT, ARG_T}, {"Pads", INT(INT64), OPTIONAL},
                 {"B", TYPES_FLOAT, ARG_T | OPTIONAL}),
            Y(TYPES_FLOAT)),
    {0},
};
