/* Graphs with passes and without. */
#ifndef LIMNER_TESTS_SUPPORT_PASS_COMPARE_H
#define LIMNER_TESTS_SUPPORT_PASS_COMPARE_H

#include "tests/support/builder.h"

/* Builds one graph (the same for the same generator), with input "x" and output "y". */
typedef void (*graph_maker)(struct builder *builder, struct random *random);

struct pass_outcome {
    float *data; /* on the heap */
    size_t count, nodes;
    char types[256]; /* of the nodes as they run */
};

/* The graph that `make` builds from the seed, run on random numbers without these passes. */
struct pass_outcome run_with_passes(graph_maker make, unsigned passes_off, uint64_t seed, int opset);
/* On equals off: the same bits, or within the relative tolerance of the largest output. expected: what runs with the
 * pass. */
void compare_passes(graph_maker make, unsigned bits, double tolerance, int opset, size_t nodes, const char *types);

#endif
