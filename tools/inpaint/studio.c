#include "tools/inpaint/studio.h"

#include "base/sizes.h"
#include "tools/inpaint/grid.h"
#include "tools/inpaint/network_open.h"
#include "tools/inpaint/ratio.h"
#include "tools/inpaint/tiles.h"

#include <math.h>
#include <stdlib.h>

#define OVERLAP_UNKNOWN 128 /* for models whose reach cannot be read off */
#define OVERLAP_LEAST 32

/* The network that looks at the whole picture, or whose reach is not known, or NULL. */
static const struct network *of_kind(const struct studio *studio, enum reach_kind kind) {
    return studio->edge.model && studio->edge.reach.kind == kind ? &studio->edge
           : studio->paint.reach.kind == kind                    ? &studio->paint
                                                                 : NULL;
}

static size_t reach_of(const struct studio *studio) {
    const double pixels = studio->paint.reach.pixels + (studio->edge.model ? studio->edge.reach.pixels : 0);
    return pixels < 1e6 ? (size_t)ceil(pixels) : 1000000;
}

/* The smallest overlap that makes tiles equal to the whole picture. */
static size_t overlap_for(size_t reach, size_t multiple) {
    size_t overlap = round_up(OVERLAP_LEAST, multiple);
    while (tiling_reach(overlap) < reach)
        overlap += multiple;
    return overlap;
}

static void choose_overlap(struct studio *studio, struct meter *meter) {
    const int given = studio->settings->overlap;
    const struct network *unknown = of_kind(studio, REACH_UNKNOWN);
    const size_t reach = reach_of(studio), multiple = studio->align;
    studio->overlap = given != NOT_GIVEN ? round_up((size_t)given, multiple)
                      : unknown          ? round_up(OVERLAP_UNKNOWN, multiple)
                                         : overlap_for(reach, multiple);
    if (unknown)
        meter_complain(
            meter,
            "note: how far %s looks is not known (%s): tiles that overlap by %zu pixels may show seams; try a "
            "larger --overlap",
            unknown->path, unknown->reach.node, studio->overlap);
    else if (tiling_reach(studio->overlap) < reach)
        meter_complain(meter,
                       "note: the model looks up to %zu pixels far, which wants --overlap %zu; with %zu, tiles may "
                       "differ from the whole picture",
                       reach, overlap_for(reach, multiple), studio->overlap);
}

/* A tile's padded size says how the picture's end is padded: the strides have to divide it. */
static status check_multiple(const struct studio *studio, struct error *err) {
    if (studio->multiple % studio->stride == 0)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_ARGUMENT,
                "the network has a stride of %zu pixels: tiles want --multiple %zu, or a multiple of it, not %zu",
                studio->stride, studio->stride, studio->multiple);
}

static status choose_tile(struct studio *studio, struct meter *meter, struct error *err) {
    const status code = check_multiple(studio, err);
    studio->way = WAY_TILES;
    if (code)
        return code;
    choose_overlap(studio, meter);
    if (studio->settings->tile == TILE_AUTO)
        return STATUS_OK;
    studio->tile = round_up((size_t)studio->settings->tile, studio->align);
    if (studio->tile < 2 * studio->overlap || !studio->tile)
        return fail(err, STATUS_INVALID_ARGUMENT,
                    "tiles of %zu pixels are too small for an overlap of %zu: they must be at least %zu", studio->tile,
                    studio->overlap, 2 * studio->overlap);
    return STATUS_OK;
}

/* What several strides have as their least common multiple; the edge model's counts where there is one. */
static void choose_grid(struct studio *studio) {
    const struct contract *contract = &studio->paint.contract;
    const int given = contract->multiple.count;
    const size_t least = studio->settings->no_mask ? 1 : studio->settings->edge ? 4 : 16;
    const struct ratio edge = {studio->edge.model ? (int64_t)studio->edge.reach.grid : 1, 1};
    studio->cell = given ? (size_t)given : least;
    studio->stride = studio->paint.reach.grid;
    if (!ratio_whole_multiple(edge, &studio->stride))
        studio->stride = studio->paint.reach.grid;
    studio->align = studio->cell;
    if (!ratio_whole_multiple((struct ratio){(int64_t)studio->stride, 1}, &studio->align))
        studio->align = studio->stride;
    studio->multiple = given ? (size_t)given : studio->align;
}

/* Which sizes pieces have to have, and how they get them. */
static status choose_fit(struct studio *studio, struct error *err) {
    const struct contract *contract = &studio->paint.contract;
    size_t height = network_fixed_height(&studio->paint), width = network_fixed_width(&studio->paint);
    if (studio->edge.model && !height && studio->edge.height > 0)
        height = (size_t)studio->edge.height;
    if (studio->edge.model && !width && studio->edge.width > 0)
        width = (size_t)studio->edge.width;
    studio->fixed_height = height;
    studio->fixed_width = width;
    const bool resizes = contract->result.word == RESULT_ALPHA || contract->size.said.by;
    studio->fit = contract->fit.said.by ? (enum fit_word)contract->fit.word : resizes ? FIT_RESIZE : FIT_PAD;
    if (contract->result.word == RESULT_ALPHA && !studio->settings->no_mask)
        return fail(err, STATUS_INVALID_ARGUMENT,
                    "%s gives alpha, which is for limner run: holes are filled with a picture", studio->paint.path);
    if (studio->way == WAY_TILES && (height || width) && (studio->fit == FIT_RESIZE || studio->fit == FIT_LETTERBOX))
        return fail(err, STATUS_INVALID_ARGUMENT,
                    "every tile would be resized to the model's size by itself: leave --tile or --fit out");
    if (contract->output_range.found && (studio->way != WAY_WHOLE || studio->whole_if_small))
        return fail(err, STATUS_INVALID_ARGUMENT,
                    "--output-range found goes by the whole result: leave --tile and --crop-margin out");
    if (studio->fit == FIT_CROP && (height || width) && studio->way == WAY_WHOLE && !studio->settings->no_mask)
        studio->way = WAY_CROPS;
    return STATUS_OK;
}

static status choose_way(struct studio *studio, struct meter *meter, struct error *err) {
    const struct studio_settings *settings = studio->settings;
    const struct network *whole = of_kind(studio, REACH_WHOLE);
    studio->margin = settings->crop_margin != NOT_GIVEN ? (size_t)settings->crop_margin : CROP_MARGIN;
    studio->whole_if_small = settings->tile == TILE_AUTO;
    if (settings->tile == TILE_NONE) {
        studio->way = settings->crop_margin != NOT_GIVEN ? WAY_CROPS : WAY_WHOLE;
        return STATUS_OK;
    }
    if (whole && settings->no_mask)
        meter_complain(meter,
                       "note: %s looks at the whole picture at once (%s), so tiles may differ from it and from each "
                       "other",
                       whole->path, whole->reach.node);
    if (!whole || settings->no_mask)
        return choose_tile(studio, meter, err);
    studio->way = WAY_CROPS;
    meter_complain(meter,
                   "note: %s looks at the whole picture at once (%s), so tiles would not fit together; large pictures "
                   "are cropped round each hole instead, with a margin of %zu pixels (--crop-margin)",
                   whole->path, whole->reach.node, studio->margin);
    return STATUS_OK;
}

static status read_grid(struct studio *studio, struct meter *meter, struct error *err) {
    const char *path = studio->settings->grid;
    const bool takes = network_has_grid(&studio->paint);
    if (path && !takes)
        return fail(err, STATUS_INVALID_ARGUMENT, "%s has no input of integers for --mask-grid", studio->paint.path);
    if (path && studio->way != WAY_WHOLE)
        return fail(err, STATUS_INVALID_ARGUMENT,
                    "--mask-grid is for whole pictures: leave --tile and --crop-margin out");
    if (takes && !path)
        meter_complain(meter,
                       "note: no --mask-grid is given: no place of the picture goes through the keys and values");
    return path ? grid_read(path, studio->settings->max_pixels, &studio->grid, err) : STATUS_OK;
}

static enum network_role paint_role(const struct studio_settings *settings) {
    return settings->no_mask ? ROLE_PICTURE : settings->edge ? ROLE_EDGED : ROLE_SINGLE;
}

static status open_networks(struct studio *studio, struct meter *meter, struct error *err) {
    const struct studio_settings *settings = studio->settings;
    const struct network_request edge = {settings->edge, settings->edge_loaded, ROLE_EDGE, NULL, settings->pool, meter};
    const struct network_request paint = {settings->model, settings->loaded, paint_role(settings),
                                          &settings->wish, settings->pool,   meter};
    const status code = settings->edge ? network_open(&studio->edge, &edge, err) : STATUS_OK;
    if (!code)
        return network_open(&studio->paint, &paint, err);
    limner_model_close(settings->loaded);
    return code;
}

status studio_open(struct studio *studio, const struct studio_settings *settings, struct meter *meter,
                   struct error *err) {
    *studio = (struct studio){.settings = settings};
    status code = open_networks(studio, meter, err);
    if (code)
        return code;
    choose_grid(studio);
    code = choose_way(studio, meter, err);
    if (!code)
        code = choose_fit(studio, err);
    return code ? code : read_grid(studio, meter, err);
}

void studio_close(struct studio *studio) {
    network_close(&studio->edge);
    network_close(&studio->paint);
    free(studio->grid.values);
    studio->grid.values = NULL;
}
