/* What a run gives, as objects of Python. */
#ifndef LIMNER_PYTHON_RESULT_H
#define LIMNER_PYTHON_RESULT_H

#include "python/src/elements.h"

/*
 * A limner.Tensor for a tensor; ("string", shape, strs) for strings; a list for a sequence; None or the value for an
 * optional; ("map", keys, values) for a map. With an owner tensors lie where value has them and keep the owner alive;
 * with NULL they are copies. NULL with an exception on failure.
 */
PyObject *result_new(const struct module_state *state, const limner_tensor *value, PyObject *owner);

#endif
