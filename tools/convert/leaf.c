#include "tools/convert/leaf.h"

#include <stdbool.h>
#include <string.h>

/* The forms of a name's end: of modules, of the older and the newer norms of weights, of exporters. */
static const struct ending {
    const char *text;
    enum leaf leaf;
} endings[] = {
    {"parametrizations.weight.original0", LEAF_MAGNITUDE},
    {"parametrizations.weight.original1", LEAF_DIRECTION},
    {"parametrizations.weight.original", LEAF_ORIGINAL},
    {"parametrizations.weight.0._u", LEAF_U},
    {"parametrizations.weight.0._v", LEAF_V},
    {"weight", LEAF_WEIGHT},
    {"bias", LEAF_BIAS},
    {"weight_bias", LEAF_BIAS}, /* a bias that an exporter made when it folded a batch norm */
    {"running_mean", LEAF_MEAN},
    {"running_var", LEAF_VARIANCE},
    {"weight_orig", LEAF_ORIGINAL},
    {"weight_u", LEAF_U},
    {"weight_v", LEAF_V}, /* or a weight norm's direction: the module's other parameters tell */
    {"weight_g", LEAF_MAGNITUDE},
};

static bool ends_with(const char *name, size_t length, const char *ending, size_t *path_length) {
    const size_t part = strlen(ending);
    if (length < part || memcmp(name + length - part, ending, part) != 0)
        return false;
    if (length > part && name[length - part - 1] != '.')
        return false;
    *path_length = length > part ? length - part - 1 : 0;
    return true;
}

enum leaf leaf_of(const char *name, size_t *path_length) {
    const size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (ends_with(name, length, endings[i].text, path_length))
            return endings[i].leaf;
    const char *dot = strrchr(name, '.');
    *path_length = dot ? (size_t)(dot - name) : 0;
    return LEAF_OTHER;
}

const char *leaf_name(enum leaf leaf) {
    static const char *const names[] = {"weight",   "bias",     "running_mean", "running_var", "weight_orig",
                                        "weight_u", "weight_v", "weight_g",     "weight_v"};
    return leaf < LEAF_NAMED ? names[leaf] : "parameter";
}
