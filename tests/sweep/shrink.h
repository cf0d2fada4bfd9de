/* A smaller layer that fails, too. */
#ifndef LIMNER_TESTS_SWEEP_SHRINK_H
#define LIMNER_TESTS_SWEEP_SHRINK_H

#include "tests/sweep/compare.h"

/* The layer made smaller and simpler while it still fails; *outcome is that of the one returned. */
struct layer shrink_layer(const struct layer *layer, limner_cpu cpu, bool threads, struct outcome *outcome);

#endif
