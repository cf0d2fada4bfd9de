/* A call of ConvInteger or QLinearConv: its inputs, its geometry, and in which form weights are packed. */
#ifndef LIMNER_OPS_QUANT_CONV_QUANT_CALL_H
#define LIMNER_OPS_QUANT_CONV_QUANT_CALL_H

#include "ops/conv/conv.h"
#include "ops/quant/depthwise.h"
#include "ops/quant/phases.h"
#include "ops/quant/steps.h"

/* Which inputs an operator has; 0: none (input 0 is X). */
struct quant_conv_row {
    int x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias;
};

struct quant_conv_state {
    const int32_t *packed; /* NULL: the weights are packed in every run */
    bool bytes;
};

struct quant_conv {
    const struct op_call *call;
    const struct quant_conv_row *row;
    const struct integer_kernel *kernel;
    struct window window;
    struct quant_phases phases;
    struct quant_rows rows; /* the weights of a group */
    struct quant_terms w_scale, w_zero;
    float x_scale, y_scale, y_zero;
    int x_zero; /* of numbers without a sign */
    int64_t positions;
    const int32_t *weights, *sums; /* [group][panel][step][row]; of an output's weights */
    const uint32_t *picture;
    const int64_t *places;
    bool is_depthwise;
    struct quant_depthwise depthwise;
};

/* Geometry and terms. Data need not be known. */
status quant_conv_describe(const struct op_call *call, struct quant_conv *c, struct error *err);
/* The form of weights and images, of what has been described. False where they are too large. */
bool quant_conv_plan(struct quant_conv *c, bool bytes);

/* Output channels of all groups. */
static inline int64_t quant_conv_outputs(const struct quant_conv *c) {
    return c->window.out_channels * c->window.group;
}

#endif
