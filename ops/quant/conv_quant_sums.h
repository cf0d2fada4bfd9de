/* The sums of convolutions of 8 bits and what they become: bodies for team_run(). */
#ifndef LIMNER_OPS_QUANT_CONV_QUANT_SUMS_H
#define LIMNER_OPS_QUANT_CONV_QUANT_SUMS_H

#include "base/thread_team.h"
#include "ops/quant/conv_quant_call.h"

#define QUANT_CONV_STRIP 256 /* columns at a time, whole tiles */
#define QUANT_CONV_OWN_BYTES (QUANT_CONV_STRIP * (INTEGER_ROWS * sizeof(int32_t) + 1)) /* of a thread */

/* All planes, each of a channel by itself; context: the struct quant_conv. */
void quant_conv_run_planes(struct team_thread self, void *context);

/* Products of the weights with an image that has become phases; context: a struct quant_conv_image. */
struct quant_conv_image {
    const struct quant_conv *conv;
    int64_t image;
};

void quant_conv_run_units(struct team_thread self, void *context);

#endif
