#include "tools/inpaint/piece_input.h"

#include "tools/files/element.h"
#include "tools/inpaint/noise.h"

#include <stdlib.h>
#include <string.h>

/* ---- shapes ---- */

static struct shape shape_of_grid(const struct network_input *input, const struct scene_piece *piece) {
    struct shape shape = {input->value.rank, {1, 1, 1, 1}};
    shape.dims[shape.rank - 2] = (int64_t)(piece->height / piece->cell);
    shape.dims[shape.rank - 1] = (int64_t)(piece->width / piece->cell);
    return shape;
}

/* Free sizes are one. */
static struct shape shape_of_plain(const struct network_input *input) {
    struct shape shape = {input->value.rank < 0 ? 0 : input->value.rank, {1}};
    for (int d = 0; d < shape.rank; d++)
        shape.dims[d] = input->value.dims[d] < 0 ? 1 : input->value.dims[d];
    return shape;
}

static struct shape shape_of_picture(const struct network_input *input, const struct scene_piece *piece) {
    struct shape shape = {input->value.rank < 0 ? 4 : input->value.rank, {1, 1, 1, 1}};
    if (input->axes.channels >= 0)
        shape.dims[input->axes.channels] = input->group.count;
    shape.dims[input->axes.height] = (int64_t)piece->height;
    shape.dims[input->axes.width] = (int64_t)piece->width;
    return shape;
}

status piece_shape_input(const struct network *network, int i, const struct scene_piece *piece, limner_tensor *tensor,
                         struct error *err) {
    const struct network_input *input = &network->inputs[i];
    const struct shape shape = input->plain          ? shape_of_plain(input)
                               : !input->group.count ? shape_of_grid(input, piece)
                                                     : shape_of_picture(input, piece);
    struct tensor described;
    const status code = tensor_describe(&described, (enum dtype)input->value.type, &shape, err);
    *tensor = (limner_tensor){input->value.name, input->value.type, shape.rank, {0}, NULL, described.bytes};
    memcpy(tensor->dims, shape.dims, sizeof shape.dims);
    return code;
}

/* ---- planes ---- */

size_t reflected(size_t i, size_t count) {
    if (count == 1)
        return 0;
    const size_t period = 2 * (count - 1), place = i % period;
    return place < count ? place : period - place;
}

/* What one plane of an input is made of. */
struct plane_source {
    const struct scene_piece *piece;
    const struct network *network;
    const struct network_input *input;
    enum input_plane plane;
};

/* The light that stands in a hole; false for the plain number zero. */
static bool hole_light(const struct plane_source *source, size_t pixel, int colour, double *light) {
    const struct said_hole *hole = &source->network->contract.hole;
    const struct scene *scene = source->piece->scene;
    const uint64_t seed = (uint64_t)source->network->contract.seed.count;
    switch (hole->kind) {
    case HOLE_WHITE:
        *light = 1;
        return true;
    case HOLE_GRAY:
        *light = 0.5;
        return true;
    case HOLE_MEAN:
        *light = source->plane == PLANE_GRAY ? picture_gray_of(scene->mean) : scene->mean[colour];
        return true;
    case HOLE_NOISE:
        *light = noise_uniform(seed, 3 * pixel + (size_t)colour);
        return true;
    case HOLE_LIGHT:
        *light = hole->light;
        return true;
    default:
        *light = 0;
        return hole->kind == HOLE_BLACK;
    }
}

/* EdgeConnect's gray for its edge model; for others that of most programs. */
static double gray_light(const struct plane_source *source, size_t pixel) {
    const struct scene *scene = source->piece->scene;
    return source->network->role == ROLE_EDGE
               ? picture_gray(&scene->picture, pixel)
               : 0.299 * (double)scene_light(scene, pixel, 0) + 0.587 * (double)scene_light(scene, pixel, 1) +
                     0.114 * (double)scene_light(scene, pixel, 2);
}

static double colour_number(const struct plane_source *source, size_t pixel) {
    const struct scene *scene = source->piece->scene;
    const struct picture_form *form = &source->input->form;
    const int position = source->plane == PLANE_GRAY ? 0 : (int)source->plane, colour = form_colour(form, position);
    const bool filled = source->network->contract.hole.kind != HOLE_KEEP && scene_is_hole(scene, pixel);
    double light = source->plane == PLANE_GRAY ? gray_light(source, pixel) : (double)scene_light(scene, pixel, colour);
    if (filled && !hole_light(source, pixel, colour, &light))
        return 0;
    return form_number(form, position, light);
}

static double plane_number(const struct plane_source *source, size_t pixel) {
    const struct scene *scene = source->piece->scene;
    const bool hole = scene_is_hole(scene, pixel);
    const bool one = hole == (source->network->contract.mask_one.word == MASK_ONE_IS_HOLE);
    switch (source->plane) {
    case PLANE_MASK:
        return one ? source->input->mask_one : source->input->mask_zero;
    case PLANE_CANNY:
        return !hole && scene->edges && scene->edges[pixel];
    case PLANE_ONES:
        return source->input->mask_one;
    case PLANE_ZEROS:
        return source->input->mask_zero;
    case PLANE_ALPHA:
        return form_number(&source->input->form, 3, scene_alpha(scene, pixel));
    case PLANE_NOISE:
        return noise_normal((uint64_t)source->network->contract.seed.count, pixel);
    default:
        return colour_number(source, pixel);
    }
}

static void fill_plane(const struct plane_source *source, float *out) {
    const struct scene_piece *piece = source->piece;
    for (size_t y = 0; y < piece->height; y++) {
        const size_t row = (piece->rect.y + reflected(y, piece->rect.height)) * piece->scene->picture.width;
        for (size_t x = 0; x < piece->width; x++) {
            const size_t pixel = row + piece->rect.x + reflected(x, piece->rect.width);
            out[y * piece->width + x] = (float)plane_number(source, pixel);
        }
    }
}

static void copy_edges(const struct scene_piece *piece, float *out) {
    for (size_t y = 0; y < piece->height; y++)
        memcpy(out + y * piece->width, piece->edges->light + y * piece->edges->width, piece->width * sizeof *out);
}

/* Planes of floats as the model's type and order. */
static void store_plane(const struct network_input *input, const float *plane, size_t pixels, int channel,
                        limner_tensor *tensor) {
    const bool last = input->form.channels_last;
    const size_t step = last ? (size_t)input->group.count : 1, first = (size_t)channel * (last ? 1 : pixels);
    for (size_t i = 0; i < pixels; i++)
        element_set((enum dtype)tensor->type, tensor->data, first + i * step, (double)plane[i]);
}

static status fill_planes(const struct network *network, int i, const struct scene_piece *piece, limner_tensor *tensor,
                          struct error *err) {
    const struct network_input *input = &network->inputs[i];
    const size_t pixels = piece->height * piece->width;
    const bool direct = tensor->type == LIMNER_FLOAT && !input->form.channels_last;
    float *own = direct ? NULL : calloc(pixels, sizeof *own);
    if (!direct && !own)
        return fail_memory(err, "an input of a model");
    for (int k = 0; k < input->group.count; k++) {
        const struct plane_source source = {piece, network, input, input->group.planes[k]};
        float *out = direct ? (float *)tensor->data + (size_t)k * pixels : own;
        if (source.plane == PLANE_EDGE && piece->edges)
            copy_edges(piece, out);
        else if (source.plane == PLANE_EDGE)
            memset(out, 0, pixels * sizeof *out);
        else
            fill_plane(&source, out);
        if (!direct)
            store_plane(input, out, pixels, k, tensor);
    }
    free(own);
    return STATUS_OK;
}

/* ---- other inputs ---- */

/* A number that no connection has: such places pass unchanged. */
static double outside_grid(limner_type type) {
    return type == LIMNER_UINT8 || type == LIMNER_UINT16 || type == LIMNER_UINT32 ? 255 : -1;
}

static status fill_grid(const struct scene_piece *piece, const limner_tensor *tensor, struct error *err) {
    const struct mask_grid *grid = piece->grid;
    const size_t height = piece->height / piece->cell, width = piece->width / piece->cell;
    if (grid->values && (grid->height != height || grid->width != width))
        return fail(
            err, STATUS_SHAPE,
            "the mask grid is %zu wide and %zu high, but this picture needs %zu by %zu: its size divided by %zu "
            "and rounded up",
            grid->width, grid->height, width, height, piece->cell);
    for (size_t i = 0; i < height * width; i++)
        element_set((enum dtype)tensor->type, tensor->data, i,
                    grid->values ? (double)grid->values[i] : outside_grid(tensor->type));
    return STATUS_OK;
}

static status fill_plain(const struct network *network, enum input_plane plane, const limner_tensor *tensor) {
    const struct tensor view = engine_view(tensor);
    const size_t count = (size_t)tensor_elements(&view);
    for (size_t i = 0; i < count; i++)
        element_set(view.dtype, tensor->data, i,
                    plane == PLANE_NOISE ? noise_normal((uint64_t)network->contract.seed.count, i)
                                         : plane == PLANE_ONES);
    return STATUS_OK;
}

status piece_fill_input(const struct network *network, int i, const struct scene_piece *piece, limner_tensor *tensor,
                        struct error *err) {
    const struct network_input *input = &network->inputs[i];
    tensor->data = malloc(tensor->bytes ? tensor->bytes : 1);
    if (!tensor->data)
        return fail_memory(err, "an input of a model");
    if (input->plain)
        return fill_plain(network, input->group.planes[0], tensor);
    return input->group.count ? fill_planes(network, i, piece, tensor, err) : fill_grid(piece, tensor, err);
}
