/* What every call goes through before its operator's infer() and behind it. */
#ifndef LIMNER_OPS_CORE_OP_INFER_H
#define LIMNER_OPS_CORE_OP_INFER_H

#include "ops/core/op.h"

/* Which inputs and outputs there are, against those that the operator knows; nothing else of them is looked at. */
status op_check_counts(const struct op_call *call, struct error *err);
/* Checks counts and element types of the inputs, then infers, then checks that every wanted output is described. */
status op_infer(struct op_call *call, struct error *err);

#endif
