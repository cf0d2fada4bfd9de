/* How one initializer is made from a checkpoint. */
#ifndef LIMNER_TOOLS_CONVERT_RECIPE_H
#define LIMNER_TOOLS_CONVERT_RECIPE_H

#include "tools/convert/modules.h"

enum recipe_kind {
    RECIPE_NONE,
    RECIPE_REFUSED, /* a problem says why there is none */
    RECIPE_KEEP,    /* the template's own data stays */
    RECIPE_FILL,    /* one number everywhere */
    RECIPE_TAKE     /* from the checkpoint */
};

/* What a module does to the weight that it stores. */
enum weight_form {
    FORM_PLAIN,
    FORM_SPECTRAL, /* divided by u . W v */
    FORM_WEIGHT,   /* magnitude times direction */
    FORM_UNIT_U,   /* u, made up for a weight that is normalised already */
    FORM_UNIT_V    /* v, made up so that u . W v is 1 */
};

struct recipe {
    enum recipe_kind kind;
    const char *why; /* RECIPE_KEEP and RECIPE_FILL, for the report */
    double fill;
    int parameter; /* what is taken; -1: zeros, before a batch norm is folded in */
    int module;    /* that it belongs to; FORM_SPECTRAL, FORM_WEIGHT, FORM_UNIT_* and norms look at it */
    enum weight_form form;
    int axis;        /* of the weight, that counts output channels: 1 for transposed convolutions, else 0 */
    int groups;      /* of a transposed convolution */
    int norm;        /* module of the batch norm to fold in, or -1 */
    double eps;      /* of that */
    bool is_bias;    /* norm goes into a bias */
    bool transposed; /* two dimensions exchanged */
    bool matrix;     /* output channels as rows, everything else as columns */
    bool any_ones;   /* dimensions of size 1 may come and go: [C] becomes [C,1,1] */
};

extern const struct recipe recipe_none;

bool recipe_equal(const struct modules *modules, const struct recipe *a, const struct recipe *b);

/* The shape that the recipe gives; of RECIPE_TAKE only. STATUS_SHAPE when its parts do not fit each other. */
status recipe_shape(const struct modules *modules, const struct recipe *recipe, struct shape *shape, struct error *err);

/* Whether `shape` is what the recipe gives (-1 in it fits all). */
bool recipe_fits(const struct recipe *recipe, const struct shape *gives, const struct shape *shape);

/* The axis of a weight under spectral norm whose length u has; v must have as many entries as the rest. */
status recipe_spectral_axis(const struct modules *modules, const struct recipe *recipe, const struct shape *weight,
                            int *axis, struct error *err);

#endif
