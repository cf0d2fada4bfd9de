#include "tools/inpaint/network_inputs.h"

#include "tools/inpaint/network_guess.h"
#include "tools/inpaint/network_value.h"

#include <string.h>

/* A batch of one, and the sizes that the model insists on. */
static status take_sizes(struct network *network, const struct network_input *input, struct error *err) {
    const limner_value *value = &input->value;
    const int64_t height = value_size_at(value, input->axes.height), width = value_size_at(value, input->axes.width);
    if (value->rank == 4 && value->dims[0] > 1)
        return fail(err, STATUS_SHAPE,
                    "%s: input \"%s\" takes %lld pictures at once; export it for one, or with a free size",
                    network->path, value->name, (long long)value->dims[0]);
    if (height == 0 || width == 0)
        return network_wrong_input(network, value, err);
    if ((height > 0 && network->height > 0 && height != network->height) ||
        (width > 0 && network->width > 0 && width != network->width))
        return fail(err, STATUS_SHAPE,
                    "%s: input \"%s\" is not as wide and high as the one before it (%lld by %lld, not %lld by %lld)",
                    network->path, value->name, (long long)width, (long long)height, (long long)network->width,
                    (long long)network->height);
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

/* By which a mask's numbers go: beside a picture of floats, wider integers than bytes are 0 and 1, as floats are. */
static enum dtype mask_type(const struct network *network, enum dtype dtype) {
    for (int i = 0; i < network->input_count; i++)
        if (dtype != DTYPE_UINT8 && network->inputs[i].group.count >= 3 && value_is_real(network->inputs[i].value.type))
            return DTYPE_FLOAT;
    return dtype;
}

/* Everything about an input whose planes are settled. */
static status settle_input(struct network *network, struct network_input *input, struct meter *meter,
                           struct error *err) {
    const enum dtype dtype = (enum dtype)input->value.type;
    bool certain;
    if (!value_is_real(input->value.type) && !value_is_integer(input->value.type) && input->value.type != LIMNER_BOOL)
        return network_wrong_input(network, &input->value, err);
    if (!network_find_axes(network, &input->value, input->group.count, &input->axes, &certain))
        return network_wrong_input(network, &input->value, err);
    const int64_t declared = value_channels(&input->value, &input->axes);
    if (declared >= 0 && declared != input->group.count)
        return network_wrong_input(network, &input->value, err);
    check_layout(network, input, meter);
    input->form = contract_input_form(&network->contract, dtype, network->ends_in_tanh);
    input->form.channels_last = input->axes.channels > input->axes.width;
    contract_mask_numbers(&network->contract, mask_type(network, dtype), &input->mask_zero, &input->mask_one);
    for (int i = 0; i < input->group.count; i++)
        network->takes_alpha = network->takes_alpha || input->group.planes[i] == PLANE_ALPHA;
    return take_sizes(network, input, err);
}

/* ---- inputs as the contract lists them ---- */

/* "rgb" stays together: the planes of a group that begin at i. */
static int atom_length(const struct plane_group *group, int i) {
    return group->planes[i] == PLANE_RED && i + 2 < group->count && group->planes[i + 1] == PLANE_GREEN ? 3 : 1;
}

/* Of any shape, and no picture: noise, or a number or a row of them. */
static bool is_plain(const struct plane_group *group, const limner_value *value) {
    const enum input_plane plane = group->planes[0];
    return group->count == 1 && (plane == PLANE_NOISE ? value->rank != 4
                                                      : (plane == PLANE_ONES || plane == PLANE_ZEROS) &&
                                                            value->rank >= 0 && value->rank <= 1);
}

/* Whether the graph's input may take the group: as many channels, or none that are known. */
static bool takes_group(const struct network *network, const limner_value *value, const struct plane_group *group) {
    struct picture_axes axes;
    bool certain;
    if (is_plain(group, value))
        return value_is_real(value->type) ||
               (group->planes[0] != PLANE_NOISE && (value_is_integer(value->type) || value->type == LIMNER_BOOL));
    if (!network_find_axes(network, value, group->count, &axes, &certain))
        return false;
    const int64_t declared = value_channels(value, &axes);
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
static bool assign_planes(const struct plane_group *all, unsigned *left, int channels, struct plane_group *group) {
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

/* The graph joins what the list has apart, or the other way round: the planes are assigned anew, in their order. */
static bool assign_all_planes(struct network *network) {
    struct plane_group all;
    unsigned left = (1U << MOST_PLANES) - 1;
    if (!join_groups(&network->contract.inputs, &all))
        return false;
    for (int i = 0; i < network->input_count; i++) {
        struct network_input *input = &network->inputs[i];
        bool certain;
        if (!network_find_axes(network, &input->value, 0, &input->axes, &certain) ||
            !assign_planes(&all, &left, (int)value_channels(&input->value, &input->axes), &input->group))
            return false;
    }
    int atoms = 0;
    for (int i = 0; i < all.count; i += atom_length(&all, i))
        atoms++;
    return (left & ((1U << atoms) - 1)) == 0;
}

/* The names and types of them all. */
static void append_inputs(const struct network *network, struct error *err) {
    char type[TYPE_TEXT_BYTES];
    for (int i = 0; i < network->input_count; i++)
        error_append(err, "%s \"%.60s\" %.120s", i ? "," : "", network->inputs[i].value.name,
                     engine_type_text(&network->inputs[i].value, type));
}

static status misfit(const struct network *network, struct error *err) {
    const struct contract *contract = &network->contract;
    char speaker[64];
    fail(err, STATUS_SHAPE, "%s: %s says %s, but the model takes", network->path,
         contract_speaker(contract, &contract->inputs, speaker), contract->inputs.said.text);
    append_inputs(network, err);
    return err->code;
}

static status take_said(struct network *network, struct meter *meter, struct error *err) {
    const struct contract *contract = &network->contract;
    char speaker[64];
    if (take_listed(network))
        return STATUS_OK;
    if (!assign_all_planes(network))
        return misfit(network, err);
    meter_complain(meter, "note: %s has %d inputs, which is not how %s has them (%s): they are filled in that order",
                   network->path, network->input_count, contract_speaker(contract, &contract->inputs, speaker),
                   contract->inputs.said.text);
    return STATUS_OK;
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
        masks += !picture && input->group.count && input->group.planes[0] == PLANE_MASK;
    }
    if (network->contract.inputs.said.by ? pictures > 0 && grids <= 1 : pictures == 1 && masks <= 1 && grids <= 1)
        return STATUS_OK;
    fail(err, STATUS_SHAPE, "%s has %d inputs for colours, %d for masks and %d of integers:", network->path, pictures,
         masks, grids);
    append_inputs(network, err);
    error_append(err, "; %s", network_expected(network->role));
    return err->code;
}

static status list_inputs(struct network *network, struct error *err) {
    const size_t count = limner_model_input_count(network->model);
    for (size_t i = 0; i < count; i++) {
        limner_value value = {0};
        limner_model_input(network->model, i, &value);
        if (value.optional)
            continue;
        if (network->input_count == MOST_INPUTS)
            return network_wrong_input(network, &value, err);
        network->inputs[network->input_count++].value = value;
    }
    return STATUS_OK;
}

status network_read_inputs(struct network *network, struct meter *meter, struct error *err) {
    const bool said = network->contract.inputs.said.by && network->role != ROLE_EDGE;
    status code = list_inputs(network, err);
    if (!code)
        code = said ? take_said(network, meter, err) : network_guess_inputs(network, err);
    for (int i = 0; !code && i < network->input_count; i++) {
        struct network_input *input = &network->inputs[i];
        const struct plane_group *group = &input->group;
        input->plain = is_plain(group, &input->value);
        if (!input->plain && group->count)
            code = settle_input(network, input, meter, err);
    }
    return code ? code : check_inputs(network, err);
}
