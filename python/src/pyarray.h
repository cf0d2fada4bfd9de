/* Arrays of any package as inputs of a run, without a copy where they are dense. */
#ifndef LIMNER_PYTHON_PYARRAY_H
#define LIMNER_PYTHON_PYARRAY_H

#include "python/src/dlpack_import.h"

struct pyarray {
    limner_tensor tensor; /* its name is the caller's to set */
    Py_buffer buffer;     /* obj is NULL where there is none */
    struct dlpack_import import;
    PyObject *kept; /* a limner.Tensor */
    void *copy;     /* of an array that is not dense */
};

/*
 * Opens object: a limner.Tensor, a buffer of numbers, or what has __dlpack__. bfloat16 arrays of NumPy are no buffers:
 * they come as a pair (their bits as a buffer of uint16, "bfloat16"). -1 with an exception on failure. The array must
 * be closed, also one of zeros.
 */
int pyarray_open(const struct module_state *state, PyObject *object, struct pyarray *array);
/* object as memory for an output: dense and writable. */
int pyarray_open_target(const struct module_state *state, PyObject *object, struct pyarray *array);
void pyarray_close(struct pyarray *array);

#endif
