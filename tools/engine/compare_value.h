/* What limner gave beside what was expected, tensors, sequences, optionals and maps. */
#ifndef LIMNER_TOOLS_ENGINE_COMPARE_VALUE_H
#define LIMNER_TOOLS_ENGINE_COMPARE_VALUE_H

#include "runtime/limner.h"
#include "tools/engine/difference.h"

/*
 * Fails, saying what differs and where, unless both are the same within the tolerance, items of sequences, optionals
 * and maps one by one. *worst grows to the largest error of floats as a part of the largest number expected in their
 * tensor.
 */
status compare_value(const limner_tensor *output, const limner_tensor *wanted, const struct tolerance *tolerance,
                     double *worst, struct error *err);

#endif
