/* The activations that kernels apply to a sum while it is in registers. */
#ifndef LIMNER_OPS_KERNELS_ACTIVATE_H
#define LIMNER_OPS_KERNELS_ACTIVATE_H

#include "ops/kernels/vec.h"

/* Inlined with a constant kind: no branch is left. a and b hold alpha and beta in every lane. */
static inline __attribute__((always_inline)) vec activate(const enum block_finish kind, vec v, vec a, vec b) {
    const vec zero = {0};
    if (kind == BLOCK_RELU)
        return vec_if_less(v, zero, zero, v);
    if (kind == BLOCK_LEAKY_RELU)
        return vec_if_less(v, zero, v * a, v);
    if (kind == BLOCK_CLIP) {
        v = vec_if_less(v, a, a, v);
        return vec_if_less(b, v, b, v);
    }
    return v;
}

#endif
