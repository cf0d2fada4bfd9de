/* A tensor as a caller gives it (limner.h): checked before anything is read from it. */
#ifndef LIMNER_RUNTIME_SESSION_GIVEN_TENSOR_H
#define LIMNER_RUNTIME_SESSION_GIVEN_TENSOR_H

#include "base/tensor.h"
#include "runtime/limner.h"

/*
 * Describes the tensor, without data. expected: the element type that it must have, DTYPE_UNDEFINED for any.
 * with_data: data must be there, large enough, and good. The caller names the tensor in messages.
 */
status given_tensor(const limner_tensor *given, enum dtype expected, size_t tensor_bytes, bool with_data,
                    struct tensor *tensor, struct error *err);

#endif
