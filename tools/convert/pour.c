#include "tools/convert/pour.h"

#include "tools/convert/recipe_make.h"

#include <string.h>

/* ---- data ---- */

/* The shape that the template wants; what it leaves open comes from the checkpoint. */
static status final_shape(const struct conversion_plan *plan, int index, struct shape *shape, struct error *err) {
    const struct recipe *recipe = &plan->recipes[index];
    const struct value *value = &plan->graph->values[index];
    bool open = !value_shape(value, shape);
    for (int i = 0; !open && i < shape->rank; i++)
        open = shape->dims[i] < 0;
    if (!open)
        return STATUS_OK;
    if (recipe->kind != RECIPE_TAKE)
        return fail(err, STATUS_INVALID_ARGUMENT, "the template leaves its shape open, and so does the map");
    return recipe_shape(&plan->modules, recipe, shape, err);
}

static status pour_value(struct conversion_plan *plan, int index, struct error *err) {
    const struct recipe *recipe = &plan->recipes[index];
    struct value *value = &plan->graph->values[index];
    struct tensor *tensor = pool_alloc(plan->pool, sizeof *tensor);
    struct shape shape;
    const enum dtype dtype = value_dtype(value) == DTYPE_UNDEFINED ? DTYPE_FLOAT : value_dtype(value);
    if (!tensor)
        return fail_memory(err, "a weight");
    status code = final_shape(plan, index, &shape, err);
    if (!code)
        code = tensor_describe(tensor, dtype, &shape, err);
    if (!code)
        code = recipe_make(&plan->modules, recipe, plan->pool, tensor, err);
    if (code)
        return fail_prefix(err, "%s", value->name);
    value->initializer = tensor;
    value->type.dtype = DTYPE_UNDEFINED; /* the initializer says it */
    value->type.rank = -1;
    return STATUS_OK;
}

/* ---- inputs ---- */

/* What was an input without a value is an initializer now, and no input. */
static void leave_inputs(struct conversion_plan *plan, const bool *had_value) {
    struct graph *graph = plan->graph;
    int kept = 0;
    for (int i = 0; i < graph->input_count; i++) {
        struct value *value = &graph->values[graph->inputs[i]];
        if (value->initializer && !had_value[graph->inputs[i]])
            value->is_input = false;
        else
            graph->inputs[kept++] = graph->inputs[i];
    }
    graph->input_count = kept;
}

/* Inputs that keep their values keep their types, too. */
static void declare_input(struct value *value) {
    if (!value->is_input || !value->initializer)
        return;
    value->type.dtype = value->initializer->dtype;
    value->type.rank = value->initializer->shape.rank;
    for (int i = 0; i < value->type.rank; i++)
        value->type.dims[i] = (struct dim){value->initializer->shape.dims[i], NULL};
}

/* ---- values that were one ---- */

static bool is_captured(const struct conversion_plan *plan, int index) {
    return index < plan->layers.value_count && plan->layers.reader[index] == -1;
}

/* Equal data are stored once again where the template stored them once. */
static void join_alias(struct conversion_plan *plan, const struct value_alias *alias) {
    const struct recipe *own = &plan->recipes[alias->value], *origin = &plan->recipes[alias->origin];
    const bool kept = own->kind == RECIPE_KEEP || own->kind == RECIPE_NONE;
    if (is_captured(plan, alias->value) || !recipe_equal(&plan->modules, own, origin) ||
        (kept && origin->kind != RECIPE_KEEP && origin->kind != RECIPE_NONE))
        return;
    for (int n = 0; n < plan->graph->node_count; n++)
        for (int i = 0; i < plan->graph->nodes[n].input_count; i++)
            if (plan->graph->nodes[n].inputs[i] == alias->value)
                plan->graph->nodes[n].inputs[i] = alias->origin;
    plan->graph->values[alias->value].initializer = NULL;
    plan->graph->values[alias->value].type = (struct declared_type){.rank = -1};
    plan->recipes[alias->value] = recipe_none;
}

status pour(struct conversion_plan *plan, struct onnx_model *model, struct error *err) {
    const int count = plan->graph->value_count;
    bool *had_value = pool_array(plan->pool, (size_t)count + 1, sizeof *had_value);
    if (!had_value)
        return fail_memory(err, "the template's values");
    for (int i = plan->aliases.count - 1; i >= 0; i--)
        join_alias(plan, &plan->aliases.items[i]);
    for (int i = 0; i < count; i++) {
        const enum recipe_kind kind = plan->recipes[i].kind;
        had_value[i] = plan->graph->values[i].initializer;
        if ((kind == RECIPE_TAKE || kind == RECIPE_FILL) && pour_value(plan, i, err))
            return err->code;
    }
    leave_inputs(plan, had_value);
    for (int i = 0; i < count; i++)
        declare_input(&plan->graph->values[i]);
    *model = *plan->source;
    model->graph = plan->graph;
    if (model->ir_version < 4)
        model->ir_version = 4; /* since then an initializer need not be an input */
    return STATUS_OK;
}
