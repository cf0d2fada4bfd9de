/* Scales and zero points of the operands of quantized products. */
#ifndef LIMNER_OPS_QUANT_TERMS_H
#define LIMNER_OPS_QUANT_TERMS_H

#include "ops/core/op.h"

/*
 * A scale or zero point by line (a row of A, a column of B, an output channel): one for all, one a line, or one a line
 * of every matrix.
 */
struct quant_terms {
    const struct tensor *tensor; /* NULL: `missing` */
    float missing;
    int64_t lines, all; /* of one matrix, of all of them */
};

/* Input i as such; STATUS_SHAPE when it has another number of elements. */
status quant_terms_of(const struct op_call *call, int i, float missing, int64_t lines, int64_t all,
                      struct quant_terms *terms, struct error *err);
/* Of line `line` of all. */
float quant_term(const struct quant_terms *terms, int64_t line);
/* Of as many lines of one matrix from there on. */
void quant_terms_load(const struct quant_terms *terms, int64_t line, int64_t count, float *to);

#endif
