#include "runtime/program/program_alike.h"

#include <string.h>

static bool texts_alike(const struct text *a, const struct text *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (a[i].length != b[i].length || (a[i].length > 0 && memcmp(a[i].bytes, b[i].bytes, a[i].length) != 0))
            return false;
    return true;
}

static bool types_alike(const struct tensor *a, const struct tensor *b) {
    return a->dtype == b->dtype && shape_equal(&a->shape, &b->shape);
}

static bool tensors_alike(const struct tensor *a, const struct tensor *b) {
    if (!types_alike(a, b))
        return false;
    if (a->dtype == DTYPE_STRING)
        return texts_alike(a->data, b->data, (size_t)tensor_elements(a));
    return a->bytes == 0 || memcmp(a->data, b->data, a->bytes) == 0;
}

/* Bit for bit. Types and sparse tensors, which operators have no use for, are never alike, nor are subgraphs: plans of
   theirs are not made over. */
static bool attributes_alike(const struct attribute *a, const struct attribute *b) {
    if (strcmp(a->name, b->name) != 0 || a->type != b->type || a->count != b->count)
        return false;
    switch (a->type) {
    case ATTRIBUTE_FLOAT:
        return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case ATTRIBUTE_INT:
        return a->i == b->i;
    case ATTRIBUTE_STRING:
        return texts_alike(&a->s, &b->s, 1);
    case ATTRIBUTE_TENSOR:
        return tensors_alike(a->tensor, b->tensor);
    case ATTRIBUTE_FLOATS:
        return a->count == 0 || memcmp(a->floats, b->floats, a->count * sizeof *a->floats) == 0;
    case ATTRIBUTE_INTS:
        return a->count == 0 || memcmp(a->ints, b->ints, a->count * sizeof *a->ints) == 0;
    case ATTRIBUTE_STRINGS:
        return texts_alike(a->strings, b->strings, a->count);
    default:
        return false;
    }
}

static bool indices_alike(const int *a, int a_count, const int *b, int b_count) {
    return a_count == b_count && (a_count == 0 || memcmp(a, b, (size_t)a_count * sizeof *a) == 0);
}

static bool nodes_alike(const struct program *a, const struct program *b, int i) {
    const struct node *x = &a->graph->nodes[i], *y = &b->graph->nodes[i];
    if (a->nodes[i].op != b->nodes[i].op || a->nodes[i].opset != b->nodes[i].opset ||
        !indices_alike(x->inputs, x->input_count, y->inputs, y->input_count) ||
        !indices_alike(x->outputs, x->output_count, y->outputs, y->output_count) ||
        x->attribute_count != y->attribute_count)
        return false;
    for (int k = 0; k < x->attribute_count; k++)
        if (!attributes_alike(&x->attributes[k], &y->attributes[k]))
            return false;
    return true;
}

static bool values_alike(const struct value *a, const struct value *b) {
    if (!a->initializer || !b->initializer)
        return a->initializer == b->initializer;
    return types_alike(a->initializer, b->initializer);
}

bool program_alike(const struct program *a, const struct program *b) {
    const struct graph *x = a->graph, *y = b->graph;
    if (a->open != b->open || x->node_count != y->node_count || x->value_count != y->value_count ||
        !indices_alike(x->outputs, x->output_count, y->outputs, y->output_count))
        return false;
    for (int i = 0; i < x->node_count; i++)
        if (!nodes_alike(a, b, i))
            return false;
    for (int i = 0; i < x->value_count; i++)
        if (!values_alike(&x->values[i], &y->values[i]))
            return false;
    return true;
}
