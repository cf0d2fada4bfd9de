/* The engine of the Reduce operators. An operator is a row of loops and its definitions. */
#ifndef LIMNER_OPS_REDUCE_REDUCE_H
#define LIMNER_OPS_REDUCE_REDUCE_H

#include "ops/core/op_facts.h"
#include "ops/kernels/reduce.h"
#include "ops/kernels/rows.h"

/* Bytes of the largest accumulator. */
#define REDUCE_ACCUMULATOR 16

/* One operation on one element type: accumulators that elements are taken into, in a fixed order. */
struct reduce_loops {
    size_t size; /* bytes of an accumulator, at most REDUCE_ACCUMULATOR */
    void (*start)(void *accumulators, size_t count);
    /* Takes count elements into each of some accumulators, rows behind one another. */
    void (*rows)(void *accumulators, const void *in, size_t rows, size_t count);
    void (*columns)(void *accumulators, const void *in, size_t count); /* takes element i into accumulator i */
    void (*finish)(void *out, const void *accumulators, size_t count, size_t taken); /* taken: elements in each */
};

/* Columns that are taken in side by side, at most. */
#define REDUCE_COLUMNS 128

/* accumulators[i] takes in x[i], x[i + stride], ..., `steps` numbers; i < count <= REDUCE_COLUMNS. */
typedef void reduce_columns_float(const struct kernels *kernels, void *accumulators, const float *x, size_t stride,
                                  size_t steps, size_t count);
typedef void reduce_run_float(const struct row_kernel *kernel, void *accumulator, const float *x, size_t count);

struct reduce_row {
    enum reduce_kind kind;       /* how FLOAT is taken in, into accumulators of double precision; NONE: by the loops */
    reduce_run_float *run_float; /* instead of FLOAT's rows, or NULL, */
    reduce_columns_float *columns_float;           /* and of its columns */
    const struct reduce_loops *loops[DTYPE_COUNT]; /* the 16-bit types go through FLOAT's */
};

struct reduce_params {
    int64_t axes[MAX_RANK];
    int axis_count;
    bool keep; /* reduced dimensions stay, with size 1 */
    bool noop; /* no axes means no reduction instead of all */
};

extern const struct op_facts reduce_facts;
/* Functions of the definitions; op->row is a struct reduce_row. The first parse is for axes as an attribute. */
status reduce_attribute_parse(const struct op_call *call, struct attributes *attributes, void *params,
                              struct error *err);
status reduce_input_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err);
status reduce_infer(struct op_call *call, struct error *err);
status reduce_run(struct op_call *call, struct error *err);

#endif
