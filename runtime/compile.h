/* From a loaded model to a program: copied, pruned, checked, bound to operators, and put through the passes. */
#ifndef LIMNER_RUNTIME_COMPILE_H
#define LIMNER_RUNTIME_COMPILE_H

#include "runtime/program/program.h"

/*
 * Copies and prunes the model's graph, checks that all of it can run (the message lists every node that cannot), runs
 * the passes and binds the nodes. The model must outlive the program.
 */
status program_create(const struct onnx_model *source, const struct program_options *options, struct program **out,
                      struct error *err);

#endif
