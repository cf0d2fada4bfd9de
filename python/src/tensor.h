/*
 * limner.Tensor: a dense array that a run made. Its memory is its own, or that of an owner which it keeps alive and
 * which nobody may write. It is a buffer, and exports itself through DLPack, so that arrays of any package can lie over
 * it; each of them keeps it alive.
 */
#ifndef LIMNER_PYTHON_TENSOR_H
#define LIMNER_PYTHON_TENSOR_H

#include "python/src/elements.h"

struct tensor_object {
    PyObject_HEAD const struct element *element;
    limner_tensor tensor; /* its name is not set */
    /* As a buffer: that of packed elements is their bytes. */
    int rank;
    Py_ssize_t shape[LIMNER_MAX_RANK], strides[LIMNER_MAX_RANK];
    PyObject *name;  /* a str */
    PyObject *owner; /* NULL: tensor.data is freed with this object */
};

extern PyType_Spec tensor_spec;

/* Memory for tensor_new. NULL without an exception when there is none; needs no GIL. */
void *tensor_memory(size_t bytes);
/* Takes tensor->data over, whatever happens, when owner is NULL. NULL with an exception on failure. */
PyObject *tensor_new(const struct module_state *state, const limner_tensor *tensor, PyObject *owner);
/* A tuple of the sizes. */
PyObject *tensor_shape(int rank, const int64_t *dims);

#endif
