/* limner._limner.Model: a loaded model, which any number of sessions share. */
#ifndef LIMNER_PYTHON_MODEL_H
#define LIMNER_PYTHON_MODEL_H

#include "python/src/state.h"

struct model_object {
    PyObject_HEAD limner_model *model;
    Py_buffer memory; /* that the model was loaded from; obj is NULL for a file */
};

extern PyType_Spec model_spec;

/* A str of bytes that may be anything; None for NULL. */
PyObject *text_of(const char *bytes);

#endif
