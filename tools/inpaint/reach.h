/* How far a model looks round a pixel, and on what grid its strides put it, read off its graph. */
#ifndef LIMNER_TOOLS_INPAINT_REACH_H
#define LIMNER_TOOLS_INPAINT_REACH_H

#include "onnx/model.h"

#include <stddef.h>

enum reach_kind {
    REACH_LOCAL,  /* no further than `pixels` */
    REACH_WHOLE,  /* statistics over the whole picture, or attention over it */
    REACH_UNKNOWN /* an operator stands in the way that the analysis does not follow */
};

struct reach {
    enum reach_kind kind;
    double pixels;   /* of the input, to every side; an upper bound */
    size_t grid;     /* pictures moved by multiples of so many pixels give the same moved; of what could be followed */
    bool grid_known; /* everything could be followed */
    char node[96];   /* 'InstanceNormalization "norm1"': what makes it REACH_WHOLE or REACH_UNKNOWN */
};

status reach_find(const struct onnx_model *model, struct reach *reach, struct error *err);

#endif
