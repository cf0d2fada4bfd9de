#include "tools/convert/convert.h"

#include "tools/convert/match_names.h"
#include "tools/convert/match_norms.h"
#include "tools/convert/match_order.h"
#include "tools/convert/modules_read.h"
#include "tools/convert/settle.h"
#include "tools/convert/settle_map.h"

#include <string.h>

/* ---- names that a template uses ---- */

struct wishes {
    const char **names;
    size_t count;
};

static void wish(struct conversion_plan *plan, struct wishes *wishes, const char *name) {
    if (name && *name)
        wishes->names[wishes->count++] = name;
    else
        plan->lost |= !name;
}

/* Of initializers and inputs, and of the weights of modules that the exporter noted. */
static status collect_wishes(struct conversion_plan *plan, struct wishes *wishes, struct error *err) {
    const size_t most = (size_t)plan->graph->value_count + (size_t)plan->layers.count + 1;
    *wishes = (struct wishes){pool_array(plan->pool, most, sizeof *wishes->names), 0};
    if (!wishes->names)
        return fail_memory(err, "the template's names");
    for (int i = 0; i < plan->graph->value_count; i++)
        if (value_is_fillable(&plan->graph->values[i]))
            wish(plan, wishes, plan->graph->values[i].name);
    for (int i = 0; i < plan->layers.count; i++)
        if (plan->layers.items[i].scope && *plan->layers.items[i].scope)
            wish(plan, wishes, plan_text(plan, "%s.weight", plan->layers.items[i].scope));
    return STATUS_OK;
}

/* ---- eps ---- */

/* What the template's batch norms agree on, or PyTorch's default. */
static double template_eps(const struct conversion_plan *plan) {
    double eps = 0;
    for (int i = 0; i < plan->layers.count; i++) {
        if (plan->layers.items[i].kind != LAYER_BATCH_NORM)
            continue;
        const struct attribute *given = node_attribute(&plan->graph->nodes[plan->layers.items[i].node], "epsilon");
        const double own = given && given->type == ATTRIBUTE_FLOAT ? (double)given->f : 1e-5;
        if (eps != 0 && eps != own)
            return 1e-5;
        eps = own;
    }
    return eps > 0 ? eps : 1e-5;
}

/* ---- the conversion ---- */

static void find_readers(struct conversion_plan *plan) {
    for (int i = 0; i < plan->capacity; i++)
        plan->reading[i] = -1;
    for (int i = plan->layers.count - 1; i >= 0; i--)
        for (int s = 0; s < plan->layers.items[i].slot_count; s++)
            plan->reading[plan->layers.items[i].slots[s].value] = i;
}

static status prepare_values(struct conversion_plan *plan, struct error *err) {
    size_t capacity = (size_t)plan->graph->value_count;
    for (int i = 0; i < plan->layers.count; i++)
        capacity += (size_t)plan->layers.items[i].slot_count; /* a slot may get a value of its own */
    plan->capacity = (int)capacity;
    plan->recipes = pool_array(plan->pool, capacity + 1, sizeof *plan->recipes);
    plan->pins = pool_array(plan->pool, capacity + 1, sizeof *plan->pins);
    plan->reading = pool_array(plan->pool, capacity + 1, sizeof *plan->reading);
    if (!plan->recipes || !plan->pins || !plan->reading)
        return fail_memory(err, "the conversion");
    for (size_t i = 0; i <= capacity; i++)
        plan->recipes[i] = recipe_none;
    find_readers(plan);
    for (int i = 0; i < plan->graph->value_count; i++)
        if (!names_put(&plan->values, plan->graph->values[i].name, i))
            return fail_memory(err, "the conversion");
    return STATUS_OK;
}

static status prepare_modules(struct conversion_plan *plan, struct error *err) {
    const size_t count = (size_t)plan->modules.count;
    plan->layer_of = pool_array(plan->pool, count + 1, sizeof *plan->layer_of);
    plan->norm_user = pool_array(plan->pool, count + 1, sizeof *plan->norm_user);
    plan->neighbours = pool_array(plan->pool, count + 1, sizeof *plan->neighbours);
    if (!plan->layer_of || !plan->norm_user || !plan->neighbours)
        return fail_memory(err, "the conversion");
    for (int i = 0; i < plan->modules.count; i++) {
        plan->layer_of[i] = plan->norm_user[i] = -1;
        if (module_is_batch_norm(&plan->modules.items[i]))
            neighbours_before(&plan->modules, i, plan->neighbours[i]);
    }
    return STATUS_OK;
}

static void match(struct conversion_plan *plan) {
    settle_ignored_keys(plan);
    match_names(plan);
    match_fold_owners(plan);
    match_order(plan, true);
    match_norms(plan);
    match_shared_norms(plan);
    match_order(plan, false);
    match_folds(plan);
    match_missing_folds(plan);
    settle_values(plan);
    settle_left_over(plan);
}

status convert_plan(const struct onnx_model *template, const struct checkpoint *checkpoint,
                    const struct convert_options *options, struct pool *pool, struct conversion_plan *plan,
                    struct error *err) {
    struct wishes wishes;
    *plan = (struct conversion_plan){
        .pool = pool, .source = template, .map = options->map, .by_order = options->by_order, .eps = options->eps};
    plan->last_problem = &plan->problems;
    plan->graph = graph_copy(template->graph, pool);
    if (!plan->graph)
        return fail_memory(err, "the template");
    status code = graph_straighten(plan->graph, pool, &plan->aliases, err);
    if (!code)
        code = layers_find(plan->graph, pool, &plan->layers, err);
    if (!code)
        code = collect_wishes(plan, &wishes, err);
    if (!code)
        code = modules_read(checkpoint, wishes.names, wishes.count, options->prefix, options->map, pool, &plan->modules,
                            err);
    if (!code)
        code = prepare_values(plan, err);
    if (!code)
        code = prepare_modules(plan, err);
    if (code)
        return code;
    if (plan->eps <= 0)
        plan->eps = template_eps(plan);
    match(plan);
    return plan->lost ? fail_memory(err, "the conversion") : STATUS_OK;
}

void convert_close(struct conversion_plan *plan) {
    modules_free(&plan->modules);
    names_free(&plan->values);
}
