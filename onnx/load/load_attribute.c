#include "onnx/load/load_attribute.h"

#include "onnx/load/load_graph.h"
#include "onnx/load/load_scope.h"
#include "onnx/load/load_sparse.h"
#include "onnx/load/load_tensor.h"
#include "onnx/load/load_type.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Files of old exporters leave the type out; then the one field that is there tells it. */
static enum attribute_type type_from_fields(const Onnx__AttributeProto *proto) {
    const struct {
        bool there;
        enum attribute_type type;
    } fields[] = {
        {proto->has_f, ATTRIBUTE_FLOAT},
        {proto->has_i, ATTRIBUTE_INT},
        {proto->has_s, ATTRIBUTE_STRING},
        {proto->t, ATTRIBUTE_TENSOR},
        {proto->g, ATTRIBUTE_GRAPH},
        {proto->n_floats, ATTRIBUTE_FLOATS},
        {proto->n_ints, ATTRIBUTE_INTS},
        {proto->n_strings, ATTRIBUTE_STRINGS},
        {proto->n_tensors, ATTRIBUTE_TENSORS},
        {proto->n_graphs, ATTRIBUTE_GRAPHS},
        {proto->sparse_tensor, ATTRIBUTE_SPARSE_TENSOR},
        {proto->n_sparse_tensors, ATTRIBUTE_SPARSE_TENSORS},
        {proto->tp, ATTRIBUTE_TYPE_PROTO},
        {proto->n_type_protos, ATTRIBUTE_TYPE_PROTOS},
    };
    enum attribute_type type = ATTRIBUTE_UNDEFINED;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].there)
            type = type == ATTRIBUTE_UNDEFINED ? fields[i].type : ATTRIBUTE_TYPE_PROTOS + 1;
    return type;
}

static status copy_array(struct loader *loader, const void *from, size_t count, size_t item_bytes, const void **out) {
    void *copy = count ? pool_array(loader->pool, count, item_bytes) : NULL;
    if (count && !copy)
        return fail_memory(loader->err, "an attribute");
    if (count)
        memcpy(copy, from, count * item_bytes);
    *out = copy;
    return STATUS_OK;
}

static status load_text(struct loader *loader, const ProtobufCBinaryData *from, struct text *out) {
    out->length = from->len;
    out->bytes = from->len ? pool_string(loader->pool, (const char *)from->data, from->len) : "";
    return out->bytes ? STATUS_OK : fail_memory(loader->err, "an attribute");
}

static status load_texts(struct loader *loader, const Onnx__AttributeProto *proto, struct attribute *out) {
    struct text *texts = pool_array(loader->pool, proto->n_strings, sizeof *texts);
    if (!texts)
        return fail_memory(loader->err, "an attribute");
    out->count = proto->n_strings;
    out->strings = texts;
    for (size_t i = 0; i < proto->n_strings; i++) {
        const status result = load_text(loader, &proto->strings[i], &texts[i]);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

static status load_tensors(struct loader *loader, size_t count, Onnx__TensorProto *const *protos,
                           const struct tensor **out) {
    struct tensor *tensors = pool_array(loader->pool, count, sizeof *tensors);
    if (!tensors)
        return fail_memory(loader->err, "an attribute");
    *out = tensors;
    for (size_t i = 0; i < count; i++) {
        const status result = load_tensor(loader, protos[i], &tensors[i]);
        if (result != STATUS_OK)
            return fail_prefix(loader->err, "tensor");
    }
    return STATUS_OK;
}

static status load_graphs(struct loader *loader, struct scope *scope, const Onnx__AttributeProto *proto,
                          struct attribute *out) {
    const struct graph **graphs = pool_array(loader->pool, proto->n_graphs, sizeof *graphs);
    if (!graphs)
        return fail_memory(loader->err, "an attribute");
    out->count = proto->n_graphs;
    out->graphs = graphs;
    for (size_t i = 0; i < proto->n_graphs; i++) {
        const status result = load_graph(loader, proto->graphs[i], scope, &graphs[i]);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

static status load_types(struct loader *loader, const Onnx__AttributeProto *proto, struct attribute *out) {
    struct text *texts = pool_array(loader->pool, proto->n_type_protos, sizeof *texts);
    if (!texts)
        return fail_memory(loader->err, "an attribute");
    out->count = proto->n_type_protos;
    out->strings = texts;
    for (size_t i = 0; i < proto->n_type_protos; i++) {
        const status result = load_encoded(loader, &proto->type_protos[i]->base, &texts[i]);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

/* Constant's sparse_value means the same as its value made dense. */
static status load_sparse_attribute(struct loader *loader, const Onnx__AttributeProto *proto, struct attribute *out) {
    if (strcmp(out->name, "sparse_value") != 0)
        return fail(loader->err, STATUS_UNSUPPORTED, "holds a sparse tensor; limner reads those only as sparse_value");
    struct tensor *tensor = pool_alloc(loader->pool, sizeof *tensor);
    if (!tensor)
        return fail_memory(loader->err, "an attribute");
    out->name = "value";
    out->type = ATTRIBUTE_TENSOR;
    out->tensor = tensor;
    return load_sparse(loader, proto->sparse_tensor, tensor);
}

static status check_present(struct loader *loader, const Onnx__AttributeProto *proto, enum attribute_type type) {
    const bool missing = (type == ATTRIBUTE_TENSOR && !proto->t) || (type == ATTRIBUTE_GRAPH && !proto->g) ||
                         (type == ATTRIBUTE_SPARSE_TENSOR && !proto->sparse_tensor) ||
                         (type == ATTRIBUTE_TYPE_PROTO && !proto->tp);
    return missing ? fail(loader->err, STATUS_INVALID_MODEL, "has a type but no value") : STATUS_OK;
}

static status load_payload(struct loader *loader, struct scope *scope, const Onnx__AttributeProto *proto,
                           struct attribute *out) {
    const void *list = NULL;
    status result = check_present(loader, proto, out->type);
    if (result != STATUS_OK)
        return result;
    out->count = 1;
    switch (out->type) {
    case ATTRIBUTE_FLOAT:
        out->f = proto->f;
        return STATUS_OK;
    case ATTRIBUTE_INT:
        out->i = proto->i;
        return STATUS_OK;
    case ATTRIBUTE_STRING:
        return load_text(loader, &proto->s, &out->s);
    case ATTRIBUTE_TENSOR:
        return load_tensors(loader, 1, &proto->t, &out->tensor);
    case ATTRIBUTE_GRAPH:
        return load_graph(loader, proto->g, scope, &out->graph);
    case ATTRIBUTE_FLOATS:
        out->count = proto->n_floats;
        result = copy_array(loader, proto->floats, out->count, sizeof *proto->floats, &list);
        out->floats = list;
        return result;
    case ATTRIBUTE_INTS:
        out->count = proto->n_ints;
        result = copy_array(loader, proto->ints, out->count, sizeof *proto->ints, &list);
        out->ints = list;
        return result;
    case ATTRIBUTE_STRINGS:
        return load_texts(loader, proto, out);
    case ATTRIBUTE_TENSORS:
        out->count = proto->n_tensors;
        return load_tensors(loader, proto->n_tensors, proto->tensors, &out->tensors);
    case ATTRIBUTE_GRAPHS:
        return load_graphs(loader, scope, proto, out);
    case ATTRIBUTE_SPARSE_TENSOR:
        return load_sparse_attribute(loader, proto, out);
    case ATTRIBUTE_TYPE_PROTO:
        return load_encoded(loader, &proto->tp->base, &out->s);
    case ATTRIBUTE_TYPE_PROTOS:
        return load_types(loader, proto, out);
    default:
        return fail(loader->err, STATUS_UNSUPPORTED, "has type %d, which limner does not read", (int)out->type);
    }
}

status load_attribute(struct loader *loader, struct scope *scope, const Onnx__AttributeProto *proto,
                      struct attribute *out) {
    *out = (struct attribute){.type = (enum attribute_type)proto->type};
    if (!proto->name || !*proto->name)
        return fail(loader->err, STATUS_INVALID_MODEL, "an attribute has no name");
    status result = load_string(loader, proto->name, &out->name);
    if (result != STATUS_OK)
        return result;
    if (out->type == ATTRIBUTE_UNDEFINED) {
        out->type = type_from_fields(proto);
        result = out->type >= ATTRIBUTE_FLOAT && out->type <= ATTRIBUTE_TYPE_PROTOS
                     ? STATUS_OK
                     : fail(loader->err, STATUS_INVALID_MODEL, "has no type and not exactly one value");
    }
    if (result == STATUS_OK)
        result = load_payload(loader, scope, proto, out);
    return result == STATUS_OK ? result : fail_prefix(loader->err, "attribute " QUOTED, proto->name);
}

/* ---- references to the attributes of a function's call ---- */

static const struct attribute *find_argument(const struct instance *instance, const char *name) {
    const int i = names_find(&instance->attribute_names, name);
    return i == NAME_ABSENT ? NULL : &instance->attributes[i];
}

static const Onnx__AttributeProto *find_default(const struct instance *instance, const char *name) {
    const int i = names_find(&instance->function->defaults, name);
    return i == NAME_ABSENT ? NULL : instance->function->proto->attribute_proto[i];
}

/* A subgraph's captured names belong to the graph of the call; deeper down they would have to be captured again. */
static bool is_out_of_place(const struct attribute *argument, const struct scope *scope) {
    return (argument->type == ATTRIBUTE_GRAPH || argument->type == ATTRIBUTE_GRAPHS) &&
           scope->graph != scope->instance->graph;
}

/* *there is false when neither the call nor the function gives a value: then the attribute is left out. */
static status load_reference(struct loader *loader, struct scope *scope, const Onnx__AttributeProto *proto,
                             struct attribute *out, bool *there) {
    const char *name = proto->ref_attr_name;
    *there = false;
    if (!scope->instance)
        return fail(loader->err, STATUS_INVALID_MODEL,
                    "attribute " QUOTED " refers to a function's attribute " QUOTED " outside of a function",
                    load_or_empty(proto->name), name);
    const struct attribute *argument = find_argument(scope->instance, name);
    const Onnx__AttributeProto *standard = argument ? NULL : find_default(scope->instance, name);
    if (!argument && !standard)
        return STATUS_OK;
    status result = STATUS_OK;
    if (argument && is_out_of_place(argument, scope))
        return fail(loader->err, STATUS_UNSUPPORTED, "attribute " QUOTED " hands a subgraph on into a subgraph",
                    load_or_empty(proto->name));
    if (argument)
        *out = *argument;
    else
        result = load_attribute(loader, scope, standard, out);
    if (result == STATUS_OK && proto->type != ATTRIBUTE_UNDEFINED && proto->type != (int32_t)out->type)
        return fail(loader->err, STATUS_INVALID_MODEL,
                    "attribute " QUOTED " of type %" PRId32 " refers to " QUOTED " of type %d",
                    load_or_empty(proto->name), proto->type, name, (int)out->type);
    if (result == STATUS_OK)
        result = load_string(loader, proto->name, &out->name);
    *there = true;
    return result;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Two attributes with one name would leave it open which one counts. */
static status check_unique(struct loader *loader, const struct attribute *attributes, size_t count) {
    const char **names = malloc((count ? count : 1) * sizeof *names);
    if (!names)
        return fail_memory(loader->err, "attributes");
    for (size_t i = 0; i < count; i++)
        names[i] = attributes[i].name;
    qsort(names, count, sizeof *names, compare_names);
    status result = STATUS_OK;
    for (size_t i = 1; i < count && result == STATUS_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            result = fail(loader->err, STATUS_INVALID_MODEL, "attribute " QUOTED " stands there twice", names[i]);
    free(names);
    return result;
}

status load_attributes(struct loader *loader, struct scope *scope, const Onnx__NodeProto *proto, struct attribute **out,
                       int *count) {
    *count = 0;
    if (proto->n_attribute == 0)
        return STATUS_OK;
    *out = pool_array(loader->pool, proto->n_attribute, sizeof **out);
    if (!*out)
        return fail_memory(loader->err, "attributes");
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const Onnx__AttributeProto *attribute = proto->attribute[i];
        const bool refers = attribute->ref_attr_name && *attribute->ref_attr_name;
        struct attribute *place = &(*out)[*count];
        bool there = true;
        const status result = refers ? load_reference(loader, scope, attribute, place, &there)
                                     : load_attribute(loader, scope, attribute, place);
        if (result != STATUS_OK)
            return result;
        *count += there;
    }
    return check_unique(loader, *out, (size_t)*count);
}
