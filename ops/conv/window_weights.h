/* Where the weights of a window operator stand, and how their packed forms are told apart. */
#ifndef LIMNER_OPS_CONV_WINDOW_WEIGHTS_H
#define LIMNER_OPS_CONV_WINDOW_WEIGHTS_H

#include "ops/conv/window.h"
#include "ops/weights/weight_cache.h"

/* Strides in elements from one group, output channel or input channel to the next. */
struct window_weights {
    const void *source; /* unaligned floats */
    const float *scale; /* [group * output channel]: every weight of a channel is multiplied by it; NULL: 1 */
    int64_t group_stride, row_stride, channel_stride;
    int64_t floats; /* of the source */
};

struct window_weights window_weights(const struct window *window, bool transposed, const void *source,
                                     const float *scale);
/* Index within a kernel of a phase's tap. */
int64_t phase_kernel(const struct window *window, const struct phase_geometry *geometry, int64_t tap);
/* Weights (and scale) of the call are constant: their packed form can be cached and stored. */
bool window_weights_constant(const struct op_call *call);
/* Fills the packing's numbers for the i-th phase; numbers from WINDOW_KEY_NUMBERS on are the caller's. */
#define WINDOW_KEY_NUMBERS 9
void window_packing_key(const struct window *window, bool transposed, const struct tensor *scale, int64_t phase,
                        struct packing *packing);

#endif
