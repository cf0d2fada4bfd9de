#include "tools/convert/neighbours.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *last_part(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

static bool same_parent(const char *a, const char *b) {
    const size_t length = (size_t)(last_part(a) - a);
    return length == (size_t)(last_part(b) - b) && memcmp(a, b, length) == 0;
}

/* The number that is the whole last part, or -1. */
static long number_of(const char *path) {
    const char *part = last_part(path);
    char *end;
    if (!isdigit((unsigned char)*part) || strlen(part) > 9)
        return -1;
    const long number = strtol(part, &end, 10);
    return *end ? -1 : number;
}

static bool has_weights(const struct modules *modules, int index) {
    const int parameter = module_weight(&modules->items[index]);
    return parameter >= 0 && modules->parameters[parameter].tensor->shape.rank >= 2;
}

/* In a numbered list: the module with the next lower number. */
static int before_in_list(const struct modules *modules, int norm) {
    const char *path = modules->items[norm].path;
    const long number = number_of(path);
    int best = -1;
    for (int i = 0; number >= 0 && i < modules->count; i++) {
        const char *other = modules->items[i].path;
        const long at = same_parent(path, other) ? number_of(other) : -1;
        if (at >= 0 && at < number && (best < 0 || at > number_of(modules->items[best].path)))
            best = i;
    }
    return best;
}

/* In the file, whose order is that of the definition. */
static int before_in_file(const struct modules *modules, int norm) {
    return modules->in_file_order ? norm - 1 : -1;
}

/* "conv1" and "bn1" are "1"; "second_norm" is "second". */
static void name_without_kind(const char *part, char *text, size_t capacity) {
    static const char *const kinds[] = {"convolution", "deconv", "conv",   "batchnorm", "batch_norm",
                                        "norm",        "bn",     "linear", "layer"};
    size_t used = 0;
    while (*part && used + 1 < capacity) {
        size_t kind = 0;
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !kind; i++)
            if (strncmp(part, kinds[i], strlen(kinds[i])) == 0)
                kind = strlen(kinds[i]);
        if (kind)
            part += kind;
        else if (*part == '_')
            part++;
        else
            text[used++] = *part++;
    }
    text[used] = 0;
}

/* The only module with weights in the same parent whose name is the same but for its kind. */
static int called_alike(const struct modules *modules, int norm) {
    char wanted[128], text[128];
    const char *path = modules->items[norm].path;
    int found = -1;
    if (number_of(path) >= 0)
        return -1;
    name_without_kind(last_part(path), wanted, sizeof wanted);
    for (int i = 0; i < modules->count; i++) {
        const char *other = modules->items[i].path;
        if (i == norm || !has_weights(modules, i) || !same_parent(path, other))
            continue;
        name_without_kind(last_part(other), text, sizeof text);
        if (strcmp(text, wanted) != 0)
            continue;
        if (found >= 0)
            return -1;
        found = i;
    }
    return found;
}

void neighbours_before(const struct modules *modules, int norm, int found[MOST_NEIGHBOURS]) {
    const int candidates[] = {before_in_list(modules, norm), before_in_file(modules, norm),
                              called_alike(modules, norm)};
    int count = 0;
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        bool known = candidates[i] < 0 || !has_weights(modules, candidates[i]);
        for (int k = 0; k < count; k++)
            known |= found[k] == candidates[i];
        if (!known)
            found[count++] = candidates[i];
    }
    found[count] = -1;
}
