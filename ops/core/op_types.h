/* Element types of a node's arguments: the one place that checks them, at load and before a node runs. */
#ifndef LIMNER_OPS_CORE_OP_TYPES_H
#define LIMNER_OPS_CORE_OP_TYPES_H

#include "ops/core/op.h"

#define OP_VARIABLES 5 /* ARG_T .. ARG_T4 */

/* What the inputs seen so far say of the type variables. Zeroed at first. */
struct op_types {
    enum dtype variables[OP_VARIABLES]; /* DTYPE_UNDEFINED: not known */
    int inputs[OP_VARIABLES];           /* the input that said so */
    bool widens; /* types count as listed that are widened (op_types_widen): the passes will see to it */
};

/*
 * The type by which an argument serves a type that it does not list: float for one of 16 bits, where the type variable
 * may be float; uint8, a byte for each element, for a packed one, where data of any type are moved. DTYPE_UNDEFINED:
 * none, or there is no need.
 */
enum dtype op_types_widen(const struct op_arg *argument, enum dtype dtype);

/*
 * Input i has this type. STATUS_UNSUPPORTED when it is not one of the formal argument's, STATUS_INVALID_MODEL when its
 * type variable stands for another one already.
 */
status op_types_add(struct op_types *types, const struct op *op, int i, enum dtype dtype, struct error *err);

/* The type of an output as far as inputs and attributes tell, else DTYPE_UNDEFINED. call->params: NULL where the
 * attributes could not be read. */
enum dtype op_types_output(const struct op_types *types, const struct op_call *call, int i);

#endif
