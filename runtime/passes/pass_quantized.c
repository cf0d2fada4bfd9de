#include "runtime/passes/pass_quantized.h"

#include "onnx/load/load.h"

#include <string.h>

struct unfolding {
    struct pass_context *context;
    struct pass_nodes made;
};

static int new_value(const struct unfolding *u, int like) {
    struct pool *pool = u->context->program->pool;
    const char *name = pool_format(pool, "%s in floats", u->context->graph->values[like].name);
    return name ? graph_add_value(u->context->graph, pool, name) : NO_VALUE;
}

/* A node of ONNX's own domain with the reader's name and room for `inputs` inputs. */
static struct node *add(struct unfolding *u, const struct node *like, const char *op_type, int inputs, int output) {
    struct pool *pool = u->context->program->pool;
    struct node node = {
        .name = like->name, .op_type = op_type, .domain = "", .overload = "", .input_count = inputs, .output_count = 1};
    node.inputs = pool_array(pool, (size_t)inputs + 1, sizeof *node.inputs);
    node.outputs = pool_array(pool, 1, sizeof *node.outputs);
    if (!node.inputs || !node.outputs || output == NO_VALUE)
        return NULL;
    node.outputs[0] = output;
    return pass_append(u->context, &u->made, &node);
}

/* DequantizeLinear, or QuantizeLinear: data, scale, zero point. */
static bool convert(struct unfolding *u, const struct node *like, const char *op_type, int data, int scale, int zero,
                    int output) {
    struct node *node = add(u, like, op_type, 3, output);
    if (!node)
        return false;
    node->inputs[0] = data;
    node->inputs[1] = scale;
    node->inputs[2] = zero;
    node->input_count = zero == NO_VALUE ? 2 : 3;
    return true;
}

static bool is_own(const struct attribute *attribute) {
    return strcmp(attribute->name, "channels_last") != 0 && strcmp(attribute->name, "opset") != 0;
}

static bool has_channels_last(const struct node *node) {
    const struct attribute *attribute = node_attribute(node, "channels_last");
    return attribute && attribute->type == ATTRIBUTE_INT && attribute->i != 0;
}

static bool take_attributes(const struct unfolding *u, struct node *inner, const struct node *node) {
    const bool by_axis = pass_facts(u->context, node)->quantized->by_axis;
    bool ok = !by_axis || node_attribute(node, "axis") || pass_set_int(u->context, inner, "axis", -1);
    for (int i = 0; ok && i < node->attribute_count; i++)
        if (is_own(&node->attributes[i]))
            ok = pass_set_attribute(u->context, inner, &node->attributes[i]);
    return ok;
}

/* The value whose channels are dimension 1, where the node has them last. NO_VALUE without memory. */
static int channels_first(struct unfolding *u, const struct node *node, int value) {
    const int moved = has_channels_last(node) ? new_value(u, value) : value;
    return moved == value || (moved != NO_VALUE &&
                              pass_append_between(u->context, &u->made, OP_CHANNELS_FIRST, node->name, value, moved))
               ? moved
               : NO_VALUE;
}

/* What the operator inside makes becomes `output`. */
static int before_channels_last(struct unfolding *u, const struct node *node, int output) {
    return has_channels_last(node) ? new_value(u, output) : output;
}

static bool channels_last(struct unfolding *u, const struct node *node, int made, int output) {
    return made == output ||
           pass_append_between(u->context, &u->made, OP_CHANNELS_LAST, node->name, made, output) != NULL;
}

static bool unfold_input(struct unfolding *u, const struct node *node, int first, int *input) {
    const int data = pass_input(node, first);
    *input = data == NO_VALUE ? NO_VALUE : new_value(u, data);
    if (!convert(u, node, OP_DEQUANTIZE, data, pass_input(node, first + 1), pass_input(node, first + 2), *input))
        return false;
    *input = channels_first(u, node, *input);
    return *input != NO_VALUE;
}

static bool unfold(struct unfolding *u, const struct node *node, const struct op_quantized *quantized) {
    const int first = quantized->first, count = quantized->count ? quantized->count : (node->input_count - first) / 3;
    const int result = new_value(u, node->outputs[0]), made = before_channels_last(u, node, result);
    const int lead = quantized->lead;
    int *inputs = pass_scratch(u->context, (size_t)(lead + count) + 1, sizeof *inputs);
    if (!inputs)
        return false;
    for (int i = 0; i < lead; i++)
        inputs[i] = pass_input(node, first - lead + i);
    for (int i = 0; i < count; i++)
        if (!unfold_input(u, node, first + 3 * i, &inputs[lead + i]))
            return false;
    struct node *inner = add(u, node, quantized->inner, lead + count, made);
    if (!inner)
        return false;
    memcpy(inner->inputs, inputs, (size_t)(lead + count) * sizeof *inputs);
    return take_attributes(u, inner, node) && channels_last(u, node, made, result) &&
           convert(u, node, OP_QUANTIZE, result, pass_input(node, quantized->output),
                   pass_input(node, quantized->output + 1), node->outputs[0]);
}

/* The operator inside is one of quantized numbers itself. */
static bool unwrap(struct unfolding *u, const struct node *node, const struct op_quantized *quantized) {
    const int data = channels_first(u, node, node->inputs[0]), made = before_channels_last(u, node, node->outputs[0]);
    struct node *inner = data == NO_VALUE ? NULL : add(u, node, quantized->inner, node->input_count, made);
    if (!inner)
        return false;
    memcpy(inner->inputs, node->inputs, (size_t)node->input_count * sizeof *inner->inputs);
    inner->inputs[0] = data;
    return take_attributes(u, inner, node) && channels_last(u, node, made, node->outputs[0]);
}

/* Before opset 13 and behind it the operator means something else by its axis. */
static bool means_the_same(const struct pass_context *context, const struct node *node) {
    const struct attribute *attribute = node_attribute(node, "opset");
    return !attribute || (attribute->i < 13) == (onnx_opset(context->program->source, "") < 13);
}

static bool is_unfolded(const struct pass_context *context, const struct op_quantized *quantized,
                        const struct node *node) {
    return quantized && pass_has_one_output(node) && (!quantized->by_axis || means_the_same(context, node)) &&
           (quantized->count ||
            (node->input_count > quantized->first && (node->input_count - quantized->first) % 3 == 0));
}

status pass_quantized(struct pass_context *context, struct error *err) {
    struct unfolding u = {.context = context};
    const struct node *nodes = context->graph->nodes;
    const int count = context->graph->node_count;
    bool any = false, ok = true;
    for (int i = 0; i < count; i++)
        any |= pass_facts(context, &nodes[i])->quantized != NULL;
    for (int i = 0; any && ok && i < count; i++) {
        const struct op_quantized *quantized = pass_facts(context, &nodes[i])->quantized;
        ok = !is_unfolded(context, quantized, &nodes[i]) ? pass_append(context, &u.made, &nodes[i]) != NULL
             : quantized->itself                         ? unwrap(&u, &nodes[i], quantized)
                                                         : unfold(&u, &nodes[i], quantized);
    }
    if (!ok)
        return fail_memory(err, "a pass");
    if (any)
        pass_replace_nodes(context, &u.made);
    return STATUS_OK;
}
