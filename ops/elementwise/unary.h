/* The engine of the operators that map each element by itself. An operator is a row of loops and one definition. */
#ifndef LIMNER_OPS_ELEMENTWISE_UNARY_H
#define LIMNER_OPS_ELEMENTWISE_UNARY_H

#include "base/simd.h"
#include "ops/core/op_facts.h"
#include "ops/kernels/math.h"

/* out[0..count-1] from in[0..count-1], which may be the same memory. */
typedef void unary_loop(const void *in, void *out, size_t count, const void *params);

/* What the node's attributes say. */
struct unary_params {
    float alpha, beta;
};

struct unary_row {
    unary_loop *loops[DTYPE_COUNT]; /* by element type; the 16-bit types go through FLOAT's when they have none */
    enum math_function math;        /* instead of FLOAT's loop; params are a struct unary_params */
    enum dtype output;              /* UNDEFINED: that of the input */
    const char *attributes[2];      /* names of the float attributes alpha and beta, or NULL */
    float defaults[2];
    enum activation_kind activation; /* what a node can become that follows a convolution; alpha as above */
    bool on_blocks;                  /* makes finite numbers of zeros */
};

extern const struct op_facts unary_facts, erf_facts;
/* Functions of the definitions; op->row is a struct unary_row. */
status unary_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err);
status unary_infer(struct op_call *call, struct error *err);
status unary_run(struct op_call *call, struct error *err);

/* Runs a row over one tensor, with params of the row's own choice. */
status unary_apply(const struct unary_row *row, const struct op_call *call, const void *params);

/*
 * One loop. EXPRESSION maps x of type T, with alpha and beta (of type T's arithmetic) at hand. UNARY_LOOP's may run
 * side by side; UNARY_CALLS is for expressions that call functions of the C library.
 */
#define UNARY_LOOP(NAME, T, OUT, EXPRESSION) UNARY_BODY(NAME, T, OUT, SIMD, EXPRESSION)
#define UNARY_CALLS(NAME, T, OUT, EXPRESSION) UNARY_BODY(NAME, T, OUT, , EXPRESSION)
#define UNARY_BODY(NAME, T, OUT, PRAGMA, EXPRESSION)                                \
    static void NAME(const void *in, void *out, size_t count, const void *params) { \
        const float alpha = ((const struct unary_params *)params)->alpha;           \
        const float beta = ((const struct unary_params *)params)->beta;             \
        const T *source = in;                                                       \
        OUT *target = out;                                                          \
        (void)alpha, (void)beta;                                                    \
        PRAGMA for (size_t i = 0; i < count; i++) {                                 \
            const T x = source[i];                                                  \
            target[i] = (OUT)(EXPRESSION);                                          \
        }                                                                           \
    }

/* The integer types: X(C type, suffix of DTYPE_, further arguments). */
#define SIGNED_TYPES(X, ...)     \
    X(int8_t, INT8, __VA_ARGS__) \
    X(int16_t, INT16, __VA_ARGS__) X(int32_t, INT32, __VA_ARGS__) X(int64_t, INT64, __VA_ARGS__)
#define UNSIGNED_TYPES(X, ...)     \
    X(uint8_t, UINT8, __VA_ARGS__) \
    X(uint16_t, UINT16, __VA_ARGS__) X(uint32_t, UINT32, __VA_ARGS__) X(uint64_t, UINT64, __VA_ARGS__)

/* For UNSIGNED_TYPES: entries of loops that do for both signs what they do for none. */
enum both_signs {
    SIGNED_UINT8 = DTYPE_INT8,
    SIGNED_UINT16 = DTYPE_INT16,
    SIGNED_UINT32 = DTYPE_INT32,
    SIGNED_UINT64 = DTYPE_INT64
};
#define BOTH_SIGNS(T, DTYPE, NAME) [SIGNED_##DTYPE] = NAME##_##T, [DTYPE_##DTYPE] = NAME##_##T,

/* Sets of element types as the operator specification has them. */
#define TYPES_REAL (TYPE(DTYPE_FLOAT) | TYPE(DTYPE_DOUBLE) | TYPE(DTYPE_FLOAT16))
#define TYPES_REAL_BF (TYPES_REAL | TYPE(DTYPE_BFLOAT16))
#define TYPES_SIGNED (TYPE(DTYPE_INT8) | TYPE(DTYPE_INT16) | TYPE(DTYPE_INT32) | TYPE(DTYPE_INT64))
#define TYPES_UNSIGNED (TYPE(DTYPE_UINT8) | TYPE(DTYPE_UINT16) | TYPE(DTYPE_UINT32) | TYPE(DTYPE_UINT64))
#define TYPES_WIDE (TYPE(DTYPE_INT32) | TYPE(DTYPE_INT64) | TYPE(DTYPE_UINT32) | TYPE(DTYPE_UINT64))

/* Definitions. */
#define UNARY_OF(NAME, DOMAIN, SINCE, UNTIL, INPUT, TYPES_IN, TYPES_OUT, PARSE, ROW, FACTS)                            \
    {                                                                                                                  \
        .name = NAME, .domain = DOMAIN, .since = SINCE, .until = UNTIL,                                                \
        .inputs = (const struct op_arg[]){{INPUT, TYPES_IN, ARG_T}, {0}},                                              \
        .outputs = (const struct op_arg[]){{"Y", TYPES_OUT, (TYPES_OUT) == (TYPES_IN) ? ARG_T : ARG_T1}, {0}},         \
        .storage = STORAGE_IN_PLACE, .params_size = sizeof(struct unary_params), .parse = PARSE, .infer = unary_infer, \
        .run = unary_run, .facts = &(FACTS), .row = &(ROW)                                                             \
    }
#define UNARY_DEFINITION(NAME, SINCE, UNTIL, INPUT, TYPES_IN, TYPES_OUT, PARSE, ROW) \
    UNARY_OF(NAME, "", SINCE, UNTIL, INPUT, TYPES_IN, TYPES_OUT, PARSE, ROW, unary_facts)
#define UNARY(NAME, SINCE, UNTIL, INPUT, TYPES, ROW) \
    UNARY_DEFINITION(NAME, SINCE, UNTIL, INPUT, TYPES, TYPES, unary_parse, ROW)

#endif
