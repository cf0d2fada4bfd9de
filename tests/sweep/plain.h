/* A layer without passes: plain tensors, and every node by itself. */
#ifndef LIMNER_TESTS_SWEEP_PLAIN_H
#define LIMNER_TESTS_SWEEP_PLAIN_H

#include "runtime/limner.h"
#include "tests/support/proto.h"

/* The file, which must outlive it, as a model of no pass; NULL and a message when something fails. */
limner_model *plain_model(const struct proto *file, limner_error *error);

#endif
