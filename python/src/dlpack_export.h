/* Tensors for other packages through DLPack, versions 0 and 1: https://dmlc.github.io/dlpack/latest/. */
#ifndef LIMNER_PYTHON_DLPACK_EXPORT_H
#define LIMNER_PYTHON_DLPACK_EXPORT_H

#include "python/src/elements.h"

/* What is exported: memory of owner, which is kept alive for it. */
struct dlpack_export {
    PyObject *owner;
    const struct element *element;
    const limner_tensor *tensor; /* dense; its sizes must stay as long as the owner */
    bool readonly;
};

/* __dlpack__() with these arguments: a capsule. */
PyObject *dlpack_export(const struct dlpack_export *source, PyObject *arguments, PyObject *names);
/* __dlpack_device__(). */
PyObject *dlpack_device(void);

#endif
