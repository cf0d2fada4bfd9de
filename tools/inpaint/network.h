/* A model as pictures are run through it: which of its inputs takes what. Shared by all workers, immutable once open.
 */
#ifndef LIMNER_TOOLS_INPAINT_NETWORK_H
#define LIMNER_TOOLS_INPAINT_NETWORK_H

#include "tools/contract/contract.h"
#include "tools/engine/engine.h"
#include "tools/files/picture_tensor.h"
#include "tools/inpaint/reach.h"

/* What an input is filled with. */
struct network_input {
    limner_value value;
    struct plane_group group; /* no planes: the integers of --mask-grid */
    bool plain;               /* of any shape, and all of one kind: noise, ones or zeros */
    struct picture_axes axes; /* channels -1: there are none, as in H,W */
    struct picture_form form; /* of colours and gray */
    double mask_zero, mask_one;
};

enum network_role {
    ROLE_EDGE,   /* gray, edges, mask to edges */
    ROLE_EDGED,  /* RGB and the edge model's edges to RGB */
    ROLE_SINGLE, /* RGB, RGB and mask, or RGB and a grid, to RGB */
    ROLE_PICTURE /* a picture without holes to a picture, perhaps a larger one, or to its alpha */
};

struct network {
    const char *path;
    enum network_role role;
    limner_model *model;
    struct contract contract;
    struct network_input inputs[MOST_INPUTS];
    int input_count;
    limner_value output;      /* the one that is the result */
    bool ends_in_tanh;        /* it comes from a Tanh; never the edge model's, whose numbers are 0..1 */
    struct picture_form form; /* of the result */
    bool takes_alpha;         /* some input does */
    int64_t height, width;    /* the only size that the model takes, or -1 */
    struct reach reach;
};

static inline bool network_has_grid(const struct network *network) {
    for (int i = 0; i < network->input_count; i++)
        if (network->inputs[i].group.count == 0)
            return true;
    return false;
}
/* The size that every piece has to have, as the model or the contract says; 0 where it is free. */
static inline size_t network_fixed_height(const struct network *network) {
    return network->height > 0 ? (size_t)network->height : network->contract.size.height;
}
static inline size_t network_fixed_width(const struct network *network) {
    return network->width > 0 ? (size_t)network->width : network->contract.size.width;
}

#endif
