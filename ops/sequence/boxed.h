/* What the operators on sequences, optionals and maps share. */
#ifndef LIMNER_OPS_SEQUENCE_BOXED_H
#define LIMNER_OPS_SEQUENCE_BOXED_H

#include "ops/core/op.h"

/* An output that is a DTYPE_SEQUENCE, OPTIONAL or MAP. */
status boxed_describe(struct tensor *output, enum dtype kind, struct error *err);
/* infer() of those with one output, a sequence. */
status boxed_infer_sequence(struct op_call *call, struct error *err);
/* Hands the box to an output of such a type, which holds it then. */
void boxed_give(struct tensor *output, struct box *box);
/* Input i as an item: a hold of the box that it is, or a copy of the tensor. */
status boxed_item(const struct op_call *call, int i, struct box **item, struct error *err);
/* The item's elements into an output that was described like it: characters of strings are copied, too. */
status boxed_copy_out(const struct op_call *call, const struct box *item, struct tensor *output, struct error *err);
/* Strings whose characters may go before they do get copies that live as long as the run. */
status boxed_keep_texts(const struct op_call *call, struct text *texts, size_t count, struct error *err);
/* The one number of input i, or `missing` where it is left out. Its value must be known. */
status boxed_position(const struct op_call *call, int i, int64_t missing, int64_t *position, struct error *err);

#endif
