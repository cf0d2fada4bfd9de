#include "tools/inpaint/network_inputs.h"

#include <string.h>
#include <strings.h>

const char *network_expected(enum network_role role) {
    switch (role) {
    case ROLE_EDGE:
        return "an edge model takes N,3,H,W (gray, edges and mask) and gives N,1,H,W";
    case ROLE_EDGED:
        return "with --edge, the model takes N,4,H,W (RGB and edges) and gives N,3,H,W";
    case ROLE_SINGLE:
        return "without --edge, the model takes N,3,H,W (RGB), N,4,H,W (RGB and mask), or both N,3,H,W and N,1,H,W "
               "(RGB, mask), and gives N,3,H,W; --inputs and --preset say what others take";
    default:
        return "the model takes a picture of 1, 3 or 4 channels and gives one; --inputs says what others take";
    }
}

static status wrong_input(const struct network *network, const limner_value *value, struct error *err) {
    char text[TYPE_TEXT_BYTES];
    return fail(err, STATUS_SHAPE, "%s: input \"%s\" is %s; %s", network->path, value->name,
                engine_type_text(value, text), network_expected(network->role));
}

static bool is_integer(limner_type type) {
    return type == LIMNER_INT64 || type == LIMNER_INT32 || type == LIMNER_INT16 || type == LIMNER_INT8 ||
           type == LIMNER_UINT8 || type == LIMNER_UINT16 || type == LIMNER_UINT32;
}

static bool is_real(limner_type type) {
    return type == LIMNER_FLOAT || type == LIMNER_DOUBLE || type == LIMNER_FLOAT16 || type == LIMNER_BFLOAT16;
}

/* ---- shapes ---- */

/* Where channels and sides of an input stand; planes: how many channels it shall have, 0 where that is not known. */
static bool find_axes(const struct network *network, const limner_value *value, int planes, struct picture_axes *axes,
                      bool *certain) {
    if (value->rank == 2) {
        *axes = (struct picture_axes){-1, 0, 1};
        *certain = true;
        return planes <= 1;
    }
    return picture_find_axes(value->rank, value->dims, planes, network->contract.layout.word == LAYOUT_NHWC, axes,
                             certain);
}

static int64_t size_at(const limner_value *value, int axis) {
    return value->rank > 0 && axis >= 0 ? value->dims[axis] : -1;
}

/* The channels that the graph declares, or -1. */
static int64_t declared_channels(const limner_value *value, const struct picture_axes *axes) {
    return axes->channels < 0 ? 1 : size_at(value, axes->channels);
}

/* The channels that an undeclared input is taken to have. */
static int64_t channels_of(const struct network *network, const limner_value *value, const struct picture_axes *axes) {
    const int64_t declared = declared_channels(value, axes);
    return declared >= 0 ? declared : network->role == ROLE_EDGED ? 4 : value->rank == 3 ? 1 : 3;
}

/* A batch of one, and the sizes that the model insists on. */
static status take_sizes(struct network *network, const struct network_input *input, struct error *err) {
    const limner_value *value = &input->value;
    const int64_t height = size_at(value, input->axes.height), width = size_at(value, input->axes.width);
    if (value->rank == 4 && value->dims[0] > 1)
        return wrong_input(network, value, err);
    if (height == 0 || width == 0)
        return wrong_input(network, value, err);
    network->height = height > 0 ? height : network->height;
    network->width = width > 0 ? width : network->width;
    return STATUS_OK;
}

/* The graph's order of dimensions goes before the contract's. */
static void check_layout(const struct network *network, const struct network_input *input, struct meter *meter) {
    const struct contract *contract = &network->contract;
    char type[TYPE_TEXT_BYTES], speaker[64];
    const bool is_last = input->axes.channels > input->axes.width;
    if (!contract->layout.said.by || input->value.rank < 3 || is_last == (contract->layout.word == LAYOUT_NHWC))
        return;
    meter_complain(meter, "note: %s: input \"%s\" is %s, which is not what %s says (%s): the model's order is taken",
                   network->path, input->value.name, engine_type_text(&input->value, type),
                   contract_speaker(contract, &contract->layout, speaker), contract->layout.said.text);
}

/* Everything about an input whose planes are settled. */
static status settle_input(struct network *network, struct network_input *input, struct meter *meter,
                           struct error *err) {
    const enum dtype dtype = (enum dtype)input->value.type;
    bool certain;
    if (!is_real(input->value.type) && !is_integer(input->value.type) && input->value.type != LIMNER_BOOL)
        return wrong_input(network, &input->value, err);
    if (!find_axes(network, &input->value, input->group.count, &input->axes, &certain))
        return wrong_input(network, &input->value, err);
    const int64_t declared = declared_channels(&input->value, &input->axes);
    if (declared >= 0 && declared != input->group.count)
        return wrong_input(network, &input->value, err);
    check_layout(network, input, meter);
    input->form = contract_input_form(&network->contract, dtype, network->reach.ends_in_tanh);
    input->form.channels_last = input->axes.channels > input->axes.width;
    contract_mask_numbers(&network->contract, dtype, &input->mask_zero, &input->mask_one);
    for (int i = 0; i < input->group.count; i++)
        network->takes_alpha = network->takes_alpha || input->group.planes[i] == PLANE_ALPHA;
    return take_sizes(network, input, err);
}

/* ---- inputs as the contract lists them ---- */

/* "rgb" stays together: the planes of a group that begin at i. */
static int atom_length(const struct plane_group *group, int i) {
    return group->planes[i] == PLANE_RED && i + 2 < group->count && group->planes[i + 1] == PLANE_GREEN ? 3 : 1;
}

/* Whether the graph's input may take the group: as many channels, or none that are known. */
static bool takes_group(const struct network *network, const limner_value *value, const struct plane_group *group) {
    struct picture_axes axes;
    bool certain;
    if (group->count == 1 && group->planes[0] == PLANE_NOISE && value->rank != 4)
        return is_real(value->type);
    if (!find_axes(network, value, group->count, &axes, &certain))
        return false;
    const int64_t declared = declared_channels(value, &axes);
    return declared < 0 || declared == group->count;
}

/* The listed group for the input, by its name, else the first one left that fits; -1: there is none. */
static int choose_group(const struct network *network, const limner_value *value, const bool *used) {
    const struct said_inputs *said = &network->contract.inputs;
    for (int i = 0; i < said->count; i++)
        if (said->groups[i].name && strcmp(said->groups[i].name, value->name) == 0)
            return used[i] ? -1 : i;
    for (int i = 0; i < said->count; i++)
        if (!said->groups[i].name && !used[i] && takes_group(network, value, &said->groups[i]))
            return i;
    return -1;
}

static bool take_listed(struct network *network) {
    const struct said_inputs *said = &network->contract.inputs;
    bool used[MOST_INPUTS] = {false};
    if (said->count != network->input_count)
        return false;
    for (int i = 0; i < network->input_count; i++) {
        const int group = choose_group(network, &network->inputs[i].value, used);
        if (group < 0)
            return false;
        used[group] = true;
        network->inputs[i].group = said->groups[group];
    }
    return true;
}

/* All that is listed, as if it were for one input. */
static bool join_groups(const struct said_inputs *said, struct plane_group *all) {
    *all = (struct plane_group){.name = NULL};
    for (int i = 0; i < said->count; i++) {
        const struct plane_group *group = &said->groups[i];
        if (all->count + group->count > MOST_PLANES)
            return false;
        memcpy(all->planes + all->count, group->planes, (size_t)group->count * sizeof group->planes[0]);
        all->count += group->count;
    }
    return true;
}

/* Of the planes that are left, the first ones in their order that make up so many channels. */
static bool deal(const struct plane_group *all, unsigned *left, int channels, struct plane_group *group) {
    int starts[MOST_PLANES], atoms = 0;
    for (int i = 0; i < all->count; i += atom_length(all, i))
        starts[atoms++] = i;
    for (unsigned set = 1; set < 1U << atoms; set++) {
        if ((set & *left) != set)
            continue;
        *group = (struct plane_group){.name = NULL};
        for (int a = 0; a < atoms; a++)
            for (int k = 0; set >> a & 1 && k < atom_length(all, starts[a]); k++)
                group->planes[group->count++] = all->planes[starts[a] + k];
        if (group->count == channels) {
            *left &= ~set;
            return true;
        }
    }
    return false;
}

/* The graph joins what the list has apart, or the other way round: the planes are dealt out anew, in their order. */
static bool take_dealt(struct network *network) {
    struct plane_group all;
    unsigned left = (1U << MOST_PLANES) - 1;
    if (!join_groups(&network->contract.inputs, &all))
        return false;
    for (int i = 0; i < network->input_count; i++) {
        struct network_input *input = &network->inputs[i];
        bool certain;
        if (!find_axes(network, &input->value, 0, &input->axes, &certain) ||
            !deal(&all, &left, (int)declared_channels(&input->value, &input->axes), &input->group))
            return false;
    }
    int atoms = 0;
    for (int i = 0; i < all.count; i += atom_length(&all, i))
        atoms++;
    return (left & ((1U << atoms) - 1)) == 0;
}

static status misfit(const struct network *network, struct error *err) {
    const struct contract *contract = &network->contract;
    char speaker[64], type[TYPE_TEXT_BYTES];
    fail(err, STATUS_SHAPE, "%s: %s says %s, but the model takes", network->path,
         contract_speaker(contract, &contract->inputs, speaker), contract->inputs.said.text);
    for (int i = 0; i < network->input_count; i++)
        error_append(err, "%s \"%s\" %.120s", i ? "," : "", network->inputs[i].value.name,
                     engine_type_text(&network->inputs[i].value, type));
    return err->code;
}

static status take_said(struct network *network, struct meter *meter, struct error *err) {
    const struct contract *contract = &network->contract;
    char speaker[64];
    if (take_listed(network))
        return STATUS_OK;
    if (!take_dealt(network))
        return misfit(network, err);
    meter_complain(meter, "note: %s has %d inputs, which is not how %s has them (%s): they are filled in that order",
                   network->path, network->input_count, contract_speaker(contract, &contract->inputs, speaker),
                   contract->inputs.said.text);
    return STATUS_OK;
}

/* ---- inputs as their channels tell ---- */

static struct plane_group make_group(int count, enum input_plane a, enum input_plane b, enum input_plane c,
                                     enum input_plane d) {
    return (struct plane_group){.count = count, .planes = {a, b, c, d}};
}

/* The picture itself is bytes: then so is its mask. */
static bool has_byte_picture(const struct network *network) {
    for (int i = 0; i < network->input_count; i++)
        if (network->inputs[i].value.type == LIMNER_UINT8 && network->inputs[i].value.rank >= 3)
            return true;
    return false;
}

/* Integers over the places of a coarser grid, and no bytes of a picture. */
static bool is_grid(const struct network *network, const limner_value *value) {
    struct picture_axes axes;
    bool certain;
    if (network->role != ROLE_SINGLE || !is_integer(value->type) || value->rank < 2 || value->rank > 4)
        return false;
    if (!find_axes(network, value, 0, &axes, &certain))
        return true;
    const int64_t channels = declared_channels(value, &axes);
    return channels != 3 && channels != 4 &&
           !(value->type == LIMNER_UINT8 && (value->rank == 4 || has_byte_picture(network)));
}

static status guess_input(const struct network *network, struct network_input *input, struct error *err) {
    struct picture_axes axes;
    bool certain;
    if (is_grid(network, &input->value)) {
        input->group.count = 0;
        return STATUS_OK;
    }
    if (!find_axes(network, &input->value, 0, &axes, &certain))
        return wrong_input(network, &input->value, err);
    const int64_t channels = channels_of(network, &input->value, &axes);
    const enum network_role role = network->role;
    if (role == ROLE_EDGE && channels == 3)
        input->group = make_group(3, PLANE_GRAY, PLANE_CANNY, PLANE_MASK, PLANE_MASK);
    else if (role != ROLE_EDGE && channels == 4)
        input->group = make_group(4, PLANE_RED, PLANE_GREEN, PLANE_BLUE,
                                  role == ROLE_EDGED    ? PLANE_EDGE
                                  : role == ROLE_SINGLE ? PLANE_MASK
                                                        : PLANE_ALPHA);
    else if ((role == ROLE_SINGLE || role == ROLE_PICTURE) && channels == 3)
        input->group = make_group(3, PLANE_RED, PLANE_GREEN, PLANE_BLUE, PLANE_BLUE);
    else if (role == ROLE_SINGLE && channels == 2)
        input->group = make_group(2, PLANE_GRAY, PLANE_MASK, PLANE_MASK, PLANE_MASK);
    else if ((role == ROLE_SINGLE || role == ROLE_PICTURE) && channels == 1)
        input->group = make_group(1, role == ROLE_SINGLE ? PLANE_MASK : PLANE_GRAY, PLANE_MASK, PLANE_MASK, PLANE_MASK);
    else
        return wrong_input(network, &input->value, err);
    return STATUS_OK;
}

static bool is_called_mask(const struct network_input *input) {
    return strcasestr(input->value.name, "mask") != NULL;
}

/* Where nothing takes colours, a single channel that is not called a mask is the picture in gray. */
static void find_gray(struct network *network) {
    int candidate = -1;
    for (int i = 0; i < network->input_count; i++) {
        const struct plane_group *group = &network->inputs[i].group;
        if (group->count >= 2)
            return;
        if (group->count == 1 && candidate < 0 && !is_called_mask(&network->inputs[i]))
            candidate = i;
    }
    if (candidate >= 0)
        network->inputs[candidate].group.planes[0] = PLANE_GRAY;
}

static status guess_inputs(struct network *network, struct error *err) {
    status code = STATUS_OK;
    for (int i = 0; !code && i < network->input_count; i++)
        code = guess_input(network, &network->inputs[i], err);
    if (!code && network->role == ROLE_SINGLE)
        find_gray(network);
    return code;
}

/* ---- all of them ---- */

static bool shows_picture(const struct plane_group *group) {
    for (int i = 0; i < group->count; i++)
        if (group->planes[i] <= PLANE_GRAY)
            return true;
    return false;
}

static status check_inputs(const struct network *network, struct error *err) {
    int pictures = 0, masks = 0, grids = 0;
    for (int i = 0; i < network->input_count; i++) {
        const struct network_input *input = &network->inputs[i];
        const bool picture = shows_picture(&input->group);
        pictures += picture;
        grids += input->group.count == 0;
        masks += !picture && input->group.count == 1 && input->group.planes[0] == PLANE_MASK;
    }
    if (network->contract.inputs.said.by ? pictures > 0 && grids <= 1 : pictures == 1 && masks <= 1 && grids <= 1)
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s has %d inputs for colours, %d for masks and %d of integers; %s", network->path,
                pictures, masks, grids, network_expected(network->role));
}

static status list_inputs(struct network *network, struct error *err) {
    const size_t count = limner_model_input_count(network->model);
    for (size_t i = 0; i < count; i++) {
        limner_value value = {0};
        limner_model_input(network->model, i, &value);
        if (value.optional)
            continue;
        if (network->input_count == MOST_INPUTS)
            return wrong_input(network, &value, err);
        network->inputs[network->input_count++].value = value;
    }
    return STATUS_OK;
}

status network_read_inputs(struct network *network, struct meter *meter, struct error *err) {
    const bool said = network->contract.inputs.said.by && network->role != ROLE_EDGE;
    status code = list_inputs(network, err);
    if (!code)
        code = said ? take_said(network, meter, err) : guess_inputs(network, err);
    for (int i = 0; !code && i < network->input_count; i++) {
        struct network_input *input = &network->inputs[i];
        const struct plane_group *group = &input->group;
        input->noise = group->count == 1 && group->planes[0] == PLANE_NOISE && input->value.rank != 4;
        if (!input->noise && group->count)
            code = settle_input(network, input, meter, err);
    }
    return code ? code : check_inputs(network, err);
}
