/* Arrays of any package as inputs of a run, without a copy where they are dense. */
#ifndef LIMNER_PYTHON_ARRAY_H
#define LIMNER_PYTHON_ARRAY_H

#include "python/src/dlpack.h"

struct array {
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
int array_open(const struct module_state *state, PyObject *object, struct array *array);
/* object as memory for an output: dense and writable. */
int array_open_target(const struct module_state *state, PyObject *object, struct array *array);
void array_close(struct array *array);

#endif
