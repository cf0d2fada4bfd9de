#include "tools/convert/pour_half.h"

#include "base/convert.h"
#include "onnx/load/load.h"
#include "onnx/model.h"

#include <math.h>
#include <string.h>

#define CAST_OPSET_OF_NUMBERS 6 /* before that, Cast named its type in words */

static bool becomes_half(const struct conversion_plan *plan, int index) {
    const struct value *value = &plan->graph->values[index];
    const enum recipe_kind kind = plan->recipes[index].kind;
    return (kind == RECIPE_TAKE || kind == RECIPE_FILL) && value->initializer && !value->is_input &&
           !value->is_output && value->initializer->dtype == DTYPE_FLOAT && value->initializer->shape.rank >= 2;
}

static status make_half(struct conversion_plan *plan, int index, struct tensor *half, struct error *err) {
    const struct value *value = &plan->graph->values[index];
    const size_t elements = (size_t)tensor_elements(value->initializer);
    if (tensor_describe(half, DTYPE_FLOAT16, &value->initializer->shape, err))
        return err->code;
    half->constant = true;
    uint16_t *data = half->data = pool_alloc(plan->pool, half->bytes + 1);
    if (!data)
        return fail_memory(err, "a weight");
    float buffer[CONVERT_CHUNK];
    for (size_t i = 0; i < elements; i += CONVERT_CHUNK) {
        const size_t count = elements - i < CONVERT_CHUNK ? elements - i : CONVERT_CHUNK;
        memcpy(buffer, (const char *)value->initializer->data + i * sizeof *buffer, count * sizeof *buffer);
        for (size_t k = 0; k < count; k++)
            if (isfinite(buffer[k]) && fabsf(buffer[k]) >= 65520.0F)
                return fail(err, STATUS_INVALID_ARGUMENT, "%s: %g is too large for float16 (convert without --half)",
                            value->name, (double)buffer[k]);
        half_from_float(DTYPE_FLOAT16, buffer, data + i, count);
    }
    return STATUS_OK;
}

/* The value becomes the output of a Cast of a new initializer, so that its readers need not change. */
static status cast_value(struct conversion_plan *plan, int index, struct node *cast, struct error *err) {
    struct tensor *half = pool_alloc(plan->pool, sizeof *half);
    int *edges = pool_array(plan->pool, 2, sizeof *edges);
    struct attribute *to = pool_alloc(plan->pool, sizeof *to);
    const char *name = plan_text(plan, "%s.float16", plan->graph->values[index].name);
    const char *node_name = plan_text(plan, "%s.cast", plan->graph->values[index].name);
    if (!half || !edges || !to || plan->lost)
        return fail_memory(err, "a weight");
    if (make_half(plan, index, half, err))
        return err->code;
    if (plan_find_value(plan, name) >= 0)
        return fail(err, STATUS_INVALID_ARGUMENT, "%s: the template has a value of this name already", name);
    edges[0] = graph_add_value(plan->graph, plan->pool, name);
    edges[1] = index;
    if (edges[0] < 0)
        return fail_memory(err, "a weight");
    plan->graph->values[edges[0]].initializer = half;
    plan->graph->values[index].initializer = NULL;
    *to = (struct attribute){.name = "to", .type = ATTRIBUTE_INT, .count = 1, .i = DTYPE_FLOAT};
    *cast = (struct node){.name = node_name,
                          .op_type = "Cast",
                          .domain = "",
                          .overload = "",
                          .inputs = edges,
                          .input_count = 1,
                          .outputs = edges + 1,
                          .output_count = 1,
                          .attributes = to,
                          .attribute_count = 1};
    return STATUS_OK;
}

status pour_half(struct conversion_plan *plan, struct error *err) {
    struct graph *graph = plan->graph;
    const int count = graph->value_count;
    struct node *nodes = pool_array(plan->pool, (size_t)count + (size_t)graph->node_count + 1, sizeof *nodes);
    int casts = 0;
    if (!nodes)
        return fail_memory(err, "the weights");
    if (onnx_opset(plan->source, "") < CAST_OPSET_OF_NUMBERS)
        return fail(err, STATUS_UNSUPPORTED, "--half needs a template of opset %d or newer", CAST_OPSET_OF_NUMBERS);
    for (int i = 0; i < count; i++)
        if (becomes_half(plan, i) && cast_value(plan, i, &nodes[casts++], err))
            return err->code;
    if (graph->node_count)
        memcpy(nodes + casts, graph->nodes, (size_t)graph->node_count * sizeof *nodes);
    graph->nodes = nodes;
    graph->node_capacity = graph->node_count += casts;
    graph_compact(graph); /* producers have moved */
    return STATUS_OK;
}
