#include "tools/convert/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nobody reads more; the first of them are as good as all. */
#define MOST_PROBLEMS 1000

static const char *format_list(struct conversion_plan *plan, const char *format, va_list list) {
    char text[ERROR_MESSAGE_BYTES];
    vsnprintf(text, sizeof text, format, list);
    const char *copy = pool_string(plan->pool, text, strlen(text));
    plan->lost |= !copy;
    return copy ? copy : "";
}

bool plan_has_enough(const struct conversion_plan *plan) {
    return plan->problem_count >= MOST_PROBLEMS;
}

const char *plan_text(struct conversion_plan *plan, const char *format, ...) {
    va_list list;
    va_start(list, format);
    const char *text = format_list(plan, format, list);
    va_end(list);
    return text;
}

void plan_problem(struct conversion_plan *plan, const char *format, ...) {
    va_list list;
    va_start(list, format);
    const char *text = format_list(plan, format, list);
    va_end(list);
    for (const struct convert_problem *known = plan->problems; known; known = known->next)
        if (strcmp(known->text, text) == 0)
            return;
    if (plan_has_enough(plan))
        return;
    struct convert_problem *problem = pool_alloc(plan->pool, sizeof *problem);
    if (!problem) {
        plan->lost = true;
        return;
    }
    *problem = (struct convert_problem){text, NULL};
    *plan->last_problem = problem;
    plan->last_problem = &problem->next;
    plan->problem_count++;
}

void plan_pin(struct conversion_plan *plan, struct layer *layer, int module, enum pin pin) {
    layer->module = module;
    layer->pin = pin;
    if (plan->layer_of[module] < 0)
        plan->layer_of[module] = (int)(layer - plan->layers.items);
}

const char *plan_layer_text(struct conversion_plan *plan, const struct layer *layer) {
    const struct node *node = &plan->graph->nodes[layer->node];
    const struct weight_slot *weight = layer->slot_count ? &layer->slots[0] : NULL;
    if (node->name[0])
        return plan_text(plan, "%.100s \"%.300s\"", node->op_type, node->name);
    return plan_text(plan, "%.100s of \"%.300s\"", node->op_type,
                     weight ? plan->graph->values[weight->value].name : "?");
}

const char *plan_shape_text(struct conversion_plan *plan, const struct shape *shape) {
    char text[SHAPE_TEXT_BYTES];
    return plan_text(plan, "%s", shape_text(shape, text));
}

static const char *dim_text(struct conversion_plan *plan, const struct value *value, const struct shape *shape, int i) {
    if (shape->dims[i] >= 0)
        return plan_text(plan, "%lld", (long long)shape->dims[i]);
    const char *name = value->initializer ? NULL : value->type.dims[i].name;
    return name ? plan_text(plan, "%.100s", name) : "?";
}

const char *plan_wanted_text(struct conversion_plan *plan, const struct value *value) {
    struct shape shape;
    if (!value_shape(value, &shape))
        return "any shape";
    const char *text = "[";
    for (int i = 0; i < shape.rank; i++)
        text = plan_text(plan, "%s%s%s", text, i ? "," : "", dim_text(plan, value, &shape, i));
    return plan_text(plan, "%s]", text);
}

int64_t plan_channels(const struct conversion_plan *plan, const struct layer *layer) {
    if (layer->module < 0)
        return -1;
    const int parameter = module_weight(&plan->modules.items[layer->module]);
    if (parameter < 0)
        return -1;
    const struct shape *shape = &plan->modules.parameters[parameter].tensor->shape;
    const int axis = layer->kind == LAYER_CONV_TRANSPOSE ? 1 : 0;
    if (shape->rank <= axis)
        return -1;
    return axis ? shape->dims[1] * layer->groups : shape->dims[0];
}

const struct layer *plan_layer_reading(const struct conversion_plan *plan, int value, const struct weight_slot **slot) {
    *slot = NULL;
    if (plan->reading[value] < 0)
        return NULL;
    const struct layer *layer = &plan->layers.items[plan->reading[value]];
    for (int s = 0; s < layer->slot_count; s++)
        if (layer->slots[s].value == value)
            *slot = &layer->slots[s];
    return *slot ? layer : NULL;
}

int plan_find_value(const struct conversion_plan *plan, const char *name) {
    const int index = names_find(&plan->values, name);
    return index == NAME_ABSENT ? -1 : index;
}
