#include "tools/inpaint/painter_piece.h"

#include "base/sizes.h"
#include "tools/files/resample.h"
#include "tools/inpaint/piece_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void piece_result_free(struct piece_result *result) {
    light_map_free(&result->map);
    light_map_free(&result->edges);
}

/* ---- sizes ---- */

/* What a rectangle becomes: resized, then continued by reflection. */
struct piece_size {
    size_t height, width;               /* after resizing */
    size_t padded_height, padded_width; /* what the models get */
};

/* What a side becomes by padding: the only size that the models take, or the next multiple. */
static size_t padded_side(const struct studio *studio, size_t side, size_t fixed) {
    return fixed >= side ? fixed : round_up(side, studio->multiple);
}

/* most: 0 where the side is free. */
static size_t scaled_side(size_t side, double factor, size_t most) {
    const double scaled = floor((double)side * factor + 0.5);
    const size_t limit = most ? most : SIZE_MAX / 4;
    return scaled < 1 ? 1 : scaled > (double)limit ? limit : (size_t)scaled;
}

/* The scale at which both sides fit those that are not free (0); one at least is not. */
static double factor_to(size_t fixed_height, size_t height, size_t fixed_width, size_t width) {
    const double down = fixed_height ? (double)fixed_height / (double)height : INFINITY;
    const double across = fixed_width ? (double)fixed_width / (double)width : INFINITY;
    return fmin(down, across);
}

static struct piece_size size_of(const struct studio *studio, size_t height, size_t width) {
    const size_t fixed_height = studio->fixed_height, fixed_width = studio->fixed_width;
    const bool too_large = (fixed_height && height > fixed_height) || (fixed_width && width > fixed_width);
    const bool keeps = studio->fit == FIT_PAD || (studio->fit == FIT_CROP && !too_large);
    struct piece_size size = {height, width, 0, 0};
    if (fixed_height && fixed_width && studio->fit == FIT_RESIZE)
        return (struct piece_size){fixed_height, fixed_width, fixed_height, fixed_width};
    if (!keeps && (fixed_height || fixed_width)) {
        const double factor = factor_to(fixed_height, height, fixed_width, width);
        size.height = scaled_side(height, factor, fixed_height);
        size.width = scaled_side(width, factor, fixed_width);
    }
    size.padded_height = padded_side(studio, size.height, fixed_height);
    size.padded_width = padded_side(studio, size.width, fixed_width);
    return size;
}

/* ---- memory ---- */

/* Of the tensors that go into a network and of its result as light; planes of floats. */
static size_t count_planes(const struct network *network) {
    size_t planes = 4;
    for (int i = 0; i < network->input_count; i++)
        planes += (size_t)network->inputs[i].group.count;
    return planes;
}

static status add_memory(const struct painter *painter, const struct network *network, limner_session *session,
                         const struct piece_size *size, struct piece_memory *memory, struct error *err) {
    limner_plan_info info = LIMNER_PLAN_INFO_INIT;
    const status code =
        piece_plan(network, session, size->padded_height, size->padded_width, painter->studio->cell, &info, err);
    memory->activations += info.arena_bytes;
    memory->all += info.arena_bytes + info.weight_bytes +
                   count_planes(network) * sizeof(float) * size->padded_height * size->padded_width;
    return code;
}

status painter_memory_for(struct painter *painter, size_t height, size_t width, struct piece_memory *memory,
                          struct error *err) {
    const struct studio *studio = painter->studio;
    const struct piece_size size = size_of(studio, height, width);
    *memory = (struct piece_memory){0, painter->picture_bytes};
    const status code = add_memory(painter, &studio->paint, painter->paint, &size, memory, err);
    return code || !studio->edge.model ? code : add_memory(painter, &studio->edge, painter->edge, &size, memory, err);
}

static status wrong_size(const struct network *network, const struct rect *rect, struct error *err) {
    fail(err, STATUS_SHAPE, "%s takes only pictures", network->path);
    if (network->width > 0)
        error_append(err, " %lld wide", (long long)network->width);
    if (network->height > 0)
        error_append(err, "%s %lld high", network->width > 0 ? " and" : "", (long long)network->height);
    error_append(
        err,
        ", this is %zu by %zu; export it with free height and width, add --fit resize, or cut the picture with "
        "--tile or --crop-margin",
        rect->width, rect->height);
    return err->code;
}

static status check_fixed(const struct painter *painter, const struct rect *rect, const struct piece_size *size,
                          struct error *err) {
    const struct network *networks[] = {&painter->studio->paint, &painter->studio->edge};
    for (int i = 0; i < 2; i++) {
        const struct network *network = networks[i];
        if (network->model && ((network->height > 0 && (size_t)network->height != size->padded_height) ||
                               (network->width > 0 && (size_t)network->width != size->padded_width)))
            return wrong_size(network, rect, err);
    }
    return STATUS_OK;
}

static bool grid_known(const struct studio *studio) {
    return studio->paint.reach.grid_known && (!studio->edge.model || studio->edge.reach.grid_known);
}

/* After shapes that do not fit: says what sides the networks want, if that may be why. */
static status explain_size(const struct studio *studio, const struct rect *rect, status code, struct error *err) {
    char told[sizeof err->message];
    if (code != STATUS_SHAPE || strstr(err->message, "--multiple"))
        return code;
    snprintf(told, sizeof told, "%s", err->message);
    if (studio->multiple % studio->stride)
        return fail(err, code,
                    "the network has a stride of %zu pixels and cannot take %zu by %zu padded to multiples of %zu; try "
                    "--multiple %zu (%.400s)",
                    studio->stride, rect->width, rect->height, studio->multiple, studio->stride, told);
    return grid_known(studio) ? code
                              : fail(err, code,
                                     "%.400s; sides were padded to multiples of %zu, perhaps the network wants "
                                     "--multiple %zu or more",
                                     told, studio->multiple, 2 * studio->multiple);
}

static status check_memory(struct painter *painter, const struct rect *rect, struct error *err) {
    struct piece_memory need;
    const status code = painter_memory_for(painter, rect->height, rect->width, &need, err);
    if (code == STATUS_NO_MEMORY)
        error_append(err, "; there are %.3g GB: try --low-memory", (double)painter->memory / 1e9);
    if (code)
        return explain_size(painter->studio, rect, code, err);
    if (need.all <= painter->memory)
        return STATUS_OK;
    return fail(err, STATUS_LIMIT,
                "%zu by %zu pixels at once would take %.3g GB, of which activations are %.3g GB; there are %.3g GB: %s",
                rect->width, rect->height, (double)need.all / 1e9, (double)need.activations / 1e9,
                (double)painter->memory / 1e9,
                painter->studio->way == WAY_WHOLE ? "add --tile auto"
                : painter->studio->way == WAY_CROPS
                    ? "make the holes or --crop-margin smaller, or scale the picture down"
                    : "make --tile smaller, or add --low-memory");
}

/* ---- running ---- */

/* Both networks on a piece. */
static status run_networks(struct painter *painter, struct scene_piece *piece, struct piece_result *result,
                           struct error *err) {
    const struct studio *studio = painter->studio;
    status code = STATUS_OK;
    if (studio->edge.model) {
        code = piece_run(&studio->edge, painter->edge, piece, &result->edges, err);
        piece->edges = &result->edges;
    }
    return code ? code : piece_run(&studio->paint, painter->paint, piece, &result->map, err);
}

/* The part of the map that belongs to the resized rectangle, as large as the rectangle times the model's scale. */
static status resize_map(struct light_map *map, const struct piece_size *size, size_t height, size_t width,
                         struct error *err) {
    const size_t used_height = map->height * size->height / size->padded_height;
    const size_t used_width = map->width * size->width / size->padded_width;
    struct light_map out = {NULL, map->channels, height, width};
    float *used = calloc(used_width ? used_width : 1, (used_height ? used_height : 1) * sizeof *used);
    out.light = calloc((size_t)map->channels * width, height * sizeof *out.light);
    status code = used && out.light ? STATUS_OK : fail_memory(err, "a result");
    if (!code && (!used_height || !used_width))
        code = fail(err, STATUS_SHAPE, "the model's result is too small to be resized to the picture");
    for (int c = 0; !code && c < map->channels; c++) {
        const float *plane = map->light + (size_t)c * map->height * map->width;
        for (size_t y = 0; y < used_height; y++)
            memcpy(used + y * used_width, plane + y * map->width, used_width * sizeof *used);
        code =
            resample_plane(used, used_height, used_width, out.light + (size_t)c * height * width, height, width, err);
    }
    free(used);
    light_map_free(map);
    *map = out;
    return code;
}

/* Alpha and holes have the rectangle's size; a picture the model's scale. */
static status fit_back(const struct studio *studio, const struct rect *rect, const struct piece_size *size,
                       struct piece_result *result, struct error *err) {
    const bool resized = size->height != rect->height || size->width != rect->width;
    const bool own_size = studio->paint.role != ROLE_PICTURE || studio->paint.contract.result.word == RESULT_ALPHA;
    result->in_height = size->padded_height;
    result->in_width = size->padded_width;
    if (!resized && !(own_size && result->map.height != size->padded_height))
        return STATUS_OK;
    if (!resized && studio->paint.role != ROLE_PICTURE)
        return STATUS_OK; /* larger than the piece: the surplus is cut off */
    const size_t up = own_size ? 1 : result->map.height / size->padded_height;
    status code = up ? resize_map(&result->map, size, rect->height * up, rect->width * up, err)
                     : fail(err, STATUS_SHAPE, "a model that makes pictures smaller cannot be used with --fit");
    if (!code && result->edges.light)
        code = resize_map(&result->edges, size, rect->height, rect->width, err);
    result->in_height = rect->height;
    result->in_width = rect->width;
    return code;
}

static status run_sized(struct painter *painter, const struct scene *scene, const struct rect *rect,
                        const struct piece_size *size, struct piece_result *result, struct error *err) {
    struct scene scaled = {.hole = NULL};
    const bool resized = size->height != rect->height || size->width != rect->width;
    status code = resized ? scene_resize(scene, rect, size->height, size->width, &scaled, err) : STATUS_OK;
    struct scene_piece piece = {.scene = resized ? &scaled : scene,
                                .rect = resized ? (struct rect){0, 0, size->width, size->height} : *rect,
                                .height = size->padded_height,
                                .width = size->padded_width,
                                .grid = &painter->studio->grid,
                                .cell = painter->studio->cell};
    if (!code)
        code = run_networks(painter, &piece, result, err);
    if (!code)
        code = fit_back(painter->studio, rect, size, result, err);
    scene_close(&scaled);
    return code;
}

status painter_run_piece(struct painter *painter, const struct scene *scene, const struct rect *rect,
                         struct piece_result *result, struct error *err) {
    const struct studio *studio = painter->studio;
    const struct piece_size size = size_of(studio, rect->height, rect->width);
    *result = (struct piece_result){.in_height = 0};
    status code = check_fixed(painter, rect, &size, err);
    if (!code)
        code = check_memory(painter, rect, err);
    if (!code)
        code = run_sized(painter, scene, rect, &size, result, err);
    return code == STATUS_SHAPE ? explain_size(studio, rect, code, err) : code;
}
