/* The table of all passes, and the driver that runs them. */
#ifndef LIMNER_RUNTIME_PASSES_PASSES_H
#define LIMNER_RUNTIME_PASSES_PASSES_H

#include "runtime/passes/pass.h"

/* Runs the passes that are not switched off, in the table's order, with denormals flushed as when running. */
status passes_run(struct program *program, const struct program_options *options, struct error *err);
/* The i-th pass, or NULL past the end. */
const struct pass *pass_at(size_t i);

#endif
