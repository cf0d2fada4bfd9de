#include "runtime/program/program_graph.h"

#include "base/names.h"
#include "ops/registry.h"
#include "runtime/program/prune.h"

#include <string.h>

struct capturer {
    const struct onnx_model *source;
    struct graph *graph;
    struct pool *pool;
    struct names names; /* of the graph's values; filled when first needed */
};

static const struct op_facts *facts_of(const struct onnx_model *source, const struct node *node) {
    return op_facts(op_find(node->domain, node->op_type, program_opset(source, node)));
}

bool program_has_subgraph(const struct node *node) {
    for (int i = 0; i < node->attribute_count; i++)
        if (node->attributes[i].type == ATTRIBUTE_GRAPH)
            return true;
    return false;
}

/* NULL when the attribute is not there or no graph. */
const struct graph *program_subgraph(const struct node *node, const char *attribute) {
    const struct attribute *found = node_attribute(node, attribute);
    return found && found->type == ATTRIBUTE_GRAPH ? found->graph : NULL;
}

static int count_captured(const struct graph *body) {
    int count = 0;
    for (int i = 0; body && i < body->value_count; i++)
        count += body->values[i].is_captured;
    return count;
}

int program_captured(const struct node *node, const struct op_control *control, int body, int *values, int *inputs) {
    int input = node_arguments(node), count = 0;
    for (int b = 0; b < body; b++)
        input += count_captured(program_subgraph(node, control->bodies[b]));
    const struct graph *graph = program_subgraph(node, control->bodies[body]);
    for (int i = 0; graph && i < graph->value_count; i++) {
        if (!graph->values[i].is_captured)
            continue;
        if (values)
            values[count] = i;
        if (inputs)
            inputs[count] = input + count;
        count++;
    }
    return count;
}

static bool name_values(struct capturer *capturer) {
    const struct graph *graph = capturer->graph;
    if (capturer->names.count > 0)
        return true;
    for (int i = 0; i < graph->value_count; i++)
        if (!names_put(&capturer->names, graph->values[i].name, i))
            return false;
    return true;
}

static void append_value(struct capturer *capturer, struct node *node, const char *name) {
    const int value = names_find(&capturer->names, name);
    node->inputs[node->input_count++] = value >= 0 ? value : NO_VALUE;
    node->captured_count++;
}

/* Appends what the subgraph reads to the node's inputs, where there is room. */
static void append(struct capturer *capturer, struct node *node, const struct graph *body) {
    for (int i = 0; body && i < body->value_count; i++) {
        if (!body->values[i].is_captured)
            continue;
        append_value(capturer, node, body->values[i].name);
    }
}

/* The names of values that an attribute holds. */
static const struct text *named(const struct node *node, const char *name, size_t *count) {
    const struct attribute *attribute = node_attribute(node, name);
    const bool one = attribute && attribute->type == ATTRIBUTE_STRING;
    *count = one || (attribute && attribute->type == ATTRIBUTE_STRINGS) ? attribute->count : 0;
    return *count == 0 ? NULL : one ? &attribute->s : attribute->strings;
}

static void append_named(struct capturer *capturer, struct node *node, const char *attribute) {
    size_t count;
    const struct text *texts = named(node, attribute, &count);
    for (size_t i = 0; i < count; i++)
        append_value(capturer, node, texts[i].bytes);
}

/* How many values the node reads beside its inputs. */
static size_t count_read(const struct node *node, const struct op_facts *facts) {
    size_t count = 0, more = 0;
    for (int b = 0; facts->control && facts->control->bodies[b]; b++)
        count += (size_t)count_captured(program_subgraph(node, facts->control->bodies[b]));
    for (int i = 0; facts->reads && facts->reads[i]; i++, count += more)
        named(node, facts->reads[i], &more);
    return count;
}

static bool capture(struct capturer *capturer, struct node *node, const struct op_facts *facts) {
    const size_t count = (size_t)node->input_count + 1 + count_read(node, facts);
    int *inputs = pool_array(capturer->pool, count, sizeof *inputs);
    if (!inputs || !name_values(capturer))
        return false;
    if (node->input_count > 0)
        memcpy(inputs, node->inputs, (size_t)node->input_count * sizeof *inputs);
    node->inputs = inputs;
    for (int b = 0; facts->control && facts->control->bodies[b]; b++)
        append(capturer, node, program_subgraph(node, facts->control->bodies[b]));
    for (int i = 0; facts->reads && facts->reads[i]; i++)
        append_named(capturer, node, facts->reads[i]);
    return true;
}

static bool may_capture(const struct node *node) {
    for (int i = 0; i < node->attribute_count; i++)
        if (node->attributes[i].type == ATTRIBUTE_GRAPH || node->attributes[i].type == ATTRIBUTE_STRINGS)
            return true;
    return false;
}

static bool capture_all(struct capturer *capturer) {
    bool ok = true;
    for (int i = 0; ok && i < capturer->graph->node_count; i++) {
        struct node *node = &capturer->graph->nodes[i];
        const struct op_facts *facts = may_capture(node) ? facts_of(capturer->source, node) : NULL;
        ok = !facts || (!facts->control && !facts->reads) || capture(capturer, node, facts);
    }
    names_free(&capturer->names);
    return ok;
}

/* An iteration gives all of them. */
static void drop_defaults(struct graph *graph) {
    for (int i = 0; i < graph->input_count; i++)
        graph->values[graph->inputs[i]].initializer = NULL;
}

struct graph *program_graph(const struct onnx_model *source, const struct graph *graph, struct pool *pool) {
    struct graph *copy = graph_copy(graph, pool);
    struct capturer capturer = {.source = source, .graph = copy, .pool = pool};
    if (!copy || !capture_all(&capturer))
        return NULL;
    if (graph != source->graph)
        drop_defaults(copy);
    return prune_graph(copy, NULL) ? copy : NULL;
}
