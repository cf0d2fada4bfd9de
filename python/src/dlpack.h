/* DLPack, the exchange of arrays without copies: https://dmlc.github.io/dlpack/latest/, versions 0 and 1. */
#ifndef LIMNER_PYTHON_DLPACK_H
#define LIMNER_PYTHON_DLPACK_H

#include "python/src/state.h"
#include "python/src/strided.h"

/* Methods of limner.Tensor. */
PyObject *dlpack_export(PyObject *tensor, PyObject *arguments, PyObject *names);
PyObject *dlpack_device(PyObject *tensor, PyObject *unused);

/* An array of another package, held until dlpack_release. */
struct dlpack_import {
    PyObject *capsule;
    limner_type type;
    struct strided array;
    int64_t strides[LIMNER_MAX_RANK]; /* in bytes */
};

/* Asks object for its array, which must be in the processor's memory. -1 with an exception on failure. */
int dlpack_import(const struct module_state *state, PyObject *object, struct dlpack_import *import);
/* An import of zeros is allowed. */
void dlpack_release(struct dlpack_import *import);

#endif
