/* limner._limner.Session, the type. */
#ifndef LIMNER_PYTHON_SESSION_H
#define LIMNER_PYTHON_SESSION_H

#include "python/src/state.h"

extern PyType_Spec session_spec;

#endif
