/* What the last part of a parameter's name says: "encoder.1.weight_orig" is the ORIGINAL of the module "encoder.1". */
#ifndef LIMNER_TOOLS_CONVERT_LEAF_H
#define LIMNER_TOOLS_CONVERT_LEAF_H

#include <stddef.h>

enum leaf {
    LEAF_WEIGHT,
    LEAF_BIAS,
    LEAF_MEAN,      /* of a batch norm */
    LEAF_VARIANCE,  /* of a batch norm */
    LEAF_ORIGINAL,  /* spectral norm: the weight before it is divided */
    LEAF_U,         /* spectral norm: one entry for each output channel */
    LEAF_V,         /* spectral norm: one entry for each weight of a channel */
    LEAF_MAGNITUDE, /* weight norm */
    LEAF_DIRECTION, /* weight norm */
    LEAF_NAMED,     /* how many of the above */
    LEAF_OTHER = LEAF_NAMED
};

/* The leaf of a key or an initializer; *path_length is how much of the name is the module's path. For LEAF_OTHER the
 * path ends before the last dot. */
enum leaf leaf_of(const char *name, size_t *path_length);

/* The name that people know: "weight". */
const char *leaf_name(enum leaf leaf);

#endif
