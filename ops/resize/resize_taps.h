/* Which inputs an output meets along one axis, and how much of each. */
#ifndef LIMNER_OPS_RESIZE_RESIZE_TAPS_H
#define LIMNER_OPS_RESIZE_RESIZE_TAPS_H

#include "ops/resize/resize_axes.h"

struct resize_kernel; /* ops/kernels/resize.h */

/*
 * Output o is the sum of weights[t * out + o] times input first[o] + t, all of which are within 0..in-1: what an edge
 * repeats is added to the weight of the edge. Nearest: taps is 1, and there are no weights.
 */
struct resize_taps {
    int64_t in, out;
    int taps;
    bool outside; /* some outputs are the extrapolation value: */
    int32_t *first;
    int32_t *windows; /* of the inner loops (struct resize_kernel) */
    void *weights;    /* float, or double */
    uint8_t *is_outside;
};

/* How many taps an output of the axis has. */
int64_t resize_tap_count(const struct resize_params *params, const struct resize_axis *axis);
/* Bytes of the tables of one axis, with weights of `size` bytes; false when that overflows. */
bool resize_tap_bytes(const struct resize_params *params, const struct resize_axis *axis, size_t size, size_t *bytes);
/* Fills the tables, which begin at `memory`, 64-byte aligned, for the inner loops that read them. */
void resize_make_taps(const struct resize_params *params, const struct resize_axis *axis, size_t size,
                      const struct resize_kernel *kernel, char *memory, struct resize_taps *taps);

#endif
