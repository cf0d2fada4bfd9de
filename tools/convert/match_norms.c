#include "tools/convert/match_norms.h"

#include <string.h>

/* ---- batch norms that the template has ---- */

/* The layers that the batch norm may follow, by their modules: those that are in the template and have as many
 * channels. */
static int layers_before(const struct conversion_plan *plan, int norm, int layers[MOST_NEIGHBOURS]) {
    const int *modules = plan->neighbours[norm];
    int count = 0;
    const struct checkpoint_tensor *mean = module_tensor(&plan->modules, norm, LEAF_MEAN);
    for (int i = 0; i < MOST_NEIGHBOURS && modules[i] >= 0; i++) {
        const int layer = plan->layer_of[modules[i]];
        if (layer >= 0 && mean->shape.rank == 1 &&
            plan_channels(plan, &plan->layers.items[layer]) == mean->shape.dims[0])
            layers[count++] = layer;
    }
    return count;
}

/* The only batch norm of the checkpoint that stands after the layer's module and has no place yet, or -1. */
static int norm_after(const struct conversion_plan *plan, const struct layer *layer) {
    int found = -1;
    for (int i = 0; i < plan->modules.count; i++) {
        int layers[MOST_NEIGHBOURS];
        if (!module_is_batch_norm(&plan->modules.items[i]) || plan->layer_of[i] >= 0)
            continue;
        if (layers_before(plan, i, layers) != 1 || &plan->layers.items[layers[0]] != layer)
            continue;
        if (found >= 0)
            return -1;
        found = i;
    }
    return found;
}

void match_norms(struct conversion_plan *plan) {
    for (int i = 0; i < plan->layers.count; i++) {
        struct layer *layer = &plan->layers.items[i];
        if (layer->kind != LAYER_BATCH_NORM || layer->module >= 0)
            continue;
        const struct layer *before = layer_before(plan->graph, &plan->layers, layer);
        const int norm = before && before->module >= 0 ? norm_after(plan, before) : -1;
        if (norm >= 0)
            plan_pin(plan, layer, norm, PIN_NEIGHBOUR);
    }
}

/* ---- batch norms that the template does not have ---- */

static bool is_ignored(const struct conversion_plan *plan, int norm) {
    return plan->modules.parameters[plan->modules.items[norm].leaves[LEAF_MEAN]].ignored;
}

static bool can_take_norm(const struct conversion_plan *plan, const struct layer *layer) {
    return !layer->norm_settled && layer->norm < 0 && layer_slot(layer, LEAF_WEIGHT) &&
           !plan->layers.has_norm[layer - plan->layers.items];
}

#define MOST_NAMED 12

/* Layers of the same parent with as many channels, for the message. */
static const char *list_candidates(struct conversion_plan *plan, int norm) {
    const char *text = "";
    int count = 0;
    const char *path = plan->modules.items[norm].path, *dot = strrchr(path, '.');
    const struct checkpoint_tensor *mean = module_tensor(&plan->modules, norm, LEAF_MEAN);
    for (int i = 0; i < plan->layers.count && count < MOST_NAMED; i++) {
        const struct layer *layer = &plan->layers.items[i];
        if (layer->module < 0 || !layer_has_weights(layer) || mean->shape.rank != 1 || !can_take_norm(plan, layer) ||
            plan_channels(plan, layer) != mean->shape.dims[0])
            continue;
        const char *other = plan->modules.items[layer->module].path;
        if (dot && strncmp(other, path, (size_t)(dot + 1 - path)) != 0)
            continue;
        text = plan_text(plan, "%s%s%.200s", text, count++ ? ", " : "", other);
    }
    return text;
}

/* What is known does not say where the batch norm went. It may be of a part that the template leaves out. */
static void report_norm(struct conversion_plan *plan, int norm, const int *layers, int count) {
    const char *path = plan->modules.items[norm].path;
    if (count == 1) {
        struct layer *layer = &plan->layers.items[layers[0]];
        // NOLINTBEGIN(clang-analyzer-core.NullDereference): there are layers when one was found
        plan_problem(
            plan,
            "%s: this batch norm of the checkpoint seems to follow %s, but the template has none there and none "
            "was folded into %s (if the network does not use it, say \"- <- %s.*\" in a map)",
            path, plan->modules.items[layer->module].path, plan_layer_text(plan, layer), path);
        // NOLINTEND(clang-analyzer-core.NullDereference)
        return;
    }
    const char *candidates = list_candidates(plan, norm);
    if (count > 1 || *candidates)
        plan_problem(
            plan,
            "%s: the template has no such batch norm, so it was folded into a layer, but which one is not clear; "
            "it may be %s (say \"INITIALIZER <- KEY folded %s\" in a map, or \"- <- %s.*\" if the network does "
            "not use it)",
            path, *candidates ? candidates : "one that has another batch norm", path, path);
}

static void fold_norm(struct conversion_plan *plan, int norm) {
    int layers[MOST_NEIGHBOURS];
    const int count = layers_before(plan, norm, layers);
    struct layer *layer = count == 1 ? &plan->layers.items[layers[0]] : NULL;
    if (!layer || !can_take_norm(plan, layer)) {
        report_norm(plan, norm, layers, count);
        return;
    }
    layer->norm = norm;
    plan->norm_user[norm] = layers[0];
}

/* The layer's module by the batch norm that was folded into it, where nothing else tells. */
static void pin_by_norm(struct conversion_plan *plan, struct layer *layer) {
    const int *modules = plan->neighbours[layer->norm];
    if (layer->module >= 0 || modules[0] < 0 || modules[1] >= 0)
        return;
    if (plan->layer_of[modules[0]] < 0)
        plan_pin(plan, layer, modules[0], PIN_NEIGHBOUR);
}

static void note_known_folds(struct conversion_plan *plan) {
    for (int i = 0; i < plan->layers.count; i++) {
        struct layer *layer = &plan->layers.items[i];
        if (layer->norm < 0)
            continue;
        const int user = plan->norm_user[layer->norm];
        if (user >= 0 && plan->layers.items[user].module != layer->module)
            plan_problem(plan, "%s: this batch norm of the checkpoint would be folded into two layers, %s and %s",
                         plan->modules.items[layer->norm].path, plan_layer_text(plan, &plan->layers.items[user]),
                         plan_layer_text(plan, layer));
        plan->norm_user[layer->norm] = i;
    }
}

void match_fold_owners(struct conversion_plan *plan) {
    for (int i = 0; i < plan->layers.count; i++)
        if (plan->layers.items[i].norm >= 0)
            pin_by_norm(plan, &plan->layers.items[i]);
}

void match_folds(struct conversion_plan *plan) {
    note_known_folds(plan);
    for (int i = 0; i < plan->modules.count && !plan_has_enough(plan); i++)
        if (module_is_batch_norm(&plan->modules.items[i]) && plan->layer_of[i] < 0 && plan->norm_user[i] < 0 &&
            !is_ignored(plan, i))
            fold_norm(plan, i);
}

/* The older exporter calls what it has computed itself "onnx::Conv_96". */
static bool is_renamed(const struct conversion_plan *plan, const struct weight_slot *slot) {
    return slot && strncmp(plan->graph->values[slot->value].name, "onnx::", 6) == 0;
}

/* Something went into the layer's weight and bias: that can only be a batch norm when the bias is the layer's own. */
static bool was_folded(const struct conversion_plan *plan, const struct layer *layer) {
    if (layer->folded)
        return true;
    return layer->keeps_names && is_renamed(plan, layer_slot(layer, LEAF_WEIGHT)) &&
           is_renamed(plan, layer_slot(layer, LEAF_BIAS)) && plan->modules.items[layer->module].leaves[LEAF_BIAS] >= 0;
}

void match_missing_folds(struct conversion_plan *plan) {
    for (int i = 0; i < plan->layers.count; i++) {
        const struct layer *layer = &plan->layers.items[i];
        if (layer->module < 0 || layer->norm >= 0 || layer->pin == PIN_MAP || !layer_has_weights(layer) ||
            layer->kind == LAYER_LINEAR || !was_folded(plan, layer))
            continue;
        plan_problem(
            plan,
            "%s: the exporter folded a batch norm into it, but the checkpoint has none that belongs to %s (a map can "
            "say where its weight comes from, without one)",
            plan_layer_text(plan, layer), plan->modules.items[layer->module].path);
    }
}
