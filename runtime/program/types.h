/* Element types as far as they can be told without shapes. */
#ifndef LIMNER_RUNTIME_PROGRAM_TYPES_H
#define LIMNER_RUNTIME_PROGRAM_TYPES_H

#include "ops/core/op.h"

/* Types of inputs (as declared: runs are held to it), of captured values and initializers; DTYPE_UNDEFINED for the rest
 * of types[value_count]. */
void types_start(const struct graph *graph, enum dtype *types);
/*
 * Checks the types of a node's inputs and adds those of its outputs. Nodes are taken in order. The call has an operator
 * and a node, and params if the attributes could be read.
 */
status types_step(const struct op_call *call, enum dtype *types, struct error *err);

#endif
