#include "tools/convert/settle_map.h"

#include "tools/convert/choose_recipe.h"

#include <string.h>

#define MAP_LINE "%s, line %d: "

static struct recipe mapped_key(struct conversion_plan *plan, const struct map_entry *entry, int value) {
    const int parameter = modules_parameter(&plan->modules, entry->key);
    if (parameter < 0) {
        plan_problem(plan, MAP_LINE "the checkpoint has no key \"%s\"", plan->map->path, entry->line, entry->key);
        return recipe_none;
    }
    const struct weight_slot *slot = NULL;
    const struct layer *layer = plan_layer_reading(plan, value, &slot);
    if (layer && layer->kind == LAYER_SPECTRAL && layer->module >= 0)
        return matrix_recipe(plan, layer);
    struct recipe recipe = take_parameter(plan, parameter);
    const bool is_weight = layer && slot->leaf == LEAF_WEIGHT && layer_has_weights(layer) && recipe.module >= 0;
    if (is_weight && module_weight(&plan->modules.items[recipe.module]) == parameter)
        recipe = take_weight(plan, recipe.module);
    recipe.any_ones = true;
    recipe_look_at_layer(layer, &recipe);
    recipe.transposed = entry->transposed || (is_weight && layer->transposed && !entry->plain);
    recipe.is_bias = slot && slot->leaf == LEAF_BIAS;
    return recipe;
}

/* A bias that the batch norm alone makes. */
static struct recipe mapped_zeros(const struct map_entry *entry) {
    struct recipe recipe = fill_with(0, "zeros: the map says so");
    if (entry->norm) {
        recipe.kind = RECIPE_TAKE;
        recipe.is_bias = true;
    }
    return recipe;
}

static void add_norm(struct conversion_plan *plan, const struct map_entry *entry, struct recipe *recipe) {
    if (!entry->norm || recipe->kind != RECIPE_TAKE)
        return;
    recipe->norm = modules_find(&plan->modules, entry->norm, strlen(entry->norm));
    recipe->eps = plan->eps;
    if (recipe->norm >= 0 && module_is_batch_norm(&plan->modules.items[recipe->norm]))
        return;
    plan_problem(plan, MAP_LINE "\"%s\" is no batch norm of the checkpoint", plan->map->path, entry->line, entry->norm);
    *recipe = recipe_none;
}

static void settle_entry(struct conversion_plan *plan, const struct map_entry *entry) {
    const int value = plan_find_value(plan, entry->target);
    if (value < 0 || !value_is_fillable(&plan->graph->values[value])) {
        plan_problem(plan, MAP_LINE "the template has no initializer or input \"%s\"", plan->map->path, entry->line,
                     entry->target);
        return;
    }
    struct recipe recipe = entry->action == MAP_KEEP    ? keep_data("kept: the map says so")
                           : entry->action == MAP_ZEROS ? mapped_zeros(entry)
                           : entry->action == MAP_ONES  ? fill_with(1, "ones: the map says so")
                                                        : mapped_key(plan, entry, value);
    add_norm(plan, entry, &recipe);
    plan->recipes[value] = recipe;
    plan->pins[value] = PIN_MAP;
}

static void settle_ignored(struct conversion_plan *plan, const struct map_entry *entry) {
    const size_t length = strlen(entry->key);
    bool found = false;
    for (int i = 0; i < plan->modules.parameter_count; i++) {
        struct module_parameter *parameter = &plan->modules.parameters[i];
        const char *const names[] = {parameter->tensor->key, parameter->name};
        for (int k = 0; k < 2; k++)
            if (names[k] && strncmp(names[k], entry->key, length) == 0 && (entry->all || !names[k][length]))
                found = parameter->ignored = true;
    }
    if (!found)
        plan_problem(plan, MAP_LINE "the checkpoint has no key \"%s%s\"", plan->map->path, entry->line, entry->key,
                     entry->all ? "*" : "");
}

void settle_ignored_keys(struct conversion_plan *plan) {
    for (int i = 0; plan->map && i < plan->map->count; i++)
        if (plan->map->entries[i].action == MAP_IGNORE)
            settle_ignored(plan, &plan->map->entries[i]);
}

void settle_map(struct conversion_plan *plan) {
    for (int i = 0; plan->map && i < plan->map->count; i++)
        if (plan->map->entries[i].action != MAP_IGNORE && plan->map->entries[i].action != MAP_RENAME)
            settle_entry(plan, &plan->map->entries[i]);
}
