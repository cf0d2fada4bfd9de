/* Operators are executed here: one call, or one node from start to end, with outputs on the heap. */
#ifndef LIMNER_OPS_EVALUATE_H
#define LIMNER_OPS_EVALUATE_H

#include "ops/core/op.h"

/*
 * Runs one node from start to end: parse, infer, prepare, run, release. outputs[i]->data is allocated here, 64-byte
 * aligned, and is the caller's to free() (NULL after an error). STATUS_LIMIT when an output is above max_bytes.
 * Serves constant folding, nodes whose shapes depend on data, and tests.
 */
status op_evaluate(const struct node *node, int opset, const struct tensor *const *inputs,
                   struct tensor *const *outputs, const struct kernels *kernels, int threads, size_t max_bytes,
                   struct error *err);
/*
 * Computes a call whose outputs are described: gives them memory of the heap (the caller's to free()), prepares, runs,
 * releases. After an error all data are NULL. STATUS_LIMIT when an output is above max_bytes.
 */
status op_compute(struct op_call *call, size_t max_bytes, struct error *err);
/*
 * Workspace of a call that runs by itself: how many bytes in all, as prepare() asked for; and its parts, when
 * call->workspace has so many.
 */
size_t op_workspace_bytes(struct op_call *call, size_t workspace_bytes);
void op_cut_workspace(struct op_call *call, size_t workspace_bytes);

#endif
