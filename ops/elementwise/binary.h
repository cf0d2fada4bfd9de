/* The engine of the operators on two broadcasting inputs. An operator is a row of loops and one definition. */
#ifndef LIMNER_OPS_ELEMENTWISE_BINARY_H
#define LIMNER_OPS_ELEMENTWISE_BINARY_H

#include "base/simd.h"
#include "ops/core/op.h"
#include "ops/elementwise/unary.h"
#include "ops/kernels/pairs.h"

/*
 * out[i] from a[i * a_step] and b[i * b_step], i < count, in elements; each step is 0 or 1. out may be exactly a or b
 * where that one's step is 1.
 */
typedef pair_map binary_loop;
/* The processor's own loop for a type, or NULL. */
typedef binary_loop *binary_own(const struct kernels *kernels, enum dtype dtype);

struct binary_row {
    binary_loop *loops[DTYPE_COUNT]; /* by element type; the 16-bit types go through FLOAT's when they have none */
    enum dtype output;               /* UNDEFINED: that of input 0 */
    bool swapped;                    /* the loops get input 1 as a, and input 0 as b */
    binary_own *own;                 /* what goes before the loops, or NULL */
};

/* One operation on raw arrays. */
struct binary_operation {
    binary_loop *loop;
    const void *context;             /* for the loop */
    size_t a_size, b_size, out_size; /* bytes of an element */
    bool swapped;                    /* a is input 1, b is input 0 */
};

/* Functions of the definitions; op->row is a struct binary_row. */
status binary_infer(struct op_call *call, struct error *err);
status binary_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err);
status binary_run(struct op_call *call, struct error *err);

/* Computes output 0 from inputs 0 and 1 with an operation of the caller's choice; needs binary_prepare(). */
void binary_apply(const struct op_call *call, const struct binary_operation *operation);

/* How loops of 16-bit types go through FLOAT's: hand binary_half as the loop and this as its context. */
struct binary_half {
    binary_loop *loop;
    enum dtype dtype;
    bool half_out; /* the result is of that type too; else a byte */
};
void binary_half_loop(void *out, const void *a, size_t a_step, const void *b, size_t b_step, size_t count,
                      const void *context);
/* The row's operation for inputs of this type; `half` is filled in when the operation points to it. */
struct binary_operation binary_operation(const struct binary_row *row, enum dtype dtype, struct binary_half *half);

/* One loop. EXPRESSION maps x and y of type T. BINARY_CALLS is for expressions that call functions or branch. */
#define BINARY_LOOP(NAME, T, OUT, EXPRESSION) BINARY_BODY(NAME, T, OUT, SIMD, EXPRESSION)
#define BINARY_CALLS(NAME, T, OUT, EXPRESSION) BINARY_BODY(NAME, T, OUT, , EXPRESSION)
#define BINARY_BODY(NAME, T, OUT, PRAGMA, EXPRESSION)                                                       \
    static void NAME(void *out, const void *pa, size_t a_step, const void *pb, size_t b_step, size_t count, \
                     const void *context) {                                                                 \
        const T *a = pa, *b = pb;                                                                           \
        OUT *target = out;                                                                                  \
        (void)context;                                                                                      \
        if (a_step && b_step) {                                                                             \
            PRAGMA for (size_t i = 0; i < count; i++) {                                                     \
                const T x = a[i], y = b[i];                                                                 \
                target[i] = (OUT)(EXPRESSION);                                                              \
            }                                                                                               \
        } else if (a_step) {                                                                                \
            const T y = *b;                                                                                 \
            PRAGMA for (size_t i = 0; i < count; i++) {                                                     \
                const T x = a[i];                                                                           \
                target[i] = (OUT)(EXPRESSION);                                                              \
            }                                                                                               \
        } else {                                                                                            \
            const T x = *a;                                                                                 \
            const size_t varied = b_step ? count : 1; /* both repeat: one result serves */                  \
            PRAGMA for (size_t i = 0; i < varied; i++) {                                                    \
                const T y = b[i];                                                                           \
                target[i] = (OUT)(EXPRESSION);                                                              \
            }                                                                                               \
            for (size_t i = varied; i < count; i++)                                                         \
                target[i] = target[0];                                                                      \
        }                                                                                                   \
    }

#define BINARY_FACTS(NAME, SINCE, UNTIL, A, B, TYPES_IN, TYPES_OUT, PARAMS, PARSE, INFER, RUN, ROW, FACTS)             \
    {                                                                                                                  \
        .name = NAME, .domain = "", .since = SINCE, .until = UNTIL,                                                    \
        .inputs = (const struct op_arg[]){{A, TYPES_IN, ARG_T}, {B, TYPES_IN, ARG_T}, {0}},                            \
        .outputs = (const struct op_arg[]){{"C", TYPES_OUT, (TYPES_OUT) == (TYPES_IN) ? ARG_T : ARG_T1}, {0}},         \
        .storage = STORAGE_IN_PLACE, .params_size = PARAMS, .parse = PARSE, .infer = INFER, .prepare = binary_prepare, \
        .run = RUN, .row = ROW, .facts = FACTS                                                                         \
    }
#define BINARY_DEFINITION(...) BINARY_FACTS(__VA_ARGS__, NULL)
#define BINARY(NAME, SINCE, UNTIL, TYPES, ROW) \
    BINARY_DEFINITION(NAME, SINCE, UNTIL, "A", "B", TYPES, TYPES, 0, NULL, binary_infer, binary_run, &(ROW))

#endif
