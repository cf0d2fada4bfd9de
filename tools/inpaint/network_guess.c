#include "tools/inpaint/network_guess.h"

#include "tools/inpaint/network_value.h"

#include <string.h>
#include <strings.h>

/* The channels that an undeclared input is taken to have. */
static int64_t channels_of(const struct network *network, const limner_value *value, const struct picture_axes *axes) {
    const int64_t declared = value_channels(value, axes);
    return declared >= 0 ? declared : network->role == ROLE_EDGED ? 4 : value->rank == 3 ? 1 : 3;
}

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

/* "mask", and not "masked_image". */
static bool is_called_mask(const limner_value *value) {
    const char *at = strcasestr(value->name, "mask");
    return at && strncasecmp(at, "masked", 6) != 0;
}

/* One size, or one name for both. */
static bool same_side(const limner_value *a, int i, const limner_value *b, int k) {
    return a->dims[i] > 0 ? a->dims[i] == b->dims[k]
                          : b->dims[k] < 0 && a->names[i] && b->names[k] && strcmp(a->names[i], b->names[k]) == 0;
}

/* Whether the value, H,W behind what else it has, is declared as high and as wide as a picture beside it. */
static bool has_sides_of_a_picture(const struct network *network, const limner_value *value) {
    for (int i = 0; i < network->input_count; i++) {
        const limner_value *other = &network->inputs[i].value;
        struct picture_axes axes;
        bool certain;
        if (other != value && other->rank >= 3 && network_find_axes(network, other, 0, &axes, &certain) &&
            value_channels(other, &axes) >= 3 && same_side(value, value->rank - 2, other, axes.height) &&
            same_side(value, value->rank - 1, other, axes.width))
            return true;
    }
    return false;
}

/* A mask of integers, for each pixel. */
static bool is_whole_mask(const struct network *network, const limner_value *value) {
    return (value->rank == 4 && is_called_mask(value)) || has_sides_of_a_picture(network, value);
}

/* Integers over the places of a coarser grid, and no bytes of a picture. */
static bool is_grid(const struct network *network, const limner_value *value) {
    struct picture_axes axes;
    bool certain;
    if (network->role != ROLE_SINGLE || !value_is_integer(value->type) || value->rank < 2 || value->rank > 4)
        return false;
    if (!network_find_axes(network, value, 0, &axes, &certain))
        return true;
    const int64_t channels = value_channels(value, &axes);
    return channels != 3 && channels != 4 && !is_whole_mask(network, value) &&
           !(value->type == LIMNER_UINT8 && (value->rank == 4 || has_byte_picture(network)));
}

static status guess_input(const struct network *network, struct network_input *input, struct error *err) {
    struct picture_axes axes;
    bool certain;
    if (is_grid(network, &input->value)) {
        input->group.count = 0;
        return STATUS_OK;
    }
    if (!network_find_axes(network, &input->value, 0, &axes, &certain))
        return network_wrong_input(network, &input->value, err);
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
        return network_wrong_input(network, &input->value, err);
    return STATUS_OK;
}

/* Where nothing takes colours, a single channel that is not called a mask is the picture in gray. */
static void find_gray(struct network *network) {
    int candidate = -1;
    for (int i = 0; i < network->input_count; i++) {
        const struct plane_group *group = &network->inputs[i].group;
        if (group->count >= 2)
            return;
        if (group->count == 1 && candidate < 0 && !is_called_mask(&network->inputs[i].value))
            candidate = i;
    }
    if (candidate >= 0)
        network->inputs[candidate].group.planes[0] = PLANE_GRAY;
}

static bool takes_colours(const struct network_input *input) {
    return input->group.count >= 3 && input->group.planes[0] == PLANE_RED;
}

/* Beside a picture, what is called a mask is one, with as many equal channels as it declares; with one, when it
   declares none. */
static void find_masks(struct network *network) {
    bool has_picture = false;
    for (int i = 0; i < network->input_count; i++)
        has_picture |= takes_colours(&network->inputs[i]) && !is_called_mask(&network->inputs[i].value);
    for (int i = 0; has_picture && i < network->input_count; i++) {
        struct network_input *input = &network->inputs[i];
        struct picture_axes axes;
        bool certain;
        if (input->group.count != 3 || !takes_colours(input) || !is_called_mask(&input->value) ||
            !network_find_axes(network, &input->value, 0, &axes, &certain))
            continue;
        input->group = make_group(value_channels(&input->value, &axes) < 0 ? 1 : 3, PLANE_MASK, PLANE_MASK, PLANE_MASK,
                                  PLANE_MASK);
    }
}

status network_guess_inputs(struct network *network, struct error *err) {
    status code = STATUS_OK;
    for (int i = 0; !code && i < network->input_count; i++)
        code = guess_input(network, &network->inputs[i], err);
    if (!code && network->role == ROLE_SINGLE) {
        find_masks(network);
        find_gray(network);
    }
    return code;
}
