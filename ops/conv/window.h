/*
 * What Conv and ConvTranspose share: attributes, geometry in three spatial dimensions (missing ones have size 1), and
 * the phase that says which inputs meet which outputs.
 */
#ifndef LIMNER_OPS_CONV_WINDOW_H
#define LIMNER_OPS_CONV_WINDOW_H

#include "ops/core/activation.h"
#include "ops/core/op.h"

#define SPATIAL 3
/* Above every size of a real picture or kernel, and small enough that no product of two wraps. */
#define WINDOW_LIMIT ((int64_t)1 << 30)

enum auto_pad { PAD_NOTSET, PAD_SAME_UPPER, PAD_SAME_LOWER, PAD_VALID };

/* What stands outside the input, for a Pad that was merged into its reader. */
enum border { BORDER_ZERO, BORDER_REFLECT, BORDER_EDGE };

/* The attributes as written; each list is empty or has one entry per spatial dimension (pads: two). */
struct window_params {
    enum auto_pad auto_pad;
    int64_t group;
    int kernel_count, stride_count, dilation_count, pad_count, output_padding_count, output_shape_count;
    int64_t kernel[SPATIAL], strides[SPATIAL], dilations[SPATIAL], pads[2 * SPATIAL];
    int64_t output_padding[SPATIAL], output_shape[SPATIAL];
    struct activation activation; /* of a fused node, domain "limner" */
    /* Of a node on channel blocks (ops/blocked/blocked.h). */
    bool blocked_input, blocked_output;
    enum border border;
};

/* One spatial dimension of one call. */
struct window_axis {
    int64_t in, out, kernel, stride, dilation;
    int64_t pad_begin;
    int64_t output_padding; /* transposed only */
};

struct window {
    int64_t batch, group;
    int64_t in_channels, out_channels; /* per group */
    int spatial;                       /* 1..3: how many dimensions the tensors have */
    enum border border;
    struct window_axis axis[SPATIAL]; /* the last `spatial` ones are real */
};

/* Reads the attributes that both have; transposed adds output_padding and output_shape. */
status window_parse(const struct op_call *call, struct attributes *attributes, bool transposed,
                    struct window_params *params, struct error *err);

/* The lists of it that pooling has, too, and auto_pad. */
status window_parse_lists(struct attributes *attributes, struct window_params *params, struct error *err);
/* STATUS_SHAPE unless every list that is there has a number for each spatial dimension (pads: two). */
status window_check_lists(const struct window_params *params, int spatial, struct error *err);

/* The attributes of an activation that a pass put behind a node; none without them. */
status activation_parse(struct attributes *attributes, struct activation *activation, struct error *err);

/*
 * Geometry from inputs X and W (and B): checks ranks, channels, groups, kernel_shape, list lengths. Fills everything
 * but the outputs and the resolved padding. W is [M, C/group, ...] or, transposed, [C, M/group, ...].
 */
status window_begin(const struct op_call *call, const struct window_params *params, bool transposed,
                    struct window *window, struct error *err);

/* Describes output 0 as [N, M, out...], or in channel blocks, of this element type. */
status window_describe(struct op_call *call, const struct window *window, enum dtype dtype, struct error *err);

/*
 * One spatial dimension of a phase: output o = out0 + p * out_step meets, for tap t, input
 * i = p * step + first + t * tap_step (outside 0..in-1: zero), with the weight at kernel index kernel0 + t *
 * kernel_step. A convolution is one phase; a transposed one is one phase per residue of the output position modulo
 * the stride.
 */
struct phase_axis {
    int64_t in, positions, step, first;
    int64_t taps, tap_step, kernel0, kernel_step;
    int64_t out, out0, out_step;
};

struct phase_geometry {
    struct phase_axis axis[SPATIAL];
    int64_t channels; /* inputs per group: depth index = tap * channels + channel */
    int64_t taps;     /* all three dimensions together */
    int64_t positions;
};

/* The input of a phase that position and tap meet; may lie outside 0..in-1. */
static inline int64_t phase_input(const struct phase_axis *axis, int64_t position, int64_t tap) {
    return position * axis->step + axis->first + tap * axis->tap_step;
}

#endif
