/* All that the paintings of one command share: models, settings, and which way large pictures go. Immutable. */
#ifndef LIMNER_TOOLS_INPAINT_STUDIO_H
#define LIMNER_TOOLS_INPAINT_STUDIO_H

#include "tools/files/picture_file.h"
#include "tools/inpaint/meter.h"
#include "tools/inpaint/piece.h"

#define TILE_NONE 0
#define TILE_AUTO (-1)
#define NOT_GIVEN (-1)

#define AUTO_ARENA_BYTES ((size_t)1 << 30) /* what --tile auto lets activations take, where there is so much */
#define KEPT_BYTES ((size_t)256 << 20)     /* activations that stay from picture to picture */
#define CROP_MARGIN 128

/* What becomes of the mismatch between what is painted and what is known round it. */
enum blend_way { BLEND_NONE, BLEND_LAPLACE };

struct studio_settings {
    const char *edge, *model, *grid; /* files; edge and grid may be NULL */
    struct canny_options canny;
    struct mask_options mask;
    limner_model *loaded;         /* `model`, when it is loaded already: studio_open takes it over; or NULL */
    limner_model *edge_loaded;    /* `edge`, the same */
    struct contract_request wish; /* about the model that paints */
    struct pool *pool;            /* texts of contracts live here, as long as the studio */
    struct picture_saving saving;
    size_t max_pixels;
    bool no_mask;    /* pictures have no holes: all of them is made */
    int blend;       /* an enum blend_way */
    int tile;        /* pixels, TILE_AUTO or TILE_NONE */
    int overlap;     /* pixels or NOT_GIVEN */
    int crop_margin; /* pixels or NOT_GIVEN */
};

enum paint_way {
    WAY_WHOLE, /* the picture at once */
    WAY_TILES, /* overlapping tiles */
    WAY_CROPS  /* a rectangle round each hole */
};

struct studio {
    const struct studio_settings *settings;
    struct network edge, paint; /* edge.model is NULL without one */
    struct mask_grid grid;
    size_t multiple; /* sides are padded to multiples of it */
    size_t stride;   /* of the models together, as far as it could be read off */
    size_t align;    /* tiles and crops begin at multiples of it: of both of the above */
    size_t cell;     /* pixels for each place of the mask grid */
    enum fit_word fit;
    size_t fixed_height, fixed_width; /* the size that every piece has to have, or 0 */
    enum paint_way way;               /* of pictures that are not done whole */
    bool whole_if_small;              /* --tile auto: first see whether the whole picture will do */
    size_t tile, overlap;             /* of WAY_TILES; tile 0: the largest that fits AUTO_ARENA_BYTES and the memory */
    size_t margin;                    /* of WAY_CROPS */
};

/* Says on the meter what is worth knowing about the models. Closed with studio_close, after errors too. */
status studio_open(struct studio *studio, const struct studio_settings *settings, struct meter *meter,
                   struct error *err);
void studio_close(struct studio *studio);

#endif
