/* A model as the inpainter uses it: which of its inputs takes what. Shared by all workers, immutable once open. */
#ifndef LIMNER_TOOLS_INPAINT_NETWORK_H
#define LIMNER_TOOLS_INPAINT_NETWORK_H

#include "tools/engine/engine.h"
#include "tools/inpaint/reach.h"
#include "tools/inpaint/regions.h"
#include "tools/inpaint/scene.h"

/* One channel of an input. Colours and gray are white in holes, edges are absent there. */
enum input_plane { PLANE_RED, PLANE_GREEN, PLANE_BLUE, PLANE_GRAY, PLANE_CANNY, PLANE_EDGE, PLANE_MASK };
#define MOST_PLANES 4
#define MOST_INPUTS 3

/* What an input is filled with. */
struct network_input {
    limner_value value;
    enum input_plane planes[MOST_PLANES];
    int plane_count; /* 0: the integers of --mask-grid */
};

enum network_role {
    ROLE_EDGE,   /* gray, edges, mask to edges */
    ROLE_EDGED,  /* RGB and the edge model's edges to RGB */
    ROLE_SINGLE, /* RGB, RGB and mask, or RGB and a grid, to RGB */
};

struct network {
    const char *path;
    enum network_role role;
    limner_model *model;
    struct picture_form form;
    struct network_input inputs[MOST_INPUTS];
    int input_count;
    int64_t height, width; /* the only size that the model takes, or -1 */
    struct reach reach;
};

/* The integers for a key/value network, by place. */
struct mask_grid {
    size_t height, width; /* 0: none given; no place is connected then */
    int64_t *values;
};

/* Messages name the path. Closed with network_close, after errors too. */
status network_open(struct network *network, const char *path, enum network_role role, const struct light_range *range,
                    struct error *err);
void network_close(struct network *network);
bool network_has_grid(const struct network *network);

/* A piece of a scene on its way through the networks: rect, continued by reflection to height x width. */
struct scene_piece {
    const struct scene *scene;
    struct rect rect;
    size_t height, width;
    const limner_tensor *edges; /* the edge model's output for this piece, for PLANE_EDGE */
    const struct mask_grid *grid;
    size_t cell; /* pixels for each place of the grid */
};

/* output: the first one, checked to be a picture that covers the piece; it stays the session's. */
status network_run(const struct network *network, limner_session *session, const struct scene_piece *piece,
                   limner_tensor *output, struct error *err);
/* What a run on pieces of this size would take. */
status network_plan(const struct network *network, limner_session *session, size_t height, size_t width, size_t cell,
                    limner_plan_info *info, struct error *err);

/* Where position i of a row of `count` samples, continued by reflection, comes from. */
size_t reflected(size_t i, size_t count);

#endif
