/* Outputs of a run as callers see them (limner.h): strings with their characters, sequences, optionals and maps. */
#ifndef LIMNER_RUNTIME_SESSION_VALUE_SHOWN_H
#define LIMNER_RUNTIME_SESSION_VALUE_SHOWN_H

#include "base/box.h"
#include "runtime/limner.h"

struct shown_block;

/* What the outputs of one run point to besides tensors of the plan. Zeroed at first. */
struct shown_values {
    struct shown_block *blocks;
    size_t bytes;
};

/* The result of a run, without a name. Plain numbers stay where they are; of a box the values become a holder. */
status shown_view(struct shown_values *shown, const struct tensor *result, limner_tensor *view, struct error *err);
/* A part of the bytes at p is the values'. */
bool shown_holds(const struct shown_values *shown, const void *p, size_t bytes);
void shown_drop(struct shown_values *shown);

#endif
