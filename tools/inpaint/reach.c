#include "tools/inpaint/reach.h"

#include "tools/engine/node_facts.h"
#include "tools/inpaint/ratio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is known of one value. An element sees the input pixels from `low` to `high` beside its place times the step. */
struct sight {
    bool sees;             /* depends on the pixels of an input */
    bool lost;             /* an operator that the analysis does not follow stands before it: its grid is not known */
    struct ratio steps[2]; /* input pixels from one element to the next, down and across */
    double low, high;
};

struct analysis {
    struct node_asker asker;
    const struct graph *graph;
    struct sight *sights; /* by value */
    struct reach *reach;
};

/* What the node's operator says; "unknown" for one that there is not, or whose attributes cannot be read. */
static void ask_reach(const struct analysis *a, const struct node *node, struct op_reach *reach) {
    const struct op *op = node_operator(&a->asker, node);
    bool *sees = pool_array(a->asker.pool, (size_t)node->input_count + 1, sizeof *sees);
    *reach = (struct op_reach){.view = op ? VIEW_WINDOW : VIEW_UNKNOWN, .step = 1};
    if (!op_facts(op)->reach)
        return;
    *a->asker.starved |= !sees;
    const struct op_call *call = sees ? node_ask(&a->asker, op, node) : NULL;
    for (int i = 0; call && i < node->input_count; i++)
        sees[i] = node->inputs[i] != NO_VALUE && a->sights[node->inputs[i]].sees;
    reach->view = VIEW_UNKNOWN;
    if (call)
        op_facts(op)->reach(call, sees, reach);
}

/* ---- one node ---- */

static void settle(struct analysis *a, const struct node *node, enum reach_kind kind) {
    struct reach *reach = a->reach;
    if (reach->kind == REACH_WHOLE || reach->kind == kind)
        return;
    reach->kind = kind;
    snprintf(reach->node, sizeof reach->node, "%.40s \"%.48s\"", node->op_type, node->name);
}

static void join_sight(struct sight *sight, const struct sight *other) {
    const bool first = !sight->sees;
    sight->sees = true;
    sight->lost = sight->lost || other->lost;
    for (int k = 0; k < 2; k++)
        if (first || ratio_value(other->steps[k]) > ratio_value(sight->steps[k]))
            sight->steps[k] = other->steps[k];
    sight->low = first ? other->low : fmin(sight->low, other->low);
    sight->high = first ? other->high : fmax(sight->high, other->high);
}

/* The widest view of the node's inputs. */
static struct sight sight_of_inputs(const struct analysis *a, const struct node *node) {
    struct sight sight = {.sees = false};
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != NO_VALUE && a->sights[node->inputs[i]].sees)
            join_sight(&sight, &a->sights[node->inputs[i]]);
    return sight;
}

/* Moves the view through a window. A step that is no ratio of small numbers loses the grid. */
static void pass_window(const struct op_reach *reach, struct sight *sight) {
    const double widest = fmax(ratio_value(sight->steps[0]), ratio_value(sight->steps[1]));
    const double steps[2] = {reach->step, reach->last_step > 0 ? reach->last_step : reach->step};
    sight->low += (reach->shift - reach->radius) * widest;
    sight->high += (reach->shift + reach->radius) * widest;
    for (int k = 0; k < 2; k++)
        if (!ratio_scale(&sight->steps[k], steps[k]))
            sight->lost = true;
}

/* Pictures that are moved by multiples of a value's step move the value by whole elements. */
static void count_grid(struct analysis *a, const struct node *node, const struct sight *sight) {
    bool fits = !sight->lost;
    for (int k = 0; fits && k < 2; k++)
        fits = ratio_whole_multiple(sight->steps[k], &a->reach->grid);
    a->reach->grid_known &= fits;
    if (!fits)
        settle(a, node, REACH_UNKNOWN);
}

static void pass_node(struct analysis *a, const struct node *node) {
    struct sight sight = sight_of_inputs(a, node);
    struct op_reach reach = {.step = 1};
    if (sight.sees)
        ask_reach(a, node, &reach);
    if (reach.view == VIEW_WHOLE || reach.view == VIEW_UNKNOWN)
        settle(a, node, reach.view == VIEW_WHOLE ? REACH_WHOLE : REACH_UNKNOWN);
    if (reach.view == VIEW_NOTHING)
        sight.sees = false;
    if (reach.view == VIEW_UNKNOWN)
        sight.lost = true;
    if (sight.sees && reach.view == VIEW_WINDOW)
        pass_window(&reach, &sight);
    if (sight.sees)
        count_grid(a, node, &sight);
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            a->sights[node->outputs[i]] = sight;
}

/* ---- the graph ---- */

static double farthest(const struct sight *sight) {
    return fmax(-sight->low, sight->high);
}

status reach_find(const struct onnx_model *model, struct reach *reach, struct error *err) {
    const struct graph *graph = model->graph;
    struct pool *pool = pool_create();
    bool starved = false;
    struct analysis a = {.asker = {model, pool, &starved}, .graph = graph, .reach = reach};
    a.sights = pool ? pool_array(pool, (size_t)graph->value_count + 1, sizeof *a.sights) : NULL;
    if (!a.sights) {
        pool_destroy(pool);
        return fail_memory(err, "the look at a model");
    }
    *reach = (struct reach){.kind = REACH_LOCAL, .grid = 1, .grid_known = true};
    for (int i = 0; i < graph->input_count; i++)
        if (!graph->values[graph->inputs[i]].initializer)
            a.sights[graph->inputs[i]] = (struct sight){.sees = true, .steps = {{1, 1}, {1, 1}}};
    for (int i = 0; i < graph->node_count; i++)
        pass_node(&a, &graph->nodes[i]);
    for (int i = 0; i < graph->output_count; i++)
        reach->pixels = fmax(reach->pixels, farthest(&a.sights[graph->outputs[i]]));
    pool_destroy(pool);
    return starved ? fail_memory(err, "the look at a model") : STATUS_OK;
}
