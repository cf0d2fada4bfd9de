/* A model that is built, run once and gone. */
#ifndef LIMNER_TESTS_SUPPORT_RUN_ONCE_H
#define LIMNER_TESTS_SUPPORT_RUN_ONCE_H

#include "tests/support/builder.h"

#define MICROSOFT "com.microsoft"

/* Runs a model with inputs x0, x1, ... and output y. Inputs are freed; the output is the caller's. */
struct tensor *run_once(struct builder *builder, struct tensor *const *inputs, size_t count);

double sigmoid(double x);

#endif
