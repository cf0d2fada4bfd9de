/* limner_limits from a dict. */
#ifndef LIMNER_PYTHON_LIMITS_H
#define LIMNER_PYTHON_LIMITS_H

#include "python/src/state.h"

/* given: a dict with names of limner_limits, or None for the defaults. -1 with an exception for anything else. */
int limits_read(PyObject *given, limner_limits *limits);

#endif
