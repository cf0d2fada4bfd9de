/* What the module keeps for itself: one of these for each interpreter that imports it. */
#ifndef LIMNER_PYTHON_STATE_H
#define LIMNER_PYTHON_STATE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "runtime/limner.h"

#define ERROR_CLASSES (LIMNER_TRY_AGAIN + 1)

struct module_state {
    PyObject *errors[ERROR_CLASSES]; /* by limner_status; that of LIMNER_OK is the class of all */
    PyTypeObject *tensor, *model, *session, *painter;
};

/* Of the object's own type, which is one of the module's and has no subclasses. */
static inline struct module_state *state_of(PyObject *object) {
    return PyType_GetModuleState(Py_TYPE(object));
}

#endif
