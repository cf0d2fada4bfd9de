/* A multigrid cycle for the graph Laplacian of pixels: an approximate inverse, symmetric and positive definite. */
#ifndef LIMNER_TOOLS_INPAINT_MULTIGRID_H
#define LIMNER_TOOLS_INPAINT_MULTIGRID_H

#include "base/status.h"

#include <stddef.h>

/*
 * One grid. Row i of the system: diagonal[i] x[i] - sum over neighbours j of weight(i, j) x[j] = b[i]. A diagonal of
 * 0 is a pixel that is no unknown; its weights are 0. Before and behind every array lie width + 1 zeros, so that the
 * neighbours of every pixel can be read, with a weight of 0 where there are none.
 */
struct grid_level {
    size_t height, width;
    float *diagonal, *inverse; /* inverse: 1 / diagonal, or 0 */
    float *right, *down;       /* the weights to the neighbours behind and below */
    float *x, *b;
};

#define MOST_LEVELS 32
struct multigrid {
    struct grid_level levels[MOST_LEVELS];
    int count, threads;
};

/* Zeroed finest level, for the caller to fill in; then multigrid_build. Closed with multigrid_close, after errors too.
 */
status multigrid_open(struct multigrid *grid, size_t height, size_t width, int threads, struct error *err);
status multigrid_build(struct multigrid *grid, struct error *err);
void multigrid_close(struct multigrid *grid);

/* levels[0].x from levels[0].b. */
void multigrid_cycle(struct multigrid *grid);

#endif
