#include "tools/convert/match_order.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Layers that nothing names but their shape, and the modules that they could be. */
struct class {
    struct conversion_plan *plan;
    struct shape shape; /* of the weight as PyTorch has it; -1 fits all */
    int64_t channels;   /* entries of a bias; -1 fits all */
    enum layer_kind kind;
    int *layers, layer_count;
    int *modules, module_count;
};

/* ---- shapes ---- */

/* The slot that tells the layer's shape. */
static const struct weight_slot *telling_slot(const struct layer *layer) {
    return layer_slot(layer, layer->kind == LAYER_BATCH_NORM ? LEAF_MEAN : LEAF_WEIGHT);
}

/* As PyTorch has it: [out, in] for linear layers, [C] for slopes. */
static bool torch_shape(const struct conversion_plan *plan, const struct layer *layer, struct shape *shape) {
    const struct weight_slot *slot = telling_slot(layer);
    if (!slot || !value_shape(&plan->graph->values[slot->value], shape))
        return false;
    if (layer->transposed && shape->rank == 2) {
        const int64_t inputs = shape->dims[0];
        shape->dims[0] = shape->dims[1];
        shape->dims[1] = inputs;
    }
    if (layer->kind == LAYER_SLOPE) {
        const int64_t elements = shape_elements(shape);
        shape->rank = 1;
        shape->dims[0] = elements;
    }
    return true;
}

/* Output channels, which are the entries of a bias. */
static int64_t channels_of(const struct layer *layer, const struct shape *shape) {
    const int axis = layer->kind == LAYER_CONV_TRANSPOSE ? 1 : 0;
    if (shape->rank <= axis || shape->dims[axis] < 0)
        return -1;
    return axis ? shape->dims[1] * layer->groups : shape->dims[0];
}

static bool shapes_meet(const struct shape *a, const struct shape *b) {
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] >= 0 && b->dims[i] >= 0 && a->dims[i] != b->dims[i])
            return false;
    return true;
}

static bool is_open(const struct layer *layer, bool weights) {
    if (layer->module >= 0)
        return false;
    return weights ? layer_has_weights(layer) : layer->kind == LAYER_BATCH_NORM || layer->kind == LAYER_SLOPE;
}

static bool same_kind(enum layer_kind a, enum layer_kind b) {
    const bool special_a = a == LAYER_BATCH_NORM || a == LAYER_SLOPE;
    const bool special_b = b == LAYER_BATCH_NORM || b == LAYER_SLOPE;
    return special_a || special_b ? a == b : true;
}

static bool module_joins(const struct class *class, int index) {
    const struct conversion_plan *plan = class->plan;
    const struct checkpoint_module *module = &plan->modules.items[index];
    if (plan->layer_of[index] >= 0 || module_is_batch_norm(module) != (class->kind == LAYER_BATCH_NORM))
        return false;
    const int parameter = class->kind == LAYER_BATCH_NORM ? module->leaves[LEAF_MEAN] : module_weight(module);
    const struct checkpoint_tensor *bias = module_tensor(&plan->modules, index, LEAF_BIAS);
    if (bias && bias->shape.rank == 1 && class->channels >= 0 && bias->shape.dims[0] != class->channels)
        return false;
    return parameter >= 0 && shapes_meet(&plan->modules.parameters[parameter].tensor->shape, &class->shape);
}

/* ---- is the order to be trusted? ---- */

/* "middle.3.conv_block.1" and "middle.4.conv_block.5" differ in numbers only. */
static bool same_family(const char *a, const char *b) {
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            while (isdigit((unsigned char)*a))
                a++;
            while (isdigit((unsigned char)*b))
                b++;
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return !*a && !*b;
}

static const char *path_of(const struct class *class, int i) {
    return class->plan->modules.items[class->modules[i]].path;
}

static bool is_one_family(const struct class *class) {
    for (int i = 1; i < class->module_count; i++)
        if (!same_family(path_of(class, 0), path_of(class, i)))
            return false;
    return true;
}

/* The known layers of the family come in the order of its numbers. */
static bool family_is_in_order(const struct class *class) {
    const struct conversion_plan *plan = class->plan;
    const char *last = NULL;
    for (int i = 0; i < plan->layers.count; i++) {
        const struct layer *layer = &plan->layers.items[i];
        const char *path = layer->module < 0 ? NULL : plan->modules.items[layer->module].path;
        if (!path || !layer_has_weights(layer) || layer->pin == PIN_ORDER || !same_family(path, path_of(class, 0)))
            continue;
        if (last && natural_compare(last, path) > 0)
            return false;
        last = path;
    }
    return true;
}

/*
 * One list, whose layers a network calls one after another. Other modules may be called in another order than that of
 * their definition, and would be exchanged in silence.
 */
static bool order_is_certain(const struct class *class) {
    const struct conversion_plan *plan = class->plan;
    return class->module_count == 1 || (plan->by_order && plan->modules.in_file_order) ||
           (is_one_family(class) && family_is_in_order(class));
}

/* ---- classes ---- */

static void collect(struct class *class, int first) {
    const struct conversion_plan *plan = class->plan;
    class->layer_count = class->module_count = 0;
    for (int i = first; i < plan->layers.count; i++) {
        struct shape shape;
        const struct layer *layer = &plan->layers.items[i];
        if (is_open(layer, layer_has_weights(layer)) && same_kind(layer->kind, class->kind) &&
            torch_shape(plan, layer, &shape) && shape_equal(&shape, &class->shape) &&
            channels_of(layer, &shape) == class->channels)
            class->layers[class->layer_count++] = i;
    }
    for (int i = 0; i < plan->modules.count; i++)
        if (module_joins(class, i))
            class->modules[class->module_count++] = i;
}

#define MOST_NAMED 12

static const char *list_modules(const struct class *class) {
    const char *text = "";
    for (int i = 0; i < class->module_count && i < MOST_NAMED; i++)
        text = plan_text(class->plan, "%s%s%.200s", text, i ? ", " : "", path_of(class, i));
    return class->module_count > MOST_NAMED
               ? plan_text(class->plan, "%s and %d more", text, class->module_count - MOST_NAMED)
               : text;
}

/* Of the first layer: all are alike. */
static const char *class_shape(const struct class *class) {
    const struct shape *shape = &class->shape;
    const char *text = "[";
    for (int i = 0; i < shape->rank; i++)
        text = shape->dims[i] < 0 ? plan_text(class->plan, "%s%s?", text, i ? "," : "")
                                  : plan_text(class->plan, "%s%s%lld", text, i ? "," : "", (long long)shape->dims[i]);
    return plan_text(class->plan, "%s]", text);
}

static const char *list_layers(const struct class *class) {
    const char *text = "";
    for (int i = 0; i < class->layer_count && i < MOST_NAMED; i++) {
        const struct weight_slot *slot = telling_slot(&class->plan->layers.items[class->layers[i]]);
        text = plan_text(class->plan, "%s%s%.200s", text, i ? ", " : "", class->plan->graph->values[slot->value].name);
    }
    return class->layer_count > MOST_NAMED
               ? plan_text(class->plan, "%s and %d more", text, class->layer_count - MOST_NAMED)
               : text;
}

static void report_class(const struct class *class) {
    struct conversion_plan *plan = class->plan;
    const char *shape = class_shape(class), *layers = list_layers(class);
    if (!class->module_count)
        plan_problem(plan, "%s: the checkpoint has no layer of the shape %s that is not in use already", layers, shape);
    else if (class->module_count != class->layer_count)
        plan_problem(plan, "%s: %d of the template, but the checkpoint has %d that could be meant, all %s: %s", layers,
                     class->layer_count, class->module_count, shape, list_modules(class));
    else
        plan_problem(
            plan,
            "%s: only their order tells these apart, and it cannot be relied on here; all are %s, and could be "
            "%s (say which is which in a map%s)",
            layers, shape, list_modules(class),
            plan->modules.in_file_order ? ", or give --by-order if the order is right"
            : plan->by_order            ? "; --by-order does not help: tensors of safetensors files stand in no order"
                                        : "");
    for (int i = 0; i < class->layer_count; i++)
        plan->layers.items[class->layers[i]].pin = PIN_ORDER; /* has been spoken of */
}

/* A slope that is one number everywhere is a plain constant when the checkpoint has nothing for it. */
static bool is_plain_slope(const struct class *class) {
    return class->kind == LAYER_SLOPE && class->module_count == 0;
}

static int compare_paths(const void *a, const void *b, void *modules) {
    const struct checkpoint_module *items = ((const struct modules *)modules)->items;
    return natural_compare(items[*(const int *)a].path, items[*(const int *)b].path);
}

/* Members of one list stand in its order, whatever the file's is. */
static void sort_family(const struct class *class) {
    qsort_r(class->modules, (size_t) class->module_count, sizeof *class->modules, compare_paths, &class->plan->modules);
}

static void settle(const struct class *class) {
    if (is_plain_slope(class))
        return;
    if (is_one_family(class))
        sort_family(class);
    if (class->module_count != class->layer_count || !order_is_certain(class)) {
        report_class(class);
        return;
    }
    for (int i = 0; i < class->layer_count; i++) {
        struct layer *layer = &class->plan->layers.items[class->layers[i]];
        plan_pin(class->plan, layer, class->modules[i], PIN_ORDER);
        layer->rank = i + 1;
        layer->rank_of = class->layer_count;
    }
}

void match_order(struct conversion_plan *plan, bool weights) {
    struct class class = {.plan = plan,
                          .layers = pool_array(plan->pool, (size_t)plan->layers.count + 1, sizeof *class.layers),
                          .modules = pool_array(plan->pool, (size_t)plan->modules.count + 1, sizeof *class.modules)};
    if (!class.layers || !class.modules) {
        plan->lost = true;
        return;
    }
    for (int i = 0; i < plan->layers.count && !plan_has_enough(plan); i++) {
        const struct layer *layer = &plan->layers.items[i];
        if (!is_open(layer, weights) || layer->pin == PIN_ORDER || !torch_shape(plan, layer, &class.shape))
            continue;
        class.kind = layer->kind;
        class.channels = channels_of(layer, &class.shape);
        collect(&class, i);
        settle(&class);
    }
}
