/* Session.run of the binding. */
#ifndef LIMNER_PYTHON_RUN_H
#define LIMNER_PYTHON_RUN_H

#include "python/src/state.h"

/* run(inputs, outputs, owner); session_spec says what they are. A list of limner.Tensor, or of the memory given. */
PyObject *session_run(PyObject *session, PyObject *arguments);

#endif
