#include "tools/convert/plan.h"

#include "tools/element.h"

#include <string.h>

/* ---- recipes ---- */

static bool has_spectral_norm(const struct module *module) {
    return module->leaves[LEAF_ORIGINAL] >= 0 && module->leaves[LEAF_U] >= 0 && module->leaves[LEAF_V] >= 0;
}

/* A module's weight in whatever form it is stored. Files of old versions hold weight beside weight_orig and weight_u,
 * and no weight_v: it is normalised. */
static struct recipe take_weight(const struct plan *plan, int module) {
    const struct module *at = &plan->modules.items[module];
    struct recipe recipe = recipe_none;
    recipe.kind = RECIPE_TAKE;
    recipe.module = module;
    recipe.parameter = has_spectral_norm(at) ? at->leaves[LEAF_ORIGINAL] : module_weight(at);
    recipe.form = recipe.parameter == at->leaves[LEAF_WEIGHT]     ? FORM_PLAIN
                  : recipe.parameter == at->leaves[LEAF_ORIGINAL] ? FORM_SPECTRAL
                                                                  : FORM_WEIGHT;
    return recipe;
}

static struct recipe take_parameter(const struct plan *plan, int parameter) {
    struct recipe recipe = recipe_none;
    recipe.kind = RECIPE_TAKE;
    recipe.parameter = parameter;
    recipe.module = plan->modules.parameters[parameter].module;
    return recipe;
}

static struct recipe fill_with(double number, const char *why) {
    struct recipe recipe = recipe_none;
    recipe.kind = RECIPE_FILL;
    recipe.fill = number;
    recipe.why = why;
    return recipe;
}

static struct recipe keep(const char *why) {
    struct recipe recipe = recipe_none;
    recipe.kind = RECIPE_KEEP;
    recipe.why = why;
    return recipe;
}

/* The convolution of a module, for what depends on its kind; NULL when the template has none. */
static const struct layer *convolution_of(const struct plan *plan, int module) {
    for (int i = 0; i < plan->layers.count; i++) {
        const struct layer *layer = &plan->layers.items[i];
        if (layer->module == module && (layer->kind == LAYER_CONV || layer->kind == LAYER_CONV_TRANSPOSE))
            return layer;
    }
    return NULL;
}

static void look_at_layer(const struct layer *layer, struct recipe *recipe) {
    recipe->axis = layer && layer->kind == LAYER_CONV_TRANSPOSE ? 1 : 0;
    recipe->groups = layer ? layer->groups : 1;
}

/* ---- slots of layers with weights ---- */

static bool is_from_pytorch(const struct plan *plan) {
    return plan->source->producer_name && strcmp(plan->source->producer_name, "pytorch") == 0;
}

/*
 * MatMul wants [in, out], a Linear stores [out, in]. Exporters give the turned weight a new name; a weight that keeps
 * its name was no Linear's. A square one in a template that somebody else made could be either.
 */
static void settle_transposition(struct plan *plan, const struct layer *layer, const struct slot *slot,
                                 struct recipe *recipe) {
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

static struct recipe weight_recipe(struct plan *plan, const struct layer *layer, const struct slot *slot) {
    struct recipe recipe = take_weight(plan, layer->module);
    look_at_layer(layer, &recipe);
    recipe.norm = layer->norm;
    recipe.eps = plan->eps;
    if (layer->kind == LAYER_LINEAR)
        settle_transposition(plan, layer, slot, &recipe);
    return recipe;
}

static bool is_all(const struct value *value, double number) {
    if (!value->initializer)
        return false;
    const int64_t elements = tensor_elements(value->initializer);
    for (int64_t i = 0; i < elements; i++)
        if (element_get(value->initializer->dtype, value->initializer->data, (size_t)i) != number)
            return false;
    return true;
}

static struct recipe bias_recipe(struct plan *plan, const struct layer *layer, const struct slot *slot) {
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
    if (is_all(value, 0))
        return keep("zero: the checkpoint's layer has no bias");
    plan_problem(plan, "%s: the checkpoint's layer %s has no bias, and no batch norm that could make one", value->name,
                 plan->modules.items[layer->module].path);
    return recipe_none;
}

/* ---- slots of other layers ---- */

static struct recipe norm_recipe(struct plan *plan, const struct layer *layer, const struct slot *slot) {
    const int parameter = plan->modules.items[layer->module].leaves[slot->leaf];
    if (parameter >= 0)
        return take_parameter(plan, parameter);
    return slot->leaf == LEAF_WEIGHT ? fill_with(1, "one: the checkpoint's layer has no learned scale")
                                     : fill_with(0, "zero: the checkpoint's layer has no learned shift");
}

static struct recipe vector_recipe(struct plan *plan, const struct layer *layer, const struct slot *slot) {
    struct recipe recipe = norm_recipe(plan, layer, slot);
    recipe.any_ones = true;
    return recipe;
}

/* weight_orig as exporters put it beside weight_v: output channels as rows. */
static struct recipe matrix_recipe(const struct plan *plan, const struct layer *layer) {
    struct recipe recipe = take_weight(plan, layer->module);
    look_at_layer(convolution_of(plan, layer->module), &recipe);
    if (recipe.form == FORM_SPECTRAL)
        recipe.form = FORM_PLAIN;
    recipe.matrix = true;
    return recipe;
}

static struct recipe slot_recipe(struct plan *plan, const struct layer *layer, const struct slot *slot) {
    if (layer->kind == LAYER_SPECTRAL)
        return matrix_recipe(plan, layer);
    if (layer_has_weights(layer))
        return slot->leaf == LEAF_WEIGHT ? weight_recipe(plan, layer, slot) : bias_recipe(plan, layer, slot);
    return layer->kind == LAYER_BATCH_NORM ? norm_recipe(plan, layer, slot) : vector_recipe(plan, layer, slot);
}

/* ---- values ---- */

static bool is_uniform(const struct value *value) {
    return value->initializer && tensor_elements(value->initializer) > 0 &&
           is_all(value, element_get(value->initializer->dtype, value->initializer->data, 0));
}

static void set_recipe(struct plan *plan, int value, const struct recipe *recipe, enum pin pin) {
    plan->recipes[value] = *recipe;
    plan->pins[value] = pin;
}

/* Another value with the same data, for one reader that wants something else of it. */
static int split_value(struct plan *plan, const struct slot *slot, const struct recipe *recipe) {
    if (plan->graph->value_count >= plan->recipe_capacity) {
        plan->lost = true;
        return -1;
    }
    const struct value from = plan->graph->values[slot->value];
    const char *wish = recipe->parameter >= 0 ? plan->modules.parameters[recipe->parameter].name : NULL;
    const char *name = wish ? wish : from.name;
    for (int i = 2; graph_find_value(plan->graph, name) >= 0; i++)
        name = plan_text(plan, "%s_%d", wish ? wish : from.name, i);
    const int index = graph_add_value(plan->graph, plan->pool, name);
    if (index < 0) {
        plan->lost = true;
        return -1;
    }
    plan->graph->values[index].initializer = from.initializer;
    plan->graph->values[index].type = from.type;
    plan->graph->nodes[slot->node].inputs[slot->input] = index;
    return index;
}

/* The value that the slot reads gets the recipe; when it has another one already, the slot gets a value of its own. */
static void assign(struct plan *plan, const struct layer *layer, struct slot *slot, const struct recipe *recipe) {
    if (recipe->kind == RECIPE_NONE)
        return;
    const struct recipe *present = &plan->recipes[slot->value];
    if (present->kind != RECIPE_NONE && !recipe_equal(&plan->modules, present, recipe)) {
        const int index = split_value(plan, slot, recipe);
        if (index < 0)
            return;
        slot->value = index;
    }
    set_recipe(plan, slot->value, recipe, layer->pin);
}

/* A value called after the recipe's own parameter is the first to get it. */
static bool is_own_name(const struct plan *plan, const struct slot *slot, const struct recipe *recipe) {
    return recipe->parameter >= 0 && plan->modules.parameters[recipe->parameter].name &&
           strcmp(plan->modules.parameters[recipe->parameter].name, plan->graph->values[slot->value].name) == 0;
}

static void settle_slots(struct plan *plan, bool own_names) {
    for (int i = 0; i < plan->layers.count; i++) {
        struct layer *layer = &plan->layers.items[i];
        for (int s = 0; layer->module >= 0 && s < layer->slot_count; s++) {
            struct slot *slot = &layer->slots[s];
            if (map_find(plan->map, plan->graph->values[slot->value].name))
                continue;
            const struct recipe made = slot_recipe(plan, layer, slot);
            if (is_own_name(plan, slot, &made) == own_names)
                assign(plan, layer, slot, &made);
        }
    }
}

/* ---- by the map ---- */

#define MAP_LINE "%s, line %d: "

static struct recipe mapped_key(struct plan *plan, const struct map_entry *entry, int value) {
    const int parameter = modules_parameter(&plan->modules, entry->key);
    if (parameter < 0) {
        plan_problem(plan, MAP_LINE "the checkpoint has no key \"%s\"", plan->map->path, entry->line, entry->key);
        return recipe_none;
    }
    const struct slot *slot = NULL;
    const struct layer *layer = plan_layer_reading(plan, value, &slot);
    if (layer && layer->kind == LAYER_SPECTRAL && layer->module >= 0)
        return matrix_recipe(plan, layer);
    struct recipe recipe = take_parameter(plan, parameter);
    const bool is_weight = layer && slot->leaf == LEAF_WEIGHT && layer_has_weights(layer) && recipe.module >= 0;
    if (is_weight && module_weight(&plan->modules.items[recipe.module]) == parameter)
        recipe = take_weight(plan, recipe.module);
    recipe.any_ones = true;
    look_at_layer(layer, &recipe);
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

static void add_norm(struct plan *plan, const struct map_entry *entry, struct recipe *recipe) {
    if (!entry->norm || recipe->kind != RECIPE_TAKE)
        return;
    recipe->norm = modules_find(&plan->modules, entry->norm, strlen(entry->norm));
    recipe->eps = plan->eps;
    if (recipe->norm >= 0 && module_is_batch_norm(&plan->modules.items[recipe->norm]))
        return;
    plan_problem(plan, MAP_LINE "\"%s\" is no batch norm of the checkpoint", plan->map->path, entry->line, entry->norm);
    *recipe = recipe_none;
}

static void settle_entry(struct plan *plan, const struct map_entry *entry) {
    const int value = graph_find_value(plan->graph, entry->target);
    if (value < 0 || !value_is_fillable(&plan->graph->values[value])) {
        plan_problem(plan, MAP_LINE "the template has no initializer or input \"%s\"", plan->map->path, entry->line,
                     entry->target);
        return;
    }
    struct recipe recipe = entry->action == MAP_KEEP    ? keep("kept: the map says so")
                           : entry->action == MAP_ZEROS ? mapped_zeros(entry)
                           : entry->action == MAP_ONES  ? fill_with(1, "ones: the map says so")
                                                        : mapped_key(plan, entry, value);
    add_norm(plan, entry, &recipe);
    set_recipe(plan, value, &recipe, PIN_MAP);
}

static void settle_ignored(struct plan *plan, const struct map_entry *entry) {
    const size_t length = strlen(entry->key);
    bool found = false;
    for (int i = 0; i < plan->modules.parameter_count; i++) {
        struct parameter *parameter = &plan->modules.parameters[i];
        const char *const names[] = {parameter->tensor->key, parameter->name};
        for (int k = 0; k < 2; k++)
            if (names[k] && strncmp(names[k], entry->key, length) == 0 && (entry->all || !names[k][length]))
                found = parameter->ignored = true;
    }
    if (!found)
        plan_problem(plan, MAP_LINE "the checkpoint has no key \"%s%s\"", plan->map->path, entry->line, entry->key,
                     entry->all ? "*" : "");
}

void settle_ignored_keys(struct plan *plan) {
    for (int i = 0; plan->map && i < plan->map->count; i++)
        if (plan->map->entries[i].action == MAP_IGNORE)
            settle_ignored(plan, &plan->map->entries[i]);
}

static void settle_map(struct plan *plan) {
    for (int i = 0; plan->map && i < plan->map->count; i++)
        if (plan->map->entries[i].action != MAP_IGNORE)
            settle_entry(plan, &plan->map->entries[i]);
}

/* ---- values outside of layers, by their names ---- */

/* weight_orig, weight_u and weight_v of a module, in either spelling, or for a weight that is normalised already. */
static struct recipe raw_recipe(const struct plan *plan, int module, enum leaf leaf) {
    const struct module *at = &plan->modules.items[module];
    const bool spectral = leaf == LEAF_ORIGINAL || leaf == LEAF_U || leaf == LEAF_V;
    if (leaf == LEAF_V && at->leaves[LEAF_DIRECTION] >= 0)
        return take_parameter(plan, at->leaves[LEAF_DIRECTION]);
    if (at->leaves[leaf] >= 0 && (!spectral || has_spectral_norm(at)))
        return take_parameter(plan, at->leaves[leaf]);
    if (at->leaves[LEAF_WEIGHT] < 0 || !spectral)
        return recipe_none;
    struct recipe recipe = take_weight(plan, module);
    look_at_layer(convolution_of(plan, module), &recipe);
    recipe.form = leaf == LEAF_ORIGINAL ? FORM_PLAIN : leaf == LEAF_U ? FORM_UNIT_U : FORM_UNIT_V;
    return recipe;
}

static void settle_by_name(struct plan *plan, int index) {
    const char *name = plan->graph->values[index].name;
    const int parameter = names_find(&plan->modules.by_name, name);
    size_t length;
    const enum leaf leaf = leaf_of(name, &length);
    const int module = leaf == LEAF_OTHER ? -1 : modules_find(&plan->modules, name, length);
    struct recipe recipe = recipe_none;
    if (module >= 0)
        recipe = raw_recipe(plan, module, leaf);
    else if (parameter != NAME_ABSENT)
        recipe = take_parameter(plan, parameter);
    if (recipe.kind != RECIPE_NONE)
        set_recipe(plan, index, &recipe, PIN_NAME);
}

/* What was an Identity and is called after nothing has what its origin has. */
static void follow_origins(struct plan *plan) {
    for (int i = 0; i < plan->aliases.count; i++) {
        const struct alias *alias = &plan->aliases.items[i];
        if (plan->recipes[alias->value].kind == RECIPE_NONE && plan->layers.slots[alias->value] == 0)
            set_recipe(plan, alias->value, &plan->recipes[alias->origin], plan->pins[alias->origin]);
    }
}

/* ---- what remains ---- */

/* An input that settles how a node works, not what it computes with. */
static bool is_setting(const struct plan *plan, int value) {
    static const char *const names[] = {"Resize", "Upsample", "Pad", "Clip", "Range", "OneHot", "Expand", "Where"};
    const int reader = value < plan->layers.value_count ? plan->layers.reader[value] : -2;
    for (size_t i = 0; reader >= 0 && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(plan->graph->nodes[reader].op_type, names[i]) == 0)
            return true;
    return reader == -1;
}

static bool is_required(const struct layer *layer) {
    return layer && (layer_has_weights(layer) || layer->kind == LAYER_BATCH_NORM || layer->kind == LAYER_SPECTRAL);
}

/* Keys of the same number of elements that nobody uses, for messages. */
static const char *list_candidates(struct plan *plan, int value) {
    struct shape shape;
    const char *text = "";
    int count = 0;
    if (!value_shape(&plan->graph->values[value], &shape))
        return text;
    for (int i = 0; i < plan->modules.parameter_count && count < 8; i++) {
        const struct parameter *parameter = &plan->modules.parameters[i];
        if (parameter->used || parameter->ignored || !parameter->name ||
            shape_elements(&parameter->tensor->shape) != shape_elements(&shape))
            continue;
        text = plan_text(plan, "%s%s%.200s", text, count++ ? ", " : "", parameter->tensor->key);
    }
    return count ? plan_text(plan, "; of that size and left over: %s", text) : "";
}

static void report_unmatched(struct plan *plan, int index) {
    const struct value *value = &plan->graph->values[index];
    struct shape shape;
    plan_problem(plan, "%s: nothing in the checkpoint is known to belong here (%s)%s", value->name,
                 value_shape(value, &shape) ? plan_shape_text(plan, &shape) : "of no declared shape",
                 list_candidates(plan, index));
}

static void settle_rest(struct plan *plan, int index) {
    const struct value *value = &plan->graph->values[index];
    const struct slot *slot;
    const struct layer *layer = plan_layer_reading(plan, index, &slot);
    if (layer && layer->pin == PIN_ORDER && layer->module < 0)
        return; /* match_order has said why */
    if (!value->initializer) {
        if (is_required(layer))
            report_unmatched(plan, index);
        return; /* a real input */
    }
    struct recipe kept = keep("constant of the template");
    const bool constant = !element_is_float(value->initializer->dtype) || tensor_elements(value->initializer) <= 1 ||
                          (is_uniform(value) && !is_required(layer)) || (!layer && is_setting(plan, index));
    if (constant)
        set_recipe(plan, index, &kept, PIN_NONE);
    else
        report_unmatched(plan, index);
}

/* ---- checks ---- */

static void use_parameter(struct plan *plan, int parameter) {
    if (parameter >= 0)
        plan->modules.parameters[parameter].used = true;
}

/* Everything that goes into the recipe. */
static void use_recipe(struct plan *plan, const struct recipe *recipe) {
    static const enum leaf norms[] = {LEAF_WEIGHT, LEAF_BIAS, LEAF_MEAN, LEAF_VARIANCE};
    if (recipe->kind != RECIPE_TAKE)
        return;
    use_parameter(plan, recipe->parameter);
    for (int i = 0; recipe->norm >= 0 && i < 4; i++)
        use_parameter(plan, plan->modules.items[recipe->norm].leaves[norms[i]]);
    if (recipe->module < 0)
        return;
    const int *leaves = plan->modules.items[recipe->module].leaves;
    if (recipe->form == FORM_SPECTRAL || (recipe->form == FORM_PLAIN && recipe->parameter == leaves[LEAF_WEIGHT])) {
        use_parameter(plan, leaves[LEAF_ORIGINAL]); /* beside a weight that is normalised these say nothing new */
        use_parameter(plan, leaves[LEAF_U]);
        use_parameter(plan, leaves[LEAF_V]);
    }
    if (recipe->form == FORM_WEIGHT)
        use_parameter(plan, leaves[LEAF_MAGNITUDE]);
}

static void check_shape(struct plan *plan, int index) {
    const struct recipe *recipe = &plan->recipes[index];
    const struct value *value = &plan->graph->values[index];
    struct error problem = {STATUS_OK, ""};
    struct shape gives, wants;
    if (recipe->kind != RECIPE_TAKE)
        return;
    const char *key =
        recipe->parameter >= 0 ? plan->modules.parameters[recipe->parameter].tensor->key : "its batch norm";
    if (recipe_shape(&plan->modules, recipe, &gives, &problem))
        plan_problem(plan, "%s: from %s: %s", value->name, key, problem.message);
    else if (value_shape(value, &wants) && !recipe_fits(recipe, &gives, &wants))
        plan_problem(plan, "%s: the template wants %s, but %s gives %s", value->name, plan_shape_text(plan, &wants),
                     key, plan_shape_text(plan, &gives));
}

/* A layer whose weight nodes compute must have been given what it is computed from. */
static void check_computed(struct plan *plan) {
    for (int i = 0; i < plan->layers.count; i++) {
        const struct layer *layer = &plan->layers.items[i];
        if (!layer_has_weights(layer) || layer_slot(layer, LEAF_WEIGHT))
            continue;
        const int root = layer->weight_root;
        if (root < 0 || plan->recipes[root].kind != RECIPE_TAKE)
            plan_problem(plan, "%s: its weight is computed by other nodes, and from nothing in the checkpoint",
                         plan_layer_text(plan, layer));
    }
}

/* A bias of the checkpoint that the template's layer does not take. */
static void check_biases(struct plan *plan) {
    for (int i = 0; i < plan->layers.count; i++) {
        const struct layer *layer = &plan->layers.items[i];
        if (layer->module < 0 || !layer_has_weights(layer) || layer_slot(layer, LEAF_BIAS))
            continue;
        const int bias = plan->modules.items[layer->module].leaves[LEAF_BIAS];
        const bool has_own =
            bias >= 0 && !plan->modules.parameters[bias].used && !plan->modules.parameters[bias].ignored;
        if (has_own || layer->norm >= 0)
            plan_problem(plan, "%s: the template's layer has no bias, but the checkpoint has %s",
                         plan_layer_text(plan, layer),
                         has_own ? plan->modules.parameters[bias].tensor->key : plan->modules.items[layer->norm].path);
    }
}

void settle_values(struct plan *plan) {
    settle_map(plan);
    settle_slots(plan, true); /* values that are called after what they are for come first */
    settle_slots(plan, false);
    for (int i = 0; i < plan->graph->value_count; i++) {
        const struct value *value = &plan->graph->values[i];
        if (value_is_fillable(value) && plan->recipes[i].kind == RECIPE_NONE &&
            (i >= plan->layers.value_count || plan->layers.slots[i] == 0))
            settle_by_name(plan, i);
    }
    follow_origins(plan);
    for (int i = 0; i < plan->graph->value_count; i++)
        use_recipe(plan, &plan->recipes[i]);
    for (int i = 0; i < plan->graph->value_count; i++) {
        if (value_is_fillable(&plan->graph->values[i]) && plan->recipes[i].kind == RECIPE_NONE)
            settle_rest(plan, i);
        check_shape(plan, i);
    }
    check_computed(plan);
    check_biases(plan);
}

/* ---- keys left over ---- */

/* A vector of equal numbers that no name speaks for may be an untrained weight as well as a constant. */
static int doubtful_constant(const struct plan *plan, int64_t elements) {
    for (int i = 0; i < plan->layers.count; i++) {
        const struct layer *layer = &plan->layers.items[i];
        for (int s = 0; !layer->scope && layer->module < 0 && s < layer->slot_count; s++) {
            const int value = layer->slots[s].value;
            const struct tensor *tensor = plan->graph->values[value].initializer;
            if (plan->recipes[value].kind == RECIPE_KEEP && plan->pins[value] == PIN_NONE && tensor &&
                tensor_elements(tensor) == elements && elements > 1)
                return value;
        }
    }
    return -1;
}

void settle_left_over(struct plan *plan) {
    for (int i = 0; i < plan->modules.parameter_count; i++) {
        const struct parameter *parameter = &plan->modules.parameters[i];
        if (parameter->used || parameter->ignored || !parameter->name || parameter->tensor->shape.rank != 1)
            continue;
        const int value = doubtful_constant(plan, shape_elements(&parameter->tensor->shape));
        if (value >= 0)
            plan_problem(plan,
                         "%s: is left over, and could belong to %s of the template, which looks like a constant (say "
                         "\"%s <- %s\" in a map, or \"- <- %s\" if it does not)",
                         parameter->tensor->key, plan->graph->values[value].name, plan->graph->values[value].name,
                         parameter->tensor->key, parameter->tensor->key);
    }
}
