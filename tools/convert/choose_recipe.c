#include "tools/convert/choose_recipe.h"

#include "tools/files/element.h"

#include <string.h>

/* ---- recipes ---- */

static bool has_spectral_norm(const struct checkpoint_module *module) {
    return module->leaves[LEAF_ORIGINAL] >= 0 && module->leaves[LEAF_U] >= 0 && module->leaves[LEAF_V] >= 0;
}

/* A module's weight in whatever form it is stored. Files of old versions hold weight beside weight_orig and weight_u,
 * and no weight_v: it is normalised. */
struct recipe take_weight(const struct conversion_plan *plan, int module) {
    const struct checkpoint_module *at = &plan->modules.items[module];
    struct recipe recipe = recipe_none;
    recipe.kind = RECIPE_TAKE;
    recipe.module = module;
    recipe.parameter = has_spectral_norm(at) ? at->leaves[LEAF_ORIGINAL] : module_weight(at);
    recipe.form = recipe.parameter == at->leaves[LEAF_WEIGHT]     ? FORM_PLAIN
                  : recipe.parameter == at->leaves[LEAF_ORIGINAL] ? FORM_SPECTRAL
                                                                  : FORM_WEIGHT;
    return recipe;
}

struct recipe take_parameter(const struct conversion_plan *plan, int parameter) {
    struct recipe recipe = recipe_none;
    recipe.kind = RECIPE_TAKE;
    recipe.parameter = parameter;
    recipe.module = plan->modules.parameters[parameter].module;
    return recipe;
}

struct recipe fill_with(double number, const char *why) {
    struct recipe recipe = recipe_none;
    recipe.kind = RECIPE_FILL;
    recipe.fill = number;
    recipe.why = why;
    return recipe;
}

struct recipe keep_data(const char *why) {
    struct recipe recipe = recipe_none;
    recipe.kind = RECIPE_KEEP;
    recipe.why = why;
    return recipe;
}

/* The convolution of a module, for what depends on its kind; NULL when the template has none. */
static const struct layer *convolution_of(const struct conversion_plan *plan, int module) {
    for (int i = 0; i < plan->layers.count; i++) {
        const struct layer *layer = &plan->layers.items[i];
        if (layer->module == module && (layer->kind == LAYER_CONV || layer->kind == LAYER_CONV_TRANSPOSE))
            return layer;
    }
    return NULL;
}

void recipe_look_at_layer(const struct layer *layer, struct recipe *recipe) {
    recipe->axis = layer && layer->kind == LAYER_CONV_TRANSPOSE ? 1 : 0;
    recipe->groups = layer ? layer->groups : 1;
}

/* ---- slots of layers with weights ---- */

static bool is_from_pytorch(const struct conversion_plan *plan) {
    return plan->source->producer_name && strcmp(plan->source->producer_name, "pytorch") == 0;
}

/*
 * MatMul wants [in, out], a Linear stores [out, in]. Exporters give the turned weight a new name; a weight that keeps
 * its name was no Linear's. A square one in a template that somebody else made could be either.
 */
static void settle_transposition(struct conversion_plan *plan, const struct layer *layer,
                                 const struct weight_slot *slot, struct recipe *recipe) {
    const char *name = plan->graph->values[slot->value].name;
    const int parameter = names_find(&plan->modules.by_name, name);
    struct shape shape;
    recipe->transposed = layer->transposed;
    if (!layer->transposed || parameter == NAME_ABSENT || parameter != recipe->parameter)
        return;
    const struct shape *stored = &plan->modules.parameters[parameter].tensor->shape;
    if (!value_shape(&plan->graph->values[slot->value], &shape) || shape.rank != 2 || stored->rank != 2)
        return;
    if (stored->dims[0] != stored->dims[1])
        recipe->transposed = shape.dims[0] != stored->dims[0];
    else if (is_from_pytorch(plan))
        recipe->transposed = false;
    else
        plan_problem(
            plan,
            "%s: this square weight keeps its name in the template; say \"%s <- %s transposed\" in a map if it is "
            "a linear layer's, \"plain\" if not",
            name, name, plan->modules.parameters[parameter].tensor->key);
}

static struct recipe weight_recipe(struct conversion_plan *plan, const struct layer *layer,
                                   const struct weight_slot *slot) {
    struct recipe recipe = take_weight(plan, layer->module);
    recipe_look_at_layer(layer, &recipe);
    recipe.norm = layer->norm;
    recipe.eps = plan->eps;
    if (layer->kind == LAYER_LINEAR)
        settle_transposition(plan, layer, slot, &recipe);
    return recipe;
}

bool value_is_all(const struct value *value, double number) {
    if (!value->initializer)
        return false;
    const int64_t elements = tensor_elements(value->initializer);
    for (int64_t i = 0; i < elements; i++)
        if (element_get(value->initializer->dtype, value->initializer->data, (size_t)i) != number)
            return false;
    return true;
}

static struct recipe bias_recipe(struct conversion_plan *plan, const struct layer *layer,
                                 const struct weight_slot *slot) {
    const struct value *value = &plan->graph->values[slot->value];
    struct recipe recipe = recipe_none;
    recipe.kind = RECIPE_TAKE;
    recipe.module = layer->module;
    recipe.parameter = plan->modules.items[layer->module].leaves[LEAF_BIAS];
    recipe.norm = layer->norm;
    recipe.eps = plan->eps;
    recipe.is_bias = true;
    if (recipe.parameter >= 0 || recipe.norm >= 0)
        return recipe;
    if (value_is_all(value, 0))
        return keep_data("zero: the checkpoint's layer has no bias");
    plan_problem(plan, "%s: the checkpoint's layer %s has no bias, and no batch norm that could make one", value->name,
                 plan->modules.items[layer->module].path);
    return recipe_none;
}

/* ---- slots of other layers ---- */

static struct recipe norm_recipe(struct conversion_plan *plan, const struct layer *layer,
                                 const struct weight_slot *slot) {
    const int parameter = plan->modules.items[layer->module].leaves[slot->leaf];
    if (parameter >= 0)
        return take_parameter(plan, parameter);
    return slot->leaf == LEAF_WEIGHT ? fill_with(1, "one: the checkpoint's layer has no learned scale")
                                     : fill_with(0, "zero: the checkpoint's layer has no learned shift");
}

static struct recipe vector_recipe(struct conversion_plan *plan, const struct layer *layer,
                                   const struct weight_slot *slot) {
    struct recipe recipe = norm_recipe(plan, layer, slot);
    recipe.any_ones = true;
    return recipe;
}

struct recipe matrix_recipe(const struct conversion_plan *plan, const struct layer *layer) {
    struct recipe recipe = take_weight(plan, layer->module);
    recipe_look_at_layer(convolution_of(plan, layer->module), &recipe);
    if (recipe.form == FORM_SPECTRAL)
        recipe.form = FORM_PLAIN;
    recipe.matrix = true;
    return recipe;
}

struct recipe slot_recipe(struct conversion_plan *plan, const struct layer *layer, const struct weight_slot *slot) {
    if (layer->kind == LAYER_SPECTRAL)
        return matrix_recipe(plan, layer);
    if (layer_has_weights(layer))
        return slot->leaf == LEAF_WEIGHT ? weight_recipe(plan, layer, slot) : bias_recipe(plan, layer, slot);
    return layer->kind == LAYER_BATCH_NORM ? norm_recipe(plan, layer, slot) : vector_recipe(plan, layer, slot);
}

/* ---- values outside of layers ---- */

struct recipe named_recipe(const struct conversion_plan *plan, int module, enum leaf leaf) {
    const struct checkpoint_module *at = &plan->modules.items[module];
    const bool spectral = leaf == LEAF_ORIGINAL || leaf == LEAF_U || leaf == LEAF_V;
    if (leaf == LEAF_V && at->leaves[LEAF_DIRECTION] >= 0)
        return take_parameter(plan, at->leaves[LEAF_DIRECTION]);
    if (at->leaves[leaf] >= 0 && (!spectral || has_spectral_norm(at)))
        return take_parameter(plan, at->leaves[leaf]);
    if (at->leaves[LEAF_WEIGHT] < 0 || !spectral)
        return recipe_none;
    struct recipe recipe = take_weight(plan, module);
    recipe_look_at_layer(convolution_of(plan, module), &recipe);
    recipe.form = leaf == LEAF_ORIGINAL ? FORM_PLAIN : leaf == LEAF_U ? FORM_UNIT_U : FORM_UNIT_V;
    return recipe;
}
