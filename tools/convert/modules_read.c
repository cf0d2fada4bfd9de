#include "tools/convert/modules_read.h"

#include "base/pool.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/choose.h"
#include "tools/convert/prefix.h"
#include "tools/convert/rename.h"
#include "tools/convert/wrappers.h"

#include <stdlib.h>
#include <string.h>

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
    struct checkpoint_module *module = &modules->items[*index];
    *module = (struct checkpoint_module){.path = pool_string(pool, path, strlen(path)), .first = parameter};
    for (int leaf = 0; leaf < LEAF_NAMED; leaf++)
        module->leaves[leaf] = -1;
    if (!module->path || !names_put(&modules->by_path, module->path, *index))
        return fail_memory(err, "the checkpoint's modules");
    return STATUS_OK;
}

static status add_parameter(struct modules *modules, int i, struct pool *pool, struct error *err) {
    struct module_parameter *parameter = &modules->parameters[i];
    const char *key = parameter->tensor->key;
    parameter->module = -1;
    parameter->ignored = is_counter(key);
    parameter->name = stripped(modules, parameter->spelled, pool);
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

static int by_path(const void *a, const void *b) {
    return natural_compare(((const struct checkpoint_module *)a)->path, ((const struct checkpoint_module *)b)->path);
}

/* safetensors files list their tensors by name, whatever the order of the definition was. */
static void sort_modules(struct modules *modules) {
    qsort(modules->items, (size_t)modules->count, sizeof *modules->items, by_path);
    for (int i = 0; i < modules->count; i++)
        for (int leaf = 0; leaf < LEAF_NAMED; leaf++)
            if (modules->items[i].leaves[leaf] >= 0)
                modules->parameters[modules->items[i].leaves[leaf]].module = i;
}

status modules_read(const struct checkpoint *checkpoint, const char *const *wanted, size_t wanted_count,
                    const char *prefix, const struct map *map, struct pool *pool, struct modules *modules,
                    struct error *err) {
    const size_t count = checkpoint_count(checkpoint);
    *modules = (struct modules){.taken = "", .put = "", .wrappers = ""};
    if (count > 1000000)
        return fail(err, STATUS_LIMIT, "the checkpoint has %zu tensors; at most 1000000 can be converted", count);
    modules->parameters = pool_array(pool, count + 1, sizeof *modules->parameters);
    modules->items = pool_array(pool, count + 1, sizeof *modules->items);
    if (!modules->parameters || !modules->items)
        return fail_memory(err, "the checkpoint's keys");
    for (size_t i = 0; i < count; i++) {
        modules->parameters[i].tensor = checkpoint_at(checkpoint, i);
        modules->parameters[i].spelled = modules->parameters[i].tensor->key;
    }
    modules->parameter_count = (int)count;
    modules->in_file_order = strcmp(checkpoint_format(checkpoint), "safetensors") != 0;
    status code = rename_keys(modules, map, pool, err);
    if (!code && !prefix)
        code = wrappers_take_out(modules, wanted, wanted_count, pool, err);
    if (prefix)
        modules->taken = prefix;
    else if (!code)
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
