/* Session.plan of the binding. */
#ifndef LIMNER_PYTHON_PLAN_H
#define LIMNER_PYTHON_PLAN_H

#include "python/src/state.h"

/* inputs: (name or None, type, shape) rows. What limner_plan_info holds, as a dict. */
PyObject *session_plan(PyObject *session, PyObject *inputs);

#endif
