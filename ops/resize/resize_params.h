/* Attributes of Resize and Upsample, all versions. */
#ifndef LIMNER_OPS_RESIZE_RESIZE_PARAMS_H
#define LIMNER_OPS_RESIZE_RESIZE_PARAMS_H

#include "ops/core/op.h"

enum resize_mode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC };

enum resize_coordinates {
    RESIZE_HALF_PIXEL,
    RESIZE_HALF_PIXEL_SYMMETRIC,
    RESIZE_PYTORCH_HALF_PIXEL,
    RESIZE_ALIGN_CORNERS,
    RESIZE_ASYMMETRIC,
    RESIZE_TF_HALF_PIXEL_FOR_NN,
    RESIZE_CROP
};

/* SIMPLE: of versions that do not say: down, or up where the picture becomes smaller, as onnxruntime does. */
enum resize_rounding { RESIZE_PREFER_FLOOR, RESIZE_PREFER_CEIL, RESIZE_FLOOR, RESIZE_CEIL, RESIZE_SIMPLE };

enum resize_policy { RESIZE_STRETCH, RESIZE_NOT_LARGER, RESIZE_NOT_SMALLER };

/*
 * Where the scales are: attributes of the height and the width, an attribute, input 1, or input 2 (and sizes 3). WHOLE:
 * of versions 11 to 18, by whose text the resized length is the output's; version 19 lets scales give a fractional one.
 */
enum resize_form { RESIZE_BY_SIDES, RESIZE_BY_ATTRIBUTE, RESIZE_BY_SCALES, RESIZE_BY_INPUTS_WHOLE, RESIZE_BY_INPUTS };

/* The attributes that the layout pass adds. */
#define RESIZE_CHANNELS "channels"
#define RESIZE_FORM "form"

struct resize_params {
    enum resize_form form; /* WHOLE becomes BY_INPUTS and the next one */
    bool whole;
    enum resize_mode mode;
    enum resize_coordinates coordinates;
    enum resize_rounding rounding;
    enum resize_policy policy;
    bool antialias, exclude_outside;
    float extrapolation, cubic; /* cubic: the filter's a */
    int axis_count;             /* 0: all axes */
    int64_t axes[MAX_RANK];
    int scale_count; /* of an attribute */
    float scales[MAX_RANK];
    int64_t channels; /* of a node on channel blocks; 0: plain */
};

/* parse() of all of them; op->row is an enum resize_form *, or NULL for the one on channel blocks, whose attribute says
 * it. */
status resize_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err);

#endif
