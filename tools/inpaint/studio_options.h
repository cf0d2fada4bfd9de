/* Options about holes and large pictures, for every command that fills or makes pictures. */
#ifndef LIMNER_TOOLS_INPAINT_STUDIO_OPTIONS_H
#define LIMNER_TOOLS_INPAINT_STUDIO_OPTIONS_H

#include "tools/inpaint/studio.h"

option_set set_mask_white; /* bool */
option_set set_tile;       /* int: pixels or TILE_AUTO */
option_set set_blend;      /* int: an enum blend_way */

/* What no settings but one's own are needed to say: the message names the options. */
status studio_options_check(const struct studio_settings *studio, struct error *err);

/* What settings of a studio are before any option. */
#define STUDIO_DEFAULTS                                                                                        \
    {                                                                                                          \
        .canny = {CANNY_SIGMA, CANNY_LOW, CANNY_HIGH}, .max_pixels = PICTURE_MAX_PIXELS, .overlap = NOT_GIVEN, \
        .crop_margin = NOT_GIVEN                                                                               \
    }

/* Rows of an option table; `tile` and `overlap` are fields of the settings. */
#define TILE_OPTIONS(settings, tile, overlap)                                                                   \
    {"tile",   0,                                                                                               \
     "N",      "cut large pictures into tiles of N by N pixels; auto: as large as 1 GiB of activations allows", \
     set_tile, offsetof(settings, tile)},                                                                       \
    {                                                                                                           \
        "overlap", 0, "PX", "how far tiles overlap (default: as far as the model looks)", set_count,            \
            offsetof(settings, overlap)                                                                         \
    }

/* Rows of an option table for a settings type with a struct studio_settings `studio`: all but files. */
#define HOLE_OPTIONS(settings)                                                                                         \
    {"mask-white",   0,                                                                                                \
     "WHAT",         "what white means in the mask: hole or known (default: hole)",                                    \
     set_mask_white, offsetof(settings, studio.mask.white_is_known)},                                                  \
        {"mask-threshold", 0,                                                                                          \
         "LEVEL",          "what is brighter than this, of 0 to 255, is white in the mask (default: 0)",               \
         set_count,        offsetof(settings, studio.mask.threshold)},                                                 \
        {"mask-grid", 0,                                                                                               \
         "FILE",      "integers for a key/value network's mask input: .npy or a gray picture",                         \
         set_file,    offsetof(settings, studio.grid)},                                                                \
        {"sigma",    0,                                                                                                \
         "S",        "smooth the picture by this much before edges are looked for (default: 2)",                       \
         set_number, offsetof(settings, studio.canny.sigma)},                                                          \
        {"canny-low", 0,                                                                                               \
         "X",         "edges weaker than this are dropped (default: 0.1)",                                             \
         set_number,  offsetof(settings, studio.canny.low)},                                                           \
        {"canny-high", 0,                                                                                              \
         "X",          "edges stay where they lead to one this strong (default: 0.2)",                                 \
         set_number,   offsetof(settings, studio.canny.high)},                                                         \
        {"blend",                                                                                                      \
         0,                                                                                                            \
         "WHAT",                                                                                                       \
         "none, or laplace: spread what the painting misses along a hole's rim smoothly over the hole (default: "      \
         "none)",                                                                                                      \
         set_blend,                                                                                                    \
         offsetof(settings, studio.blend)},                                                                            \
        TILE_OPTIONS(settings, studio.tile, studio.overlap), {                                                         \
        "crop-margin", 0, "PX",                                                                                        \
            "work on a rectangle round each hole, this much wider on each side (default with --tile: 128)", set_count, \
            offsetof(settings, studio.crop_margin)                                                                     \
    }

/* The same, without a place of its own in the help. */
#define MAX_PIXELS_OPTION(settings, max_pixels)                                                         \
    {                                                                                                   \
        "max-pixels", 0, "N", "refuse pictures with more pixels than this (default: 100M)", set_pixels, \
            offsetof(settings, max_pixels)                                                              \
    }

#endif
