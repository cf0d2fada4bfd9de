#include "tools/convert/settle.h"

#include "tools/convert/choose_recipe.h"
#include "tools/convert/settle_map.h"
#include "tools/files/element.h"

#include <string.h>

/* ---- values ---- */

static bool is_uniform(const struct value *value) {
    return value->initializer && tensor_elements(value->initializer) > 0 &&
           value_is_all(value, element_get(value->initializer->dtype, value->initializer->data, 0));
}

static void set_recipe(struct conversion_plan *plan, int value, const struct recipe *recipe, enum pin pin) {
    plan->recipes[value] = *recipe;
    plan->pins[value] = pin;
}

/* Another value with the same data, for one reader that wants something else of it. */
static int split_value(struct conversion_plan *plan, const struct weight_slot *slot, const struct recipe *recipe) {
    if (plan->graph->value_count >= plan->capacity) {
        plan->lost = true;
        return -1;
    }
    const struct value from = plan->graph->values[slot->value];
    const char *wish = recipe->parameter >= 0 ? plan->modules.parameters[recipe->parameter].name : NULL;
    const char *name = wish ? wish : from.name;
    for (int i = 2; plan_find_value(plan, name) >= 0 && !plan->lost; i++)
        name = plan_text(plan, "%s_%d", wish ? wish : from.name, i);
    const int index = graph_add_value(plan->graph, plan->pool, name);
    if (index < 0 || !names_put(&plan->values, plan->graph->values[index].name, index)) {
        plan->lost = true;
        return -1;
    }
    plan->graph->values[index].initializer = from.initializer;
    plan->graph->values[index].type = from.type;
    plan->graph->nodes[slot->node].inputs[slot->input] = index;
    return index;
}

/* The value that the slot reads gets the recipe; when it has another one already, the slot gets a value of its own. */
static void assign(struct conversion_plan *plan, const struct layer *layer, struct weight_slot *slot,
                   const struct recipe *recipe) {
    if (recipe->kind == RECIPE_NONE) {
        plan->recipes[slot->value].kind = RECIPE_REFUSED;
        return;
    }
    const struct recipe *present = &plan->recipes[slot->value];
    if (present->kind != RECIPE_NONE && !recipe_equal(&plan->modules, present, recipe)) {
        const int index = split_value(plan, slot, recipe);
        if (index < 0)
            return;
        plan->reading[index] = (int)(layer - plan->layers.items);
        slot->value = index;
    }
    set_recipe(plan, slot->value, recipe, layer->pin);
}

/* A value called after the recipe's own parameter is the first to get it. */
static bool is_own_name(const struct conversion_plan *plan, const struct weight_slot *slot,
                        const struct recipe *recipe) {
    return recipe->parameter >= 0 && plan->modules.parameters[recipe->parameter].name &&
           strcmp(plan->modules.parameters[recipe->parameter].name, plan->graph->values[slot->value].name) == 0;
}

static void settle_slots(struct conversion_plan *plan, bool own_names) {
    for (int i = 0; i < plan->layers.count; i++) {
        struct layer *layer = &plan->layers.items[i];
        for (int s = 0; layer->module >= 0 && s < layer->slot_count; s++) {
            struct weight_slot *slot = &layer->slots[s];
            if (map_find(plan->map, plan->graph->values[slot->value].name))
                continue;
            const struct recipe made = slot_recipe(plan, layer, slot);
            if (is_own_name(plan, slot, &made) == own_names)
                assign(plan, layer, slot, &made);
        }
    }
}

/* ---- values outside of layers, by their names ---- */

static void settle_by_name(struct conversion_plan *plan, int index) {
    const char *name = plan->graph->values[index].name;
    const int parameter = names_find(&plan->modules.by_name, name);
    size_t length;
    const enum leaf leaf = leaf_of(name, &length);
    const int module = leaf == LEAF_OTHER ? -1 : modules_find(&plan->modules, name, length);
    struct recipe recipe = recipe_none;
    if (module >= 0)
        recipe = named_recipe(plan, module, leaf);
    else if (parameter != NAME_ABSENT)
        recipe = take_parameter(plan, parameter);
    if (recipe.kind != RECIPE_NONE)
        set_recipe(plan, index, &recipe, PIN_NAME);
}

/* What was an Identity and is called after nothing has what its origin has. */
static void follow_origins(struct conversion_plan *plan) {
    for (int i = 0; i < plan->aliases.count; i++) {
        const struct value_alias *alias = &plan->aliases.items[i];
        if (plan->recipes[alias->value].kind == RECIPE_NONE && plan->layers.slots[alias->value] == 0)
            set_recipe(plan, alias->value, &plan->recipes[alias->origin], plan->pins[alias->origin]);
    }
}

/* ---- what remains ---- */

/* An input that settles how a node works, not what it computes with. */
static bool is_setting(const struct conversion_plan *plan, int value) {
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
static const char *list_candidates(struct conversion_plan *plan, int value) {
    struct shape shape;
    const char *text = "";
    int count = 0;
    if (!value_shape(&plan->graph->values[value], &shape))
        return text;
    for (int i = 0; i < plan->modules.parameter_count && count < 8; i++) {
        const struct module_parameter *parameter = &plan->modules.parameters[i];
        if (parameter->used || parameter->ignored || !parameter->name ||
            shape_elements(&parameter->tensor->shape) != shape_elements(&shape))
            continue;
        text = plan_text(plan, "%s%s%.200s", text, count++ ? ", " : "", parameter->tensor->key);
    }
    return count ? plan_text(plan, "; of that size and left over: %s", text) : "";
}

static void report_unmatched(struct conversion_plan *plan, int index) {
    const struct value *value = &plan->graph->values[index];
    plan_problem(plan, "%s: nothing in the checkpoint is known to belong here (%s)%s", value->name,
                 plan_wanted_text(plan, value), list_candidates(plan, index));
}

static void settle_rest(struct conversion_plan *plan, int index) {
    const struct value *value = &plan->graph->values[index];
    const struct weight_slot *slot;
    const struct layer *layer = plan_layer_reading(plan, index, &slot);
    if (layer && layer->pin == PIN_ORDER && layer->module < 0)
        return; /* match_order has said why */
    if (!value->initializer) {
        if (is_required(layer))
            report_unmatched(plan, index);
        return; /* a real input */
    }
    struct recipe kept = keep_data("constant of the template");
    const bool constant = !element_is_float(value->initializer->dtype) || tensor_elements(value->initializer) <= 1 ||
                          (is_uniform(value) && !is_required(layer)) || (!layer && is_setting(plan, index));
    if (constant)
        set_recipe(plan, index, &kept, PIN_NONE);
    else
        report_unmatched(plan, index);
}

/* ---- checks ---- */

static void use_parameter(struct conversion_plan *plan, int parameter) {
    if (parameter >= 0)
        plan->modules.parameters[parameter].used = true;
}

/* Everything that goes into the recipe. */
static void use_recipe(struct conversion_plan *plan, const struct recipe *recipe) {
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

/* Views that repeat their storage may be of any size; one that fills memory is not to be followed. */
#define MOST_REPEATED ((size_t)64 << 20)

static bool is_inflated(const struct checkpoint_tensor *tensor) {
    size_t bytes;
    return !tensor_size(tensor->dtype, &tensor->shape, &bytes) ||
           (bytes > tensor->storage_bytes && bytes > MOST_REPEATED);
}

static bool recipe_is_inflated(const struct conversion_plan *plan, const struct recipe *recipe) {
    static const enum leaf leaves[] = {LEAF_WEIGHT, LEAF_BIAS, LEAF_MEAN, LEAF_VARIANCE};
    bool inflated = recipe->parameter >= 0 && is_inflated(plan->modules.parameters[recipe->parameter].tensor);
    for (int i = 0; recipe->norm >= 0 && i < 4; i++) {
        const struct checkpoint_tensor *tensor = module_tensor(&plan->modules, recipe->norm, leaves[i]);
        inflated |= tensor && is_inflated(tensor);
    }
    return inflated;
}

static void check_shape(struct conversion_plan *plan, int index) {
    const struct recipe *recipe = &plan->recipes[index];
    const struct value *value = &plan->graph->values[index];
    struct error problem = {STATUS_OK, ""};
    struct shape gives, wants;
    if (recipe->kind != RECIPE_TAKE)
        return;
    const char *key =
        recipe->parameter >= 0 ? plan->modules.parameters[recipe->parameter].tensor->key : "its batch norm";
    if (recipe_is_inflated(plan, recipe))
        plan_problem(plan, "%s: from %s: the checkpoint holds far fewer numbers than this shape has", value->name, key);
    else if (recipe_shape(&plan->modules, recipe, &gives, &problem))
        plan_problem(plan, "%s: from %s: %s", value->name, key, problem.message);
    else if (value_shape(value, &wants) && !recipe_fits(recipe, &gives, &wants))
        plan_problem(plan, "%s: the template wants %s, but %s gives %s", value->name, plan_wanted_text(plan, value),
                     key, plan_shape_text(plan, &gives));
}

/* A size that the template leaves open, and the first input that settles it. */
struct open_size {
    int64_t size;
    const char *input;
};

/* Sizes of one name are the same everywhere. */
static void check_size(struct conversion_plan *plan, struct names *names, struct open_size *sizes, int *count,
                       const char *name, const struct open_size *size) {
    const int known = names_find(names, name);
    if (known == NAME_ABSENT) {
        sizes[*count] = *size;
        plan->lost |= !names_put(names, name, (*count)++);
    } else if (sizes[known].size != size->size) {
        plan_problem(plan, "%s: its size %s would be %lld, but %s has made it %lld", size->input, name,
                     (long long)size->size, sizes[known].input, (long long)sizes[known].size);
    }
}

static void check_sizes(struct conversion_plan *plan) {
    const size_t most = (size_t)plan->graph->input_count * MAX_RANK + 1;
    struct open_size *sizes = pool_array(plan->pool, most, sizeof *sizes);
    struct names names = {0};
    int count = 0;
    plan->lost |= !sizes;
    for (int i = 0; sizes && i < plan->graph->input_count; i++) {
        const int index = plan->graph->inputs[i];
        const struct value *value = &plan->graph->values[index];
        struct shape shape;
        struct error ignored;
        if (value->initializer || plan->recipes[index].kind != RECIPE_TAKE || value->type.rank < 0 ||
            recipe_shape(&plan->modules, &plan->recipes[index], &shape, &ignored) || shape.rank != value->type.rank)
            continue;
        for (int d = 0; d < shape.rank; d++)
            if (value->type.dims[d].size < 0 && value->type.dims[d].name)
                check_size(plan, &names, sizes, &count, value->type.dims[d].name,
                           &(struct open_size){shape.dims[d], value->name});
    }
    names_free(&names);
}

/* A layer whose weight nodes compute must have been given what it is computed from. */
static void check_computed(struct conversion_plan *plan) {
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
static void check_biases(struct conversion_plan *plan) {
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

void settle_values(struct conversion_plan *plan) {
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
    check_sizes(plan);
    check_computed(plan);
    check_biases(plan);
}

/* ---- keys left over ---- */

/* A vector of equal numbers that no name speaks for may be an untrained weight as well as a constant. */
static int doubtful_constant(const struct conversion_plan *plan, int64_t elements) {
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

void settle_left_over(struct conversion_plan *plan) {
    for (int i = 0; i < plan->modules.parameter_count; i++) {
        const struct module_parameter *parameter = &plan->modules.parameters[i];
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
