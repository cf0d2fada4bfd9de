#include "tools/convert/modules.h"

#include "tools/convert/prefix.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- order ---- */

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

static int by_path(const void *a, const void *b) {
    return natural_compare(((const struct module *)a)->path, ((const struct module *)b)->path);
}

/* safetensors files list their tensors by name, whatever the order of the definition was. */
static void sort_modules(struct modules *modules) {
    qsort(modules->items, (size_t)modules->count, sizeof *modules->items, by_path);
    for (int i = 0; i < modules->count; i++)
        for (int leaf = 0; leaf < LEAF_NAMED; leaf++)
            if (modules->items[i].leaves[leaf] >= 0)
                modules->parameters[modules->items[i].leaves[leaf]].module = i;
}

/* ---- grouping ---- */

/* More than any network has. */
#define MOST_MODULES 20000

static bool is_counter(const char *key) {
    const char *dot = strrchr(key, '.');
    return strcmp(dot ? dot + 1 : key, "num_batches_tracked") == 0;
}

/* The key with what was taken and put; NULL when it does not begin with what is to be taken. */
static const char *stripped(const struct modules *modules, const char *key, struct pool *pool) {
    const size_t taken = strlen(modules->taken);
    if (strncmp(key, modules->taken, taken) != 0 || !key[taken])
        return NULL;
    return *modules->put ? pool_format(pool, "%s%s", modules->put, key + taken) : key + taken;
}

static status add_module(struct modules *modules, const char *path, int parameter, struct pool *pool, int *index,
                         struct error *err) {
    *index = names_find(&modules->by_path, path);
    if (*index != NAME_ABSENT)
        return STATUS_OK;
    *index = modules->count++;
    struct module *module = &modules->items[*index];
    *module = (struct module){.path = pool_string(pool, path, strlen(path)), .first = parameter};
    for (int leaf = 0; leaf < LEAF_NAMED; leaf++)
        module->leaves[leaf] = -1;
    if (!module->path || !names_put(&modules->by_path, module->path, *index))
        return fail_memory(err, "the checkpoint's modules");
    return STATUS_OK;
}

static status add_parameter(struct modules *modules, int i, struct pool *pool, struct error *err) {
    struct parameter *parameter = &modules->parameters[i];
    const char *key = parameter->tensor->key;
    parameter->module = -1;
    parameter->ignored = is_counter(key);
    parameter->name = stripped(modules, key, pool);
    if (!parameter->name)
        return STATUS_OK;
    if (!names_put(&modules->by_name, parameter->name, i))
        return fail_memory(err, "the checkpoint's keys");
    size_t length;
    parameter->leaf = leaf_of(parameter->name, &length);
    if (parameter->leaf == LEAF_OTHER)
        return STATUS_OK;
    const char *path = pool_string(pool, parameter->name, length);
    if (!path)
        return fail_memory(err, "the checkpoint's keys");
    if (add_module(modules, path, i, pool, &parameter->module, err))
        return err->code;
    int *slot = &modules->items[parameter->module].leaves[parameter->leaf];
    if (*slot >= 0)
        return fail(err, STATUS_INVALID_ARGUMENT, "the keys \"%.500s\" and \"%.500s\" say the same of one layer",
                    modules->parameters[*slot].tensor->key, key);
    *slot = i;
    return STATUS_OK;
}

/* A weight norm calls its direction weight_v, as a spectral norm calls its vector. */
static void settle_weight_norms(struct modules *modules) {
    for (int i = 0; i < modules->count; i++) {
        int *leaves = modules->items[i].leaves;
        if (leaves[LEAF_MAGNITUDE] < 0 || leaves[LEAF_ORIGINAL] >= 0 || leaves[LEAF_V] < 0)
            continue;
        leaves[LEAF_DIRECTION] = leaves[LEAF_V];
        leaves[LEAF_V] = -1;
        modules->parameters[leaves[LEAF_DIRECTION]].leaf = LEAF_DIRECTION;
    }
}

static status index_paths(struct modules *modules, struct error *err) {
    for (int i = 0; i < modules->count; i++)
        if (!names_put(&modules->by_path, modules->items[i].path, i))
            return fail_memory(err, "the checkpoint's modules");
    return STATUS_OK;
}

status modules_read(const struct checkpoint *checkpoint, const char *const *wanted, size_t wanted_count,
                    const char *prefix, struct pool *pool, struct modules *modules, struct error *err) {
    const size_t count = checkpoint_count(checkpoint);
    *modules = (struct modules){.taken = "", .put = ""};
    if (count > 1000000)
        return fail(err, STATUS_LIMIT, "the checkpoint has %zu tensors; at most 1000000 can be converted", count);
    modules->parameters = pool_array(pool, count + 1, sizeof *modules->parameters);
    modules->items = pool_array(pool, count + 1, sizeof *modules->items);
    if (!modules->parameters || !modules->items)
        return fail_memory(err, "the checkpoint's keys");
    for (size_t i = 0; i < count; i++)
        modules->parameters[i].tensor = checkpoint_at(checkpoint, i);
    modules->parameter_count = (int)count;
    modules->in_file_order = strcmp(checkpoint_format(checkpoint), "safetensors") != 0;
    status code = STATUS_OK;
    if (prefix)
        modules->taken = prefix;
    else
        code = prefix_choose(modules, wanted, wanted_count, pool, err);
    for (size_t i = 0; !code && i < count; i++)
        code = add_parameter(modules, (int)i, pool, err);
    if (code)
        return code;
    if (modules->count > MOST_MODULES)
        return fail(err, STATUS_LIMIT, "the checkpoint has more than %d layers", MOST_MODULES);
    if (!modules->in_file_order)
        sort_modules(modules);
    settle_weight_norms(modules);
    return index_paths(modules, err);
}

void modules_free(struct modules *modules) {
    names_free(&modules->by_name);
    names_free(&modules->by_path);
}

/* ---- questions ---- */

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

int module_weight(const struct module *module) {
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

bool module_is_batch_norm(const struct module *module) {
    return module->leaves[LEAF_MEAN] >= 0 && module->leaves[LEAF_VARIANCE] >= 0;
}
