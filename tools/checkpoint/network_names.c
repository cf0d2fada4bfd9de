#include "tools/checkpoint/network_names.h"

#include <stddef.h>
#include <string.h>

/* Names of one family are names of one network. */
enum family { FAMILY_NONE, FAMILY_GENERATOR, FAMILY_MODEL, FAMILY_ANY };

static const struct {
    const char *name;
    enum family family;
} usual_names[] = {
    {"generator", FAMILY_GENERATOR},
    {"G", FAMILY_GENERATOR},
    {"g", FAMILY_GENERATOR},
    {"netG", FAMILY_GENERATOR},
    {"netg", FAMILY_GENERATOR},
    {"net_g", FAMILY_GENERATOR},
    {"net_G", FAMILY_GENERATOR},
    {"gen", FAMILY_GENERATOR},
    {"model_G", FAMILY_GENERATOR},
    {"model_g", FAMILY_GENERATOR},
    {"generator_state_dict", FAMILY_GENERATOR},
    {"G_state_dict", FAMILY_GENERATOR},
    {"gen_state_dict", FAMILY_GENERATOR},
    {"state_dict", FAMILY_MODEL},
    {"params", FAMILY_MODEL},
    {"model", FAMILY_MODEL},
    {"net", FAMILY_MODEL},
    {"network", FAMILY_MODEL},
    {"module", FAMILY_MODEL},
    {"weights", FAMILY_MODEL},
    {"model_state_dict", FAMILY_MODEL},
    {"model_state", FAMILY_MODEL},
};

static enum family family_of(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof usual_names / sizeof usual_names[0]; i++)
        if (strlen(usual_names[i].name) == length && memcmp(usual_names[i].name, name, length) == 0)
            return usual_names[i].family;
    return FAMILY_NONE;
}

/* The family of a name, and whether it says that its weights are averages. "ema" is an average of anything. */
static enum family read_name(const char *name, bool *averaged) {
    static const char *const words[] = {"ema", "EMA", "avg", "averaged"};
    const size_t length = strlen(name);
    const enum family plain = family_of(name, length);
    *averaged = false;
    for (size_t i = 0; !plain && i < sizeof words / sizeof words[0]; i++) {
        const size_t word = strlen(words[i]);
        *averaged = true;
        if (strcmp(name, words[i]) == 0)
            return FAMILY_ANY;
        if (length <= word + 1)
            continue;
        const size_t rest = length - word - 1;
        const bool last = name[rest] == '_' && strcmp(name + rest + 1, words[i]) == 0;
        const bool first = name[word] == '_' && strncmp(name, words[i], word) == 0;
        const enum family family = last    ? family_of(name, rest)
                                   : first ? family_of(name + word + 1, rest)
                                           : FAMILY_NONE;
        if (family)
            return family;
    }
    *averaged = *averaged && plain;
    return plain;
}

bool network_name_is_usual(const char *name) {
    bool averaged;
    return read_name(name, &averaged) != FAMILY_NONE;
}

void network_names_add(struct network_names *names, const char *name, int index) {
    bool averaged;
    const enum family family = read_name(name, &averaged);
    names->count++;
    if (family != FAMILY_ANY)
        names->families |= 1U << family;
    if (averaged) {
        names->averaged = index;
        names->averaged_count++;
    }
}

int network_names_prefer(const struct network_names *names) {
    const bool one_network = (names->families & (names->families - 1)) == 0;
    return names->averaged_count == 1 && one_network ? names->averaged : -1;
}
