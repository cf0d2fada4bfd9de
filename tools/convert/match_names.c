#include "tools/convert/match_names.h"

#include <string.h>

/* ---- by the map ---- */

static void pin_by_map(struct conversion_plan *plan, struct layer *layer) {
    const struct weight_slot *weight = layer_slot(layer, LEAF_WEIGHT);
    const struct map_entry *entry = weight ? map_find(plan->map, plan->graph->values[weight->value].name) : NULL;
    if (!entry || entry->action != MAP_KEY)
        return;
    const int parameter = modules_parameter(&plan->modules, entry->key);
    const int module = parameter < 0 ? -1 : plan->modules.parameters[parameter].module;
    if (module < 0)
        return; /* settle_values says so */
    plan_pin(plan, layer, module, PIN_MAP);
    layer->norm_settled = true;
    layer->norm = entry->norm ? modules_find(&plan->modules, entry->norm, strlen(entry->norm)) : -1;
}

/* ---- by names ---- */

/* The module whose parameter the value is called after, or -1. */
static int module_by_name(const struct conversion_plan *plan, int value) {
    size_t length;
    const char *name = plan->graph->values[value].name;
    return leaf_of(name, &length) == LEAF_OTHER ? -1 : modules_find(&plan->modules, name, length);
}

static bool is_vector(const struct conversion_plan *plan, int parameter) {
    return parameter >= 0 && plan->modules.parameters[parameter].tensor->shape.rank == 1;
}

static bool can_be(const struct conversion_plan *plan, const struct layer *layer, int module) {
    if (module < 0)
        return false;
    const struct checkpoint_module *at = &plan->modules.items[module];
    switch (layer->kind) {
    case LAYER_BATCH_NORM:
        return module_is_batch_norm(at);
    case LAYER_SHIFT:
        return is_vector(plan, at->leaves[LEAF_BIAS]);
    case LAYER_NORM:
        return is_vector(plan, at->leaves[LEAF_WEIGHT]) || is_vector(plan, at->leaves[LEAF_BIAS]);
    case LAYER_SPECTRAL:
    case LAYER_CONV:
    case LAYER_CONV_TRANSPOSE:
    case LAYER_LINEAR:
        return module_weight(at) >= 0 && !module_is_batch_norm(at);
    default:
        return is_vector(plan, at->leaves[LEAF_WEIGHT]) && !module_is_batch_norm(at);
    }
}

/*
 * The module that the names of the layer's own initializers agree on, or -1. `shared` ones, which other layers read
 * too, are only asked when wanted: an exporter may have kept one of several equal weights.
 */
static int agreed_module(const struct conversion_plan *plan, const struct layer *layer, bool shared) {
    int agreed = layer->weight_root < 0 ? -1 : module_by_name(plan, layer->weight_root);
    for (int i = 0; i < layer->slot_count; i++) {
        const int value = layer->slots[i].value;
        const int module = module_by_name(plan, value);
        if (module < 0 || (plan->layers.slots[value] > 1 && !shared))
            continue;
        if (agreed >= 0 && agreed != module)
            return -1;
        agreed = module;
    }
    return can_be(plan, layer, agreed) ? agreed : -1;
}

/* ---- by what the exporter noted ---- */

/* The newer exporter notes the last module that went into a node: of a folded batch norm, that one. */
static void note_fold(struct conversion_plan *plan, struct layer *layer, int scope) {
    if (!layer_has_weights(layer) || !layer->scope_is_precise || scope < 0 || layer->norm_settled)
        return;
    const bool is_norm = module_is_batch_norm(&plan->modules.items[scope]);
    if (!is_norm && scope != layer->module)
        return;
    layer->norm_settled = true;
    layer->norm = is_norm ? scope : -1;
}

/* The older one leaves the names of weights alone into which nothing was folded. */
static void note_kept_names(struct layer *layer) {
    if (layer_has_weights(layer) && layer->keeps_names && layer->pin == PIN_NAME)
        layer->norm_settled = true;
}

/* They read the same values: one module that is called more than once. */
static bool same_values(const struct layer *a, const struct layer *b) {
    bool same = a->slot_count == b->slot_count;
    for (int i = 0; same && i < a->slot_count; i++)
        same = a->slots[i].value == b->slots[i].value;
    return same;
}

/*
 * The scope speaks for one node only: not when another node like it lies in the same scope, and not for the instance
 * norm within a group norm, whose scale and shift are nodes of their own.
 */
static bool scope_is_clear(const struct conversion_plan *plan, const struct layer *layer) {
    for (int i = 0; i < plan->layers.count; i++) {
        const struct layer *other = &plan->layers.items[i];
        if (other == layer || !other->scope || !layer->scope || strcmp(other->scope, layer->scope) != 0)
            continue;
        if (other->kind == layer->kind && !same_values(layer, other))
            return false;
        if (layer->kind == LAYER_NORM && (other->kind == LAYER_SCALE || other->kind == LAYER_SHIFT))
            return false;
    }
    return true;
}

/* Names that other layers read, too: those of one that is called more than once, or of one of many equal ones. */
static void pin_by_shared_names(struct conversion_plan *plan, struct layer *layer) {
    const int module = agreed_module(plan, layer, true);
    if (module >= 0)
        plan_pin(plan, layer, module, PIN_NAME);
}

static void pin_layer(struct conversion_plan *plan, struct layer *layer) {
    const int scope = layer->scope ? modules_find(&plan->modules, layer->scope, strlen(layer->scope)) : -1;
    pin_by_map(plan, layer);
    const int own = layer->module < 0 ? agreed_module(plan, layer, false) : -1;
    if (own >= 0)
        plan_pin(plan, layer, own, PIN_NAME);
    else if (layer->module < 0 && can_be(plan, layer, scope) && scope_is_clear(plan, layer))
        plan_pin(plan, layer, scope, PIN_SCOPE);
    else if (layer->module < 0 && layer->kind != LAYER_BATCH_NORM)
        pin_by_shared_names(plan, layer);
    note_fold(plan, layer, scope);
}

/* Weights whose own names tell: not the bias alone, which keeps its name when only the weight is renamed. */
static bool weight_is_named(const struct conversion_plan *plan, const struct layer *layer) {
    const struct weight_slot *weight = layer_slot(layer, LEAF_WEIGHT);
    return weight && module_by_name(plan, weight->value) == layer->module;
}

void match_names(struct conversion_plan *plan) {
    for (int i = 0; i < plan->layers.count; i++) {
        struct layer *layer = &plan->layers.items[i];
        pin_layer(plan, layer);
        if (layer->module >= 0 && weight_is_named(plan, layer))
            note_kept_names(layer);
    }
}

void match_shared_norms(struct conversion_plan *plan) {
    for (int i = 0; i < plan->layers.count; i++)
        if (plan->layers.items[i].kind == LAYER_BATCH_NORM && plan->layers.items[i].module < 0)
            pin_by_shared_names(plan, &plan->layers.items[i]);
}
