/* What the limner command does besides painting, as functions of the module. */
#ifndef LIMNER_PYTHON_TOOLS_H
#define LIMNER_PYTHON_TOOLS_H

#include "python/src/state.h"

PyObject *tools_command(PyObject *module, PyObject *words);
PyObject *tools_keys(PyObject *module, PyObject *arguments);
PyObject *tools_convert(PyObject *module, PyObject *arguments);

#endif
