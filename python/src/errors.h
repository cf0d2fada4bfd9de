/* The tree of exceptions, and how a limner_error becomes one. */
#ifndef LIMNER_PYTHON_ERRORS_H
#define LIMNER_PYTHON_ERRORS_H

#include "python/src/state.h"

/* Makes the classes and adds them to the module. -1 with an exception set on failure. */
int errors_add(PyObject *module, struct module_state *state);
/* Sets the exception for error; always NULL, for callers to return. */
PyObject *errors_raise(const struct module_state *state, const limner_error *error);
/* The same for a fault that the binding itself found, with a printf-like message as PyErr_Format has it. */
PyObject *errors_format(const struct module_state *state, limner_status status, const char *format, ...);

#endif
