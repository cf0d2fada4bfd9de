/* limner._limner.Painter: pictures through networks, one after the other. */
#ifndef LIMNER_PYTHON_PAINTER_H
#define LIMNER_PYTHON_PAINTER_H

#include "python/src/state.h"

extern PyType_Spec painter_spec;

#endif
