/* Arrays of other packages through DLPack, versions 0 and 1: https://dmlc.github.io/dlpack/latest/. */
#ifndef LIMNER_PYTHON_DLPACK_IMPORT_H
#define LIMNER_PYTHON_DLPACK_IMPORT_H

#include "python/src/layout.h"
#include "python/src/state.h"

/* An array of another package, held until dlpack_release. */
struct dlpack_import {
    PyObject *capsule;
    limner_type type;
    struct layout array;
    int64_t strides[LIMNER_MAX_RANK]; /* in bytes */
};

/* Asks object for its array, which must be in the processor's memory. -1 with an exception on failure. */
int dlpack_import(const struct module_state *state, PyObject *object, struct dlpack_import *import);
/* An import of zeros is allowed. */
void dlpack_release(struct dlpack_import *import);

#endif
