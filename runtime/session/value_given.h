/* Sequences, optionals and maps as callers give them (limner.h), made into boxes. */
#ifndef LIMNER_RUNTIME_SESSION_VALUE_GIVEN_H
#define LIMNER_RUNTIME_SESSION_VALUE_GIVEN_H

#include "base/box.h"
#include "onnx/graph.h"
#include "runtime/limner.h"

/*
 * A copy of what the caller gives, checked against the type that the model declares; one holder, the caller of this.
 * A value that is no optional, given for one, becomes an optional that has it. tensor_bytes: the limit for one tensor.
 */
status given_box(struct value_heap *heap, const limner_tensor *given, const struct declared_type *type,
                 size_t tensor_bytes, struct box **box, struct error *err);

#endif
