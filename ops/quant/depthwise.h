/* Convolutions of 8-bit integers whose outputs see one channel each, a plane or a band of one at a time. */
#ifndef LIMNER_OPS_QUANT_DEPTHWISE_H
#define LIMNER_OPS_QUANT_DEPTHWISE_H

#include "ops/conv/window.h"
#include "ops/kernels/depthwise.h"

struct quant_depthwise {
    const struct window *window;
    int64_t pitch; /* of rows with their border */
    int64_t band;  /* output rows at a time */
    size_t bytes;  /* what a thread needs for the rows of a band */
};

/* False for other convolutions, and for those that this is not made for: they have other ways. */
bool quant_depthwise_of(const struct window *window, struct quant_depthwise *depthwise);
int64_t quant_depthwise_bands(const struct quant_depthwise *depthwise);

/* A band of an output plane. */
struct quant_depthwise_job {
    const uint8_t *x; /* the input's plane */
    uint8_t flip;     /* what makes its numbers those without a sign */
    uint8_t border;   /* without a sign */
    uint8_t *own;
    int64_t band;
    struct depthwise_plane plane; /* steps, weights, and what becomes of sums; y is the whole output plane */
};
void quant_depthwise_run(const struct depthwise_kernel *kernel, const struct quant_depthwise *depthwise, bool bytes,
                         struct quant_depthwise_job *job);

#endif
