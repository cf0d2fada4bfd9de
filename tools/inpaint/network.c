#include "tools/inpaint/network.h"

#include "runtime/session/model.h"
#include "tools/files/element.h"

#include <stdlib.h>
#include <string.h>

/* ---- what the inputs take ---- */

static const char *expected(enum network_role role) {
    switch (role) {
    case ROLE_EDGE:
        return "an edge model takes N,3,H,W (gray, edges and mask) and gives N,1,H,W";
    case ROLE_EDGED:
        return "with --edge, the model takes N,4,H,W (RGB and edges) and gives N,3,H,W";
    default:
        return "without --edge, the model takes N,3,H,W (RGB), N,4,H,W (RGB and mask), or both N,3,H,W and N,1,H,W "
               "(RGB, "
               "mask), and gives N,3,H,W";
    }
}

static status wrong_input(const struct network *network, const limner_value *value, struct error *err) {
    char text[TYPE_TEXT_BYTES];
    return fail(err, STATUS_SHAPE, "%s: input \"%s\" is %s; %s", network->path, value->name,
                engine_type_text(value, text), expected(network->role));
}

static bool is_integer(limner_type type) {
    return type == LIMNER_INT64 || type == LIMNER_INT32 || type == LIMNER_INT16 || type == LIMNER_INT8 ||
           type == LIMNER_UINT8 || type == LIMNER_UINT16 || type == LIMNER_UINT32;
}

static void set_planes(struct network_input *input, int count, enum input_plane a, enum input_plane b,
                       enum input_plane c, enum input_plane d) {
    const enum input_plane planes[MOST_PLANES] = {a, b, c, d};
    memcpy(input->planes, planes, sizeof planes);
    input->plane_count = count;
}

static void set_colours(const struct network *network, struct network_input *input, int count, enum input_plane last) {
    const bool blue_first = network->form.blue_first;
    set_planes(input, count, blue_first ? PLANE_BLUE : PLANE_RED, PLANE_GREEN, blue_first ? PLANE_RED : PLANE_BLUE,
               last);
}

/* The channels that an undeclared input is taken to have. */
static int64_t channels_of(const struct network *network, const limner_value *value) {
    const int64_t declared = value->rank == 4 ? value->dims[1] : -1;
    return declared >= 0 ? declared : network->role == ROLE_EDGED ? 4 : 3;
}

static status read_input(struct network *network, const limner_value *value, struct error *err) {
    struct network_input *input = &network->inputs[network->input_count++];
    input->value = *value;
    if (network->role == ROLE_SINGLE && is_integer(value->type) && value->rank >= 2 && value->rank <= 4)
        return STATUS_OK;
    if (value->type != LIMNER_FLOAT || (value->rank != 4 && value->rank != -1))
        return wrong_input(network, value, err);
    const int64_t channels = channels_of(network, value);
    if (network->role == ROLE_EDGE && channels == 3)
        set_planes(input, 3, PLANE_GRAY, PLANE_CANNY, PLANE_MASK, PLANE_MASK);
    else if (network->role == ROLE_EDGED && channels == 4)
        set_colours(network, input, 4, PLANE_EDGE);
    else if (network->role == ROLE_SINGLE && (channels == 3 || channels == 4))
        set_colours(network, input, (int)channels, PLANE_MASK);
    else if (network->role == ROLE_SINGLE && channels == 1)
        set_planes(input, 1, PLANE_MASK, PLANE_MASK, PLANE_MASK, PLANE_MASK);
    else
        return wrong_input(network, value, err);
    if (value->rank == 4 && value->dims[0] > 1)
        return wrong_input(network, value, err);
    if (value->rank == 4 && value->dims[2] > 0)
        network->height = value->dims[2];
    if (value->rank == 4 && value->dims[3] > 0)
        network->width = value->dims[3];
    return STATUS_OK;
}

static status read_inputs(struct network *network, struct error *err) {
    const size_t count = limner_model_input_count(network->model);
    int colours = 0, masks = 0, grids = 0;
    for (size_t i = 0; i < count; i++) {
        limner_value value = {0};
        limner_model_input(network->model, i, &value);
        if (value.optional)
            continue;
        if (network->input_count == MOST_INPUTS)
            return wrong_input(network, &value, err);
        const status code = read_input(network, &value, err);
        if (code)
            return code;
        const int planes = network->inputs[network->input_count - 1].plane_count;
        colours += planes >= 3;
        masks += planes == 1;
        grids += planes == 0;
    }
    if (colours != 1 || masks > 1 || grids > 1)
        return fail(err, STATUS_SHAPE, "%s has %d inputs for colours, %d for masks and %d of integers; %s",
                    network->path, colours, masks, grids, expected(network->role));
    return STATUS_OK;
}

static status check_output(const struct network *network, struct error *err) {
    limner_value value = {0};
    if (limner_model_output(network->model, 0, &value))
        return fail(err, STATUS_INVALID_MODEL, "%s has no outputs", network->path);
    const int64_t channels = value.rank == 4 ? value.dims[1] : -1;
    const int64_t wanted = network->role == ROLE_EDGE ? 1 : 3;
    char text[TYPE_TEXT_BYTES];
    if (value.type != LIMNER_FLOAT || (value.rank != 4 && value.rank != -1) || (channels >= 0 && channels != wanted))
        return fail(err, STATUS_SHAPE, "%s: output \"%s\" is %s; %s", network->path, value.name,
                    engine_type_text(&value, text), expected(network->role));
    return STATUS_OK;
}

/* ---- opening ---- */

/* Without a word from the command line or the model's metadata, a last Tanh means -1..1. */
static void find_form(struct network *network, const struct light_range *range) {
    const struct engine engine = {network->model, NULL, network->path};
    const struct light_range none = {false, 0, 0}, tanh_range = {true, -1, 1};
    const char *key, *text;
    bool said = range->given;
    for (size_t i = 0; limner_model_metadata(network->model, i, &key, &text) == LIMNER_OK; i++)
        said = said || strcmp(key, "Image.NominalPixelRange") == 0;
    network->form = engine_picture_form(&engine,
                                        network->role == ROLE_EDGE             ? &none
                                        : !said && network->reach.ends_in_tanh ? &tanh_range
                                                                               : range,
                                        LIMNER_FLOAT);
}

status network_open(struct network *network, const char *path, enum network_role role, const struct light_range *range,
                    struct error *err) {
    *network = (struct network){.path = path, .role = role, .height = -1, .width = -1};
    limner_error problem = {0};
    if (engine_status(limner_model_load(path, NULL, &network->model, &problem), &problem, err))
        return engine_explain(path, err);
    status code = reach_find(network->model->source, &network->reach, err);
    if (code)
        return code;
    find_form(network, range);
    code = read_inputs(network, err);
    return code ? code : check_output(network, err);
}

void network_close(struct network *network) {
    limner_model_close(network->model);
    network->model = NULL;
}

bool network_has_grid(const struct network *network) {
    for (int i = 0; i < network->input_count; i++)
        if (network->inputs[i].plane_count == 0)
            return true;
    return false;
}

/* ---- filling inputs ---- */

size_t reflected(size_t i, size_t count) {
    if (count == 1)
        return 0;
    const size_t period = 2 * (count - 1), place = i % period;
    return place < count ? place : period - place;
}

static float plane_light(const struct scene_piece *piece, enum input_plane plane, size_t pixel) {
    const struct scene *scene = piece->scene;
    const bool hole = scene->hole[pixel];
    switch (plane) {
    case PLANE_MASK:
        return hole;
    case PLANE_CANNY:
        return !hole && scene->edges[pixel];
    case PLANE_GRAY:
        return hole ? 1 : (float)picture_gray(&scene->picture, pixel);
    default:
        return hole ? 1 : scene_light(scene, pixel, (int)plane);
    }
}

/* Masks and edges are 0 and 1 whatever the model's range is. */
static void fill_plane(const struct scene_piece *piece, enum input_plane plane, const struct picture_form *form,
                       float *out) {
    const bool is_light = plane <= PLANE_GRAY;
    const double low = is_light ? form->low : 0, high = is_light ? form->high : 1;
    for (size_t y = 0; y < piece->height; y++) {
        const size_t row = (piece->rect.y + reflected(y, piece->rect.height)) * piece->scene->picture.width;
        for (size_t x = 0; x < piece->width; x++) {
            const size_t pixel = row + piece->rect.x + reflected(x, piece->rect.width);
            out[y * piece->width + x] = (float)(low + (double)plane_light(piece, plane, pixel) * (high - low));
        }
    }
}

static void copy_edges(const struct scene_piece *piece, float *out) {
    const size_t width = (size_t)piece->edges->dims[3];
    for (size_t y = 0; y < piece->height; y++)
        memcpy(out + y * piece->width, (const float *)piece->edges->data + y * width, piece->width * sizeof *out);
}

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

static status shape_input(const struct network *network, int i, const struct scene_piece *piece, limner_tensor *tensor,
                          struct error *err) {
    const struct network_input *input = &network->inputs[i];
    const bool is_grid = input->plane_count == 0;
    const int rank = is_grid ? input->value.rank : 4;
    struct shape shape = {rank, {1, 1, 1, 1}};
    if (!is_grid)
        shape.dims[1] = input->plane_count;
    shape.dims[rank - 2] = (int64_t)(is_grid ? piece->height / piece->cell : piece->height);
    shape.dims[rank - 1] = (int64_t)(is_grid ? piece->width / piece->cell : piece->width);
    struct tensor described;
    const status code = tensor_describe(&described, (enum dtype)input->value.type, &shape, err);
    *tensor = (limner_tensor){input->value.name, input->value.type, rank, {0}, NULL, described.bytes};
    memcpy(tensor->dims, shape.dims, sizeof shape.dims);
    return code;
}

static status fill_input(const struct network *network, int i, const struct scene_piece *piece, limner_tensor *tensor,
                         struct error *err) {
    const struct network_input *input = &network->inputs[i];
    tensor->data = malloc(tensor->bytes ? tensor->bytes : 1);
    if (!tensor->data)
        return fail_memory(err, "an input of a model");
    if (input->plane_count == 0)
        return fill_grid(piece, tensor, err);
    for (int k = 0; k < input->plane_count; k++) {
        float *out = (float *)tensor->data + (size_t)k * piece->height * piece->width;
        if (input->planes[k] == PLANE_EDGE)
            copy_edges(piece, out);
        else
            fill_plane(piece, input->planes[k], &network->form, out);
    }
    return STATUS_OK;
}

/* ---- running ---- */

static status check_result(const struct network *network, const struct scene_piece *piece, const limner_tensor *output,
                           struct error *err) {
    const int64_t channels = network->role == ROLE_EDGE ? 1 : 3;
    const struct tensor view = engine_view(output);
    char text[SHAPE_TEXT_BYTES];
    if (output->type == LIMNER_FLOAT && output->rank == 4 && output->dims[0] == 1 && output->dims[1] == channels &&
        output->dims[2] >= (int64_t)piece->height && output->dims[3] >= (int64_t)piece->width)
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s: output \"%s\" became %s %s; expected float [1,%lld,%zu,%zu] or larger",
                network->path, output->name, dtype_name(view.dtype), shape_text(&view.shape, text), (long long)channels,
                piece->height, piece->width);
}

status network_run(const struct network *network, limner_session *session, const struct scene_piece *piece,
                   limner_tensor *output, struct error *err) {
    limner_tensor inputs[MOST_INPUTS] = {{.name = NULL}};
    status code = STATUS_OK;
    *output = (limner_tensor){.name = NULL};
    for (int i = 0; !code && i < network->input_count; i++) {
        code = shape_input(network, i, piece, &inputs[i], err);
        if (!code)
            code = fill_input(network, i, piece, &inputs[i], err);
    }
    if (!code) {
        limner_error problem = {0};
        code = engine_status(limner_session_run(session, inputs, (size_t)network->input_count, output, 1, &problem),
                             &problem, err);
        code = code ? fail_prefix(err, "%s", network->path) : check_result(network, piece, output, err);
    }
    for (int i = 0; i < network->input_count; i++)
        free(inputs[i].data);
    return code;
}

status network_plan(const struct network *network, limner_session *session, size_t height, size_t width, size_t cell,
                    limner_plan_info *info, struct error *err) {
    const struct scene_piece piece = {.height = height, .width = width, .cell = cell};
    limner_tensor inputs[MOST_INPUTS] = {{.name = NULL}};
    status code = STATUS_OK;
    for (int i = 0; !code && i < network->input_count; i++)
        code = shape_input(network, i, &piece, &inputs[i], err);
    if (code)
        return code;
    limner_error problem = {0};
    code = engine_status(limner_session_plan(session, inputs, (size_t)network->input_count, info, &problem), &problem,
                         err);
    return code ? fail_prefix(err, "%s", network->path) : STATUS_OK;
}
