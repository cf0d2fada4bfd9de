/* What every call goes through before its operator's infer() and behind it. */
#ifndef LIMNER_OPS_CORE_OP_INFER_H
#define LIMNER_OPS_CORE_OP_INFER_H

#include "ops/core/op.h"

/* Checks counts and element types of the inputs, then infers, then checks that every wanted output is described. */
status op_infer(struct op_call *call, struct error *err);

#endif
