#include "tools/convert/modules.h"

#include <ctype.h>
#include <string.h>

static int compare_numbers(const char **a, const char **b) {
    while (**a == '0' && isdigit((unsigned char)(*a)[1]))
        ++*a;
    while (**b == '0' && isdigit((unsigned char)(*b)[1]))
        ++*b;
    size_t long_a = 0, long_b = 0;
    while (isdigit((unsigned char)(*a)[long_a]))
        long_a++;
    while (isdigit((unsigned char)(*b)[long_b]))
        long_b++;
    const int order = long_a != long_b ? (long_a < long_b ? -1 : 1) : memcmp(*a, *b, long_a);
    *a += long_a;
    *b += long_b;
    return order;
}

int natural_compare(const char *a, const char *b) {
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            const int order = compare_numbers(&a, &b);
            if (order)
                return order;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++, b++;
        }
    }
    return *a ? 1 : *b ? -1 : 0;
}

void modules_free(struct modules *modules) {
    names_free(&modules->by_name);
    names_free(&modules->by_path);
}

int modules_find(const struct modules *modules, const char *path, size_t length) {
    char small[1024];
    if (length >= sizeof small)
        return -1;
    memcpy(small, path, length);
    small[length] = 0;
    const int index = names_find(&modules->by_path, small);
    return index == NAME_ABSENT ? -1 : index;
}

int modules_parameter(const struct modules *modules, const char *name) {
    const int index = names_find(&modules->by_name, name);
    if (index != NAME_ABSENT)
        return index;
    for (int i = 0; i < modules->parameter_count; i++)
        if (strcmp(modules->parameters[i].tensor->key, name) == 0)
            return i;
    return -1;
}

int module_weight(const struct checkpoint_module *module) {
    static const enum leaf forms[] = {LEAF_WEIGHT, LEAF_ORIGINAL, LEAF_DIRECTION};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (module->leaves[forms[i]] >= 0)
            return module->leaves[forms[i]];
    return -1;
}

const struct checkpoint_tensor *module_tensor(const struct modules *modules, int module, enum leaf leaf) {
    const int parameter = module < 0 ? -1 : modules->items[module].leaves[leaf];
    return parameter < 0 ? NULL : modules->parameters[parameter].tensor;
}

bool module_is_batch_norm(const struct checkpoint_module *module) {
    return module->leaves[LEAF_MEAN] >= 0 && module->leaves[LEAF_VARIANCE] >= 0;
}
