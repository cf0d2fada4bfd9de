#include "tools/inpaint/painter_ways.h"

#include "base/sizes.h"
#include "tools/inpaint/painter_piece.h"

#include <stdlib.h>
#include <string.h>

#define PICTURE_BYTES 14 /* for each pixel: samples, hole, edges, result */

/* The edge model's drawing, or NULL. */
static const struct light_map *drawn(const struct piece_result *result) {
    return result->edges.light ? &result->edges : NULL;
}

/* ---- single rectangles ---- */

static status paint_rect(struct painter *painter, struct canvas *canvas, const struct rect *rect, struct error *err) {
    struct piece_result result;
    status code = painter_run_piece(painter, canvas->scene, rect, &result, err);
    if (!code)
        code = canvas_begin(canvas, &result.map, result.in_height, result.in_width, err);
    if (!code)
        canvas_put(canvas, rect, &result.map, drawn(&result));
    piece_result_free(&result);
    return code;
}

static status paint_rects(struct painter *painter, struct canvas *canvas, const struct rect_list *list,
                          struct error *err) {
    status code = STATUS_OK;
    if (painter->shows_pieces)
        meter_start(painter->meter, "pieces", list->count);
    for (size_t i = 0; !code && i < list->count; i++) {
        code = paint_rect(painter, canvas, &list->items[i], err);
        if (painter->shows_pieces)
            meter_advance(painter->meter);
    }
    return code;
}

static struct rect whole_of(const struct canvas *canvas) {
    return (struct rect){0, 0, canvas->scene->picture.width, canvas->scene->picture.height};
}

static status paint_whole(struct painter *painter, struct canvas *canvas, struct error *err) {
    struct rect whole = whole_of(canvas);
    const struct rect_list list = {&whole, 1};
    return paint_rects(painter, canvas, &list, err);
}

/* ---- crops ---- */

/* A side of at least `wanted`, round the same middle, inside 0..limit. */
static void grow_side(size_t *start, size_t *length, size_t wanted, size_t limit) {
    const size_t target = wanted < limit ? wanted : limit;
    if (*length >= target)
        return;
    const size_t before = (target - *length) / 2;
    *start = *start > before ? *start - before : 0;
    *start = *start + target > limit ? limit - target : *start;
    *length = target;
}

static status paint_crops(struct painter *painter, struct canvas *canvas, struct error *err) {
    const struct studio *studio = painter->studio;
    const struct rect whole = whole_of(canvas);
    const size_t least = canvas->wish.blends ? 1 : 0; /* the rim is painted, too */
    const size_t margin = studio->margin > least ? studio->margin : least;
    /* pieces of the models' only size are on one grid wherever they begin */
    const bool grows = studio->fit == FIT_CROP && (studio->fixed_height || studio->fixed_width);
    const bool anywhere = grows && studio->fixed_height && studio->fixed_width;
    struct rect_list list;
    status code =
        regions_find(canvas->scene->hole, whole.width, whole.height, margin, anywhere ? 1 : studio->align, &list, err);
    for (size_t i = 0; !code && grows && i < list.count; i++) {
        grow_side(&list.items[i].x, &list.items[i].width, studio->fixed_width, whole.width);
        grow_side(&list.items[i].y, &list.items[i].height, studio->fixed_height, whole.height);
    }
    if (!code)
        code = paint_rects(painter, canvas, &list, err);
    free(list.items);
    return code;
}

/* ---- tiles ---- */

/* Whether something in the rectangle, or beside it by `rim` pixels, is painted. */
static bool is_wanted(const struct scene *scene, const struct rect *rect, size_t rim) {
    const size_t left = rect->x > rim ? rect->x - rim : 0, top = rect->y > rim ? rect->y - rim : 0;
    const size_t right = rect->x + rect->width + rim, bottom = rect->y + rect->height + rim;
    const size_t end = right < scene->picture.width ? right : scene->picture.width;
    if (!scene->hole)
        return true;
    for (size_t y = top; y < bottom && y < scene->picture.height; y++)
        if (memchr(scene->hole + y * scene->picture.width + left, 1, end - left))
            return true;
    return false;
}

/* One walk over the tiles. The strip is opened by the first result, which tells the scale. */
struct tile_walk {
    struct painter *painter;
    struct canvas *canvas;
    struct tile_strip strip;
    struct tiling across, down;
};

static status add_tile(struct tile_walk *walk, size_t column, size_t row, const struct piece_result *result,
                       struct error *err) {
    status code = canvas_begin(walk->canvas, &result->map, result->in_height, result->in_width, err);
    if (!code && !walk->strip.sums) {
        code = strip_open(&walk->strip, walk->canvas, walk->down.size, walk->across.length, result->map.channels, err);
        walk->strip.top = canvas_scaled(walk->canvas, tiling_start(&walk->down, row));
    }
    if (!code)
        strip_add(&walk->strip, walk->canvas, &walk->across, column, &walk->down, row, &result->map, drawn(result));
    return code;
}

static status paint_tile(struct tile_walk *walk, size_t column, size_t row, struct error *err) {
    const struct rect rect = {tiling_start(&walk->across, column), tiling_start(&walk->down, row),
                              tiling_length(&walk->across, column), tiling_length(&walk->down, row)};
    struct piece_result result;
    if (!is_wanted(walk->canvas->scene, &rect, walk->canvas->wish.blends ? 1 : 0))
        return STATUS_OK;
    status code = painter_run_piece(walk->painter, walk->canvas->scene, &rect, &result, err);
    if (!code)
        code = add_tile(walk, column, row, &result, err);
    piece_result_free(&result);
    return code;
}

static status paint_row(struct tile_walk *walk, size_t row, struct error *err) {
    status code = STATUS_OK;
    for (size_t column = 0; !code && column < walk->across.count; column++) {
        code = paint_tile(walk, column, row, err);
        if (walk->painter->shows_pieces)
            meter_advance(walk->painter->meter);
    }
    return code;
}

static status paint_tiles(struct painter *painter, struct canvas *canvas, size_t size, struct error *err) {
    const struct rect whole = whole_of(canvas);
    const size_t overlap = painter->studio->overlap;
    struct tile_walk walk = {.painter = painter,
                             .canvas = canvas,
                             .across = tiling_make(whole.width, size, overlap),
                             .down = tiling_make(whole.height, size, overlap)};
    const struct tiling *down = &walk.down;
    status code = STATUS_OK;
    if (painter->shows_pieces)
        meter_start(painter->meter, "tiles", walk.across.count * down->count);
    for (size_t row = 0; !code && row < down->count; row++) {
        code = paint_row(&walk, row, err);
        if (!code && walk.strip.sums)
            strip_finish(&walk.strip, canvas, row + 1 < down->count ? down->step : tiling_length(down, row));
    }
    strip_close(&walk.strip);
    return code;
}

/* ---- which way ---- */

/* Where the size of a piece is ours to choose. */
static bool fits(const struct painter *painter, const struct piece_memory *need) {
    return need->activations <= AUTO_ARENA_BYTES && need->all <= painter->memory;
}

/* Of a model for one size: tiles of that size. */
static status take_fixed(const struct painter *painter, size_t *size, struct error *err) {
    const struct studio *studio = painter->studio;
    const size_t height = studio->fixed_height, width = studio->fixed_width, side = height < width ? height : width;
    *size = side / studio->align * studio->align;
    return *size >= 2 * studio->overlap && *size
               ? STATUS_OK
               : fail(err, STATUS_SHAPE, "%s takes only %zu by %zu pixels, too few for tiles that overlap by %zu",
                      studio->paint.path, width, height, studio->overlap);
}

/* The largest tile whose activations fit auto_bytes; of a model for one size, that size. */
static status choose_size(struct painter *painter, size_t *size, struct error *err) {
    static const size_t sizes[] = {2048, 1536, 1024, 768, 512, 384, 256};
    const size_t least = 2 * painter->studio->overlap, multiple = painter->studio->align;
    if (painter->studio->fixed_height && painter->studio->fixed_width)
        return take_fixed(painter, size, err);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct piece_memory need;
        *size = round_up(sizes[i], multiple);
        if (*size < least)
            break;
        const status code = painter_memory_for(painter, *size, *size, &need, err);
        if (code == STATUS_NO_MEMORY)
            continue;
        if (code || fits(painter, &need))
            return code;
    }
    *size = *size < least ? least : *size;
    return STATUS_OK;
}

status painter_paint_canvas(struct painter *painter, struct canvas *canvas, struct error *err) {
    const struct studio *studio = painter->studio;
    const struct rect whole = whole_of(canvas);
    struct piece_memory need;
    size_t size = studio->tile;
    struct error ignored;
    painter->picture_bytes = whole.height * whole.width * PICTURE_BYTES;
    /* what cannot even be planned is too large, or not of the model's size */
    const bool small = studio->whole_if_small &&
                       !painter_memory_for(painter, whole.height, whole.width, &need, &ignored) && fits(painter, &need);
    if (studio->way == WAY_WHOLE || small)
        return paint_whole(painter, canvas, err);
    if (studio->way == WAY_CROPS)
        return paint_crops(painter, canvas, err);
    const status code = size ? STATUS_OK : choose_size(painter, &size, err);
    return code ? code : paint_tiles(painter, canvas, size, err);
}
