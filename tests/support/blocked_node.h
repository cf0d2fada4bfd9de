/* Operators on channel blocks in tests: turning tensors, running a node, comparing with what plain operators gave. */
#ifndef LIMNER_TESTS_SUPPORT_BLOCKED_NODE_H
#define LIMNER_TESTS_SUPPORT_BLOCKED_NODE_H

#include "ops/blocked/blocked.h"
#include "tests/support/support.h"

/* One node of the internal domain, with kernels that may lack algorithms. */
struct tensor blocked_evaluate(struct test_node *node, const struct kernels *kernels, int threads,
                               const struct tensor *const *inputs);

/* [N,C,...] as channel blocks, and back. */
struct tensor to_blocks(const struct tensor *x);
struct tensor from_blocks(const struct tensor *x, int64_t channels);

/* Both are plain, of one shape, and apart by 1e-5 of a number and atol at most. */
void blocked_compare(const struct tensor *actual, const struct tensor *expected, double atol, const char *what);

#endif
