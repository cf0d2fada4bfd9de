/* The smallest model that has some of everything. */
#ifndef LIMNER_TESTS_SUPPORT_SMALL_MODEL_H
#define LIMNER_TESTS_SUPPORT_SMALL_MODEL_H

#include "tests/support/proto.h"
#include "tests/support/support.h"

/* x -> Relu -> y -> Add(y, w) -> z, with metadata and all. */
struct proto small_model(void);

#endif
