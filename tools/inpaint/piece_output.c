#include "tools/inpaint/piece_output.h"

#include "base/checked.h"
#include "tools/files/element.h"

#include <math.h>
#include <stdlib.h>

/* Where the result's numbers lie. */
struct result_view {
    struct tensor tensor;
    size_t channels, height, width, channel_step, pixel_step;
};

static bool find_view(const struct network *network, const limner_tensor *output, struct result_view *view) {
    struct picture_axes axes = {-1, 0, 1};
    bool certain;
    view->tensor = engine_view(output);
    const struct shape *shape = &view->tensor.shape;
    if (shape->rank == 4 && shape->dims[0] != 1)
        return false;
    if (shape->rank != 2 &&
        !picture_find_axes(shape->rank, shape->dims, 0, network->form.channels_last, &axes, &certain))
        return false;
    view->channels = axes.channels < 0 ? 1 : (size_t)shape->dims[axes.channels];
    view->height = (size_t)shape->dims[axes.height];
    view->width = (size_t)shape->dims[axes.width];
    const bool last = axes.channels > axes.width;
    view->channel_step = last ? 1 : view->height * view->width;
    view->pixel_step = last ? view->channels : 1;
    return element_is_number(view->tensor.dtype) && !element_is_complex(view->tensor.dtype);
}

/* Strides and borders make a padded picture a little larger; what is much larger is another picture, not one to cut. */
static bool holds_piece(const struct network *network, const struct result_view *view, size_t height, size_t width) {
    const size_t slack = 32 + (network->reach.grid_known ? network->reach.grid : 32), times = view->width / width;
    const bool multiple = times > 1 && view->width == times * width && view->height == times * height;
    return view->height >= height && view->width >= width && view->height - height <= slack &&
           view->width - width <= slack && !multiple;
}

static bool role_takes(const struct network *network, const struct scene_piece *piece, const struct result_view *view) {
    const size_t channels = view->channels;
    const bool larger = holds_piece(network, view, piece->height, piece->width);
    switch (network->role) {
    case ROLE_PICTURE:
        return view->height && view->width && (channels == 1 || channels == 3 || channels == 4);
    case ROLE_EDGE:
        return larger && channels == 1;
    default:
        return larger && (channels == 1 || channels == 3);
    }
}

static status wrong_result(const struct network *network, const struct scene_piece *piece, const limner_tensor *output,
                           struct error *err) {
    const struct tensor view = engine_view(output);
    char text[SHAPE_TEXT_BYTES];
    fail(err, STATUS_SHAPE, "%s: output \"%s\" became %s %s; expected ", network->path, output->name,
         dtype_name(view.dtype), shape_text(&view.shape, text));
    if (network->role == ROLE_PICTURE)
        error_append(err, "a picture of 1, 3 or 4 channels");
    else
        error_append(err, "float [1,%d,%zu,%zu] or a little larger", network->role == ROLE_EDGE ? 1 : 3, piece->height,
                     piece->width);
    if (network->role != ROLE_PICTURE && view.shape.rank == 4 && view.shape.dims[2] >= 2 * (int64_t)piece->height)
        error_append(err, " (models that make pictures larger are for limner run)");
    return err->code;
}

/* ---- numbers to light ---- */

static double curved(const struct network *network, double number) {
    return network->contract.curve.word == CURVE_SIGMOID ? 1 / (1 + exp(-number)) : number;
}

/* From the least to the largest number of all; a flat result is black. */
static void find_range(const struct network *network, const struct result_view *view, struct picture_form *form) {
    const size_t count = view->channels * view->height * view->width;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        const double number = curved(network, element_get(view->tensor.dtype, view->tensor.data, i));
        low = number < low ? number : low;
        high = number > high ? number : high;
    }
    form->low = low < high ? low : isfinite(low) ? low : 0;
    form->high = low < high ? high : form->low + 1;
}

static void read_channel(const struct network *network, const struct picture_form *form, const struct result_view *view,
                         int channel, float *out) {
    const size_t pixels = view->height * view->width, first = (size_t)channel * view->channel_step;
    for (size_t i = 0; i < pixels; i++) {
        const double number = element_get(view->tensor.dtype, view->tensor.data, first + i * view->pixel_step);
        out[i] = (float)form_light(form, channel, curved(network, number));
    }
}

status piece_read_output(const struct network *network, const struct scene_piece *piece, const limner_tensor *output,
                         struct light_map *map, struct error *err) {
    struct result_view view;
    struct picture_form form = network->form;
    size_t pixels, count;
    *map = (struct light_map){.light = NULL};
    if (!find_view(network, output, &view) || !role_takes(network, piece, &view))
        return wrong_result(network, piece, output, err);
    if (size_mul(view.height, view.width, &pixels) && size_mul(pixels, view.channels, &count))
        map->light = malloc(count * sizeof *map->light);
    if (!map->light)
        return fail_memory(err, "a result");
    map->channels = (int)view.channels;
    map->height = view.height;
    map->width = view.width;
    if (network->contract.output_range.found)
        find_range(network, &view, &form);
    for (int c = 0; c < map->channels; c++) {
        const int colour = map->channels >= 3 ? form_colour(&form, c) : c;
        read_channel(network, &form, &view, c, map->light + (size_t)colour * pixels);
    }
    return STATUS_OK;
}
