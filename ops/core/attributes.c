/* Reading a node's attributes: each getter notes what was asked for and keeps the first error. */
#include "ops/core/attributes.h"

#include "ops/core/op.h"

#include <string.h>

static const char *type_name(enum attribute_type type) {
    static const char *const names[] = {"undefined", "float",  "int",     "string",  "tensor",
                                        "graph",     "floats", "ints",    "strings", "tensors",
                                        "graphs",    "sparse", "sparses", "type",    "types"};
    return (size_t)type < sizeof names / sizeof names[0] ? names[type] : "unknown";
}

/* The node's attribute of that name, which counts as read; or NULL. */
static const struct attribute *find(struct attributes *attributes, const char *name) {
    const struct attribute *attribute = node_attribute(attributes->node, name);
    if (attribute)
        attributes->read |= (uint64_t)1 << (attribute - attributes->node->attributes);
    return attribute;
}

static const struct attribute *take(struct attributes *attributes, const char *name, enum attribute_type type) {
    const struct attribute *attribute = find(attributes, name);
    if (!attribute || attribute->type == type)
        return attribute;
    if (attributes->code == STATUS_OK)
        attributes->code = fail(attributes->err, STATUS_INVALID_MODEL, "attribute \"%s\" is of type %s, expected %s",
                                name, type_name(attribute->type), type_name(type));
    return NULL;
}

bool attribute_has(const struct attributes *attributes, const char *name) {
    return node_attribute(attributes->node, name) != NULL;
}

int64_t attribute_int(struct attributes *attributes, const char *name, int64_t fallback) {
    const struct attribute *attribute = take(attributes, name, ATTRIBUTE_INT);
    return attribute ? attribute->i : fallback;
}

float attribute_float(struct attributes *attributes, const char *name, float fallback) {
    const struct attribute *attribute = take(attributes, name, ATTRIBUTE_FLOAT);
    return attribute ? attribute->f : fallback;
}

const char *attribute_text(struct attributes *attributes, const char *name, const char *fallback) {
    const struct attribute *attribute = take(attributes, name, ATTRIBUTE_STRING);
    return attribute ? attribute->s.bytes : fallback;
}

void attribute_ints(struct attributes *attributes, const char *name, int64_t *values, int capacity, int *count) {
    const struct attribute *attribute = take(attributes, name, ATTRIBUTE_INTS);
    *count = 0;
    if (!attribute)
        return;
    if (attribute->count > (size_t)capacity) {
        if (attributes->code == STATUS_OK)
            attributes->code =
                fail(attributes->err, STATUS_INVALID_MODEL, "attribute \"%s\" has %zu numbers, at most %d fit", name,
                     attribute->count, capacity);
        return;
    }
    *count = (int)attribute->count;
    if (attribute->count)
        memcpy(values, attribute->ints, attribute->count * sizeof *values);
}

#define LIST_GETTER(function, item_type, attribute_type, member)                                \
    const item_type *function(struct attributes *attributes, const char *name, size_t *count) { \
        const struct attribute *attribute = take(attributes, name, attribute_type);             \
        *count = attribute ? attribute->count : 0;                                              \
        return attribute ? attribute->member : NULL;                                            \
    }
LIST_GETTER(attribute_int_list, int64_t, ATTRIBUTE_INTS, ints)
LIST_GETTER(attribute_floats, float, ATTRIBUTE_FLOATS, floats)
LIST_GETTER(attribute_texts, struct text, ATTRIBUTE_STRINGS, strings)

const struct tensor *attribute_tensor(struct attributes *attributes, const char *name) {
    const struct attribute *attribute = take(attributes, name, ATTRIBUTE_TENSOR);
    return attribute ? attribute->tensor : NULL;
}

const struct graph *attribute_graph(struct attributes *attributes, const char *name) {
    const struct attribute *attribute = take(attributes, name, ATTRIBUTE_GRAPH);
    if (!attribute && attributes->code == STATUS_OK)
        attributes->code = fail(attributes->err, STATUS_INVALID_MODEL, "attribute \"%s\" is missing", name);
    return attribute ? attribute->graph : NULL;
}

int attribute_choice(struct attributes *attributes, const char *name, const char *const *choices, int fallback) {
    const char *text = attribute_text(attributes, name, NULL);
    if (!text)
        return fallback;
    for (int i = 0; choices[i]; i++)
        if (strcmp(choices[i], text) == 0)
            return i;
    if (attributes->code == STATUS_OK) {
        attributes->code =
            fail(attributes->err, STATUS_UNSUPPORTED, "attribute \"%s\" is \"%.64s\", expected one of", name, text);
        for (int i = 0; choices[i]; i++)
            error_append(attributes->err, "%s \"%s\"", i ? "," : "", choices[i]);
    }
    return fallback;
}

void attribute_ignore(struct attributes *attributes, const char *name) {
    find(attributes, name);
}

static status report_unread(const struct attributes *attributes) {
    for (int i = 0; i < attributes->node->attribute_count; i++)
        if (!(attributes->read >> i & 1))
            return fail(attributes->err, STATUS_UNSUPPORTED, "attribute \"%s\" is not known at this opset",
                        attributes->node->attributes[i].name);
    return STATUS_OK;
}

static status check_repeats(const struct node *node, struct error *err) {
    if (node->attribute_count > MAX_ATTRIBUTES)
        return fail(err, STATUS_LIMIT, "%d attributes, at most %d are read", node->attribute_count, MAX_ATTRIBUTES);
    for (int i = 0; i < node->attribute_count; i++)
        for (int j = 0; j < i; j++)
            if (strcmp(node->attributes[i].name, node->attributes[j].name) == 0)
                return fail(err, STATUS_INVALID_MODEL, "attribute \"%s\" stands twice", node->attributes[i].name);
    return STATUS_OK;
}

status op_parse(const struct op_call *call, void *params, struct error *err) {
    struct attributes attributes = {.node = call->node, .err = err};
    status code = check_repeats(call->node, err);
    /* Which inputs may be written over: of no matter, and of opsets before 6 alone. */
    if (call->op->domain[0] == '\0' && call->opset < 6)
        attribute_ignore(&attributes, "consumed_inputs");
    if (code == STATUS_OK && call->op->parse)
        code = call->op->parse(call, &attributes, params, err);
    if (attributes.code != STATUS_OK)
        return attributes.code;
    return code != STATUS_OK ? code : report_unread(&attributes);
}
