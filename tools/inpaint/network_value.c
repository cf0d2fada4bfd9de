#include "tools/inpaint/network_value.h"

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

status network_wrong_input(const struct network *network, const limner_value *value, struct error *err) {
    char text[TYPE_TEXT_BYTES];
    return fail(err, STATUS_SHAPE, "%s: input \"%s\" is %s; %s", network->path, value->name,
                engine_type_text(value, text), network_expected(network->role));
}

bool value_is_integer(limner_type type) {
    return type == LIMNER_INT64 || type == LIMNER_INT32 || type == LIMNER_INT16 || type == LIMNER_INT8 ||
           type == LIMNER_UINT8 || type == LIMNER_UINT16 || type == LIMNER_UINT32 || type == LIMNER_UINT64;
}

bool value_is_real(limner_type type) {
    return type == LIMNER_FLOAT || type == LIMNER_DOUBLE || type == LIMNER_FLOAT16 || type == LIMNER_BFLOAT16;
}

bool network_find_axes(const struct network *network, const limner_value *value, int planes, struct picture_axes *axes,
                       bool *certain) {
    if (value->rank == 2) {
        *axes = (struct picture_axes){-1, 0, 1};
        *certain = true;
        return planes <= 1;
    }
    return picture_find_axes(value->rank, value->dims, planes, network->contract.layout.word == LAYOUT_NHWC, axes,
                             certain);
}

int64_t value_size_at(const limner_value *value, int axis) {
    return value->rank > 0 && axis >= 0 ? value->dims[axis] : -1;
}

int64_t value_channels(const limner_value *value, const struct picture_axes *axes) {
    return axes->channels < 0 ? 1 : value_size_at(value, axes->channels);
}
